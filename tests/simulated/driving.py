"""What tests do with a stack that is being driven: look at it until something is so, and take its agents away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from controller.rollout.model import LOST_AFTER
from controller.spec.types import Stack
from controller.tick import Options, tick
from tests.simulated.stack import Simulation

TYPES = ("t3.large", "t3.small")


def until(stage: Simulation, stack: Stack, true: Callable[[Any], bool]) -> Any:
    """Drive the roll until a pass has seen what *true* asks for; that pass."""
    options = Options(by_person=True, started=stage.sim.now())
    for _ in range(900):
        seen = tick(stack, stage.aws, stage.sim, act=True, options=options)
        stage.lines += stage.journal.add(seen)
        if true(seen):
            return seen
        stage.sim.sleep(seen.requeue_after)
    raise AssertionError(stage.lines[-20:])


def leave(stage: Simulation, *hosts: str, action: str = "lost") -> tuple[str, ...]:
    """Their agents go, or are back; the world has noticed."""
    for host in hosts:
        stage.sim.door("POST", "host", id=host, action=action)
    stage.sim.sleep(timedelta(seconds=1))
    return hosts


def look_rarely(stage: Simulation, stack: Stack, length: timedelta = LOST_AFTER) -> None:
    """Let *length* pass with few passes: nothing is expected of them but that they look."""
    end = stage.sim.now() + length
    while stage.sim.now() < end:
        stage.lines += stage.journal.add(tick(stack, stage.aws, stage.sim, act=True))
        stage.sim.sleep(min(timedelta(seconds=50), end - stage.sim.now()))


def cordoned(seen: Any) -> list[Any]:
    return [host for fleet in seen.fleets for host in fleet.hosts if host.cordoned and host.cordoned_at]


def members(stage: Simulation) -> list[str]:
    return [one["InstanceId"] for one in stage.group("demo-main")["Instances"]]


def instance_type(stage: Simulation) -> str:
    """The instance type the hosts have."""
    found = stage.aws.ec2.describe_instances(InstanceIds=members(stage)[:1])["Reservations"]
    return str(found[0]["Instances"][0]["InstanceType"])
