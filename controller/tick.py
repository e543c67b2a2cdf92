"""One tick: observe, compare, plan, execute, decide, act. Every mode is a loop around it.

A tick that carried out a step stops there: what it read is no longer true, so the next tick decides about hosts. A tick
that could carry out nothing goes on to the hosts, because a step that waits (a balancer still provisioning) must not
hold up a rollout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from controller.base.errors import ControllerError
from controller.base.keys import Key
from controller.engine.plan import Plan, Scope
from controller.resources import RECONCILERS
from controller.rollout.model import Fleet, Move
from controller.rollout.verdict import Hold, Verdict

KINDS = {kind.kind: kind for kind in RECONCILERS}
Want = Literal["converge", "destroy"]

SOON = timedelta(seconds=1)
LONGEST_WAIT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller allows. `by_person` and `started` tell an apply somebody asked for from a pass of the loop:
    only the former clears a remembered halt and retries what was rolled back before it started."""

    scope: Scope = field(default_factory=Scope)
    by_person: bool = False
    started: datetime = field(default_factory=lambda: datetime.min.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Tick:
    """What one pass saw, did and would do next.

    done      steps carried out          failed   steps tried and not done, with why
    held      steps not tried, with why  moves    (pool, move) decided, and carried out when the tick acts
    quiet     nothing left to do, wait for or prove
    """

    now: datetime
    plan: Plan
    done: tuple[Key, ...] = ()
    failed: Mapping[Key, ControllerError] = field(default_factory=dict)
    held: Mapping[Key, Hold] = field(default_factory=dict)
    fleets: tuple[Fleet, ...] = ()
    moves: tuple[tuple[str, Move], ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    quiet: bool = False
    requeue_after: timedelta = SOON
