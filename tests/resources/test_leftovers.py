"""What a spec has no more: reported, left alone, and removed by --prune until AWS is as if it had never been there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.aws.running import open_tasks
from controller.base.keys import Key
from controller.engine.scope import Scope
from controller.report.seen import Tick, outcome
from controller.spec.types import TaskRole
from tests.resources.answers import DUO, alone
from tests.resources.stacks import LIVES, PAUSE, SPECS, World, begin, built, converge, stack_of

PRUNE = Scope(prune=True)
TWO = (
    "registry.tools={}",
    "hosts.spare={instance_type: t3.small, size: {min: 1, desired: 1, max: 3}}",
    "services.api={pool: spare, image: {repository: tools, tag: v1}, cpu: 128, memory: 128, desired: 1}",
    "services.api.port=8080",
    "services.api.route={path: /api/*, priority: 50}",
    "services.job={pool: main, image: {repository: shop, tag: v1}, cpu: 128, memory: 64, desired: 1}",
    "services.api.stop_timeout=10s",  # as the others: it is in the user data of their hosts
    "services.job.stop_timeout=10s",
)


def test_what_a_spec_has_no_more_is_reported_left_alone_and_pruned() -> None:
    """One more repository, pool and two services: an apply leaves them, and pruned they were never there."""
    world = built(SPECS / "demo.yaml", *TWO)
    world.stack = stack_of(SPECS / "demo.yaml")
    before = world.left()

    seen = converge(world)

    assert {
        "auto_scaling_group/spare", "capacity_provider/spare", "launch_template/spare", "listener_rule/api",
        "log_group/api", "log_group/job", "repository/tools", "security_group/hosts-spare", "service/api",
        "service/job", "target_group/api-blue", "target_group/api-green",
    } == {str(key) for key in seen.plan.orphans}  # fmt: skip
    assert seen.plan.pending == ()
    assert world.left() == before

    seen = converge(world, scope=PRUNE)

    kept = [(str(step.key), step.action, step.reason) for step in seen.plan.steps if step.desired is None]
    assert kept == [("repository/tools", "none", "kept: holds 1 images, on_destroy: retain")]
    assert counted(world) == counted(built(SPECS / "demo.yaml")) | {"repository": 2}


@pytest.mark.parametrize(
    ("fields", "pruned"),
    [
        pytest.param({}, ["role"], id="updated"),
        pytest.param({"network_mode": "awsvpc", "route": None}, ["role", "target_group"], id="replaced"),
    ],
)
def test_what_tasks_use_goes_after_them(fields: dict[str, Any], pruned: list[str]) -> None:
    """A service without its role, and its route: until its old tasks are gone nothing is taken away from them."""
    role = "services.web.task_role={policies: [arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess]}"
    world = built(SPECS / "demo.yaml", role)
    old = {one["taskArn"] for one in open_tasks(world.aws, "demo")}
    group = world.see("target_group")[Key("target_group", "web-blue")].outputs["arn"]
    (web,) = world.stack.services
    world.stack = replace(world.stack, services=(replace(web, task_role=TaskRole(), **fields),))
    scope = Scope(prune=True, replace=frozenset({"service/web"}))

    for _ in range(200):
        seen = world.tick(act=True, scope=scope)
        assert seen.plan.problems == ()
        if old & {one["taskArn"] for one in open_tasks(world.aws, "demo")}:
            assert "demo-task-web" in world.left()["role"]
            assert group in world.left()["target_group"]
        elif seen.quiet:
            break
        world.sim.sleep(timedelta(seconds=0.5))

    assert seen.quiet
    assert "demo-task-web" not in world.left()["role"]
    assert ("target_group" in world.left()) == ("target_group" not in pruned)


@pytest.mark.parametrize("why", ["tasks crash", "nothing fits"])
def test_services_that_never_came_up_do_not_wait_for_each_other(why: str) -> None:
    """Nobody takes over from one that the spec has no more either: only those that it has are waited for."""
    name = "{pool: main, image: {repository: shop, tag: v1}, cpu: 128, memory: 128, desired: 1, port: 8080, route: "
    never = ', placement: {constraints: ["memberOf:attribute:rack == none"]}' if why == "nothing fits" else ""
    bad = [
        f"services.{one}={name}{{path: /{one}, priority: {place}}}{never}}}" for place, one in enumerate(("a", "b"), 1)
    ]
    world = built(SPECS / "demo.yaml", "services.web.route.priority=50")
    before = counted(world)
    if why == "tasks crash":
        world.sim.machine.crash = lambda task, _: 1 if task.group in {"service:demo-a", "service:demo-b"} else None
    world.stack = stack_of(SPECS / "demo.yaml", "services.web.route.priority=50", *bad)
    for _ in range(30):
        world.tick(act=True)
        world.sim.sleep(timedelta(seconds=4))
    assert len(world.left()["service"]) == 3
    world.stack = stack_of(SPECS / "demo.yaml", "services.web.route.priority=50")

    converge(world, scope=PRUNE)

    assert counted(world) == before


def test_destroy_removes_them_too() -> None:
    world = built(
        SPECS / "minimal.yaml", "services.job={image: public.ecr.aws/x/y:1, cpu: 128, memory: 64, desired: 1}"
    )
    world.stack = stack_of(SPECS / "minimal.yaml")

    converge(world, "destroy")

    assert world.left() == begin(SPECS / "minimal.yaml").left()


@pytest.mark.parametrize("stays", ["retain", "delete"])
def test_a_repository_in_another_cipher_waits_for_its_image_and_the_old_one_serves_on(stays: str) -> None:
    """AWS encrypts no repository anew. The old one holds what runs, which hosts may have to pull again."""
    own = f"registry.shop.on_destroy={stays}"
    world = built(SPECS / "demo.yaml", own)
    (before,) = world.left()["repository"]
    world.stack = stack_of(SPECS / "demo.yaml", own, "registry.shop.encryption=KMS")
    scope = Scope(replace=frozenset({"repository/shop"}))

    seen = unpushed(world, scope)

    assert (outcome(seen), running(world)) == ("unproven", 4)
    (after,) = {*world.left()["repository"]} - {before}
    assert str(seen.failed[Key("container_image", "web")]).endswith(f"{after}:v1")  # of the docker push
    assert {before, after} == pulled(world)

    seen = converge(world, scope=scope)  # pushes

    assert (outcome(seen), running(world), pulled(world)) == ("succeeded", 4, {after})
    assert world.left()["repository"] == ([before, after] if stays == "retain" else [after])
    assert (world.tick().plan.pending, world.tick().plan.problems) == ((), ())
    converge(world, "destroy")
    assert world.left().get("repository", []) == ([before, after] if stays == "retain" else [])


def test_a_repository_that_was_replaced_stays_while_a_leftover_runs_its_images(tmp_path: Path) -> None:
    """It is not waited for: nobody said that the leftover is to go."""
    own = "registry.shop.on_destroy=delete"
    world = built(DUO, own)
    (before,) = world.left()["repository"]
    world.stack = stack_of(alone(tmp_path), own, "registry.shop.encryption=KMS")

    seen = converge(world, scope=Scope(replace=frozenset({"repository/shop"})))

    assert (outcome(seen), before in world.left()["repository"]) == ("succeeded", True)
    converge(world, scope=Scope(prune=True))
    assert before not in world.left()["repository"]
    assert (world.tick().plan.pending, world.tick().plan.orphans) == ((), ())


@pytest.mark.parametrize("left", [pytest.param(True, id="in no spec"), pytest.param(False, id="out of scope")])
def test_a_repository_that_was_replaced_stays_for_who_has_no_task_now(tmp_path: Path, left: bool) -> None:
    """Scaled out again, a service pulls its image: what counts is what it would start."""
    own = ("registry.shop.on_destroy=delete", "services.api.desired=0")
    world = built(DUO, *own)
    (before,) = world.left()["repository"]
    spec = (alone(tmp_path), own[0]) if left else (DUO, *own)
    world.stack = stack_of(*spec, "registry.shop.encryption=KMS")
    exclude = frozenset[str]() if left else frozenset({"service/api"})

    seen = converge(world, scope=Scope(replace=frozenset({"repository/shop"}), exclude=exclude))

    assert (outcome(seen), before in world.left()["repository"]) == ("succeeded", True)


def test_a_plan_announces_the_end_of_a_repository_whose_users_it_moves_over(tmp_path: Path) -> None:
    world = built(DUO, "registry.shop.on_destroy=delete")
    world.stack = stack_of(alone(tmp_path), "registry.shop.on_destroy=delete", "registry.shop.encryption=KMS")
    leave = frozenset({"repository/shop"})
    converge(world, scope=Scope(replace=leave))

    def announced(scope: Scope) -> list[str]:
        return [
            step.action for step in world.tick(scope=scope).plan.steps if str(step.key).startswith("repository/shop@")
        ]

    assert announced(Scope()) == ["none"]  # kept for the leftover
    assert announced(Scope(prune=True)) == ["delete"]


def unpushed(world: World, scope: Scope) -> Tick:
    """Passes until one is quiet; nobody pushes anything."""
    for _ in range(LIVES):
        seen = world.tick(act=True, scope=scope)
        if seen.quiet:
            return seen
        world.sim.sleep(PAUSE)
    raise AssertionError(seen.failed)


def pulled(world: World) -> set[str]:
    """The repositories that the tasks' role may pull from."""
    grants = world.see("role")[Key("role", "execution-web")].as_desired
    arns = [
        arn for one in (*grants.grants, *grants.kept) if "ecr:BatchGetImage" in one.actions for arn in one.resources
    ]
    return {str(arn).partition(":repository/")[2] for arn in arns}


def running(world: World) -> int:
    """The tasks that run."""
    return sum(task["lastStatus"] == "RUNNING" for task in open_tasks(world.aws, "demo"))


def counted(world: World) -> dict[str, int]:
    return {kind: len(names) for kind, names in world.left().items()}
