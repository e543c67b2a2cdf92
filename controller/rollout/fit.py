"""Will the tasks fit on the hosts the spec asks for? First-fit decreasing over cpu, memory, static host ports and
network interfaces. Pure.

The answer errs on the safe side: first-fit may need one host more than the scheduler would, never one less.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from controller.rollout.model import Host, Resources, Service, Task

ROOMS_MAX = 6  # hosts whose room a refusal lists; the others are counted


@dataclass(frozen=True, slots=True)
class Need:
    """What one task reserves on a host."""

    name: str
    cpu: int
    memory: int
    ports: tuple[int, ...] = ()
    interfaces: int = 0
    alone: bool = False  # no two of this name on one host


@dataclass(slots=True)
class _Bin:
    cpu: int
    memory: int
    ports: set[int]
    interfaces: int | None = None
    names: set[str] = field(default_factory=set)

    def takes(self, need: Need) -> bool:
        if need.cpu > self.cpu or need.memory > self.memory or self.ports & set(need.ports):
            return False
        if (self.interfaces is not None and need.interfaces > self.interfaces) or (
            need.alone and need.name in self.names
        ):
            return False
        self.cpu -= need.cpu
        self.memory -= need.memory
        self.ports |= set(need.ports)
        self.names.add(need.name)
        if self.interfaces is not None:
            self.interfaces -= need.interfaces
        return True

    def left(self, need: Need) -> str:
        """What is free, of what *need* is about."""
        words = f"{self.cpu} cpu/{self.memory} MiB"
        return words + (f"/{self.interfaces} interfaces" if need.interfaces and self.interfaces is not None else "")


def misfit(needs: Iterable[Need], hosts: Sequence[tuple[Resources, frozenset[int]]]) -> str | None:
    """Why *needs* do not fit on *hosts* (free resources and taken ports of each); None when they do."""
    bins = [_Bin(free.cpu, free.memory, set(ports), free.interfaces) for free, ports in hosts]
    ordered = sorted(needs, key=lambda need: (-need.memory, -need.cpu, need.name))
    for placed, need in enumerate(ordered):
        if not any(one.takes(need) for one in bins):
            room = ", ".join(one.left(need) for one in bins[:ROOMS_MAX]) or "no host"
            room += f" and {len(bins) - ROOMS_MAX} more" if len(bins) > ROOMS_MAX else ""
            more = f", ports {list(need.ports)}" if need.ports else ""
            more += ", a network interface" if need.interfaces else ""
            more += ", a host without another of its tasks" if need.alone else ""
            return (
                f"{placed} of {len(ordered)} tasks fit; {need.name} needs {need.cpu} cpu/{need.memory} MiB{more}, "
                f"left: {room}"
            )
    return None


def needs_of(tasks: Iterable[Task]) -> list[Need]:
    """What those of *tasks* reserve that must run elsewhere; one told to stop has its replacement already, and one
    of no service is not started anywhere else."""
    return [
        Need(task.service, task.cpu, task.memory, task.static_ports, interfaces=1 if task.addresses else 0)
        for task in tasks
        if task.service is not None and not task.stopped and not task.daemon and task.desired_status == "RUNNING"
    ]


def drain_misfit(leaving: Sequence[Host], staying: Sequence[Host]) -> str | None:
    """Why the tasks of *leaving* do not fit on what is free of *staying*; None when they do."""
    room = [(host.free, _taken(host)) for host in staying]
    return misfit(needs_of(task for host in leaving for task in host.tasks), room)


def _taken(host: Host) -> frozenset[int]:
    """The host ports that tasks hold: a stopped one holds none any more."""
    return frozenset(port for task in host.tasks if not task.stopped for port in task.static_ports)


def percent_deadlock(service: Service) -> str | None:
    """Why the scheduler could neither start a task before stopping one nor stop one first; None when it can.

    max is rounded down, min up (aws.md 1.1): desired 3 at 125 % is 3 (nothing starts), 2 at 75 % is 2 (nothing stops).
    """
    if service.daemon or service.desired == 0:
        return None
    most = math.floor(service.desired * service.max_percent / 100)
    least = math.ceil(service.desired * service.min_percent / 100)
    if most > service.desired or least < service.desired:
        return None
    return (
        f"service {service.name}: of {service.desired} tasks, at most floor({service.max_percent} %) = {most} may "
        f"run and at least ceil({service.min_percent} %) = {least} must: a drain can neither start nor stop one"
    )


def pool_misfit(fleet_size: int, capacity: Resources, services: Sequence[Service]) -> str | None:
    """Why all tasks of *services* do not fit on *fleet_size* hosts of *capacity* each, old hosts gone."""
    return misfit(_all(services), [(capacity, frozenset())] * fleet_size)


def deploy_misfit(
    fleet_size: int, capacity: Resources, services: Sequence[Service], changing: Service, live: Sequence[Need]
) -> str | None:
    """Why a deployment of *changing* could not go from task to task on such hosts; None when it can.

    Where the min percent lets no task stop first, there must be room for one more: for the first new one beside what
    is *live* of the service, and for the last old one beside all the new. An old one of unknown size is like the new.
    What CodeDeploy deploys runs twice.

    >>> web = Service("web", 3, 3, cpu=256, memory=600)
    >>> deploy_misfit(1, Resources(2048, 1800), [web], web, [])
    'web starts a task before it stops one (min 100 %): 3 of 4 tasks fit; web needs 256 cpu/600 MiB, \
left: 1280 cpu/0 MiB'
    """
    if (
        changing.daemon
        or not changing.desired
        or math.ceil(changing.desired * changing.min_percent / 100) < changing.desired
    ):
        return None
    hosts = [(capacity, frozenset[int]())] * fleet_size
    others = _all(one for one in services if one is not changing)
    new, old = _need(changing), list(live)[: changing.desired]
    if changing.twice:
        missing = [new] * (changing.desired - len(old))
        why = misfit([*others, *old, *missing, *_all([changing])], hosts)
        return f"{changing.name} runs twice while CodeDeploy deploys it: {why}" if why else None
    first = misfit([*others, *old, new], hosts)
    last = misfit([*others, *_all([changing]), old[0] if old else new], hosts)
    why = first or last
    return f"{changing.name} starts a task before it stops one (min {changing.min_percent} %): {why}" if why else None


def _all(services: Iterable[Service]) -> list[Need]:
    return [_need(one) for one in services for _ in range(one.desired) if not one.daemon]


def _need(service: Service) -> Need:
    return Need(service.name, service.cpu, service.memory, service.static_ports, service.interfaces, service.alone)
