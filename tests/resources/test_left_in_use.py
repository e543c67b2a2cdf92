"""What the spec has no more but still works: it stays until it does not, whatever part of the stack is in scope."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.base.keys import OWNER_TAG, Key
from controller.engine.scope import Scope
from controller.report.seen import Tick
from tests.resources.stacks import World, built, converge, stack_of

BASE = """
version: 1
stack: pp
region: us-east-1
network: {cidr: 10.40.0.0/16, public_subnets: [10.40.1.0/24, 10.40.2.0/24]}
hosts:
  main: {instance_type: t3.medium, size: {min: 1, desired: 2, max: 6}}
"""
SPARE = """
  spare:
    instance_type: t3.medium
    size: {min: 1, desired: 2, max: 6}
    managed_draining: {enabled: false, acknowledge: true}
"""
WEB = """
services:
  web: {pool: %s, image: "nginx:1.27", cpu: 128, memory: 128, stop_timeout: 30s, %s}
"""

ON_SPARE: Any = {"capacityProviderStrategy": [{"capacityProvider": "pp-spare", "weight": 1}]}


def spec(folder: Path, pool: str, *, spare: bool, more: str = "desired: 2") -> Path:
    path = folder / "pp.yaml"
    path.write_text(BASE.rstrip() + (SPARE.rstrip() if spare else "") + WEB % (pool, more))
    return path


def spare_hosts(world: World) -> int:
    found = world.aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=["pp-spare"])["AutoScalingGroups"]
    return sum(len(one["Instances"]) for one in found)


def tasks(world: World, service: str = "web") -> list[dict[str, Any]]:
    ecs, found = world.aws.ecs, []
    for status in ("RUNNING", "STOPPED"):
        arns: Any = ecs.list_tasks(cluster="pp", desiredStatus=status)["taskArns"]
        found += ecs.describe_tasks(cluster="pp", tasks=arns)["tasks"] if arns else []
    return [task for task in found if task["lastStatus"] != "STOPPED"]


def a_while(world: World, scope: Scope, passes: int = 5) -> list[Tick]:
    """A few passes that act, a second apart."""
    seen = []
    for _ in range(passes):
        seen.append(world.tick(act=True, scope=scope))
        world.sim.sleep(timedelta(seconds=1))
    return seen


def without_spare(world: World, folder: Path) -> list[Tick]:
    """A few passes that may prune, with the spec that has the second pool no more."""
    world.stack = stack_of(spec(folder, "main", spare=False))
    return a_while(world, Scope(prune=True))


@pytest.mark.parametrize(
    "scope",
    [
        pytest.param(Scope(prune=True, only=frozenset({"auto_scaling_group/spare"})), id="only the group is in scope"),
        pytest.param(
            Scope(prune=True, only=frozenset({"capacity_provider/spare"})), id="only its provider is in scope"
        ),
        pytest.param(Scope(prune=True, exclude=frozenset({"capacity_provider/spare"})), id="all but what holds it"),
        pytest.param(Scope(prune=True, exclude=frozenset({"auto_scaling_group/spare"})), id="all but the group"),
        pytest.param(
            Scope(prune=True, exclude=frozenset({"capacity_provider/spare", "auto_scaling_group/spare"})),
            id="neither the group nor what holds it",
        ),
    ],
)
def test_a_group_is_not_emptied_while_what_is_out_of_scope_holds_it(scope: Scope, tmp_path: Path) -> None:
    world = built(spec(tmp_path, "spare", spare=True))
    world.stack = stack_of(spec(tmp_path, "main", spare=False))

    a_while(world, scope)

    assert spare_hosts(world) == 2
    left = world.left()
    assert len(left["launch_template"]) == 2
    assert "pp-hosts-spare" in {*left["role"]} & {*left["instance_profile"]}


def test_hosts_stay_until_their_last_task_has_stopped_and_all_they_need_stays_as_long(tmp_path: Path) -> None:
    """Nothing but our own rules drains them: managed draining is off. Their role goes last."""
    world = built(spec(tmp_path, "spare", spare=True))
    world.stack = stack_of(spec(tmp_path, "main", spare=False))
    members = {node["containerInstanceArn"] for node in _nodes(world)}

    for _ in range(100):
        seen = world.tick(act=True, scope=Scope(prune=True))
        busy = [task for task in tasks(world) if task["containerInstanceArn"] in members]
        if busy:
            assert spare_hosts(world) == 2
        if spare_hosts(world):
            left = world.left()
            assert "pp-hosts-spare" in left["role"]
            assert "pp-hosts-spare" in left["instance_profile"]
        if seen.quiet:
            break
        world.sim.sleep(timedelta(seconds=4))

    assert seen.quiet
    assert spare_hosts(world) == 0
    assert "pp-hosts-spare" not in world.left()["role"]


def _nodes(world: World) -> list[Any]:
    ecs = world.aws.ecs
    arns: Any = ecs.list_container_instances(cluster="pp")["containerInstanceArns"]
    found: Any = ecs.describe_container_instances(cluster="pp", containerInstances=arns)["containerInstances"]
    return [node for node in found if node.get("capacityProviderName") == "pp-spare"]


def test_a_task_that_no_service_started_holds_its_host_and_is_told(tmp_path: Path) -> None:
    world = built(spec(tmp_path, "main", spare=True))
    _register(world, "batch")
    world.aws.ecs.run_task(cluster="pp", taskDefinition="batch", count=1, **ON_SPARE)
    world.sim.sleep(timedelta(seconds=30))
    seen = without_spare(world, tmp_path)

    assert spare_hosts(world) == 2
    assert "1 task still on the hosts of pp-spare" in str(seen[-1].failed[Key("capacity_provider", "spare")])


def test_a_task_in_a_group_named_like_a_daemon_is_no_daemon(tmp_path: Path) -> None:
    world = built(spec(tmp_path, "main", spare=True))
    _register(world, "agent")
    ecs = world.aws.ecs
    ecs.create_service(
        cluster="pp", serviceName="agent", taskDefinition="agent", schedulingStrategy="DAEMON", launchType="EC2"
    )
    ecs.run_task(cluster="pp", taskDefinition="agent", group="agent", **ON_SPARE)
    world.sim.sleep(timedelta(seconds=30))
    without_spare(world, tmp_path)

    assert spare_hosts(world) == 2


def test_a_provider_that_a_service_of_others_names_keeps_its_hosts(tmp_path: Path) -> None:
    """It runs none now, and could run none ever after."""
    world = built(spec(tmp_path, "main", spare=True))
    _register(world, "night")
    night: Any = {"serviceName": "night", "taskDefinition": "night", "desiredCount": 0}
    world.aws.ecs.create_service(cluster="pp", **night, **ON_SPARE)
    seen = without_spare(world, tmp_path)

    assert spare_hosts(world) == 2
    assert "night may still start tasks there" in str(seen[-1].failed[Key("capacity_provider", "spare")])


def test_a_protected_host_of_a_group_that_shall_have_none_is_ended(tmp_path: Path) -> None:
    """Somebody set the group to nothing, and its protected host stayed."""
    world = built(spec(tmp_path, "main", spare=True))
    scaling = world.aws.autoscaling
    group: Any = {"AutoScalingGroupName": "pp-spare"}
    (found,) = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["pp-spare"])["AutoScalingGroups"]
    host = found["Instances"][0]["InstanceId"]
    scaling.set_instance_protection(**group, InstanceIds=[host], ProtectedFromScaleIn=True)
    scaling.update_auto_scaling_group(**group, MinSize=0, DesiredCapacity=0)
    world.sim.sleep(timedelta(seconds=60))
    assert spare_hosts(world) == 1
    world.stack = stack_of(spec(tmp_path, "main", spare=False))

    converge(world, scope=Scope(prune=True))

    assert spare_hosts(world) == 0


def test_hosts_end_once_the_tasks_of_daemons_have_stopped(tmp_path: Path) -> None:
    """Nobody drains them but we: a task that answers requests is deregistered, and stops, before its host goes."""
    world = built(spec(tmp_path, "spare", spare=True, more="daemon: true"))
    members = {node["containerInstanceArn"] for node in _nodes(world)}
    world.stack = stack_of(spec(tmp_path, "main", spare=False, more="daemon: true"))
    orders = []

    for _ in range(60):
        world.tick(act=True, scope=Scope(prune=True))
        left = [task["lastStatus"] for task in tasks(world) if task["containerInstanceArn"] in members]
        orders.append((len(left), _asked_for(world)))
        if not spare_hosts(world):
            break
        world.sim.sleep(timedelta(seconds=1))

    assert spare_hosts(world) == 0
    assert (2, 2) in orders
    assert {count for count, hosts in orders if not hosts} == {0}


def _asked_for(world: World) -> int:
    found = world.aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=["pp-spare"])["AutoScalingGroups"]
    return sum(one["DesiredCapacity"] for one in found)


def _register(world: World, family: str) -> None:
    container: Any = {"name": "x", "image": "x", "memory": 100, "cpu": 100}
    world.aws.ecs.register_task_definition(family=family, containerDefinitions=[container])


def test_hosts_of_a_group_that_is_not_ours_are_never_ended(tmp_path: Path) -> None:
    """The provider still carries our tag, the group behind it does not."""
    world = built(spec(tmp_path, "main", spare=True))
    tag: Any = {"ResourceId": "pp-spare", "ResourceType": "auto-scaling-group", "Key": OWNER_TAG}
    world.aws.autoscaling.delete_tags(Tags=[tag])
    seen = without_spare(world, tmp_path)
    assert spare_hosts(world) == 2
    assert "its hosts are left alone" in str(seen[-1].failed[Key("capacity_provider", "spare")])

    world.stack = stack_of(spec(tmp_path, "main", spare=True))
    for _ in range(5):
        world.tick("destroy", act=True)
        world.sim.sleep(timedelta(seconds=1))
    assert spare_hosts(world) == 2
