"""A seeded random world for one pool: an auto scaling group, its hosts, ECS services on them. Pure, on a fake clock.

It does what AWS does and no more: launches into the emptiest zone, replaces the dead, drains under min and max
percent, keeps a target `draining` for the whole deregistration delay. Seconds are integers since `T0`. `eyes.py` shows
it as a fleet, `hands.py` carries out moves and judges them, `histories.py` says what happens and drives it.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

T0 = datetime(2026, 1, 1, tzinfo=UTC)
NEVER = 10**9
CPU = 1000  # of one host
LOST = 300  # seconds an agent is away before its host counts as lost (rule 5)
UNSEEN = 40  # seconds of them during which nobody may have looked
NOTICE = 2  # seconds until the group sees that a host is dead


@cache
def moment(second: int) -> datetime:
    return T0 + timedelta(seconds=second)


@dataclass(slots=True)
class Job:
    """A task. `at`: when its status changes next; `target`: the state of its registration, None without one.

    One without an arn is no task: a target that somebody registered by hand.
    """

    arn: str
    service: Svc | None
    status: str
    at: int
    wanted: bool = True
    target: str | None = None
    port: int = 0

    @property
    def open(self) -> bool:
        return self.status != "STOPPED"

    @property
    def sound(self) -> bool:
        return self.wanted and self.status == "RUNNING" and self.target in (None, "healthy")


@dataclass(slots=True)
class Svc:
    """An ECS service."""

    name: str
    desired: int
    low: int = 100
    high: int = 200
    cpu: int = 100
    balanced: bool = True
    delay: int = 5
    static: int = 0
    baseline: str = ""
    deploying: bool = False


@dataclass(slots=True)
class Box:
    """A host: EC2 instance, group member and container instance in one."""

    id: str
    zone: str
    generation: int
    born: int
    up_at: int
    joins_at: int
    state: str = "Pending"
    node: str | None = None
    away_from: int = NEVER
    away_until: int = 0
    dead_at: int = NEVER
    gone_at: int = NEVER
    up_since: int = NEVER
    ready: str = ""
    cordoned: str = ""
    away: str = ""
    protected: bool = False
    sick: bool = False  # the group calls it unhealthy, though it serves
    jobs: list[Job] = field(default_factory=list)
    served: set[str] = field(default_factory=set)

    @property
    def leaving(self) -> bool:
        return self.state == "Terminating"


class World:
    """One pool and its cluster. `advance` lets AWS do what it does by itself."""

    def __init__(self, seed: int, size: int, zones: int, services: list[Svc]) -> None:
        self.dice = random.Random(seed)
        self.now = 0
        self.size = self.desired = size
        self.spec_min, self.spec_max = min(size, 1), size + 2
        self.min, self.max = self.spec_min, self.spec_max
        self.generation = 1
        self.turned = -1  # when the wanted generation or the size changed last
        self.zones = ["abc"[i] for i in range(zones)]
        self.services = services
        self.boxes: list[Box] = []
        self.tags: dict[str, str] = {}
        self.suspended: set[str] = set()
        self.leftovers: list[str] = []
        self.elastic = False  # somebody else owns desired: `size` is what that is, and during a roll what it was
        self.alarm = False
        self.no_data: int | None = None
        self.stubborn: dict[int, str] = {}  # generation -> "never" | "late": how its hosts boot
        self.launched: Counter[int] = Counter()
        self.serial = 0
        for _ in range(size):
            box = self.launch()
            box.state, box.node, box.up_since = "InService", "ACTIVE", -NEVER
            box.born = box.up_at = box.joins_at = -3600
        for _ in range(3):
            self.schedule()
            for box, job in self.jobs():
                job.status, job.at = "RUNNING", NEVER
                job.target = "healthy" if job.target else None
                box.served |= {job.service.name} if job.service else set()

    # -------------------------------------------------------------------------------------------- AWS itself
    def advance(self, seconds: int) -> None:
        """Let time pass, stopping at every moment something happens by itself."""
        end = self.now + seconds
        while True:
            soonest = self.next_event()
            self.now = min(end, max(soonest, self.now + 1))
            self.settle()
            if self.now >= end:
                return

    def next_event(self) -> int:
        soonest = NEVER
        for box in self.boxes:
            notice = box.dead_at + NOTICE if not box.leaving else NEVER
            for at in (box.up_at, box.joins_at, box.away_until, box.gone_at, notice):
                if self.now < at < soonest:
                    soonest = at
            for job in box.jobs:
                if job.at < soonest:
                    soonest = job.at
        return soonest

    def settle(self) -> None:
        for box in list(self.boxes):
            self._age(box)
        self._converge()
        self.schedule()
        for box in self.boxes:
            if not self.connected(box) or box.state != "InService":
                box.up_since = NEVER
            elif box.up_since == NEVER:
                box.up_since = self.now

    def _age(self, box: Box) -> None:
        if box.state == "Pending" and self.now >= box.up_at:
            box.state = "InService"
        if box.node is None and self.now >= box.joins_at and not self.dead(box) and not box.leaving:
            box.node = "ACTIVE"
        if self.dead(box):
            for job in box.jobs:
                job.status, job.wanted, job.at, job.target = "STOPPED", False, NEVER, None
            if not box.leaving and self.now >= box.dead_at + NOTICE:
                box.state, box.gone_at = "Terminating", self.now + 1
        for job in box.jobs:
            if job.at <= self.now:
                self._step(box, job)
        self._forget_stopped(box)
        if box.leaving and box.node == "ACTIVE":
            box.node = "DRAINING"  # managed draining: the hook waits for the tasks (aws.md 1.6)
        idle = box.node is None or not any(job.open and job.service for job in box.jobs)
        if box.leaving and box.gone_at == NEVER and idle:
            box.gone_at = self.now + 2
        if box.leaving and self.now >= box.gone_at:
            self.boxes.remove(box)
            if box.node and (self.dead(box) or self.now < box.away_until):
                self.leftovers.append(f"ci-{box.id}")

    def _forget_stopped(self, box: Box) -> None:
        """Stopped tasks stay listed for an hour: here, the last one of each service."""
        listed: set[int] = set()
        for job in [job for job in reversed(box.jobs) if not job.open and not job.target]:
            if id(job.service) in listed:
                box.jobs.remove(job)
            listed.add(id(job.service))

    def _step(self, box: Box, job: Job) -> None:
        """The life of a task; what its agent would do waits while the agent is away."""
        job.at = NEVER
        match job.status:
            case "PENDING":
                job.status, job.at = "RUNNING", self.now + 2 if job.target else NEVER
                box.served |= {job.service.name} if job.service else set()
            case "RUNNING" if job.target == "initial":
                job.target = "healthy"
            case "DEACTIVATING":
                job.target = "unused" if job.target and self.dice.random() < 0.5 else None
                job.status, job.at = "STOPPING", self.now + self.dice.randint(1, 3)
            case "STOPPING":
                job.status = "STOPPED" if self.now >= box.away_until else "STOPPING"
                job.at = NEVER if job.status == "STOPPED" else box.away_until
                if job.target and job.service and job.status == "STOPPED":  # its registration may outlive it
                    job.target, job.at = "draining", self.now + self.dice.choice([0, job.service.delay])
            case "STOPPED":
                job.target = None
            case "RUNNING" if job.service is None:
                self.stop(job)

    def leave(self, box: Box, until: int) -> None:
        """Its agent is away from now, or longer than it would have been."""
        box.away_from = box.away_from if self.now < box.away_until else self.now
        box.away_until = until

    def stop(self, job: Job) -> None:
        delay = job.service.delay if job.service and job.target else 0
        job.wanted, job.status, job.at = False, "DEACTIVATING", self.now + delay
        job.target = "draining" if job.target else None

    def _converge(self) -> None:
        """Towards desired: launch into the emptiest zone; scale in from the most crowded, sparing the protected."""
        live = [box for box in self.boxes if not box.leaving]
        for _ in range(self.desired - len(live)):
            self.launch()
        for _ in range(len(live) - self.desired):
            crowd = Counter(box.zone for box in live)
            free = [box for box in live if not box.protected]
            if not free:
                return
            victim = max(free, key=lambda box: (crowd[box.zone], -box.born, box.id))
            live.remove(victim)
            victim.state = "Terminating"

    def launch(self) -> Box:
        crowd = Counter({zone: 0 for zone in self.zones})  # noqa: C420  (dict.fromkeys types the zones as None)
        crowd.update(box.zone for box in self.boxes if not box.leaving)
        least = min(crowd.values())
        self.serial += 1
        mood = self.stubborn.get(self.generation, "")
        boot = {"never": NEVER, "late": 75}.get(mood, self.dice.randint(4, 30))
        zone = self.dice.choice([zone for zone in self.zones if crowd[zone] == least])
        box = Box(f"i-{self.serial}", zone, self.generation, self.now, self.now + 3, self.now + boot)
        if mood == "late":
            self.stubborn[self.generation] = ""
        self.boxes.append(box)
        self.launched[self.generation] += 1
        return box

    def schedule(self) -> None:
        """The ECS scheduler: fill up to desired, move off draining hosts under min and max percent (aws.md 1.1)."""
        for service in self.services:
            mine = [(box, job) for box, job in self.jobs() if job.service is service and job.wanted and job.open]
            for box, job in mine:
                if box.node == "DRAINING" and job.status == "PENDING":
                    self.stop(job)
            mine = [(box, job) for box, job in mine if job.wanted]
            staying = [(box, job) for box, job in mine if box.node != "DRAINING"]
            most = math.floor(service.desired * service.high / 100)
            for _ in range(min(service.desired - len(staying), most - len(mine))):
                self._place(service)
            least = math.ceil(service.desired * service.low / 100)
            spare = sum(job.sound for _, job in mine) - least
            movable = [job for box, job in mine if box.node == "DRAINING"]
            surplus = [job for _, job in staying[service.desired :]]
            for job in movable + surplus:
                if not job.sound or spare > 0:
                    spare -= job.sound
                    self.stop(job)

    def _place(self, service: Svc) -> None:
        fits = [box for box in self.boxes if self.active(box) and self.free(box) >= service.cpu]
        if service.static:
            fits = [box for box in fits if not any(j.open and j.port == service.static for j in box.jobs)]
        if fits:
            crowd = Counter(box.zone for box, job in self.jobs() if job.service is service and job.wanted)
            box = min(fits, key=lambda b: (crowd[b.zone], len(b.jobs), b.id))
            self.serial += 1
            port = service.static or 32768 + self.serial
            target = "initial" if service.balanced else None
            box.jobs.append(Job(f"t-{self.serial}", service, "PENDING", self.now + 3, target=target, port=port))

    # -------------------------------------------------------------------------------------------- what is true
    def jobs(self) -> Iterator[tuple[Box, Job]]:
        return ((box, job) for box in self.boxes for job in box.jobs)

    def dead(self, box: Box) -> bool:
        return self.now >= box.dead_at

    def connected(self, box: Box) -> bool:
        return box.node is not None and self.now >= box.away_until and not self.dead(box)

    def lost(self, box: Box) -> bool:
        """Its agent has been away for so long that nobody waits for it; one that came back between two passes and went
        again was not seen."""
        return box.node is not None and self.now < box.away_until and self.now - box.away_from > LOST - UNSEEN

    def active(self, box: Box) -> bool:
        return box.state == "InService" and box.node == "ACTIVE" and self.connected(box)

    def free(self, box: Box) -> int:
        return CPU - sum(job.service.cpu for job in box.jobs if job.open and job.service)

    def running(self, service: Svc) -> int:
        return len([1 for _, job in self.jobs() if job.service is service and job.wanted and job.status == "RUNNING"])

    def healthy(self, service: Svc) -> int | None:
        found = len([1 for _, job in self.jobs() if job.service is service and job.target == "healthy"])
        return found if service.balanced else None
