"""Run a command with one rollout rule taken out: ``python -m tests.drills.mutant NAME apply SPEC --yes``.

The command is the real one; only the named rule is gone, in this process. `mutants.py` plays them in the sandbox. A
rule that is asked for in several places is gone from all of them, or another place would save the day.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import datetime
from typing import Any

from controller.base.crumbs import HaltCrumb
from controller.cli import main
from controller.rollout import counts, decide, drained
from controller.rollout.model import Fleet, Host, Policy
from controller.rollout.moves import Move, Record

Moves = tuple[Move, ...]
Patch = tuple[object, str, object]
BLOCKING, LATE = drained.blocking, decide._late


def drained_at_once(*_: Any) -> None:
    """Nothing is ever in the way of a termination."""


def wanted_tasks(host: Host, policy: Policy) -> str | None:
    """What `runningTasksCount` and the default task list show: tasks told to stop are invisible (aws.md 1.2)."""
    left = [task for task in host.open_tasks if task.desired_status == "RUNNING"]
    return f"{len(left)} tasks" if left else None


def without_targets(host: Host, fleet: Fleet, policy: Policy, now: datetime) -> str | None:
    return BLOCKING(replace(host, targets=()), fleet, policy, now)


def without_tasks(host: Host) -> bool:
    """In place of `counts.empty`: targets are not looked at."""
    return not host.open_tasks


def launched(host: Host, policy: Policy, now: datetime) -> bool:
    """In place of `counts.ready`: a host that was just asked for counts."""
    return host.current


def no_surge(fleet: Fleet, policy: Policy) -> int:
    return 0


def one_below(fleet: Fleet, policy: Policy) -> int:
    """The floor of those who replace in place."""
    return max(0, fleet.size - policy.max_unavailable - 1)


def forgetful(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Acts on a halt as ever (the late host goes, drains are undone), and writes nothing down."""
    found = LATE(fleet, policy, now)
    if not found or not isinstance(found[0], Record):
        return found
    halt = HaltCrumb.parse(found[0].tags[0][1])
    assert halt is not None
    return decide._halted(fleet, halt, policy, now)


RULES: dict[str, tuple[Patch, ...]] = {
    "none": (),
    "drain-wait": ((drained, "blocking", drained_at_once),),
    "evidence": ((drained, "_tasks_left", wanted_tasks), (drained, "blocking", without_targets)),
    "unused-target": ((drained, "blocking", without_targets), (counts, "empty", without_tasks)),
    "ready-gate": ((counts, "ready", launched),),
    "surge": ((counts, "surge", no_surge),),
    "surge-first": ((counts, "surge", no_surge), (counts, "floor", one_below), (decide, "floor", one_below)),
    "halt-memory": ((decide, "_late", forgetful),),
}


def take_out(name: str) -> None:
    """Take the rule out of this process for good. Raises AttributeError when the code no longer has it by that name."""
    for module, attribute, value in RULES[name]:
        getattr(module, attribute)
        setattr(module, attribute, value)


if __name__ == "__main__":
    take_out(sys.argv[1])
    raise SystemExit(main(sys.argv[2:]))
