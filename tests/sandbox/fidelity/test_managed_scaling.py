"""ECS managed scaling: CapacityProviderReservation against its target, inside the group's bounds (aws.md 1.7)."""

from __future__ import annotations

from typing import Any

import pytest

from .stack import Stack, refused

MINUTE = 3.0  # between two datapoints, divided by the sandbox's factor


def scaled(stack: Stack, size: int, low: int = 0, high: int = 6, **settings: Any) -> Stack:
    """A group behind a provider that scales it; `protects` what it launches where *settings* ask for protection."""
    protects = settings.get("managedTerminationProtection") == "ENABLED"
    scaling = {"status": "ENABLED", **settings.pop("managedScaling", {})}
    stack.group(size, low, high, NewInstancesProtectedFromScaleIn=protects)
    return stack.cluster(managedScaling=scaling, **settings)


def strategy(stack: Stack, count: int, **more: Any) -> Stack:
    """A service of *count* tasks that each fill a host, placed through the provider."""
    whole = stack.definition(cpu=2048, memory=1000)
    chosen = [{"capacityProvider": "pool", "weight": 1, "base": 0}]
    return stack.service(count, wait=False, taskDefinition=whole, capacityProviderStrategy=chosen, **more)


def desired(stack: Stack) -> int:
    return int(stack.described()["DesiredCapacity"])


def test_tasks_without_room_bring_hosts_and_a_group_of_none_grows(stack: Stack) -> None:
    """M counts the hosts that waiting tasks would take: from nothing to three."""
    scaled(stack, 0)
    strategy(stack, 3)

    stack.until(stack.completed)

    assert desired(stack) == 3


def test_growth_stops_at_max(stack: Stack) -> None:
    """The policy acts inside the group's bounds."""
    scaled(stack, 1, high=2)
    strategy(stack, 4)

    stack.sleep(20 * MINUTE)

    assert (desired(stack), stack.lifecycles()) == (2, ["InService"] * 2)


def test_a_target_below_a_hundred_keeps_hosts_spare(stack: Stack) -> None:
    """M / N at the target: two hosts in use at 50 % are four."""
    scaled(stack, 0, managedScaling={"targetCapacity": 50})
    strategy(stack, 2)

    stack.until(lambda: desired(stack) == 4)


def test_steps_are_no_smaller_and_no_bigger_than_they_may_be(stack: Stack) -> None:
    """minimumScalingStepSize and maximumScalingStepSize."""
    scaled(stack, 0, managedScaling={"minimumScalingStepSize": 2, "maximumScalingStepSize": 2})
    strategy(stack, 1)
    stack.until(lambda: desired(stack) == 2)

    strategy_of_more = stack.aws.ecs.update_service
    strategy_of_more(cluster="web", service="web", desiredCount=6)
    stack.until(lambda: desired(stack) > 2)

    assert desired(stack) == 4


def test_empty_hosts_leave_after_fifteen_datapoints(stack: Stack) -> None:
    """Not sooner, and down to what tasks need."""
    scaled(stack, 3)
    strategy(stack, 1)
    stack.until(stack.completed)
    stack.sleep(10 * MINUTE)
    early = desired(stack)

    stack.until(lambda: desired(stack) < 3)

    assert (early, desired(stack)) == (3, 1)


def test_managed_termination_protection_scales_in_only_what_is_empty(stack: Stack) -> None:
    """ECS protects hosts with tasks and lets the others go."""
    scaled(stack, 3, managedTerminationProtection="ENABLED")
    strategy(stack, 1)
    stack.until(stack.completed)
    busy = [one["ec2InstanceId"] for one in stack.nodes() if one["runningTasksCount"]]
    protected = [one["InstanceId"] for one in stack.instances() if one["ProtectedFromScaleIn"]]

    stack.until(lambda: stack.lifecycles() == ["InService"])

    assert protected == busy == stack.ids()


def test_a_group_whose_alarms_are_suspended_is_not_scaled(stack: Stack) -> None:
    """It is a scaling policy like others (aws.md 1.9)."""
    scaled(stack, 0)
    stack.aws.autoscaling.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["AlarmNotification"])
    strategy(stack, 2)
    stack.sleep(5 * MINUTE)
    before = desired(stack)

    stack.aws.autoscaling.resume_processes(AutoScalingGroupName="web", ScalingProcesses=["AlarmNotification"])

    stack.until(lambda: desired(stack) == 2)
    assert before == 0


def test_what_fits_no_host_brings_none(stack: Stack) -> None:
    """A task bigger than the type would wait for ever."""
    scaled(stack, 1)
    big = stack.definition(cpu=128, memory=60000)
    chosen = [{"capacityProvider": "pool", "weight": 1, "base": 0}]
    stack.service(1, wait=False, taskDefinition=big, capacityProviderStrategy=chosen)

    stack.sleep(3 * MINUTE)

    assert desired(stack) == 1


def test_protection_needs_scaling_and_a_group_that_protects(stack: Stack) -> None:
    """ClientException, with what is missing (aws.md 1.7)."""
    stack.group(0, wait=False)
    arn = stack.described()["AutoScalingGroupARN"]
    create: Any = stack.aws.ecs.create_capacity_provider

    def asked(status: str) -> str:
        settings = {"managedTerminationProtection": "ENABLED", "managedScaling": {"status": status}}
        provider = {"autoScalingGroupArn": arn, **settings}
        return refused("ClientException", create, name="pool", autoScalingGroupProvider=provider)

    assert "managed scaling must be enabled" in asked("DISABLED")
    assert "instance protection" in asked("ENABLED")


@pytest.mark.parametrize(
    "settings", [{"targetCapacity": 101}, {"maximumScalingStepSize": 10001}, {"instanceWarmupPeriod": 10001}]
)
def test_numbers_out_of_bounds_are_refused(stack: Stack, settings: dict[str, int]) -> None:
    """targetCapacity 1 to 100, steps 1 to 10000, warm-up up to 10000 (aws.md 1.7)."""
    stack.group(0, wait=False)
    arn = stack.described()["AutoScalingGroupARN"]

    refused(
        "ClientException",
        stack.aws.ecs.create_capacity_provider,
        name="pool",
        autoScalingGroupProvider={"autoScalingGroupArn": arn, "managedScaling": settings},
    )


def test_scaling_that_nobody_asked_for_is_off_and_shows_its_numbers(stack: Stack) -> None:
    """The default is DISABLED."""
    stack.group(0, wait=False).cluster()

    shown = stack.aws.ecs.describe_capacity_providers(capacityProviders=["pool"])["capacityProviders"][0]

    assert shown["autoScalingGroupProvider"]["managedScaling"] == {
        "status": "DISABLED",
        "targetCapacity": 100,
        "minimumScalingStepSize": 1,
        "maximumScalingStepSize": 10000,
        "instanceWarmupPeriod": 300,
    }
