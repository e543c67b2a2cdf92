"""In which availability zones a load balancer's targets are: it sends nothing to one in a zone that it has not."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

from controller.aws.client import Aws, pages
from controller.base.errors import Gone
from controller.base.keys import OWNER_TAG


def zones_of_targets(aws: Aws, balancer: str, vpc: str) -> set[str]:
    """The zones of all that is registered in the target groups of *balancer* (arn)."""
    try:
        groups = pages(aws.elbv2.describe_target_groups, "TargetGroups", "Marker", LoadBalancerArn=balancer)
    except Gone:  # it has none
        return set()
    found = [
        str(one["Target"]["Id"])
        for group in groups
        for one in aws.elbv2.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
    ]
    hosts = sorted({ident for ident in found if ident.startswith("i-")})
    return _zones_of_hosts(aws, hosts) | _zones_of_addresses(aws, vpc, set(found) - set(hosts))


def places_of_hosts(aws: Aws, owner: str) -> dict[str, str]:
    """The zones in which hosts of the stack *owner* run, where tasks may still come, and a subnet of theirs in each."""
    asked: Any = [
        {"Name": f"tag:{OWNER_TAG}", "Values": [owner]},
        {"Name": "instance-state-name", "Values": ["pending", "running"]},
    ]
    answer = pages(aws.ec2.describe_instances, "Reservations", Filters=asked)
    hosts = [host for one in answer for host in one["Instances"]]
    return {str(host["Placement"]["AvailabilityZone"]): str(host["SubnetId"]) for host in hosts}


def _zones_of_hosts(aws: Aws, hosts: list[str]) -> set[str]:
    asked: Any = [{"Name": "instance-id", "Values": hosts}]  # one that is gone by now is in no zone
    answer = pages(aws.ec2.describe_instances, "Reservations", Filters=asked) if hosts else []
    return {str(host["Placement"]["AvailabilityZone"]) for one in answer for host in one["Instances"]}


def _zones_of_addresses(aws: Aws, vpc: str, addresses: set[str]) -> set[str]:
    asked: Any = [{"Name": "vpc-id", "Values": [vpc]}]
    subnets = pages(aws.ec2.describe_subnets, "Subnets", Filters=asked) if addresses else []
    return {
        str(subnet["AvailabilityZone"])
        for subnet in subnets
        if any(ip_address(one) in ip_network(subnet["CidrBlock"]) for one in addresses)
    }
