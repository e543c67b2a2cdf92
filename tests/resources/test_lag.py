"""AWS shows what was done seconds later: nothing is made twice meanwhile, and no host goes for one that just went."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from moto.backends import get_backend

from controller.base.errors import Missing, Refused, Stale
from controller.report.seen import Tick, outcome
from controller.sandbox.admin import HERE
from controller.sandbox.cloud import minima
from controller.tick import Want
from tests.resources.stacks import LIVES, SPECS, World, begin, stack_of

READS = ("Describe", "List", "Get", "BatchGet")
SOON = timedelta(seconds=0.7)  # after a write: well within the lag
PATIENCE = timedelta(seconds=3)
OVER = timedelta(seconds=6)
AGAIN = ("services.web.environment.APP_MSG=v2", "hosts.main.instance_type=t3.large")


@dataclass(frozen=True)
class Course:
    """What there was after each part of a stack's life, and what was called that makes or ends something."""

    built: dict[str, int]
    rolled: dict[str, int]
    lowest: dict[str, dict[str, int]]
    left: dict[str, int]
    calls: Counter[str]


def live(spec: str, seconds: float, seed: int) -> Course:
    """Build the stack, deploy and roll it at once, and destroy it, by reads that lag *seconds* behind."""
    world = begin(SPECS / spec)
    edge, calls = world.sim.edge, Counter[str]()

    def settle(want: Want = "converge") -> dict[str, int]:
        world.sim.door("POST", "lag", seconds=seconds, seed=seed)
        seen = drive(world, want)
        assert not seconds or (edge.lag is not None and edge.lag.late > 0)
        assert want == "destroy" or outcome(seen) == "succeeded"
        world.sim.door("POST", "lag", seconds=0)
        world.sim.sleep(OVER)
        assert world.tick(want).plan.pending == ()
        calls.update({name: number for name, number in world.aws.calls.items() if not _reads(name)})
        return there(world)

    built = settle()
    since = world.sim.now()
    world.stack = stack_of(SPECS / spec, *AGAIN)
    rolled = settle()
    lowest = minima(world.sim.cloud.records[HERE], since)
    return Course(built, rolled, lowest, settle("destroy"), calls)


def drive(world: World, want: Want) -> Tick:
    """As the commands do: what AWS does not show any more is looked for again, what it refuses ends the matter."""
    for _ in range(LIVES):
        try:
            seen = world.tick(want, act=True)
        except Stale:
            world.sim.sleep(timedelta(seconds=1))
            continue
        missed = [error for error in seen.failed.values() if isinstance(error, Missing)]
        if missed:
            world.push()
        assert [str(error) for error in seen.failed.values() if isinstance(error, Refused)] == []
        if seen.quiet and not missed:
            return seen
        world.sim.sleep(min(max(SOON, seen.requeue_after), PATIENCE))
    raise AssertionError(f"not quiet after {LIVES} ticks: {seen.failed}")


def there(world: World) -> dict[str, int]:
    """How many there are of everything that could be made twice."""
    account, region = HERE
    ec2: Any = get_backend("ec2")[account][region]
    found = {kind: len(names) for kind, names in world.left().items()}
    found["route table"] = len(ec2.route_tables)
    found["template version"] = sum(len(one.versions) for one in ec2.launch_templates.values())
    found["revision"] = len(world.aws.ecs.list_task_definitions()["taskDefinitionArns"])
    balancers: Any = get_backend("elbv2")[account][region]
    found["rule"] = sum(len(one.rules) for lb in balancers.load_balancers.values() for one in lb.listeners.values())
    return found


@cache
def prompt(spec: str) -> Course:
    """The same, by reads that show everything at once."""
    return live(spec, 0, 0)


@pytest.mark.parametrize(
    ("spec", "seconds", "seed"),
    [
        pytest.param("demo.yaml", 2, 2, id="hosts rolled by reads 2 s late"),
        pytest.param("demo.yaml", 5, 1, id="hosts rolled by reads 5 s late"),
        pytest.param("private.yaml", 5, 1, id="NAT gateways by reads 5 s late"),
        pytest.param("two-services.yaml", 2, 3, id="two services by reads 2 s late"),
        pytest.param("minimal.yaml", 5, 0, id="the least by reads 5 s late"),
    ],
)
def test_reads_that_lag_behind_writes_change_nothing_but_the_time_it_takes(
    spec: str, seconds: float, seed: int
) -> None:
    """aws.md 5.3 and 11.1: for seconds a Describe may miss what was made, or show what is gone."""
    expected, found = prompt(spec), live(spec, seconds, seed)

    assert (expected.built, expected.rolled) == (found.built, found.rolled)
    assert (expected.lowest["hosts"], expected.lowest["healthy"]) == (found.lowest["hosts"], found.lowest["healthy"])
    assert expected.left == found.left
    for name in ("autoscaling:TerminateInstanceInAutoScalingGroup", "ecs:RegisterTaskDefinition", "ec2:CreateVpc"):
        assert expected.calls[name] == found.calls[name], name


def _reads(call: str) -> bool:
    return call.partition(":")[2].startswith(READS)
