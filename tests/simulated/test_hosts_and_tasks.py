"""Hosts and tasks change in one apply: what fits only after the other goes second, and the floor holds all the time."""

from __future__ import annotations

import pytest

from controller.spec.types import Stack
from tests.simulated.stack import Simulation

SMALL = ("services.web.cpu=256", "services.web.memory=512", "hosts.main.instance_type=t3.small")
LARGE = ("services.web.cpu=512", "services.web.memory=3000", "hosts.main.instance_type=t3.large")


@pytest.fixture
def stage(born: Simulation) -> Simulation:
    return born


def changed(stage: Simulation, stack: Stack) -> list[str]:
    """The lines of an apply of *stack*, after what it must never do is ruled out."""
    mark = stage.sim.door("POST", "mark")["at"]
    told = len(stage.lines)
    assert stage.apply(stack) == "succeeded", stage.lines[told:]
    figures = stage.sim.door("POST", "since", at=mark)
    assert figures["hosts"]["demo-main"] >= 3
    assert figures["healthy"]["demo-web"] >= 4
    assert figures["peak"]["demo-main"] <= 4
    return stage.lines[told:]


def first(lines: list[str], words: str) -> int:
    return next(number for number, line in enumerate(lines) if words in line)


def last(lines: list[str], words: str) -> int:
    return max(number for number, line in enumerate(lines) if words in line)


def live(stage: Simulation) -> tuple[set[str], set[int]]:
    """(types of the hosts, memory of the tasks) that are there."""
    reservations = stage.aws.ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])[
        "Reservations"
    ]
    types = {one["InstanceType"] for group in reservations for one in group["Instances"]}
    arns = stage.aws.ecs.list_tasks(cluster="demo")["taskArns"]
    tasks = stage.aws.ecs.describe_tasks(cluster="demo", tasks=arns)["tasks"]
    memory = {int(one["containers"][0]["memory"]) for one in tasks if one["lastStatus"] == "RUNNING"}
    return set(types), memory


def succeeded(stage: Simulation) -> str:
    """What is said when the task definition the service runs now has proved itself."""
    found = stage.aws.ecs.describe_services(cluster="demo", services=["demo-web"])["services"]
    return f"service web: succeeded: {found[0]['taskDefinition'].rsplit('/', 1)[-1]}"


def test_bigger_tasks_and_bigger_hosts_then_back(stage: Simulation) -> None:
    """Rule 1: hosts first where the new tasks fit only the new hosts, services first otherwise; no deployment while a
    host drains, no floor undercut, and both ends as asked."""
    assert live(stage) == ({"t3.small"}, {512})

    up = changed(stage, stage.stack(*LARGE))

    assert live(stage) == ({"t3.large"}, {3000})
    assert "hosts first: a task of 512 cpu/3000 MiB does not fit" in "\n".join(up)
    assert last(up, "drained") < first(up, "updated service/web") < last(up, succeeded(stage))

    down = changed(stage, stage.stack(*SMALL))

    assert live(stage) == ({"t3.small"}, {512})
    assert "hosts first" not in "\n".join(down)
    assert first(down, "updated service/web") < first(down, succeeded(stage)) < first(down, "draining")
    assert stage.settings("demo-main")["crumbs"] == []


def test_a_halt_ends_an_apply_whose_service_waits_for_the_hosts(stage: Simulation) -> None:
    """Exit 4 at once, not 5 when its time is up: nothing will ever let that service go."""
    never = ("hosts.main.image.update=auto", "hosts.main.rollout.ready_timeout=20s")
    parameter = stage.stack().pools[0].image.ssm
    stage.sim.door("POST", "ami", parameter=parameter, joins="never")

    assert stage.apply(stage.stack(*LARGE, *never)) == "halted"

    stage.sim.door("POST", "ami", parameter=parameter)
    assert stage.apply(stage.stack(*SMALL, *never)) == "succeeded"
