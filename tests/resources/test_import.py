"""A stack of others: imported, adopted, planned, applied; and what is not the stack's stays as it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.aws.forwarding import parse_forwards
from controller.aws.survey import begins, survey
from controller.base.errors import Refused
from controller.base.keys import Key
from controller.engine.adopt import adopt, adoptions, held
from controller.modes.draft import draft
from controller.modes.importing import written
from controller.sandbox.simulated import Simulated
from controller.spec.load import load
from tests.resources.seed import PREFIX, seed
from tests.resources.stacks import KINDS, World, converge, stack_of


@pytest.fixture
def found(tmp_path: Path) -> World:
    """The stack of others, and the spec that import writes for it."""
    world = World(Simulated(), stack_of(Path(__file__).parents[2] / "specs" / "minimal.yaml"))
    seed(world.aws, lambda: world.sim.sleep(timedelta(seconds=15)))
    world.sim.sleep(timedelta(seconds=60))
    path = tmp_path / "imported.yaml"
    path.write_text(written(draft(survey(world.aws, PREFIX)), PREFIX))
    world.stack = load(str(path), ()).stack
    return world


@pytest.mark.parametrize(
    ("name", "prefix", "ours"),
    [
        ("shop", "shop", True),
        ("shop-web", "shop", True),
        ("shop/web", "shop", True),
        ("shop-web", "shop-", True),
        ("shop2-web", "shop", False),
        ("shopping", "shop", False),
        ("web", "shop", False),
    ],
)
def test_a_prefix_is_of_whole_words(name: str, prefix: str, *, ours: bool) -> None:
    """The neighbour's stack that was called shop2 is not a part of shop."""
    assert begins(name, prefix) == ours


def addresses_of(world: World) -> dict[str, str]:
    (vpc,) = world.aws.ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [f"{PREFIX}-vpc"]}])["Vpcs"]
    return {"vpc": vpc["VpcId"]}


def taken(world: World) -> list[str]:
    """Adopt what is there; the addresses."""
    addresses = []
    for one in adoptions(world.tick().plan):
        adopt(one, KINDS[one.key.kind], world.aws)
        addresses.append(str(one.key))
    return addresses


def differing(world: World) -> dict[str, list[str]]:
    """What a plan would change: fields by address; none where something is made."""
    return {str(step.key): sorted(c.field for c in step.changes) for step in world.tick().plan.pending}


def test_nothing_is_touched_before_it_is_adopted(found: World) -> None:
    seen = found.tick()

    assert [step for step in seen.plan.pending if step.action != "create"] == []
    assert any("or take it over with `adopt`" in problem for problem in seen.plan.problems)
    assert held(seen.plan) == ()


def test_what_was_adopted_is_listed_with_exactly_what_differs_and_then_nothing_does(found: World) -> None:
    addresses = taken(found)
    found.push()

    seen = found.tick()
    assert seen.plan.problems == ()
    assert set(found.stack.names) >= {("vpc/main", addresses_of(found)["vpc"]), ("cluster/main", f"{PREFIX}-cluster")}
    assert set(addresses) == {address for address, _ in found.stack.names} | {"listener/http"}
    assert differing(found) == {
        "auto_scaling_group/main": ["version"],  # a number instead of $Latest
        "launch_template/main": ["user_data"],
        "listener/http": ["default"],  # the rule takes its place
        "listener_rule/main": [],
        "role/execution-main": ["grants"],
        "security_group/hosts-main": ["rules"],  # dynamic ports, without which nothing reached its tasks
        "service/main": ["capacity", "managed_tags", "placement", "propagate_tags", "zone_rebalancing"],
    }
    converge(found, pause=timedelta(seconds=5))
    assert found.tick().plan.pending == ()
    assert taken(found) == []


def test_what_no_spec_can_say_is_noted_and_goes_with_apply(found: World) -> None:
    """Not by the way, at some later revision: the plan has it, and import says it first."""
    ecs, ec2 = found.aws.ecs, found.aws.ec2
    live: Any = ecs.describe_task_definition(taskDefinition=f"{PREFIX}-task")["taskDefinition"]
    (container,) = live["containerDefinitions"]
    more: Any = {"user": "1000", "ulimits": [{"name": "nofile", "softLimit": 9, "hardLimit": 9}]}
    more["environment"] = [*container.get("environment", []), {"name": "LOG/LEVEL", "value": "debug"}]
    same: Any = {name: live[name] for name in ("family", "networkMode", "cpu", "memory", "executionRoleArn")}
    made = ecs.register_task_definition(**same, containerDefinitions=[{**container, **more}], pidMode="host")
    arn = made["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster=f"{PREFIX}-cluster", service=f"{PREFIX}-svc", taskDefinition=arn)
    template: Any = {"LaunchTemplateName": f"{PREFIX}-lt-20260101"}
    ec2.create_launch_template_version(**template, SourceVersion="1", LaunchTemplateData={"EbsOptimized": True})
    found.restart()

    notes = draft(survey(found.aws, PREFIX)).notes
    taken(found)

    off = "environment LOG/LEVEL, pidMode=host, ulimits, user=1000"
    assert f"service main: apply takes {off} off its tasks: no spec can say it" in notes
    assert "pool main: apply takes EbsOptimized off its hosts: no spec can say it" in notes
    differences = differing(found)
    assert "others" in differences["task_definition/main"]
    assert "others" in differences["launch_template/main"]
    assert converge(found, pause=timedelta(seconds=5)).plan.pending == ()


def test_what_was_adopted_open_to_all_is_closed_when_the_spec_is_narrowed(found: World) -> None:
    """Not left as a rule of others."""
    taken(found)
    spec = found.stack
    assert spec.load_balancer is not None
    key = Key("security_group", "load-balancer")
    group = found.see("security_group")[key].outputs["id"]
    found.stack = replace(spec, load_balancer=replace(spec.load_balancer, allow=("10.0.0.0/8",)))
    found.push()

    assert differing(found)[str(key)] == ["rules"]
    last = converge(found, pause=timedelta(seconds=5))

    rules = found.aws.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    assert [one["CidrIpv4"] for one in rules["SecurityGroupRules"] if not one["IsEgress"]] == ["10.0.0.0/8"]
    assert (last.plan.pending, [note for note in last.plan.notes if str(key) in note]) == ((), [])


def test_a_prefix_names_one_cluster(found: World) -> None:
    with pytest.raises(Refused, match="no cluster begins with shop"):
        survey(found.aws, "shop")
    found.aws.ecs.create_cluster(clusterName=f"{PREFIX}-other")
    with pytest.raises(Refused, match="give the prefix of exactly one"):
        survey(found.aws, PREFIX)


def test_what_another_stack_owns_is_not_adopted(found: World) -> None:
    found.aws.iam.tag_role(RoleName=f"{PREFIX}-task-exec", Tags=[{"Key": "theseus:stack", "Value": "other"}])
    plan = found.tick().plan

    assert held(plan) == ("role/execution-main: belongs to stack other",)
    assert Key("role", "execution-main") not in {one.key for one in adoptions(plan)}


def rules_of(world: World) -> dict[str, list[str]]:
    """What the listener does, by priority: the names of groups it forwards to."""
    elb = world.aws.elbv2
    (balancer,) = elb.describe_load_balancers(Names=[f"{PREFIX}-alb"])["LoadBalancers"]
    (listener,) = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    rules = elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    return {
        rule["Priority"]: sorted(str(one.group).split("/")[-2] for one in parse_forwards(list(rule["Actions"])))
        for rule in rules
    }


def add_rule(world: World, priority: int, path: str, group: str) -> None:
    elb = world.aws.elbv2
    (balancer,) = elb.describe_load_balancers(Names=[f"{PREFIX}-alb"])["LoadBalancers"]
    (listener,) = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    condition: Any = {"Field": "path-pattern", "PathPatternConfig": {"Values": [path]}}
    elb.create_rule(
        ListenerArn=listener["ListenerArn"],
        Priority=priority,
        Conditions=[condition],
        Actions=[{"Type": "forward", "TargetGroupArn": group}],
    )


def billing(world: World) -> str:
    """A target group of another team behind the same load balancer."""
    (vpc,) = world.aws.ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [f"{PREFIX}-vpc"]}])["Vpcs"]
    made = world.aws.elbv2.create_target_group(Name="billing", Protocol="HTTP", Port=80, VpcId=vpc["VpcId"])
    return str(made["TargetGroups"][0]["TargetGroupArn"])


def reimport(world: World, folder: Path) -> list[str]:
    """The spec written anew; its notes."""
    one = draft(survey(world.aws, PREFIX))
    path = folder / "again.yaml"
    path.write_text(written(one, PREFIX))
    world.stack = load(str(path), ()).stack
    return one.notes


def test_a_listener_forwards_by_default_until_the_rule_is_there_whatever_other_rules_there_are(
    found: World, tmp_path: Path
) -> None:
    add_rule(found, 7, "/billing/*", billing(found))
    reimport(found, tmp_path)
    taken(found)
    found.push()

    found.tick(act=True)
    between = rules_of(found)
    converge(found, pause=timedelta(seconds=5))

    assert between["default"] == [f"{PREFIX}-tg-blue"]
    assert between["50000"] == [f"{PREFIX}-tg-blue", f"{PREFIX}-tg-green"]
    assert rules_of(found) == {"7": ["billing"], "50000": between["50000"], "default": []}
    refused = found.tick("destroy").plan
    assert any("has rules of others (priority 7)" in problem for problem in refused.problems)


def test_a_default_action_that_serves_others_is_left_alone(found: World, tmp_path: Path) -> None:
    elb, theirs = found.aws.elbv2, billing(found)
    (blue,) = elb.describe_target_groups(Names=[f"{PREFIX}-tg-blue"])["TargetGroups"]
    add_rule(found, 7, "/shop/*", blue["TargetGroupArn"])
    (balancer,) = elb.describe_load_balancers(Names=[f"{PREFIX}-alb"])["LoadBalancers"]
    (listener,) = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    elb.modify_listener(
        ListenerArn=listener["ListenerArn"], DefaultActions=[{"Type": "forward", "TargetGroupArn": theirs}]
    )
    notes = reimport(found, tmp_path)
    taken(found)
    found.push()

    converge(found, pause=timedelta(seconds=5))

    assert "port 80 forwards to billing by default: left alone" in notes
    assert rules_of(found)["default"] == ["billing"]
    assert any("what no rule matches goes to billing: left alone" in note for note in found.tick().plan.notes)


def test_a_network_that_others_live_in_is_used_and_never_changed(found: World, tmp_path: Path) -> None:
    vpc = addresses_of(found)["vpc"]
    found.aws.ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.9.0/24", AvailabilityZone="us-east-1c")

    notes = reimport(found, tmp_path)

    assert found.stack.network.vpc == vpc
    assert any(note.startswith(f"others live in {vpc}, too") for note in notes)
    assert not any(address.startswith(("vpc/", "subnet/", "route_table/")) for address in taken(found))


def test_what_comes_out_alike_keeps_its_whole_name_and_what_is_shared_is_named_once(
    found: World, tmp_path: Path
) -> None:
    ecs = found.aws.ecs
    ecs.create_service(
        cluster=f"{PREFIX}-cluster",
        serviceName=f"{PREFIX}-service",
        taskDefinition=f"{PREFIX}-task",
        desiredCount=0,
        launchType="EC2",
    )

    notes = reimport(found, tmp_path)

    assert {one.name for one in found.stack.services} == {f"{PREFIX}-svc", f"{PREFIX}-service"}
    assert any(note.startswith(f"{PREFIX}-task-exec is role/") for note in notes)


def test_a_cluster_with_nothing_in_it_says_what_is_missing(found: World) -> None:
    found.aws.ecs.create_cluster(clusterName="bare")

    with pytest.raises(Refused, match="bare has no services and no hosts"):
        draft(survey(found.aws, "bare"))
