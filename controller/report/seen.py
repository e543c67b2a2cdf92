"""What one pass saw, did and would do next: the value every report is made of. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from controller.base.errors import ControllerError, Missing, NotYet, Refused
from controller.base.keys import Key
from controller.engine.steps import Plan
from controller.rollout.forecast import Forecast
from controller.rollout.model import Fleet, Policy, Service
from controller.rollout.moves import Halt, Move
from controller.rollout.verdict import Hold, Verdict

SOON = timedelta(seconds=1)  # after something was done
# Where others are at work: a pass asks ELB a dozen times, and its quota is ten a second for the whole account
# (aws.md 6.1)
LATER = timedelta(seconds=2)
Outcome = Literal[
    "succeeded", "halted", "rolled_back", "superseded", "unproven", "paused", "timed_out", "failed", "interrupted"
]


@dataclass(frozen=True, slots=True)
class Tick:
    """What one pass saw, did and would do next.

    done      steps carried out          failed   steps (or hosts) tried and not done, with why
    held      steps not tried, with why  moves    (pool, move) decided, and carried out when the tick acts
    policies  what the spec allows for each pool: a report counts what serves as `decide` does
    bare      the services of a stack without hosts: elsewhere its fleets hold them
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
    forecasts: tuple[Forecast, ...] = ()
    policies: Mapping[str, Policy] = field(default_factory=dict)
    bare: tuple[Service, ...] = ()
    quiet: bool = False
    requeue_after: timedelta = LATER


def outcome(seen: Tick) -> Outcome:
    """What a quiet tick amounts to: succeeded, or why the wanted state is not live and proved."""
    if any(isinstance(move, Halt) for _, move in seen.moves):
        return "halted"
    states = {verdict.state for verdict in seen.verdicts}
    for state in ("rolled_back", "superseded", "failed"):
        if state in states:
            return state
    if seen.plan.problems or any(isinstance(error, Refused) for error in seen.failed.values()):
        return "failed"
    left = any(isinstance(error, Missing | NotYet) for error in seen.failed.values())  # it waits for what will not come
    return "unproven" if left else "succeeded"
