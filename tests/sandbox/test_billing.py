"""Cost-allocation tags of the sandbox: keys that are in use, inactive until somebody activates them."""

from __future__ import annotations

from typing import Any

import pytest

from controller.sandbox.simulated import Simulated


@pytest.fixture
def sim() -> Simulated:
    return Simulated()


def keys(ce: Any, **asked: Any) -> list[tuple[str, str]]:
    found = ce.list_cost_allocation_tags(**asked)["CostAllocationTags"]
    return [(one["TagKey"], one["Status"]) for one in found]


def tagged(sim: Simulated, *names: str) -> None:
    tags = [{"Key": name, "Value": "x"} for name in names]
    specification = [{"ResourceType": "vpc", "Tags": tags}]
    sim.session().create_client("ec2").create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=specification)


def test_a_key_is_listed_when_something_carries_it_and_active_when_somebody_says_so(sim: Simulated) -> None:
    ce = sim.session().create_client("ce")
    assert keys(ce, TagKeys=["team"]) == []
    tagged(sim, "team", "owner")
    assert keys(ce, TagKeys=["team", "owner"]) == [("owner", "Inactive"), ("team", "Inactive")]

    answer = ce.update_cost_allocation_tags_status(
        CostAllocationTagsStatus=[{"TagKey": one, "Status": "Active"} for one in ("team", "nobody")]
    )

    assert [(one["TagKey"], one["Code"]) for one in answer["Errors"]] == [("nobody", "TagKeyNotFound")]
    assert keys(ce, TagKeys=["team", "owner"]) == [("owner", "Inactive"), ("team", "Active")]
    assert keys(ce, TagKeys=["team", "owner"], Status="Active") == [("team", "Active")]


def test_pages_are_as_large_as_asked_for(sim: Simulated) -> None:
    ce = sim.session().create_client("ce")
    tagged(sim, "a", "b", "c")
    first = ce.list_cost_allocation_tags(TagKeys=["a", "b", "c"], MaxResults=2)

    assert [one["TagKey"] for one in first["CostAllocationTags"]] == ["a", "b"]
    assert keys(ce, TagKeys=["a", "b", "c"], MaxResults=2, NextToken=first["NextToken"]) == [("c", "Inactive")]
