"""A service that is replaced: what its successor must run before it goes, and that somebody runs all the while."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from controller.engine.reconciler import born_as
from controller.engine.scope import Scope
from tests.resources.stacks import SPECS, World, built, converge, stack_of
from tests.resources.test_left_in_use import spec, tasks
from tests.resources.test_service_replaced import LEAVE, serving

LEAVE_SERVICE = Scope(replace=frozenset({"service/web"}))
AWSVPC = "network_mode: awsvpc"


def running(world: World) -> int:
    return sum(task["lastStatus"] == "RUNNING" for task in tasks(world))


def until_quiet(world: World, passes: int = 100, pause: int = 2, leave: Scope = LEAVE_SERVICE) -> list[int]:
    """Passes until one is quiet; how many tasks ran before each."""
    counts = []
    for _ in range(passes):
        counts.append(running(world))
        if world.tick(act=True, scope=leave).quiet:
            return counts
        world.sim.sleep(timedelta(seconds=pause))
    raise AssertionError(f"not quiet after {passes} passes")


@pytest.mark.parametrize("low", [0, 1])
def test_as_many_tasks_take_over_as_scaling_had_made_of_them(low: int, tmp_path: Path) -> None:
    scaling = f"desired: {low}, scaling: {{min: {low}, max: 8, target_cpu: 60}}"
    world = built(spec(tmp_path, "main", spare=False, more=scaling))
    world.aws.ecs.update_service(cluster="pp", service="pp-web", desiredCount=4)
    world.sim.sleep(timedelta(seconds=60))
    world.stack = stack_of(spec(tmp_path, "main", spare=False, more=f"{scaling}, {AWSVPC}"))

    assert min(until_quiet(world)) == 4
    assert running(world) == 4


@pytest.mark.parametrize("before", ["desired: 2", "daemon: true"])
def test_a_successor_that_shall_run_nothing_takes_over_at_once(before: str, tmp_path: Path) -> None:
    world = built(spec(tmp_path, "main", spare=False, more=before))
    world.stack = stack_of(spec(tmp_path, "main", spare=False, more=f"desired: 0, {AWSVPC}"))

    until_quiet(world)

    assert running(world) == 0
    assert len(world.left()["service"]) == 1


def test_a_daemon_of_a_pool_without_hosts_takes_over_at_once(tmp_path: Path) -> None:
    def empty(more: str) -> Path:
        path = spec(tmp_path, "main", spare=False, more=more)
        path.write_text(path.read_text().replace("min: 1, desired: 2", "min: 0, desired: 0"))
        return path

    world = built(empty("daemon: true"))
    world.stack = stack_of(empty(f"daemon: true, {AWSVPC}"))

    until_quiet(world)

    assert len(world.left()["service"]) == 1


@pytest.mark.parametrize("by_hand", [False, True])
def test_fewer_targets_are_enough_when_fewer_are_wanted(*, by_hand: bool) -> None:
    """Nor does it need one for each that somebody put there by hand, or wait until that person takes it out."""
    world = built(SPECS / "demo.yaml")
    if by_hand:
        elb = world.aws.elbv2
        (blue,) = elb.describe_target_groups(Names=["demo-web-blue"])["TargetGroups"]
        group = blue["TargetGroupArn"]
        host = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"][0]["Target"]["Id"]
        elb.register_targets(TargetGroupArn=group, Targets=[{"Id": host, "Port": 9999}])
    changes = [] if by_hand else ["services.web.desired=2"]
    world.stack = stack_of(SPECS / "demo.yaml", "services.web.network_mode=awsvpc", *changes)

    for _ in range(60):
        if world.tick(act=True, scope=LEAVE).quiet:
            break
        world.sim.sleep(timedelta(seconds=2))
        assert serving(world) >= (4 if by_hand else 2)

    assert world.tick(scope=LEAVE).quiet
    assert len(world.left()["target_group"]) == 2


def test_a_replacement_under_way_is_not_pruned_by_a_pass_that_leaves_it_out() -> None:
    world = built(SPECS / "demo.yaml")
    world.stack = stack_of(SPECS / "demo.yaml", "services.web.network_mode=awsvpc")
    for _ in range(2):
        world.tick(act=True, scope=LEAVE)
        world.sim.sleep(timedelta(seconds=0.5))
    elsewhere = Scope(prune=True, exclude=frozenset({"service/web"}))

    for _ in range(20):
        seen = world.tick(act=True, scope=elsewhere)
        assert serving(world) == 4
        world.sim.sleep(timedelta(seconds=0.5))

    assert seen.plan.orphans == ()
    assert len(world.left()["service"]) == 2


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
