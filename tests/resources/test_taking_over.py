"""Edits that would leave requests unanswered: refused with what to do instead, or done in the order that loses none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.aws.places import CLOSED
from controller.base.errors import Refused
from controller.base.keys import Key
from controller.engine.compare import compare
from controller.engine.scope import Scope
from controller.spec.network import MOVES_NOT
from controller.spec.types import Stack
from tests.resources.stacks import SPECS, World, built, converge, in_short_lives, stack_of

DEMO = (SPECS / "demo.yaml").read_text()
CODEDEPLOY = SPECS / "codedeploy.yaml"


def everything(world: World) -> Scope:
    return Scope(prune=True, replace=frozenset(map(str, world.desired())))


def answering(world: World) -> int:
    """Healthy targets where the first rule that matches everything leads, in the order of their priorities."""
    elb: Any = world.aws.elbv2
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    (listener,) = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    rules = elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    led = [one for one in rules if not one["IsDefault"] and CLOSED not in str(one["Conditions"])]
    first = min(led, key=lambda one: int(one["Priority"]), default=None)
    forwards = first["Actions"][0]["ForwardConfig"]["TargetGroups"] if first else []
    groups = [one["TargetGroupArn"] for one in forwards if one["Weight"]]
    found = [elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"] for arn in groups]
    return sum(one["TargetHealth"]["State"] == "healthy" for part in found for one in part)


def least(world: World, scope: Scope) -> tuple[int, Any]:
    """The fewest targets that answered, before each call that changes AWS and after each pass; the last pass."""
    counts: list[int] = []
    world.aws.guard = lambda: counts.append(answering(world))
    for _ in range(200):
        seen = world.tick(act=True, scope=scope)
        assert seen.plan.problems == ()
        counts.append(answering(world))
        if seen.quiet:
            break
        world.sim.sleep(timedelta(seconds=0.5))
    world.aws.guard = lambda: None
    return min(counts), seen


def renamed(folder: Path, priority: int) -> Stack:
    path = folder / "renamed.yaml"
    path.write_text(DEMO.replace("  web:\n", "  shop:\n").replace("priority: 100", f"priority: {priority}"))
    return stack_of(path)


def test_a_service_of_another_name_serves_before_the_old_one_goes(tmp_path: Path) -> None:
    world = built(SPECS / "demo.yaml")
    world.stack = renamed(tmp_path, 200)

    fewest, seen = least(world, everything(world))

    assert (fewest, seen.quiet) == (4, True)
    assert [one.rpartition("/")[2] for one in world.left()["service"]] == ["demo-shop"]
    assert len(world.left()["target_group"]) == 2
    assert world.tick(scope=everything(world)).plan.pending == ()


def test_a_priority_that_the_old_one_holds_goes_over_with_it(tmp_path: Path) -> None:
    """In the command that takes the old one out; in any other it stays, and so does its place."""
    world = built(SPECS / "demo.yaml")
    world.stack = renamed(tmp_path, 100)

    (problem,) = world.tick().plan.problems
    assert problem.startswith(
        "listener_rule/shop: priority 100 is that of listener_rule/web, which the spec has no more"
    )
    assert problem.endswith("take it out (apply --prune), or give shop a later priority")
    fewest, seen = 4, world.tick()
    for _ in range(60):
        seen = world.tick(act=True, scope=everything(world))
        fewest = min(fewest, answering(world))
        if seen.quiet:
            break
        world.sim.sleep(timedelta(seconds=5))

    assert (fewest, seen.quiet, seen.failed) == (4, True, {})
    assert (world.tick().plan.pending, world.tick().plan.orphans) == ((), ())


@pytest.mark.parametrize(
    ("mode", "group"), [pytest.param("awsvpc", "tasks-web", id="awsvpc"), pytest.param("host", "hosts-main", id="host")]
)
def test_a_port_stays_open_for_as_long_as_anybody_listens_there(mode: str, group: str) -> None:
    """AWS cuts new requests off with the rule; the task that answers them is still the old one."""
    own = (f"services.web.network_mode={mode}", "services.web.memory=256", "services.web.desired=2")
    world = built(SPECS / "demo.yaml", *own, "services.web.port=8081", "hosts.main.size={min: 4, desired: 4, max: 6}")
    world.stack = stack_of(
        SPECS / "demo.yaml", *own, "services.web.port=8082", "hosts.main.size={min: 4, desired: 4, max: 6}"
    )
    key, cut, ports = Key("security_group", group), list[int](), set[int]()

    def told() -> None:
        live = world.see("security_group")[key].outputs["id"]
        elb, asked = world.aws.elbv2, [{"Name": "group-id", "Values": [live]}]
        rules = world.aws.ec2.describe_security_group_rules(Filters=asked)["SecurityGroupRules"]  # type: ignore[arg-type]
        groups = [one["TargetGroupArn"] for one in elb.describe_target_groups()["TargetGroups"]]
        found = [elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"] for arn in groups]
        serving = [one["Target"]["Port"] for part in found for one in part if one["TargetHealth"]["State"] == "healthy"]
        ports.update(serving)
        cut.extend(port for port in serving if not any(r["FromPort"] <= port <= r["ToPort"] for r in rules))

    scope = everything(world)
    for _ in range(200):
        seen = world.tick(act=True, scope=scope)
        told()
        if seen.quiet:
            break
        world.sim.sleep(timedelta(seconds=0.5))

    assert (cut, ports, seen.quiet) == ([], {8081, 8082}, True)
    rules = world.see("security_group")[key].as_desired.rules
    assert not [rule for rule in rules if rule.from_port == 8081]
    assert world.tick(scope=scope).plan.pending == ()


@pytest.mark.parametrize("mode", ["bridge", "awsvpc"])
def test_a_balancer_gives_up_a_zone_when_no_target_is_left_there(mode: str) -> None:
    three = "network.public_subnets=[10.20.1.0/24, 10.20.2.0/24, 10.20.3.0/24]"
    own = (f"services.web.network_mode={mode}", "services.web.memory=256")
    world = built(SPECS / "demo.yaml", three, *own)
    world.stack = stack_of(SPECS / "demo.yaml", *own)

    fewest, seen = least(world, everything(world))

    assert (fewest, seen.quiet) == (4, True)
    (balancer,) = world.aws.elbv2.describe_load_balancers()["LoadBalancers"]
    assert len(balancer["AvailabilityZones"]) == len(world.left()["subnet"]) == 2


def test_a_routed_service_becomes_a_daemon() -> None:
    """Both stand behind the same target group: the old tasks go when the new ones serve beside them."""
    world = built(SPECS / "demo.yaml")
    (web,) = world.stack.services
    percent = replace(web.deployment, min_percent=0, max_percent=100)
    world.stack = replace(world.stack, services=(replace(web, daemon=True, desired=0, deployment=percent),))

    fewest, seen = least(world, everything(world))

    assert (fewest, seen.quiet) == (3, True)  # one on each host, and never fewer
    assert world.tick(scope=everything(world)).plan.pending == ()


@pytest.mark.parametrize(
    ("base", "change", "told"),
    [
        pytest.param(
            CODEDEPLOY, "services.web.network_mode=awsvpc", "service/web: own_address, security_groups, subnets: of",
            id="a service of CodeDeploy is not replaced",
        ),
        pytest.param(
            SPECS / "demo.yaml", "network.public_subnets=[10.20.0.0/23, 10.20.2.0/24]",
            "subnet/public-1: 10.20.0.0/23 overlaps 10.20.1.0/24 of subnet/public-1", id="a range that is taken",
        ),
        pytest.param(
            SPECS / "demo.yaml", "network.public_subnets=[10.20.2.0/24, 10.20.1.0/24]",
            "subnet/public-1: 10.20.2.0/24 overlaps 10.20.2.0/24 of subnet/public-2", id="ranges exchanged",
        ),
        pytest.param(
            SPECS / "demo.yaml", "network.public_subnets=[{cidr: 10.20.3.0/24, zone: us-east-1b}, 10.20.2.0/24]",
            "subnet/public-1: us-east-1b is the zone of subnet/public-2", id="two subnets in one zone",
        ),
        pytest.param(
            SPECS / "private.yaml", "network.public_subnets=[10.50.21.0/24, {cidr: 10.50.22.0/24, zone: us-east-1c}]",
            "subnet/public-2: subnet/public-2 leaves us-east-1b, where subnet/private-2 stays", id="unbalanced hosts",
        ),
    ],
)  # fmt: skip
def test_what_could_not_be_done_without_a_loss_is_refused(base: Path, change: str, told: str) -> None:
    world = built(base)
    world.stack = stack_of(base, change)

    problems = world.tick(scope=everything(world)).plan.problems

    assert [one for one in problems if one.startswith(told)], problems


def standing(world: World) -> tuple[list[str], set[str], dict[str, int]]:
    """The providers that are there; those that are attached, or named by service, cluster and hosts; what runs."""
    ecs: Any = world.aws.ecs
    (cluster,) = ecs.describe_clusters(clusters=["demo"])["clusters"]
    (web,) = ecs.describe_services(cluster="demo", services=["demo-web"])["services"]
    named = [
        one["capacityProvider"]
        for one in (*web["capacityProviderStrategy"], *cluster["defaultCapacityProviderStrategy"])
    ]
    nodes = ecs.describe_container_instances(
        cluster="demo", containerInstances=ecs.list_container_instances(cluster="demo")["containerInstanceArns"]
    )["containerInstances"]
    used = {*cluster["capacityProviders"], *named, *(one["capacityProviderName"] for one in nodes)}
    return world.left()["capacity_provider"], used, {"tasks": web["runningCount"], "hosts": len(nodes)}


@pytest.mark.parametrize("calls", [pytest.param(1, id="one call a life"), pytest.param(99, id="undisturbed")])
def test_a_group_deleted_by_hand_comes_back_with_its_provider(calls: int) -> None:
    """No provider moves to another group, but one without a group serves nobody: no leave is needed to replace it."""
    world = built(SPECS / "demo.yaml")
    world.aws.autoscaling.delete_auto_scaling_group(AutoScalingGroupName="demo-main", ForceDelete=True)
    world.sim.sleep(timedelta(seconds=60))
    assert world.tick().plan.problems == ()

    in_short_lives(world, "converge", calls)

    world.restart()
    assert world.tick().plan.pending == ()
    assert converge(world).quiet
    ((provider,), used, there) = standing(world)
    assert (used, there) == ({provider}, {"tasks": 4, "hosts": 3})
    converge(world, "destroy")
    assert "capacity_provider" not in world.left()


def test_a_provider_in_front_of_another_group_hands_its_tasks_over() -> None:
    """The group that the spec names is a second one, which somebody made as ours; hosts with tasks are in the first."""
    world = built(SPECS / "demo.yaml", "names={auto_scaling_group/main: demo-first}")
    scaling: Any = world.aws.autoscaling
    (first,) = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["demo-first"])["AutoScalingGroups"]
    copied = ("LaunchTemplate", "MinSize", "MaxSize", "DesiredCapacity", "VPCZoneIdentifier", "Tags")
    tags = [{**one, "ResourceId": "demo-main"} for one in first["Tags"]]
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="demo-main", **{**{name: first[name] for name in copied}, "Tags": tags}
    )
    world.stack = stack_of(SPECS / "demo.yaml")
    refused = (
        "capacity_provider/main: AWS cannot change group in place: refused without --replace capacity_provider/main"
    )
    assert world.tick().plan.problems == (refused,)

    scope = Scope(prune=True, replace=frozenset({"capacity_provider/main"}))
    fewest, seen = least(world, scope)

    assert (fewest, seen.quiet) == (4, True)
    assert world.tick(scope=scope).plan.pending == ()
    ((provider,), used, there) = standing(world)
    assert (used, there) == ({provider}, {"tasks": 4, "hosts": 3})
    assert world.left()["auto_scaling_group"] == ["demo-main"]


def test_a_network_of_others_is_not_left_for_one_of_our_own(tmp_path: Path) -> None:
    """Security groups belong to their VPC."""
    world = built(SPECS / "minimal.yaml")
    ec2: Any = world.aws.ec2
    vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    live = world.see("security_group")[Key("security_group", "load-balancer")]
    wish = world.desired()[Key("security_group", "load-balancer")]

    changes = compare(replace(wish, vpc=vpc, rules=live.as_desired.rules), live.as_desired)

    assert [(one.field, one.forever) for one in changes] == [("vpc", MOVES_NOT)]


def test_a_listener_of_others_keeps_the_balancer() -> None:
    """AWS would delete it, too."""
    world = built(SPECS / "demo.yaml")
    elb: Any = world.aws.elbv2
    arn = elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    answer = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]
    elb.create_listener(LoadBalancerArn=arn, Port=9999, Protocol="HTTP", DefaultActions=answer)

    (problem,) = world.tick("destroy").plan.problems

    assert problem == "load_balancer/main: has a listener of others (port 9999), and nothing is deleted"
    assert world.tick().plan.problems == ()


def test_a_port_that_another_listener_has_is_refused_not_awaited(tmp_path: Path) -> None:
    world = built(SPECS / "demo.yaml")
    world.stack = stack_of(
        SPECS / "demo.yaml", "load_balancer.listeners={edge: {port: 80}}", "services.web.route.listener=edge"
    )

    for _ in range(6):
        seen = world.tick(act=True, scope=everything(world))
        world.sim.sleep(timedelta(seconds=10))

    assert isinstance(seen.failed[Key("listener", "edge")], Refused)
