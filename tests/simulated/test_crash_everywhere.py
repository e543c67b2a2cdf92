"""Promise 3, exhaustively: a controller that dies after every single call that changes AWS still finishes the roll."""

from __future__ import annotations

import pytest

from controller.spec.types import Stack
from controller.tick import Options, tick
from tests.simulated.stack import Simulation

LIVES_MAX = 400


class Died(BaseException):
    """kill -9: no handler runs."""


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(("hosts.main.size.desired=2",), id="one host less"),
        pytest.param(("hosts.main.instance_type=t3.large", "hosts.main.size.desired=4"), id="both at once"),
    ],
)
def test_dying_after_every_call_of_a_roll_ends_as_without(change: tuple[str, ...]) -> None:
    """One to four calls a life, so that it dies inside every move as well as between them: floor and peak hold in the
    world's own count, and nothing of the roll is left."""
    stage = Simulation().birth()
    before = stage.settings("demo-main")
    stack = stage.stack(*change)
    mark = stage.sim.door("POST", "mark")["at"]
    lives = 0
    while lives < LIVES_MAX:
        try:
            assert _one_life(stage, stack, 1 + lives % 4) == "succeeded"
            break
        except Died:
            lives += 1

    figures = stage.sim.door("POST", "since", at=mark)
    size = stack.pools[0].size.desired
    assert 3 <= lives < LIVES_MAX
    assert figures["hosts"]["demo-main"] >= min(3, size)
    assert figures["healthy"]["demo-web"] >= 4
    assert figures["peak"]["demo-main"] <= max(3, size) + 1
    after = stage.settings("demo-main")
    assert after["bounds"] == (before["bounds"][0], before["bounds"][1], size)
    assert (after["suspended"], after["crumbs"], any(after["protected"])) == ([], [], False)


def _one_life(stage: Simulation, stack: Stack, calls: int) -> str:
    """Tick until quiet, or until one more than *calls* would change AWS."""
    used = 0

    def guard() -> None:
        nonlocal used
        used += 1
        if used > calls:
            raise Died

    stage.aws.guard = guard
    options = Options(by_person=True, started=stage.sim.now())
    try:
        return stage.drive(lambda: tick(stack, stage.aws, stage.sim, act=True, options=options))
    finally:
        stage.aws.guard = lambda: None
