"""One stack for all tests that only pass through a change: each leaves it settled, of whatever instance type."""

from __future__ import annotations

import pytest

from tests.simulated.stack import Simulation

KEPT: list[Simulation] = []


@pytest.fixture(scope="module")
def born() -> Simulation:
    """A stack that serves as the demo's spec says: the last file's, put in order, where nothing took its place."""
    if not (KEPT and KEPT[0].sim.there()):
        KEPT[:] = [Simulation().birth()]
    stage = KEPT[0]
    assert stage.apply(stage.stack()) == "succeeded"
    stage.lines.clear()
    return stage
