"""What others made and no spec, or another name, can say: import keeps what it can, and tells the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from controller.aws.survey import survey
from controller.modes.draft import draft
from tests.resources.imports import OPEN, SMALL, TASK, again, differing, stack_in, strip


def test_containers_of_others_are_written_whatever_they_are_called(tmp_path: Path) -> None:
    """The own one is that which gets the requests, or without which there is no task."""
    world = stack_in(
        tmp_path,
        network=OPEN,
        services={"web": {**TASK, "fargate": {}}},
    )
    ecs = world.aws.ecs
    live: Any = ecs.describe_task_definition(taskDefinition="imp-web")["taskDefinition"]
    (own,) = live["containerDefinitions"]
    init: Any = {"name": "init", "image": "busybox:1", "essential": False, "memory": 64}
    init |= {"logConfiguration": own["logConfiguration"]}
    odd: Any = {**init, "name": "Odd_One"}
    after: Any = [{"containerName": "init", "condition": "SUCCESS"}]
    mount: Any = [{"sourceVolume": "shared", "containerPath": "/shared", "readOnly": False}]
    kept = ("family", "networkMode", "cpu", "memory", "executionRoleArn", "requiresCompatibilities", "runtimePlatform")
    made = ecs.register_task_definition(
        **{name: live[name] for name in kept},
        containerDefinitions=[init, odd, {**own, "name": "shop", "dependsOn": after, "mountPoints": mount}],
        volumes=[{"name": "shared", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}],
    )["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster="imp", service="imp-web", taskDefinition=made)
    world.restart()

    one = draft(survey(world.aws, "imp"))

    said = one.document["services"]["web"]
    assert (said["image"], said["depends_on"], said["sidecars"]) == (
        "nginx:1.27", {"init": "success"}, {"init": {"image": "busybox:1", "essential": False, "memory": 64}}
    )  # fmt: skip
    assert one.notes == [
        "service web: its container is called shop: deploy one called app before apply",
        "service web: apply takes the containers Odd_One off its tasks: no spec can call one so",
        "service web: apply takes the volume shared (efsVolumeConfiguration) off its tasks: no spec can say it",
    ]


def test_how_a_service_is_served_and_deployed_is_written(tmp_path: Path) -> None:
    """What it is asked by is told: a spec knows no other port than that of its targets."""
    route = {"listener": "http", "path": "/*", "priority": 1}
    ways = {
        "stickiness": {"duration": "1h", "cookie": "SESSION"},
        "algorithm": "least_outstanding_requests",
        "execute_command": True,
        "placement": {"strategies": ["binpack:memory"], "constraints": ["distinctInstance"]},
        "deployment": {"alarms": {"names": ["late"], "rollback": False}},
        "volumes": {"logs": {"mount": "/logs", "host_path": "/var/log", "read_only": True}},
    }
    world = stack_in(
        tmp_path,
        network=OPEN,
        load_balancer={"listeners": {"http": {"port": 80}}},
        hosts={"main": SMALL},
        services={
            "web": {**TASK, **ways, "pool": "main", "port": 80, "route": route},
            "slow": {**TASK, "pool": "main", "port": 80, "slow_start": "1m", "route": {**route, "priority": 2}},
        },
    )
    built = world.stack.services
    (group,) = world.aws.elbv2.describe_target_groups(Names=["imp-web-blue"])["TargetGroups"]
    world.aws.elbv2.modify_target_group(TargetGroupArn=group["TargetGroupArn"], HealthCheckPort="9000")
    strip(world)

    notes = again(world, tmp_path)

    for before, after in zip(built, world.stack.services, strict=True):
        for field in ("stickiness", "algorithm", "slow_start", "execute_command", "placement", "volumes"):
            assert getattr(after, field) == getattr(before, field), field
        assert after.deployment == before.deployment
    assert notes == ["service web: apply has its targets asked at their own port by HTTP, not at 9000 by HTTP"]
    assert differing(world) == {"target_group/web-blue": ["health"]}
