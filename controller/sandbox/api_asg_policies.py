"""The Auto Scaling API: scaling policies and scheduled actions (aws.md 3.5). They are kept and told, and nothing acts
on them here: there are no metrics, and no schedule comes due. ECS managed scaling does act (`scaler`)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

from controller.sandbox.api_asg_shapes import group_of, paged, validation
from controller.sandbox.world import Draft, Group, Json

POLICIES_MOST = 50  # aws.md 3.1
POLICY = (
    "PolicyType", "AdjustmentType", "EstimatedInstanceWarmup", "TargetTrackingConfiguration", "StepAdjustments",
    "MetricAggregationType", "Cooldown", "ScalingAdjustment", "MinAdjustmentMagnitude", "Enabled",
)  # fmt: skip
ACTION = ("Recurrence", "TimeZone", "MinSize", "MaxSize", "DesiredCapacity", "StartTime", "EndTime")
SIZES = ("MinSize", "DesiredCapacity", "MaxSize")


# ------------------------------------------------------------------------------------------------ policies
def put_scaling_policy(draft: Draft, params: Json) -> Json:
    """An upsert; what there was before does not shine through (aws.md 5.2)."""
    group, name = group_of(draft, params), params["PolicyName"]
    given = {key: params[key] for key in POLICY if params.get(key) is not None}
    kind = given.setdefault("PolicyType", "SimpleScaling")
    checks: dict[str, Callable[[Json], None]] = {"TargetTrackingScaling": _tracking, "StepScaling": _stepping}
    if kind not in {*checks, "SimpleScaling", "PredictiveScaling"}:
        raise validation(f"PolicyType {kind} is not valid.")
    if kind in checks:
        checks[kind](given)
    if name not in group.policies and len(group.policies) >= POLICIES_MOST:
        raise validation(f"Auto Scaling group {group.name} already has {POLICIES_MOST} scaling policies.")
    draft.groups[group.name] = replace(group, policies={**group.policies, name: given})
    shown = _show_policy(draft, group, name, given)
    return {"PolicyARN": shown["PolicyARN"], "Alarms": shown["Alarms"]}


def describe_policies(draft: Draft, params: Json) -> Json:
    """ECS's own is among them where it scales the group (aws.md 1.7)."""
    one = params.get("AutoScalingGroupName")
    groups = [group_of(draft, params)] if one else list(draft.groups.values())
    names, types = params.get("PolicyNames") or [], params.get("PolicyTypes") or []
    rows = [
        _show_policy(draft, group, name, policy)
        for group in groups
        for name, policy in sorted({**group.policies, **_managed(draft, group)}.items())
        if (not names or name in names) and (not types or policy["PolicyType"] in types)
    ]
    return paged("ScalingPolicies", rows, params, 50, 100)


def delete_policy(draft: Draft, params: Json) -> Json:
    group, name = group_of(draft, params), params["PolicyName"]
    left = _without(group.policies, name, f"Policy not found - ScalingPolicy {name} not found")
    draft.groups[group.name] = replace(group, policies=left)
    return {}


def _without(table: Mapping[str, Any], name: str, words: str) -> Json:
    """*table* less *name*; refused with *words* when it is not in it."""
    if name not in table:
        raise validation(words)
    return {key: one for key, one in table.items() if key != name}


def _tracking(given: Json) -> None:
    config = given.get("TargetTrackingConfiguration") or {}
    if bool(config.get("PredefinedMetricSpecification")) == bool(config.get("CustomizedMetricSpecification")):
        raise validation(
            "TargetTrackingConfiguration must have either PredefinedMetricSpecification or "
            "CustomizedMetricSpecification."
        )
    if float(config.get("TargetValue", 0)) <= 0:
        raise validation("TargetValue must be greater than 0.")
    config = {**config, "TargetValue": float(config["TargetValue"])}
    given["TargetTrackingConfiguration"] = {**config, "DisableScaleIn": bool(config.get("DisableScaleIn", False))}


def _stepping(given: Json) -> None:
    """Steps must meet: only the outer ends are open."""
    if not given.get("AdjustmentType"):
        raise validation("AdjustmentType must be specified for policy type StepScaling.")
    if not given.get("StepAdjustments"):
        raise validation("At least one StepAdjustment must be specified.")
    low, high = "MetricIntervalLowerBound", "MetricIntervalUpperBound"
    steps = [
        {key: int(value) if key == "ScalingAdjustment" else float(value) for key, value in one.items()}
        for one in given["StepAdjustments"]
    ]
    ordered = sorted(steps, key=lambda one: one.get(low, float("-inf")))
    if any(before.get(high) != after.get(low) or high not in before for before, after in pairwise(ordered)):
        raise validation("StepAdjustment intervals can't overlap or have gaps between them.")
    given["StepAdjustments"] = steps
    given.setdefault("MetricAggregationType", "Average")


def _show_policy(draft: Draft, group: Group, name: str, policy: Json) -> Json:
    arn = draft.arn("autoscaling", f"scalingPolicy:{_uuid(group.arn + name)}:autoScalingGroupName/{group.name}")
    sides = ["AlarmHigh"] if policy.get("TargetTrackingConfiguration", {}).get("DisableScaleIn") else []
    if policy["PolicyType"] == "TargetTrackingScaling":
        sides = sides or ["AlarmHigh", "AlarmLow"]
    alarms = [f"TargetTracking-{group.name}-{side}-{_uuid(name + side)}" for side in sides]
    warmup = policy.get("EstimatedInstanceWarmup")
    whole = {"EstimatedInstanceWarmup": int(warmup)} if warmup is not None else {}
    return {
        "AutoScalingGroupName": group.name,
        "PolicyName": name,
        "PolicyARN": f"{arn}:policyName/{name}",
        "Alarms": [{"AlarmName": one, "AlarmARN": draft.arn("cloudwatch", f"alarm:{one}")} for one in alarms],
        "StepAdjustments": [],
        "Enabled": True,
        **policy,
        **whole,
    }


def _managed(draft: Draft, group: Group) -> dict[str, Json]:
    provider = next(iter(draft.providers_of(group.name)), None)
    if provider is None or provider.scaling.get("status") != "ENABLED":
        return {}
    names = {"ClusterName": next((c.name for c in draft.clusters.values() if provider.name in c.providers), "")}
    dimensions = [
        {"Name": key, "Value": value} for key, value in {"CapacityProviderName": provider.name, **names}.items()
    ]
    metric = {
        "MetricName": "CapacityProviderReservation",
        "Namespace": "AWS/ECS/ManagedScaling",
        "Dimensions": dimensions,
        "Statistic": "Average",
    }
    config = {
        "CustomizedMetricSpecification": metric,
        "TargetValue": float(provider.scaling["targetCapacity"]),
        "DisableScaleIn": False,
    }
    policy: Json = {"PolicyType": "TargetTrackingScaling", "TargetTrackingConfiguration": config}
    return {f"ECSManagedAutoScalingPolicy-{_uuid(provider.arn)}": policy}


# ------------------------------------------------------------------------------------------------ schedules
def put_scheduled_update_group_action(draft: Draft, params: Json) -> Json:
    """An upsert; what is not given stays (autoscaling PutScheduledUpdateGroupAction)."""
    group, name = group_of(draft, params), params["ScheduledActionName"]
    given = {key: params[key] for key in ACTION if params.get(key) is not None}
    action = {**group.schedules.get(name, {}), **given}
    sizes = [int(action[key]) for key in SIZES if key in action]
    if not sizes:
        raise validation("At least one of the MinSize, MaxSize or DesiredCapacity parameters must be specified.")
    if sizes != sorted(sizes):
        raise validation("The sizes of a scheduled action must satisfy MinSize <= DesiredCapacity <= MaxSize.")
    if len(str(action.get("Recurrence", "* * * * *")).split()) != 5:
        raise validation(f"Given recurrence string:{action['Recurrence']} is invalid")
    whole = {key: int(value) if key in SIZES else value for key, value in action.items()}
    draft.groups[group.name] = replace(group, schedules={**group.schedules, name: {"StartTime": draft.now, **whole}})
    return {}


def describe_scheduled_actions(draft: Draft, params: Json) -> Json:
    one = params.get("AutoScalingGroupName")
    groups = [group_of(draft, params)] if one else list(draft.groups.values())
    names = params.get("ScheduledActionNames") or []
    rows = [
        {
            "AutoScalingGroupName": group.name,
            "ScheduledActionName": name,
            "ScheduledActionARN": draft.arn(
                "autoscaling",
                f"scheduledUpdateGroupAction:{_uuid(group.arn + name)}:autoScalingGroupName/{group.name}"
                f":scheduledActionName/{name}",
            ),
            **action,
        }
        for group in groups
        for name, action in sorted(group.schedules.items())
        if not names or name in names
    ]
    return paged("ScheduledUpdateGroupActions", rows, params, 50, 100)


def delete_scheduled_action(draft: Draft, params: Json) -> Json:
    group, name = group_of(draft, params), params["ScheduledActionName"]
    left = _without(group.schedules, name, f"Scheduled action name not found - Scheduled action {name} not found")
    draft.groups[group.name] = replace(group, schedules=left)
    return {}


def _uuid(text: str) -> str:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"
