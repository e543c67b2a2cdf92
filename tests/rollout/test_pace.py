"""When the next pass comes, if any: whatever a wait says, what is watched is looked at all the time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from controller.aws.lately import Lately
from controller.engine.steps import Plan
from controller.report.seen import LATER, Tick
from controller.rollout.moves import Done, Halt, Move, Wait
from controller.rollout.verdict import Verdict
from controller.spec.load import load
from controller.tick import Options, _quiet, _roll
from tests.rollout.builders import NOW, ago, fleet, fresh, olds

DEMO = str(Path(__file__).parents[2] / "specs" / "demo.yaml")


def test_a_bake_is_watched_to_its_end() -> None:
    """Rule 3: an agent that is gone in the middle of it is seen, and the bake begins anew."""
    stack = load(DEMO, ("hosts.main.rollout.bake=60s",)).stack
    baking = fleet((*olds(3), fresh(ready_since=ago(10))))
    aws: Any = SimpleNamespace(lately=Lately())  # nobody is asked

    seen = _roll(aws, stack, Tick(NOW, Plan((), {}), fleets=(baking,)), Options(), act=False)

    [(_, wait)] = seen.moves
    assert isinstance(wait, Wait)
    assert wait.after > timedelta(seconds=40)
    assert seen.requeue_after <= LATER


@pytest.mark.parametrize(
    ("move", "ailing", "expected"),
    [
        pytest.param(Done("all current"), True, False, id="its targets may become healthy"),
        pytest.param(Halt("joined", "lost its agent"), True, True, id="not while its hosts have halted"),
        pytest.param(Halt("joined", "lost its agent"), False, False, id="its deployment goes on"),
    ],
)
def test_a_service_whose_targets_are_not_healthy_is_waited_for(*, move: Move, ailing: bool, expected: bool) -> None:
    """Until its hosts have halted: then a person is needed, who should hear of it."""
    lacking = Verdict("web", "in_progress", "web:1: 4 of 4 running, 3 of 4 healthy", ailing=ailing)
    seen = Tick(NOW, Plan((), {}), verdicts=(lacking,))

    assert _quiet(load(DEMO).stack, seen, [("main", move)], {}) == expected
