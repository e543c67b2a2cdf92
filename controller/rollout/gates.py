"""What must hold before a host is cordoned or terminated. Each gate: None = open, a string = closed, and why. Pure.

Adding hosts is never gated, so that a roll can be the cure; only cordon and terminate wait (DESIGN.md 5, rule 1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
    """Alarms without data hold a gate for `no_data.wait`; `decide` halts afterwards where the spec says so."""
    over = silent(fleet, policy, now)
    awaited = [name for name, _ in _without_data_since(fleet) if policy.no_data_then == "halt" or name not in over]
    return f"alarm {', '.join(awaited)} has no data; waiting up to {policy.no_data_wait}" if awaited else None


def silent(fleet: Fleet, policy: Policy, now: datetime) -> tuple[str, ...]:
    """The alarms that lost their data during the roll, longer ago than `no_data.wait`; a cleared halt waits anew."""
    again = fleet.roll.since if fleet.roll is not None else now
    return tuple(name for name, since in _without_data_since(fleet) if now - max(since, again) >= policy.no_data_wait)


def without_data(fleet: Fleet) -> str:
    """A warning for the alarms that had no data when the roll began: they pass (rule 7); "" for none."""
    held = {name for name, _ in _without_data_since(fleet)}
    passed = [name for name in fleet.no_data if name not in held]
    return f"; warning: alarm {', '.join(passed)} has had no data since before the roll" if passed else ""


def _without_data_since(fleet: Fleet) -> tuple[tuple[str, datetime], ...]:
    """(alarm, since when) for those that had data when the roll began; unknown since when: since the beginning."""
    if fleet.roll is None:
        return ()
    start, known = fleet.roll.started, dict(fleet.no_data_since)
    return tuple((name, known.get(name, start)) for name in fleet.no_data if known.get(name, start) >= start)


def probe_ok(fleet: Fleet, policy: Policy, now: datetime) -> str | None:
    if not policy.probe or fleet.probe.ok:
        return None
    return f"probe: {fleet.probe.detail or 'no answer yet'}"


def services_whole(fleet: Fleet, policy: Policy, now: datetime) -> str | None:
    """Every service stands where it stood when the roll began, by tasks and by healthy targets."""
    for service in fleet.services:
        if service.daemon or not knows(fleet, service.name):
            continue
        if service.running < service.floor:
            return f"service {service.name}: {service.running} running, floor {service.floor}"
        if service.healthy is not None and service.healthy < service.healthy_floor:
            return f"service {service.name}: {service.healthy} healthy targets, floor {service.healthy_floor}"
    return None


def new_hosts_sound(fleet: Fleet, policy: Policy, now: datetime) -> str | None:
    """A new host that joined and is not up any more shrinks the budget to zero (rule 7)."""
    bad = [host.id for host in fleet.new if host.container_instance is not None and not host.up and not host.cordoned]
    return f"new host {', '.join(bad)} joined and is not up any more" if bad else None


GATES: tuple[Gate, ...] = (
    no_refresh,
    no_deployment,
    no_alarm,
    data_there,
    probe_ok,
    new_hosts_sound,
    services_whole,
)


def closed(fleet: Fleet, policy: Policy, now: datetime, *, lost: bool = False) -> str | None:
    """The first closed gate's reason; None when all are open.

    lost   for a host whose agent is lost: a deployment cannot end while it stands, for its tasks there cannot stop
    """
    return _first(GATES, fleet, policy, now, lost=lost)


def before_terminating(fleet: Fleet, policy: Policy, now: datetime, *, lost: bool = False) -> str | None:
    """The gates for removing a drained host; what its services run was its drain evidence already."""
    return _first((no_refresh, no_deployment, no_alarm), fleet, policy, now, lost=lost)


def _first(gates: Iterable[Gate], fleet: Fleet, policy: Policy, now: datetime, *, lost: bool) -> str | None:
    asked = [gate for gate in gates if not (lost and gate is no_deployment)]
    return next((why for gate in asked if (why := gate(fleet, policy, now)) is not None), None)


def knows(fleet: Fleet, service: str) -> bool:
    """Whether *service* has a task on one of the pool's hosts, or had one that is still remembered as stopped."""
    return any(task.service == service for host in fleet.hosts for task in host.tasks)


def _concerned(fleet: Fleet, service: str) -> bool:
    """Whether this pool's roll can move *service*: it has a task on one of its hosts that has not stopped."""
    return any(task.service == service and not task.stopped for host in fleet.hosts for task in host.tasks)


def unseen(fleet: Fleet, moved: Mapping[str, str]) -> str:
    """Why nothing may be decided by this picture of *fleet*; "" when it may.

    *moved*: the hosts we moved a moment ago, and the state each is in: ACTIVE, DRAINING or leaving. One that is shown
    as before still counts as serving there, or as capacity, and another one would go in its place.
    """
    for host in fleet.hosts:
        state, shown = moved.get(host.id), host.agent_status
        crossed = {state, shown} == {"ACTIVE", "DRAINING"}
        if not host.leaving and (crossed or state == "leaving"):
            return f"{host.id} is {state} by now, and AWS still shows it {shown}"
    return ""
