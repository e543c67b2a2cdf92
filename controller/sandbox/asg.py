"""The auto scaling engine: what a group does between two API calls. Pure.

Each rule names its line of reference/aws.md.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from controller.sandbox.world import (
    Activity,
    ApiError,
    Draft,
    Group,
    LaunchHost,
    Member,
    Pause,
    SignalTask,
    Template,
    TerminateHost,
)

DRAINING_HOOK = "ecs-managed-draining-termination-hook"  # aws.md 1.6
GLOBAL_LIMIT = timedelta(hours=48)  # aws.md 1.11
KEPT_ACTIVITIES = 400
CLUSTER_LINE = re.compile(r"""ECS_CLUSTER=["']?([\w-]+)""")


def advance(draft: Draft) -> None:
    """Move every member along, then every group towards its desired capacity."""
    for member in list(draft.members.values()):
        _advance_member(draft, member)
    for group in list(draft.groups.values()):
        _heal(draft, group)
        _converge(draft, group)
        _rebalance(draft, group)
        if group.deleting and not members_of(draft, group.name):
            del draft.groups[group.name]


def members_of(draft: Draft, group: str) -> list[Member]:
    return [member for member in draft.members.values() if member.group == group]


def staying(member: Member) -> bool:
    """It counts as capacity: not on its way out."""
    return not member.lifecycle.startswith("Terminat")


# ------------------------------------------------------------------------------------------------ one member
def _advance_member(draft: Draft, member: Member) -> None:
    age = draft.now - member.since
    match member.lifecycle:
        case "Pending" if age >= draft.timings.boot:
            running = replace(member, running=True)
            _pause_or(draft, running, "LAUNCHING", "Pending:Wait", _in_service)
        case "Pending:Wait" | "Terminating:Wait":
            _expire(draft, member)
        case "Pending:Proceed":
            _in_service(draft, member)
        case "Terminating":
            _pause_or(draft, member, "TERMINATING", "Terminating:Wait", _proceed)
        case "Terminating:Proceed" if age >= draft.timings.shutdown:
            _finish(draft, member)


def _pause_or(
    draft: Draft, member: Member, transition: str, state: str, otherwise: Callable[[Draft, Member], None]
) -> None:
    """Hooks of *transition* hold the member (aws.md 1.11); without any it goes on."""
    group = draft.groups.get(member.group)
    hooks = [hook for hook in group.hooks if hook.transition == transition] if group else []
    if not hooks or member.dead:
        otherwise(draft, member)
        return
    pauses = tuple(
        Pause(
            hook.name,
            draft.fresh(36),
            draft.now + hook.heartbeat,
            draft.now + min(GLOBAL_LIMIT, 100 * hook.heartbeat),
        )
        for hook in hooks
    )
    draft.members[member.id] = replace(member, lifecycle=state, since=draft.now, pauses=pauses)


def _expire(draft: Draft, member: Member) -> None:
    """A heartbeat that ran out takes the hook's default result (aws.md 1.11)."""
    group = draft.groups.get(member.group)
    for pause in member.pauses:
        hook = next((h for h in group.hooks if h.name == pause.hook), None) if group else None
        if hook is None or draft.now >= min(pause.deadline, pause.limit):
            complete(draft, draft.members[member.id], pause.hook, hook.default_result if hook else "CONTINUE")


def complete(draft: Draft, member: Member, hook: str, result: str) -> None:
    """CompleteLifecycleAction: the member goes on once no hook holds it.

    ABANDON of a launch terminates it; ABANDON of a termination skips the other hooks (aws.md 1.11).
    """
    left = tuple(pause for pause in member.pauses if pause.hook != hook)
    if result == "ABANDON" and member.lifecycle == "Pending:Wait":
        close(draft, member, "Cancelled", "Lifecycle Action Completed with ABANDON Result")
        terminate(draft, replace(member, pauses=(), activity=""), "launch was abandoned by a lifecycle hook")
        return
    if result == "ABANDON":
        left = ()
    going = replace(member, pauses=left)
    if not left:
        going = replace(going, lifecycle=member.lifecycle.split(":")[0] + ":Proceed", since=draft.now)
    draft.members[member.id] = going


def _in_service(draft: Draft, member: Member) -> None:
    """Scale-in protection starts now, not at launch (aws.md 1.7)."""
    group = draft.groups.get(member.group)
    draft.members[member.id] = replace(
        member, lifecycle="InService", since=draft.now, pauses=(), protected=bool(group and group.protect_new)
    )
    close(draft, member, "Successful", "")


def _proceed(draft: Draft, member: Member) -> None:
    draft.members[member.id] = replace(member, lifecycle="Terminating:Proceed", since=draft.now, pauses=())


def _finish(draft: Draft, member: Member) -> None:
    close(draft, member, "Successful", "")
    if not member.dead:
        draft.effects.append(TerminateHost(member.id))
    end_orphans(draft, member.id)
    del draft.members[member.id]


def end_orphans(draft: Draft, host: str) -> None:
    """Tasks that ran on after their agent was deregistered by force end with their host (aws.md 1.5)."""
    for task in draft.tasks.values():
        if task.member == host and task.orphan:
            draft.effects.append(SignalTask(task.arn, kill=True))
            draft.tasks[task.arn] = replace(task, orphan=False)


# ------------------------------------------------------------------------------------------------ one group
def _heal(draft: Draft, group: Group) -> None:
    """An instance that EC2 no longer calls running is unhealthy at once and replaced (aws.md 3.1).

    Replacing is Terminate, then Launch: suspending either process suspends that half of it (aws.md 1.9).
    """
    for member in members_of(draft, group.name):
        noticed = draft.now - member.since >= draft.timings.notice
        if member.dead and member.healthy and noticed and "HealthCheck" not in group.suspended:
            draft.members[member.id] = member = replace(member, healthy=False)
        if not member.healthy and staying(member) and not group.suspended & {"ReplaceUnhealthy", "Terminate"}:
            terminate(draft, member, "an instance was taken out of service in response to a health check")


def _converge(draft: Draft, group: Group) -> None:
    """Launch what is missing, terminate what is too much. A suspended process does its half no more (aws.md 1.9).

    A group that is being deleted goes on terminating whatever is suspended (aws.md 5.4).
    """
    live = [member for member in members_of(draft, group.name) if staying(member)]
    wanted = 0 if group.deleting else group.desired
    if len(live) < wanted and "Launch" not in group.suspended and not group.deleting:
        for _ in range(wanted - len(live)):
            if not launch(draft, group, "to match desired capacity"):
                return
    coming = sum(1 for one in live if one.rebalancing and one.lifecycle != "InService" and not group.deleting)
    if len(live) - coming > wanted and ("Terminate" not in group.suspended or group.deleting):
        for member in _victims(draft, group, live, len(live) - coming - wanted):
            terminate(draft, member, "to match desired capacity")


def launch(draft: Draft, group: Group, cause: str, *, rebalancing: bool = False) -> bool:
    """Start one instance in the least populated zone (aws.md 1.8); False when AWS could not."""
    last = next((a for a in reversed(draft.activities) if a.group == group.name), None)
    if last and last.status == "Failed" and draft.now - last.start < draft.timings.throttle:
        return False  # the group retries with back-off (aws.md 3.4)
    try:
        template = draft.catalog.template(group.template_id, group.version)
        kind, spot = choose(draft, group, template.type)
        template = replace(template, type=kind)
        draft.catalog.check_launch(template)
    except ApiError as error:
        _record(draft, group, "Launching a new EC2 instance", cause, "Failed", error.message)
        return False
    zones = {subnet: draft.catalog.zone(subnet) for subnet in group.subnets}
    crowd = Counter(m.zone for m in members_of(draft, group.name) if staying(m))
    subnet = min(group.subnets, key=lambda one: (crowd[zones[one]], zones[one]))
    name = f"i-{draft.fresh(17)}"
    activity = _record(draft, group, f"Launching a new EC2 instance: {name}", cause, "InProgress", "")
    cluster = _cluster(draft, template)
    member = Member(
        name,
        group.name,
        zones[subnet],
        subnet,
        template.id,
        template.name,
        template.version,
        template.type,
        template.image,
        cluster,
        draft.now,
        draft.now,
        joins=draft.catalog.joins(template.image) if cluster else "never",
        activity=activity,
        rebalancing=rebalancing,
        spot=spot,
    )
    draft.members[name] = member
    tags = {key: value for key, (value, propagate) in group.tags.items() if propagate}
    tags |= {
        "aws:autoscaling:groupName": group.name,
        "aws:ec2launchtemplate:id": template.id,
        "aws:ec2launchtemplate:version": template.version,
    }
    draft.effects.append(LaunchHost(member, template, tags))
    return True


def terminate(draft: Draft, member: Member, cause: str) -> None:
    """Begin to terminate; hooks run at the next step."""
    group = draft.groups[member.group]
    if member.lifecycle.startswith("Pending"):
        close(draft, member, "Cancelled", "The instance was terminated before it was in service")
    activity = _record(draft, group, f"Terminating EC2 instance: {member.id}", cause, "InProgress", "")
    draft.members[member.id] = replace(
        member, lifecycle="Terminating", since=draft.now, protected=False, activity=activity
    )


def _victims(draft: Draft, group: Group, live: list[Member], count: int) -> list[Member]:
    """Whom scale-in takes: a zone the group has left, then the most crowded one, then the oldest template version,
    then the oldest; protected ones never, so that nothing may die at all (aws.md 1.7, 1.8)."""
    zones = {draft.catalog.zone(subnet) for subnet in group.subnets}
    chosen: list[Member] = []
    free = [member for member in live if not member.protected or group.deleting]
    crowd = Counter(member.zone for member in live)
    while free and len(chosen) < count:
        victim = min(free, key=lambda m: (m.zone in zones, -crowd[m.zone], _number(m.version), m.launched, m.id))
        crowd[victim.zone] -= 1
        free.remove(victim)
        chosen.append(victim)
    if len(chosen) < count and not group.deleting:
        _once(
            draft,
            group,
            "Could not scale to desired capacity because all remaining instances are protected from scale-in.",
        )
    return chosen


def _rebalance(draft: Draft, group: Group) -> None:
    """Zones that differ by more than one, and zones the group has left, are evened out: launch first (aws.md 1.8).

    With Terminate suspended that goes on until the group is a tenth too large (aws.md 1.9).
    """
    if group.deleting or group.suspended & {"AZRebalance", "Launch"}:
        return
    live = [member for member in members_of(draft, group.name) if staying(member)]
    zones = {draft.catalog.zone(subnet) for subnet in group.subnets}
    crowd = Counter(dict.fromkeys(zones, 0))
    crowd.update(member.zone for member in live)
    uneven = max(crowd.values()) - min(crowd.values()) > 1 or set(crowd) > zones
    spare = max(1, group.max // 10) if "Terminate" in group.suspended else 1
    if uneven and 0 < group.desired <= len(live) < group.desired + spare:
        launch(draft, group, "an instance was launched to aid in balancing the group's zones", rebalancing=True)


def _number(version: str) -> int:
    return int(version) if version.isdigit() else 0


def choose(draft: Draft, group: Group, plain: str) -> tuple[str, bool]:
    """(type, whether spot) of the next host. On demand goes by the order of the list, spot to the type the group has
    least of: which one AWS takes is its own to say, that it spreads is known (autoscaling InstancesDistribution)."""
    if not group.types:
        return plain, False
    live = [member for member in members_of(draft, group.name) if staying(member)]
    base, percent = int(group.shares["OnDemandBaseCapacity"]), int(group.shares["OnDemandPercentageAboveBaseCapacity"])
    total = len(live) + 1
    due = min(total, base) + math.ceil(max(0, total - base) * percent / 100)
    if sum(1 for member in live if not member.spot) < due:
        return group.types[0], False
    crowd = Counter(member.type for member in live)
    return min(group.types, key=lambda one: (crowd[one], group.types.index(one))), True


def _cluster(draft: Draft, template: Template) -> str | None:
    """The cluster a host joins: named by its user data, else "default" (aws.md section 8). Bottlerocket takes settings
    and does not come up with anything else; to Amazon Linux those say nothing."""
    text = template.user_data
    if not draft.catalog.reads_toml(template.image):
        found = CLUSTER_LINE.search(text)
        return found[1] if found else "default"
    try:
        return str(tomllib.loads(text).get("settings", {}).get("ecs", {}).get("cluster", "default"))
    except (tomllib.TOMLDecodeError, AttributeError):
        return None


# ------------------------------------------------------------------------------------------------ activities
def _record(draft: Draft, group: Group, description: str, cause: str, status: str, message: str) -> str:
    name = draft.fresh(36)
    end = draft.now if status in {"Failed", "Cancelled"} else None
    words = f"At {draft.now:%Y-%m-%dT%H:%M:%SZ} {cause}."
    draft.activities.append(Activity(name, group.name, description, words, draft.now, end, status, message))
    del draft.activities[:-KEPT_ACTIVITIES]
    return name


def close(draft: Draft, member: Member, status: str, message: str) -> None:
    """The activity that launched or terminates *member* has ended."""
    for place, one in enumerate(draft.activities):
        if one.id == member.activity:
            draft.activities[place] = replace(one, status=status, message=message, end=draft.now)


def _once(draft: Draft, group: Group, description: str) -> None:
    last = next((a for a in reversed(draft.activities) if a.group == group.name), None)
    if last is None or last.description != description:
        _record(draft, group, description, "a user request changed the desired capacity", "Cancelled", "")
