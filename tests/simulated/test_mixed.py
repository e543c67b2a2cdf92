"""Hosts whose tasks have addresses, fixed ports or one of each kind per host are replaced like any others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.engine.scope import Scope
from controller.tick import tick
from tests.simulated.driving import TYPES
from tests.simulated.stack import Simulation

SPEC = str(Path(__file__).parent / "mixed.yaml")


@pytest.fixture(scope="module")
def mixed() -> Simulation:
    return Simulation(SPEC).birth()


def another(stage: Simulation) -> str:
    """An instance type that the hosts do not have: each test may find those that another one left."""
    ids = [one["InstanceId"] for one in stage.group("mixed-main")["Instances"]]
    (found, *_) = stage.aws.ec2.describe_instances(InstanceIds=ids)["Reservations"]
    has = found["Instances"][0]["InstanceType"]
    return f"hosts.main.instance_type={next(one for one in TYPES if one != has)}"


def targets(stage: Simulation, service: str) -> set[tuple[str, int]]:
    group = stage.aws.elbv2.describe_target_groups(Names=[f"mixed-{service}-blue"])["TargetGroups"][0]
    found: Any = stage.aws.elbv2.describe_target_health(TargetGroupArn=group["TargetGroupArn"])
    return {(one["Target"]["Id"], one["Target"]["Port"]) for one in found["TargetHealthDescriptions"]}


def test_a_roll_keeps_every_floor_whatever_its_tasks_are_reached_by(mixed: Simulation) -> None:
    """Promise 2 and rule 5, for IP targets and static ports; daemons go with their host, and nothing is left over."""
    mark = mixed.sim.door("POST", "mark")["at"]

    assert mixed.apply(mixed.stack(another(mixed))) == "succeeded", mixed.lines[-20:]

    figures = mixed.sim.door("POST", "since", at=mark)
    assert figures["hosts"]["mixed-main"] >= 2
    assert (figures["healthy"]["mixed-web"], figures["healthy"]["mixed-fixed"]) == (2, 1)
    assert figures["peak"]["mixed-main"] <= 3
    assert (len(targets(mixed, "web")), len(targets(mixed, "fixed"))) == (2, 1)
    left = mixed.settings("mixed-main")
    assert (left["suspended"], left["crumbs"], left["protected"]) == ([], [], [False] * 2)


def test_tasks_that_may_be_interrupted_run_on_spot(mixed: Simulation) -> None:
    """`fargate: {spot: true}`: ECS says so of the service and of each of its tasks."""
    ecs: Any = mixed.aws.ecs
    (service,) = ecs.describe_services(cluster="mixed", services=["mixed-apart"])["services"]
    arns = ecs.list_tasks(cluster="mixed", serviceName="mixed-apart")["taskArns"]
    tasks = ecs.describe_tasks(cluster="mixed", tasks=arns)["tasks"]

    assert [one["capacityProvider"] for one in service["capacityProviderStrategy"]] == ["FARGATE_SPOT"]
    assert {(one["capacityProviderName"], one["lastStatus"]) for one in tasks} == {("FARGATE_SPOT", "RUNNING")}


def test_an_address_somebody_registered_by_hand_is_deregistered_as_the_balancer_knows_it(mixed: Simulation) -> None:
    """Rule 5: a port that no task listens on, at the address of one."""
    (group,) = mixed.aws.elbv2.describe_target_groups(Names=["mixed-web-blue"])["TargetGroups"]
    arn = group["TargetGroupArn"]
    address, _ = min(targets(mixed, "web"))
    mixed.aws.elbv2.register_targets(TargetGroupArn=arn, Targets=[{"Id": address, "Port": 9999}])

    assert mixed.apply(mixed.stack(another(mixed))) == "succeeded", mixed.lines[-20:]

    assert {port for _, port in targets(mixed, "web")} == {8080}, "a new task may have the address, nobody the port"


def test_what_others_own_of_a_service_is_left_alone(mixed: Simulation) -> None:
    """A count inside its bounds, a registry: none is drift, and none is reverted by an update."""
    others: dict[str, Any] = {
        "desiredCount": 3,
        "serviceRegistries": [{"registryArn": "arn:aws:servicediscovery:us-east-1:123456789012:service/srv-1"}],
    }
    mixed.aws.ecs.update_service(cluster="mixed", service="mixed-apart", **others)
    stack = mixed.stack("hosts.main.instance_type=t3.large")

    assert mixed.apply(stack) == "succeeded"
    assert tick(stack, mixed.aws, mixed.sim).plan.pending == ()
    changed = mixed.stack("hosts.main.instance_type=t3.large", "services.apart.execute_command=true")
    assert mixed.apply(changed) == "succeeded", mixed.lines[-20:]

    shown: Any = mixed.aws.ecs.describe_services(cluster="mixed", services=["mixed-apart"])["services"][0]
    assert {name: shown[name] for name in others} == others
    assert (shown["enableExecuteCommand"], shown["runningCount"]) == (True, 3)


def test_a_figure_that_is_no_more_aimed_at_is_left_over(mixed: Simulation) -> None:
    """Its policy would go on moving the count: listed, and removed when asked."""
    stack = mixed.stack("services.apart.scaling={min: 1, max: 3, target_memory: 60}")

    assert mixed.apply(stack, scope=Scope(prune=True)) == "succeeded", mixed.lines[-20:]

    found = mixed.aws.applicationautoscaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    assert [one["PolicyName"] for one in found] == ["mixed-apart-memory"]


def test_a_change_that_aws_cannot_make_in_place_is_a_replacement(mixed: Simulation) -> None:
    """From an address of its own back to bridge mode, and from a count to one per host: never silently."""
    stack = mixed.stack("services.web.network_mode=bridge")

    steps = {str(step.key): step for step in tick(stack, mixed.aws, mixed.sim).plan.steps}
    assert steps["service/web"].risk == "replace"
    assert steps["target_group/web-blue"].risk == "replace"
