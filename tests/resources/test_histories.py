"""Whole stacks: built, planned again, torn down; by a controller that dies at every call, or whose answers get lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.resources.stacks import (
    SPECS,
    Killed,
    World,
    begin,
    built,
    converge,
    in_short_lives,
    mortal,
    stack_of,
    strangers,
)

MINIMAL = SPECS / "minimal.yaml"
ONE_OF_EACH = {
    "vpc": 1,
    "subnet": 2,
    "internet_gateway": 1,
    "security_group": 3,  # one comes with the VPC
    "launch_template": 1,
    "instance": 2,
    "load_balancer": 1,
    "target_group": 2,
    "auto_scaling_group": 1,
    "cluster": 1,
    "capacity_provider": 1,
    "service": 1,
    "task": 2,
    "task_definition": 1,
    "role": 2,
    "instance_profile": 1,
    "log_group": 1,
}
CREATES = {
    "ec2": "CreateVpc CreateSubnet CreateInternetGateway AttachInternetGateway CreateRouteTable CreateRoute "
    "AllocateAddress CreateNatGateway CreateVpcEndpoint "
    "AssociateRouteTable CreateSecurityGroup AuthorizeSecurityGroupIngress CreateLaunchTemplate ModifyVpcAttribute "
    "ModifySubnetAttribute",
    "iam": "CreateRole AttachRolePolicy PutRolePolicy CreateInstanceProfile AddRoleToInstanceProfile",
    "elbv2": "CreateLoadBalancer CreateTargetGroup CreateListener CreateRule ModifyTargetGroupAttributes "
    "ModifyLoadBalancerAttributes",
    "ecs": "CreateCluster CreateCapacityProvider PutClusterCapacityProviders RegisterTaskDefinition CreateService",
    "autoscaling": "CreateAutoScalingGroup",
    "logs": "CreateLogGroup PutRetentionPolicy",
    "ecr": "CreateRepository PutLifecyclePolicy",
}


def counted(world: World) -> dict[str, int]:
    return {kind: len(names) for kind, names in world.left().items()}


@pytest.mark.parametrize("spec", sorted(SPECS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_second_plan_is_empty_and_destroy_leaves_what_is_kept(spec: Path) -> None:
    """Promise 4; and a destroy keeps repositories that hold images, names them, and nothing else."""
    world = built(spec)

    again = world.tick()
    assert (again.plan.pending, again.plan.problems, again.plan.orphans) == ((), (), ())

    last = converge(world, "destroy")
    kept = {step.key.kind: [step.observed.outputs["name"]] for step in last.plan.steps if step.observed is not None}
    assert kept == world.left()
    assert {step.reason for step in last.plan.steps} <= {"kept: holds 1 images, on_destroy: retain"}


DATA = f"""\
extends: {SPECS / "demo.yaml"}
registry: {{tools: {{on_destroy: delete}}}}
services:
  idle: {{image: "busybox:1", cpu: 128, memory: 64, desired: 0, stop_timeout: 5s}}
  worker: {{image: "busybox:1", cpu: 128, memory: 64, desired: 1, stop_timeout: 5s, log_on_destroy: delete}}
"""


def test_a_destroy_keeps_data_and_names_it_until_the_spec_gives_it_up(tmp_path: Path) -> None:
    """Logs and images; what holds none, or is said to go with its data, goes."""
    spec = tmp_path / "spec.yaml"
    spec.write_text(DATA)
    world = built(spec)
    logs = world.sim.session().create_client("logs")
    for service in ("web", "worker"):
        logs.create_log_stream(logGroupName=f"/ecs/demo/{service}", logStreamName="app/app/1")
    world.sim.door("POST", "image", repository="demo/tools", tag="v1")

    last = converge(world, "destroy")

    assert world.left() == {"log_group": ["/ecs/demo/web"], "repository": ["demo/shop"]}
    assert {str(step.key): (step.action, step.reason) for step in last.plan.steps} == {
        "log_group/web": ("none", "kept: holds log streams, on_destroy: retain"),
        "repository/shop": ("none", "kept: holds 1 images, on_destroy: retain"),
    }
    world.stack = stack_of(spec, "services.web.log_on_destroy=delete", "registry.shop.on_destroy=delete")
    assert converge(world, "destroy").plan.pending == ()
    assert world.left() == {}


@pytest.mark.parametrize("calls", [1, 3], ids=["each call its own life", "three calls a life"])
def test_a_controller_that_dies_again_and_again_builds_one_of_each(calls: int) -> None:
    """Promise 3: whatever the last life did, the next one finishes; nothing is made twice."""
    world = begin(MINIMAL)

    deaths = in_short_lives(world, "converge", calls)

    assert deaths > 30 / calls
    assert counted(world) == ONE_OF_EACH
    assert world.tick().plan.pending == ()


def test_a_controller_that_dies_at_every_call_of_a_destroy_ends_clean_and_touches_nothing_foreign() -> None:
    world = begin(MINIMAL)
    strangers(world, 3)
    foreign = world.left()
    converge(world)

    assert in_short_lives(world, "destroy", 1) > 25
    assert world.left() == foreign


def test_an_apply_whose_every_first_answer_is_lost_doubles_nothing() -> None:
    """AWS did it and the reply got lost: botocore tries again where that is safe, else the next tick looks."""
    world = begin(SPECS / "private.yaml")
    lost = [(service, action) for service, actions in CREATES.items() for action in actions.split()]
    for service, action in lost:
        world.sim.door(
            "POST", "fault", service=service, action=action, code="InternalFailure", status=500, times=1, after=True
        )

    converge(world)

    assert world.sim.edge.faults == []
    more = {
        "instance": 3,
        "task": 4,
        "repository": 1,
        "subnet": 4,
        "nat_gateway": 2,
        "elastic_ip": 2,
        "vpc_endpoint": 1,
    }
    assert counted(world) == ONE_OF_EACH | more
    assert world.tick().plan.pending == ()


def test_no_mutating_call_is_made_once_the_guard_forbids_it() -> None:
    world = begin(MINIMAL)
    world.aws.guard = mortal(0)

    with pytest.raises(Killed):
        world.tick(act=True)

    assert world.left() == {}
