"""The public addresses of NAT gateways. AllocateAddress knows no token, so that one made before is found by its tags.

A gateway keeps its address for life: one in another subnet gets another address, and the old one goes with the old one.

An address is released after its gateway is deleted, which takes AWS a minute; until then it answers AuthFailure, "you
do not have permission", although nobody lacks any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.base.errors import NotYet, Refused
from controller.base.keys import OWNER_TAG, Key, Ref, Tags, lasting_tags
from controller.engine.reconciler import Change, Observed, born_as, spec
from controller.spec import network
from controller.spec.names import born_tags

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack

HELD = {"AuthFailure", "InvalidIPAddress.InUse"}  # by a gateway of AWS's, by an interface of ours
LOOK_AGAIN = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class ElasticIp:
    """One address of AWS's pool; which one is AWS's to choose. `subnet` is where the gateway stands that it is for, and
    `cidr` the range of that one."""

    subnet: str | Ref = spec(immutable=True)
    tags: Tags = spec(subset=True, risk="cosmetic")
    cidr: str = spec(compare=False, default="")


class ElasticIpKind:
    kind = "elastic_ip"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, ElasticIp]]:
        for place in sorted(set(network.nat_places(stack.network))):
            key = Key(self.kind, network.nat_gateway(place).key.name)
            where, cidr = network.subnet("public", place), stack.network.public_subnets[place]
            yield key, ElasticIp(where, born_tags(stack, key), cidr)

    def observe(self, reads: Reads, wanted: Mapping[Key, ElasticIp], owner: str) -> Mapping[Key, Observed[ElasticIp]]:
        if not wanted and not reads.any_left(self.kind):
            return {}
        held = {
            str(one["AllocationId"]): str(gateway["SubnetId"])
            for gateway in reads.nat_gateways()
            for one in gateway.get("NatGatewayAddresses", [])
            if gateway["State"] not in {"deleted", "failed"} and one.get("AllocationId")
        }
        ranges = {str(one["CidrBlock"]): str(one["SubnetId"]) for one in reads.subnets()}
        found = {}
        for key, item, live in tags.born(reads.addresses(), self.kind, "AllocationId"):
            wish = wanted.get(born_as(key))
            there = ranges.get(wish.cidr, "") if wish is not None else ""
            free = "" if there in held.values() else there  # one that nobody holds may go where none is yet
            found[key] = parse_address(item, live, held.get(str(item["AllocationId"]), free))
        return found

    def create(self, aws: Aws, key: Key, desired: ElasticIp) -> Mapping[str, str]:
        born_so: Any = aws.ec2.describe_addresses(Filters=tags.filters(desired.tags))["Addresses"]
        where: Any = {"Filter": [{"Name": "subnet-id", "Values": [str(desired.subnet)]}]}
        gateways = [one for one in aws.ec2.describe_nat_gateways(**where)["NatGateways"] if one["State"] != "deleted"]
        held = {one.get("AllocationId") for gateway in gateways for one in gateway.get("NatGatewayAddresses", [])}
        there = [one for one in born_so if one["AllocationId"] in held]  # made by an earlier try
        found: Any = there or [one for one in born_so if not one.get("AssociationId")]
        if not found:
            born = tags.specification("elastic-ip", desired.tags)
            found = [aws.ec2.allocate_address(Domain="vpc", TagSpecifications=born)]
        return _outputs(min(found, key=lambda one: str(one["AllocationId"])))

    def update(
        self, aws: Aws, observed: Observed[ElasticIp], desired: ElasticIp, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        aws.ec2.create_tags(Resources=[observed.outputs["id"]], Tags=tags.pascal(desired.tags))
        return {}

    def delete(self, aws: Aws, observed: Observed[ElasticIp]) -> None:
        ident, public = observed.outputs["id"], observed.outputs["public_ip"]
        for item in aws.ec2.describe_addresses(AllocationIds=[ident])["Addresses"]:
            if item.get("InstanceId"):
                raise Refused(f"{public} was given to {item['InstanceId']} by others: it is left alone")
            if item.get("AssociationId"):
                raise NotYet(f"{public} is still held by {item.get('NetworkInterfaceId', 'a gateway')}", LOOK_AGAIN)
        try:
            aws.ec2.release_address(AllocationId=ident)
        except Refused as refusal:
            if refusal.code not in HELD:
                raise
            raise NotYet(f"{public} is still held by a gateway that is being deleted", LOOK_AGAIN) from refusal


def parse_address(item: Mapping[str, Any], live: Mapping[str, str], subnet: str) -> Observed[ElasticIp]:
    return Observed(ElasticIp(subnet, lasting_tags(live)), _outputs(item), live.get(OWNER_TAG))


def _outputs(item: Mapping[str, Any]) -> dict[str, str]:
    return {"id": str(item["AllocationId"]), "public_ip": str(item["PublicIp"])}


KIND = ElasticIpKind()
