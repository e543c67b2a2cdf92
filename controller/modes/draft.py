"""A spec for what a survey found, and what it could not say. Pure.

It says what is there, so that a plan after `adopt` lists what really differs: what our stacks have and this one lacks
(rules of security groups, settings of hosts), and what no field can say, which `notes` name.
"""

from __future__ import annotations

import re
from typing import Any

from controller.aws.forwarding import parse_forwards
from controller.aws.routes import ANYWHERE
from controller.aws.survey import Item, Survey
from controller.base.errors import Refused
from controller.modes.draft_hosts import pool_of
from controller.modes.draft_model import Draft
from controller.modes.draft_services import service_of, spec_name
from controller.modes.draft_traffic import allowed, groups_of
from controller.resources.cluster import parse_cluster
from controller.resources.listener import Redirect, parse_default
from controller.resources.load_balancer import parse_balancer
from controller.resources.repository import parse_lifecycle

LONGEST_NAME = 16  # of a stack


def draft(found: Survey) -> Draft:
    one = Draft()
    one.document = {"version": 1, "stack": _stack(found.prefix), "region": found.region, "account": found.account}
    one.document["network"] = _network(found, one)
    if found.repositories:
        one.document["registry"] = dict(_repository(found, item, one) for item in found.repositories)
    one.notes += [f"no service runs images of the repository {name}: it is left out" for name in found.idle]
    listeners = _listeners(found)
    if found.balancer is not None:
        one.document["load_balancer"] = _balancer(found, one, listeners)
    one.document["cluster"] = _cluster(found, one)
    grouped = [g["AutoScalingGroupName"] for g in found.groups if g["AutoScalingGroupName"] in found.templates]
    pools = _unique(found, grouped, "asg", "ecs", "hosts", "group") if len(grouped) != 1 else {grouped[0]: "main"}
    one.notes += [
        f"{g['AutoScalingGroupName']} has no launch template: it is left out"
        for g in found.groups
        if g["AutoScalingGroupName"] not in pools
    ]
    if pools:
        one.document["hosts"] = {
            pool: pool_of(found, group, pool, one)
            for group in found.groups
            if (pool := pools.get(group["AutoScalingGroupName"]))
        }
    services = _unique(found, [item["serviceName"] for item in found.services], "svc", "service")
    if services:
        one.document["services"] = {
            services[item["serviceName"]]: service_of(
                found, item, services[item["serviceName"]], _provided(found, pools), listeners, one
            )
            for item in found.services
        }
    one.document["names"] = _once(one)
    return one


def _once(one: Draft) -> dict[str, str]:
    """The names, each thing once: what several share belongs to the first, and apply makes the others theirs."""
    owners: dict[tuple[str, str], str] = {}
    for address, name in sorted(one.names.items()):
        first = owners.setdefault((address.partition("/")[0], name), address)
        if first != address:
            one.notes.append(f"{name} is {first} and {address}: named once, apply makes a {address} of its own")
    return {address: name for (_, name), address in sorted(owners.items(), key=lambda item: item[1])}


def _stack(prefix: str) -> str:
    name = re.sub("[^a-z0-9]+", "-", prefix.lower()).lstrip("-0123456789")
    return name[:LONGEST_NAME].strip("-") or "imported"


def _short(found: Survey, name: str, *usual: str) -> str:
    """*name* without the prefix and the words that say what it is; ``main`` when nothing is left.

    >>> _short(Survey("shop", "", "", {}), "shop-web-svc", "svc"), _short(Survey("shop", "", "", {}), "shop-svc", "svc")
    ('web', 'main')
    """
    words = [word for word in re.split("[^a-z0-9]+", name.lower().removeprefix(found.prefix.lower())) if word]
    kept = [word for word in words if word not in usual] or ["main"]
    return re.sub("^[^a-z]+", "", "-".join(kept))[:24].strip("-") or "main"


def _unique(found: Survey, names: list[str], *usual: str) -> dict[str, str]:
    """What the spec calls each of *names*: two that come out alike keep their full names."""
    short = {name: _short(found, name, *usual) for name in names}
    alike = {name for name in names if sum(1 for other in short.values() if other == short[name]) > 1}
    whole = {name: re.sub("[^a-z0-9]+", "-", name.lower())[-24:].lstrip("-0123456789") for name in alike}
    return {name: whole.get(name, short[name]) for name in names}


def _provided(found: Survey, pools: dict[str, str]) -> dict[str, str]:
    """The pool of each capacity provider."""
    groups = {
        one["name"]: one["autoScalingGroupProvider"]["autoScalingGroupArn"].rsplit("/", 1)[-1]
        for one in found.providers
    }
    return {provider: pools[group] for provider, group in groups.items() if group in pools}


# ------------------------------------------------------------------------------------------------ network
def _network(found: Survey, one: Draft) -> dict[str, Any]:
    """A network of the stack's own where it has the form of one of ours; else used as it is, and never changed."""
    if found.vpc is None:
        raise Refused(f"{found.cluster['clusterName']} has no services and no hosts: there is no network to find it by")
    vpc = found.vpc["VpcId"]
    ids = [subnet["SubnetId"] for subnet in found.subnets]
    table, gateway = _public_table(found, ids), next((item["InternetGatewayId"] for item in found.gateways), "")
    zones = [subnet["AvailabilityZone"] for subnet in found.subnets]
    open_ = all(subnet.get("MapPublicIpOnLaunch") for subnet in found.subnets)
    ours = table and gateway and open_ and found.dns_hostnames and len(set(zones)) == len(zones)
    if found.strangers:
        more = f" and {len(found.strangers) - 2} more" if len(found.strangers) > 2 else ""
        one.notes.append(f"others live in {vpc}, too ({', '.join(found.strangers[:2])}{more})")
    elif ours:
        one.names |= {"vpc/main": vpc, "internet_gateway/main": gateway, "route_table/public": table}
        one.names |= {f"subnet/public-{place}": ident for place, ident in enumerate(ids, 1)}
        blocks = [subnet["CidrBlock"] for subnet in found.subnets]
        return {"cidr": found.vpc["CidrBlock"], "public_subnets": blocks}
    front = [zone["SubnetId"] for zone in found.balancer["AvailabilityZones"]] if found.balancer is not None else ids
    public = [ident for ident in ids if ident in front]
    private = [ident for ident in ids if ident not in front]
    one.notes.append(f"{vpc} has not the form of a network of ours: it is used as it is, never changed or destroyed")
    return {"vpc": vpc, "public_subnets": public, **({"private_subnets": private} if private else {})}


def _public_table(found: Survey, subnets: list[str]) -> str:
    """The one table of all *subnets*, when its default route leads to the internet gateway; else ""."""
    held = {
        association["SubnetId"]: table
        for table in found.route_tables
        for association in table.get("Associations", [])
        if association.get("SubnetId") in subnets
    }
    tables = {table["RouteTableId"]: table for table in held.values()}
    if set(held) != set(subnets) or len(tables) != 1:
        return ""
    ((ident, table),) = tables.items()
    routes = [route for route in table.get("Routes", []) if route.get("DestinationCidrBlock") == ANYWHERE]
    return ident if any(str(route.get("GatewayId", "")).startswith("igw-") for route in routes) else ""


# ------------------------------------------------------------------------------------------------ traffic
def _listeners(found: Survey) -> dict[str, str]:
    """What the spec calls each listener, by arn: ``http`` and ``https`` where those are alone, else by port."""
    names = {}
    for item in found.listeners:
        usual = item["Protocol"].lower()
        alone = sum(1 for other in found.listeners if other["Protocol"] == item["Protocol"]) == 1
        names[item["ListenerArn"]] = usual if alone else f"{usual}-{item['Port']}"
    return names


def _balancer(found: Survey, one: Draft, names: dict[str, str]) -> dict[str, Any]:
    assert found.balancer is not None
    one.names["load_balancer/main"] = found.balancer["LoadBalancerName"]
    groups = found.balancer.get("SecurityGroups", [])
    if groups:
        one.names["security_group/load-balancer"] = groups[0]
    one.notes += [f"security group {ident} of the load balancer is taken off by apply" for ident in groups[1:]]
    ports = {int(item["Port"]): names[item["ListenerArn"]] for item in found.listeners}
    permissions = found.security_groups.get(groups[0], {}).get("IpPermissions", []) if groups else []
    said: dict[str, Any] = {"allow": allowed(permissions, ports, one)}
    said["listeners"] = {names[item["ListenerArn"]]: _listener(found, item, ports, one) for item in found.listeners}
    attributes = found.attributes[found.balancer["LoadBalancerArn"]]
    if others := parse_balancer(found.balancer, attributes, {}).as_desired.others:
        one.notes.append(f"apply takes {', '.join(others)} off the load balancer: no spec can say it")
    if (idle := attributes.get("idle_timeout.timeout_seconds", "60")) != "60":
        said["idle_timeout"] = f"{idle}s"
    if found.balancer.get("Scheme") == "internal":
        said["scheme"] = "internal"
    for name, attribute in (
        ("deletion_protection", "deletion_protection.enabled"),
        ("drop_invalid_headers", "routing.http.drop_invalid_header_fields.enabled"),
    ):
        if attributes.get(attribute) == "true":
            said[name] = True
    if attributes.get("access_logs.s3.enabled") == "true":
        prefix = attributes.get("access_logs.s3.prefix", "")
        bucket = attributes.get("access_logs.s3.bucket", "")
        said["access_logs"] = {"bucket": bucket, **({"prefix": prefix} if prefix else {})}
    return said


def _listener(found: Survey, item: Item, ports: dict[int, str], one: Draft) -> dict[str, Any]:
    said: dict[str, Any] = {"port": int(item["Port"])}
    if item["Protocol"] == "HTTPS":
        said |= {"certificate": item["Certificates"][0]["CertificateArn"], "policy": item.get("SslPolicy", "")}
        said |= {"certificates": more} if (more := found.certificates.get(item["ListenerArn"])) else {}
    match parse_default(item.get("DefaultActions", [])):
        case Redirect(port=port) if port.isdigit() and ports.get(int(port), ""):
            said["redirect"] = ports[int(port)]
        case Redirect():
            one.notes.append(f"the listener on port {item['Port']} redirects elsewhere: apply makes it answer 404")
        case _:
            groups = {str(forward.group) for forward in parse_forwards(item.get("DefaultActions", []))}
            leads = {arn for service in found.services for arn in groups_of(service)}
            others = sorted(arn.rsplit("/", 2)[-2] for arn in groups - leads)
            if others:
                one.notes.append(f"port {item['Port']} forwards to {', '.join(others)} by default: left alone")
    return said


# ------------------------------------------------------------------------------------------------ the rest
def _cluster(found: Survey, one: Draft) -> dict[str, Any]:
    one.names["cluster/main"] = found.cluster["clusterName"]
    insights = next((s["value"] for s in found.cluster.get("settings", []) if s["name"] == "containerInsights"), "")
    said: dict[str, Any] = {"container_insights": "enhanced" if insights == "enhanced" else insights == "enabled"}
    logging = parse_cluster(found.cluster).as_desired.exec_log
    if logging == "NONE":
        said["execute_command"] = {"logging": "none"}
    elif logging != "DEFAULT":
        one.notes.append(f"apply sets the log of execute-command to the task's own: no spec can say {logging}")
    return said


def _repository(found: Survey, item: Item, one: Draft) -> tuple[str, dict[str, Any]]:
    live = item["repositoryName"]
    name = spec_name(live)
    one.names[f"repository/{name}"] = live
    said: dict[str, Any] = {"scan_on_push": bool(item.get("imageScanningConfiguration", {}).get("scanOnPush"))}
    if item.get("imageTagMutability") == "IMMUTABLE":
        said["immutable"] = True
    lifecycle = parse_lifecycle(found.parts.lifecycles.get(live))
    if lifecycle.keep_images:
        said["keep_images"] = lifecycle.keep_images
    if lifecycle.expire_untagged:
        said["expire_untagged"] = f"{lifecycle.expire_untagged}d"
    if lifecycle.other_rules:
        one.notes.append(f"apply takes the lifecycle policy off {live}: no spec can say its rules")
    encryption = item.get("encryptionConfiguration", {})
    if encryption.get("encryptionType") == "KMS":
        said["encryption"] = encryption.get("kmsKey") or "KMS"
    return name, said
