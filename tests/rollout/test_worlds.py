"""Thousands of random histories: hosts that die, late or never come, specs that change half-way, controllers that die.

`decide` drives each to its end on a fake clock while `hands.py` judges every call. A failure prints its seed; play it
again with `history(seed)`. THESEUS_HISTORIES sets how many, THESEUS_SEED where they begin.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from controller.rollout.decide import decide
from tests.rollout.builders import policy
from tests.rollout.histories import EVENTS, history, one_pass, setting
from tests.rollout.worlds import Svc, World

HISTORIES = int(os.environ.get("THESEUS_HISTORIES", "2000"))
FIRST = int(os.environ.get("THESEUS_SEED", "0"))
CHUNK = 100  # histories per test, so that workers share them


@pytest.mark.histories
@pytest.mark.parametrize("first", range(FIRST, FIRST + HISTORIES, CHUNK))
def test_every_history_keeps_the_promises_and_ends(first: int) -> None:
    """DESIGN.md section 1: the floor, the peak, evidence before every kill, records before acts, no trace left."""
    for seed in range(first, min(first + CHUNK, FIRST + HISTORIES)):
        history(seed)


@pytest.mark.histories
@pytest.mark.parametrize("first", range(FIRST, FIRST + HISTORIES // 4, CHUNK))
def test_every_history_keeps_them_while_somebody_else_scales(first: int) -> None:
    """Managed scaling moves desired in the middle of everything: the floor is what it was when the roll began."""
    for seed in range(first, min(first + CHUNK, FIRST + HISTORIES // 4)):
        history(seed, scaled=True)


def test_histories_cover_what_can_happen() -> None:
    """The dice reach every event and every policy that matters, or the histories above prove little."""
    plays = [setting(seed) for seed in range(400)]
    happened = Counter(what for play in plays for _, what in play.script)
    policies = {(min(p.policy.max_surge, 2), min(p.policy.max_unavailable, 1)) for p in plays}

    assert set(EVENTS) == set(happened)
    assert {0, 1, 2, 3, 4, 5} == {play.world.size for play in plays}
    assert {(1, 0), (2, 0), (0, 1), (1, 1), (2, 1)} <= policies
    assert any(service.static for play in plays for service in play.world.services)


def test_the_same_seed_is_the_same_history() -> None:
    """A printed seed is worth something only if it plays the same again."""
    first, again = history(11), history(11)

    assert list(first.log) == list(again.log)


@pytest.mark.parametrize("surge", [1, 2, 3])
def test_twenty_ticks_with_hosts_that_never_join_launch_exactly_one(surge: int) -> None:
    """Rule 12: the loop removes the one, remembers the halt, puts everything back, and leaves the old hosts alone."""
    play = setting(0)
    play.world, play.policy, play.script = World(surge, 3, 2, [Svc("web", 4)]), policy(max_surge=surge), []
    play.world.generation, play.world.stubborn = 2, {2: "never"}
    play.world.spec_max = play.world.max = 3
    play.fault = "hosts of this version never join, and nobody answers the halt"
    for _ in range(400):
        one_pass(play, decide, play.world.dice, crash=False)
        play.world.advance(5)

    assert play.world.launched[2] == 1
    assert [box.generation for box in play.world.boxes if play.world.active(box)] == [1, 1, 1]
    assert (play.world.max, play.world.desired) == (3, 3)
    assert not play.world.suspended
    assert play.world.tags["theseus:halted"].startswith("lt-1/2:ready_timeout:")
