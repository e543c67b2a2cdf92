"""Without a single host: tasks on Fargate are deployed, and replaced under load, by their own addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.rehearsal.drill import Drill
from tests.drills.stage import Stage, good

pytestmark = pytest.mark.sandbox


def test_a_new_version_on_fargate_loses_no_request(sandbox: Drill, tmp_path: Path) -> None:
    """Every task has an address of its own; all requests are answered, by three counts, and never fewer tasks than
    desired are healthy. Nothing is left at the end."""
    stage = Stage(sandbox, "airy", tmp_path, base="fargate.yaml").choose(services__web__image="shop:v1")
    good(sandbox.run("apply", stage.spec, "--yes"))
    before = registered(stage)

    row = stage.choose(services__web__image="shop:v2").roll()

    assert row["broken"] == []
    assert row["min_healthy_world"] == 3
    after = registered(stage)
    assert (len(before), len(after), before & after) == (3, 3, set())
    ended = good(sandbox.run("destroy", stage.spec, "--yes", "-o", "json")).json()
    assert (ended["left"], [one["address"] for one in ended["kept"]]) == ([], [])


def registered(stage: Stage) -> set[str]:
    """The addresses behind the load balancer."""
    found = stage.drill.client("elbv2").describe_target_health(TargetGroupArn=stage.target_group())
    healthy = [one for one in found["TargetHealthDescriptions"] if one["TargetHealth"]["State"] == "healthy"]
    assert {one["Target"]["Port"] for one in healthy} == {8080}
    return {one["Target"]["Id"] for one in healthy}
