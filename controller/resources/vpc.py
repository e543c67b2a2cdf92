"""The network of a stack: one VPC of its own, with DNS names for its hosts, or somebody else's, used as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.base.errors import NotYet, held_by_others
from controller.base.keys import OWNER_TAG, Key, Tags, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import born_tags

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack


@dataclass(frozen=True, slots=True)
class Vpc:
    cidr: str = spec(forever="every address in the stack would change: build a second stack beside it and move over")
    tags: Tags = spec(subset=True, risk="cosmetic")
    dns_hostnames: bool = True


@dataclass(frozen=True, slots=True)
class ExistingVpc:
    """Somebody else's, by its id."""

    existing: str


class VpcKind:
    """DescribeVpcs by owner tag; DNS names are an attribute with a call of its own."""

    kind = "vpc"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, Vpc | ExistingVpc]]:
        key = Key(self.kind, "main")
        if stack.network.vpc:
            yield key, ExistingVpc(stack.network.vpc)
            return
        yield key, Vpc(stack.network.cidr, born_tags(stack, key))

    def observe(
        self, reads: Reads, wanted: Mapping[Key, Vpc | ExistingVpc], owner: str
    ) -> Mapping[Key, Observed[Vpc] | Observed[ExistingVpc]]:
        found: dict[Key, Any] = {
            key: parse_vpc(item, live, reads.vpc_dns_hostnames(item["VpcId"]), notes)
            for key, item, live, notes in tags.owned(reads.vpcs(), self.kind, "VpcId")
        }
        for key, desired in wanted.items():
            if isinstance(desired, ExistingVpc) and not reads.destroying:
                made = found[key].outputs["id"] if key in found else ""
                found[key] = judge(desired, reads.vpc(desired.existing), made, reads.aws.region)
        return found

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
            if others := _of_others(aws, vpc_id, str(observed.owner)):
                raise held_by_others(vpc_id, others) from busy
            filters: Any = [{"Name": "vpc-id", "Values": [vpc_id]}]
            left = aws.ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
            if left:
                names = ", ".join(item.get("Description") or item["NetworkInterfaceId"] for item in left)
                raise NotYet(f"{vpc_id} still used by: {names}", busy.after) from busy
            raise NotYet(f"{vpc_id} still used by something in it", busy.after) from busy


def _of_others(aws: Aws, vpc_id: str, owner: str) -> list[str]:
    """What of others is in a VPC and holds it up, by id and name. What AWS made with it goes with it."""
    inside: Any = {"Filters": [{"Name": "vpc-id", "Values": [vpc_id]}]}
    groups = [g for g in aws.ec2.describe_security_groups(**inside)["SecurityGroups"] if g["GroupName"] != "default"]
    tables = [
        table
        for table in aws.ec2.describe_route_tables(**inside)["RouteTables"]
        if not any(one.get("Main") for one in table.get("Associations", []))
    ]
    subnets = aws.ec2.describe_subnets(**inside)["Subnets"]
    found: list[tuple[str, str, Any]] = [("security group", "GroupId", one) for one in groups]
    found += [("subnet", "SubnetId", one) for one in subnets] + [("route table", "RouteTableId", one) for one in tables]
    return [
        f"{what} {one[ident]}{f' ({name})' if (name := one.get('GroupName') or live.get('Name')) else ''}"
        for what, ident, one in found
        if (live := tags.read(one.get("Tags"))).get(OWNER_TAG) != owner
    ]


def parse_vpc(
    item: Mapping[str, Any], live: Mapping[str, str], hostnames: bool, notes: tuple[str, ...]
) -> Observed[Vpc]:
    as_desired = Vpc(item["CidrBlock"], lasting_tags(live), hostnames)
    return Observed(as_desired, {"id": item["VpcId"]}, live.get(OWNER_TAG), notes=notes)


def judge(desired: ExistingVpc, item: Mapping[str, Any] | None, made: str, region: str) -> Observed[ExistingVpc]:
    """The VPC that the spec names, with why the stack cannot live in it; *made* is one the stack has of its own."""
    if item is None:
        words = f"{desired.existing} does not exist in {region}: correct network.vpc, the region or the account"
        return Observed(desired, {}, problems=(words,))
    own = (
        f"this stack has a VPC of its own, {made}, and what it made lives there; a stack cannot move: give "
        "network.cidr as before, or destroy the stack first, or choose another stack name"
    )
    owner = tags.read(item.get("Tags")).get(OWNER_TAG)
    return Observed(desired, {"id": desired.existing}, owner, problems=(own,) if made else ())


def _set_dns(aws: Aws, vpc_id: str, wanted: bool) -> None:
    aws.ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": wanted})


KIND = VpcKind()
