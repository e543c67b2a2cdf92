"""What must hold before a host is cordoned or terminated. Each gate: None = open, a string = closed, and why. Pure.

Adding hosts is never gated, so that a roll can be the cure; only cordon and terminate wait (DESIGN.md 5, rule 1).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from controller.rollout.model import Fleet, Policy

Gate = Callable[[Fleet, Policy, datetime], str | None]


def no_refresh(fleet: Fleet, policy: Policy, now: datetime) -> str | None:
    """An instance refresh of somebody else owns the group while it runs."""
    return f"instance refresh {fleet.refresh} is under way: not ours to disturb" if fleet.refresh else None


def no_deployment(fleet: Fleet, policy: Policy, now: datetime) -> str | None:
    """A roll and a service deployment never move the same service at once (rule 11)."""
    moving = [service.name for service in fleet.services if service.deploying and _concerned(fleet, service.name)]
    return f"deployment of {', '.join(moving)} in flight" if moving else None


def no_alarm(fleet: Fleet, policy: Policy, now: datetime) -> str | None:
    return f"alarm {', '.join(fleet.alarms)} is in ALARM" if fleet.alarms else None


def data_there(fleet: Fleet, policy: Policy, now: datetime) -> str | None:
    """Alarms without data hold a gate for `no_data.wait`; `decide` halts or passes afterwards."""
    if not fleet.no_data or fleet.roll is None or now - fleet.roll.started >= policy.no_data_wait:
        return None
    return f"alarm {', '.join(fleet.no_data)} has no data yet; waiting up to {policy.no_data_wait} since the start"


def probe_ok(fleet: Fleet, policy: Policy, now: datetime) -> str | None:
    if not policy.probe or fleet.probe.ok:
        return None
    return f"probe: {fleet.probe.detail or 'no answer yet'}"


def services_whole(fleet: Fleet, policy: Policy, now: datetime) -> str | None:
    """Every service stands where it stood when the roll began, by tasks and by healthy targets."""
    for service in fleet.services:
        if service.daemon or not _concerned(fleet, service.name):
            continue
        if service.running < service.floor:
            return f"service {service.name}: {service.running} running, floor {service.floor}"
        if service.healthy is not None and service.healthy < service.healthy_floor:
            return f"service {service.name}: {service.healthy} healthy targets, floor {service.healthy_floor}"
    return None


def new_hosts_sound(fleet: Fleet, policy: Policy, now: datetime) -> str | None:
    """A new host that was ready and is not any more shrinks the budget to zero (rule 7)."""
    bad = [host.id for host in fleet.new if host.ready_since is not None and not host.up and not host.cordoned]
    return f"new host {', '.join(bad)} was ready and is not any more" if bad else None


GATES: tuple[Gate, ...] = (
    no_refresh,
    no_deployment,
    no_alarm,
    data_there,
    probe_ok,
    new_hosts_sound,
    services_whole,
)


def closed(fleet: Fleet, policy: Policy, now: datetime) -> str | None:
    """The first closed gate's reason; None when all are open."""
    return next((why for gate in GATES if (why := gate(fleet, policy, now)) is not None), None)


def before_terminating(fleet: Fleet, policy: Policy, now: datetime) -> str | None:
    """The gates for removing a drained host: those about services were its drain evidence already."""
    gates = (no_refresh, no_deployment, no_alarm)
    return next((why for gate in gates if (why := gate(fleet, policy, now)) is not None), None)


def _concerned(fleet: Fleet, service: str) -> bool:
    """Whether this pool's roll can move *service*: it has a task on one of its hosts, or runs nowhere yet."""
    return any(task.service == service and not task.stopped for host in fleet.hosts for task in host.tasks)
