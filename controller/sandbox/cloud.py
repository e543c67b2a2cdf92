"""The sandbox's clouds put together: worlds stepped on a clock, effects made real, balancers told, figures kept."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any

from moto.backends import get_backend

from controller.base.clock import Clock
from controller.sandbox import api, bridge, hosts
from controller.sandbox.authority import Authority
from controller.sandbox.balancers import Balancers, Place
from controller.sandbox.balancing import LAG_MAX, configurations
from controller.sandbox.busy import busy
from controller.sandbox.catalog import MotoCatalog
from controller.sandbox.machine import Machine
from controller.sandbox.metrics import Metrics
from controller.sandbox.step import Serving, serving, step
from controller.sandbox.strict_elb import lead
from controller.sandbox.timings import Timings
from controller.sandbox.world import (
    Effect,
    Event,
    HealthSeen,
    Json,
    LaunchHost,
    Shift,
    SignalTask,
    StartTask,
    TerminateHost,
    World,
)

Where = tuple[str, str]
"""(account, region)."""


@dataclass
class Record:
    """What a world looked like, whenever that changed, and which of AWS's own states it was waiting in."""

    moments: list[tuple[datetime, Serving]] = field(default_factory=list)
    waits: list[tuple[datetime, tuple[str, ...]]] = field(default_factory=list)

    def note(self, now: datetime, figures: Serving, reasons: tuple[str, ...]) -> None:
        if not self.moments or self.moments[-1][1] != figures:
            self.moments.append((now, figures))
        if not self.waits or self.waits[-1][1] != reasons:
            self.waits.append((now, reasons))


class Cloud:
    """All accounts and regions of one sandbox. Its lock guards moto as well, which is not thread-safe."""

    def __init__(
        self,
        clock: Clock,
        timings: Timings,
        *,
        seed: int = 0,
        front: Callable[[int], str] = lambda number: f"127.0.254.{number}",
        shift: int = 0,
        lag: float = LAG_MAX,
    ) -> None:
        self.clock = clock
        self.timings = timings
        self.lock = threading.RLock()
        self.records: dict[Where, Record] = {}
        self.machine: Machine
        self.balancers: Balancers
        self.authority = Authority()
        self.on_shift: Callable[[], None] = lambda: None  # what is remembered of listeners does not hold any more
        self._seed = seed
        self._front = front
        self._shift = shift
        self._lag = lag
        self._fronts: dict[str, str] = {}
        self._worlds: dict[Where, World] = {}
        self._catalogs: dict[Where, MotoCatalog] = {}
        self._gone: dict[str, datetime] = {}
        self._metrics = Metrics()
        self._events: queue.SimpleQueue[tuple[Where, Event]] = queue.SimpleQueue()
        bridge.attach(self)

    def connect(self, machine: Machine, balancers: Balancers) -> None:
        """Give it its data plane; both report to `hear` and `saw`."""
        self.machine = machine
        self.balancers = balancers

    # What moto's side asks (bridge.Backing)

    def now(self) -> datetime:
        return self.clock.now()

    def world(self, account: str, region: str) -> World:
        where = (account, region)
        if where not in self._worlds:
            self._worlds[where] = World(account, region, self._seed)
            self._catalogs[where] = MotoCatalog(account, region, self.timings)
            self.records[where] = Record()
        return self._worlds[where]

    def call(self, account: str, region: str, service: str, action: str, params: Json) -> Json:
        where = (account, region)
        world = self.world(account, region)
        after, answer, effects = api.call(
            world, service, action, params, self.now(), self._catalogs[where], self.timings
        )
        if after is not world:
            self._commit(where, after, effects)
        return answer

    def tell(self, account: str, region: str, event: Event) -> None:
        self._events.put(((account, region), event))

    def address(self, load_balancer: str) -> str:
        ip, shift = self.front(load_balancer)
        return f"{ip}:{80 + shift}" if shift else ip

    # What the data plane reports, from any thread

    def hear(self, arn: str, event: Event) -> None:
        _, _, _, region, account, _ = arn.split(":", 5)
        self.tell(account, region, event)

    def saw(self, zone: str, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            event = HealthSeen(zone, row["group"], row["id"], int(row["port"]), row["state"], row["reason"])
            self.hear(row["group"], event)

    # Time

    def tick(self) -> None:
        """Step every world once, and bring machines and balancers up to it."""
        with self.lock:
            heard: dict[Where, list[Event]] = {}
            while not self._events.empty():
                where, event = self._events.get()
                self.world(*where)
                heard.setdefault(where, []).append(event)
            wanted: dict[Place, dict[str, Any]] = {}
            for where, world in list(self._worlds.items()):
                events, catalog = heard.get(where, []), self._catalogs[where]
                after, effects = step(world, events, self.now(), catalog, self.timings)
                self._commit(where, after, effects)
                hosts.sync(*where, after, self.now(), self._gone)
                elb = get_backend("elbv2")[where[0]][where[1]]
                serving = partial(self.authority.serving, *where)
                wanted |= configurations(elb, after, self.machine.host, self.front, serving, self._lag)
        self.balancers.set(wanted)
        if self._metrics.due(self.now(), self.timings.metrics):
            totals = {arn: one.get("accepted", 0) for arn, one in self.balancers.heard().items()}
            with self.lock:
                self._metrics.tell(totals, self.now())

    def front(self, load_balancer: str) -> tuple[str, int]:
        """(address of a load balancer, what is added to its ports below 1024)."""
        if load_balancer not in self._fronts:
            self._fronts[load_balancer] = self._front(len(self._fronts) + 1)
        return self._fronts[load_balancer], self._shift

    def worlds(self) -> dict[Where, World]:
        with self.lock:
            return dict(self._worlds)

    def catalog(self, where: Where) -> MotoCatalog:
        self.world(*where)
        return self._catalogs[where]

    def close(self) -> None:
        self.balancers.close()
        self.machine.close()

    def _commit(self, where: Where, world: World, effects: tuple[Effect, ...]) -> None:
        self._worlds[where] = world
        for effect in effects:
            match effect:
                case LaunchHost():
                    hosts.launch(*where, effect)
                case TerminateHost():
                    hosts.terminate(*where, effect.id)
                case StartTask():
                    self.machine.start(effect.task, effect.definition)
                case Shift():
                    lead(get_backend("elbv2")[where[0]][where[1]], effect.listeners, effect.weights)
                    self.on_shift()
                case SignalTask():
                    self.machine.signal(effect.arn, kill=effect.kill)
        catalog = self._catalogs[where]
        figures = serving(world, self.now(), catalog, self.timings)
        self.records[where].note(self.now(), figures, busy(world, catalog, self.now(), self.timings))


def minima(record: Record, since: datetime) -> dict[str, dict[str, int]]:
    """The lowest figures from *since* on: serving hosts by group and healthy targets by service; members' peak."""
    before = [figures for at, figures in record.moments if at <= since][-1:]
    seen = before + [figures for at, figures in record.moments if at > since]
    lowest: dict[str, dict[str, int]] = {"hosts": {}, "healthy": {}, "peak": {}}
    for figures in seen:
        for name, pairs in (("hosts", figures.hosts), ("healthy", figures.healthy)):
            for key, value in pairs:
                lowest[name][key] = min(value, lowest[name].get(key, value))
        for key, value in figures.members:
            lowest["peak"][key] = max(value, lowest["peak"].get(key, value))
    return lowest


def waiting(record: Record, since: datetime, until: datetime) -> dict[str, float]:
    """Seconds between *since* and *until* in which AWS was at something, by what; `none` for the rest."""
    spent: dict[str, float] = {}
    marks = [*record.waits, (until, ())]
    for (start, reasons), (end, _) in pairwise(marks):
        seconds = (min(end, until) - max(start, since)).total_seconds()
        if seconds > 0:
            for reason in reasons or ("none",):
                spent[reason] = spent.get(reason, 0.0) + seconds
            if reasons:
                spent["any"] = spent.get("any", 0.0) + seconds
    return {name: round(seconds, 3) for name, seconds in spent.items()}
