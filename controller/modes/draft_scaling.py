"""The part of a drafted spec that moves numbers: policies, schedules and hooks of groups, scaling of services. Pure.

What hangs on a group has no tags: ours is told by its name. Of another name it stays where it is, whatever a spec says.
"""

from __future__ import annotations

import re
from typing import Any

from controller.aws.bystanders import OF_ECS
from controller.aws.survey import Item, Survey
from controller.modes.draft_model import NAME, Draft, number
from controller.resources.lifecycle_hook import parse_hook
from controller.resources.scaling_policy import OF_CLUSTER, PREDEFINED, STEPS, Tracking
from controller.resources.scaling_policy import parse_policy as parse_group_policy
from controller.resources.scheduled_action import UNSET, parse_action
from controller.resources.service_scaling_policy import METRICS, TRACKING, parse_policy

FIGURES = {metric: figure for figure, metric in METRICS.items()}
PERCENT = 100


def moved(found: Survey, group: str, pool: str, into: Draft, *, managed: bool) -> dict[str, Any]:
    """The policies, schedules and hooks of *group*; *managed*: ECS moves its size, and then nobody else does."""
    said: dict[str, Any] = {}
    policies: dict[str, Any] = {}
    whole = [
        *(("scaling policy", str(one["PolicyName"]), _policy(found, one)) for one in found.parts.policies[group]),
        *(
            ("scheduled action", str(one["ScheduledActionName"]), _schedule(one))
            for one in found.parts.schedules[group]
        ),
    ]
    for what, live, policy in sorted(whole, key=lambda one: one[:2]):
        if live.startswith(OF_ECS):
            continue
        if managed or policy is None:
            why = "ECS moves the size of the group" if managed else "no spec can say it"
            into.notes.append(f"pool {pool}: the {what} {live} is not written, and {_stays(live, pool, into)}: {why}")
            continue
        name, ours = _part_name(found, live, pool, policies, into)
        policies[name] = policy
        if not ours:
            alarm = ", and its alarm names that one" if "steps" in policy else ""
            into.notes.append(
                f"pool {pool}: apply makes a {what} {into.document['stack']}-{pool}-{name} beside {live}, which "
                f"{_stays(live, pool, into)}: delete it when the other is there{alarm}"
            )
    if policies:
        said["scaling_policies"] = policies
    hooks: dict[str, Any] = {}
    for item in sorted(found.parts.hooks[group], key=lambda one: str(one["LifecycleHookName"])):
        live, hook = str(item["LifecycleHookName"]), parse_hook(item, "").as_desired
        if live.startswith(OF_ECS):
            continue
        name, ours = _part_name(found, live, pool, hooks, into)
        if not ours:  # a second one beside it would be answered by nobody
            into.notes.append(f"pool {pool}: the lifecycle hook {live} is not written, and {_stays(live, pool, into)}")
            continue
        hooks[name] = {"on": hook.on.lower(), "heartbeat": f"{hook.heartbeat}s", "default": hook.default.lower()}
    if hooks:
        said["lifecycle_hooks"] = hooks
    return said


def _stays(live: str, pool: str, into: Draft) -> str:
    """What becomes of that which no spec says: of a name like ours it is taken for what left the spec."""
    ours = f"{into.document['stack']}-{pool}-"
    return _orphaned(ours) if live.startswith(ours) else "stays as it is"


def _orphaned(ours: str) -> str:
    return f"stays until `apply --prune` deletes it, as its name begins with {ours}"


def _part_name(found: Survey, live: str, pool: str, taken: dict[str, Any], into: Draft) -> tuple[str, bool]:
    """What the spec calls it, and whether its live name follows from that."""
    ours = f"{into.document['stack']}-{pool}-"
    name = live.removeprefix(ours)
    if live.startswith(ours) and re.fullmatch(NAME, name) and name not in taken:
        return name, True
    words = re.sub("[^a-z0-9]+", "-", live.removeprefix(found.prefix).lower())
    name = re.sub("^[^a-z]+", "", words)[:20].strip("-") or "main"
    while name in taken:
        name += "x"
    return name, False


def _policy(found: Survey, item: Item) -> dict[str, Any] | None:
    one = parse_group_policy(item, "").as_desired
    warmup = {"warmup": f"{one.warmup}s"} if "EstimatedInstanceWarmup" in item else {}
    if one.others:
        return None
    if item.get("PolicyType") == STEPS and one.steps:
        steps = []
        for low, high, add in sorted(one.steps, key=lambda step: float("-inf") if step[0] is None else step[0]):
            ends = {"from": low, "to": high}
            steps.append({**{key: number(end) for key, end in ends.items() if end is not None}, "add": add})
        return {"steps": steps, **warmup}
    cluster = found.cluster["clusterName"]
    metrics = {f"AWS/ECS {name} Average ClusterName={cluster}": word for word, name in OF_CLUSTER.items()}
    metrics[PREDEFINED] = "cpu_utilization"
    if not isinstance(one.tracking, Tracking) or one.tracking.metric not in metrics:
        return None
    if not 1 <= one.tracking.target <= PERCENT:
        return None
    said = {"target": number(one.tracking.target), "metric": metrics[one.tracking.metric], **warmup}
    return said if one.tracking.scale_in else {**said, "scale_in": False}


def _schedule(item: Item) -> dict[str, Any] | None:
    one = parse_action(item, "").as_desired
    sizes = {"min": one.min, "max": one.max, "desired": one.desired}
    size = {name: value for name, value in sizes.items() if value != UNSET}
    if len(one.schedule.split()) != 5 or one.ends or not size:
        return None
    return {"schedule": one.schedule, **({"timezone": one.timezone} if one.timezone != "UTC" else {}), "size": size}


def scaled(found: Survey, item: Item, name: str, said: dict[str, Any], into: Draft) -> None:
    """What Application Auto Scaling does with a service: between which bounds, and what its number follows."""
    live = str(item["serviceName"])
    target = found.parts.scaled.get(live)
    if target is None:
        return
    low, high = int(target["MinCapacity"]), int(target["MaxCapacity"])
    off = sorted(what for what, value in (target.get("SuspendedState") or {}).items() if value is True)
    follows: dict[str, Any] = {}
    cooldowns: set[tuple[int, int]] = set()
    for policy in sorted(found.parts.service_policies[live], key=lambda one: str(one["PolicyName"])):
        one = parse_policy(policy, None).as_desired
        figure = FIGURES.get(one.metric, "")
        sayable = policy["PolicyType"] == TRACKING and figure and f"target_{figure}" not in follows and one.scales_in
        most = PERCENT if figure != "requests" else 1_000_000
        if not sayable or not 1 <= one.target <= most or (figure == "requests" and "route" not in said):
            ours = f"{into.document['stack']}-"
            told = one.name.startswith(ours) and one.name.rpartition("-")[2] in METRICS
            stays = _orphaned(ours) if told and policy["PolicyType"] == TRACKING else "stays as it is"
            into.notes.append(f"service {name}: the scaling policy {one.name} is not written, and {stays}")
            continue
        follows[f"target_{figure}"] = number(one.target)
        into.names[f"service_scaling_policy/{name}-{figure}"] = one.name
        cooldowns.add((one.scale_in_cooldown, one.scale_out_cooldown))
    into.notes += [
        f"service {name}: the scheduled action {one['ScheduledActionName']} is not written, and stays as it is"
        for one in found.parts.service_schedules[live]
    ]
    if not follows:
        into.notes.append(
            f"service {name} is scaled by others from {low} to {high}: write `scaling` to take that over, or the count "
            "stays theirs"
        )
        return
    slow_in, slow_out = max(cooldowns)
    if len(cooldowns) > 1:
        into.notes.append(
            f"service {name}: apply gives all its scaling policies the cooldowns {slow_in}s and {slow_out}s"
        )
    if off:
        into.notes.append(f"service {name}: apply switches on what is suspended of its scaling: {', '.join(off)}")
    said["scaling"] = {
        "min": low,
        "max": high,
        **follows,
        "scale_in_cooldown": f"{slow_in}s",
        "scale_out_cooldown": f"{slow_out}s",
    }
