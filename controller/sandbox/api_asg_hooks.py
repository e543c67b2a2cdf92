"""The Auto Scaling API: lifecycle hooks and the actions they hold (aws.md 1.11)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from controller.sandbox import asg
from controller.sandbox.api_asg_shapes import group_of, validation
from controller.sandbox.world import Draft, Group, Hook, Json, Member


def put_lifecycle_hook(draft: Draft, params: Json) -> Json:
    group, hook = group_of(draft, params), hook_of(params)
    others = tuple(one for one in group.hooks if one.name != hook.name)
    draft.groups[group.name] = replace(group, hooks=(*others, hook))
    return {}


def describe_lifecycle_hooks(draft: Draft, params: Json) -> Json:
    group, names = group_of(draft, params), params.get("LifecycleHookNames")
    return {"LifecycleHooks": [_show_hook(group, h) for h in group.hooks if not names or h.name in names]}


def delete_lifecycle_hook(draft: Draft, params: Json) -> Json:
    """Outstanding actions end: ABANDON for launches, CONTINUE for terminations (aws.md 1.11)."""
    group, name = group_of(draft, params), params["LifecycleHookName"]
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
    group, name = group_of(draft, params), params["LifecycleHookName"]
    instance, token = params.get("InstanceId"), params.get("LifecycleActionToken")
    for member in asg.members_of(draft, group.name):
        for pause in member.pauses:
            if pause.hook == name and (member.id == instance or (instance is None and pause.token == token)):
                return member
    what = f"instance ID {instance}" if instance else f"token {token}"
    raise validation(f"No active Lifecycle Action found with {what}")


def _show_hook(group: Group, hook: Hook) -> Json:
    return {
        "LifecycleHookName": hook.name,
        "AutoScalingGroupName": group.name,
        "LifecycleTransition": f"autoscaling:EC2_INSTANCE_{hook.transition}",
        "HeartbeatTimeout": int(hook.heartbeat.total_seconds()),
        "GlobalTimeout": int(min(asg.GLOBAL_LIMIT, 100 * hook.heartbeat).total_seconds()),
        "DefaultResult": hook.default_result,
    }


def hook_of(params: Json) -> Hook:
    transition = str(params.get("LifecycleTransition", "")).removeprefix("autoscaling:EC2_INSTANCE_")
    if transition not in {"LAUNCHING", "TERMINATING"}:
        raise validation(f"Invalid lifecycle transition {params.get('LifecycleTransition')}")
    beat = int(params.get("HeartbeatTimeout") or 3600)
    if not 30 <= beat <= 7200:
        raise validation("HeartbeatTimeout must be between 30 and 7200 seconds")
    return Hook(
        params["LifecycleHookName"], transition, timedelta(seconds=beat), params.get("DefaultResult") or "ABANDON"
    )
