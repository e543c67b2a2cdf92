"""Scaling policies and scheduled actions: kept and told as AWS does. Nothing acts on them here (aws.md 3.5)."""

from __future__ import annotations

from typing import Any

import pytest

from .stack import Stack, refused

WEB = {"AutoScalingGroupName": "web"}
CPU = {"PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"}, "TargetValue": 60.0}
TRACKING: dict[str, Any] = {"PolicyType": "TargetTrackingScaling", "TargetTrackingConfiguration": CPU}
STEPS: dict[str, Any] = {
    "PolicyType": "StepScaling",
    "AdjustmentType": "ChangeInCapacity",
    "StepAdjustments": [
        {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 20.0, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 20.0, "ScalingAdjustment": 2},
    ],
}

FAR = {"MetricIntervalLowerBound": 30.0, "ScalingAdjustment": 2}


@pytest.fixture
def group(stack: Stack) -> Stack:
    return stack.group(0, wait=False)


def policies(stack: Stack) -> dict[str, dict[str, Any]]:
    found = stack.aws.autoscaling.describe_policies(**WEB)["ScalingPolicies"]
    return {one["PolicyName"]: one for one in found}


def actions(stack: Stack) -> dict[str, dict[str, Any]]:
    found = stack.aws.autoscaling.describe_scheduled_actions(**WEB)["ScheduledUpdateGroupActions"]
    return {one["ScheduledActionName"]: one for one in found}


def test_target_tracking_reads_back_with_its_alarms(group: Stack) -> None:
    """AWS makes the alarms, none to scale in where that is off; DisableScaleIn is false unless given (aws.md 9.5)."""
    put = group.aws.autoscaling.put_scaling_policy
    made = put(**WEB, PolicyName="cpu", EstimatedInstanceWarmup=120, **TRACKING)

    shown = policies(group)["cpu"]
    put(**WEB, PolicyName="cpu", **{**TRACKING, "TargetTrackingConfiguration": {**CPU, "DisableScaleIn": True}})

    assert (shown["PolicyARN"], shown["EstimatedInstanceWarmup"]) == (made["PolicyARN"], 120)
    assert shown["TargetTrackingConfiguration"] == {**CPU, "DisableScaleIn": False}
    assert [len(shown["Alarms"]), len(policies(group)["cpu"]["Alarms"])] == [2, 1]
    assert "EstimatedInstanceWarmup" not in policies(group)["cpu"]  # an upsert, whole


def test_steps_read_back(group: Stack) -> None:
    """With the aggregation AWS fills in."""
    group.aws.autoscaling.put_scaling_policy(**WEB, PolicyName="burst", **STEPS)

    shown = policies(group)["burst"]
    assert shown["StepAdjustments"] == STEPS["StepAdjustments"]
    assert shown["MetricAggregationType"] == "Average"


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"PolicyType": "Other"}, id="no such type"),
        pytest.param({"PolicyType": "TargetTrackingScaling"}, id="nothing to track"),
        pytest.param({**TRACKING, "TargetTrackingConfiguration": {**CPU, "TargetValue": 0.0}}, id="a target of 0"),
        pytest.param({**STEPS, "StepAdjustments": []}, id="no steps"),
        pytest.param({k: v for k, v in STEPS.items() if k != "AdjustmentType"}, id="steps of what"),
        pytest.param(
            {**STEPS, "StepAdjustments": [STEPS["StepAdjustments"][0], FAR]},
            id="a gap between steps",
        ),
    ],
)  # fmt: skip
def test_a_policy_that_makes_no_sense_is_refused(group: Stack, given: dict[str, Any]) -> None:
    refused("ValidationError", group.aws.autoscaling.put_scaling_policy, **WEB, PolicyName="x", **given)

    assert policies(group) == {}


def test_a_policy_is_deleted_once_and_goes_with_its_group(group: Stack) -> None:
    """The second time it is not found (aws.md 5.2, 5.4)."""
    client = group.aws.autoscaling
    client.put_scaling_policy(**WEB, PolicyName="cpu", **TRACKING)

    client.delete_policy(**WEB, PolicyName="cpu")

    assert policies(group) == {}
    assert "not found" in refused("ValidationError", client.delete_policy, **WEB, PolicyName="cpu")


def test_managed_scaling_is_a_policy_of_ecs(group: Stack) -> None:
    """ECSManaged..., on CapacityProviderReservation (aws.md 1.7)."""
    group.cluster(managedScaling={"status": "ENABLED", "targetCapacity": 80})

    ((name, shown),) = policies(group).items()

    assert name.startswith("ECSManagedAutoScalingPolicy-")
    config = shown["TargetTrackingConfiguration"]
    assert (config["CustomizedMetricSpecification"]["MetricName"], config["TargetValue"]) == (
        "CapacityProviderReservation",
        80.0,
    )


def test_a_scheduled_action_keeps_what_an_update_leaves_out(group: Stack) -> None:
    """An upsert, size by size (autoscaling PutScheduledUpdateGroupAction)."""
    put = group.aws.autoscaling.put_scheduled_update_group_action
    put(**WEB, ScheduledActionName="night", Recurrence="0 20 * * *", TimeZone="Europe/Oslo", MinSize=1, MaxSize=2)
    put(**WEB, ScheduledActionName="night", DesiredCapacity=2)

    shown = actions(group)["night"]

    assert (shown["MinSize"], shown["DesiredCapacity"], shown["MaxSize"]) == (1, 2, 2)
    assert (shown["Recurrence"], shown["TimeZone"]) == ("0 20 * * *", "Europe/Oslo")
    assert {"StartTime", "ScheduledActionARN"} <= shown.keys()


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"Recurrence": "0 20 * * *"}, id="no size"),
        pytest.param({"Recurrence": "0 20 * *", "MinSize": 1}, id="four fields"),
        pytest.param({"Recurrence": "0 20 * * *", "MinSize": 3, "MaxSize": 2}, id="min above max"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(group: Stack, given: dict[str, Any]) -> None:
    put = group.aws.autoscaling.put_scheduled_update_group_action

    refused("ValidationError", put, **WEB, ScheduledActionName="x", **given)


def test_a_scheduled_action_is_deleted_once(group: Stack) -> None:
    client = group.aws.autoscaling
    client.put_scheduled_update_group_action(**WEB, ScheduledActionName="night", Recurrence="0 20 * * *", MinSize=1)

    client.delete_scheduled_action(**WEB, ScheduledActionName="night")

    assert actions(group) == {}
    refused("ValidationError", client.delete_scheduled_action, **WEB, ScheduledActionName="night")
