"""What `decide` answers, in words: the next moves of a pool, grouped where they are one thing, and what waits. Pure.

A roll that a crash left half-way is finished by the next apply, so a plan must say what is left of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, assert_never

from controller.base.keys import HALTED_TAG, ROLL_TAG
from controller.base.words import plural
from controller.report.hosts import HostView, host_document, iso, rolling, views
from controller.report.seen import Tick
from controller.rollout import moves as kinds
from controller.rollout.model import Fleet, Policy
from controller.rollout.moves import Done, Halt, MarkAway, MarkBack, Move, Wait

HOSTS_MAX = 12  # lines of hosts in a plan; more of them are counted
SETTLED = {"ready"}


@dataclass(frozen=True, slots=True)
class Next:
    """One thing to do, to one host or several: `kind` as the class says it, `words` for people."""

    kind: str
    words: str
    hosts: tuple[str, ...]
    why: str


def underway(fleet: Fleet) -> bool:
    """Whether a roll of this pool, or a trace of one, is there to be finished."""
    marks = any(host.cordoned_at or host.ready_since for host in fleet.live)
    return fleet.roll is not None or bool(fleet.suspended_by_us) or marks


def acting(moves: Iterable[Move]) -> list[Move]:
    """What changes something; a note about an agent that is away does not."""
    return [move for move in moves if not isinstance(move, Wait | Halt | Done | MarkAway | MarkBack)]


def moves_of(seen: Tick, pool: str) -> list[Move]:
    return [move for name, move in seen.moves if name == pool]


def unfinished(seen: Tick) -> tuple[Fleet, ...]:
    """The pools a plan tells about although no step and no forecast does: a roll under way, moves to make."""
    ahead = {one.pool for one in seen.forecasts} | rolling(seen)
    return tuple(
        fleet
        for fleet in seen.fleets
        if underway(fleet) or (acting(moves_of(seen, fleet.pool)) and fleet.pool not in ahead)
    )


def next_of(moves: Iterable[Move], fleet: Fleet) -> tuple[Next, ...]:
    """What is done next; moves of one kind with one reason are one thing."""
    found: dict[tuple[str, str, str], tuple[str, ...]] = {}
    for move in acting(moves):
        words, hosts = _words(move, fleet)
        mark = (kind(move), words, move.why)
        found[mark] = found.get(mark, ()) + hosts
    return tuple(
        Next(name, words.format(hosts=", ".join(hosts)), hosts, why) for (name, words, why), hosts in found.items()
    )


def waits_of(moves: Iterable[Move]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(move.why for move in moves if isinstance(move, Wait)))


def kind(move: Move) -> str:
    """``set_capacity``, ``cordon``."""
    return "".join(f"_{one.lower()}" if one.isupper() else one for one in type(move).__name__).strip("_")


def hosts_to_show(fleet: Fleet, policy: Policy, seen: Tick) -> tuple[tuple[HostView, ...], str]:
    """The hosts a plan lists, those in motion first, old before new; and words for those left out."""
    found = sorted(views(fleet, policy, seen.now), key=lambda view: (view.state in SETTLED, view.current))
    shown, rest = tuple(found[:HOSTS_MAX]), found[HOSTS_MAX:]
    old = sum(1 for view in rest if not view.current)
    return shown, f"and {plural(len(rest), 'host')} more, {old} of them old" if rest else ""


def in_flight(seen: Tick) -> list[dict[str, Any]]:
    """The same for machines: what is under way in each pool, and what apply does next about it."""
    found = []
    for fleet in unfinished(seen):
        moves = moves_of(seen, fleet.pool)
        roll = fleet.roll
        found.append(
            {
                "pool": fleet.pool,
                "roll": {"generation": roll.generation, "started": iso(roll.started)} if roll else None,
                "old": len(fleet.old),
                "new": len(fleet.new),
                "draining": [host.id for host in fleet.live if host.cordoned],
                "hosts": [
                    host_document(view) for view in views(fleet, seen.policies.get(fleet.pool, Policy()), seen.now)
                ],
                "moves": [
                    {"move": one.kind, "hosts": list(one.hosts), "words": one.words, "why": one.why}
                    for one in next_of(moves, fleet)
                ],
                "waits": list(waits_of(moves)),
            }
        )
    return found


def _words(move: Move, fleet: Fleet) -> tuple[str, tuple[str, ...]]:
    """(what is done, with a place for the hosts it is done to; those hosts)."""
    match move:
        case kinds.SetCapacity():
            return ", ".join(_capacity(move, fleet)) or "set the capacity", ()
        case kinds.Record():
            return _record(dict(move.tags)), ()
        case kinds.Forget():
            return "forget the halt" if HALTED_TAG in move.tags else "remove the marks of the roll", move.hosts
        case kinds.Suspend():
            return "suspend AZRebalance", ()
        case kinds.Resume():
            return f"resume {', '.join(move.processes)}", ()
        case kinds.MarkReady():
            return "note {hosts} as ready", (move.host,)
        case kinds.Unready():
            return "note {hosts} as not ready any more", (move.host,)
        case kinds.Unprotect():
            return "take scale-in protection off {hosts}", move.hosts
        case kinds.Cordon():
            return "drain {hosts}", (move.host,)
        case kinds.Uncordon():
            return "let {hosts} take tasks again", (move.host,)
        case kinds.Terminate():
            return "terminate {hosts}" + (", one host less" if move.shrink else ""), (move.host,)
        case kinds.StopTasks():
            return f"stop {plural(len(move.tasks), 'task')}", ()
        case kinds.Deregister():
            return f"deregister {plural(len(move.targets), 'target')}", tuple({one.host: 1 for one in move.targets})
        case kinds.ForceDeregister():
            return f"deregister {plural(len(move.container_instances), 'container instance')}", ()
        case kinds.Wait() | kinds.Halt() | kinds.Done() | kinds.MarkAway() | kinds.MarkBack():
            return "", ()
        case _:
            assert_never(move)


def _capacity(move: kinds.SetCapacity, fleet: Fleet) -> Iterator[str]:
    if move.desired != fleet.desired:
        yield f"desired {fleet.desired} -> {move.desired}"
    if move.max is not None and move.max != fleet.max:
        yield f"MaxSize {fleet.max} -> {move.max}"


def _record(tags: dict[str, str]) -> str:
    if HALTED_TAG in tags:
        return "halt"
    return "record the roll" if ROLL_TAG in tags else "record what is about to change"
