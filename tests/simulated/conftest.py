"""One stack for all tests that only pass through a change: each leaves it settled, of whatever instance type."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controller.spec.types import Stack
from tests.simulated.driving import TYPES
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


@pytest.fixture
def stage(born: Simulation) -> Simulation:
    return born


@pytest.fixture
def other(stage: Simulation) -> Iterator[Stack]:
    """The same stack with hosts of another type; afterwards nothing of a roll may be left."""
    now = stage.aws.ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])
    types = {i["InstanceType"] for r in now["Reservations"] for i in r["Instances"]}
    stage.lines.clear()
    yield stage.stack(f"hosts.main.instance_type={next(t for t in TYPES if t not in types)}")
    left = stage.settings("demo-main")
    assert (left["suspended"], left["crumbs"], left["protected"]) == ([], [], [False] * 3)
