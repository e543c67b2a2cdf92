"""CodeDeploy deploys under load: a new version, and one that is stopped when all the traffic is at it."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from controller.rehearsal.blue_green import new_version, rolled_back
from controller.rehearsal.drill import Drill
from tests.drills.stage import Stage, good

pytestmark = pytest.mark.sandbox


def test_codedeploy_brings_a_version_and_takes_one_back_without_a_loss(sandbox: Drill, tmp_path: Path) -> None:
    """The prober, the balancer and the application agree on every request; never fewer tasks than desired are healthy
    where the requests go."""
    stage = Stage(sandbox, "turn", tmp_path, base="codedeploy.yaml").choose(services__web__deployment__keep="0m")
    good(sandbox.run("apply", stage.spec, "--yes"))

    row = new_version(stage.choose(services__web__image="example.org/shop:v2").scene())
    assert row["broken"] == []
    assert (row["min_healthy_world"], version(stage)) == (3, "v2")

    kept = {"services__web__deployment__keep": "1m", "services__web__image": "example.org/shop:v3"}
    row = rolled_back(stage.choose(**kept).scene())
    assert row["broken"] == []
    assert (row["min_healthy_world"], version(stage)) == (3, "v2")
    ended = good(sandbox.run("destroy", stage.spec, "--yes", "-o", "json")).json()
    assert ended["left"] == []


def version(stage: Stage) -> str:
    with urllib.request.urlopen(stage.url("/"), timeout=5) as response:
        return str(json.load(response)["version"])
