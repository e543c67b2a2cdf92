"""What a roll will do, before it does it: waves, floor, peak, time, and what binds. Pure.

The arithmetic is that of `decide`: the first new host goes alone, then `max_surge` at a time (or `max_unavailable`
without a surge). Times AWS alone decides are estimates and are named as such in the report.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from controller.rollout.fit import percent_deadlock, pool_misfit
from controller.rollout.model import Policy, Resources, Service

BOOT = timedelta(seconds=90)  # launch until the agent is registered: about a minute and a half for an ECS-optimized AMI
START = timedelta(seconds=20)  # a task's placement, pull and start
LEAVE = timedelta(seconds=30)  # termination of an empty host


@dataclass(frozen=True, slots=True)
class Forecast:
    """The rollout section of a plan. `binding` names what limits the pace; `infeasible` why it cannot be done.

    replaces  of `hosts`, those that a new one takes the place of
    uneven   the group may put two new hosts into one zone where zones are level, and then one more is replaced to even
             them out (rule 6): which zone it chooses is AWS's to say
    """

    pool: str
    hosts: int
    waves: int
    size: int
    floor: int
    peak: int
    duration: timedelta
    binding: str
    infeasible: str | None = None
    uneven: bool = False
    replaces: int = 0


def forecast(
    pool: str,
    *,
    live: int,
    old: int,
    size: int,
    policy: Policy,
    services: Sequence[Service],
    capacity: Resources | None,
    move: timedelta,
    most: int | None = None,
    zones: int = 1,
    offer: str = "",
) -> Forecast:
    """The forecast for replacing *old* of *live* hosts and ending at *size*.

    capacity  what one wanted host offers to tasks; None when unknown (then fit is not judged)
    move      the slowest service's time to be healthy elsewhere and leave (health checks, deregistration, stop)
    most      MaxSize, which bounds the surge where the policy forbids to raise it
    zones     of the group
    offer     where *capacity* is from, for the words of a refusal
    """
    surge = min(policy.max_surge, old) if size else 0
    if most is not None and not policy.allow_raise_max:
        surge = min(surge, max(0, most - size))
    per_wave = surge or policy.max_unavailable or 1
    waves = 0 if not old else (1 + math.ceil(max(0, old - 1) / per_wave) if surge > 1 else math.ceil(old / per_wave))
    shed = max(0, live - size) if not old else max(0, live - old - size)
    grow = max(0, size - live)
    peak = max(live, size + surge, size)
    each = (BOOT + policy.bake if surge else timedelta()) + START + move + LEAVE
    total = (
        each * waves + (START + move + LEAVE if shed else timedelta()) + (BOOT + policy.bake if grow else timedelta())
    )
    infeasible = next((why for s in services if (why := percent_deadlock(s))), None) if old or shed else None
    if infeasible is None and capacity is not None and (old or shed):
        least = max(0, size - policy.max_unavailable)
        why = pool_misfit(least, capacity, services)
        infeasible = f"with the old hosts gone, on {stated(least, capacity, offer)}: {why}" if why else None
    return Forecast(
        pool,
        old + shed,
        waves + (1 if shed else 0),
        size,
        max(0, size - policy.max_unavailable),
        peak,
        total,
        _binding(policy, surge, old, most),
        infeasible,
        uneven=zones > 1 and bool(old) and size % zones == 0 and 0 < surge < old,
        replaces=old,
    )


def stated(hosts: int, capacity: Resources, offer: str = "") -> str:
    """``2 hosts of 2048 cpu/1894 MiB each (...)``: what a refusal was reckoned with."""
    count = "1 host" if hosts == 1 else f"{hosts} hosts"
    return f"{count} of {capacity.cpu} cpu/{capacity.memory} MiB{' each' if hosts > 1 else ''}{offer and f' ({offer})'}"


def _binding(policy: Policy, surge: int, old: int, most: int | None) -> str:
    if not old:
        return ""
    if surge < min(policy.max_surge, old) and most is not None and not policy.allow_raise_max:
        return f"max {most}, allow_raise_max false: {surge} above the size at a time"
    if surge == 0:
        return f"max_unavailable {policy.max_unavailable}, no surge"
    if surge < old:
        return f"max_surge {policy.max_surge}: {surge} of {old} hosts at a time"
    return "none: the surge covers every old host"
