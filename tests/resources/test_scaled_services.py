"""A service that Application Auto Scaling moves goes on being moved, whatever of it is deployed."""

from __future__ import annotations

from typing import Any

import pytest

from controller.engine.reconciler import born_as
from controller.engine.scope import Scope
from tests.resources.stacks import SPECS, World, built, converge, stack_of

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
