"""A stack without hosts: built, looked at, changed and removed like any other, and asked for nothing of hosts."""

from __future__ import annotations

import pytest

from controller.report.status import status_text
from tests.resources.stacks import SPECS, World, built, converge


@pytest.fixture(scope="module")
def world() -> World:
    return built(SPECS / "fargate.yaml")


def test_a_cold_pass_asks_for_no_host(world: World) -> None:
    world.restart()
    seen = world.tick()

    assert (seen.quiet, seen.plan.pending, seen.plan.notes) == (True, (), ())
    asked = set(world.aws.calls)
    assert not [one for one in asked if "Instance" in one or "Tasks" in one]
    assert sum(world.aws.calls.values()) <= 33
    rows = [line.split() for line in status_text(seen, world.stack, color=False).splitlines() if line.startswith("web")]
    assert [row[:5] for row in rows] == [["web", "3", "3", "3", "succeeded:"]]


def test_it_leaves_nothing_behind(world: World) -> None:
    """Interfaces of its tasks are gone before their security group and subnets go."""
    converge(world, "destroy")

    assert world.left().keys() <= {"repository"}
