"""A service that Application Auto Scaling moves goes on being moved, whatever of it is deployed."""

from __future__ import annotations

from typing import Any

import pytest

from controller.engine.reconciler import born_as
from controller.engine.scope import Scope
from tests.resources.stacks import SPECS, World, begin, built, converge, stack_of

DEMO = SPECS / "demo.yaml"
SCALED = ("services.web.scaling={min: 2, max: 6, target_cpu: 60, target_requests: 1000}", "services.web.memory=256")
FIGURES = ["cpu", "requests"]


def scaled_out() -> World:
    """A service that others gave five tasks."""
    world = built(DEMO, *SCALED)
    ecs: Any = world.aws.ecs
    ecs.update_service(cluster="demo", service="demo-web", desiredCount=5)
    return world


@pytest.fixture(scope="module")
def world() -> World:
    return scaled_out()


def count(world: World) -> int:
    """The tasks that the one service of the stack should have."""
    (service,) = world.see("service").values()
    ecs: Any = world.aws.ecs
    return int(ecs.describe_services(cluster="demo", services=[service.outputs["name"]])["services"][0]["desiredCount"])


def scaled(world: World) -> dict[str, Any]:
    """What is scaled, with its bounds and what is switched off of it, and by which policies."""
    scaling: Any = world.aws.applicationautoscaling
    targets = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    policies = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    return {
        one["ResourceId"]: (
            one["MinCapacity"],
            one["MaxCapacity"],
            [name for name, off in (one.get("SuspendedState") or {}).items() if off],
            sorted(other["PolicyName"] for other in policies if other["ResourceId"] == one["ResourceId"]),
        )
        for one in targets
    }


def as_wanted(world: World) -> dict[str, Any]:
    (service,) = world.see("service").values()
    return {f"service/demo/{service.outputs['name']}": (2, 6, [], [f"demo-web-{one}" for one in FIGURES])}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("environment.APP_MSG=other", id="its environment"),
        pytest.param("image.tag=v2", id="its image"),
        pytest.param("cpu=128", id="its size"),
        pytest.param("stop_timeout=20s", id="how it ends"),
        pytest.param("port=8081", id="its port"),
        pytest.param("deployment.min_percent=50", id="how it is deployed"),
        pytest.param("execute_command=true", id="its role"),
        pytest.param("desired=3", id="its number at birth"),
        pytest.param("health.interval=10s", id="its health check"),
        pytest.param("stickiness={}", id="its balancing"),
    ],
)
def test_what_scales_a_service_is_as_wanted_after_each_change_of_it(world: World, change: str) -> None:
    """And nobody touches the count that others gave it, also while its tasks are replaced."""
    before = count(world)
    world.stack = stack_of(DEMO, *SCALED, f"services.web.{change}")

    last = converge(world)

    assert (last.plan.pending, last.plan.orphans) == ((), ())
    assert (count(world), scaled(world)) == (before, as_wanted(world))


def test_a_count_that_moves_during_a_deployment_is_kept(world: World) -> None:
    ecs: Any = world.aws.ecs
    world.stack = stack_of(DEMO, *SCALED, "services.web.environment.APP_MSG=third")

    world.tick(act=True)
    (deployment, *older) = ecs.describe_services(cluster="demo", services=["demo-web"])["services"][0]["deployments"]
    ecs.update_service(cluster="demo", service="demo-web", desiredCount=6)
    converge(world)

    assert (deployment["status"], len(older)) == ("PRIMARY", 1)
    assert (count(world), scaled(world)) == (6, as_wanted(world))


def test_a_service_that_takes_the_place_of_another_is_scaled_instead_of_it() -> None:
    """Its name is another, and so is what Application Auto Scaling knows it by; it begins with the count of the old."""
    world = scaled_out()
    world.stack = stack_of(DEMO, *SCALED, "services.web.network_mode=awsvpc")

    last = converge(world, scope=Scope(replace=frozenset(map(str, world.desired()))))

    assert (last.plan.pending, last.plan.orphans) == ((), ())
    assert (count(world), scaled(world)) == (5, as_wanted(world))
    assert "service/demo/demo-web" not in scaled(world)
    (blue,) = [one for key, one in world.see("target_group").items() if born_as(key).name == "web-blue"]
    assert measured(world)[0].endswith(f"/{blue.outputs['label']}")


def measured(world: World) -> list[str]:
    """Of which group behind which load balancer requests are counted."""
    scaling: Any = world.aws.applicationautoscaling
    policies = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    specs = [one["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"] for one in policies]
    return [one["ResourceLabel"] for one in specs if "ResourceLabel" in one]


PLACE: Any = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
TARGETS, POLICIES = "applicationautoscaling:DescribeScalableTargets", "applicationautoscaling:DescribeScalingPolicies"


def theirs() -> World:
    """A service of two tasks that somebody else scales, between three and nine of them; they made it four."""
    world = built(SPECS / "minimal.yaml")
    scaling: Any = world.aws.applicationautoscaling
    resource = {**PLACE, "ResourceId": "service/tiny/tiny-web"}
    scaling.register_scalable_target(**resource, MinCapacity=3, MaxCapacity=9)
    scaling.put_scaling_policy(
        PolicyName="tiny-web-cpu",  # as ours would be called
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
            "TargetValue": 50.0,
        },
        **resource,
    )
    world.aws.ecs.update_service(cluster="tiny", service="tiny-web", desiredCount=4)
    return world


def tasks(world: World) -> int:
    ecs: Any = world.aws.ecs
    return int(ecs.describe_services(cluster="tiny", services=["tiny-web"])["services"][0]["desiredCount"])


def test_the_count_of_a_service_that_somebody_else_scales_is_theirs() -> None:
    """Neither an apply nor another `desired` of the spec moves it; what they made is no orphan, and `--prune` leaves
    it. Who scales is asked once in a pass that sees another count, and policies only of what is ours."""
    world = theirs()
    before = world.aws.calls[TARGETS], world.aws.calls[POLICIES]

    assert world.tick().plan.pending == ()
    assert (world.aws.calls[TARGETS], world.aws.calls[POLICIES]) == (before[0] + 1, before[1])
    world.stack = stack_of(SPECS / "minimal.yaml", "services.web.desired=1", "services.web.environment.APP_MSG=other")
    assert [field for step in world.tick().plan.pending for field in step.changes if field.field == "desired"] == []

    last = converge(world, scope=Scope(prune=True))

    assert (last.plan.pending, last.plan.orphans, last.plan.notes) == ((), (), ())
    assert (tasks(world), scaled(world)) == (4, {"service/tiny/tiny-web": (3, 9, [], ["tiny-web-cpu"])})

    scaling: Any = world.aws.applicationautoscaling
    scaling.deregister_scalable_target(**PLACE, ResourceId="service/tiny/tiny-web")
    converge(world)
    assert tasks(world) == 1


def test_what_scaled_a_service_by_an_earlier_spec_owns_its_count_until_it_is_pruned() -> None:
    minimal = SPECS / "minimal.yaml"
    world = built(minimal, "services.web.scaling={min: 2, max: 4, target_cpu: 60}")
    world.stack = stack_of(minimal, "services.web.desired=1")

    last = converge(world)

    assert last.plan.pending == ()
    assert [str(key) for key in last.plan.orphans] == ["scalable_target/web", "service_scaling_policy/web-cpu"]
    assert [note for note in last.plan.notes if "count" in note] == [
        "service/web: its count stays 2: what an earlier spec scaled it by is there until apply --prune"
    ]
    assert tasks(world) == 2

    last = converge(world, scope=Scope(prune=True))

    assert (last.plan.pending, last.plan.notes, tasks(world), scaled(world)) == ((), (), 1, {})


def test_where_no_count_differs_nobody_is_asked_who_scales() -> None:
    world = begin(SPECS / "minimal.yaml")

    converge(world)

    assert world.aws.calls[TARGETS] == 0


def test_a_service_that_others_scale_is_not_replaced_by_one_that_nobody_does() -> None:
    """It would begin with fewer tasks than they have made of it, and have to bear all requests."""
    world = theirs()
    world.stack = stack_of(SPECS / "minimal.yaml", "services.web.network_mode=awsvpc")
    leave = Scope(replace=frozenset(map(str, world.desired())))

    problems = [one for one in world.tick(scope=leave).plan.problems if one.startswith("service/web")]

    assert len(problems) == 1
    assert "others scale it, and what they registered does not go over" in problems[0]


def test_a_target_of_others_is_no_orphan_where_ours_was_pruned() -> None:
    minimal = SPECS / "minimal.yaml"
    world = built(minimal, "services.web.scaling={min: 2, max: 4, target_cpu: 60}")
    world.stack = stack_of(minimal)
    converge(world, scope=Scope(prune=True))
    scaling: Any = world.aws.applicationautoscaling
    scaling.register_scalable_target(**PLACE, ResourceId="service/tiny/tiny-web", MinCapacity=3, MaxCapacity=9)

    last = converge(world, scope=Scope(prune=True))

    assert (last.plan.pending, last.plan.orphans) == ((), ())
    assert scaled(world) == {"service/tiny/tiny-web": (3, 9, [], [])}
