"""Elastic Load Balancing without kindness: names, zones, ports, priorities, weights, and what is in use."""

from __future__ import annotations

from typing import Any

import pytest

from .stack import Stack, refused


def create(stack: Stack, name: str = "web", **more: Any) -> dict[str, Any]:
    params = {"Name": name, "Subnets": stack.subnets, "SecurityGroups": [stack.security_group], **more}
    made: dict[str, Any] = stack.aws.elbv2.create_load_balancer(**params)["LoadBalancers"][0]
    return made


def forward(arn: str) -> list[dict[str, Any]]:
    return [{"Type": "forward", "TargetGroupArn": arn}]


def rule(stack: Stack, priority: int, path: str = "/a") -> dict[str, Any]:
    conditions = [{"Field": "path-pattern", "Values": [path]}]
    return {
        "ListenerArn": stack.listener,
        "Priority": priority,
        "Conditions": conditions,
        "Actions": forward(stack.target_group),
    }


def test_a_load_balancer_is_provisioned_before_it_is_active(stack: Stack) -> None:
    """However often somebody looks (aws.md 2.6)."""
    stack.balancer = create(stack)["LoadBalancerArn"]
    states = []
    for _ in range(16):
        states.append(stack.balancer_state())
        stack.sleep(0.5)

    assert (states[0], states[10], states[-1]) == ("provisioning", "provisioning", "active")


def test_the_same_settings_give_the_same_load_balancer_and_others_are_refused(stack: Stack) -> None:
    """Idempotent; DuplicateLoadBalancerName, no suffix (aws.md 5.2)."""
    first = create(stack)

    assert create(stack)["LoadBalancerArn"] == first["LoadBalancerArn"]
    refused("DuplicateLoadBalancerName", create, stack=stack, Scheme="internal")
    assert len(stack.aws.elbv2.describe_load_balancers()["LoadBalancers"]) == 1


@pytest.mark.parametrize(
    ("code", "change"),
    [
        pytest.param("ValidationError", {"Name": "x" * 33}, id="33 letters"),
        pytest.param("ValidationError", {"Name": "-web"}, id="a hyphen first"),
        pytest.param("ValidationError", {"Name": "internal-web"}, id="internal-"),
        pytest.param("InvalidSecurityGroup", {"SecurityGroups": ["sg-0123456789abcdef0"]}, id="unknown group"),
        pytest.param("ValidationError", {"Subnets": 1}, id="one zone"),
    ],
)
def test_a_load_balancer_that_cannot_be_is_refused(stack: Stack, code: str, change: dict[str, Any]) -> None:
    """At least two zones, a name of at most 32 (aws.md 2.6)."""
    if "Subnets" in change:
        change = {"Subnets": stack.subnets[: change["Subnets"]]}
    params = {"Name": "web", "Subnets": stack.subnets, "SecurityGroups": [stack.security_group], **change}

    refused(code, stack.aws.elbv2.create_load_balancer, **params)


def test_one_subnet_per_zone(stack: Stack) -> None:
    """aws.md 2.6."""
    second = stack.aws.ec2.create_subnet(VpcId=stack.vpc, CidrBlock="10.0.9.0/24", AvailabilityZone="us-east-1a")
    subnets = [*stack.subnets, second["Subnet"]["SubnetId"]]

    refused("InvalidConfigurationRequest", create, stack=stack, Subnets=subnets)


def test_an_unknown_load_balancer_fails_the_whole_call_and_its_deletion_succeeds(stack: Stack) -> None:
    """LoadBalancerNotFound, also beside known ones; delete is idempotent (aws.md 2.6, 5.3)."""
    arn = create(stack)["LoadBalancerArn"]
    elb = stack.aws.elbv2

    refused(
        "LoadBalancerNotFound",
        elb.describe_load_balancers,
        LoadBalancerArns=[arn, arn[:-1] + ("1" if arn.endswith("0") else "0")],
    )
    refused("LoadBalancerNotFound", elb.describe_load_balancers, Names=["none"])
    elb.delete_load_balancer(LoadBalancerArn=arn)
    elb.delete_load_balancer(LoadBalancerArn=arn)
    refused("LoadBalancerNotFound", elb.describe_load_balancers, LoadBalancerArns=[arn])


def test_deletion_protection_protects(stack: Stack) -> None:
    """OperationNotPermitted (aws.md 2.6)."""
    arn = create(stack)["LoadBalancerArn"]
    elb = stack.aws.elbv2

    def protect(value: str) -> None:
        attributes = [{"Key": "deletion_protection.enabled", "Value": value}]
        elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes)

    protect("true")
    refused("OperationNotPermitted", elb.delete_load_balancer, LoadBalancerArn=arn)
    protect("false")
    elb.delete_load_balancer(LoadBalancerArn=arn)


def test_attributes_read_back_whole_with_their_defaults(stack: Stack) -> None:
    """As strings, all of them (aws.md 2.6, 9.4)."""
    stack.front()
    elb = stack.aws.elbv2

    found = elb.describe_load_balancer_attributes(LoadBalancerArn=stack.balancer)["Attributes"]
    balancer = {one["Key"]: one["Value"] for one in found}
    found = elb.describe_target_group_attributes(TargetGroupArn=stack.target_group)["Attributes"]
    group = {one["Key"]: one["Value"] for one in found}

    assert (balancer["idle_timeout.timeout_seconds"], balancer["client_keep_alive.seconds"]) == ("60", "3600")
    assert (balancer["deletion_protection.enabled"], balancer["routing.http2.enabled"]) == ("false", "true")
    assert (group["deregistration_delay.timeout_seconds"], group["slow_start.duration_seconds"]) == ("5", "0")
    assert group["load_balancing.algorithm.type"] == "round_robin"
    assert group["target_group_health.unhealthy_state_routing.minimum_healthy_targets.count"] == "1"


@pytest.mark.parametrize(("seconds", "allowed"), [("0", True), ("3600", True), ("3601", False)])
def test_the_deregistration_delay_goes_from_0_to_an_hour(stack: Stack, seconds: str, allowed: bool) -> None:
    """aws.md 2.2."""
    stack.front()
    attribute = {"Key": "deregistration_delay.timeout_seconds", "Value": seconds}
    params = {"TargetGroupArn": stack.target_group, "Attributes": [attribute]}

    if allowed:
        stack.aws.elbv2.modify_target_group_attributes(**params)
    else:
        refused("ValidationError", stack.aws.elbv2.modify_target_group_attributes, **params)


def test_an_attribute_nobody_knows_is_refused(stack: Stack) -> None:
    """moto keeps anything (reference/moto.md 3)."""
    stack.front()

    refused(
        "ValidationError",
        stack.aws.elbv2.modify_target_group_attributes,
        TargetGroupArn=stack.target_group,
        Attributes=[{"Key": "deregistration_delay.seconds", "Value": "5"}],
    )


def test_the_same_settings_give_the_same_target_group_and_others_are_refused(stack: Stack) -> None:
    """DuplicateTargetGroupName (aws.md 5.2)."""
    params = {"Name": "blue", "Protocol": "HTTP", "Port": 8080, "VpcId": stack.vpc}
    elb = stack.aws.elbv2
    first = elb.create_target_group(**params)["TargetGroups"][0]

    assert elb.create_target_group(**params)["TargetGroups"][0]["TargetGroupArn"] == first["TargetGroupArn"]
    refused("DuplicateTargetGroupName", elb.create_target_group, **{**params, "Port": 8081})


def test_a_target_group_in_use_stays_and_an_absent_one_is_deleted_with_success(stack: Stack) -> None:
    """ResourceInUse while a listener or rule names it (aws.md 5.4)."""
    stack.front()
    elb = stack.aws.elbv2
    green = stack.make_target_group("green")
    made = elb.create_rule(**{**rule(stack, 1), "Actions": forward(green)})["Rules"][0]["RuleArn"]

    refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=stack.target_group)
    refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=green)
    elb.delete_rule(RuleArn=made)
    elb.delete_target_group(TargetGroupArn=green)
    elb.delete_target_group(TargetGroupArn=green)
    elb.delete_load_balancer(LoadBalancerArn=stack.balancer)
    elb.delete_target_group(TargetGroupArn=stack.target_group)
    assert elb.describe_target_groups()["TargetGroups"] == []


def test_a_target_group_shows_the_load_balancers_that_use_it(stack: Stack) -> None:
    """Empty until a rule does, and again when it no longer does (aws.md 2.4)."""
    stack.front()
    green = stack.make_target_group("green")

    def used(arn: str) -> list[str]:
        found = stack.aws.elbv2.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
        balancers: list[str] = found[0]["LoadBalancerArns"]
        return balancers

    assert (used(stack.target_group), used(green)) == ([stack.balancer], [])
    stack.aws.elbv2.modify_listener(ListenerArn=stack.listener, DefaultActions=forward(green))
    assert (used(stack.target_group), used(green)) == ([], [stack.balancer])


def test_a_target_group_belongs_to_one_load_balancer(stack: Stack) -> None:
    """aws.md 2.4; with any weight, as an action of a listener or of a rule."""
    stack.front()
    elb = stack.aws.elbv2
    other = elb.create_load_balancer(Name="other", Subnets=stack.subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    answer: Any = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    forward: Any = {"Type": "forward", "TargetGroupArn": stack.target_group}
    listener = elb.create_listener(LoadBalancerArn=other, Port=80, Protocol="HTTP", DefaultActions=[answer])
    listener = listener["Listeners"][0]["ListenerArn"]
    path: Any = [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a"]}}]
    code = "TargetGroupAssociationLimit"

    refused(code, elb.create_rule, ListenerArn=listener, Priority=1, Conditions=path, Actions=[forward])
    refused(code, elb.modify_listener, ListenerArn=listener, DefaultActions=[forward])
    elb.modify_listener(ListenerArn=stack.listener, DefaultActions=[answer])

    elb.create_rule(ListenerArn=listener, Priority=1, Conditions=path, Actions=[forward])


def test_a_port_has_one_listener(stack: Stack) -> None:
    """DuplicateListener, made or moved there (aws.md 5.2); moved, it keeps what was not named (2.4)."""
    stack.front()
    elb = stack.aws.elbv2
    answer = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
    params = {"LoadBalancerArn": stack.balancer, "Protocol": "HTTP", "DefaultActions": answer}
    elb.create_listener(**params, Port=81)

    refused("DuplicateListener", elb.create_listener, **params, Port=80)
    refused("DuplicateListener", elb.modify_listener, ListenerArn=stack.listener, Port=81)
    moved = elb.modify_listener(ListenerArn=stack.listener, Port=82)["Listeners"][0]
    assert (moved["Port"], moved["Protocol"]) == (82, "HTTP")
    assert moved["DefaultActions"][0]["Type"] == "forward"


def test_a_priority_has_one_rule(stack: Stack) -> None:
    """PriorityInUse; the default rule cannot be deleted (aws.md 2.4)."""
    stack.front()
    elb = stack.aws.elbv2
    made = elb.create_rule(**rule(stack, 7))["Rules"][0]

    refused("PriorityInUse", elb.create_rule, **rule(stack, 7, "/b"))
    rules = elb.describe_rules(ListenerArn=stack.listener)["Rules"]
    assert sorted((one["Priority"], one["IsDefault"]) for one in rules) == [("7", False), ("default", True)]
    assert made["Conditions"] == [{"Field": "path-pattern", "Values": ["/a"], "PathPatternConfig": {"Values": ["/a"]}}]
    default = next(one["RuleArn"] for one in rules if one["IsDefault"])
    refused("OperationNotPermitted", elb.delete_rule, RuleArn=default)


def test_priorities_are_exchanged_in_one_call(stack: Stack) -> None:
    """It is atomic: a place that another rule of the call leaves is free, any other is not (aws.md 2.4)."""
    stack.front()
    elb = stack.aws.elbv2
    arns = [
        elb.create_rule(**rule(stack, place, path))["Rules"][0]["RuleArn"] for place, path in ((7, "/a"), (8, "/b"))
    ]
    elb.create_rule(**rule(stack, 9, "/c"))

    def places() -> list[str]:
        rules = {one["RuleArn"]: one["Priority"] for one in elb.describe_rules(ListenerArn=stack.listener)["Rules"]}
        return [rules[arn] for arn in arns]

    elb.set_rule_priorities(
        RulePriorities=[{"RuleArn": arn, "Priority": n} for arn, n in zip(arns, (8, 7), strict=True)]
    )
    assert places() == ["8", "7"]
    taken = [{"RuleArn": arns[0], "Priority": 7}, {"RuleArn": arns[1], "Priority": 9}]
    refused("PriorityInUse", elb.set_rule_priorities, RulePriorities=taken)
    assert places() == ["8", "7"]


@pytest.mark.parametrize(("weight", "code"), [(1000, "ValidationError"), (-1, "ValidationError"), (1, "")])
def test_weights_go_from_0_to_999(stack: Stack, weight: int, code: str) -> None:
    """aws.md 2.4; both spellings read back (aws.md 9.4)."""
    stack.front()
    config = {"TargetGroups": [{"TargetGroupArn": stack.target_group, "Weight": weight}]}
    params = {"ListenerArn": stack.listener, "DefaultActions": [{"Type": "forward", "ForwardConfig": config}]}

    if code:
        refused(code, stack.aws.elbv2.modify_listener, **params)
    else:
        action = stack.aws.elbv2.modify_listener(**params)["Listeners"][0]["DefaultActions"][0]
        assert action["ForwardConfig"]["TargetGroups"] == config["TargetGroups"]


def test_an_action_names_groups_that_are_there(stack: Stack) -> None:
    """TargetGroupNotFound (aws.md 5.2)."""
    stack.front()
    missing = stack.target_group[:-1] + ("1" if stack.target_group.endswith("0") else "0")

    refused(
        "TargetGroupNotFound",
        stack.aws.elbv2.modify_listener,
        ListenerArn=stack.listener,
        DefaultActions=forward(missing),
    )
    refused("TargetGroupNotFound", stack.aws.elbv2.create_rule, **{**rule(stack, 1), "Actions": forward(missing)})


def test_https_needs_a_certificate_and_http_shows_no_policy(stack: Stack) -> None:
    """moto takes it without, and shows a policy everywhere (reference/moto.md 3)."""
    stack.front()

    refused(
        "ValidationError",
        stack.aws.elbv2.create_listener,
        LoadBalancerArn=stack.balancer,
        Protocol="HTTPS",
        Port=443,
        DefaultActions=forward(stack.target_group),
    )
    shown = stack.aws.elbv2.describe_listeners(ListenerArns=[stack.listener])["Listeners"][0]
    assert "SslPolicy" not in shown


def test_tags_of_at_most_twenty_are_described_at_once(stack: Stack) -> None:
    """aws.md 6.3."""
    arn = create(stack, Tags=[{"Key": "owner", "Value": "me"}])["LoadBalancerArn"]
    elb = stack.aws.elbv2

    refused("ValidationError", elb.describe_tags, ResourceArns=[f"{arn}{n}" for n in range(21)])
    assert elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"] == [{"Key": "owner", "Value": "me"}]
