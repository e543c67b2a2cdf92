"""What AWS fills in, leaves out or shuffles is not a difference (aws.md section 9); what others changed is one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.aws.containers import Volume
from controller.resources import (
    auto_scaling_group,
    capacity_provider,
    cluster,
    listener,
    listener_rule,
    load_balancer,
    repository,
    role,
    route_table,
    security_group,
    service,
    service_scaling_policy,
    target_group,
    task_definition,
)
from controller.resources.listener_rule import Balancing, Stickiness
from controller.resources.repository import Lifecycle
from controller.resources.service_shape import Share

ALB = "arn:aws:elasticloadbalancing:us-east-1:1:"


def definition(**container: Any) -> Any:
    return task_definition.parse_definition(
        {"family": "f", "taskDefinitionArn": "a", "networkMode": "bridge", "containerDefinitions": [container]}, "s"
    )


def ecs_service(**more: Any) -> Any:
    return service.parse_service(
        {"clusterArn": "x/c", "serviceName": "s", "serviceArn": "a", "status": "ACTIVE", "taskDefinition": "t",
         "desiredCount": 1, **more}
    )  # fmt: skip


def several(*containers: Any, **more: Any) -> Any:
    """A revision for Fargate."""
    item = {"family": "f", "taskDefinitionArn": "a", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}
    return task_definition.parse_definition(
        {**item, "cpu": "256", "memory": "512", "containerDefinitions": [*containers], **more}, "s"
    )


def in_subnets(*subnets: str, **more: Any) -> Any:
    return {"awsvpcConfiguration": {"subnets": [*subnets], **more}}


APP = {"name": "app", "image": "i"}
SERVERLESS: Any = {"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]}


def rule(*conditions: Any, actions: Any = ()) -> Any:
    return listener_rule.parse_rule(
        {"ListenerArn": "l", "RuleArn": "r", "Priority": "7", "Conditions": [*conditions], "Actions": [*actions]}, {}
    )


def https(*certificates: tuple[str, bool], **more: Any) -> Any:
    item = {"ListenerArn": "l", "LoadBalancerArn": "b", "Port": 443, "Protocol": "HTTPS", **more}
    return listener.parse_listener(
        item, [{"CertificateArn": arn, "IsDefault": default} for arn, default in certificates], {}
    )


def redirect(**more: Any) -> Any:
    config = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301", **more}
    return https(DefaultActions=[{"Type": "redirect", "Order": 1, "RedirectConfig": config}])


def balancer(**attributes: str) -> Any:
    names = {"on": "access_logs.s3.enabled", "bucket": "access_logs.s3.bucket", "drop": load_balancer.DROP_INVALID}
    item = {"LoadBalancerArn": "b", "LoadBalancerName": "n", "DNSName": "d", "Scheme": "internal"}
    return load_balancer.parse_balancer(item, {names[key]: value for key, value in attributes.items()}, {})


def group(**more: Any) -> Any:
    return auto_scaling_group.parse_group(
        {
            "AutoScalingGroupName": "g",
            "AutoScalingGroupARN": "a",
            "MinSize": 1,
            "MaxSize": 2,
            "DesiredCapacity": 1,
            **more,
        }
    )


def table(*routes: Any, associations: Any = ()) -> Any:
    item = {"RouteTableId": "t", "VpcId": "v", "Routes": [*routes], "Associations": [*associations]}
    return route_table.parse_table(item, {}, {"s1": 0, "s2": 1})


PATHS = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a", "/b"]}, "Values": ["/b", "/a"]}
HOSTS = {"Field": "host-header", "HostHeaderConfig": {"Values": ["h"]}}
ONE = [{"TargetGroupArn": "t1", "Weight": 1}]
TWO = [{"TargetGroupArn": "t1", "Weight": 100}, {"TargetGroupArn": "t2", "Weight": 0}]
ALLOW = {"Effect": "Allow", "Action": "a:B", "Resource": "*"}
DENY = {**ALLOW, "Effect": "Deny"}
PORT = {"IsEgress": False, "IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIpv4": "10.1.2.3/8"}
BARE = {"TargetGroupArn": "a", "TargetGroupName": "n"}
DEFAULT = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}
KEEP = '{"rules": [{"rulePriority": 1, "selection": {"tagStatus": "%s", "countType": "imageCountMoreThan", '
KEEP += '"countNumber": 5}, "action": {"type": "expire"}}]}'
UNTAGGED = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14}
EVERY = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 30}
BOTH = [
    {"rulePriority": number, "selection": selection, "action": {"type": "expire"}}
    for number, selection in ((1, UNTAGGED), (2, EVERY))
]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            definition(cpu=0, environment=[], portMappings=[], mountPoints=[], essential=True), definition(), id="fills"
        ),
        pytest.param(
            definition(environment=[{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]),
            definition(environment=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]),
            id="environment in any order",
        ),
        pytest.param(
            definition(portMappings=[{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}]),
            definition(portMappings=[{"containerPort": 80}]),
            id="dynamic host port, said or not",
        ),
        pytest.param(
            ecs_service(
                deploymentConfiguration={
                    "maximumPercent": 200,
                    "minimumHealthyPercent": 100,
                    "strategy": "ROLLING",
                    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
                },
                healthCheckGracePeriodSeconds=0,
                loadBalancers=[],
                placementStrategy=[],
            ),
            ecs_service(),
            id="service defaults",
        ),
        pytest.param(ecs_service(healthCheckGracePeriodSeconds=30), ecs_service(), id="grace without a load balancer"),
        pytest.param(
            ecs_service(
                deploymentConfiguration={"alarms": {"alarmNames": ["x"], "enable": False, "rollback": True}},
                placementStrategy=[{"type": "spread", "field": "host"}, {"type": "binpack", "field": "MEMORY"}],
                placementConstraints=[{"type": "memberOf", "expression": "e"}, {"type": "distinctInstance"}],
            ),
            ecs_service(
                placementStrategy=[{"type": "spread", "field": "instanceId"}, {"type": "binpack", "field": "memory"}],
                placementConstraints=[{"type": "distinctInstance"}, {"type": "memberOf", "expression": "e"}],
            ),
            id="alarms that are off, two spellings, constraints in any order",
        ),
        pytest.param(
            ecs_service(**SERVERLESS, platformVersion="1.4.0", networkConfiguration=in_subnets("s2", "s1")),
            ecs_service(**SERVERLESS, networkConfiguration=in_subnets("s1", "s2", assignPublicIp="DISABLED")),
            id="the newest platform is the latest; subnets in any order",
        ),
        pytest.param(
            ecs_service(schedulingStrategy="DAEMON", desiredCount=7),
            ecs_service(
                schedulingStrategy="DAEMON",
                desiredCount=9,
                deploymentConfiguration={"maximumPercent": 100, "minimumHealthyPercent": 0},
            ),
            id="a daemon's count is nobody's; its percentages",
        ),
        pytest.param(
            several(APP, {"name": "log", "image": "l", "portMappings": [{"containerPort": 9, "hostPort": 9}]}),
            several(
                {"name": "log", "image": "l", "essential": True, "cpu": 0, "portMappings": [{"containerPort": 9}]}, APP
            ),
            id="containers in any order, ports of their own address",
        ),
        pytest.param(
            several({**APP, "healthCheck": {"command": ["CMD", "x"]}}),
            several({**APP, "healthCheck": {"command": ["CMD", "x"], "interval": 30, "timeout": 5, "retries": 3}}),
            id="what a health check has by default",
        ),
        pytest.param(rule(PATHS, HOSTS), rule(HOSTS, {**PATHS, "Values": []}), id="conditions in any order, mirrored"),
        pytest.param(
            rule(actions=[{"Type": "forward", "TargetGroupArn": "t1", "Order": 1}]),
            rule(actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": ONE}}]),
            id="one group, short and long",
        ),
        pytest.param(
            rule(actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": TWO}}]),
            rule(actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": TWO[::-1]}}]),
            id="groups in any order",
        ),
        pytest.param(
            redirect(),
            redirect(Host="#{host}", Path="/#{path}", Query="#{query}"),
            id="what a redirect keeps, said or not",
        ),
        pytest.param(
            https(("d", True), ("b", False), ("a", False)),
            https(("a", False), ("b", False), ("d", True)),
            id="certificates in any order",
        ),
        pytest.param(balancer(on="false", bucket="x"), balancer(drop="false"), id="the bucket of a log that is off"),
        pytest.param(group(VPCZoneIdentifier="s2,s1"), group(VPCZoneIdentifier="s1,s2"), id="subnets in any order"),
        pytest.param(
            group(Tags=[{"Key": "AmazonECSManaged", "Value": ""}, {"Key": "aws:x", "Value": "1"}]),
            group(),
            id="tags of AWS itself",
        ),
        pytest.param(
            table(
                DEFAULT,
                {"DestinationCidrBlock": "10.0.0.0/8", "GatewayId": "local"},
                associations=[{"SubnetId": "s2"}, {"SubnetId": "s1"}, {"Main": True}],
            ),
            table(DEFAULT, associations=[{"SubnetId": "s1"}, {"SubnetId": "s2"}]),
            id="local routes, main association, order",
        ),
    ],
)
def test_what_aws_fills_in_or_shuffles_is_equal(one: Any, other: Any) -> None:
    assert one.as_desired == other.as_desired


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            definition(portMappings=[{"containerPort": 80, "hostPort": 80}]),
            definition(portMappings=[{"containerPort": 80}]),
            id="a fixed host port",
        ),
        pytest.param(
            definition(portMappings=[{"containerPort": 80}, {"containerPort": 81}]), definition(), id="two ports, none"
        ),
        pytest.param(rule(PATHS, {"Field": "http-header"}), rule(PATHS), id="a condition that narrows the rule"),
        pytest.param(table({**DEFAULT, "GatewayId": "", "NatGatewayId": "n"}), table(), id="a route elsewhere"),
        pytest.param(redirect(StatusCode="HTTP_302"), redirect(), id="a redirect for now"),
        pytest.param(redirect(Host="elsewhere.example"), redirect(), id="a redirect to another host"),
        pytest.param(https(("d", True), ("a", False)), https(("d", True)), id="a certificate more"),
        pytest.param(balancer(on="true", bucket="x"), balancer(on="true", bucket="y"), id="another bucket"),
        *(
            pytest.param(
                ecs_service(deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": False}}),
                ecs_service(deploymentConfiguration={"deploymentCircuitBreaker": {"enable": on, "rollback": on}}),
                id=f"half a circuit breaker, {on}",
            )
            for on in (True, False)
        ),
    ],
)
def test_what_others_changed_differs(one: Any, other: Any) -> None:
    assert one.as_desired != other.as_desired


@pytest.mark.parametrize(
    ("parsed", "expected"),
    [
        pytest.param(security_group.parse_rule(PORT).peer, "10.0.0.0/8", id="a block is its network address"),
        pytest.param(security_group.parse_rule({**PORT, "IpProtocol": "6"}).protocol, "tcp", id="protocol 6"),
        pytest.param(security_group.parse_rule({**PORT, "IpProtocol": "-1"}).to_port, -1, id="all has no ports"),
        pytest.param(
            role.parse_grants({"Statement": ALLOW}),
            role.parse_grants({"Statement": [{**ALLOW, "Action": ["a:B"], "Resource": ["*"], "Sid": ""}]}),
            id="a scalar is a list of one",
        ),
        pytest.param(role.parse_grants({"Statement": DENY})[0].actions, ("Deny", "a:B"), id="Deny"),
        pytest.param(
            role.parse_trust({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]})[0],
            "{",
            id="anybody is no service",
        ),
        pytest.param(
            role.parse_trust(
                {"Statement": {"Effect": "Allow", "Principal": {"Service": ["x"]}, "Action": ["sts:AssumeRole"]}}
            ),
            "x",
            id="trust of one service",
        ),
        pytest.param(
            repository.parse_lifecycle(KEEP % "any"), Lifecycle(keep_images=5), id="our rule, whatever its description"
        ),
        pytest.param(
            repository.parse_lifecycle(KEEP % "untagged"), Lifecycle(other_rules=1), id="a rule for other images"
        ),
        pytest.param(
            repository.parse_lifecycle(json.dumps({"rules": BOTH})), Lifecycle(30, 14), id="both of our rules"
        ),
        pytest.param(
            repository.parse_lifecycle(json.dumps({"rules": BOTH[::-1]})), Lifecycle(other_rules=2), id="another order"
        ),
        pytest.param(
            repository.parse_lifecycle('{"rules": []}'), Lifecycle(other_rules=1), id="a policy without rules"
        ),
        pytest.param(listener.parse_default([{"Type": "forward"}]), "forward", id="any other action is its type"),
        pytest.param(
            listener_rule.parse_balancing({"stickiness.enabled": "false", "stickiness.type": "app_cookie"}),
            Balancing(),
            id="what is remembered of a stickiness that is off",
        ),
        pytest.param(
            listener_rule.parse_balancing(
                {
                    "stickiness.enabled": "true",
                    "stickiness.type": "app_cookie",
                    "stickiness.app_cookie.cookie_name": "SESSION",
                    "stickiness.app_cookie.duration_seconds": "60",
                    "stickiness.lb_cookie.duration_seconds": "86400",
                }
            ).stickiness,
            Stickiness("SESSION", 60),
            id="the application's cookie",
        ),
        pytest.param(
            listener_rule.parse_balancing(
                {"stickiness.enabled": "true", "stickiness.type": "lb_cookie", "slow_start.duration_seconds": "30"}
            ),
            Balancing("round_robin", 30, Stickiness("AWSALB", 86400)),
            id="the load balancer's cookie",
        ),
        pytest.param(
            target_group.parse_group(
                {"TargetGroupArn": "a", "TargetGroupName": "n"}, {}, {}
            ).as_desired.deregistration_delay,
            300,
            id="AWS's default delay",
        ),
        pytest.param(
            cluster.parse_cluster({"clusterName": "c", "clusterArn": "a"}).as_desired.container_insights,
            "disabled",
            id="no settings, no insights",
        ),
        pytest.param(
            capacity_provider.parse_provider(
                {"name": "n", "capacityProviderArn": "a", "updateStatus": "DELETE_FAILED", "status": "ACTIVE"}
            ).gone,
            False,
            id="a failed delete is not gone",
        ),
        pytest.param(ecs_service(status="DRAINING").gone, True, id="a draining service is on its way out"),
        pytest.param(
            several(
                {**APP, "mountPoints": [{"sourceVolume": "d", "containerPath": "/d"}]},
                volumes=[{"name": "d", "host": {}}, {"name": "e", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}],
            ).as_desired.volumes,
            (Volume("d", "/d"), Volume("e", "efsVolumeConfiguration")),
            id="a volume of another sort is no mount of ours",
        ),
        pytest.param(
            ecs_service(launchType="EC2").as_desired.capacity, (Share("EC2", 0, 0),), id="a launch type is no strategy"
        ),
        pytest.param(
            service_scaling_policy.parse_policy(
                {"PolicyName": "p", "ResourceId": "service/c/s", "PolicyType": "StepScaling"}, "o"
            ).as_desired.metric,
            "StepScaling",
            id="a policy that steps tracks nothing",
        ),
    ],
)
def test_parsed_forms_are_canonical(parsed: Any, expected: Any) -> None:
    assert parsed == expected
