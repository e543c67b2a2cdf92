"""Two pools of different systems and architectures in one cluster; ECS scales one, the other mixes types and spot."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from controller.sandbox.simulated import Simulated
from controller.tick import tick
from tests.simulated.stack import Simulation

SPEC = str(Path(__file__).parent / "pools.yaml")


@pytest.fixture(scope="module")
def stage() -> Simulation:
    born = Simulation(SPEC)
    assert born.apply(born.stack()) == "succeeded"
    return born


def types(stage: Simulation, pool: str) -> dict[str, int]:
    return dict(Counter(one["InstanceType"] for one in stage.group(f"pools-{pool}")["Instances"]))


def again(stage: Simulation, *overrides: str) -> Any:
    return tick(stage.stack(*overrides), stage.aws, stage.sim).plan


def test_both_pools_serve_and_ecs_has_brought_the_hosts_its_tasks_need(stage: Simulation) -> None:
    """Born with one host, two tasks of a host each: desired is what ECS made it, and a second plan is empty."""
    group = stage.group("pools-main")

    assert (types(stage, "main"), group["DesiredCapacity"]) == ({"t3.small": 2}, 2)
    assert types(stage, "arm") == {"t4g.small": 1, "m6g.medium": 1}
    assert again(stage).pending == ()


def test_a_roll_under_managed_scaling_ends_with_what_ecs_wanted(stage: Simulation) -> None:
    """From two hosts to two hosts, whatever the spec said at birth; everything put back, protection left to ECS."""
    larger = "hosts.main.instance_type=t3.medium"

    assert stage.apply(stage.stack(larger)) == "succeeded"

    left = stage.settings("pools-main")
    assert (types(stage, "main"), left["bounds"]) == ({"t3.medium": 2}, (1, 6, 2))
    assert (left["suspended"], left["crumbs"], left["protected"]) == ([], [], [True] * 2)
    assert again(stage, larger).pending == ()


def test_only_hosts_of_a_type_that_is_gone_from_the_list_are_replaced(stage: Simulation) -> None:
    """The template's version stays, and so do hosts of the types that are left."""
    larger, fewer = "hosts.main.instance_type=t3.medium", "hosts.arm.instance_types=[m6g.medium, c6g.large]"
    before = {one["InstanceId"]: one for one in stage.group("pools-arm")["Instances"]}

    assert stage.apply(stage.stack(larger, fewer)) == "succeeded"

    after = {one["InstanceId"]: one for one in stage.group("pools-arm")["Instances"]}
    kept = {name: one["InstanceType"] for name, one in after.items() if name in before}
    assert list(kept.values()) == ["m6g.medium"]
    assert len(after) == 2
    assert {one["LaunchTemplate"]["Version"] for one in after.values()} == {"1"}


def test_it_all_goes_away(stage: Simulation) -> None:
    """Protected hosts included."""
    stack = stage.stack()
    assert isinstance(stage.sim, Simulated)

    stage.drive(lambda: tick(stack, stage.aws, stage.sim, want="destroy", act=True))

    left = {kind: names for kind, names in stage.sim.door("GET", "left").items() if names}
    assert "instance" not in left
    assert not [kind for kind in ("auto_scaling_group", "capacity_provider", "launch_template") if kind in left]
