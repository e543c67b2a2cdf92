"""What AWS takes of a load balancer's settings that moto does not look at: attributes, certificates, redirects.

Attributes are judged as they would be after the call, together with the rules that name the group.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from moto.backends import get_backend
from moto.elbv2.models import ELBv2Backend, FakeListener
from moto.elbv2.responses import ELBV2Response
from moto.elbv2.ssl_policies import SSL_POLICIES

from controller.sandbox.strict_network import before
from controller.sandbox.world import ApiError

ALGORITHMS = {"round_robin", "least_outstanding_requests", "weighted_random"}
NO_SLOW_START = {
    "least_outstanding_requests": "least outstanding requests algorithm",
    "weighted_random": "weighted random algorithm",
}
CERTIFICATES_MAX = 25  # of one load balancer, the default ones aside (aws.md 2.6)
WRITERS = {"logdelivery.elasticloadbalancing.amazonaws.com", "logdelivery.elb.amazonaws.com"}
ACCOUNTS = {  # of Elastic Load Balancing itself: what older regions' policies name (elb-ug enable-access-logging)
    "us-east-1": "127311923021",
    "us-east-2": "033677994240",
    "us-west-1": "027434742980",
    "us-west-2": "797873946194",
    "eu-central-1": "054676820928",
    "eu-west-1": "156460612806",
}
REDIRECT = {"Protocol": "#{protocol}", "Port": "#{port}", "Host": "#{host}", "Path": "/#{path}", "Query": "#{query}"}
Json = dict[str, Any]


def install() -> None:
    _balancers()
    _groups()
    _listeners()
    _certificates()


# ------------------------------------------------------------------------------------------------ load balancers
def _balancers() -> None:
    modify = ELBv2Backend.modify_load_balancer_attributes

    def modified(self: Any, arn: str, attrs: Json) -> Any:
        balancer = self.load_balancers.get(arn)
        if balancer is not None:
            after = {**balancer.attrs, **attrs}
            idle = int(after["idle_timeout.timeout_seconds"])
            if not 1 <= idle <= 4000:
                raise ApiError(
                    "ValidationError", f"'idle_timeout.timeout_seconds' value '{idle}' must be between '1-4000'"
                )
            if after["access_logs.s3.enabled"] == "true":
                _check_logs(after["access_logs.s3.bucket"], after["access_logs.s3.prefix"], self)
        return modify(self, arn, attrs)

    ELBv2Backend.modify_load_balancer_attributes = modified


def _check_logs(name: str, prefix: str, backend: Any) -> None:
    """AWS writes a test object before it says yes: the bucket must be there, in this region, and let it
    (elb-ug enable-access-logging; gh aws-load-balancer-controller#1956 for the words)."""
    buckets = get_backend("s3")
    partition, account = buckets.bucket_accounts.get(name, ("", ""))
    bucket = buckets[account][partition].buckets.get(name) if account else None
    key = "/".join(part for part in (name, prefix, "AWSLogs", backend.account_id, "ELBAccessLogTestFile") if part)
    region, policy = (bucket.region_name, bucket.policy) if bucket is not None else ("", None)
    may = _may_write(policy, f"arn:aws:s3:::{key}", backend.region_name)
    if not may or region != backend.region_name or "AWSLogs" in prefix:
        words = f"Access Denied for bucket: {name}. Please check S3bucket permission"
        raise ApiError("InvalidConfigurationRequest", words)


def _may_write(policy: bytes | None, key: str, region: str) -> bool:
    """Whether a bucket's policy lets the load balancer put *key*."""
    root = ACCOUNTS.get(region, "none")
    principals = {*WRITERS, "*", root, f"arn:aws:iam::{root}:root"}
    for statement in _several(json.loads(policy)["Statement"]) if policy else ():
        who = statement.get("Principal", {})
        named = [one for value in who.values() for one in _several(value)] if isinstance(who, dict) else [who]
        may = any(fnmatchcase("s3:PutObject", one) for one in _several(statement.get("Action", ())))
        there = any(fnmatchcase(key, one) for one in _several(statement.get("Resource", ())))
        if statement.get("Effect") == "Allow" and principals & set(named) and may and there:
            return True
    return False


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


# ------------------------------------------------------------------------------------------------ target groups
def _groups() -> None:
    modify = ELBv2Backend.modify_target_group_attributes

    def modified(self: Any, target_group_arn: str, attributes: Json) -> None:
        group = self.target_groups.get(target_group_arn)
        if group is not None:
            check_group({**group.attributes, **attributes})
            if str({**group.attributes, **attributes}["stickiness.enabled"]) == "true":
                _check_rules_of(self, target_group_arn)
        modify(self, target_group_arn, attributes)

    ELBv2Backend.modify_target_group_attributes = modified


def check_group(after: Mapping[str, Any]) -> None:
    """Raises ApiError for attributes of one group that AWS does not take, or does not take together."""
    slow, algorithm = int(after["slow_start.duration_seconds"]), after["load_balancing.algorithm.type"]
    if slow and not 30 <= slow <= 900:  # aws.md 2.3
        raise ApiError("ValidationError", f"'slow_start.duration_seconds' value '{slow}' must be between '30-900'")
    if algorithm not in ALGORITHMS:
        raise ApiError("ValidationError", f"'load_balancing.algorithm.type' value '{algorithm}' is not valid")
    if slow and algorithm in NO_SLOW_START:  # aws.md 2.3; the words: gh aws-load-balancer-controller#3686
        words = f"You cannot enable both slow start and {NO_SLOW_START[algorithm]} on a target group"
        raise ApiError("InvalidConfigurationRequest", words)
    if str(after["stickiness.enabled"]) != "true":
        return
    if algorithm == "weighted_random":  # gh terraform-provider-aws#35083
        words = "You cannot have both stickiness and weighted random algorithm enabled on the same target group."
        raise ApiError("InvalidConfigurationRequest", words)
    kind = after.get("stickiness.type", "lb_cookie")
    seconds = int(after.get(f"stickiness.{kind}.duration_seconds", 0))
    if not 1 <= seconds <= 604_800:  # bc elbv2:TargetGroupAttribute
        raise ApiError(
            "ValidationError", f"'stickiness.{kind}.duration_seconds' value '{seconds}' must be between '1-604800'"
        )
    cookie = after.get("stickiness.app_cookie.cookie_name", "")
    if kind == "app_cookie" and (not cookie or cookie.startswith("AWSALB")):  # bc elbv2:TargetGroupAttribute
        raise ApiError("InvalidConfigurationRequest", f"'{cookie}' cannot be the name of an application cookie")


def _check_rules_of(backend: Any, group: str) -> None:
    """A sticky group stands alone in its rule, or behind one that keeps clients in their group: the words are those of
    gh aws-load-balancer-controller#2734."""
    for listener, action in _actions_of(backend):
        if group in _named(action) and len(_named(action)) > 1 and not _keeps(action):
            raise ApiError(
                "InvalidConfigurationRequest",
                f"This target group appears behind a rule with group stickiness disabled ({listener.arn}). "
                "You must enable group stickiness before enabling target stickiness",
            )


def _actions_of(backend: Any) -> Iterator[tuple[Any, Json]]:
    for balancer in backend.load_balancers.values():
        for listener in balancer.listeners.values():
            for rule in listener.rules.values():
                for action in rule.actions:
                    yield listener, action.data


def _named(action: Json) -> list[str]:
    return [one["TargetGroupArn"] for one in (action.get("ForwardConfig") or {}).get("TargetGroups", [])]


def _keeps(action: Json) -> bool:
    config = (action.get("ForwardConfig") or {}).get("TargetGroupStickinessConfig") or {}
    return str(config.get("Enabled", False)).lower() == "true"


def check_action(backend: Any, action: Json) -> None:
    """Raises ApiError for what AWS does not take of an action of a rule: gh argo-rollouts#1577 for the words."""
    groups = [backend.target_groups[arn] for arn in _named(action) if arn in backend.target_groups]
    sticky = any(str(group.attributes["stickiness.enabled"]) == "true" for group in groups)
    if sticky and len(groups) > 1 and not _keeps(action):
        words = (
            "You must enable group stickiness on a rule if you enabled target stickiness on one of its target groups"
        )
        raise ApiError("InvalidLoadBalancerAction", words)


# ------------------------------------------------------------------------------------------------ listeners
def _listeners() -> None:
    modify, create = ELBv2Backend.modify_listener, ELBv2Backend.create_listener

    def created(self: Any, load_balancer_arn: str, protocol: str, port: Any, *args: Any, **kw: Any) -> Any:
        policy, certificate = kw.get("ssl_policy"), kw.get("certificate")
        if protocol == "HTTPS" and policy not in SSL_POLICIES:
            raise ApiError("SSLPolicyNotFound", f"SSL policy '{policy}' not found")
        if certificate and not self._certificate_exists(certificate):
            raise ApiError("CertificateNotFound", f"Certificate ARN '{certificate}' is not valid")
        for action in kw.get("actions") or ():
            _fill(action, protocol, port)
        return create(self, load_balancer_arn, protocol, port, *args, **kw)

    def modified(self: Any, arn: str, *args: Any, **kw: Any) -> Any:
        port, protocol, _, certificates, actions = args
        listener = self.describe_listeners(load_balancer_arn=None, listener_arns=[arn])[0]
        for action in actions or ():
            _fill(action, protocol or listener.protocol, port or listener.port)
        if len(certificates or ()) > 1:
            words = "You must provide a list containing exactly one certificate if the listener protocol is HTTPS."
            raise ApiError("InvalidConfigurationRequest", words)
        modify(self, arn, *args, **kw)
        if listener.protocol == "HTTP":  # bc elbv2:ModifyListener: the policy and the certificates go
            listener.certificate, listener.ssl_policy = None, None
            listener.certificates, listener.further = [], []
        elif listener.ssl_policy is None:
            listener.ssl_policy = "ELBSecurityPolicy-2016-08"  # the default of the API (aws.md 9.4)
        return listener

    ELBv2Backend.create_listener = created
    ELBv2Backend.modify_listener = modified


def _fill(action: Json, protocol: str, port: Any) -> None:
    """A redirect reads back whole, and must not lead to where it was (bc elbv2:RedirectActionConfig)."""
    config = action.get("RedirectConfig")
    if config is None:
        return
    action["RedirectConfig"] = where = {**REDIRECT, **config}
    same = {**REDIRECT, "Protocol": protocol, "Port": str(port)}
    if all(where[key] in {REDIRECT[key], same[key]} for key in REDIRECT):
        raise ApiError(
            "InvalidLoadBalancerAction", "The redirect configuration is not valid because it creates a loop."
        )
    if (where["Protocol"], protocol) == ("HTTP", "HTTPS"):
        raise ApiError("InvalidLoadBalancerAction", "You cannot redirect from HTTPS to HTTP")


def _certificates() -> None:
    """The default certificate stands in the listener, all others in a list of their own (bc elbv2:Listener)."""
    initial = FakeListener.__init__

    def born(self: Any, *args: Any, **kw: Any) -> None:
        initial(self, *args, **kw)
        self.further = []

    def added(self: Any, arn: str, certificates: list[Json]) -> list[str]:
        listener = self.describe_listeners(load_balancer_arn=None, listener_arns=[arn])[0]
        balancer = self.load_balancers[listener.load_balancer_arn]
        for certificate in [one["CertificateArn"] for one in certificates]:
            if not self._certificate_exists(certificate):
                raise ApiError("CertificateNotFound", f"Certificate ARN '{certificate}' is not valid")
            if certificate in listener.further:
                continue
            if sum(len(one.further) for one in balancer.listeners.values()) >= CERTIFICATES_MAX:
                raise ApiError("TooManyCertificates", "You've reached the limit on the number of certificates")
            listener.further.append(certificate)
        further: list[str] = listener.further
        return further

    def described(self: Any, arn: str) -> list[str]:
        listener = self.describe_listeners(load_balancer_arn=None, listener_arns=[arn])[0]
        return [*listener.certificates, *listener.further]

    def removed(self: Any, arn: str, certificates: list[Json]) -> None:
        listener = self.describe_listeners(load_balancer_arn=None, listener_arns=[arn])[0]
        gone = [one["CertificateArn"] for one in certificates]
        if set(gone) & set(listener.certificates) - set(listener.further):
            raise ApiError("OperationNotPermitted", "Default certificate cannot be removed from the listener")
        listener.further = [one for one in listener.further if one not in gone]

    FakeListener.__init__ = born
    ELBv2Backend.add_listener_certificates = added
    ELBv2Backend.describe_listener_certificates = described
    ELBv2Backend.remove_listener_certificates = removed
    before(ELBV2Response, "add_listener_certificates", _one_at_a_time)
    before(ELBV2Response, "remove_listener_certificates", _one_at_a_time)


def _one_at_a_time(self: Any) -> None:
    """bc elbv2:AddListenerCertificates."""
    if len(self._get_param("Certificates", [])) != 1:
        raise ApiError("ValidationError", "Exactly one certificate must be specified")
