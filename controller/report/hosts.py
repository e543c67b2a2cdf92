"""Hosts in the words of a report: one state each, with the numbers that state is about. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from controller.report.seen import Tick
from controller.rollout.decide import ready
from controller.rollout.drained import lost
from controller.rollout.forecast import Forecast
from controller.rollout.model import Fleet, Host, Policy


@dataclass(frozen=True, slots=True)
class HostView:
    """One row of a table of hosts. `targets` are (healthy, not yet unused)."""

    id: str
    zone: str
    type: str
    version: str
    current: bool
    state: str
    tasks: int
    targets: tuple[int, int]
    since: datetime | None = None

    @property
    def targets_text(self) -> str:
        healthy, left = self.targets
        if not left:
            return "-"
        return f"{left} left" if self.state in {"draining", "terminating"} else f"{healthy} of {left} healthy"


@dataclass(frozen=True, slots=True)
class Counts:
    """What a forecast's hosts are made of."""

    replace: int
    remove: int
    add: int


def views(fleet: Fleet, policy: Policy, now: datetime) -> tuple[HostView, ...]:
    """The hosts of *fleet*, those there first first."""
    return tuple(_view(host, fleet, policy, now) for host in by_age(fleet.hosts))


def by_age(hosts: tuple[Host, ...]) -> list[Host]:
    return sorted(hosts, key=lambda h: (h.launched_at.timestamp() if h.launched_at else 0, h.zone, h.id))


def state(host: Host, fleet: Fleet, policy: Policy, now: datetime) -> str:
    """One word for where the host is in its life."""
    if host.leaving:
        return "terminating"
    if lost(host, now):
        return "lost" if host.cordoned or not host.dead else "unhealthy"
    if host.cordoned:
        return "draining"
    if host.container_instance is None or host.lifecycle != "InService":
        return "booting"
    if not host.active:
        return "unhealthy" if not host.healthy else "agent away"
    bakes = fleet.roll is not None and host.ready_since is not None and not ready(host, policy, now)
    return "baking" if bakes else "ready"


def counts(seen: Tick, forecast: Forecast) -> Counts:
    """How many hosts of the forecast are replaced, removed and added."""
    fleet = next((one for one in seen.fleets if one.pool == forecast.pool), None)
    live = len(fleet.live) if fleet else 0
    replace = forecast.replaces
    return Counts(replace, max(0, forecast.hosts - replace), max(0, forecast.size - live))


def rolling(seen: Tick) -> frozenset[str]:
    """The pools whose hosts the pending steps will make old."""
    return frozenset(step.key.name for step in seen.plan.pending if step.risk == "host_roll")


def short_version(version: str) -> str:
    """The number of a launch template version, as people say it."""
    return version.rsplit("/", 1)[-1] or "?"


def span(length: timedelta) -> str:
    """A length of time as people say it: ``45 s``, ``7 m 20 s``, ``1 h 5 m``."""
    seconds = max(0, round(length.total_seconds()))  # clocks differ: nothing lasts less than nothing
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} m {seconds} s" if seconds else f"{minutes} m"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} m" if minutes else f"{hours} h"


def host_document(view: HostView) -> dict[str, Any]:
    """One host as data, the same wherever hosts are told of."""
    return {
        "id": view.id,
        "zone": view.zone,
        "type": view.type,
        "version": view.version,
        "current": view.current,
        "state": view.state,
        "since": iso(view.since),
        "tasks": view.tasks,
        "targets_healthy": view.targets[0],
        "targets_left": view.targets[1],
    }


def iso(at: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the second."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at is not None else None


def _view(host: Host, fleet: Fleet, policy: Policy, now: datetime) -> HostView:
    word = state(host, fleet, policy, now)
    began = {"draining": host.cordoned_at, "baking": host.ready_since, "booting": host.launched_at}
    if host.away is not None:
        began |= {"agent away": host.away.since, "lost": host.away.since}
    left = [target for target in host.targets if target.state != "unused"]
    healthy = sum(1 for target in left if target.state == "healthy")
    version = short_version(host.version)
    return HostView(
        host.id,
        host.zone,
        host.instance_type,
        version,
        host.current,
        word,
        len(host.open_tasks),
        (healthy, len(left)),
        began.get(word),
    )
