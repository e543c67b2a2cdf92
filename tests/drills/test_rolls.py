"""Promise 1 and 2 on real traffic: hosts and tasks are replaced, nothing is lost, the floor holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.rehearsal.demo import without_drain
from controller.rehearsal.drill import Drill
from tests.drills.stage import PARAMETER, Stage, good

pytestmark = pytest.mark.sandbox
LARGE = ("--set", "hosts.main.instance_type=t3.large")


def test_another_instance_type_replaces_every_host_and_loses_nothing(stage: Stage) -> None:
    """200 requests a second, slow ones among them: all answered, by three counts; a second plan is empty."""
    before = set(stage.instances())

    row = stage.roll(*LARGE, rate=200)

    assert row["broken"] == []
    assert stage.types() == {"t3.large"}
    assert not before & set(stage.instances())
    assert stage.drill.run("plan", stage.spec, *LARGE, "--detailed-exitcode").code == 0


def test_a_newer_image_waits_for_a_person_and_then_rolls(stage: Stage) -> None:
    """`update: manual`: plan names the newer image and changes nothing; apply --refresh-images takes it."""
    image = stage.drill.door("POST", "ami", parameter=PARAMETER)["image"]
    plan = stage.drill.run("plan", stage.spec, "--detailed-exitcode")
    assert plan.code == 0
    assert image in plan.out

    row = stage.roll("--refresh-images", "main")

    assert row["broken"] == []
    assert {host["image"] for host in stage.drill.door("GET", "state")["hosts"] if host["id"] in stage.instances()} == {
        image
    }


def test_capacity_goes_up_and_down_without_a_loss(stage: Stage) -> None:
    """Surplus hosts are drained before they leave, never scaled in."""
    up = stage.roll("--set", "hosts.main.size.desired=4")
    down = stage.roll()

    assert (up["broken"], down["broken"]) == ([], [])
    assert len(stage.instances()) == 3


def test_a_new_version_of_the_application_replaces_every_task(stage: Stage) -> None:
    """An ECS rolling deployment, judged by its identity."""
    stage.drill.door("POST", "image", repository=f"{stage.name}/shop", tag="v2")

    row = stage.roll("--set", "services.web.image.tag=v2")

    assert row["broken"] == []


def test_hosts_terminated_without_a_drain_lose_requests(stage: Stage) -> None:
    """The control: the same load, the same hosts, no drain. If this loses nothing, nothing above proves anything."""
    row = without_drain(stage.scene())

    assert row["requests"]["failed"] > 0


def test_two_services_of_different_sizes_roll_together(sandbox: Drill, tmp_path: Path) -> None:
    """One of them runs a single task, which must not be lost either."""
    stage = Stage(sandbox, "pair", tmp_path, base="two-services.yaml").birth()

    web = stage.roll(*LARGE, name="web watched")
    api = Stage(sandbox, "pair", tmp_path, base="two-services.yaml")
    scene = api.scene()
    row = _watched_at(api, f"{scene.url}/api")

    assert web["broken"] == []
    assert row["broken"] == []
    good(sandbox.run("destroy", stage.spec, "--yes"))


def _watched_at(stage: Stage, url: str) -> dict[str, object]:
    from dataclasses import replace

    from controller.rehearsal.changes import change

    scene = replace(stage.scene(), url=url, service=f"{stage.name}-api")
    return change(scene, "api watched", lambda: scene.apply("--set", "hosts.main.instance_type=t3.medium"))
