"""The Auto Scaling API: groups, their sizes and what they launch, as boto3 spells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from controller.sandbox import asg
from controller.sandbox.api_asg_hooks import hook_of
from controller.sandbox.api_asg_mixed import launched, priced, show_launched
from controller.sandbox.api_asg_shapes import group_of, paged, show_member, show_tags, validation
from controller.sandbox.world import ApiError, Draft, Group, Json

KEPT = (
    "DefaultCooldown", "HealthCheckType", "HealthCheckGracePeriod", "TerminationPolicies", "CapacityRebalance",
    "DefaultInstanceWarmup", "MaxInstanceLifetime", "InstanceMaintenancePolicy", "Context", "DesiredCapacityType",
    "PlacementGroup", "AvailabilityZoneDistribution", "ServiceLinkedRoleARN",
)  # fmt: skip


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
    template_id, template_name, version, types, shares = launched(draft, params)
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
        tuple(hook_of(one) for one in params.get("LifecycleHookSpecificationList", [])),
        protect_new=bool(params.get("NewInstancesProtectedFromScaleIn")),
        extra=_extra({}, params),
        types=types,
        shares=shares,
    )
    draft.groups[name] = group
    return {}


def update_auto_scaling_group(draft: Draft, params: Json) -> Json:
    """Unspecified properties stay; a bound that passes desired takes it along (aws.md 3.1)."""
    group = group_of(draft, params)
    low, high = int(params.get("MinSize", group.min)), int(params.get("MaxSize", group.max))
    desired = int(params.get("DesiredCapacity", min(max(group.desired, low), high)))
    _check_sizes(low, high, desired)
    changed = replace(
        group,
        min=low,
        max=high,
        desired=desired,
        protect_new=bool(params.get("NewInstancesProtectedFromScaleIn", group.protect_new)),
        extra=_extra(group.extra, params),
    )
    if params.get("LaunchTemplate") or params.get("MixedInstancesPolicy"):
        template_id, template_name, version, types, shares = launched(draft, params)
        changed = replace(changed, template_id=template_id, template_name=template_name, version=version)
        changed = replace(changed, types=types, shares=priced(group.shares, shares))
    if params.get("VPCZoneIdentifier"):
        changed = replace(changed, subnets=_subnets(draft, params["VPCZoneIdentifier"]))
    draft.groups[group.name] = changed
    return {}


def delete_auto_scaling_group(draft: Draft, params: Json) -> Json:
    """Refused while instances are left, unless forced; forcing ends outstanding lifecycle actions (aws.md 5.4)."""
    group = group_of(draft, params)
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
    return paged("AutoScalingGroups", rows, params, 50, 100)


def set_desired_capacity(draft: Draft, params: Json) -> Json:
    group, wanted = group_of(draft, params), int(params["DesiredCapacity"])
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


def _show_group(draft: Draft, group: Group) -> Json:
    zones = sorted({draft.catalog.zone(subnet) for subnet in group.subnets})
    shown: Json = {
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
        **show_launched(group),
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
        "Instances": [show_member(m) for m in asg.members_of(draft, group.name)],
        "CreatedTime": group.created,
        "SuspendedProcesses": [
            {"ProcessName": name, "SuspensionReason": f"User suspended at {group.created:%Y-%m-%dT%H:%M:%SZ}"}
            for name in sorted(group.suspended)
        ],
        "VPCZoneIdentifier": ",".join(group.subnets),
        "EnabledMetrics": [],
        "Tags": show_tags(group),
        "TerminationPolicies": ["Default"],
        "NewInstancesProtectedFromScaleIn": group.protect_new,
        "ServiceLinkedRoleARN": f"arn:aws:iam::{draft.world.account}:role/aws-service-role/autoscaling.amazonaws.com/"
        "AWSServiceRoleForAutoScaling",
        **group.extra,
    }
    if group.deleting:
        shown["Status"] = "Delete in progress"
    return shown


def _extra(have: Mapping[str, Any], params: Json) -> Json:
    """Settings that are kept and echoed, those of *params* over those there are. A maintenance policy of -1 and -1 is
    none any more (aws.md 3.1), as are a warmup of -1 and a lifetime of 0."""
    kept = {**have, **{key: params[key] for key in KEPT if params.get(key) is not None}}
    for key, none in (("DefaultInstanceWarmup", -1), ("MaxInstanceLifetime", 0)):
        if key in kept and int(kept[key]) == none:
            del kept[key]
    given = params.get("InstanceMaintenancePolicy")
    if given is not None:
        least, most = int(given.get("MinHealthyPercentage", -1)), int(given.get("MaxHealthyPercentage", -1))
        kept["InstanceMaintenancePolicy"] = {"MinHealthyPercentage": least, "MaxHealthyPercentage": most}
        if (least, most) == (-1, -1):
            del kept["InstanceMaintenancePolicy"]
        elif not (0 <= least <= 100 <= most <= 200 and most - least <= 100):
            raise validation(
                f"Invalid InstanceMaintenancePolicy: MinHealthyPercentage {least} must be from 0 to 100, "
                f"MaxHealthyPercentage {most} from 100 to 200, and they must not differ by more than 100."
            )
    return kept


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


def _uuid(draft: Draft) -> str:
    text = draft.fresh(32)
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
