"""One pool's hosts followed from tick to tick: a timeline of each, and the figures a rollout is judged by. Pure.

A roll whose beginning nobody here saw was begun by a controller that died: what happened before we looked is not
known, so its lowest, highest and relative figures are None and it is marked as resumed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from controller.base.keys import ROLL_TAG
from controller.base.words import plural
from controller.report.hosts import by_age, short_version
from controller.rollout import model
from controller.rollout import moves as kinds
from controller.rollout.decide import floor, serving
from controller.rollout.model import Fleet, Host, Policy
from controller.rollout.moves import Move


@dataclass(slots=True)
class Timeline:
    """The life of one host, as far as it was seen: None where nobody saw the moment, nor wrote it down.

    ready   first seen ACTIVE and connected; it bakes after that
    """

    id: str
    zone: str
    version: str
    launched: datetime | None
    ready: datetime | None = None
    cordoned: datetime | None = None
    drained: datetime | None = None
    terminated: datetime | None = None
    was_active: bool = False
    was_draining: bool = False  # AWS has shown the cordon: from then on its absence means something
    asked: bool = False  # it leaves because we said so
    leaves: bool = False
    cordon_told: bool = False


@dataclass(slots=True)
class Tasks:
    """The service tasks of a pool since its roll began, for `moves_per_task`."""

    known: set[str] = field(default_factory=set)
    open_at_start: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    started: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    starters: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    desired: dict[str, int] = field(default_factory=dict)

    def begin(self, fleet: Fleet) -> None:
        for task in _moving(fleet):
            self.known.add(task.arn)
            if not task.stopped and task.service is not None:
                self.open_at_start[task.service] += 1

    def add(self, fleet: Fleet) -> None:
        for task in _moving(fleet):
            assert task.service is not None
            if not task.stopped or task.arn not in self.known:
                self.starters[task.service].add(task.started_by)
            if task.arn not in self.known:
                self.started[task.service].add(task.arn)
        for service in fleet.services:
            self.desired[service.name] = max(self.desired.get(service.name, 0), service.desired)

    def moves_per_task(self) -> float | None:
        """Tasks started because of the drain per task that ran at the start; None when no service can tell.

        A service that was deployed meanwhile started tasks for that reason and is left out. Tasks that were still to
        come when the roll began, or that a greater desired count asked for, were not moved either.
        """
        counted = [name for name in self.open_at_start if len(self.starters[name]) == 1]
        ran = sum(self.open_at_start[name] for name in counted)
        if not ran:
            return None
        moved = 0
        for name in counted:
            new = max(0, self.desired.get(name, 0) - self.open_at_start[name])
            moved += max(0, len(self.started[name]) - new)
        return round(moved / ran, 3)


@dataclass(slots=True)
class Rolled:
    """One rollout of one pool's hosts, as far as it was seen."""

    pool: str
    generation: str
    started: datetime
    resumed: bool
    size: int
    floor: int | None
    serving_at_start: int | None = None
    min_serving: int | None = None
    peak: int | None = None
    ended: datetime | None = None
    hosts: list[Timeline] = field(default_factory=list)
    tasks: Tasks = field(default_factory=Tasks)

    @property
    def moves_per_task(self) -> float | None:
        return None if self.resumed else self.tasks.moves_per_task()

    def add(self, fleet: Fleet, policy: Policy | None, now: datetime) -> None:
        self.size, self.generation = fleet.size, fleet.generation
        if policy is not None:
            self.floor = floor(fleet, policy)
        if self.resumed:
            return
        self.peak = max(self.peak or 0, len(fleet.live))
        self.tasks.add(fleet)
        if policy is not None:
            up = len(serving(fleet, policy, now))
            self.serving_at_start = up if self.serving_at_start is None else self.serving_at_start
            self.min_serving = up if self.min_serving is None else min(self.min_serving, up)


@dataclass(slots=True)
class Figures:
    """One pool over a whole apply, whether or not its hosts were rolled.

    floor   hosts that must serve whatever we do: the spec's floor, or what served at the first look if that was less
            (a pool that grows, or one that was broken, is not taken below where it stood)
    """

    pool: str
    size: int = 0
    floor: int | None = None
    serving_at_start: int | None = None
    min_serving: int | None = None
    peak: int = 0
    hosts: list[Timeline] = field(default_factory=list)

    def add(self, fleet: Fleet, policy: Policy | None, now: datetime) -> None:
        self.size, self.peak = fleet.size, max(self.peak, len(fleet.live))
        if policy is None:
            return
        up = len(serving(fleet, policy, now))
        self.serving_at_start = up if self.serving_at_start is None else self.serving_at_start
        self.min_serving = up if self.min_serving is None else min(self.min_serving, up)
        self.floor = min(floor(fleet, policy), self.serving_at_start)


class PoolWatch:
    """What was seen of one pool. `add` returns what is new of its hosts, one line each."""

    def __init__(self, pool: str, *, from_start: bool) -> None:
        """*from_start*: hosts there at the first look were there before us, which is not news."""
        self.pool = pool
        self.roll: Rolled | None = None
        self.figures = Figures(pool)
        self._hosts: dict[str, Timeline] = {}
        self._first = from_start

    def add(self, fleet: Fleet, moves: Sequence[Move], policy: Policy | None, now: datetime) -> list[str]:
        recording = any(isinstance(move, kinds.Record) and ROLL_TAG in dict(move.tags) for move in moves)
        if self.roll is not None and fleet.roll is None and not recording:
            self._end(now)
        lines = [line for host in by_age(fleet.hosts) for line in self._follow(host, now)]
        lines += self._gone({host.id for host in fleet.hosts}, now)
        if self.roll is None and (fleet.roll is not None or recording):
            self._begin(fleet, now)
        if self.roll is not None:
            self.roll.add(fleet, policy, now)
        self.figures.add(fleet, policy, now)
        for move in moves:
            lines += self._moved(move, fleet, now)
        self._first = False
        return lines

    def _begin(self, fleet: Fleet, now: datetime) -> None:
        started = fleet.roll.started if fleet.roll else now
        self.roll = Rolled(self.pool, fleet.generation, started, fleet.roll is not None, fleet.size, None)
        self.roll.hosts = list(self._hosts.values())
        self.roll.tasks.begin(fleet)

    def _end(self, now: datetime) -> None:
        assert self.roll is not None
        self.roll.ended, self.roll = now, None
        self._hosts = {ident: one for ident, one in self._hosts.items() if one.terminated is None}

    def _follow(self, host: Host, now: datetime) -> list[str]:
        lines = []
        known = self._hosts.get(host.id)
        if known is None:
            known = Timeline(host.id, host.zone, short_version(host.version), host.launched_at)
            self._hosts[host.id] = known
            self.figures.hosts.append(known)
            if self.roll is not None:
                self.roll.hosts.append(known)
            if self._first:
                known.was_active = host.active or host.cordoned
                known.ready = host.ready_since  # what was ready before us has been so for nobody knows how long
            else:
                lines.append(f"host {host.id} launched ({host.zone}, version {known.version})")
        if host.active and not known.was_active:
            known.was_active = True
            if known.ready is None:
                known.ready = host.ready_since or now
                lines.append(f"host {host.id} ready")
        if host.cordoned:
            if not known.cordon_told:
                lines.append(_draining(host))
                known.cordoned = host.cordoned_at or (None if self._first else now)
            known.cordon_told = known.was_draining = True
        elif known.was_draining and not host.leaving:
            known.cordoned, known.cordon_told, known.was_draining = None, False, False
        if host.leaving and not known.asked and not known.leaves:
            lines.append(f"host {host.id} is being terminated, not by us")
        known.leaves = known.leaves or host.leaving
        return lines

    def _gone(self, there: set[str], now: datetime) -> list[str]:
        lines = []
        for known in [one for one in self._hosts.values() if one.id not in there and one.terminated is None]:
            known.terminated = now
            lines.append(f"host {known.id} terminated" if known.asked or known.leaves else _lost(known))
            if self.roll is None:
                del self._hosts[known.id]
        return lines

    def _moved(self, move: Move, fleet: Fleet, now: datetime) -> list[str]:
        """What *move* does to a host, noted; the lines of moves about hosts."""
        known = self._hosts.get(getattr(move, "host", ""))
        if known is None:
            return []
        host = next((one for one in fleet.hosts if one.id == known.id), None)
        if isinstance(move, kinds.Cordon) and not known.cordon_told and host is not None:
            known.cordoned, known.cordon_told = move.at, True
            return [_draining(host)]
        if isinstance(move, kinds.Terminate) and not known.asked:
            known.asked = True
            if not known.cordon_told or not move.why.startswith("drained"):
                return [f"host {known.id} terminating: {move.why}"]
            known.drained = None if self._first else now  # empty at the first look: since when is not known
            return [f"host {known.id} drained"]
        if isinstance(move, kinds.Uncordon):
            known.cordoned, known.cordon_told, known.was_draining = None, False, False
            return [f"host {known.id} takes tasks again: {move.why}"]
        if isinstance(move, kinds.MarkAway):
            renewed = host is not None and host.away is not None and host.away.since == move.note.since
            return [] if renewed else [f"host {known.id}: its agent is not connected; {move.why}"]
        if isinstance(move, kinds.MarkBack):
            return [f"host {known.id}: {move.why}"]
        return [f"host {known.id} not ready any more: {move.why}"] if isinstance(move, kinds.Unready) else []


def _draining(host: Host) -> str:
    left = sum(1 for target in host.targets if target.state != "unused")
    return f"host {host.id} draining: {plural(len(host.open_tasks), 'task')}, {plural(left, 'target')} left"


def _lost(known: Timeline) -> str:
    return f"host {known.id} is gone, not terminated by us"


def _moving(fleet: Fleet) -> Iterable[model.Task]:
    """The tasks a drain moves: those of services, daemons left out."""
    return (task for host in fleet.hosts for task in host.tasks if task.service is not None and not task.daemon)
