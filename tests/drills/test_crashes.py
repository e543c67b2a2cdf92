"""Promise 3: kill -9 at any moment; the next run finishes the job, and nothing is lost meanwhile."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from controller.rehearsal.changes import change
from controller.rehearsal.drill import Ended
from tests.drills.stage import Stage, good

pytestmark = pytest.mark.sandbox
KILLS = int(os.environ.get("THESEUS_KILLS", "2"))
SEED = int(os.environ.get("THESEUS_SEED", str(time.time_ns() % 100_000)))
ROLL = 55.0  # seconds a roll of three hosts takes here, about


@pytest.mark.parametrize("number", range(KILLS))
def test_kill_dash_nine_in_a_roll_and_apply_again_loses_nothing(stage: Stage, number: int) -> None:
    """Whatever moment it dies at: converged, 0 failed, bounds, suspended processes and protection as at the start."""
    moment = random.Random(SEED + number).uniform(3.0, ROLL)
    before, scene = stage.settings(), stage.scene()
    kind = "t3.large" if stage.types() == {"t3.small"} else "t3.small"
    choice = ("--set", f"hosts.main.instance_type={kind}")

    def killed_then_applied() -> Ended:
        first = scene.drill.start("apply", scene.spec, "--yes", "-o", "json", *choice)
        time.sleep(moment)
        first.signal(signal.SIGKILL)
        first.wait()
        return scene.apply(*choice)

    row = change(scene, f"killed after {moment:.1f} s", killed_then_applied)

    said = f"seed {SEED + number}, killed after {moment:.1f} s"
    assert row["broken"] == [], said
    assert stage.types() == {kind}, said
    assert stage.settings() == before, said


def test_interrupt_says_what_is_in_flight_and_the_next_apply_finishes(stage: Stage) -> None:
    """Ctrl-C: the current call ends, nothing new starts, exit 130, how to go on; nothing is rolled back."""
    before = stage.settings()
    running = stage.drill.start("apply", stage.spec, "--yes", "--set", "hosts.main.instance_type=t3.medium")
    time.sleep(12)

    ended = running.interrupt()

    assert ended.code == 130
    assert f"To finish: theseus apply {stage.spec}" in ended.err
    good(stage.drill.run("apply", stage.spec, "--yes", "--set", "hosts.main.instance_type=t3.medium"))
    assert stage.types() == {"t3.medium"}
    assert stage.settings() == before
