"""Where tasks go: what fits, what does not and in which words, and how they are spread."""

from __future__ import annotations

from collections import Counter

import pytest

from .stack import Stack


def places(stack: Stack) -> list[int]:
    """How many running tasks each host has."""
    return sorted(Counter(task["containerInstanceArn"] for task in stack.tasks("RUNNING")).values())


def remaining(stack: Stack, name: str) -> list[int]:
    return sorted(
        one["integerValue"] for node in stack.nodes() for one in node["remainingResources"] if one["name"] == name
    )


def test_tasks_are_spread_over_zones_by_default(stack: Stack) -> None:
    """attribute:ecs.availability-zone (aws.md 4.3): two hosts in one zone share what the other zone's has alone."""
    stack.group(3).cluster().joined(3).service(4)

    zones = Counter(task["availabilityZone"] for task in stack.tasks("RUNNING"))
    assert sorted(zones.values()) == [2, 2]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        pytest.param([{"type": "spread", "field": "instanceId"}], [1, 1, 1], id="one on each host"),
        pytest.param([{"type": "binpack", "field": "memory"}], [3], id="as few hosts as possible"),
    ],
)
def test_a_placement_strategy_is_followed(stack: Stack, strategy: list[dict[str, str]], expected: list[int]) -> None:
    """Spread over hosts, or pack them (aws.md 4.3)."""
    stack.group(3).cluster().joined(3).service(3, placementStrategy=strategy)

    assert places(stack) == expected
    assert stack.shown()["placementStrategy"] == strategy


def test_what_a_task_reserves_is_taken_from_its_host(stack: Stack) -> None:
    """cpu, memory and host ports (aws.md 11.7)."""
    stack.group(1).cluster().joined(1)
    cpu, memory = remaining(stack, "CPU")[0], remaining(stack, "MEMORY")[0]

    stack.service(2, taskDefinition=stack.definition(cpu=300, memory=200))

    assert (remaining(stack, "CPU"), remaining(stack, "MEMORY")) == ([cpu - 600], [memory - 400])
    bindings = [task["containers"][0]["networkBindings"][0] for task in stack.tasks("RUNNING")]
    assert {one["containerPort"] for one in bindings} == {8080}
    assert len({one["hostPort"] for one in bindings}) == 2
    assert all(32768 <= one["hostPort"] <= 60999 for one in bindings)


@pytest.mark.parametrize(
    ("reserved", "fitting", "words"),
    [
        pytest.param({"cpu": 1000, "memory": 100}, 2, "has insufficient CPU units available", id="cpu"),
        pytest.param({"cpu": 10, "memory": 700}, 2, "has insufficient memory available", id="memory"),
        pytest.param({"port": 80}, 1, "is already using a port required by your task", id="port"),
    ],
)
def test_what_does_not_fit_waits_and_an_event_says_why(
    stack: Stack, reserved: dict[str, int], fitting: int, words: str
) -> None:
    """The closest matching container instance, and what it lacks (aws.md 4.1)."""
    stack.group(1).cluster().joined(1)
    stack.service(3, wait=False, taskDefinition=stack.definition(**reserved))
    stack.sleep(30)

    said = [one for one in stack.events() if "unable to place" in one]
    node = stack.nodes()[0]["containerInstanceArn"].rsplit("/", 1)[-1]
    assert len(stack.tasks("RUNNING")) == fitting
    assert said == [
        (
            "(service web) was unable to place a task because no container instance met all of its requirements. "
            f"Reason: The closest matching container-instance {node} {words}."
        )
    ]
    assert stack.shown()["deployments"][0]["rolloutState"] == "IN_PROGRESS"


def test_without_hosts_nothing_is_placed_and_the_event_says_so(stack: Stack) -> None:
    """aws.md 4.1."""
    stack.group(0, wait=False).cluster().service(1, wait=False)
    stack.sleep(10)

    assert stack.tasks() == []
    assert "No Container Instances were found in your cluster" in stack.events()[0]


def test_tasks_wait_for_room_and_take_it(stack: Stack) -> None:
    """A host more is enough (aws.md 1.1)."""
    stack.group(1).cluster().joined(1)
    stack.service(3, wait=False, taskDefinition=stack.definition(cpu=1000))
    stack.sleep(10)
    before = stack.shown()["runningCount"]

    stack.aws.autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)

    stack.until(stack.completed)
    assert before == 2


def test_a_service_stays_on_the_hosts_of_its_capacity_provider(stack: Stack) -> None:
    """Hosts of another group in the same cluster are not its own (aws.md 1.7)."""
    stack.group(1).cluster().joined(1)
    settings = {"LaunchTemplate": {"LaunchTemplateName": "web", "Version": "1"}}
    stack.aws.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="other", MinSize=1, MaxSize=1, VPCZoneIdentifier=stack.subnets[1], **settings
    )
    stack.joined(2)

    strategy = [{"capacityProvider": "pool", "weight": 1}]
    stack.service(4, capacityProviderStrategy=strategy)

    assert {task["containerInstanceArn"] for task in stack.tasks("RUNNING")} == {
        stack.node_of(stack.ids()[0])["containerInstanceArn"]
    }
    assert {task["capacityProviderName"] for task in stack.tasks("RUNNING")} == {"pool"}


def test_equal_events_are_not_repeated(stack: Stack) -> None:
    """Suppressed for six hours, newest first (aws.md 4.1)."""
    stack.group(0, wait=False).cluster().service(1, wait=False)

    stack.sleep(120)

    assert len(stack.events()) == 1
