"""One balancer node's opinion of one target, check by check. Pure.

The thresholds are not symmetrical (aws.md 2.1): a target seen for the first time needs one pass to be healthy, however
many a sick one needs to recover, so that a new task is not kept waiting while an old one has to prove itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["initial", "healthy", "unhealthy"]

INITIAL = "Elb.InitialHealthChecking"
MISMATCH = "Target.ResponseCodeMismatch"
TIMEOUT = "Target.Timeout"
FAILED = "Target.FailedHealthChecks"


@dataclass(frozen=True, slots=True)
class Settings:
    """How a target group checks. Times in seconds; *healthy* and *unhealthy* are the thresholds."""

    interval: float = 30.0
    timeout: float = 5.0
    healthy: int = 5
    unhealthy: int = 2
    matcher: str = "200"


@dataclass(frozen=True, slots=True)
class View:
    """What this node thinks of the target, and the run of equal results that may change its mind."""

    state: State = "initial"
    passes: int = 0
    fails: int = 0
    reason: str = INITIAL


def probe(view: View, ok: bool, reason: str, settings: Settings) -> View:
    """The view after one more check. *reason* says why a failed one failed; a pass has none.

    initial   -> healthy after one pass
    initial   -> unhealthy after `unhealthy` fails in a row
    healthy   -> unhealthy after `unhealthy` fails in a row
    unhealthy -> healthy after `healthy` passes in a row
    """
    passes, fails = (view.passes + 1, 0) if ok else (0, view.fails + 1)
    if ok:
        needed = 1 if view.state == "initial" else settings.healthy
        cured = view.state == "healthy" or passes >= needed
        return View("healthy", passes, fails, "") if cured else View(view.state, passes, fails, view.reason)
    if fails >= settings.unhealthy or view.state == "unhealthy":
        return View("unhealthy", passes, fails, reason)
    return View(view.state, passes, fails, view.reason)


def matches(matcher: str, status: int) -> bool:
    """Whether *status* is one of *matcher*: ``200``, ``200,202`` or ``200-399``, in any mixture.

    Raises: ValueError, if *matcher* is none of these.
    """
    for part in matcher.split(","):
        first, _, last = part.partition("-")
        if int(first) <= status <= int(last or first):
            return True
    return False
