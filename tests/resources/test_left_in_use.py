"""What the spec has no more but still works: it stays until it does not, whatever part of the stack is in scope."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.base.keys import OWNER_TAG, Key
from controller.engine.plan import Scope
from controller.engine.succession import born_as
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


@pytest.mark.parametrize(
    "scope",
    [
        pytest.param(Scope(prune=True, only=frozenset({"auto_scaling_group/spare"})), id="only the group is in scope"),
        pytest.param(Scope(prune=True, exclude=frozenset({"capacity_provider/spare"})), id="all but what holds it"),
    ],
)
def test_a_group_is_not_emptied_while_what_is_out_of_scope_holds_it(scope: Scope, tmp_path: Path) -> None:
    world = built(spec(tmp_path, "spare", spare=True))
    world.stack = stack_of(spec(tmp_path, "main", spare=False))

    a_while(world, scope)

    assert spare_hosts(world) == 2


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
    container: Any = {"name": "x", "image": "x", "memory": 100, "cpu": 100}
    world.aws.ecs.register_task_definition(family="batch", containerDefinitions=[container])
    strategy: Any = [{"capacityProvider": "pp-spare", "weight": 1}]
    world.aws.ecs.run_task(cluster="pp", taskDefinition="batch", count=1, capacityProviderStrategy=strategy)
    world.sim.sleep(timedelta(seconds=30))
    world.stack = stack_of(spec(tmp_path, "main", spare=False))

    seen = a_while(world, Scope(prune=True))

    assert spare_hosts(world) == 2
    assert "1 task still on the hosts of pp-spare" in str(seen[-1].failed[Key("capacity_provider", "spare")])


def test_hosts_of_a_group_that_is_not_ours_are_never_ended(tmp_path: Path) -> None:
    """The provider still carries our tag, the group behind it does not."""
    world = built(spec(tmp_path, "main", spare=True))
    tag: Any = {"ResourceId": "pp-spare", "ResourceType": "auto-scaling-group", "Key": OWNER_TAG}
    world.aws.autoscaling.delete_tags(Tags=[tag])
    world.stack = stack_of(spec(tmp_path, "main", spare=False))

    seen = a_while(world, Scope(prune=True))
    assert spare_hosts(world) == 2
    assert "its hosts are left alone" in str(seen[-1].failed[Key("capacity_provider", "spare")])

    world.stack = stack_of(spec(tmp_path, "main", spare=True))
    for _ in range(5):
        world.tick("destroy", act=True)
        world.sim.sleep(timedelta(seconds=1))
    assert spare_hosts(world) == 2


def test_two_that_were_replaced_do_not_vouch_for_each_other(tmp_path: Path) -> None:
    """Bridge, then awsvpc, then a daemon before that had settled: somebody runs all the while."""
    world = built(spec(tmp_path, "main", spare=False))
    leave = Scope(replace=frozenset({"service/web"}))
    world.stack = stack_of(spec(tmp_path, "main", spare=False, more="desired: 2, network_mode: awsvpc"))
    world.tick(act=True, scope=leave)
    world.stack = stack_of(spec(tmp_path, "main", spare=False, more="daemon: true, network_mode: awsvpc"))

    for _ in range(120):
        seen = world.tick(act=True, scope=leave)
        assert sum(task["lastStatus"] == "RUNNING" for task in tasks(world)) >= 2
        if seen.quiet:
            break
        world.sim.sleep(timedelta(seconds=1))

    assert seen.quiet
    assert len(world.left()["service"]) == 1


def test_the_same_wish_has_the_same_name_however_often_it_comes(tmp_path: Path) -> None:
    world = built(spec(tmp_path, "main", spare=False))
    names = []
    for mode in ("awsvpc", "bridge", "awsvpc"):
        world.stack = stack_of(spec(tmp_path, "main", spare=False, more=f"desired: 2, network_mode: {mode}"))
        converge(world, scope=Scope(replace=frozenset({"service/web"})))
        names += world.left()["service"]

    assert names[0] == names[2] != names[1]
    assert {len(name) for name in names} == {len("pp-web-123456")}
    assert [str(born_as(key)) for key in world.see("service")] == ["service/web"]
