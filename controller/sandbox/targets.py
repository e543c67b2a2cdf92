"""Target registration and health, by (instance, port) as AWS keeps it. Pure.

Each balancer node probes for itself (`health.py` is its state machine) and reports what it thinks; here the views are
put together and the deregistration delay runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from controller.sandbox.world import ApiError, Draft, HealthSeen, Target, TargetGroup, World

NEW = ("initial", "Elb.InitialHealthChecking")


def register(draft: Draft, group: str, pairs: Iterable[tuple[str, int]], zone: str = "") -> None:
    """Registered targets start as initial; one that is there already stays as it is (aws.md 2.1).

    *zone*: of an address, where it is known
    """
    for instance, port in pairs:
        have = draft.targets.get((group, instance, port))
        if have is None or have.draining is not None:
            member = draft.members.get(instance)
            where = member.zone if member else zone
            draft.targets[group, instance, port] = Target(group, instance, port, draft.now, zone=where)


def deregister(draft: Draft, group: str, pairs: Iterable[tuple[str, int]]) -> None:
    """New requests stop at once; the target drains for the whole delay. Unknown targets are success (aws.md 2.2)."""
    for instance, port in pairs:
        target = draft.targets.get((group, instance, port))
        if target is not None and target.draining is None:
            draft.targets[target.key] = replace(target, draining=draft.now)


def advance(draft: Draft) -> None:
    """A target is gone exactly when its delay ends, idle or not (aws.md 2.2)."""
    for key, target in list(draft.targets.items()):
        settings = settings_of(draft, target.group)
        if settings is None or (target.draining is not None and draft.now - target.draining >= settings.delay):
            del draft.targets[key]


def see(draft: Draft, event: HealthSeen) -> None:
    target = draft.targets.get((event.group, event.id, event.port))
    if target is not None:
        views = {**target.views, event.zone: (event.state, event.reason)}
        settings = settings_of(draft, target.group)
        zones = settings.zones if settings is not None else ()
        known = target.known or (bool(zones) and all(views.get(zone, NEW)[0] == "healthy" for zone in zones))
        draft.targets[target.key] = replace(target, views=views, known=known)


def settings_of(draft: Draft, arn: str) -> TargetGroup | None:
    """The group's settings; None when it is gone."""
    if arn not in draft.settings:
        try:
            draft.settings[arn] = draft.catalog.target_group(arn)
        except ApiError:
            draft.settings[arn] = None
    return draft.settings[arn]


def health(target: Target, settings: TargetGroup, *, alive: bool) -> tuple[str, str, str]:
    """(state, reason, description) as DescribeTargetHealth shows it (aws.md 2.1)."""
    if target.draining is not None:
        return "draining", "Target.DeregistrationInProgress", "Target deregistration is in progress"
    if not alive:
        return "unused", "Target.InvalidState", "Target is in the stopped or terminated state"
    if not settings.used:
        words = "Target group is not configured to receive traffic from the load balancer"
        return "unused", "Target.NotInUse", words
    if target.zone and target.zone not in settings.zones:
        words = "Target is in an Availability Zone that is not enabled for the load balancer"
        return "unused", "Target.NotInUse", words
    views = [target.views.get(zone, NEW) for zone in settings.zones if zone in target.views or not target.known]
    for state, reason in views:
        if state == "unhealthy":
            return state, reason, "Health checks failed"
    if not views or any(state == "initial" for state, _ in views):
        return "initial", "Elb.InitialHealthChecking", "Initial health checks in progress"
    return "healthy", "", ""


def healthy(draft: Draft, target: Target) -> bool:
    """Whether the balancer routes to it: every node says so."""
    settings = settings_of(draft, target.group)
    return settings is not None and health(target, settings, alive=alive(draft, target.id))[0] == "healthy"


def alive(draft: Draft | World, instance: str) -> bool:
    """An instance of a group in EC2's state running; others (registered by hand) count as running."""
    member = draft.members.get(instance)
    return member is None or not (member.dead and not member.healthy)
