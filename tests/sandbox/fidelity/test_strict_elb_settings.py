"""Settings of load balancers, listeners and target groups: what AWS takes, and what it does not take together."""

from __future__ import annotations

import json
from typing import Any

import pytest
from moto.backends import get_backend

from controller.sandbox.strict_elb_settings import check_group
from controller.sandbox.world import ApiError

from .stack import Stack, refused

GROUP = {
    "slow_start.duration_seconds": "0",
    "load_balancing.algorithm.type": "round_robin",
    "stickiness.enabled": "false",
    "stickiness.type": "lb_cookie",
    "stickiness.lb_cookie.duration_seconds": "86400",
    "stickiness.app_cookie.duration_seconds": "86400",
    "stickiness.app_cookie.cookie_name": "",
}
FIXED: Any = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]


@pytest.mark.parametrize(
    ("code", "change"),
    [
        pytest.param("", {}, id="defaults"),
        pytest.param("", {"slow": "30"}, id="slow start"),
        pytest.param("ValidationError", {"slow": "29"}, id="slow start too short"),
        pytest.param("ValidationError", {"slow": "901"}, id="slow start too long"),
        pytest.param("ValidationError", {"algorithm": "round-robin"}, id="no such algorithm"),
        pytest.param("", {"algorithm": "least_outstanding_requests", "sticky": "true"}, id="least outstanding, sticky"),
        pytest.param(
            "InvalidConfigurationRequest",
            {"slow": "30", "algorithm": "least_outstanding_requests"},
            id="slow start and least outstanding",
        ),
        pytest.param(
            "InvalidConfigurationRequest", {"slow": "30", "algorithm": "weighted_random"}, id="slow start and random"
        ),
        pytest.param(
            "InvalidConfigurationRequest", {"algorithm": "weighted_random", "sticky": "true"}, id="sticky and random"
        ),
        pytest.param("ValidationError", {"sticky": "true", "lb": "604801"}, id="sticky for over a week"),
        pytest.param("", {"sticky": "false", "lb": "0"}, id="what is off is not looked at"),
        pytest.param(
            "InvalidConfigurationRequest", {"sticky": "true", "type": "app_cookie"}, id="a cookie without name"
        ),
        pytest.param(
            "InvalidConfigurationRequest",
            {"sticky": "true", "type": "app_cookie", "cookie": "AWSALBTG"},
            id="a cookie of the load balancer's",
        ),
        pytest.param("", {"sticky": "true", "type": "app_cookie", "cookie": "SESSION"}, id="the application's cookie"),
    ],
)
def test_attributes_of_a_group_are_judged_together(code: str, change: dict[str, str]) -> None:
    """aws.md 2.3, and the words of gh aws-load-balancer-controller#3686, gh terraform-provider-aws#35083."""
    names = {
        "slow": "slow_start.duration_seconds",
        "algorithm": "load_balancing.algorithm.type",
        "sticky": "stickiness.enabled",
        "type": "stickiness.type",
        "lb": "stickiness.lb_cookie.duration_seconds",
        "cookie": "stickiness.app_cookie.cookie_name",
    }
    after = GROUP | {names[key]: value for key, value in change.items()}

    assert refusal_of(after) == code


def refusal_of(attributes: dict[str, str]) -> str:
    """The code that AWS refuses them with; "" when it does not."""
    try:
        check_group(attributes)
    except ApiError as error:
        return error.code
    return ""


def test_a_sticky_group_and_a_rule_of_several_exclude_each_other_until_the_rule_keeps_its_clients(stack: Stack) -> None:
    """gh aws-load-balancer-controller#2734 and gh argo-rollouts#1577; aws.md 2.4."""
    stack.front()
    elb, blue = stack.aws.elbv2, stack.target_group
    green = stack.make_target_group("green")

    def both(keep: bool) -> Any:
        groups = [{"TargetGroupArn": blue, "Weight": 1}, {"TargetGroupArn": green, "Weight": 0}]
        config = {"Enabled": keep, **({"DurationSeconds": 60} if keep else {})}
        return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups, "TargetGroupStickinessConfig": config}}]

    def stick(value: str) -> dict[str, Any]:
        return {"TargetGroupArn": blue, "Attributes": [{"Key": "stickiness.enabled", "Value": value}]}

    elb.modify_listener(ListenerArn=stack.listener, DefaultActions=both(False))
    refused("InvalidConfigurationRequest", elb.modify_target_group_attributes, **stick("true"))
    elb.modify_listener(ListenerArn=stack.listener, DefaultActions=both(True))
    elb.modify_target_group_attributes(**stick("true"))
    loose = {"ListenerArn": stack.listener, "DefaultActions": both(False)}
    refused("InvalidLoadBalancerAction", elb.modify_listener, **loose)
    elb.modify_target_group_attributes(**stick("false"))
    elb.modify_listener(**loose)


@pytest.mark.parametrize(
    ("statement", "taken"),
    [
        pytest.param({}, True, id="as the guide writes it"),
        pytest.param(
            {"Principal": {"AWS": "arn:aws:iam::127311923021:root"}}, True, id="the account of an older region"
        ),
        pytest.param({"Principal": {"AWS": "arn:aws:iam::797873946194:root"}}, False, id="that of another region"),
        pytest.param({"Principal": {"Service": "delivery.logs.amazonaws.com"}}, False, id="another service"),
        pytest.param({"Action": ["s3:GetObject"]}, False, id="another action"),
        pytest.param({"Resource": "arn:aws:s3:::logs/AWSLogs/123456789012/*"}, False, id="another prefix"),
        pytest.param({"Effect": "Deny"}, False, id="a refusal"),
        pytest.param(None, False, id="no policy"),
    ],
)
def test_an_access_log_needs_a_bucket_that_takes_it(
    stack: Stack, statement: dict[str, Any] | None, taken: bool
) -> None:
    """elb-ug enable-access-logging; the words of gh aws-load-balancer-controller#1956."""
    made = stack.aws.elbv2.create_load_balancer(
        Name="web", Subnets=stack.subnets, SecurityGroups=[stack.security_group]
    )
    buckets = get_backend("s3")["123456789012"]["aws"]
    buckets.create_bucket("logs", "us-east-1")
    if statement is not None:
        guide = {
            "Effect": "Allow",
            "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::logs/shop/AWSLogs/123456789012/*",
        }
        buckets.put_bucket_policy("logs", json.dumps({"Statement": [guide | statement]}).encode())
    values = {"enabled": "true", "bucket": "logs", "prefix": "shop"}
    params = {
        "LoadBalancerArn": made["LoadBalancers"][0]["LoadBalancerArn"],
        "Attributes": [{"Key": f"access_logs.s3.{key}", "Value": value} for key, value in values.items()],
    }

    if taken:
        stack.aws.elbv2.modify_load_balancer_attributes(**params)
    else:
        words = refused("InvalidConfigurationRequest", stack.aws.elbv2.modify_load_balancer_attributes, **params)
        assert words == "Access Denied for bucket: logs. Please check S3bucket permission"


def certificate(stack: Stack, name: str) -> str:
    call = stack.aws.iam.upload_server_certificate
    made = call(ServerCertificateName=name, CertificateBody="x", PrivateKey="x")
    return str(made["ServerCertificateMetadata"]["Arn"])


def test_certificates_of_a_listener(stack: Stack) -> None:
    """The default one stands in the listener, the others in a list, one a call; HTTP has none (bc elbv2)."""
    stack.front()
    elb = stack.aws.elbv2
    one, two, three = (certificate(stack, name) for name in ("one", "two", "three"))
    params: dict[str, Any] = {"LoadBalancerArn": stack.balancer, "Port": 443, "DefaultActions": FIXED}

    def secure(arn: str, **more: Any) -> dict[str, Any]:
        return {**params, "Protocol": "HTTPS", "Certificates": [{"CertificateArn": arn}], **more}

    refused("CertificateNotFound", elb.create_listener, **secure(one + "x"))
    refused("SSLPolicyNotFound", elb.create_listener, **secure(one, SslPolicy="ELBSecurityPolicy-x"))
    made = elb.create_listener(**secure(one))["Listeners"][0]["ListenerArn"]

    def change(verb: str, *arns: str) -> None:
        call = getattr(elb, f"{verb}_listener_certificates")
        call(ListenerArn=made, Certificates=[{"CertificateArn": arn} for arn in arns])

    def listed() -> list[tuple[str, bool]]:
        found = elb.describe_listener_certificates(ListenerArn=made)["Certificates"]
        return [(row["CertificateArn"], row["IsDefault"]) for row in found]

    def shown() -> Any:
        return elb.describe_listeners(ListenerArns=[made])["Listeners"][0]

    change("add", two)
    change("add", two)
    refused("ValidationError", change, verb="add")  # type: ignore[arg-type]
    assert (listed(), shown()["SslPolicy"]) == ([(one, True), (two, False)], "ELBSecurityPolicy-2016-08")
    assert shown()["Certificates"] == [{"CertificateArn": one}]
    elb.modify_listener(ListenerArn=made, Certificates=[{"CertificateArn": three}])
    assert listed() == [(three, True), (two, False)]
    with pytest.raises(elb.exceptions.OperationNotPermittedException):
        change("remove", three)
    change("remove", two)
    assert listed() == [(three, True)]
    elb.modify_listener(ListenerArn=made, Protocol="HTTP")
    assert (listed(), shown().get("SslPolicy"), shown().get("Certificates", [])) == ([], None, [])


def test_a_redirect_reads_back_whole_and_leads_elsewhere(stack: Stack) -> None:
    """bc elbv2:RedirectActionConfig."""
    stack.front()
    elb = stack.aws.elbv2

    def to(**config: str) -> dict[str, Any]:
        action = {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301", **config}}
        return {"ListenerArn": stack.listener, "DefaultActions": [action]}

    refused("InvalidLoadBalancerAction", elb.modify_listener, **to())
    refused("InvalidLoadBalancerAction", elb.modify_listener, **to(Protocol="HTTP", Port="80"))
    shown = elb.modify_listener(**to(Protocol="HTTPS", Port="443"))["Listeners"][0]["DefaultActions"][0]
    assert shown["RedirectConfig"] == {
        "Protocol": "HTTPS",
        "Port": "443",
        "Host": "#{host}",
        "Path": "/#{path}",
        "Query": "#{query}",
        "StatusCode": "HTTP_301",
    }
