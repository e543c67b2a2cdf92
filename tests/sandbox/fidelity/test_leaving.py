"""How hosts leave a group: terminated by name, scaled in, protected, ended behind its back; and suspended processes."""

from __future__ import annotations

from typing import Any

import pytest

from .stack import Stack, refused


def terminate(stack: Stack, *ids: str, shrink: bool) -> dict[str, Any]:
    call = stack.aws.autoscaling.terminate_instance_in_auto_scaling_group
    activity: dict[str, Any] = call(InstanceId=ids[0], ShouldDecrementDesiredCapacity=shrink)["Activity"]
    return activity


def protect(stack: Stack, *ids: str, on: bool = True) -> None:
    stack.aws.autoscaling.set_instance_protection(
        AutoScalingGroupName="web", InstanceIds=list(ids), ProtectedFromScaleIn=on
    )


def size(stack: Stack, wanted: int) -> None:
    stack.aws.autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=wanted)


def suspend(stack: Stack, *names: str) -> None:
    stack.aws.autoscaling.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=list(names))


def resume(stack: Stack, *names: str) -> None:
    stack.aws.autoscaling.resume_processes(AutoScalingGroupName="web", ScalingProcesses=list(names))


def test_terminate_with_decrement_shrinks_and_replaces_nothing(stack: Stack) -> None:
    """The one given dies, desired goes down by one (aws.md 1.10)."""
    stack.group(3)
    before = stack.instances()
    crowded = max(stack.zones(), key=stack.zones().__getitem__)  # or the zones would be evened out afterwards
    victim = next(one["InstanceId"] for one in before if one["AvailabilityZone"].endswith(crowded))

    activity = terminate(stack, victim, shrink=True)
    stack.sleep(20)

    assert (activity["StatusCode"], victim in activity["Description"]) == ("InProgress", True)
    assert stack.described()["DesiredCapacity"] == 2
    assert sorted(stack.ids()) == sorted(one["InstanceId"] for one in before if one["InstanceId"] != victim)


def test_terminate_with_decrement_may_unbalance_the_zones_and_set_rebalancing_off(stack: Stack) -> None:
    """It takes another host's life, in a zone nobody named (aws.md 1.8)."""
    stack.group(3)
    lonely = min(stack.zones(), key=stack.zones().__getitem__)
    victim = next(one["InstanceId"] for one in stack.instances() if one["AvailabilityZone"].endswith(lonely))
    before = stack.ids()

    terminate(stack, victim, shrink=True)
    stack.sleep(20)

    assert stack.zones() == {"a": 1, "b": 1}
    assert len(set(stack.ids()) & set(before)) == 1


def test_terminate_without_decrement_replaces(stack: Stack) -> None:
    """Desired stays: another one is launched (aws.md 1.10)."""
    stack.group(2)
    before = stack.ids()

    terminate(stack, before[0], shrink=False)
    stack.sleep(20)

    assert stack.described()["DesiredCapacity"] == 2
    assert before[0] not in stack.ids()
    assert stack.lifecycles() == ["InService"] * 2


def test_a_decrement_at_the_minimum_is_refused_and_nothing_is_touched(stack: Stack) -> None:
    """AWS's words, at the minimum (aws.md 1.10)."""
    stack.group(2, low=2)

    words = refused(
        "ValidationError",
        stack.aws.autoscaling.terminate_instance_in_auto_scaling_group,
        InstanceId=stack.ids()[0],
        ShouldDecrementDesiredCapacity=True,
    )
    stack.sleep(5)

    assert words == (
        "Currently, desiredSize equals minSize (2). Terminating instance without replacement will violate group's min "
        "size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size."
    )
    assert stack.lifecycles() == ["InService"] * 2


def test_terminating_twice_shrinks_once(stack: Stack) -> None:
    """The request is asynchronous and may be repeated: what leaves already is not counted again (aws.md 1.10)."""
    stack.group(3)
    leaving = stack.ids()[0]

    first = terminate(stack, leaving, shrink=True)
    again = terminate(stack, leaving, shrink=True)

    assert again["ActivityId"] == first["ActivityId"]
    assert stack.described()["DesiredCapacity"] == 2


def test_several_are_terminated_by_one_call_with_the_group_named(stack: Stack) -> None:
    """InstanceIds with AutoScalingGroupName answers Activities; at most a hundred (aws.md 1.10, 6.3)."""
    stack.group(3)
    call = stack.aws.autoscaling.terminate_instance_in_auto_scaling_group
    leaving = stack.ids()[:2]
    many = [f"i-{n:017x}" for n in range(101)]
    named = {"AutoScalingGroupName": "web", "ShouldDecrementDesiredCapacity": True}

    refused("ValidationError", call, InstanceIds=many, **named)
    answer = call(InstanceIds=leaving, **named)

    assert len(answer["Activities"]) == 2
    stack.until(lambda: len(stack.ids()) == 1)


def test_an_unknown_instance_is_not_found(stack: Stack) -> None:
    """ValidationError with words that say so (aws.md 5.2)."""
    stack.group(1)
    call = stack.aws.autoscaling.terminate_instance_in_auto_scaling_group

    words = refused("ValidationError", call, InstanceId="i-0123456789abcdef0", ShouldDecrementDesiredCapacity=False)

    assert "not found" in words


def test_the_instance_shuts_down_and_is_terminated_in_ec2(stack: Stack) -> None:
    """Terminating in the group first, then gone from it and terminated in EC2 (aws.md 1.11)."""
    stack.group(1)
    leaving = stack.ids()[0]

    def state() -> str:
        found = stack.aws.ec2.describe_instances(InstanceIds=[leaving])["Reservations"]
        return str(found[0]["Instances"][0]["State"]["Name"])

    terminate(stack, leaving, shrink=True)
    assert (stack.lifecycles(), state()) == (["Terminating"], "running")
    stack.until(lambda: stack.ids() == [])
    assert state() == "terminated"


def test_protection_holds_against_scale_in_only(stack: Stack) -> None:
    """Scale-in takes another one; Terminate... by name is not stopped by it (aws.md 1.7)."""
    stack.group(2)
    kept, other = stack.ids()
    protect(stack, kept)

    size(stack, 1)
    stack.sleep(10)
    survivors = stack.ids()
    terminate(stack, kept, shrink=True)
    stack.sleep(10)

    assert survivors == [kept]
    assert other not in survivors
    assert stack.ids() == []


def test_when_all_are_protected_desired_falls_and_nothing_dies(stack: Stack) -> None:
    """The activity says why (aws.md 1.7)."""
    stack.group(2)
    protect(stack, *stack.ids())

    size(stack, 1)
    stack.sleep(10)

    assert (stack.described()["DesiredCapacity"], stack.lifecycles()) == (1, ["InService"] * 2)
    words = "Could not scale to desired capacity because all remaining instances are protected from scale-in."
    assert [one["Description"] for one in stack.activities()].count(words) == 1
    protect(stack, stack.ids()[0], on=False)
    stack.until(lambda: stack.lifecycles() == ["InService"])


def test_protection_of_new_hosts_starts_when_they_are_in_service(stack: Stack) -> None:
    """NewInstancesProtectedFromScaleIn (aws.md 1.7)."""
    stack.group(1, wait=False, NewInstancesProtectedFromScaleIn=True)
    stack.sleep(0.5)
    pending = [one["ProtectedFromScaleIn"] for one in stack.instances()]
    stack.until(lambda: stack.lifecycles() == ["InService"])

    assert pending == [False]
    assert [one["ProtectedFromScaleIn"] for one in stack.instances()] == [True]


def test_terminated_in_ec2_the_host_is_replaced_and_desired_unchanged(stack: Stack) -> None:
    """The health check notices after a while; no hook runs first (aws.md 1.10)."""
    stack.group(2)
    stack.aws.autoscaling.put_lifecycle_hook(
        AutoScalingGroupName="web",
        LifecycleHookName="hook",
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
    )
    victim = stack.ids()[0]

    stack.aws.ec2.terminate_instances(InstanceIds=[victim])
    stack.sleep(1)
    unnoticed = stack.lifecycles()
    stack.sleep(20)

    assert unnoticed == ["InService"] * 2
    assert victim not in stack.ids()
    assert (stack.described()["DesiredCapacity"], stack.lifecycles()) == (2, ["InService"] * 2)
    assert any("health check" in one["Cause"] for one in stack.activities())


def test_a_host_said_to_be_unhealthy_is_replaced(stack: Stack) -> None:
    """SetInstanceHealth, and the protection that does not help against it (aws.md 1.7)."""
    stack.group(1)
    victim = stack.ids()[0]
    protect(stack, victim)

    stack.aws.autoscaling.set_instance_health(InstanceId=victim, HealthStatus="Unhealthy")
    stack.sleep(20)

    assert victim not in stack.ids()
    assert stack.lifecycles() == ["InService"]


def test_launch_suspended_launches_nothing_until_resumed(stack: Stack) -> None:
    """Neither growth nor replacement (aws.md 1.9)."""
    stack.group(1)
    suspend(stack, "Launch")

    size(stack, 2)
    stack.aws.autoscaling.set_instance_health(InstanceId=stack.ids()[0], HealthStatus="Unhealthy")
    stack.sleep(20)
    without = stack.ids()
    resume(stack, "Launch")
    stack.until(lambda: stack.lifecycles() == ["InService"] * 2)

    assert without == []


def test_terminate_suspended_keeps_hosts_from_scale_in_and_replacement(stack: Stack) -> None:
    """Scale-in waits; ReplaceUnhealthy calls Terminate and waits too; by name it still works (aws.md 1.9)."""
    stack.group(3)
    suspend(stack, "Terminate")
    before = stack.ids()

    size(stack, 2)
    stack.aws.autoscaling.set_instance_health(InstanceId=before[0], HealthStatus="Unhealthy")
    stack.sleep(20)
    kept = sorted(stack.ids())
    resume(stack, "Terminate")
    stack.until(lambda: before[0] not in stack.ids() and stack.lifecycles() == ["InService"] * 2)

    assert kept == sorted(before)


def test_health_check_suspended_notices_no_dead_host(stack: Stack) -> None:
    """HealthCheck marks, ReplaceUnhealthy acts: each can be switched off (aws.md 1.9)."""
    stack.group(2)
    suspend(stack, "HealthCheck")

    stack.aws.ec2.terminate_instances(InstanceIds=[stack.ids()[0]])
    stack.sleep(30)
    seen = {one["HealthStatus"] for one in stack.instances()}
    resume(stack, "HealthCheck")
    suspend(stack, "ReplaceUnhealthy")
    stack.sleep(30)

    assert seen == {"Healthy"}
    assert sorted(one["HealthStatus"] for one in stack.instances()) == ["Healthy", "Unhealthy"]
    resume(stack, "ReplaceUnhealthy")
    stack.until(lambda: {one["HealthStatus"] for one in stack.instances()} == {"Healthy"})


def test_suspended_processes_read_back_and_an_empty_list_means_all(stack: Stack) -> None:
    """Nine names; unknown ones are refused (aws.md 1.9)."""
    stack.group(0, wait=False)

    def names() -> list[str]:
        return sorted(one["ProcessName"] for one in stack.described()["SuspendedProcesses"])

    call = stack.aws.autoscaling.suspend_processes
    refused("ValidationError", call, AutoScalingGroupName="web", ScalingProcesses=["Nap"])
    suspend(stack, "AZRebalance")
    suspend(stack, "AlarmNotification")
    assert names() == ["AZRebalance", "AlarmNotification"]
    resume(stack, "AZRebalance")
    assert names() == ["AlarmNotification"]
    call(AutoScalingGroupName="web")
    assert len(names()) == 9
    stack.aws.autoscaling.resume_processes(AutoScalingGroupName="web")
    assert names() == []


@pytest.fixture
def uneven(stack: Stack) -> Stack:
    """Three hosts in zone a and one in zone b, with AZRebalance suspended while they came to be so."""
    stack.group(6)
    suspend(stack, "AZRebalance")
    for one in stack.instances():
        if one["AvailabilityZone"].endswith("b") and stack.zones()["b"] > 1:
            terminate(stack, one["InstanceId"], shrink=True)
            stack.sleep(5)
    assert stack.zones() == {"a": 3, "b": 1}
    return stack


def test_an_imbalance_stays_while_rebalancing_is_suspended(uneven: Stack) -> None:
    """AZRebalance (aws.md 1.9)."""
    before = sorted(uneven.ids())

    uneven.sleep(30)

    assert sorted(uneven.ids()) == before


def test_rebalancing_launches_first_and_terminates_once_the_new_host_serves(uneven: Stack) -> None:
    """It may exceed the wanted size meanwhile, and never falls below it (aws.md 1.8)."""
    resume(uneven, "AZRebalance")
    serving = []
    for _ in range(60):
        uneven.sleep(0.5)
        serving.append((uneven.lifecycles().count("InService"), len(uneven.ids())))

    assert min(count for count, _ in serving) == 4
    assert max(total for _, total in serving) == 5
    assert uneven.zones() == {"a": 2, "b": 2}
    assert uneven.described()["DesiredCapacity"] == 4


def test_rebalancing_with_terminate_suspended_grows_by_a_tenth_at_most(uneven: Stack) -> None:
    """It goes on launching where it cannot terminate (aws.md 1.9)."""
    suspend(uneven, "Terminate")

    resume(uneven, "AZRebalance")
    uneven.sleep(30)

    assert uneven.zones() == {"a": 3, "b": 2}


def test_hosts_leave_a_zone_the_group_has_left(stack: Stack) -> None:
    """The set of zones changed: replaced elsewhere, launch first (aws.md 1.8)."""
    stack.group(2)

    stack.aws.autoscaling.update_auto_scaling_group(AutoScalingGroupName="web", VPCZoneIdentifier=stack.subnets[0])
    stack.sleep(20)

    assert stack.zones() == {"a": 2}
    assert stack.described()["AvailabilityZones"] == ["us-east-1a"]
