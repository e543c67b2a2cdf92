"""The random histories can fail: each rule taken out of `decide`, some history breaks.

A mutant that survives means the world cannot see that rule, and the thousands of green histories prove less than they
seem to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from controller.rollout import books, counts, decide, drained, gates, members
from controller.rollout.model import Fleet, Host, Policy
from controller.rollout.moves import Move, SetCapacity, Terminate
from tests.rollout.hands import Broken
from tests.rollout.histories import history

SEEDS = 100  # tried at most; most mutants fall within the first dozen
Moves = tuple[Move, ...]
Mutate = Callable[[pytest.MonkeyPatch], None]


def nothing(*_: Any, **__: Any) -> Any:
    """In place of a step or a gate: it has nothing to say."""
    return ()


def no_reason(*_: Any, **__: Any) -> None:
    """In place of a question whose None means "nothing in the way"."""


def patched(target: object, name: str, value: object) -> Mutate:
    return lambda patch: patch.setattr(target, name, value)


def only_wanted_tasks(host: Host, allowed: Policy) -> str | None:
    """What `runningTasksCount` shows: tasks told to stop are invisible (aws.md 1.2)."""
    left = [task for task in host.open_tasks if task.desired_status == "RUNNING"]
    return f"{len(left)} tasks" if left else None


def without_targets(host: Host, fleet: Fleet, allowed: Policy, now: datetime) -> str | None:
    return BLOCKING(replace(host, targets=()), fleet, allowed, now)


def at_once(host: Host, allowed: Policy, now: datetime) -> bool:
    """A host that was just launched counts."""
    return host.current


def always_shrinking(fleet: Fleet, allowed: Policy, now: datetime, gone: list[Host]) -> Moves:
    moves = TERMINATE(fleet, allowed, now, gone)
    return tuple(replace(move, shrink=True) if isinstance(move, Terminate) else move for move in moves)


def lowering(fleet: Fleet, allowed: Policy, now: datetime) -> Moves:
    """Sheds the surge by lowering desired, and lets the group choose its victim."""
    if not fleet.old and fleet.desired > fleet.size:
        return (SetCapacity(fleet.size, "scale back"),)
    return GROW(fleet, allowed, now)


BLOCKING, TERMINATE, GROW = drained.blocking, decide._terminate, decide._grow

MUTANTS = [
    pytest.param(patched(drained, "blocking", no_reason), id="no drain wait"),
    pytest.param(patched(drained, "_tasks_left", only_wanted_tasks), id="only tasks that should run are counted"),
    pytest.param(patched(drained, "blocking", without_targets), id="targets are not looked at"),
    pytest.param(patched(drained, "strays", nothing), id="strays are only waited for"),
    pytest.param(patched(books, "bury", nothing), id="the lost are not let go"),
    pytest.param(patched(decide, "watch_agents", nothing), id="nobody notes that an agent is away"),
    pytest.param(patched(members, "lost_agents", nothing), id="hosts whose agent is lost are kept"),
    pytest.param(patched(drained, "_services_short", no_reason), id="services need not run elsewhere"),
    pytest.param(patched(decide, "serving", lambda fleet, *_: fleet.live), id="every live host serves"),
    pytest.param(patched(counts, "ready", at_once), id="no ready gate"),
    pytest.param(patched(counts, "surge", lambda *_: 0), id="no surge"),
    pytest.param(patched(decide, "_remember", nothing), id="no halt memory"),
    pytest.param(patched(gates, "GATES", gates.GATES[:-1]), id="no floor of services"),
    pytest.param(patched(decide, "_terminate", always_shrinking), id="always decrement"),
    pytest.param(patched(decide, "_grow", lowering), id="desired is lowered"),
    pytest.param(patched(counts, "proven", lambda *_: True), id="the first new host is not alone"),
    pytest.param(patched(decide, "_strays", nothing), id="strays stay cordoned"),
    pytest.param(patched(decide, "restore", nothing), id="nothing is restored"),
    pytest.param(patched(decide, "record", nothing), id="nothing is recorded"),
    pytest.param(patched(decide, "_rebalance", nothing), id="zones stay lopsided"),
    pytest.param(patched(gates, "closed", no_reason), id="no gates"),
    pytest.param(patched(counts, "wanted", lambda fleet: fleet.size), id="MinSize is not looked at"),
    pytest.param(patched(decide, "floor", lambda *_: 0), id="no floor of hosts"),
]


def first_broken() -> int | None:
    """The seed of the first history that breaks; None when all of them stay whole."""
    for seed in range(SEEDS):
        try:
            history(seed)
        except Broken:
            return seed
    return None


@pytest.mark.parametrize("mutate", MUTANTS)
def test_a_rule_taken_out_breaks_a_history(mutate: Mutate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unharmed, every history stays whole (`test_worlds.py`): so what breaks is the rule that is missing."""
    mutate(monkeypatch)

    assert first_broken() is not None
