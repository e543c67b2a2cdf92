"""The Auto Scaling API: instances of groups, and the activities that brought and took them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from controller.sandbox import asg
from controller.sandbox.api_asg_shapes import group_of, member_of, paged, show_member, validation
from controller.sandbox.world import Activity, Draft, Json, Member


def terminate_instance_in_auto_scaling_group(draft: Draft, params: Json) -> Json:
    """Asynchronous; runs hooks; protection does not stop it (aws.md 1.7, 1.10). Up to a hundred at once by group."""
    ids = params.get("InstanceIds") or [params.get("InstanceId", "")]
    if params.get("InstanceIds") and not params.get("AutoScalingGroupName"):
        raise validation("AutoScalingGroupName is required with InstanceIds.")
    if len(ids) > 100:
        raise validation(
            "1 validation error detected: Value at 'instanceIds' failed to satisfy constraint: at most 100"
        )
    members = [member_of(draft, one) for one in ids]
    if any(member.group != params.get("AutoScalingGroupName", member.group) for member in members):
        raise validation(f"Instances are not part of Auto Scaling group {params['AutoScalingGroupName']}.")
    shown = [_take_out(draft, member, shrink=bool(params["ShouldDecrementDesiredCapacity"])) for member in members]
    return {"Activities": shown} if params.get("InstanceIds") else {"Activity": shown[0]}


def _take_out(draft: Draft, member: Member, *, shrink: bool) -> Json:
    """Begin to terminate one; a decrement below the minimum is refused with AWS's words (aws.md 1.10)."""
    if asg.staying(member):
        group = draft.groups[member.group]
        if shrink and group.desired - 1 < group.min:
            raise validation(
                f"Currently, desiredSize equals minSize ({group.min}). Terminating instance without replacement will "
                "violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or "
                "lower group's min size."
            )
        if shrink:
            draft.groups[group.name] = replace(group, desired=group.desired - 1)
        asg.terminate(draft, member, "instance was taken out of service in response to a user request")
    activity = draft.members[member.id].activity
    return _show_activity(next((a for a in draft.activities if a.id == activity), draft.activities[-1]))


def describe_auto_scaling_instances(draft: Draft, params: Json) -> Json:
    ids = params.get("InstanceIds") or []
    found = [m for m in draft.members.values() if not ids or m.id in ids]
    rows = [{**show_member(m), "AutoScalingGroupName": m.group} for m in found]
    return paged("AutoScalingInstances", rows, params, 50, 50)


def describe_scaling_activities(draft: Draft, params: Json) -> Json:
    """Newest first; filtered by status or start on request (aws.md 3.4)."""
    name, ids = params.get("AutoScalingGroupName"), params.get("ActivityIds")
    if name is not None and name not in draft.groups and not any(a.group == name for a in draft.activities):
        group_of(draft, params)
    found = [a for a in reversed(draft.activities) if name in {None, a.group} and (not ids or a.id in ids)]
    for one in params.get("Filters") or []:
        values = one.get("Values", [])
        match one["Name"]:
            case "Status":
                found = [a for a in found if a.status in values]
            case "StartTimeLowerBound":
                found = [a for a in found if a.start >= datetime.fromisoformat(values[0])]
            case "StartTimeUpperBound":
                found = [a for a in found if a.start <= datetime.fromisoformat(values[0])]
            case unknown:
                raise validation(f"Filter type {unknown} is not correct.")
    return paged("Activities", [_show_activity(a) for a in found], params, 100, 100)


def set_instance_protection(draft: Draft, params: Json) -> Json:
    group, ids = group_of(draft, params), params["InstanceIds"]
    if len(ids) > 50:  # aws.md 1.7
        raise validation("1 validation error detected: Value at 'instanceIds' failed to satisfy constraint: at most 50")
    for name in ids:
        member = member_of(draft, name)
        if member.group != group.name or member.lifecycle != "InService":
            raise validation(f"The instance {name} is not part of Auto Scaling group {group.name} or not InService.")
        draft.members[name] = replace(member, protected=bool(params["ProtectedFromScaleIn"]))
    return {}


def set_instance_health(draft: Draft, params: Json) -> Json:
    member = member_of(draft, params["InstanceId"])
    draft.members[member.id] = replace(member, healthy=params["HealthStatus"].lower() == "healthy")
    return {}


def _show_activity(one: Activity) -> Json:
    shown: Json = {
        "ActivityId": one.id,
        "AutoScalingGroupName": one.group,
        "Description": one.description,
        "Cause": one.cause,
        "StartTime": one.start,
        "StatusCode": one.status,
        "Progress": 100 if one.end else 50,
        "Details": "{}",
    }
    if one.end:
        shown["EndTime"] = one.end
    if one.message:
        shown["StatusMessage"] = one.message
    return shown
