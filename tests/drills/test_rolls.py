"""Promise 1 and 2 on real traffic: hosts and tasks are replaced, nothing is lost, the floor holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.rehearsal.drill import Drill
from tests.drills.stage import Stage, good

pytestmark = pytest.mark.sandbox


def test_capacity_goes_up_and_down_without_a_loss(stage: Stage) -> None:
    """Surplus hosts are drained before they leave, never scaled in."""
    up = stage.choose(hosts__main__size={"min": 2, "desired": 4, "max": 6}).roll()
    down = stage.choose(hosts__main__size={"min": 2, "desired": 3, "max": 6}).roll()

    assert (up["broken"], down["broken"]) == ([], [])
    assert len(stage.instances()) == 3


def test_a_new_version_of_the_application_replaces_every_task(stage: Stage) -> None:
    """An ECS rolling deployment, judged by its identity."""
    stage.push("v2")

    row = stage.choose(services__web__image={"repository": "shop", "tag": "v2"}).roll()

    assert row["broken"] == []


def test_two_services_of_different_sizes_roll_together(sandbox: Drill, tmp_path: Path) -> None:
    """Every host is replaced; 200 requests a second, slow ones among them, all answered, by three counts; floor and
    peak by two. Both services are watched; one of them runs a single task, which must not be lost either. Nothing is
    left at the end."""
    stage = Stage(sandbox, "pair", tmp_path, base="two-services.yaml").birth()
    before = set(stage.instances())

    row = stage.choose(hosts__main__instance_type="t3.large").roll(also=(stage.url("/api"),))

    assert row["broken"] == []
    assert stage.types() == {"t3.large"}
    assert not before & set(stage.instances())
    ended = good(sandbox.run("destroy", stage.spec, "--yes", "-o", "json")).json()
    assert (ended["left"], [one["address"] for one in ended["kept"]]) == ([], ["repository/shop"])
