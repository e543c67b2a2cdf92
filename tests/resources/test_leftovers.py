"""What a spec has no more: reported, left alone, and removed by --prune until AWS is as if it had never been there."""

from __future__ import annotations

from controller.engine.scope import Scope
from tests.resources.stacks import SPECS, World, begin, built, converge, stack_of

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


def test_destroy_removes_them_too() -> None:
    world = built(
        SPECS / "minimal.yaml", "services.job={image: public.ecr.aws/x/y:1, cpu: 128, memory: 64, desired: 1}"
    )
    world.stack = stack_of(SPECS / "minimal.yaml")

    converge(world, "destroy")

    assert world.left() == begin(SPECS / "minimal.yaml").left()


def counted(world: World) -> dict[str, int]:
    return {kind: len(names) for kind, names in world.left().items()}
