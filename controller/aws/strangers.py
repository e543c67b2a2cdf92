"""What of others is in a place of ours and keeps it from being deleted: nothing of ours ever ends it."""

from __future__ import annotations

from typing import Any

from controller.aws import tags
from controller.aws.client import Aws, pages
from controller.base.keys import OWNER_TAG

STAYING = ["pending", "running", "stopping", "stopped"]  # instances; one that is shutting down goes by itself


def hosts_of_others(aws: Aws, place: str, ident: str, owner: str | None) -> list[tuple[str, bool]]:
    """The instances that are not *owner*'s in a place, which the filter *place* finds by *ident*: words for each, and
    whether it has a public address."""
    asked: Any = [{"Name": place, "Values": [ident]}, {"Name": "instance-state-name", "Values": STAYING}]
    found = pages(aws.ec2.describe_instances, "Reservations", Filters=asked)
    return [
        (f"instance {_named(one, 'InstanceId')}", bool(one.get("PublicIpAddress")))
        for reservation in found
        for one in reservation["Instances"]
        if tags.read(one.get("Tags")).get(OWNER_TAG) != owner
    ]


def gateways_of_others(aws: Aws, place: str, ident: str, owner: str | None) -> list[tuple[str, bool]]:
    """The same of NAT gateways."""
    asked: Any = [{"Name": place, "Values": [ident]}, {"Name": "state", "Values": ["pending", "available"]}]
    return [
        (f"NAT gateway {_named(one, 'NatGatewayId')}", one.get("ConnectivityType") != "private")
        for one in pages(aws.ec2.describe_nat_gateways, "NatGateways", Filter=asked)
        if tags.read(one.get("Tags")).get(OWNER_TAG) != owner
    ]


def _named(item: Any, ident: str) -> str:
    name = tags.read(item.get("Tags")).get("Name")
    return f"{item[ident]} ({name})" if name else str(item[ident])
