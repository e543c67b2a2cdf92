"""Subnets that get other ranges and zones: all that stands in them goes over, and they go when nobody is left."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.engine.scope import Scope
from controller.report.seen import outcome
from tests.resources.stacks import SPECS, World, built, in_short_lives, stack_of
from tests.resources.test_taking_over import least

DEMO, FARGATE = SPECS / "demo.yaml", SPECS / "fargate.yaml"
SHIFTED = "network.public_subnets=[10.20.11.0/24, 10.20.12.0/24]"
MOVED = "network.public_subnets=[10.20.11.0/24, {cidr: 10.20.12.0/24, zone: us-east-1c}]"
PRIVATE = "network.private_subnets=[10.20.21.0/24, 10.20.22.0/24]"
OTHERS = "network.private_subnets=[10.20.31.0/24, 10.20.32.0/24]"
OWN = ("services.web.network_mode=awsvpc", "services.web.memory=256")
SHUT = ("network.nat=none", "network.endpoints=[ecs, ecr, logs, s3]")


def leave(world: World) -> Scope:
    return Scope(replace=frozenset(str(key) for key in world.desired() if key.kind == "subnet"))


def subnets(world: World) -> dict[str, str]:
    """The zone of each, by its range."""
    ours: Any = [{"Name": "tag:theseus:stack", "Values": [world.stack.name]}]
    found = world.aws.ec2.describe_subnets(Filters=ours)["Subnets"]
    return {str(one["CidrBlock"]): str(one["AvailabilityZone"]) for one in found}


@pytest.mark.parametrize(
    ("base", "own", "before", "after"),
    [
        pytest.param(DEMO, (), (), (MOVED,), id="hosts"),
        pytest.param(DEMO, OWN, (), (MOVED,), id="awsvpc"),
        pytest.param(FARGATE, (), (), (MOVED.replace("10.20", "10.50"),), id="fargate"),
        pytest.param(DEMO, (PRIVATE,), (), (SHIFTED,), id="nat, public only"),
        pytest.param(DEMO, (), (PRIVATE,), (MOVED, OTHERS), id="nat, private as well"),
        pytest.param(DEMO, SHUT, (PRIVATE,), (OTHERS,), id="endpoints"),
    ],
)
def test_all_that_stands_in_a_subnet_goes_over(
    base: Path, own: tuple[str, ...], before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    """Only the subnets ask for leave: what stands in them follows."""
    world = built(base, *own, *before)
    (web,) = world.stack.services
    world.stack = stack_of(base, *own, *after)

    asked = world.tick().plan.problems
    fewest, seen = least(world, leave(world))

    assert {one.partition(":")[0] for one in asked if "refused without --replace" in one} == {
        str(key) for key in world.desired() if key.kind == "subnet" and (before or key.name.startswith("public"))
    } - ({"subnet/public-1", "subnet/public-2"} if after == (OTHERS,) else set())
    assert (fewest, seen.quiet) == (web.desired, True)
    ranges = subnets(world)
    assert ranges.keys() == {*world.stack.network.public_subnets, *world.stack.network.private_subnets}
    if any("us-east-1c" in one for one in after):
        assert set(ranges.values()) == {"us-east-1a", "us-east-1c"}
    left = world.left()
    assert len(left.get("nat_gateway", [])) == len(left.get("elastic_ip", [])) <= 1
    assert (world.tick().plan.pending, world.tick().plan.orphans) == ((), ())


def test_a_controller_that_dies_again_and_again_makes_each_once() -> None:
    """Promise 3: one subnet in place of each, one gateway, one address."""
    world = built(DEMO, PRIVATE)
    world.stack = stack_of(DEMO, MOVED, OTHERS)

    assert in_short_lives(world, "converge", 3, leave(world)) > 4

    assert len(subnets(world)) == 4
    assert [len(world.left()[kind]) for kind in ("nat_gateway", "elastic_ip")] == [1, 1]


def test_a_roll_that_halts_ends_the_apply_although_a_subnet_waits_for_its_hosts() -> None:
    """Of an elastic pool that is at its most, which must not be raised: the halt is the end, and says why."""
    world = built(DEMO, "hosts.main.scaling={}", "hosts.main.size={min: 1, desired: 3, max: 5}")
    own = ("hosts.main.scaling={}", "hosts.main.size={min: 1, desired: 1, max: 3}")
    world.stack = stack_of(DEMO, *own, "hosts.main.rollout.allow_raise_max=false", SHIFTED)

    for _ in range(60):
        seen = world.tick(act=True, scope=leave(world))
        if seen.quiet:
            break
        world.sim.sleep(timedelta(seconds=10))

    assert seen.quiet
    assert outcome(seen) == "halted"
    assert {key.kind for key, error in seen.failed.items()} == {"subnet"}
