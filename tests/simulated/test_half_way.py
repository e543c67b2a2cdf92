"""The plan of a roll that a crash left half-way: what stands, what apply does first, what waits; and it does that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from controller.report.document import plan_document
from controller.report.moves import next_of
from controller.report.seen import Tick
from controller.report.text import plan_text, summary_line
from controller.rollout.moves import Wait
from controller.spec.types import Stack
from controller.tick import Options, tick
from tests.simulated.stack import Simulation

LARGE = "hosts.main.instance_type=t3.large"
PAUSE = timedelta(seconds=3)


@pytest.fixture
def stage() -> Simulation:
    return Simulation().birth()


def looks(stage: Simulation, stack: Stack) -> Iterator[tuple[Tick, Tick]]:
    """Before every pass of a roll the plan of somebody else, as if the controller had died there."""
    options = Options(by_person=True, started=stage.sim.now())
    while True:
        look = tick(stack, stage.aws, stage.sim, options=options)
        done = tick(stack, stage.aws, stage.sim, act=True, options=options)
        yield look, done
        if done.quiet:
            return
        stage.sim.sleep(max(done.requeue_after, PAUSE))


def test_at_every_moment_of_a_roll_the_plan_names_what_is_left(stage: Simulation) -> None:
    """Promise 6: hosts old and new with ids, the moves the next pass makes with their reasons, and what waits.

    When every host is replaced, and AZRebalance still suspended, there is something to do, and it is named.
    """
    stack, kinds, waits, put_back = stage.stack(LARGE), set(), 0, set()
    for look, done in looks(stage, stack):
        [fleet] = look.fleets
        if fleet.roll is None:
            continue
        text = plan_text(look, stack, color=False)
        [told] = plan_document(look, stack, {})["in_flight"]
        for host in fleet.live:
            assert f"{'new' if host.current else 'old'} {host.id}: " in text
        made = next_of((move for _, move in done.moves), fleet)
        for one in made:
            assert f"next: {one.words}: {one.why}" in text
        assert [(one.kind, list(one.hosts)) for one in made] == [(m["move"], m["hosts"]) for m in told["moves"]]
        for move in (move for _, move in look.moves if isinstance(move, Wait)):
            assert f"waits: {move.why}" in text
            waits += 1
        assert "No changes" not in text
        if not look.plan.pending and not look.forecasts:
            put_back.add(summary_line(look))
        kinds |= {one.kind for one in made}

    assert kinds >= {"suspend", "set_capacity", "mark_ready", "cordon", "terminate", "unprotect", "resume", "forget"}
    assert waits > 5
    assert put_back == {"Plan: no resource to change; hosts of main left half-way, to be finished."}
    assert summary_line(tick(stack, stage.aws, stage.sim)) == "No changes: AWS is as the spec says."


def test_a_drain_that_a_new_generation_overtakes_says_so(stage: Simulation) -> None:
    """Half-way to one type the spec says another: the template comes first, so no move of before is promised."""
    stack = stage.stack(LARGE)
    for look, _ in looks(stage, stack):
        if any(host.cordoned for host in look.fleets[0].live):
            break
    other = stage.stack("hosts.main.instance_type=t3.medium")
    text = plan_text(tick(other, stage.aws, stage.sim), other, color=False)

    assert "next: the launch template changes, and its hosts are old too" in text
    assert "waits:" not in text.split("Hosts:")[1]
