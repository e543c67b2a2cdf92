"""What a role should not allow any more, tasks of before may still need: it is taken when they are gone."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from controller.engine.scope import Scope
from controller.report.seen import Tick
from controller.tick import Options, tick
from tests.resources.samples import ALL_ALLOWED
from tests.resources.stacks import SPECS, World, built, stack_of

DEMO = SPECS / "demo.yaml"
POLICY = "arn:aws:iam::aws:policy/"
OLD, NEW = (f"arn:aws:ssm:us-east-1:123456789012:parameter/{name}" for name in ("old", "new"))


def secret(arn: str) -> str:
    return f"services.web.secrets={{DB_URL: '{arn}'}}"


def policies(*names: str) -> str:
    return f"services.web.task_role={{policies: [{', '.join(POLICY + name for name in names)}]}}"


def allowed(world: World) -> set[str]:
    """The secrets and repositories that the agent may read for tasks of web, and the policies of the tasks."""
    iam: Any = world.aws.iam
    document = iam.get_role_policy(RoleName="demo-execution-web", PolicyName="theseus")["PolicyDocument"]
    parsed = document if isinstance(document, dict) else json.loads(unquote(document))
    resources = [
        one
        for statement in parsed["Statement"]
        for one in (statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]])
    ]
    policies = iam.list_attached_role_policies(RoleName="demo-task-web")["AttachedPolicies"]
    inline = set(iam.list_role_policies(RoleName="demo-task-web")["PolicyNames"])
    repositories = {one.rpartition("/")[2] for one in resources if ":repository/" in one}
    attached = {one["PolicyName"] for one in policies}
    return {one for one in resources if ":parameter/" in one} | repositories | attached | inline


def revisions(world: World) -> set[str]:
    """The revisions that tasks run."""
    ecs: Any = world.aws.ecs
    arns = ecs.list_tasks(cluster="demo")["taskArns"]
    tasks = ecs.describe_tasks(cluster="demo", tasks=arns)["tasks"] if arns else []
    return {one["taskDefinitionArn"].rpartition(":")[2] for one in tasks if one["lastStatus"] != "STOPPED"}


def watched(world: World) -> tuple[Tick, list[tuple[set[str], set[str]]]]:
    """Ticks until one is quiet; before each call that changes AWS, which revisions ran and what was allowed."""
    looks: list[tuple[set[str], set[str]]] = []

    def look() -> None:
        looks.append((revisions(world), allowed(world)))

    world.aws.guard = look
    options = Options(scope=Scope(prune=True), by_person=True, started=world.sim.now())
    for _ in range(200):
        seen = tick(world.stack, world.aws, world.sim, act=True, options=options)
        assert seen.plan.problems == ()
        look()
        if seen.quiet:
            return seen, looks
        world.sim.sleep(timedelta(seconds=1))
    raise AssertionError(seen.failed)


def test_a_role_allows_both_while_tasks_are_replaced() -> None:
    world = built(DEMO, secret(OLD), policies("AmazonS3ReadOnlyAccess"))
    world.aws.iam.put_role_policy(RoleName="demo-task-web", PolicyName="by-hand", PolicyDocument=ALL_ALLOWED)
    world.stack = stack_of(DEMO, secret(NEW), policies("AmazonSQSFullAccess"))

    _, looks = watched(world)

    assert {"1", "2"} in [ran for ran, _ in looks]
    assert [had for ran, had in looks if "1" in ran and not had >= {OLD, "AmazonS3ReadOnlyAccess", "by-hand"}] == []
    assert [had for ran, had in looks if "2" in ran and not had >= {NEW, "AmazonSQSFullAccess"}] == []
    assert allowed(world) == {NEW, "shop", "AmazonSQSFullAccess"}
    assert world.tick().plan.pending == ()


@pytest.mark.parametrize("fails", [False, True])
def test_both_images_may_be_pulled_while_tasks_are_replaced(*, fails: bool) -> None:
    """A host that runs no task of the old version yet may have to begin one until the new one serves."""
    both = "registry={shop: {}, other: {}}"
    world = built(DEMO, both, policies("AmazonSQSFullAccess"))
    image = "services.web.image={repository: other, tag: v1}"
    world.stack = stack_of(DEMO, both, policies("AmazonSQSFullAccess"), image)
    world.push()
    if fails:
        world.sim.machine.crash = lambda _, definition: 1 if definition["revision"] == 2 else None

    _, looks = watched(world)

    assert {"1", "2"} in [ran for ran, _ in looks]
    assert [had for ran, had in looks if "1" in ran and "shop" not in had] == []
    assert [had for ran, had in looks if "2" in ran and "other" not in had] == []
    assert {"shop", "other"} & allowed(world) == ({"shop", "other"} if fails else {"other"})
    assert [step.key.kind for step in world.tick().plan.pending] == (["service"] if fails else [])


def test_what_no_new_task_brings_is_taken_at_once() -> None:
    """The same tasks run on: the spec does not want them to be allowed it."""
    world = built(DEMO, policies("AmazonS3ReadOnlyAccess", "AmazonSQSFullAccess"))
    world.stack = stack_of(DEMO, policies("AmazonSQSFullAccess"))

    world.tick(act=True)

    assert allowed(world) == {"shop", "AmazonSQSFullAccess"}


def test_a_version_that_was_rolled_back_keeps_what_the_one_before_needs() -> None:
    world = built(DEMO, secret(OLD), policies("AmazonSQSFullAccess"))
    world.stack = stack_of(DEMO, secret(NEW), policies("AmazonSQSFullAccess"))
    world.sim.machine.crash = lambda _, definition: 1 if definition["revision"] == 2 else None

    seen, looks = watched(world)

    assert {one.state for one in seen.verdicts} == {"rolled_back"}, seen.verdicts
    assert [had for _, had in looks if OLD not in had] == []
    (note,) = (one for one in world.tick().plan.notes if one.startswith("role/execution-web"))
    assert note.endswith("tasks of an older revision may need, until they are gone")


def test_a_third_version_takes_nothing_from_the_first() -> None:
    """While tasks of it run, whatever else changes."""
    third = OLD.replace("/old", "/third")
    world = built(DEMO, secret(OLD), policies("AmazonSQSFullAccess"))
    for arn in (NEW, third):
        world.stack = stack_of(DEMO, secret(arn), policies("AmazonSQSFullAccess"))
        world.tick(act=True)
        world.sim.sleep(timedelta(seconds=0.3))

    assert "1" in revisions(world)
    assert allowed(world) >= {OLD, third}
    watched(world)
    assert allowed(world) == {third, "shop", "AmazonSQSFullAccess"}
