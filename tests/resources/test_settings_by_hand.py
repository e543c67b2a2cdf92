"""What somebody set by hand in what is ours, and no spec can say: a plan shows it, and apply takes it off."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from controller.base.keys import OWNER_TAG, SUSPENDED_TAG, Key
from controller.resources import vpc_endpoint
from controller.resources.cluster_capacity_providers import parse_attachments
from controller.resources.role import INLINE
from tests.resources.samples import ALL_ALLOWED
from tests.resources.stacks import RICH, World, built, converge


@pytest.fixture(scope="module")
def world() -> World:
    return built(RICH)


def exact(world: World) -> None:
    place: Any = {"AutoScalingGroupName": "rich-main"}
    (live,) = world.aws.autoscaling.describe_policies(**place, PolicyNames=["rich-main-burst"])["ScalingPolicies"]
    kept: Any = {
        name: live[name] for name in ("PolicyName", "PolicyType", "StepAdjustments", "EstimatedInstanceWarmup")
    }
    more: Any = {"AdjustmentType": "ExactCapacity", "MetricAggregationType": "Maximum"}
    world.aws.autoscaling.put_scaling_policy(**place, **kept, **more)


def priced(world: World) -> None:
    call = world.aws.autoscaling.describe_auto_scaling_groups
    policy: Any = call(AutoScalingGroupNames=["rich-edge"])["AutoScalingGroups"][0]["MixedInstancesPolicy"]
    policy["LaunchTemplate"]["LaunchTemplateSpecification"].pop("LaunchTemplateName")
    policy["InstancesDistribution"]["SpotMaxPrice"] = "0.001"
    world.aws.autoscaling.update_auto_scaling_group(AutoScalingGroupName="rich-edge", MixedInstancesPolicy=policy)


def ending(world: World) -> None:
    world.aws.autoscaling.put_scheduled_update_group_action(
        AutoScalingGroupName="rich-spare",
        ScheduledActionName="rich-spare-morning",
        EndTime=world.sim.now() + timedelta(hours=9),
    )


def allowed(world: World) -> None:
    world.aws.iam.put_role_policy(RoleName="rich-task-float", PolicyName="theirs", PolicyDocument=ALL_ALLOWED)


def agent_allowed(world: World) -> None:
    world.aws.iam.put_role_policy(RoleName="rich-execution-web", PolicyName="alien", PolicyDocument=ALL_ALLOWED)


def allowed_as_ours(world: World) -> None:
    world.aws.iam.put_role_policy(RoleName="rich-hosts-main", PolicyName=INLINE, PolicyDocument=ALL_ALLOWED)


def grouped(**settings: Any) -> Callable[[World], None]:
    def by_hand(world: World) -> None:
        world.aws.autoscaling.update_auto_scaling_group(AutoScalingGroupName="rich-main", **settings)

    return by_hand


def kept_from_hosts(world: World) -> None:
    tag: Any = {"ResourceId": "rich-main", "ResourceType": "auto-scaling-group", "Key": OWNER_TAG, "Value": "rich"}
    world.aws.autoscaling.create_or_update_tags(Tags=[{**tag, "PropagateAtLaunch": False}])


def balanced(name: str, value: str) -> Callable[[World], None]:
    def by_hand(world: World) -> None:
        arn, attributes = world.see("load_balancer")[FRONT].outputs["arn"], [{"Key": name, "Value": value}]
        call: Any = world.aws.elbv2.modify_load_balancer_attributes
        call(LoadBalancerArn=arn, Attributes=attributes)

    return by_hand


def targeted(name: str, value: str) -> Callable[[World], None]:
    def by_hand(world: World) -> None:
        arn, attributes = world.see("target_group")[BLUE].outputs["arn"], [{"Key": name, "Value": value}]
        call: Any = world.aws.elbv2.modify_target_group_attributes
        call(TargetGroupArn=arn, Attributes=attributes)

    return by_hand


def narrowed(world: World) -> None:
    ident = world.see("vpc_endpoint")[Key("vpc_endpoint", "logs")].outputs["endpoint"]
    world.aws.ec2.modify_vpc_endpoint(VpcEndpointId=ident, PolicyDocument=ALL_ALLOWED.replace("Allow", "Deny"))


GROUP, FRONT, BLUE = "auto_scaling_group/main", Key("load_balancer", "main"), Key("target_group", "web-blue")
OF_BALANCERS = {
    "client_keep_alive.seconds": "60",
    "routing.http.desync_mitigation_mode": "strictest",
    "routing.http.preserve_host_header.enabled": "true",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "true",
    "routing.http.xff_client_port.enabled": "true",
    "routing.http.xff_header_processing.mode": "remove",
    "routing.http2.enabled": "false",
    "waf.fail_open.enabled": "true",
    "zonal_shift.config.enabled": "true",
}
MINIMUM = "minimum_healthy_targets"
OF_TARGETS = {
    "load_balancing.algorithm.anomaly_mitigation": "on",
    "load_balancing.cross_zone.enabled": "false",
    f"target_group_health.dns_failover.{MINIMUM}.count": "2",
    f"target_group_health.dns_failover.{MINIMUM}.percentage": "50",
    f"target_group_health.unhealthy_state_routing.{MINIMUM}.count": "2",
    f"target_group_health.unhealthy_state_routing.{MINIMUM}.percentage": "50",
}


@pytest.mark.parametrize(
    ("by_hand", "key", "field", "word"),
    [
        pytest.param(exact, "scaling_policy/main-burst", "others", "AdjustmentType=ExactCapacity", id="exact steps"),
        pytest.param(priced, "auto_scaling_group/edge", "mix", "SpotMaxPrice=0.001", id="a price of spot"),
        pytest.param(ending, "scheduled_action/spare-morning", "ends", "", id="a schedule that ends"),
        pytest.param(allowed, "role/task-float", "inline", "theirs", id="what a task's role allows beside"),
        pytest.param(agent_allowed, "role/execution-web", "inline", "alien", id="what an agent's role allows beside"),
        pytest.param(allowed_as_ours, "role/hosts-main", "grants", "*", id="our policy of a role that has none"),
        pytest.param(
            grouped(HealthCheckType="ELB", HealthCheckGracePeriod=1), GROUP, "others", "HealthCheckType=ELB",
            id="hosts judged by the load balancer",
        ),
        pytest.param(grouped(MaxInstanceLifetime=86400), GROUP, "others", "MaxInstanceLifetime=86400", id="a lifetime"),
        pytest.param(grouped(CapacityRebalance=True), GROUP, "others", "CapacityRebalance=True", id="rebalancing"),
        pytest.param(
            grouped(TerminationPolicies=["NewestInstance", "Default"]), GROUP, "others",
            "TerminationPolicies=NewestInstance,Default", id="another order of scaling in",
        ),
        pytest.param(grouped(DefaultCooldown=5), GROUP, "others", "DefaultCooldown=5", id="a cooldown"),
        pytest.param(grouped(DefaultInstanceWarmup=600), GROUP, "others", "DefaultInstanceWarmup=600", id="a warmup"),
        pytest.param(
            grouped(AvailabilityZoneDistribution={"CapacityDistributionStrategy": "balanced-only"}), GROUP, "others",
            "balanced-only", id="zones at any price",
        ),
        pytest.param(narrowed, "vpc_endpoint/logs", "others", '"Effect": "Deny"', id="who may go through an endpoint"),
        pytest.param(kept_from_hosts, GROUP, "others", OWNER_TAG, id="a tag that hosts do not get"),
        *(
            pytest.param(balanced(name, value), str(FRONT), "others", f"{name}={value}", id=name)
            for name, value in OF_BALANCERS.items()
        ),
        *(
            pytest.param(targeted(name, value), str(BLUE), "others", f"{name}={value}", id=name)
            for name, value in OF_TARGETS.items()
        ),
    ],
)  # fmt: skip
def test_it_is_planned_with_what_it_was_and_gone_after_apply(
    world: World, by_hand: Callable[[World], None], key: str, field: str, word: str
) -> None:
    by_hand(world)

    (step,) = world.tick().plan.pending
    (change,) = step.changes
    assert (str(step.key), step.action, change.field) == (key, "update", field)
    assert word in str(change.before)
    assert converge(world).plan.pending == ()


def test_keys_that_others_set_of_a_cluster_outlive_its_changes(world: World) -> None:
    """ECS forgets what of its configuration is not sent."""
    ecs: Any = world.aws.ecs
    key = "arn:aws:kms:us-east-1:123456789012:key/0a1b"
    theirs = {"managedStorageConfiguration": {"kmsKeyId": key}}
    bucket = {"logConfiguration": {"s3BucketName": "sessions"}}
    spec = world.stack.cluster

    def configured() -> Any:
        return ecs.describe_clusters(clusters=["rich"], include=["CONFIGURATIONS"])["clusters"][0]["configuration"]

    shell = configured()["executeCommandConfiguration"]
    ecs.update_cluster(
        cluster="rich", configuration={"executeCommandConfiguration": {**shell, "kmsKeyId": key}, **theirs}
    )
    world.stack = replace(world.stack, cluster=replace(spec, container_insights=not spec.container_insights))
    assert converge(world).plan.pending == ()
    assert configured() == {"executeCommandConfiguration": {**shell, "kmsKeyId": key}, **theirs}

    other: Any = {"logging": "OVERRIDE", "kmsKeyId": key, **bucket}
    ecs.update_cluster(cluster="rich", configuration={"executeCommandConfiguration": other, **theirs})
    assert converge(world).plan.pending == ()
    assert configured() == {"executeCommandConfiguration": {**shell, "kmsKeyId": key}, **theirs}


def test_what_others_allow_the_hosts_beside_is_noted_and_kept(world: World) -> None:
    """Agents of others run on hosts; what an application may do is the spec's alone."""
    world.aws.iam.put_role_policy(RoleName="rich-hosts-main", PolicyName="agent", PolicyDocument=ALL_ALLOWED)

    seen = converge(world)

    assert "role/hosts-main: inline policy of others kept: agent" in seen.plan.notes
    assert world.aws.iam.list_role_policies(RoleName="rich-hosts-main")["PolicyNames"] == ["agent"]


def test_processes_that_others_suspended_are_told_and_stay_so_and_ours_are_not_told(world: World) -> None:
    scaling: Any = world.aws.autoscaling
    place: Any = {"AutoScalingGroupName": "rich-main", "ScalingProcesses": ["Launch", "AZRebalance"]}
    tag: Any = {"ResourceId": "rich-main", "ResourceType": "auto-scaling-group", "Key": SUSPENDED_TAG}
    before = world.tick().plan.notes
    scaling.create_or_update_tags(Tags=[{**tag, "Value": "AZRebalance", "PropagateAtLaunch": False}])
    scaling.suspend_processes(**place)

    plan = world.tick().plan

    told = "auto_scaling_group/main: suspended by others: Launch; left so until they resume it"
    assert {*plan.notes} - {*before} == {told}
    assert plan.pending == ()
    scaling.resume_processes(**place)
    scaling.delete_tags(Tags=[{**tag, "Value": "AZRebalance"}])


def test_a_default_strategy_that_others_set_is_told_and_kept(world: World) -> None:
    """No service of ours goes by it."""
    before, ecs = world.tick().plan.notes, world.aws.ecs
    (live,) = ecs.describe_clusters(clusters=["rich"])["clusters"]
    put: Any = partial(ecs.put_cluster_capacity_providers, cluster="rich", capacityProviders=live["capacityProviders"])
    theirs: Any = [{"capacityProvider": live["capacityProviders"][0], "weight": 2, "base": 3}]
    put(defaultCapacityProviderStrategy=theirs)

    plan = converge(world).plan

    told = f"{live['capacityProviders'][0]} (weight 2, base 3)"
    assert {*plan.notes} - {*before} == {
        f"cluster_capacity_providers/main: default capacity provider strategy of others kept: {told}"
    }
    assert plan.pending == ()
    assert ecs.describe_clusters(clusters=["rich"])["clusters"][0]["defaultCapacityProviderStrategy"] == theirs
    put(defaultCapacityProviderStrategy=live["defaultCapacityProviderStrategy"])


def test_a_default_strategy_that_names_a_pool_of_before_is_ours() -> None:
    strategy = [{"capacityProvider": "shop-old", "weight": 1, "base": 0}]
    item = {"clusterName": "shop", "capacityProviders": ["shop-new"], "defaultCapacityProviderStrategy": strategy}

    assert parse_attachments(item, ["shop-new"], ["shop-old"]).notes == ()
    assert parse_attachments(item, ["shop-new"]).notes != ()


EVERYTHING = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}


@pytest.mark.parametrize(
    ("statements", "shown"),
    [
        pytest.param(None, False, id="a service without policies"),
        pytest.param([EVERYTHING], False, id="AWS's own"),
        pytest.param(EVERYTHING, False, id="no list"),
        pytest.param([{**EVERYTHING, "Sid": "x", "Principal": {"AWS": ["*"]}, "Action": ["*"]}], False, id="in words"),
        pytest.param([{**EVERYTHING, "Condition": {"StringEquals": {"aws:PrincipalAccount": "1"}}}], True, id="if"),
        pytest.param([EVERYTHING, {**EVERYTHING, "Effect": "Deny", "Action": "s3:Put*"}], True, id="but for"),
        pytest.param([], True, id="nothing"),
    ],
)
def test_only_a_policy_that_keeps_something_out_is_of_others(statements: Any, *, shown: bool) -> None:
    item = {"VpcEndpointId": "e", "ServiceName": "s", "VpcId": "v", "State": "available"}
    policy = {"PolicyDocument": json.dumps({"Statement": statements})} if statements is not None else {}

    assert bool(vpc_endpoint.parse_endpoint({**item, **policy}, {}).as_desired.others) == shown
