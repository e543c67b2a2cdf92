"""When the next pass comes: whatever a wait says, what is watched is looked at all the time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from controller.engine.steps import Plan
from controller.report.seen import LATER, Tick
from controller.rollout.moves import Wait
from controller.spec.load import load
from controller.tick import Options, _roll
from tests.rollout.builders import NOW, ago, fleet, fresh, olds

DEMO = str(Path(__file__).parents[2] / "specs" / "demo.yaml")


def test_a_bake_is_watched_to_its_end() -> None:
    """Rule 3: an agent that is gone in the middle of it is seen, and the bake begins anew."""
    stack = load(DEMO, ("hosts.main.rollout.bake=60s",)).stack
    baking = fleet((*olds(3), fresh(ready_since=ago(10))))
    aws: Any = None  # nobody is asked

    seen = _roll(aws, stack, Tick(NOW, Plan((), {}), fleets=(baking,)), Options(), act=False)

    [(_, wait)] = seen.moves
    assert isinstance(wait, Wait)
    assert wait.after > timedelta(seconds=40)
    assert seen.requeue_after <= LATER
