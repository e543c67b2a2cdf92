"""The plan and the apply as one JSON document each. Pure.

The plan's `resource_changes` have terraform's shape, so that what reads terraform's plans reads ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from controller.engine.steps import Step, waits_for
from controller.report import values
from controller.report.hosts import counts, iso
from controller.report.journal import Journal, Record, Rolled, Timeline
from controller.report.moves import in_flight
from controller.report.seen import Tick
from controller.rollout.forecast import Forecast
from controller.rollout.moves import Halt
from controller.spec.types import Stack

FORMAT = "1.0"
ACTIONS: Mapping[str, list[str]] = {
    "none": ["no-op"],
    "read": ["read"],
    "create": ["create"],
    "update": ["update"],
    "replace": ["create", "delete"],
    "delete": ["delete"],
}
DATA_KINDS = frozenset({"container_image", "image"})  # only looked up; the kinds themselves are no import of a report


def plan_document(seen: Tick, stack: Stack, calls: Mapping[str, int]) -> dict[str, Any]:
    """What apply would do, for machines. What only looks something up is listed when it holds others up."""
    return {
        "format_version": FORMAT,
        "stack": stack.name,
        "region": stack.region,
        "spec_digest": stack.digest,
        "timestamp": iso(seen.now),
        "resource_changes": [
            _resource(step, seen)
            for step in seen.plan.steps
            if step.key.kind not in DATA_KINDS or step.action == "read"
        ],
        "rollout": [_forecast(one, seen) for one in seen.forecasts],
        "in_flight": in_flight(seen),
        "orphans": [str(key) for key in seen.plan.orphans],
        "problems": list(seen.plan.problems),
        "notes": list(seen.plan.notes),
        "api_calls": dict(sorted(calls.items())),
    }


def apply_document(journal: Journal, outcome: str, calls: Mapping[str, int], duration_s: float) -> dict[str, Any]:
    """What an apply did and how it ended. What nobody could know (a crash lost it) is null."""
    return {
        "format_version": FORMAT,
        "outcome": outcome,
        "duration_s": duration_s,
        "steps": [_record(one) for one in (*journal.done, *journal.open)],
        "rollouts": [_rolled(one, journal) for one in journal.rollouts],
        "pools": [
            {
                "pool": one.pool,
                "size": one.size,
                "floor": one.floor,
                "serving_at_start": one.serving_at_start,
                "min_serving": one.min_serving,
                "peak": one.peak,
                "hosts": [_timeline(host) for host in one.hosts],
            }
            for one in journal.pools
        ],
        "services": [
            {"service": one.service, "state": one.state, "why": values.printable(one.why), "since": iso(one.since)}
            for one in journal.verdicts
        ],
        "halted": dict(sorted(journal.halted.items())),
        "api_calls": dict(sorted(calls.items())),
    }


def _resource(step: Step, seen: Tick) -> dict[str, Any]:
    held = seen.held.get(step.key)
    before, after = values.before(step), values.after(step)
    masked = values.sensitive(step)
    return {
        "address": str(step.key),
        "type": step.key.kind,
        "name": step.key.name,
        "change": {
            "actions": ACTIONS[step.action],
            "before": before,
            "after": after,
            "after_unknown": values.after_unknown(step),
            "before_sensitive": masked if before is not None else {},
            "after_sensitive": masked if after is not None else {},
            "changed": values.changed_paths(step),
            "replace_paths": [[change.field] for change in step.changes if change.replaces],
        },
        "left": [change.field for change in step.left],
        "action_reason": step.reason or None,
        "risk": step.risk if step.action not in {"none", "read"} else None,
        "after_resources": [str(key) for key in waits_for(step)],
        "held": held.why if held is not None else None,
    }


def _forecast(one: Forecast, seen: Tick) -> dict[str, Any]:
    split = counts(seen, one)
    halts = [move for pool, move in seen.moves if pool == one.pool and isinstance(move, Halt)]
    fleet = next((fleet for fleet in seen.fleets if fleet.pool == one.pool), None)
    return {
        "pool": one.pool,
        "hosts": one.hosts,
        "replace": split.replace,
        "remove": split.remove,
        "add": split.add,
        "waves": one.waves,
        "size": one.size,
        "floor": one.floor,
        "peak": one.peak,
        "duration_s": one.duration.total_seconds(),
        "binding": one.binding,
        "one_more_if_zones_end_uneven": one.uneven,
        "infeasible": one.infeasible,
        "halted": halts[0].why if halts else None,
        "paused": fleet.paused or None if fleet else None,
    }


def _record(one: Record) -> dict[str, Any]:
    return {
        "address": str(one.key),
        "action": one.action,
        "risk": one.risk,
        "changed": list(one.changed),
        "outcome": one.outcome,
        "why": values.printable(one.why) or None,
        "at": iso(one.at),
    }


def _rolled(one: Rolled, journal: Journal) -> dict[str, Any]:
    return {
        "pool": one.pool,
        "generation": one.generation,
        "started": iso(one.started),
        "ended": iso(one.ended),
        "resumed": one.resumed,
        "size": one.size,
        "floor": one.floor,
        "serving_at_start": None if one.resumed else one.serving_at_start,
        "min_serving": one.min_serving,
        "peak": one.peak,
        "moves_per_task": one.moves_per_task,
        "requests": _requests(journal.requests.get(one.pool, journal.requests.get(""))),
        "hosts": [_timeline(host) for host in one.hosts],
    }


def _timeline(host: Timeline) -> dict[str, Any]:
    return {
        "id": host.id,
        "zone": host.zone,
        "version": host.version,
        "launched": iso(host.launched),
        "ready": iso(host.ready),
        "cordoned": iso(host.cordoned),
        "drained": iso(host.drained),
        "terminated": iso(host.terminated),
    }


def _requests(measured: Any) -> dict[str, Any] | None:
    """What a probe measured: a mapping or a dataclass of counts."""
    if measured is None:
        return None
    if is_dataclass(measured) and not isinstance(measured, type):
        return {item.name: getattr(measured, item.name) for item in fields(measured)}
    return dict(measured)
