"""The list of operations is what the source calls: a missing one fails at run time, a superfluous one costs time."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from controller.aws.client import Aws
from controller.aws.operations import OPERATIONS

ROOT = Path(__file__).parents[2] / "controller"
ELSEWHERE = {"sandbox", "rehearsal"}  # they have clients of their own


def called(source: str) -> set[tuple[str, str]]:
    """The (client, method) pairs that *source* names: ``aws.ec2.create_vpc``, or ``ec2.create_vpc`` after a local."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
            if name in Aws.SERVICES:
                found.add((name, node.attr))
    return found


def differences(sources: Iterable[str], listed: Mapping[str, Iterable[str]]) -> tuple[list[str], list[str]]:
    """(called and not listed, listed and never called)."""
    used = set().union(*(called(source) for source in sources))
    wanted = {(service, method) for service, methods in listed.items() for method in methods}
    return [".".join(one) for one in sorted(used - wanted)], [".".join(one) for one in sorted(wanted - used)]


def own_sources() -> list[str]:
    return [path.read_text() for path in sorted(ROOT.rglob("*.py")) if not ELSEWHERE & set(path.parts)]


def test_the_list_is_what_the_source_calls() -> None:
    assert differences(own_sources(), OPERATIONS) == ([], [])


def test_every_client_there_is_has_its_operations() -> None:
    assert set(OPERATIONS) == set(Aws.SERVICES)


@pytest.mark.parametrize(
    ("source", "listed", "expected"),
    [
        pytest.param("aws.ec2.create_vpc()", {}, (["ec2.create_vpc"], []), id="missing"),
        pytest.param("", {"ec2": {"create_vpc"}}, ([], ["ec2.create_vpc"]), id="superfluous"),
        pytest.param("pages(self._aws.iam.get_role)", {"iam": {"get_role"}}, ([], []), id="handed on, not called"),
        pytest.param("x = ecs.list_tasks", {"ecs": {"list_tasks"}}, ([], []), id="through a local name"),
        pytest.param("aws.calls.get", {}, ([], []), id="no client"),
    ],
)
def test_the_scan_sees_what_is_missing_and_what_is_too_much(
    source: str, listed: dict[str, set[str]], expected: tuple[list[str], list[str]]
) -> None:
    assert differences([source], listed) == expected
