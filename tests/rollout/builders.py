"""Small fleets for tables: what a row does not name is well: three ready old hosts, size three, nothing in flight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from controller.base.crumbs import AwayCrumb, BaselineCrumb, HaltCrumb, RollCrumb
from controller.rollout.model import Fleet, Host, Policy, Resources, Service, Target, Task
from controller.rollout.moves import (
    Cordon,
    Deregister,
    ForceDeregister,
    Forget,
    Halt,
    MarkAway,
    MarkBack,
    MarkReady,
    Move,
    Record,
    Resume,
    SetCapacity,
    StopTasks,
    Terminate,
    Uncordon,
    Unprotect,
    Unready,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
GENERATION = "lt-1/2"


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


ROLL = RollCrumb(GENERATION, ago(600), 1, 6, 3)
HALTED = HaltCrumb(GENERATION, "ready_timeout", ago(60))


def host(name: str = "i-1", **fields: Any) -> Host:
    """An old host: in service, joined, active, empty, launched a day ago."""
    base = Host(
        id=name,
        zone="a",
        current=False,
        launched_at=ago(86400),
        container_instance=f"ci-{name}",
        agent_status="ACTIVE",
        agent_connected=True,
        registered=Resources(2048, 2048),
        free=Resources(2048, 2048),
    )
    return replace(base, **fields)


def fresh(name: str = "i-9", **fields: Any) -> Host:
    """A host this roll brought: ready, baked and protected."""
    born: dict[str, Any] = {"current": True, "launched_at": ago(300), "ready_since": ago(200), "protected": True}
    return host(name, **(born | fields))


def booting(name: str = "i-9", age: float = 30, **fields: Any) -> Host:
    """A host of the wanted version that has not joined yet."""
    born: dict[str, Any] = {"ready_since": None, "protected": False, "launched_at": ago(age)}
    absent: dict[str, Any] = {"container_instance": None, "agent_status": None, "agent_connected": False}
    return fresh(name, **(born | absent | fields))


def away(seconds: float = 30) -> dict[str, Any]:
    """Fields of a host whose agent has been away for *seconds*, and noted so."""
    return {"agent_connected": False, "away": AwayCrumb(ago(seconds), ago(1))}


def draining(name: str = "i-1", since: float = 60, **fields: Any) -> Host:
    """An old host that we cordoned."""
    return host(name, agent_status="DRAINING", cordoned_at=ago(since), **fields)


def olds(count: int, **fields: Any) -> tuple[Host, ...]:
    return tuple(host(f"i-{number}", **fields) for number in range(1, count + 1))


def task(service: str | None = "web", status: str = "RUNNING", **fields: Any) -> Task:
    """A task; one past RUNNING was told to stop."""
    wanted = "RUNNING" if status in {"PENDING", "ACTIVATING", "RUNNING"} else "STOPPED"
    return replace(Task(f"arn:task/{service}-{status}", service, status, wanted, cpu=256, memory=512), **fields)


def target(state: str = "healthy", port: int = 32768, name: str = "i-1") -> Target:
    return Target("arn:tg/web", name, port, state)


def service(name: str = "web", **fields: Any) -> Service:
    """A service of ours that stands as it stood when the roll began: four tasks, four healthy targets."""
    base = Service(name, 4, 4, healthy=4, arn=f"arn:service/{name}", baseline=BaselineCrumb(4, 4, 4, ROLL.started))
    return replace(base, **fields)


def fleet(hosts: Sequence[Host] = olds(3), **fields: Any) -> Fleet:
    """A pool in the middle of its roll: recorded, AZRebalance suspended by us; desired is what is there."""
    base = Fleet(
        "main",
        "group",
        GENERATION,
        size=3,
        min=1,
        max=6,
        desired=sum(not one.leaving for one in hosts),
        hosts=tuple(hosts),
        roll=ROLL,
        suspended=("AZRebalance",),
        suspended_by_us=("AZRebalance",),
        spec_max=6,
    )
    return replace(base, **fields)


def resting(hosts: Sequence[Host] = (), **fields: Any) -> Fleet:
    """A pool with no trace of a roll; by default three hosts of the wanted version."""
    quiet: dict[str, Any] = {"roll": None, "suspended": (), "suspended_by_us": ()}
    return fleet(hosts or olds(3, current=True), **(quiet | fields))


def bare(move: Move) -> tuple[object, ...]:
    """A move without its words: kind, then what it does."""
    match move:
        case SetCapacity():
            return (SetCapacity, move.desired, move.max)
        case Cordon() | Uncordon() | Unready() | MarkReady() | MarkAway() | MarkBack():
            return (type(move), move.host)
        case Terminate():
            return (Terminate, move.host, move.shrink)
        case Record():
            return (Record, *(key.removeprefix("theseus:") for key, _ in move.tags), *(arn for arn, _ in move.services))
        case Forget():
            return (Forget, *(key.removeprefix("theseus:") for key in move.tags), *move.hosts, *move.services)
        case Resume():
            return (Resume, *move.processes)
        case Unprotect():
            return (Unprotect, *move.hosts)
        case StopTasks():
            return (StopTasks, *move.tasks)
        case Deregister():
            return (Deregister, *(f"{one.id}:{one.port}" for one in move.targets))
        case ForceDeregister():
            return (ForceDeregister, *move.container_instances)
        case Halt():
            return (Halt, move.code)
        case _:
            return (type(move),)


def policy(**fields: Any) -> Policy:
    return replace(Policy(max_surge=1, max_unavailable=0), **fields)
