"""The Auto Scaling API: suspended processes and tags of groups."""

from __future__ import annotations

from dataclasses import replace

from controller.sandbox.api_asg_shapes import group_of, paged, show_tags, validation
from controller.sandbox.limits import too_much
from controller.sandbox.world import Draft, Json

PROCESSES = (
    "Launch", "Terminate", "AddToLoadBalancer", "AlarmNotification", "AZRebalance", "HealthCheck",
    "InstanceRefresh", "ReplaceUnhealthy", "ScheduledActions",
)  # fmt: skip


def suspend_processes(draft: Draft, params: Json) -> Json:
    group = group_of(draft, params)
    names = _processes(params)
    draft.groups[group.name] = replace(group, suspended=group.suspended | names)
    return {}


def resume_processes(draft: Draft, params: Json) -> Json:
    group = group_of(draft, params)
    names = _processes(params)
    draft.groups[group.name] = replace(group, suspended=group.suspended - names)
    return {}


def _processes(params: Json) -> frozenset[str]:
    """An empty list means all of them (aws.md 1.9)."""
    names = frozenset(params.get("ScalingProcesses") or PROCESSES)
    if unknown := names - set(PROCESSES):
        raise validation(f"Not a valid process: {', '.join(sorted(unknown))}")
    return names


def create_or_update_tags(draft: Draft, params: Json) -> Json:
    for tag in params["Tags"]:
        group = group_of(draft, {"AutoScalingGroupName": tag["ResourceId"]})
        value = (tag.get("Value", ""), bool(tag.get("PropagateAtLaunch")))
        tags = {**group.tags, tag["Key"]: value}
        if why := too_much({key: one for key, (one, _) in tags.items() if not key.startswith("aws:")}):
            raise validation(why)
        draft.groups[group.name] = replace(group, tags=tags)
    return {}


def delete_tags(draft: Draft, params: Json) -> Json:
    for tag in params["Tags"]:
        group = group_of(draft, {"AutoScalingGroupName": tag["ResourceId"]})
        draft.groups[group.name] = replace(group, tags={k: v for k, v in group.tags.items() if k != tag["Key"]})
    return {}


def describe_tags(draft: Draft, params: Json) -> Json:
    wanted = {f["Name"]: set(f.get("Values", [])) for f in params.get("Filters") or []}
    groups = wanted.get("auto-scaling-group")
    rows = [tag for g in draft.groups.values() if groups is None or g.name in groups for tag in show_tags(g)]
    keys = wanted.get("key")
    return paged("Tags", [t for t in rows if keys is None or t["Key"] in keys], params, 50, 100)
