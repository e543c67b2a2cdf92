"""The network of a stack: one VPC, with DNS names for its hosts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.base.errors import NotYet
from controller.base.keys import OWNER_TAG, Key, Tags, birth_tags, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack


@dataclass(frozen=True, slots=True)
class Vpc:
    cidr: str = spec(forever="every address in the stack would change: build a second stack beside it and move over")
    tags: Tags = spec(subset=True, risk="cosmetic")
    dns_hostnames: bool = True


class VpcKind:
    """DescribeVpcs by owner tag; DNS names are an attribute with a call of its own."""

    kind = "vpc"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, Vpc]]:
        key = Key(self.kind, "main")
        yield key, Vpc(stack.network.cidr, birth_tags(stack.name, key, live_name(stack, key), stack.tags))

    def observe(self, reads: Reads, wanted: Mapping[Key, Vpc], owner: str) -> Mapping[Key, Observed[Vpc]]:
        return {
            key: parse_vpc(item, live, reads.vpc_dns_hostnames(item["VpcId"]), notes)
            for key, item, live, notes in tags.owned(reads.vpcs(), self.kind, "VpcId")
        }

    def create(self, aws: Aws, key: Key, desired: Vpc) -> Mapping[str, str]:
        born: Any = tags.specification("vpc", desired.tags)
        found = aws.ec2.describe_vpcs(Filters=tags.filters(desired.tags))["Vpcs"]
        made = found or [aws.ec2.create_vpc(CidrBlock=desired.cidr, TagSpecifications=born)["Vpc"]]
        vpc_id = min(one["VpcId"] for one in made)
        _set_dns(aws, vpc_id, desired.dns_hostnames)
        return {"id": vpc_id}

    def update(self, aws: Aws, observed: Observed[Vpc], desired: Vpc, changes: tuple[Change, ...]) -> Mapping[str, str]:
        for change in changes:
            if change.field == "dns_hostnames":
                _set_dns(aws, observed.outputs["id"], desired.dns_hostnames)
            if change.field == "tags":
                aws.ec2.create_tags(Resources=[observed.outputs["id"]], Tags=tags.pascal(desired.tags))
        return {}

    def delete(self, aws: Aws, observed: Observed[Vpc]) -> None:
        vpc_id = observed.outputs["id"]
        try:
            aws.ec2.delete_vpc(VpcId=vpc_id)
        except NotYet as busy:
            filters: Any = [{"Name": "vpc-id", "Values": [vpc_id]}]
            left = aws.ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
            names = (
                ", ".join(item.get("Description") or item["NetworkInterfaceId"] for item in left) or "something in it"
            )
            raise NotYet(f"{vpc_id} still used by: {names}", busy.after) from busy


def parse_vpc(
    item: Mapping[str, Any], live: Mapping[str, str], hostnames: bool, notes: tuple[str, ...]
) -> Observed[Vpc]:
    as_desired = Vpc(item["CidrBlock"], lasting_tags(live), hostnames)
    return Observed(as_desired, {"id": item["VpcId"]}, live.get(OWNER_TAG), notes=notes)


def _set_dns(aws: Aws, vpc_id: str, wanted: bool) -> None:
    aws.ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": wanted})


KIND = VpcKind()
