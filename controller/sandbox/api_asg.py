"""The Auto Scaling API in front of the world: parameters and answers as boto3 spells them, AWS's words for errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from controller.sandbox import asg
from controller.sandbox.world import Activity, ApiError, Draft, Group, Hook, Json, Member

PROCESSES = (
    "Launch", "Terminate", "AddToLoadBalancer", "AlarmNotification", "AZRebalance", "HealthCheck",
    "InstanceRefresh", "ReplaceUnhealthy", "ScheduledActions",
)  # fmt: skip
KEPT = (
    "DefaultCooldown", "HealthCheckType", "HealthCheckGracePeriod", "TerminationPolicies", "CapacityRebalance",
    "DefaultInstanceWarmup", "MaxInstanceLifetime", "InstanceMaintenancePolicy", "Context", "DesiredCapacityType",
    "PlacementGroup", "AvailabilityZoneDistribution", "ServiceLinkedRoleARN",
)  # fmt: skip


def validation(message: str) -> ApiError:
    return ApiError("ValidationError", message)


def _group(draft: Draft, params: Json) -> Group:
    name = params.get("AutoScalingGroupName", "")
    found = draft.groups.get(name)
    if found is None:
        raise validation(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
    return found


def _member(draft: Draft, name: str) -> Member:
    found = draft.members.get(name)
    if found is None:
        raise validation(f"Instance Id not found - No managed instance found for instance ID: {name}")
    return found


# ------------------------------------------------------------------------------------------------ groups
def create_auto_scaling_group(draft: Draft, params: Json) -> Json:
    name = params["AutoScalingGroupName"]
    if name in draft.groups:
        raise ApiError(
            "AlreadyExists",
            f"AutoScalingGroup by this name already exists - A group with the name {name} already exists",
        )
    low, high = int(params["MinSize"]), int(params["MaxSize"])
    desired = int(params.get("DesiredCapacity", low))
    _check_sizes(low, high, desired)
    template_id, template_name, version = _template(draft, params)
    subnets = _subnets(draft, params.get("VPCZoneIdentifier", ""))
    group = Group(
        name,
        draft.arn("autoscaling", f"autoScalingGroup:{_uuid(draft)}:autoScalingGroupName/{name}"),
        template_id,
        template_name,
        version,
        low,
        high,
        desired,
        subnets,
        draft.now,
        {t["Key"]: (t.get("Value", ""), bool(t.get("PropagateAtLaunch"))) for t in params.get("Tags", [])},
        tuple(_hook(one) for one in params.get("LifecycleHookSpecificationList", [])),
        protect_new=bool(params.get("NewInstancesProtectedFromScaleIn")),
        extra={key: params[key] for key in KEPT if params.get(key) is not None},
    )
    draft.groups[name] = group
    return {}


def update_auto_scaling_group(draft: Draft, params: Json) -> Json:
    """Unspecified properties stay; a bound that passes desired takes it along (aws.md 3.1)."""
    group = _group(draft, params)
    low, high = int(params.get("MinSize", group.min)), int(params.get("MaxSize", group.max))
    desired = int(params.get("DesiredCapacity", min(max(group.desired, low), high)))
    _check_sizes(low, high, desired)
    changed = replace(
        group,
        min=low,
        max=high,
        desired=desired,
        protect_new=bool(params.get("NewInstancesProtectedFromScaleIn", group.protect_new)),
        extra={**group.extra, **{key: params[key] for key in KEPT if params.get(key) is not None}},
    )
    if params.get("LaunchTemplate") or params.get("MixedInstancesPolicy"):
        template_id, template_name, version = _template(draft, params)
        changed = replace(changed, template_id=template_id, template_name=template_name, version=version)
    if params.get("VPCZoneIdentifier"):
        changed = replace(changed, subnets=_subnets(draft, params["VPCZoneIdentifier"]))
    draft.groups[group.name] = changed
    return {}


def delete_auto_scaling_group(draft: Draft, params: Json) -> Json:
    """Refused while instances are left, unless forced; forcing ends outstanding lifecycle actions (aws.md 5.4)."""
    group = _group(draft, params)
    members = asg.members_of(draft, group.name)
    if members and not params.get("ForceDelete"):
        raise ApiError(
            "ResourceInUse",
            "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) "
            "still in the group.",
        )
    draft.groups[group.name] = replace(group, deleting=True, min=0, desired=0, hooks=())
    for member in members:
        if member.lifecycle.endswith(":Wait"):
            draft.members[member.id] = replace(member, lifecycle="Terminating:Proceed", pauses=(), since=draft.now)
    return {}


def describe_auto_scaling_groups(draft: Draft, params: Json) -> Json:
    names, filters = params.get("AutoScalingGroupNames") or [], params.get("Filters") or []
    found = [g for g in draft.groups.values() if (not names or g.name in names) and _matches(g, filters)]
    rows = [_show_group(draft, g) for g in found]
    if params.get("IncludeInstances") is False:  # the lighter read (aws.md 3.1)
        rows = [{**row, "Instances": []} for row in rows]
    return _paged("AutoScalingGroups", rows, params, 50, 100)


def set_desired_capacity(draft: Draft, params: Json) -> Json:
    group, wanted = _group(draft, params), int(params["DesiredCapacity"])
    if wanted > group.max:
        raise validation(
            f"New SetDesiredCapacity value {wanted} is above max value {group.max} for the AutoScalingGroup."
        )
    if wanted < group.min:
        raise validation(
            f"New SetDesiredCapacity value {wanted} is below min value {group.min} for the AutoScalingGroup."
        )
    draft.groups[group.name] = replace(group, desired=wanted)
    return {}


def terminate_instance_in_auto_scaling_group(draft: Draft, params: Json) -> Json:
    """Asynchronous; runs hooks; protection does not stop it (aws.md 1.7, 1.10). Up to a hundred at once by group."""
    ids = params.get("InstanceIds") or [params.get("InstanceId", "")]
    if params.get("InstanceIds") and not params.get("AutoScalingGroupName"):
        raise validation("AutoScalingGroupName is required with InstanceIds.")
    if len(ids) > 100:
        raise validation(
            "1 validation error detected: Value at 'instanceIds' failed to satisfy constraint: at most 100"
        )
    members = [_member(draft, one) for one in ids]
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
    rows = [{**_show_member(m), "AutoScalingGroupName": m.group} for m in found]
    return _paged("AutoScalingInstances", rows, params, 50, 50)


def describe_scaling_activities(draft: Draft, params: Json) -> Json:
    """Newest first; filtered by status or start on request (aws.md 3.4)."""
    name, ids = params.get("AutoScalingGroupName"), params.get("ActivityIds")
    if name is not None and name not in draft.groups and not any(a.group == name for a in draft.activities):
        _group(draft, params)
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
    return _paged("Activities", [_show_activity(a) for a in found], params, 100, 100)


# ------------------------------------------------------------------------------------------------ settings
def suspend_processes(draft: Draft, params: Json) -> Json:
    group = _group(draft, params)
    names = _processes(params)
    draft.groups[group.name] = replace(group, suspended=group.suspended | names)
    return {}


def resume_processes(draft: Draft, params: Json) -> Json:
    group = _group(draft, params)
    names = _processes(params)
    draft.groups[group.name] = replace(group, suspended=group.suspended - names)
    return {}


def _processes(params: Json) -> frozenset[str]:
    """An empty list means all of them (aws.md 1.9)."""
    names = frozenset(params.get("ScalingProcesses") or PROCESSES)
    if unknown := names - set(PROCESSES):
        raise validation(f"Not a valid process: {', '.join(sorted(unknown))}")
    return names


def set_instance_protection(draft: Draft, params: Json) -> Json:
    group, ids = _group(draft, params), params["InstanceIds"]
    if len(ids) > 50:  # aws.md 1.7
        raise validation("1 validation error detected: Value at 'instanceIds' failed to satisfy constraint: at most 50")
    for name in ids:
        member = _member(draft, name)
        if member.group != group.name or member.lifecycle != "InService":
            raise validation(f"The instance {name} is not part of Auto Scaling group {group.name} or not InService.")
        draft.members[name] = replace(member, protected=bool(params["ProtectedFromScaleIn"]))
    return {}


def set_instance_health(draft: Draft, params: Json) -> Json:
    member = _member(draft, params["InstanceId"])
    draft.members[member.id] = replace(member, healthy=params["HealthStatus"].lower() == "healthy")
    return {}


def create_or_update_tags(draft: Draft, params: Json) -> Json:
    for tag in params["Tags"]:
        group = _group(draft, {"AutoScalingGroupName": tag["ResourceId"]})
        value = (tag.get("Value", ""), bool(tag.get("PropagateAtLaunch")))
        draft.groups[group.name] = replace(group, tags={**group.tags, tag["Key"]: value})
    return {}


def delete_tags(draft: Draft, params: Json) -> Json:
    for tag in params["Tags"]:
        group = _group(draft, {"AutoScalingGroupName": tag["ResourceId"]})
        draft.groups[group.name] = replace(group, tags={k: v for k, v in group.tags.items() if k != tag["Key"]})
    return {}


def describe_tags(draft: Draft, params: Json) -> Json:
    wanted = {f["Name"]: set(f.get("Values", [])) for f in params.get("Filters") or []}
    groups = wanted.get("auto-scaling-group")
    rows = [tag for g in draft.groups.values() if groups is None or g.name in groups for tag in _show_tags(g)]
    keys = wanted.get("key")
    return _paged("Tags", [t for t in rows if keys is None or t["Key"] in keys], params, 50, 100)


# ------------------------------------------------------------------------------------------------ hooks
def put_lifecycle_hook(draft: Draft, params: Json) -> Json:
    group, hook = _group(draft, params), _hook(params)
    others = tuple(one for one in group.hooks if one.name != hook.name)
    draft.groups[group.name] = replace(group, hooks=(*others, hook))
    return {}


def describe_lifecycle_hooks(draft: Draft, params: Json) -> Json:
    group, names = _group(draft, params), params.get("LifecycleHookNames")
    return {"LifecycleHooks": [_show_hook(group, h) for h in group.hooks if not names or h.name in names]}


def delete_lifecycle_hook(draft: Draft, params: Json) -> Json:
    """Outstanding actions end: ABANDON for launches, CONTINUE for terminations (aws.md 1.11)."""
    group, name = _group(draft, params), params["LifecycleHookName"]
    draft.groups[group.name] = replace(group, hooks=tuple(h for h in group.hooks if h.name != name))
    for member in asg.members_of(draft, group.name):
        if any(pause.hook == name for pause in member.pauses):
            launching = member.lifecycle.startswith("Pending")
            asg.complete(draft, member, name, "ABANDON" if launching else "CONTINUE")
    return {}


def complete_lifecycle_action(draft: Draft, params: Json) -> Json:
    member = _held(draft, params)
    asg.complete(draft, member, params["LifecycleHookName"], params["LifecycleActionResult"])
    return {}


def record_lifecycle_action_heartbeat(draft: Draft, params: Json) -> Json:
    member, name = _held(draft, params), params["LifecycleHookName"]
    hook = next(h for h in draft.groups[member.group].hooks if h.name == name)
    pauses = tuple(replace(p, deadline=draft.now + hook.heartbeat) if p.hook == name else p for p in member.pauses)
    draft.members[member.id] = replace(member, pauses=pauses)
    return {}


def _held(draft: Draft, params: Json) -> Member:
    group, name = _group(draft, params), params["LifecycleHookName"]
    instance, token = params.get("InstanceId"), params.get("LifecycleActionToken")
    for member in asg.members_of(draft, group.name):
        for pause in member.pauses:
            if pause.hook == name and (member.id == instance or (instance is None and pause.token == token)):
                return member
    what = f"instance ID {instance}" if instance else f"token {token}"
    raise validation(f"No active Lifecycle Action found with {what}")


# ------------------------------------------------------------------------------------------------ nothing of it here
def _empty(result: str) -> Callable[[Draft, Json], Json]:
    """A feature these groups never have: the answer is an empty list (other clients ask; reference/speed.md)."""

    def answer(draft: Draft, params: Json) -> Json:
        if params.get("AutoScalingGroupName"):
            _group(draft, params)
        return {result: []}

    return answer


def _accepted(draft: Draft, params: Json) -> Json:
    _group(draft, params)
    return {}


def start_instance_refresh(draft: Draft, params: Json) -> Json:
    _group(draft, params)
    raise ApiError("UnknownOperationException", "the sandbox runs no instance refresh; see README, limits")


# ------------------------------------------------------------------------------------------------ shapes
def _show_group(draft: Draft, group: Group) -> Json:
    zones = sorted({draft.catalog.zone(subnet) for subnet in group.subnets})
    shown: Json = {
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
        "LaunchTemplate": {
            "LaunchTemplateId": group.template_id,
            "LaunchTemplateName": group.template_name,
            "Version": group.version,
        },
        "MinSize": group.min,
        "MaxSize": group.max,
        "DesiredCapacity": group.desired,
        "DefaultCooldown": 300,
        "AvailabilityZones": zones,
        "LoadBalancerNames": [],
        "TargetGroupARNs": [],
        "TrafficSources": [],
        "HealthCheckType": "EC2",
        "HealthCheckGracePeriod": 0,
        "Instances": [_show_member(m) for m in asg.members_of(draft, group.name)],
        "CreatedTime": group.created,
        "SuspendedProcesses": [
            {"ProcessName": name, "SuspensionReason": f"User suspended at {group.created:%Y-%m-%dT%H:%M:%SZ}"}
            for name in sorted(group.suspended)
        ],
        "VPCZoneIdentifier": ",".join(group.subnets),
        "EnabledMetrics": [],
        "Tags": _show_tags(group),
        "TerminationPolicies": ["Default"],
        "NewInstancesProtectedFromScaleIn": group.protect_new,
        "ServiceLinkedRoleARN": f"arn:aws:iam::{draft.world.account}:role/aws-service-role/autoscaling.amazonaws.com/"
        "AWSServiceRoleForAutoScaling",
        **group.extra,
    }
    if group.deleting:
        shown["Status"] = "Delete in progress"
    return shown


def _show_member(member: Member) -> Json:
    return {
        "InstanceId": member.id,
        "InstanceType": member.type,
        "AvailabilityZone": member.zone,
        "LifecycleState": member.lifecycle,
        "HealthStatus": "Healthy" if member.healthy else "Unhealthy",
        "LaunchTemplate": {
            "LaunchTemplateId": member.template_id,
            "LaunchTemplateName": member.template_name,
            "Version": member.version,
        },
        "ProtectedFromScaleIn": member.protected,
    }


def _show_tags(group: Group) -> list[Json]:
    return [
        {
            "ResourceId": group.name,
            "ResourceType": "auto-scaling-group",
            "Key": key,
            "Value": value,
            "PropagateAtLaunch": propagate,
        }
        for key, (value, propagate) in sorted(group.tags.items())
    ]


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


def _show_hook(group: Group, hook: Hook) -> Json:
    return {
        "LifecycleHookName": hook.name,
        "AutoScalingGroupName": group.name,
        "LifecycleTransition": f"autoscaling:EC2_INSTANCE_{hook.transition}",
        "HeartbeatTimeout": int(hook.heartbeat.total_seconds()),
        "GlobalTimeout": int(min(asg.GLOBAL_LIMIT, 100 * hook.heartbeat).total_seconds()),
        "DefaultResult": hook.default_result,
    }


def _hook(params: Json) -> Hook:
    transition = str(params.get("LifecycleTransition", "")).removeprefix("autoscaling:EC2_INSTANCE_")
    if transition not in {"LAUNCHING", "TERMINATING"}:
        raise validation(f"Invalid lifecycle transition {params.get('LifecycleTransition')}")
    beat = int(params.get("HeartbeatTimeout") or 3600)
    if not 30 <= beat <= 7200:
        raise validation("HeartbeatTimeout must be between 30 and 7200 seconds")
    return Hook(
        params["LifecycleHookName"], transition, timedelta(seconds=beat), params.get("DefaultResult") or "ABANDON"
    )


def _template(draft: Draft, params: Json) -> tuple[str, str, str]:
    """(id, name, version as given); AWS checks at once that it could be launched (aws.md 3.2)."""
    given = params.get("LaunchTemplate")
    if not given:
        raise validation("Valid requests must contain either LaunchTemplate, LaunchConfigurationName or InstanceId.")
    version = str(given.get("Version") or "$Default")
    try:
        template = draft.catalog.template(given.get("LaunchTemplateId") or given.get("LaunchTemplateName"), version)
        draft.catalog.check_launch(template)
    except ApiError as error:
        raise validation(f"You must use a valid fully-formed launch template. {error.message}") from error
    return template.id, template.name, version


def _subnets(draft: Draft, text: str) -> tuple[str, ...]:
    subnets = tuple(part.strip() for part in text.split(",") if part.strip())
    if not subnets:
        raise validation("At least one Availability Zone or VPC Subnet is required.")
    for subnet in subnets:
        try:
            draft.catalog.zone(subnet)
        except ApiError as error:
            raise validation(f"The subnet ID '{subnet}' does not exist") from error
    return subnets


def _check_sizes(low: int, high: int, desired: int) -> None:
    if low > high:
        raise validation(f"Min bound, {low}, must be less than or equal to max bound, {high}")
    if desired < low:
        raise validation(f"Desired capacity:{desired} must be between the specified min size:{low} and max size:{high}")
    if desired > high:
        raise validation(f"Desired capacity:{desired} must be between the specified min size:{low} and max size:{high}")


def _matches(group: Group, filters: list[Json]) -> bool:
    for one in filters:
        name, values = one["Name"], set(one.get("Values", []))
        if name.startswith("tag:"):
            ok = group.tags.get(name[4:], ("", False))[0] in values if name[4:] in group.tags else False
        elif name == "tag-key":
            ok = bool(values & set(group.tags))
        else:
            ok = bool(values & {value for value, _ in group.tags.values()})
        if not ok:
            return False
    return True


def _paged(result: str, rows: list[Json], params: Json, default: int, most: int) -> Json:
    size = int(params.get("MaxRecords") or default)
    if size > most:
        raise validation(f"1 validation error detected: Value '{size}' at 'maxRecords' must be at most {most}")
    start = int(params.get("NextToken") or 0)
    answer: Json = {result: rows[start : start + size]}
    if start + size < len(rows):
        answer["NextToken"] = str(start + size)
    return answer


def _uuid(draft: Draft) -> str:
    text = draft.fresh(32)
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


ACTIONS: Mapping[str, Callable[[Draft, Json], Any]] = {
    "CreateAutoScalingGroup": create_auto_scaling_group,
    "UpdateAutoScalingGroup": update_auto_scaling_group,
    "DeleteAutoScalingGroup": delete_auto_scaling_group,
    "DescribeAutoScalingGroups": describe_auto_scaling_groups,
    "SetDesiredCapacity": set_desired_capacity,
    "TerminateInstanceInAutoScalingGroup": terminate_instance_in_auto_scaling_group,
    "DescribeAutoScalingInstances": describe_auto_scaling_instances,
    "DescribeScalingActivities": describe_scaling_activities,
    "SuspendProcesses": suspend_processes,
    "ResumeProcesses": resume_processes,
    "SetInstanceProtection": set_instance_protection,
    "SetInstanceHealth": set_instance_health,
    "CreateOrUpdateTags": create_or_update_tags,
    "DeleteTags": delete_tags,
    "DescribeTags": describe_tags,
    "PutLifecycleHook": put_lifecycle_hook,
    "DescribeLifecycleHooks": describe_lifecycle_hooks,
    "DeleteLifecycleHook": delete_lifecycle_hook,
    "CompleteLifecycleAction": complete_lifecycle_action,
    "RecordLifecycleActionHeartbeat": record_lifecycle_action_heartbeat,
    "DescribePolicies": _empty("ScalingPolicies"),
    "DescribeInstanceRefreshes": _empty("InstanceRefreshes"),
    "DescribeScheduledActions": _empty("ScheduledUpdateGroupActions"),
    "DescribeNotificationConfigurations": _empty("NotificationConfigurations"),
    "DescribeTrafficSources": _empty("TrafficSources"),
    "DescribeLoadBalancerTargetGroups": _empty("LoadBalancerTargetGroups"),
    "DescribeLoadBalancers": _empty("LoadBalancers"),
    "DescribeWarmPool": _empty("Instances"),
    "EnableMetricsCollection": _accepted,
    "DisableMetricsCollection": _accepted,
    "StartInstanceRefresh": start_instance_refresh,
}
