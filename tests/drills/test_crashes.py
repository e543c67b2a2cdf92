"""Promise 3: kill -9 at any moment; the next run finishes the job, and nothing is lost meanwhile."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from controller.rehearsal.changes import change
from controller.rehearsal.drill import Ended
from tests.drills.stage import PARAMETER, Stage

pytestmark = pytest.mark.sandbox
KILLS = int(os.environ.get("THESEUS_KILLS", "1"))
SEED = int(os.environ.get("THESEUS_SEED", str(time.time_ns() % 100_000)))
ROLL = 55.0  # seconds a roll of three hosts takes here, about


@pytest.mark.parametrize("number", range(KILLS))
def test_kill_dash_nine_then_ctrl_c_then_apply_loses_nothing(stage: Stage, number: int) -> None:
    """A newer image is taken. Whatever moments it dies and is interrupted at: converged, 0 failed, the bounds,
    suspended processes and protection as at the start, and Ctrl-C says how to go on."""
    chance = random.Random(SEED + number)
    killed, interrupted = chance.uniform(3.0, ROLL), chance.uniform(2.0, 20.0)
    before, old, scene = stage.settings(), set(stage.instances()), stage.scene()
    stage.drill.door("POST", "ami", parameter=PARAMETER)
    newest = ("--refresh-images", "main")
    said: list[Ended] = []

    def until_done() -> Ended:
        first = scene.drill.start("apply", scene.spec, "--yes", "-o", "json", *newest)
        time.sleep(killed)
        first.signal(signal.SIGKILL)
        first.wait()
        second = scene.drill.start("apply", scene.spec, "--yes", *newest)
        time.sleep(interrupted)
        said.append(second.interrupt())
        return scene.apply(*newest)

    row = change(scene, "killed and interrupted", until_done)

    moments = f"seed {SEED + number}: killed after {killed:.1f} s, interrupted after {interrupted:.1f} s"
    assert row["broken"] == [], moments
    assert not old & set(stage.instances()), moments
    assert stage.settings() == before, moments
    assert said[0].code in {130, 0}, moments
    if said[0].code == 130:
        assert f"To finish: theseus apply {stage.spec}" in said[0].err, moments
