"""Whose way to AWS a part of the network is: hosts and tasks whose agent cannot reach it cannot be drained."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from controller.aws import tags
from controller.aws.client import Aws, pages
from controller.aws.routes import default_route
from controller.base.keys import OWNER_TAG


def interfaces_in(aws: Aws, subnets: Iterable[str]) -> int:
    """How many network interfaces of hosts or tasks are in *subnets*."""
    asked: Any = [{"Name": "subnet-id", "Values": sorted(subnets)}]
    found = pages(aws.ec2.describe_network_interfaces, "NetworkInterfaces", Filters=asked) if asked[0]["Values"] else []
    return sum(one["Status"] == "in-use" and _of_host_or_task(one) for one in found)


def without_a_route(aws: Aws, vpc: str, owner: str, closed: Collection[str]) -> int:
    """How many of them are in subnets of the stack *owner* that no default route leads out of; those of the ranges
    *closed* aside, which shall have none."""
    inside: Any = [{"Name": "vpc-id", "Values": [vpc]}]
    tables = pages(aws.ec2.describe_route_tables, "RouteTables", Filters=inside)
    subnets = [
        str(one["SubnetId"])
        for one in pages(aws.ec2.describe_subnets, "Subnets", Filters=inside)
        if tags.read(one.get("Tags")).get(OWNER_TAG) == owner and one["CidrBlock"] not in closed
    ]
    return interfaces_in(aws, [one for one in subnets if not default_route(tables, one)])


def _of_host_or_task(interface: Mapping[str, Any]) -> bool:
    """Neither of a NAT gateway or an endpoint, which have types of their own, nor of a load balancer."""
    balancer = str(interface.get("Description", "")).startswith("ELB ")
    return interface.get("InterfaceType") == "interface" and not balancer
