"""A cold pass over a converged stack: which calls it makes, what each is for, and that it cannot be left out.

A new call must be argued for here. terraform's plan of the same stack makes 53.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from controller.base.errors import ControllerError, Gone
from controller.base.keys import Key
from controller.report.seen import Tick
from controller.resources.load_balancer import IDLE_TIMEOUT
from controller.spec.build import DEFAULT_IMAGE
from tests.resources.stacks import SPECS, World, built, strangers

MOST = 46
NEEDED = {  # operation: (calls, the field or rule it serves)
    "autoscaling:DescribeAutoScalingGroups": (1, "the group; the fleet's members"),
    "ec2:DescribeInstances": (1, "hosts: ready-since and cordoned-at, launch time"),
    "ec2:DescribeInternetGateways": (1, "internet_gateway"),
    "ec2:DescribeLaunchTemplateVersions": (1, "launch_template: its data; image: what is live"),
    "ec2:DescribeLaunchTemplates": (1, "launch_template: whose it is, its tags"),
    "ec2:DescribeRouteTables": (1, "route_table"),
    "ec2:DescribeSecurityGroupRules": (1, "security_group.rules, which are ours"),
    "ec2:DescribeSecurityGroups": (1, "security_group"),
    "ec2:DescribeSubnets": (1, "subnet"),
    "ec2:DescribeVpcAttribute": (1, "vpc.dns_hostnames"),
    "ec2:DescribeVpcs": (1, "vpc"),
    "ecr:DescribeImages": (1, "container_image: whether the tag was pushed"),
    "ecr:DescribeRepositories": (1, "repository"),
    "ecr:GetLifecyclePolicy": (1, "repository.lifecycle"),
    "ecr:ListTagsForResource": (1, "repository: whose it is"),
    "ecs:DescribeCapacityProviders": (1, "capacity_provider"),
    "ecs:DescribeClusters": (1, "cluster; which providers are attached"),
    "ecs:DescribeContainerInstances": (1, "hosts: agent and status"),
    "ecs:DescribeServices": (1, "service; deployments; the fleet's floors"),
    "ecs:DescribeTaskDefinition": (1, "task_definition: the newest revision of the family"),
    "ecs:DescribeTasks": (1, "hosts: what runs where, with its ports"),
    "ecs:ListContainerInstances": (1, "hosts: whose agents registered"),
    "ecs:ListTasks": (2, "hosts: desiredStatus RUNNING, and STOPPED for what still stops"),
    "elbv2:DescribeListeners": (1, "listener"),
    "elbv2:DescribeLoadBalancerAttributes": (1, "load_balancer.idle_timeout"),
    "elbv2:DescribeLoadBalancers": (1, "load_balancer"),
    "elbv2:DescribeRules": (1, "listener_rule"),
    "elbv2:DescribeTags": (1, "whose load balancer, listeners, rules and target groups they are"),
    "elbv2:DescribeTargetGroupAttributes": (
        2,
        "target_group.deregistration_delay, listener_rule.balancing; two groups",
    ),
    "elbv2:DescribeTargetGroups": (1, "target_group"),
    "elbv2:DescribeTargetHealth": (2, "hosts: healthy targets, blue and green"),
    "iam:GetInstanceProfile": (1, "instance_profile"),
    "iam:GetRole": (2, "role: hosts and execution"),
    "iam:GetRolePolicy": (1, "role.grants of the execution role"),
    "iam:ListAttachedRolePolicies": (2, "role.policies; what others attached is reported"),
    "iam:ListRolePolicies": (2, "role.inline, role.grants of hosts, which have none; what others wrote is reported"),
    "logs:DescribeLogGroups": (1, "log_group"),
    "logs:ListTagsForResource": (1, "log_group: whose it is"),
    "resourcegroupstaggingapi:GetResources": (1, "what the spec has no more, of the kinds found by name"),
    "ssm:GetParameters": (1, "image: a newer AMI is reported"),
}
SWEEP = "resourcegroupstaggingapi:GetResources"
BLANK: dict[str, Any] = {  # where empty lists are no answer, or what a kind takes for AWS's default: another one
    "ec2:DescribeVpcAttribute": {"EnableDnsHostnames": {"Value": False}},
    "ecr:GetLifecyclePolicy": {"lifecyclePolicyText": '{"rules": []}'},
    "ecs:DescribeTaskDefinition": {"taskDefinition": {"family": "x", "taskDefinitionArn": "x"}, "tags": []},
    "elbv2:DescribeLoadBalancerAttributes": {"Attributes": [{"Key": IDLE_TIMEOUT, "Value": "4000"}]},
    "ssm:GetParameters": {"Parameters": [{"Name": DEFAULT_IMAGE, "Value": "ami-of-tomorrow"}]},
    "iam:GetInstanceProfile": None,
    "iam:GetRole": None,
    "iam:ListRolePolicies": {"PolicyNames": ["theirs"]},
    "iam:GetRolePolicy": {"PolicyDocument": {"Statement": []}},
}


@pytest.fixture(scope="module")
def world() -> World:
    return built(SPECS / "demo.yaml")


@pytest.fixture(scope="module")
def plain(world: World) -> str:
    """What a pass sees where every answer is told. Twice the same: else nothing that differs would prove anything."""
    seen = picture(world.tick())
    assert picture(world.tick()) == seen
    return seen


def test_a_cold_pass_makes_the_calls_of_the_table_and_no_other(world: World) -> None:
    world.restart()

    seen = world.tick()

    assert (seen.quiet, seen.plan.pending) == (True, ())
    assert dict(world.aws.calls) == {operation: calls for operation, (calls, _) in NEEDED.items()}
    assert sum(world.aws.calls.values()) <= MOST


@pytest.mark.parametrize("operation", sorted(NEEDED.keys() - {SWEEP}))
def test_no_call_is_superfluous(operation: str, world: World, plain: str) -> None:
    """With its answer blanked the pass sees something else: another plan, other notes, or another fleet."""
    with blanked(world, operation):
        try:
            told = picture(world.tick())
        except ControllerError as error:  # a pass that cannot go on needs the call, too
            told = str(error)
    assert plain != told


def test_without_the_sweep_what_is_left_over_is_not_seen(world: World) -> None:
    name, live = "/ecs/demo/gone", {"theseus:stack": "demo", "theseus:name": "log_group/gone"}
    world.aws.logs.create_log_group(logGroupName=name, tags=live)

    found = world.tick().plan.orphans
    with blanked(world, SWEEP):
        unseen = world.tick().plan.orphans
    world.aws.logs.delete_log_group(logGroupName=name)

    assert (found, unseen) == ((Key("log_group", "gone"),), ())


def test_no_call_grows_with_the_account(world: World) -> None:
    """Sixty of others that look like ours, names and prefixes included: not one call more, and nobody touches them."""
    strangers(world, 60)
    before = world.left()
    world.restart()

    seen = world.tick(act=True)

    assert (seen.plan.pending, seen.plan.problems, seen.plan.notes) == ((), (), ())
    assert sum(world.aws.calls.values()) == sum(calls for calls, _ in NEEDED.values())
    assert world.left() == before


def picture(seen: Tick) -> str:
    """Everything a pass learned that decides something, or that a reader is told."""
    steps = [
        (step.key, step.action, step.changes, step.observed and (step.observed.as_desired, step.observed.owner))
        for step in seen.plan.steps
    ]
    return repr((steps, seen.plan.problems, seen.plan.notes, seen.fleets, seen.verdicts))


@contextmanager
def blanked(world: World, operation: str) -> Iterator[None]:
    """Meanwhile *operation* answers nothing: its lists are empty, its single values missing or as in `BLANK`."""
    service, name = operation.split(":")
    client = getattr(world.aws, service)
    method = next(python for python, api in client.meta.method_to_api_mapping.items() if api == name)
    members = client.meta.service_model.operation_model(name).output_shape.members

    def call(**_: Any) -> Any:
        if operation not in BLANK:
            return {key: [] for key, shape in members.items() if shape.type_name == "list"}
        if BLANK[operation] is None:
            raise Gone(operation)
        return BLANK[operation]

    vars(client)[method] = call
    try:
        yield
    finally:
        del vars(client)[method]
