"""What a plan reckons with where a pool mixes types, and how hosts of such a pool are told apart."""

from __future__ import annotations

from typing import Any

import pytest

from controller.rollout.members import parse_generation
from controller.rollout.model import Resources
from controller.rollout.outlook import _leaving, _whole
from controller.spec.pools import Image, Pool, Size
from tests.rollout.builders import fleet, host

MIXED = Pool("main", "", Image(), Size(1, 3, 6), instance_types=("t3.small", "t3.large"))


class Types:
    """EC2's word on the types it knows."""

    asked: tuple[str, ...] = ()

    def instance_types(self, types: list[str]) -> dict[str, Any]:
        self.asked = tuple(types)
        known = {"t3.small": (2, 2048), "t3.large": (2, 8192), "m6i.large": (2, 8192)}
        return {
            one: {"MemoryInfo": {"SizeInMiB": known[one][1]}, "VCpuInfo": {"DefaultVCpus": known[one][0]}}
            for one in types
            if one in known
        }


@pytest.mark.parametrize(
    ("types", "least", "words"),
    [
        pytest.param(("t3.small",), Resources(2048, 1894), "a t3.small has 2048 MiB", id="one type"),
        pytest.param(("t3.large", "t3.small"), Resources(2048, 1894), "the least of t3.large, t3.small", id="two"),
    ],
)
def test_tasks_must_fit_the_smallest_type(types: tuple[str, ...], least: Resources, words: str) -> None:
    """AWS may launch any of them."""
    pool = Pool("main", "", Image(), Size(1, 3, 6), instance_types=types)

    capacity, offer = _whole(pool, None, Types())  # type: ignore[arg-type]

    assert capacity == least
    assert offer.startswith(words)


def test_nothing_is_judged_while_one_type_is_unknown() -> None:
    pool = Pool("main", "", Image(), Size(1, 3, 6), instance_types=("t3.small", "t9.small"))

    assert _whole(pool, None, Types()) == (None, "")  # type: ignore[arg-type]


def test_what_registered_is_not_asked_for() -> None:
    reads = Types()
    known = fleet([host(instance_type="t3.small", registered=Resources(2048, 1900))])

    capacity, _ = _whole(MIXED, known, reads)  # type: ignore[arg-type]

    assert (capacity, reads.asked) == (Resources(2048, 1900), ("t3.large",))


def test_hosts_of_a_type_that_leaves_the_list_are_forecast_to_go() -> None:
    """Before the group knows: the plan tells what its own step will bring about."""
    hosts = [host("i-1", current=True, instance_type="t3a.small"), host("i-2", current=True, instance_type="t3.small")]

    assert _leaving(MIXED, fleet([*hosts, host("i-3", instance_type="t3.small")])) == 2


def group(*types: str) -> dict[str, Any]:
    spec = {"LaunchTemplateId": "lt-1", "Version": "7"}
    launch = {"LaunchTemplateSpecification": spec, "Overrides": [{"InstanceType": one} for one in types]}
    return {"MixedInstancesPolicy": {"LaunchTemplate": launch}}


def test_another_list_of_types_is_another_generation_whatever_its_order() -> None:
    """So that what halted for one list is tried again with another; a group without a mix is as it always was."""
    one, turned, other = (parse_generation(group(*types)) for types in (("a", "b"), ("b", "a"), ("a", "c")))

    assert one == turned != other
    assert parse_generation({"LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": "7"}}) == "lt-1/7"
