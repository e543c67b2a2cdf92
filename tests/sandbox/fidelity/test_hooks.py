"""Lifecycle hooks: they hold an instance until somebody completes the action, or its heartbeat runs out."""

from __future__ import annotations

import pytest

from .stack import Stack, refused


def hook(stack: Stack, transition: str, name: str = "hook", **more: object) -> None:
    stack.aws.autoscaling.put_lifecycle_hook(
        AutoScalingGroupName="web",
        LifecycleHookName=name,
        LifecycleTransition=f"autoscaling:EC2_INSTANCE_{transition}",
        **more,
    )


def complete(stack: Stack, instance: str, result: str = "CONTINUE", name: str = "hook") -> None:
    stack.aws.autoscaling.complete_lifecycle_action(
        AutoScalingGroupName="web", LifecycleHookName=name, InstanceId=instance, LifecycleActionResult=result
    )


def leave(stack: Stack) -> str:
    """Ask the group to take its first instance out, shrinking."""
    leaving = stack.ids()[0]
    stack.aws.autoscaling.terminate_instance_in_auto_scaling_group(
        InstanceId=leaving, ShouldDecrementDesiredCapacity=True
    )
    return leaving


def test_a_terminating_hook_holds_until_it_is_completed(stack: Stack) -> None:
    """Terminating:Wait with the instance still running; Terminating:Proceed; gone (aws.md 1.11)."""
    stack.group(1)
    hook(stack, "TERMINATING")
    leaving = leave(stack)
    stack.sleep(120)
    waiting = stack.lifecycles()
    found = stack.aws.ec2.describe_instances(InstanceIds=[leaving])["Reservations"][0]["Instances"][0]

    complete(stack, leaving)

    assert (waiting, found["State"]["Name"]) == (["Terminating:Wait"], "running")
    assert stack.lifecycles() == ["Terminating:Proceed"]
    stack.until(lambda: stack.ids() == [])


def test_a_launching_hook_holds_before_service(stack: Stack) -> None:
    """Pending:Wait, then InService (aws.md 1.11)."""
    stack.group(0, wait=False)
    hook(stack, "LAUNCHING")
    stack.aws.autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=1)
    stack.sleep(60)
    waiting = stack.lifecycles()

    complete(stack, stack.ids()[0])

    assert waiting == ["Pending:Wait"]
    stack.until(lambda: stack.lifecycles() == ["InService"])


def test_an_abandoned_launch_is_cancelled_terminated_and_tried_again(stack: Stack) -> None:
    """The activity is Cancelled and says so (aws.md 1.11)."""
    stack.group(0, wait=False)
    hook(stack, "LAUNCHING")
    stack.aws.autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=1)
    stack.until(lambda: stack.lifecycles() == ["Pending:Wait"])
    first = stack.ids()[0]

    complete(stack, first, "ABANDON")
    stack.until(lambda: stack.lifecycles() == ["Pending:Wait"])

    cancelled = [one for one in stack.activities() if one["StatusCode"] == "Cancelled"]
    assert [first in one["Description"] for one in cancelled] == [True]
    assert cancelled[0]["StatusMessage"] == "Lifecycle Action Completed with ABANDON Result"
    assert stack.ids() != [first]


@pytest.mark.parametrize(
    ("result", "after"),
    [
        pytest.param("CONTINUE", ["InService"], id="continue"),
        pytest.param("ABANDON", [], id="abandon"),
    ],
)
def test_a_heartbeat_that_runs_out_takes_the_default_result(stack: Stack, result: str, after: list[str]) -> None:
    """DefaultResult after HeartbeatTimeout (aws.md 1.11); max is 1, so an abandoned launch shows as a new one."""
    stack.group(0, high=1, wait=False)
    hook(stack, "LAUNCHING", HeartbeatTimeout=30, DefaultResult=result)
    stack.aws.autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=1)
    stack.until(lambda: stack.lifecycles() == ["Pending:Wait"])
    first = stack.ids()[0]
    stack.sleep(29)
    held = stack.lifecycles()

    stack.sleep(4)

    assert held == ["Pending:Wait"]
    assert [one["LifecycleState"] for one in stack.instances() if one["InstanceId"] == first] == after


def test_a_recorded_heartbeat_starts_the_timer_again(stack: Stack) -> None:
    """RecordLifecycleActionHeartbeat (aws.md 1.11)."""
    stack.group(1)
    hook(stack, "TERMINATING", HeartbeatTimeout=30)
    leaving = leave(stack)
    stack.until(lambda: stack.lifecycles() == ["Terminating:Wait"])
    stack.sleep(20)

    stack.aws.autoscaling.record_lifecycle_action_heartbeat(
        AutoScalingGroupName="web", LifecycleHookName="hook", InstanceId=leaving
    )

    stack.sleep(20)
    assert stack.lifecycles() == ["Terminating:Wait"]
    stack.sleep(20)
    assert stack.ids() == []


def test_heartbeats_help_for_a_hundred_timeouts_at_most(stack: Stack) -> None:
    """GlobalTimeout: the lesser of 48 hours and a hundred heartbeats (aws.md 1.11)."""
    stack.group(1)
    hook(stack, "TERMINATING", HeartbeatTimeout=30)
    leaving = leave(stack)
    stack.until(lambda: stack.lifecycles() == ["Terminating:Wait"])

    beats = 0
    while stack.lifecycles() == ["Terminating:Wait"]:
        stack.aws.autoscaling.record_lifecycle_action_heartbeat(
            AutoScalingGroupName="web", LifecycleHookName="hook", InstanceId=leaving
        )
        stack.sleep(25)
        beats += 1

    assert beats == 3000 / 25


def test_two_hooks_both_hold_and_an_abandoned_termination_skips_the_other(stack: Stack) -> None:
    """In parallel; CONTINUE of one leaves the other; ABANDON cuts it short (aws.md 1.6, 1.11)."""
    stack.group(2)
    hook(stack, "TERMINATING", "one")
    hook(stack, "TERMINATING", "two")
    first = leave(stack)
    second = next(one for one in stack.ids() if one != first)
    stack.aws.autoscaling.terminate_instance_in_auto_scaling_group(
        InstanceId=second, ShouldDecrementDesiredCapacity=True
    )
    stack.until(lambda: stack.lifecycles() == ["Terminating:Wait"] * 2)

    complete(stack, first, "CONTINUE", "one")
    complete(stack, second, "ABANDON", "two")

    states = {one["InstanceId"]: one["LifecycleState"] for one in stack.instances()}
    assert states == {first: "Terminating:Wait", second: "Terminating:Proceed"}
    complete(stack, first, "CONTINUE", "two")
    stack.until(lambda: stack.ids() == [])


def test_completing_what_is_not_held_is_refused_with_words_to_match(stack: Stack) -> None:
    """By instance or by token (aws.md 1.11)."""
    stack.group(1)
    hook(stack, "TERMINATING")
    call = stack.aws.autoscaling.complete_lifecycle_action
    named = {"AutoScalingGroupName": "web", "LifecycleHookName": "hook", "LifecycleActionResult": "CONTINUE"}
    instance, token = stack.ids()[0], "f" * 36

    by_instance = refused("ValidationError", call, **named, InstanceId=instance)
    by_token = refused("ValidationError", call, **named, LifecycleActionToken=token)

    assert by_instance == f"No active Lifecycle Action found with instance ID {instance}"
    assert by_token == f"No active Lifecycle Action found with token {token}"


@pytest.mark.parametrize("transition", ["LAUNCHING", "TERMINATING"])
def test_deleting_a_hook_ends_what_it_holds(stack: Stack, transition: str) -> None:
    """ABANDON for those launching, CONTINUE for those terminating (aws.md 1.11)."""
    stack.group(0 if transition == "LAUNCHING" else 1, wait=transition == "TERMINATING")
    hook(stack, transition)
    if transition == "LAUNCHING":
        stack.aws.autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=1)
    else:
        leave(stack)
    stack.until(lambda: stack.lifecycles()[:1] in (["Pending:Wait"], ["Terminating:Wait"]))
    held = stack.ids()[0]

    stack.aws.autoscaling.delete_lifecycle_hook(AutoScalingGroupName="web", LifecycleHookName="hook")
    stack.sleep(10)

    assert held not in stack.ids()


def test_putting_a_hook_is_an_upsert_and_it_reads_back_with_its_defaults(stack: Stack) -> None:
    """3600 s, ABANDON, GlobalTimeout worked out; the timeout's bounds hold (aws.md 1.11)."""
    stack.group(0, wait=False)
    hook(stack, "TERMINATING", HeartbeatTimeout=60)
    hook(stack, "TERMINATING")

    refused(
        "ValidationError",
        stack.aws.autoscaling.put_lifecycle_hook,
        AutoScalingGroupName="web",
        LifecycleHookName="hook",
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
        HeartbeatTimeout=29,
    )
    assert stack.aws.autoscaling.describe_lifecycle_hooks(AutoScalingGroupName="web")["LifecycleHooks"] == [
        {
            "LifecycleHookName": "hook",
            "AutoScalingGroupName": "web",
            "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
            "HeartbeatTimeout": 3600,
            "GlobalTimeout": 172800,
            "DefaultResult": "ABANDON",
        }
    ]


def test_hooks_given_at_creation_hold_from_the_first_launch(stack: Stack) -> None:
    """LifecycleHookSpecificationList (aws.md 1.11)."""
    given = {"LifecycleHookName": "hook", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"}
    stack.group(1, wait=False, LifecycleHookSpecificationList=[given])

    stack.until(lambda: stack.lifecycles() == ["Pending:Wait"])
