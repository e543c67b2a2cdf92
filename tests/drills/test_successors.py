"""What AWS cannot change in place is replaced under load: the successor serves before its predecessor goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.rehearsal.drill import Drill
from tests.drills.stage import Stage, good

pytestmark = pytest.mark.sandbox
REPLACED = ("service/web", "target_group/web-blue", "target_group/web-green")
LEAVE = [word for address in REPLACED for word in ("--replace", address)]


def test_tasks_get_addresses_of_their_own_without_a_loss(sandbox: Drill, tmp_path: Path) -> None:
    """Another service, on target groups of another type, behind the same rule."""
    stage = Stage(sandbox, "moves", tmp_path).birth()

    row = stage.choose(services__web__network_mode="awsvpc").roll(*LEAVE)

    assert row["broken"] == []
    found = sandbox.client("ecs").list_services(cluster="moves")["serviceArns"]
    assert len(found) == 1
    assert not found[0].endswith("/moves-web")
    good(sandbox.run("plan", stage.spec, "--detailed-exitcode"))
    good(sandbox.run("destroy", stage.spec, "--yes"))
