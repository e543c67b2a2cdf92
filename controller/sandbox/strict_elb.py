"""What AWS does in Elastic Load Balancing that moto does not: provisioning, idempotent creates, limits, full defaults.

Line numbers of moto's faults: reference/moto.md sections 3, 9 and 12.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from moto.elbv2.models import ELBv2Backend, FakeAction, FakeListener, FakeLoadBalancer, FakeTargetGroup
from moto.elbv2.responses import ELBV2Response

from controller.sandbox import strict_elb_settings
from controller.sandbox.strict_elb_settings import check_action
from controller.sandbox.strict_network import before
from controller.sandbox.world import ApiError

if TYPE_CHECKING:
    from controller.sandbox.bridge import Backing

NAME = re.compile(r"(?!-)(?!internal-)[A-Za-z0-9-]{1,32}(?<!-)")
LOAD_BALANCER_DEFAULTS = {
    "access_logs.s3.enabled": "false",
    "access_logs.s3.bucket": "",
    "access_logs.s3.prefix": "",
    "client_keep_alive.seconds": "3600",
    "connection_logs.s3.enabled": "false",
    "connection_logs.s3.bucket": "",
    "connection_logs.s3.prefix": "",
    "deletion_protection.enabled": "false",
    "idle_timeout.timeout_seconds": "60",
    "load_balancing.cross_zone.enabled": "true",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
    "zonal_shift.config.enabled": "false",
}
WEIGHT_MAX = 999
BALANCER = re.compile(r"/app/[^/]+/[^/]+")  # in its arn, and in those of its listeners and rules


def install(current: Callable[[], Backing]) -> None:
    _load_balancers(current)
    _target_groups()
    _listeners()
    _rules()
    strict_elb_settings.install()


def groups_of(action: dict[str, Any]) -> list[tuple[str, int]]:
    """(target group, weight) of one action, whichever way it was given."""
    forward = action.get("ForwardConfig") or {}
    weighted = [(one["TargetGroupArn"], int(one.get("Weight", 1))) for one in forward.get("TargetGroups", [])]
    return weighted or ([(action["TargetGroupArn"], 1)] if action.get("TargetGroupArn") else [])


def lead(backend: Any, listeners: Iterable[str], weights: Sequence[tuple[str, int]]) -> None:
    """Every rule of *listeners* that leads to one of the groups of *weights* leads to all of them, so weighted: what
    CodeDeploy does to them (aws.md 4.5)."""
    pair = {arn for arn, _ in weights}
    for balancer in backend.load_balancers.values():
        for listener in balancer.listeners.values():
            for rule in listener.rules.values() if listener.arn in listeners else ():
                for place, action in enumerate(rule.actions):
                    if pair & {arn for arn, _ in groups_of(action.data)}:
                        rule.actions[place] = _forward(action.data, weights)  # the list is the listener's, too


def _forward(data: dict[str, Any], weights: Sequence[tuple[str, int]]) -> FakeAction:
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights]
    config = {**(data.get("ForwardConfig") or {}), "TargetGroups": groups}
    kept = {name: value for name, value in data.items() if name not in {"TargetGroupArn", "ForwardConfig"}}
    return FakeAction({**kept, "ForwardConfig": config})


def references(backend: Any) -> dict[str, list[str]]:
    """Target group -> the load balancers whose listeners or rules name it."""
    found: dict[str, list[str]] = {}
    for balancer in backend.load_balancers.values():
        for listener in balancer.listeners.values():
            for rule in listener.rules.values():
                for action in rule.actions:
                    for group, _ in groups_of(action.data):
                        if balancer.arn not in found.setdefault(group, []):
                            found[group].append(balancer.arn)
    return found


# ------------------------------------------------------------------------------------------------ load balancers
def _load_balancers(current: Callable[[], Backing]) -> None:
    create, delete = ELBv2Backend.create_load_balancer, ELBv2Backend.delete_load_balancer

    def created(self: Any, name: str, security_groups: list[str], subnet_ids: list[str], *args: Any, **kw: Any) -> Any:
        subnets = list(subnet_ids) or [one["SubnetId"] for one in kw.get("subnet_mappings") or []]
        _check_new(self, name, security_groups, subnets, kw)
        for have in self.load_balancers.values():
            if have.name == name:
                same = [one.id for one in have.subnets] == subnets and set(have.security_groups) == set(security_groups)
                if same and have.scheme == (kw.get("scheme") or "internet-facing"):
                    return have  # the same settings: the one that is there (aws.md 2.6)
                raise ApiError(
                    "DuplicateLoadBalancerName", f"A load balancer with the same name '{name}' exists, "
                    "but with different settings"
                )  # fmt: skip
        kw["scheme"] = kw.get("scheme") or "internet-facing"
        balancer = create(self, name, security_groups, subnet_ids, *args, **kw)
        balancer.dns_name = current().address(balancer.arn)
        balancer.attrs = dict(LOAD_BALANCER_DEFAULTS)
        balancer.active_at = current().now() + current().timings.balancer
        balancer.clock = current().now
        return balancer

    def deleted(self: Any, arn: str) -> None:
        balancer = self.load_balancers.get(arn)
        if balancer is None:
            return
        if str(balancer.attrs.get("deletion_protection.enabled")) == "true":
            raise ApiError(
                "OperationNotPermitted",
                f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
            )
        until = current().now() + current().timings.lingering
        left = self.__dict__.setdefault("_lingering", [])
        left.append((until, [one.id for one in balancer.subnets], list(balancer.security_groups)))
        delete(self, arn)

    def activate(self: Any) -> None:
        """Provisioning takes its time (aws.md 2.6); moto is done with the first look."""
        if self.state == "provisioning" and self.clock() >= self.active_at:
            self.state = "active"

    def named(self: Any) -> None:
        """Every name and ARN asked for must be there."""
        have = self.elbv2_backend.load_balancers
        names = {one.name for one in have.values()}
        missing = [one for one in self._get_param("LoadBalancerArns", []) if one not in have]
        missing += [one for one in self._get_param("Names", []) if one not in names]
        if missing:
            raise ApiError("LoadBalancerNotFound", f"Load balancers '[{', '.join(missing)}]' not found")

    def batch(self: Any) -> None:
        arns = self._get_param("ResourceArns", [])
        if len(arns) > 20:
            raise ApiError("ValidationError", "The number of resources specified must be at most 20")

    ELBv2Backend.create_load_balancer = created
    ELBv2Backend.delete_load_balancer = deleted
    FakeLoadBalancer.activate = activate
    before(ELBV2Response, "describe_load_balancers", named)
    before(ELBV2Response, "describe_tags", batch)


def _check_new(backend: Any, name: str, groups: list[str], subnets: list[str], given: dict[str, Any]) -> None:
    if not NAME.fullmatch(name):
        raise ApiError("ValidationError", f"The load balancer name '{name}' is not valid")
    if given.get("loadbalancer_type") in {None, "application"}:
        zones = {backend.ec2_backend.get_subnet(one).availability_zone for one in subnets}
        if len(zones) < 2 or len(zones) < len(subnets):
            raise ApiError(
                "InvalidConfigurationRequest" if len(zones) < len(subnets) else "ValidationError",
                "At least two subnets in two different Availability Zones must be specified",
            )
    for group in groups:
        if backend.ec2_backend.get_security_group_from_id(group) is None:
            raise ApiError("InvalidSecurityGroup", f"The security group '{group}' does not exist")


# ------------------------------------------------------------------------------------------------ target groups
def _target_groups() -> None:
    create = ELBv2Backend.create_target_group
    delete = ELBv2Backend.delete_target_group
    modify = ELBv2Backend.modify_target_group_attributes
    describe = ELBv2Backend.describe_target_groups

    def created(self: Any, name: str, **kw: Any) -> Any:
        for have in self.target_groups.values():
            if have.name == name:
                same = (have.protocol, have.port, have.vpc_id) == (kw.get("protocol"), kw.get("port"), kw.get("vpc_id"))
                path = kw.get("healthcheck_path")
                if same and path in {None, have.health_check_path}:
                    return have  # the same settings: the one that is there (aws.md 2.6)
                raise ApiError(
                    "DuplicateTargetGroupName", f"A target group with the same name '{name}' exists, "
                    "but with different settings"
                )  # fmt: skip
        return create(self, name, **kw)

    def deleted(self: Any, target_group_arn: str) -> Any:
        if target_group_arn not in self.target_groups:
            return None  # absent is success
        return delete(self, target_group_arn)

    def modified(self: Any, target_group_arn: str, attributes: dict[str, Any]) -> None:
        """3600 is allowed, and unknown keys are not."""
        group = self.target_groups.get(target_group_arn)
        for key in attributes:
            if group is not None and key not in group.attributes and not key.startswith(("stickiness.", "target_")):
                raise ApiError("ValidationError", f"Target group attribute key '{key}' is not recognized")
        delay = attributes.get("deregistration_delay.timeout_seconds")
        if group is not None and str(delay) == "3600":
            group.attributes.update(attributes)
        else:
            modify(self, target_group_arn, attributes)

    def described(self: Any, load_balancer_arn: Any, target_group_arns: Any, names: Any) -> Any:
        """`LoadBalancerArns` follows what listeners and rules name now, weights included."""
        used = references(self)
        for group in self.target_groups.values():
            group.load_balancer_arns = used.get(group.arn, [])
        return describe(self, load_balancer_arn, target_group_arns, names)

    ELBv2Backend.create_target_group = created
    ELBv2Backend.delete_target_group = deleted
    ELBv2Backend.modify_target_group_attributes = modified
    ELBv2Backend.describe_target_groups = described
    initial = FakeTargetGroup.__init__

    def born(self: Any, *args: Any, **kw: Any) -> None:
        initial(self, *args, **kw)
        self.attributes = {key: str(value) for key, value in self.attributes.items()}
        self.attributes |= {
            "load_balancing.algorithm.anomaly_mitigation": "off",
            "stickiness.app_cookie.cookie_name": "",
            "stickiness.app_cookie.duration_seconds": "86400",
            "stickiness.lb_cookie.duration_seconds": "86400",
            "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
            "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
            "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
            "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
        }
        self.attributes.pop("waf.fail_open.enabled", None)

    FakeTargetGroup.__init__ = born


# ------------------------------------------------------------------------------------------------ listeners
def _listeners() -> None:
    create = ELBv2Backend.create_listener
    initial = FakeListener.__init__

    def created(self: Any, load_balancer_arn: str, protocol: str, port: Any, *args: Any, **kw: Any) -> Any:
        balancer = self.load_balancers.get(load_balancer_arn)
        if balancer is not None and any(int(one.port) == int(port) for one in balancer.listeners.values()):
            raise ApiError("DuplicateListener", "A listener already exists on this port for this load balancer")
        certificate = kw.get("certificate", args[1] if len(args) > 1 else None)
        if protocol == "HTTPS" and not certificate:
            raise ApiError("ValidationError", "A certificate must be specified for HTTPS listeners")
        return create(self, load_balancer_arn, protocol, port, *args, **kw)

    def born(self: Any, *args: Any, **kw: Any) -> None:
        initial(self, *args, **kw)
        if self.protocol == "HTTP":  # neither has a meaning there, and AWS leaves them out
            self.ssl_policy, self.alpn_policy = None, None

    ELBv2Backend.create_listener = created
    FakeListener.__init__ = born
    before(ELBV2Response, "modify_listener", _port_is_free)
    for action in ("create", "modify"):
        before(ELBV2Response, f"{action}_listener", _weights_of("DefaultActions"))
        before(ELBV2Response, f"{action}_rule", _weights_of("Actions"))


def _weights_of(parameter: str) -> Callable[[Any], None]:
    def checked(self: Any) -> None:
        actions = self._get_param(parameter, [])
        _check_weights(self.elbv2_backend, actions)
        arns = (self._get_param(name) for name in ("RuleArn", "ListenerArn", "LoadBalancerArn"))
        _of_one_balancer(self.elbv2_backend, actions, next(arn for arn in arns if arn))

    return checked


def _of_one_balancer(backend: Any, actions: list[dict[str, Any]], arn: str) -> None:
    """A target group belongs to one load balancer (aws.md 2.4). *arn*: of the balancer, or of what hangs on it."""
    here = BALANCER.search(arn)
    known = references(backend)
    for group in (group for action in actions for group, _ in groups_of(action)):
        if here is not None and any(not other.endswith(here[0]) for other in known.get(group, ())):
            words = f"The following target groups cannot be associated with more than one load balancer: {group}"
            raise ApiError("TargetGroupAssociationLimit", words)


def _port_is_free(self: Any) -> None:
    """A listener that moves must not land on another one (aws.md 4.6, 5.2)."""
    arn, port = self._get_param("ListenerArn"), self._get_param("Port")
    for balancer in self.elbv2_backend.load_balancers.values():
        others = [one for one in balancer.listeners.values() if one.arn != arn]
        if port and arn in balancer.listeners and any(int(one.port) == int(port) for one in others):
            raise ApiError("DuplicateListener", "A listener already exists on this port for this load balancer")


def _rules() -> None:
    create, modify = ELBv2Backend.create_rule, ELBv2Backend.modify_rule
    reorder = ELBv2Backend.set_rule_priorities

    def created(self: Any, **kw: Any) -> Any:
        rule = create(self, **kw)
        rule.conditions = _both_spellings(rule.conditions)
        return rule

    def modified(self: Any, **kw: Any) -> Any:
        rule = modify(self, **kw)
        rule.conditions = _both_spellings(rule.conditions)
        return rule

    def kept(self: Any) -> None:
        """The default rule goes with its listener only (aws.md 2.4)."""
        arn = self._get_param("RuleArn")
        for rule in self.elbv2_backend.describe_rules(None, [arn]):
            if rule.is_default:
                raise ApiError("OperationNotPermitted", f"Default rule '{arn}' cannot be deleted")

    def reordered(self: Any, rule_priorities: list[dict[str, Any]]) -> Any:
        """All at once: a place that another rule of the same call leaves is free (aws.md 2.4)."""
        moving = self.describe_rules(None, [one["RuleArn"] for one in rule_priorities])
        places = [(rule, rule.priority) for rule in moving]
        for rule in moving:
            rule.priority = None
        try:
            return reorder(self, rule_priorities)
        except Exception:
            for rule, place in places:
                rule.priority = place
            raise

    ELBv2Backend.set_rule_priorities = reordered
    ELBv2Backend.create_rule = created
    ELBv2Backend.modify_rule = modified
    before(ELBV2Response, "delete_rule", kept)


def _both_spellings(conditions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Values of paths and hosts read back twice, plain and in their Config, however they were given (aws.md 9.4)."""
    shown = []
    for one in conditions:
        config = {"path-pattern": "PathPatternConfig", "host-header": "HostHeaderConfig"}.get(one.get("Field", ""))
        values = one.get("Values") or (one.get(config) or {}).get("Values", []) if config else []
        shown.append({**one, "Values": list(values), config: {"Values": list(values)}} if config else one)
    return shown


def _check_weights(backend: Any, actions: list[dict[str, Any]]) -> None:
    for action in actions:
        check_action(backend, action)
        for group, weight in groups_of(action):
            if group not in backend.target_groups:
                raise ApiError("TargetGroupNotFound", f"Target groups '{group}' not found")
            if not 0 <= weight <= WEIGHT_MAX:
                raise ApiError("ValidationError", f"Weight '{weight}' must be between 0 and {WEIGHT_MAX}")
