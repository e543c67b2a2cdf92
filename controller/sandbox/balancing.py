"""The configuration of balancer nodes, from what moto and the world hold. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from controller.sandbox.balancers import Place
from controller.sandbox.strict_elb import groups_of
from controller.sandbox.strict_elb_settings import REDIRECT
from controller.sandbox.world import World

LAG_MAX = 2.0  # seconds until a node knows of a registration, deregistration or weight (DESIGN.md section 6)


def configurations(
    elb: Any,
    world: World,
    address: Callable[[str], str],
    front: Callable[[str], tuple[str, int]],
    serving: Callable[[str, str], dict[str, Any] | None],
    lag: float = LAG_MAX,
) -> dict[Place, dict[str, Any]]:
    """What every node of every active load balancer has to know now.

    *address*: host -> its IP; *front*: load balancer -> (its IP, what is added to a port below 1024); *serving*:
    (certificate, IP) -> what is served for it there.
    """
    found: dict[Place, dict[str, Any]] = {}
    for balancer in elb.load_balancers.values():
        balancer.activate()
        if balancer.state != "active":
            continue
        ip, shift = front(balancer.arn)
        ports = {int(one.port): _moved(one.port, shift) for one in balancer.listeners.values()}
        listeners = [_listener(one, ip, ports, serving) for one in balancer.listeners.values()]
        used = {group for one in listeners for rule in one["rules"] for group, _ in rule.get("forward") or []}
        groups = {arn: _group(elb.target_groups[arn], world, address) for arn in used if arn in elb.target_groups}
        config = {
            "lag_max": lag,
            "idle_timeout": float(balancer.attrs.get("idle_timeout.timeout_seconds", 60)),
            "listeners": listeners,
            "groups": groups,
            "drop_invalid": balancer.attrs.get("routing.http.drop_invalid_header_fields.enabled") == "true",
            "key": balancer.arn,
        }
        for subnet in balancer.subnets:
            found[balancer.arn, subnet.availability_zone] = config
    return found


def _moved(port: Any, shift: int) -> int:
    return int(port) + shift if int(port) < 1024 else int(port)


def _listener(
    listener: Any, ip: str, ports: Mapping[int, int], serving: Callable[[str, str], dict[str, Any] | None]
) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "arn": listener.arn,
        "host": ip,
        "port": ports[int(listener.port)],
        "rules": [_rule(rule, ports) for rule in listener.rules.values()],
    }
    if listener.protocol == "HTTPS":
        found = [serving(arn, ip) for arn in (*listener.certificates, *listener.further)]
        shown["secure"] = {"policy": listener.ssl_policy or "", "certificates": [one for one in found if one]}
    return shown


def _rule(rule: Any, ports: Mapping[int, int]) -> dict[str, Any]:
    shown: dict[str, Any] = {"priority": None if rule.is_default else int(rule.priority), "path": [], "host": []}
    for condition in rule.conditions:
        values = condition.get("Values") or []
        if condition["Field"] == "path-pattern":
            shown["path"] = (condition.get("PathPatternConfig") or {}).get("Values") or values
        elif condition["Field"] == "host-header":
            shown["host"] = (condition.get("HostHeaderConfig") or {}).get("Values") or values
    for action in rule.actions:
        if action.type == "forward":
            shown["forward"] = [[group, weight] for group, weight in groups_of(action.data)]
        elif action.type == "fixed-response":
            shown["fixed"] = _fixed(action.data.get("FixedResponseConfig") or {})
        elif action.type == "redirect":
            shown["redirect"] = _redirect(action.data.get("RedirectConfig") or {}, ports)
    return shown


def _redirect(config: Mapping[str, Any], ports: Mapping[int, int]) -> dict[str, Any]:
    """Where to; a listener of the same load balancer is where it listens here."""
    parts = {key.lower(): config.get(key, kept) for key, kept in REDIRECT.items()}
    if str(parts["port"]).isdigit():
        parts["port"] = str(ports.get(int(parts["port"]), parts["port"]))
    return {"status": int(str(config["StatusCode"]).removeprefix("HTTP_")), **parts}


def _fixed(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "status": int(config.get("StatusCode", 200)),
        "type": config.get("ContentType", "text/plain"),
        "body": config.get("MessageBody", ""),
    }


def _group(group: Any, world: World, address: Callable[[str], str]) -> dict[str, Any]:
    targets = [
        {
            "id": target.id,
            "port": target.port,
            "address": address(target.id),
            "draining_since": target.draining.timestamp() if target.draining else None,
        }
        for key, target in sorted(world.targets.items())
        if key[0] == group.arn
    ]
    return {
        "path": group.health_check_path or "/",
        "interval": float(group.health_check_interval_seconds),
        "timeout": float(group.health_check_timeout_seconds),
        "healthy": int(group.healthy_threshold_count),
        "unhealthy": int(group.unhealthy_threshold_count),
        "matcher": (group.matcher or {}).get("HttpCode", "200"),
        "delay": float(group.attributes["deregistration_delay.timeout_seconds"]),
        "algorithm": group.attributes["load_balancing.algorithm.type"],
        "slow_start": float(group.attributes["slow_start.duration_seconds"]),
        "sticky": _sticky(group.attributes),
        "targets": targets,
    }


def _sticky(attributes: Mapping[str, Any]) -> dict[str, Any] | None:
    if str(attributes["stickiness.enabled"]) != "true":
        return None
    kind = attributes.get("stickiness.type", "lb_cookie")
    cookie = attributes["stickiness.app_cookie.cookie_name"] if kind == "app_cookie" else ""
    return {"duration": float(attributes[f"stickiness.{kind}.duration_seconds"]), "cookie": cookie}
