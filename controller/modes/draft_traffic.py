"""The part of a drafted spec that says how requests reach a service. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from controller.aws.balancing import OWN_COOKIE, parse_balancing
from controller.aws.forwarding import parse_forwards
from controller.aws.survey import Item, Survey
from controller.modes.draft_model import Draft
from controller.resources.listener_rule import parse_rule
from controller.resources.target_group import parse_group
from controller.spec.names import COLOURS

PEERS = (("Ipv6Ranges", "CidrIpv6"), ("PrefixListIds", "PrefixListId"), ("UserIdGroupPairs", "GroupId"))
NOBODY = "127.0.0.1/32"  # comes from no network
LAST = 50000  # the priority of the rule that takes the place of a listener's default action


def traffic(found: Survey, item: Item, name: str, listeners: dict[str, str], said: dict[str, Any], into: Draft) -> None:
    arns = groups_of(item)
    groups = {one["TargetGroupArn"]: one for one in found.target_groups}
    if not arns or arns[0] not in groups:
        return
    serving = groups[arns[0]]
    attributes = found.attributes[arns[0]]
    live = parse_group(serving, attributes, {}).as_desired
    into.names[f"target_group/{name}-blue"] = serving["TargetGroupName"]
    if other := _pair(serving["TargetGroupName"], [one["TargetGroupName"] for one in found.target_groups]):
        into.names[f"target_group/{name}-green"] = other
    said["health"] = {
        "path": live.health.path,
        "interval": f"{live.health.interval}s",
        "timeout": f"{live.health.timeout}s",
        "healthy": live.health.healthy,
        "unhealthy": live.health.unhealthy,
        "matcher": live.health.matcher,
        "grace": f"{int(item.get('healthCheckGracePeriodSeconds') or 0)}s",
    }
    if (live.health.port, live.health.protocol) != ("traffic-port", "HTTP"):
        into.notes.append(
            f"service {name}: apply has its targets asked at their own port by HTTP, not at {live.health.port} by "
            f"{live.health.protocol}"
        )
    said["deregistration_delay"] = f"{live.deregistration_delay}s"
    said |= _share(attributes)
    routes = _routes(found, arns[0], listeners, into)
    route = routes[0] if routes else None
    if len(routes) > 1:
        into.notes.append(
            f"service {name} has {len(routes)} ways in, the spec one: {routes[1:]} stay as they are, of others"
        )
    if route is None:
        into.notes.append(f"service {name}: no listener leads to {serving['TargetGroupName']}; give it a route")
    else:
        said["route"] = route


def tell_settings(found: Survey, name: str, into: Draft) -> None:
    """What others set in the target groups that the draft names for the service *name*."""
    mine = [live for address, live in sorted(into.names.items()) if address in _groups_named(name)]
    for one in found.target_groups:
        live = parse_group(one, found.attributes[one["TargetGroupArn"]], {}).as_desired
        if live.name in mine and live.others:
            into.notes.append(
                f"service {name}: apply takes {', '.join(live.others)} off its target group {live.name}: no spec can "
                "say it"
            )


def _groups_named(name: str) -> list[str]:
    return [f"target_group/{name}-{colour}" for colour in COLOURS]


def _share(attributes: dict[str, str]) -> dict[str, Any]:
    """How a target gets its share of the requests, where that is not what a target group is born with."""
    live = parse_balancing(attributes)
    said: dict[str, Any] = {"algorithm": live.algorithm} if live.algorithm != "round_robin" else {}
    said |= {"slow_start": f"{live.slow_start}s"} if live.slow_start else {}
    if (sticky := live.stickiness) is not None:
        cookie = {"cookie": sticky.cookie} if sticky.cookie != OWN_COOKIE else {}
        said["stickiness"] = {"duration": f"{sticky.duration}s", **cookie}
    return said


def _pair(name: str, others: list[str]) -> str:
    """The group that stands beside *name*, told by its colour."""
    for mine, other in (("blue", "green"), ("green", "blue")):
        if mine in name and name.replace(mine, other) in others:
            return name.replace(mine, other)
    return ""


def _routes(found: Survey, group: str, listeners: dict[str, str], into: Draft) -> list[dict[str, Any]]:
    """The rules that lead to *group*, what takes everything first: such a rule takes the place of a default action."""
    said: list[dict[str, Any]] = []
    for item in sorted(found.rules, key=lambda one: not one["IsDefault"]):
        if group not in {str(one.group) for one in parse_forwards(item.get("Actions", []))}:
            continue
        listener = listeners[item["ListenerArn"]]
        if item["IsDefault"]:
            said.append({"listener": listener, "path": "/*", "priority": LAST})
            continue
        rule = parse_rule(item, {}).as_desired
        if strange := [path for path in rule.paths if path.startswith("and ")]:
            into.notes.append(
                f"rule {rule.priority} of {listener} matches {', '.join(strange)}, too: write its route by hand"
            )
            continue
        one: dict[str, Any] = {"listener": listener, "priority": rule.priority}
        one |= {"path": list(rule.paths)} if rule.paths else {}
        said.append(one | ({"host": list(rule.hosts)} if rule.hosts else {}))
    return said


def allowed(permissions: Iterable[Item], ports: Iterable[int], into: Draft) -> list[str]:
    """The address blocks that may connect, of the inward rules of the load balancer's security group. Left out they
    would be all there are: where no block may, one is written that nobody has."""
    live: set[tuple[int, str]] = set()
    others: list[str] = []
    wanted = sorted(ports)
    for item in permissions:
        low, high = (0, 65535) if item["IpProtocol"] == "-1" else (int(item["FromPort"]), int(item["ToPort"]))
        reached = [port for port in wanted if low <= port <= high]
        live |= {(port, block["CidrIp"]) for port in reached for block in item.get("IpRanges", [])}
        others += [
            f"{one[name]} (ports {low}-{high})" for peers, name in PEERS for one in item.get(peers, []) if reached
        ]
    if others:
        into.notes.append(
            f"the load balancer lets in {', '.join(others)}: `allow` cannot say it, it stays as rules of others"
        )
    blocks = sorted({block for _, block in live})
    if not blocks:
        into.notes.append(
            f"the load balancer lets in no IPv4 block: `allow` needs one, and has {NOBODY}, which is nobody"
        )
    into.notes += [
        f"apply lets {block} in at port {port} of the load balancer, too: `allow` is of all its ports"
        for block in blocks
        for port in wanted
        if (port, block) not in live
    ]
    return blocks or [NOBODY]


def groups_of(item: Item) -> list[str]:
    """The target groups of a service, by arn."""
    return [one["targetGroupArn"] for one in item.get("loadBalancers", []) if one.get("targetGroupArn")]
