"""What the loop tells about itself: an immutable picture, as JSON and as metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from controller.rollout.model import Fleet, Host


@dataclass(frozen=True, slots=True)
class View:
    """One stack after its last pass. `error` is why that pass did not do its work; "" when it did.

    since   when the loop began, while no pass has ended
    """

    stack: str = ""
    ticks: int = 0
    at: datetime | None = None
    seconds: float = 0.0
    outcome: str = "starting"
    error: str = ""
    fleets: tuple[Fleet, ...] = ()
    calls: Mapping[str, int] = field(default_factory=dict)
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every stack of a loop. A pass that is longer ago than `overdue` makes it unhealthy, and so does a first one
    that takes longer."""

    views: tuple[View, ...]
    overdue: timedelta

    def unhealthy(self, now: datetime) -> tuple[str, ...]:
        """Why the loop is not doing its work, per stack; () when it is."""
        last = [(v, v.at or v.since) for v in self.views]
        late = [(v, at) for v, at in last if at is not None and now - at > self.overdue]
        return tuple(f"{v.stack}: {'last pass' if v.at else 'no pass ended since'} {at:%H:%M:%SZ}" for v, at in late)

    def document(self) -> dict[str, Any]:
        return {"format_version": "1.0", "stacks": [_stack(view) for view in self.views]}


def _stack(view: View) -> dict[str, Any]:
    return {
        "stack": view.stack,
        "outcome": view.outcome,
        "error": view.error,
        "ticks": view.ticks,
        "last_pass": view.at.isoformat() if view.at else None,
        "seconds": round(view.seconds, 3),
        "pools": [
            {
                "pool": fleet.pool,
                "generation": fleet.generation,
                "size": fleet.size,
                "desired": fleet.desired,
                "hosts": [{"id": host.id, "zone": host.zone, "state": state_of(host)} for host in fleet.hosts],
                "halted": fleet.halted.text() if fleet.halted else None,
                "paused": fleet.paused or None,
            }
            for fleet in view.fleets
        ],
    }


def state_of(host: Host) -> str:
    """One word for what a host is doing."""
    if host.leaving:
        return "leaving"
    if host.cordoned:
        return "draining"
    if host.active:
        return "active" if host.current else "old"
    return "booting" if host.lifecycle.startswith("Pending") or host.container_instance is None else "unhealthy"


def metrics(snapshot: Snapshot) -> bytes:
    """The same for Prometheus."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    class Picture:
        def collect(self) -> Any:
            ticks = CounterMetricFamily("theseus_ticks", "Passes made", labels=["stack"])
            last = GaugeMetricFamily("theseus_last_pass_timestamp_seconds", "When the last one ended", labels=["stack"])
            took = GaugeMetricFamily("theseus_pass_seconds", "How long the last one took", labels=["stack"])
            state = GaugeMetricFamily(
                "theseus_outcome", "1 for what the last one ended as", labels=["stack", "outcome"]
            )
            failing = GaugeMetricFamily("theseus_pass_failed", "1 when the last one failed", labels=["stack"])
            calls = CounterMetricFamily("theseus_api_calls", "AWS calls made", labels=["stack", "operation"])
            hosts = GaugeMetricFamily("theseus_hosts", "Hosts by state", labels=["stack", "pool", "state"])
            wanted = GaugeMetricFamily("theseus_hosts_wanted", "Hosts the spec asks for", labels=["stack", "pool"])
            for view in snapshot.views:
                ticks.add_metric([view.stack], view.ticks)
                last.add_metric([view.stack], view.at.timestamp() if view.at else 0)
                took.add_metric([view.stack], view.seconds)
                state.add_metric([view.stack, view.outcome.split(" ")[0]], 1)
                failing.add_metric([view.stack], bool(view.error))
                for operation, count in sorted(view.calls.items()):
                    calls.add_metric([view.stack, operation], count)
                for fleet in view.fleets:
                    wanted.add_metric([view.stack, fleet.pool], fleet.size)
                    for word, count in sorted(Counter(state_of(host) for host in fleet.hosts).items()):
                        hosts.add_metric([view.stack, fleet.pool, word], count)
            return [ticks, last, took, state, failing, calls, hosts, wanted]

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Picture())
    return generate_latest(registry)
