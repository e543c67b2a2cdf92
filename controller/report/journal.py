"""What happened, tick by tick: the lines a person follows, and the facts the final report is made of. Pure.

A journal is fed every tick of an apply and answers with what is new. Counts that tick down are not news: a wait is
told again when its meaning changes, else no more than once in `QUIET`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, assert_never

from controller.base.errors import ControllerError, Missing, NotYet, Stale
from controller.base.keys import HALTED_TAG, ROLL_TAG, Key
from controller.base.words import plural
from controller.engine.steps import Step
from controller.report.rolls import Figures, PoolWatch, Rolled, Timeline
from controller.report.seen import Tick
from controller.rollout import moves as kinds
from controller.rollout.model import Fleet
from controller.rollout.moves import Move
from controller.rollout.verdict import Verdict

__all__ = ["Journal", "Record", "Rolled", "Timeline"]

QUIET = timedelta(seconds=10)  # between two lines about the same wait
STILL = timedelta(seconds=60)  # before a wait that did not change is told again
STEPS_MAX = 5000  # of a loop that runs for months, the newest are kept
ROLLS_MAX = 100
NUMBER = re.compile(r"(?<![\w.:/-])\d+(?:\.\d+)?(?![\w/-])")
ASIDE = re.compile(r"\([^()]*\)")
SEVERAL = re.compile(r"\bi-[0-9a-z]+(?:, i-[0-9a-z]+)+")
COUNTED = re.compile(r"(?<![\w.:/-])(1) (host|target|task|daemon task|standalone task)\b")
DONE_WORDS = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted", "read": "read"}


@dataclass(frozen=True, slots=True)
class Record:
    """One step: ``done``, or how it stands: ``not_yet``, ``refused``, ``missing``, ``stale``, ``held``, ``pending``."""

    key: Key
    action: str
    risk: str
    changed: tuple[str, ...]
    outcome: str
    why: str
    at: datetime


class Journal:
    """What the ticks so far amount to.

    done      steps carried out, oldest first       open      steps of the last tick that are not done, with why
    verdicts  of the last tick that had any         halted    pool -> why, of the last tick
    requests  pool ("": all) -> what a probe measured; set by whoever ran one
    """

    def __init__(self) -> None:
        self.done: deque[Record] = deque(maxlen=STEPS_MAX)
        self.open: tuple[Record, ...] = ()
        self.verdicts: tuple[Verdict, ...] = ()
        self.halted: dict[str, str] = {}
        self.requests: dict[str, Any] = {}
        self._pools: dict[str, PoolWatch] = {}
        self._rolls: deque[Rolled] = deque(maxlen=ROLLS_MAX)
        self._ticks = 0
        self._said: set[tuple[str, str]] = set()
        self._waits: dict[str, dict[str, tuple[str, datetime]]] = {}
        self._moves: frozenset[str] = frozenset()
        self._judged: dict[str, tuple[str, tuple[str, datetime | None] | None]] = {}

    @property
    def rollouts(self) -> tuple[Rolled, ...]:
        """Every roll that was seen, in the order they began; the last of a pool may still be under way."""
        return tuple(self._rolls)

    @property
    def pools(self) -> tuple[Figures, ...]:
        """Every pool that was seen, over all ticks."""
        return tuple(watch.figures for _, watch in sorted(self._pools.items()))

    def add(self, seen: Tick) -> tuple[str, ...]:
        """Take in one tick; what is new, one line per change."""
        lines = [*self._steps(seen), *self._errors(seen)]
        for fleet in seen.fleets:
            lines += [f"{fleet.pool}: {line}" for line in self._pool(fleet, seen)]
        lines += self._pool_moves(seen)
        lines += self._verdicts(seen)
        self._ticks += 1
        return tuple(lines)

    # -------------------------------------------------------------------------------------------- steps
    def _steps(self, seen: Tick) -> list[str]:
        lines, done, left = [], set(seen.done), []
        for step in seen.plan.steps:
            if step.action == "none":
                continue
            if step.key in done:
                self.done.append(_record(step, "done", "", seen.now))
                self._said = {one for one in self._said if one[0] != str(step.key)}
                lines.append(_done_line(step))
            elif step.key in seen.failed:
                error = seen.failed[step.key]
                left.append(_record(step, _kind(error), str(error), seen.now))
            elif step.key in seen.held:
                left.append(_record(step, "held", seen.held[step.key].why, seen.now))
            else:
                left.append(_record(step, "pending", "not tried yet", seen.now))
        self.open = tuple(left)
        return lines

    def _errors(self, seen: Tick) -> list[str]:
        """Errors, holds and resources that are not ready yet, once each."""
        words = {"not_yet": "waits", "stale": "changed meanwhile", "missing": "needs you", "refused": "refused"}
        found = [(str(key), words[_kind(error)], str(error)) for key, error in sorted(seen.failed.items())]
        found += [(str(key), "held", one.why) for key, one in sorted(seen.held.items())]
        found += [(key, "not ready", why) for key, _, why in (line.partition(": ") for line in seen.plan.busy)]
        lines = []
        for key, word, why in found:
            mark = (key, f"{word} {meaning(why)}")
            if mark not in self._said:
                self._said.add(mark)
                lines.append(f"{key} {word}: {why.removeprefix(f'{key}: ')}")
        return lines

    # -------------------------------------------------------------------------------------------- hosts
    def _pool(self, fleet: Fleet, seen: Tick) -> list[str]:
        watch = self._pools.get(fleet.pool)
        if watch is None:
            watch = self._pools[fleet.pool] = PoolWatch(fleet.pool, from_start=self._ticks == 0)
        moves = [move for pool, move in seen.moves if pool == fleet.pool]
        before = watch.roll
        lines = watch.add(fleet, moves, seen.policies.get(fleet.pool), seen.now)
        if watch.roll is not None and watch.roll is not before:
            self._rolls.append(watch.roll)
            if watch.roll.resumed:
                lines.insert(0, f"roll to {watch.roll.generation} goes on, begun {watch.roll.started:%H:%M:%S}")
        elif before is not None and watch.roll is None:
            lines.append(f"roll to {before.generation} is over")
        return lines

    def _pool_moves(self, seen: Tick) -> list[str]:
        """Lines of moves about the whole pool; one that is decided again (the last try failed) is told once."""
        fleets = {fleet.pool: fleet for fleet in seen.fleets}
        self.halted = {pool: move.why for pool, move in seen.moves if isinstance(move, kinds.Halt)}
        lines, told = [], []
        for pool, move in seen.moves:
            if isinstance(move, kinds.Wait | kinds.Halt):
                why = f"halted: {move.why}" if isinstance(move, kinds.Halt) else f"waiting: {move.why}"
                lines += self._waiting(pool, why, seen.now)
            elif line := _move_line(move, fleets[pool]):
                told.append(f"{pool}: {line}")
        lines += [line for line in told if line not in self._moves]
        self._moves = frozenset(told) if seen.moves else self._moves
        return lines

    def _waiting(self, who: str, why: str, now: datetime) -> list[str]:
        """The line about a wait, when it is worth one."""
        told = self._waits.setdefault(who, {})
        kind = meaning(why)
        text, at = told.get(kind, ("", now - STILL))
        if now - at < (STILL if text == why else QUIET):
            return []
        told[kind] = (why, now)
        return [f"{who}: {'still ' if text == why else ''}{why}"]

    # -------------------------------------------------------------------------------------------- services
    def _verdicts(self, seen: Tick) -> list[str]:
        """Changes of verdict. A deployment that was proved once is not news while a drain moves its tasks about."""
        lines = []
        for one in seen.verdicts:
            mark = (one.why.partition(":")[0], one.since)
            before, proved = self._judged.get(one.service, ("", None))
            if one.state in {"in_progress", "succeeded"} and proved == mark:
                continue
            who = f"service {one.service}"
            if one.state == "in_progress":
                lines += self._waiting(who, one.why, seen.now)
            elif before != one.state or one.state == "succeeded":
                self._waits.pop(who, None)
                if self._ticks or one.state != "succeeded":
                    lines.append(f"{who}: {one.state.replace('_', ' ')}: {one.why}")
            self._judged[one.service] = (one.state, mark if one.state == "succeeded" else None)
        self.verdicts = seen.verdicts or self.verdicts
        return lines


def meaning(why: str) -> str:
    """*why* without its counts, asides and lists of hosts: reasons of equal meaning wait for the same thing.

    >>> meaning("i-0a1 draining: 2 tasks left (web RUNNING, web PENDING)")
    'i-0a1 draining: # tasks left ()'
    """
    return NUMBER.sub("#", COUNTED.sub(r"\1 \2s", SEVERAL.sub("hosts", ASIDE.sub("()", why))))


def _kind(error: ControllerError) -> str:
    if isinstance(error, NotYet):
        return "not_yet"
    if isinstance(error, Missing):
        return "missing"
    return "stale" if isinstance(error, Stale) else "refused"


def _record(step: Step, outcome: str, why: str, at: datetime) -> Record:
    return Record(step.key, step.action, step.risk, tuple(c.field for c in step.changes), outcome, why, at)


def _done_line(step: Step) -> str:
    fields = f": {', '.join(change.field for change in step.changes)}" if step.action == "update" else ""
    return f"{DONE_WORDS[step.action]} {step.key}{fields}"


def _move_line(move: Move, fleet: Fleet) -> str:
    """The line of a move about the pool as a whole; "" when `PoolWatch` tells it, or nobody needs to know."""
    match move:
        case kinds.SetCapacity():
            return _capacity_line(move, fleet)
        case kinds.Record():
            return _record_line(dict(move.tags), move.why, fleet)
        case kinds.Suspend():
            return f"AZRebalance suspended: {move.why}"
        case kinds.Resume():
            return f"{', '.join(move.processes)} resumed: {move.why}"
        case kinds.Forget():
            return move.why if HALTED_TAG in move.tags else ""
        case kinds.StopTasks():
            return f"stopping {plural(len(move.tasks), 'task')}: {move.why}"
        case kinds.Deregister():
            return f"deregistering {plural(len(move.targets), 'target')}: {move.why}"
        case kinds.ForceDeregister():
            return f"deregistering {plural(len(move.container_instances), 'container instance')}: {move.why}"
        case kinds.Done():
            return move.why
        case kinds.MarkReady() | kinds.Unready() | kinds.MarkAway() | kinds.MarkBack() | kinds.Unprotect():
            return ""
        case kinds.Cordon() | kinds.Uncordon() | kinds.Terminate() | kinds.Wait() | kinds.Halt():
            return ""
        case _:
            assert_never(move)


def _capacity_line(move: kinds.SetCapacity, fleet: Fleet) -> str:
    parts = [f"capacity {fleet.desired} -> {move.desired}"] if move.desired != fleet.desired else []
    if move.max is not None and move.max != fleet.max:
        parts.append(f"MaxSize {fleet.max} -> {move.max}")
    return f"{', '.join(parts) or 'capacity'}: {move.why}"


def _record_line(tags: Mapping[str, str], why: str, fleet: Fleet) -> str:
    if HALTED_TAG in tags:
        return f"halting: {why}"
    if ROLL_TAG in tags and fleet.roll is None:
        hosts = f"{len(fleet.old)} of {len(fleet.live)} hosts to replace" if fleet.old else f"size {fleet.size}"
        return f"{why} begins: {hosts}"
    return why if ROLL_TAG in tags else ""
