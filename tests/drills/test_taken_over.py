"""What takes over under load from one that AWS cannot change: a group's provider, a repository, a service, a daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.rehearsal.drill import Drill
from tests.drills.stage import SPECS, Stage, good, until

pytestmark = pytest.mark.sandbox
COPIED = ("LaunchTemplate", "MinSize", "MaxSize", "DesiredCapacity", "VPCZoneIdentifier")
WHOLE = "    desired: 4\n"
PERCENT = "    deployment: {min_percent: 100, max_percent: 200, circuit_breaker: true}\n"


def settled(stage: Stage) -> None:
    """Nothing is left to do, and nothing is left behind."""
    shown = good(stage.drill.run("plan", stage.spec, "--detailed-exitcode", "-o", "json")).json()
    assert shown["orphans"] == []
    good(stage.drill.run("destroy", stage.spec, "--yes"))


def edited(stage: Stage, *edits: tuple[str, str]) -> Stage:
    """The spec over another base: the demo's, with lines of it taken out or changed."""
    text = (SPECS / stage.base).read_text()
    for before, after in edits:
        assert before in text
        text = text.replace(before, after)
    stage.base = str(stage.folder / "base.yaml")
    Path(stage.base).write_text(text)
    return stage.choose()


def test_a_provider_in_front_of_another_group_hands_its_tasks_over_without_a_loss(
    sandbox: Drill, tmp_path: Path
) -> None:
    """The group that the spec names is a second one, which somebody made as ours; hosts with tasks are in the first."""
    stage = Stage(sandbox, "heirs", tmp_path, choices={"names": {"auto_scaling_group/main": "heirs-first"}}).birth()
    scaling: Any = sandbox.client("autoscaling")
    (first,) = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["heirs-first"])["AutoScalingGroups"]
    tags = [{**one, "ResourceId": stage.group} for one in first["Tags"]]
    scaling.create_auto_scaling_group(AutoScalingGroupName=stage.group, **{n: first[n] for n in COPIED}, Tags=tags)
    until(
        lambda: {one["LifecycleState"] for one in stage.live_group()["Instances"]} == {"InService"},
        60,
        "three hosts of the second group",
    )
    ecs: Any = sandbox.client("ecs")
    until(lambda: len(ecs.list_container_instances(cluster="heirs")["containerInstanceArns"]) == 6, 60, "they join")
    del stage.choices["names"]
    stage.choose()
    assert "--replace capacity_provider/main" in sandbox.run("plan", stage.spec).out

    row = stage.roll("--prune", "--replace", "capacity_provider/main")

    assert row["broken"] == [], row
    groups = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    ours = [one["AutoScalingGroupName"] for one in groups if one["AutoScalingGroupName"].startswith("heirs")]
    assert ours == [stage.group]
    (web,) = ecs.describe_services(cluster="heirs", services=["heirs-web"])["services"]
    (used,) = web["capacityProviderStrategy"]
    (provider,) = ecs.describe_capacity_providers(capacityProviders=[used["capacityProvider"]])["capacityProviders"]
    assert stage.group in provider["autoScalingGroupProvider"]["autoScalingGroupArn"]
    settled(stage)


def test_a_repository_in_another_cipher_takes_over_without_a_loss(sandbox: Drill, tmp_path: Path) -> None:
    """The tasks are replaced when its image is pushed, and not before; hosts may pull from the old one until then."""
    stage = Stage(sandbox, "ciphers", tmp_path, choices={"registry__shop__on_destroy": "delete"}).birth()
    ecr: Any = sandbox.client("ecr")
    (before,) = names(ecr, "ciphers")
    stage.choose(registry__shop__encryption="KMS")
    leave = ("--replace", "repository/shop")
    waiting = sandbox.run("apply", stage.spec, "--yes", "-o", "json", *leave)
    assert waiting.json()["outcome"] == "unproven", waiting.out
    (after,) = names(ecr, "ciphers") - {before}
    sandbox.door("POST", "image", repository=after, tag="v1")

    row = stage.roll(*leave)

    assert row["broken"] == [], row
    assert names(ecr, "ciphers") == {after}
    settled(stage)


def names(ecr: Any, stack: str) -> set[str]:
    found = (one["repositoryName"] for one in ecr.describe_repositories()["repositories"])
    return {one for one in found if one.startswith(f"{stack}/")}


def test_a_service_gets_another_name_and_becomes_a_daemon_without_a_loss(sandbox: Drill, tmp_path: Path) -> None:
    """Each time it is another service, which answers before the one of before goes."""
    stage = Stage(sandbox, "renamed", tmp_path).birth()

    row = edited(stage, ("  web:\n", "  front:\n")).roll("--prune")

    assert row["broken"] == [], row
    ecs: Any = sandbox.client("ecs")
    (arn,) = ecs.list_services(cluster="renamed")["serviceArns"]
    assert arn.endswith("/renamed-front")

    row = edited(stage, (WHOLE, "    daemon: true\n"), (PERCENT, "")).roll("--replace", "service/front")

    assert row["broken"] == [], row
    (arn,) = ecs.list_services(cluster="renamed")["serviceArns"]
    (front,) = ecs.describe_services(cluster="renamed", services=[arn])["services"]
    assert (front["schedulingStrategy"], front["runningCount"]) == ("DAEMON", 3)
    settled(stage)
