"""The policy of a spec allows what commands do for it, and plan's allows nothing that changes AWS."""

from __future__ import annotations

import json

import pytest

from controller.aws.operations import OPERATIONS
from controller.engine.scope import Scope
from controller.modes.permissions import action, policy
from controller.spec.load import load
from tests.modes.stage import SPECS, Command, Stage
from tests.resources.stacks import built, converge, stack_of

RICH = SPECS.parent / "tests" / "resources" / "rich.yaml"
ACTIONS = {
    f"{service}:{action(service, method).partition(':')[2]}": action(service, method)
    for service, methods in OPERATIONS.items()
    for method in methods
}


def allowed(document: dict[str, object]) -> set[str]:
    statements = document["Statement"]
    assert isinstance(statements, list)
    return {one for statement in statements for one in statement["Action"]}


@pytest.mark.parametrize("mode", ["plan", "apply"])
def test_every_call_of_a_command_is_allowed(stage: Stage, command: Command, mode: str) -> None:
    """Counted by the clients themselves; the apply drains a host and has it terminated."""
    document = command("iam-policy", stage.spec, "--mode", mode).json()
    fewer = ("--set", "hosts.main.size.desired=1")
    assert command(mode, stage.spec, *fewer, *(["--yes"] if mode == "apply" else [])).code == 0
    made = {ACTIONS[call] for aws in stage.connected for call in aws.calls}

    assert made <= allowed(document)
    assert ("autoscaling:TerminateInstanceInAutoScalingGroup" in made) == (mode == "apply")


def test_plan_needs_nothing_that_changes_anything() -> None:
    document = policy(load(str(SPECS / "demo.yaml")).stack, "plan")

    assert {one.partition(":")[2].startswith(("Describe", "Get", "List", "BatchGet")) for one in allowed(document)} == {
        True
    }


def test_roles_are_bound_to_their_names_and_the_rest_to_the_region() -> None:
    """Whoever has the policy can neither change nor hand on a role of somebody else's."""
    stack = load(str(SPECS / "demo.yaml"), ('account="123456789012"',)).stack
    by_name = {one["Sid"]: one for one in policy(stack, "apply")["Statement"]}

    roles = ["arn:aws:iam::123456789012:role/demo-execution-web", "arn:aws:iam::123456789012:role/demo-hosts-main"]
    assert by_name["HandRolesToHostsAndTasks"]["Resource"] == roles
    assert set(by_name["ChangeRoles"]["Resource"]) > set(roles)
    assert [sid for sid, one in by_name.items() if one["Resource"] == "*" and "Condition" not in one] == ["Look"]
    assert by_name["Change"]["Condition"] == {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}


def test_rights_to_scale_come_with_what_scales() -> None:
    """Hooks, policies and schedules are rights of the stacks that have some."""
    plain, rich = (json.dumps(policy(load(str(one)).stack, "apply")) for one in (SPECS / "demo.yaml", RICH))

    for right in ("PutScalingPolicy", "PutLifecycleHook", "PutScheduledUpdateGroupAction", "cloudwatch:PutMetricAlarm"):
        assert (right in plain, right in rich) == (False, True), right


@pytest.mark.parametrize(("service", "named"), [("logs", True), ("s3", False)])
def test_interface_endpoints_have_names_in_the_vpc(service: str, named: bool) -> None:
    """EC2 asks for a right of Route 53 then; for a route it asks for nothing more."""
    stack = load(str(SPECS / "minimal.yaml"), (f"network.endpoints=[{service}]",)).stack

    assert ("route53:AssociateVPCWithHostedZone" in allowed(policy(stack, "apply"))) == named


def test_an_existing_network_is_only_looked_at() -> None:
    """No right to make, change or delete what the spec uses by its id."""
    stack = load(str(SPECS / "minimal.yaml"), ("network={vpc: vpc-1, public_subnets: [subnet-1, subnet-2]}",)).stack
    can = allowed(policy(stack, "apply"))

    assert {"ec2:DescribeVpcs", "ec2:DescribeSubnets", "ec2:DescribeRouteTables"} <= can
    changing = {one for one in can if not one.startswith("ec2:Describe")}
    assert not {one for one in changing if one.endswith(("Vpc", "Subnet", "RouteTable", "InternetGateway", "Route"))}


def test_a_stack_without_a_load_balancer_needs_no_right_to_make_one(command: Command, stage: Stage) -> None:
    path = stage.folder / "bare.yaml"
    path.write_text(
        "version: 1\nstack: bare\nregion: us-east-1\n"
        "network: {cidr: 10.30.0.0/16, public_subnets: [10.30.1.0/24, 10.30.2.0/24]}\n"
        "hosts: {main: {instance_type: t3.small, size: {min: 1, desired: 1, max: 2}}}\n"
    )
    text = json.dumps(command("iam-policy", str(path)).json())

    assert "CreateLoadBalancer" not in text
    assert "CreateAutoScalingGroup" in text


def test_whatever_an_earlier_spec_left_is_looked_for_and_pruned_with_a_right_of_its_own() -> None:
    """No spec says what the one before it had; roles it left are deleted by the prefix of the stack."""
    stack = load(str(SPECS / "minimal.yaml"), ('account="123456789012"',)).stack
    reads, plain, prunes = policy(stack, "plan"), policy(stack, "apply"), policy(stack, "apply", prune=True)
    deletes = {"ecr:DeleteRepository", "autoscaling:DeletePolicy", "cloudwatch:DeleteAlarms"}
    roles = {"arn:aws:iam::123456789012:role/tiny-*", "arn:aws:iam::123456789012:instance-profile/tiny-*"}
    changed = [
        next(set(one["Resource"]) for one in it["Statement"] if one["Sid"] == "ChangeRoles") for it in (plain, prunes)
    ]

    assert {"ecr:GetLifecyclePolicy", "autoscaling:DescribeLifecycleHooks"} <= allowed(reads)
    assert (deletes & allowed(plain), deletes & allowed(prunes)) == (set(), deletes)
    assert "autoscaling:PutScalingPolicy" not in allowed(prunes)
    assert changed[1] - changed[0] == roles


def test_kinds_that_a_spec_has_none_of_any_more_are_planned_and_pruned_with_its_rights() -> None:
    """Each pass is held against the policy of its own spec (`tests/rights.py`)."""
    world = built(
        SPECS / "minimal.yaml",
        "registry={shop: {on_destroy: delete}}",
        "services.web.scaling={min: 1, max: 3, target_cpu: 50}",
        "hosts.main.lifecycle_hooks={goodbye: {'on': terminating, heartbeat: 30s}}",
        "network.endpoints=[s3]",
    )
    world.stack = stack_of(SPECS / "minimal.yaml")
    world.restart()
    orphans = {one.kind for one in world.tick().plan.orphans}
    converge(world, scope=Scope(prune=True))

    assert orphans >= {"repository", "lifecycle_hook", "vpc_endpoint"}
    assert not {"repository", "vpc_endpoint"} & world.left().keys()


def test_codedeploy_asks_more_of_whoever_deploys_and_its_leftovers_are_looked_for_by_every_spec() -> None:
    """A spec that had such a service may have left an application; what is never called is asked all the same."""
    with_it = load(str(SPECS / "codedeploy.yaml")).stack
    without = load(str(SPECS / "demo.yaml")).stack
    writes = {"codedeploy:CreateDeployment", "codedeploy:RegisterApplicationRevision", "codedeploy:GetDeploymentConfig"}

    assert writes <= allowed(policy(with_it, "apply"))
    assert {"codedeploy:GetApplication", "codedeploy:BatchGetDeploymentGroups"} <= allowed(policy(without, "plan"))
    assert not writes & allowed(policy(without, "apply"))


def test_a_policy_that_no_managed_policy_holds_says_so_beside_it(command: Command) -> None:
    """On stderr: what is written to stdout is the document, whoever reads it."""
    large = command("iam-policy", str(SPECS / "demo.yaml"))
    small = command("iam-policy", str(SPECS / "demo.yaml"), "--mode", "plan")

    size = len(json.dumps(large.json(), separators=(",", ":")))
    assert 6_144 < size < 10_240
    assert large.err.startswith(f"note: {size} characters without spaces; a managed policy holds 6144: ")
    assert "put-role-policy" in large.err
    assert len(json.dumps(small.json(), separators=(",", ":"))) <= 6_144
    assert small.err == ""


def test_a_policy_that_depends_on_what_is_not_looked_up_says_so(stage: Stage, command: Command) -> None:
    path = stage.write('load_balancer: {listeners: {old: {port: 81, redirect: "${ssm:/where}"}}}\n', "lookup")

    ended = command("iam-policy", path)

    assert (ended.code, ended.out) == (1, "")
    assert "depends on /where, which is not looked up here: say it with --set" in ended.err
    assert command("iam-policy", path, "--set", "load_balancer.listeners.old.redirect=http").code == 0
