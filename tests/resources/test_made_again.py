"""What somebody deleted by hand is made again, and a plan says of the rest only what becomes of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from controller.aws.client import Aws
from controller.base.keys import Key
from tests.resources.stacks import SPECS, World, built, converge

Steps = dict[str, str]


@pytest.fixture(scope="module")
def world() -> World:
    return built(SPECS / "minimal.yaml")


def log_group(aws: Aws) -> None:
    aws.logs.delete_log_group(logGroupName="/ecs/tiny/web")


def role(aws: Aws) -> None:
    name = "tiny-execution-web"
    for policy in aws.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        aws.iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
    for inline in aws.iam.list_role_policies(RoleName=name)["PolicyNames"]:
        aws.iam.delete_role_policy(RoleName=name, PolicyName=inline)
    aws.iam.delete_role(RoleName=name)


@pytest.mark.parametrize(
    ("delete", "key"),
    [
        pytest.param(log_group, "log_group/web", id="the log group of a service, which its role and tasks name"),
        pytest.param(role, "role/execution-web", id="a role, whose arn the task definition holds"),
    ],
)
def test_what_refers_to_it_by_name_stays_as_it_is(world: World, delete: Callable[[Aws], None], key: str) -> None:
    """No deployment is announced, for none is made."""
    before = world.see("service")[Key("service", "web")]
    delete(world.aws)
    planned = {str(step.key): step.action for step in world.tick().plan.pending}
    done = {str(one) for one in world.tick(act=True).done}
    converge(world)

    assert planned == {key: "create"}
    assert done == {key}
    assert world.see("service")[Key("service", "web")].as_desired == before.as_desired


def test_hosts_roll_for_an_instance_profile_that_is_made_again(world: World) -> None:
    """It has the old name, but those that run were born with the one that is gone, and get no credentials any more."""
    world.aws.iam.remove_role_from_instance_profile(InstanceProfileName="tiny-hosts-main", RoleName="tiny-hosts-main")
    world.aws.iam.delete_instance_profile(InstanceProfileName="tiny-hosts-main")
    version = world.see("launch_template")[Key("launch_template", "main")].outputs["version"]
    planned = {str(step.key): step.risk for step in world.tick().plan.pending}
    converge(world)

    assert planned["launch_template/main"] == "host_roll"
    assert world.see("launch_template")[Key("launch_template", "main")].outputs["version"] != version
