"""What is, and why it is (not) moving: `theseus status` for people and machines. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from controller.base.keys import Key
from controller.base.words import plural
from controller.report.hosts import HostView, host_document, iso, span, views
from controller.report.moves import moves_of, next_of
from controller.report.seen import Tick
from controller.report.style import Paint, columns
from controller.report.values import printable
from controller.rollout.decide import floor, serving
from controller.rollout.model import Fleet, Service, policy_of
from controller.rollout.moves import Done, Halt, Wait
from controller.spec.names import live_name
from controller.spec.types import Stack

STATE_COLORS = {"ready": "+", "draining": "~", "baking": "~", "booting": "~", "terminating": "-", "lost": "-"}


def status_text(seen: Tick, stack: Stack, *, color: bool) -> str:
    """The stack as it is now, for a terminal."""
    paint = Paint(color)
    lines = [f"{paint.bold(stack.name)} ({stack.region}) at {iso(seen.now)}"]
    fleets = {fleet.pool: fleet for fleet in seen.fleets}
    for pool in stack.pools:
        lines += ["", *_pool_lines(pool.name, fleets.get(pool.name), seen, stack, paint)]
    lines += ["", *_service_lines(seen, stack, paint)]
    if seen.plan.pending:
        names = ", ".join(str(step.key) for step in seen.plan.pending[:6])
        more = f" and {len(seen.plan.pending) - 6} more" if len(seen.plan.pending) > 6 else ""
        lines += ["", f"{plural(len(seen.plan.pending), 'resource')} not as the spec says: {names}{more}"]
    if seen.plan.busy:
        lines += ["", *(f"not ready: {printable(line)}" for line in seen.plan.busy)]
    if seen.plan.problems:
        lines += ["", *(paint("-", f"problem: {printable(problem)}") for problem in seen.plan.problems)]
    return "\n".join([*lines, ""])


def status_document(seen: Tick, stack: Stack) -> dict[str, Any]:
    """The same for machines."""
    return {
        "format_version": "1.0",
        "stack": stack.name,
        "region": stack.region,
        "at": iso(seen.now),
        "pools": [_pool(fleet, seen, stack) for fleet in seen.fleets],
        "services": [_service(name, live, seen) for name, live in _services(seen, stack)],
        "pending": [{"address": str(step.key), "action": step.action, "risk": step.risk} for step in seen.plan.pending],
        "busy": list(seen.plan.busy),
        "problems": list(seen.plan.problems),
        "orphans": [str(key) for key in seen.plan.orphans],
        "settled": seen.quiet,
    }


# ------------------------------------------------------------------------------------------------ pools
def _pool_lines(name: str, fleet: Fleet | None, seen: Tick, stack: Stack, paint: Paint) -> Iterator[str]:
    if fleet is None:
        yield f"{paint.bold(name)}: has no auto scaling group yet"
        return
    policy = policy_of(stack, name)
    up, low = len(serving(fleet, policy, seen.now)), floor(fleet, policy)
    yield (
        f"{paint.bold(name)}: {up} serving, floor {low}; {len(fleet.live)} live, "
        f"size {fleet.size} (min {fleet.min}, desired {fleet.desired}, max {fleet.max})"
    )
    if fleet.roll is not None:
        since = span(seen.now - fleet.roll.started)
        yield f"  roll to {fleet.roll.generation} began {since} ago: {plural(len(fleet.old), 'old host')} left"
    if fleet.halted is not None and not any(isinstance(move, Halt) for _, move in seen.moves):
        stood = iso(fleet.halted.at)
        yield f"  {paint('-', f'halted at {stood} ({fleet.halted.code}) for {fleet.halted.generation}')}"
    if fleet.paused:
        yield f"  {paint('~', f'paused: {printable(fleet.paused)}')}"
    for kind, why in _whys(name, seen):
        yield f"  {paint('+' if kind == 'done' else '~', printable(why))}"
    rows: list[tuple[str, ...]] = [("host", "zone", "type", "version", "state", "tasks", "targets")]
    rows += [_host_row(view, seen.now) for view in views(fleet, policy, seen.now)]
    table = columns(rows, frozenset({5}))
    yield f"  {paint.dim(table[0])}"
    for row, line in zip(rows[1:], table[1:], strict=True):
        yield f"  {paint(STATE_COLORS.get(row[4].split()[0], '-'), line)}"


def _host_row(view: HostView, now: datetime) -> tuple[str, ...]:
    version = f"{view.version} {'current' if view.current else 'old'}"
    since = f" {span(now - view.since)}" if view.since is not None else ""
    return view.id, view.zone, view.type, version, f"{view.state}{since}", str(view.tasks), view.targets_text


def _whys(pool: str, seen: Tick) -> list[tuple[str, str]]:
    """Why the pool is (not) moving: (kind, sentence), equal reasons once."""
    moves = moves_of(seen, pool)
    fleet = next((one for one in seen.fleets if one.pool == pool), None)
    told = {Done: ("done", "settled"), Wait: ("wait", "waiting"), Halt: ("halt", "halted")}
    found = [(told[type(one)][0], f"{told[type(one)][1]}: {one.why}") for one in moves if type(one) in told]
    if fleet is not None:
        found += [("act", f"next: {one.words}: {one.why}") for one in next_of(moves, fleet)]
    if not found:
        steps = [s for s in seen.plan.pending if s.key.name == pool and s.risk == "host_roll"]
        found = [("wait", f"next: {step.key} changes, then the hosts") for step in steps]
    return list(dict.fromkeys(found))


def _pool(fleet: Fleet, seen: Tick, stack: Stack) -> dict[str, Any]:
    policy = policy_of(stack, fleet.pool)
    moves = [move for pool, move in seen.moves if pool == fleet.pool]
    return {
        "pool": fleet.pool,
        "generation": fleet.generation,
        "size": fleet.size,
        "min": fleet.min,
        "desired": fleet.desired,
        "max": fleet.max,
        "serving": len(serving(fleet, policy, seen.now)),
        "floor": floor(fleet, policy),
        "roll": {"generation": fleet.roll.generation, "started": iso(fleet.roll.started)} if fleet.roll else None,
        "halted": {"code": fleet.halted.code, "at": iso(fleet.halted.at)} if fleet.halted else None,
        "paused": fleet.paused or None,
        "moving": any(not isinstance(move, Done | Halt) for move in moves),
        "why": [why for _, why in _whys(fleet.pool, seen)],
        "hosts": [host_document(view) for view in views(fleet, policy, seen.now)],
    }


# ------------------------------------------------------------------------------------------------ services
def _services(seen: Tick, stack: Stack) -> list[tuple[str, Service | None]]:
    """The spec's services by logical name with what is live of each."""
    live = {one.name: one for one in (*seen.bare, *(one for fleet in seen.fleets for one in fleet.services))}
    keys = [Key("service", one.name) for one in stack.services]
    return [(key.name, live.get(seen.plan.live_name(key, live_name(stack, key)))) for key in keys]


def _service(name: str, live: Service | None, seen: Tick) -> dict[str, Any]:
    verdict = next((one for one in seen.verdicts if one.service == name), None)
    held = seen.held.get(Key("service", name))
    return {
        "service": name,
        "desired": live.desired if live else None,
        "running": live.running if live else None,
        "pending": live.pending if live else None,
        "healthy": live.healthy if live else None,
        "verdict": verdict.state if verdict else "missing",
        "why": verdict.why if verdict else "not there yet",
        "held": held.why if held else None,
        "last_event": live.last_event or None if live else None,
    }


def _service_lines(seen: Tick, stack: Stack, paint: Paint) -> Iterator[str]:
    rows = [("service", "desired", "running", "healthy", "verdict")]
    colors = []
    for name, live in _services(seen, stack):
        one = _service(name, live, seen)
        numbers = ["-" if one[key] is None else str(one[key]) for key in ("desired", "running", "healthy")]
        why = printable(f"{one['why']}; held: {one['held']}" if one["held"] else one["why"])
        rows.append((name, numbers[0], numbers[1], numbers[2], f"{one['verdict'].replace('_', ' ')}: {why}"))
        colors.append({"succeeded": "+", "in_progress": "~", "missing": "~"}.get(one["verdict"], "-"))
    table = columns(rows, frozenset({1, 2, 3}))
    yield paint.dim(table[0])
    yield from (paint(color, line) for color, line in zip(colors, table[1:], strict=True))
