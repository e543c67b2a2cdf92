"""The public route table: our routes and our associations. Routes of others are left alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.base.keys import OWNER_TAG, Key, Ref, Tags, birth_tags, key_of, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack

ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True, slots=True)
class RouteTable:
    """`gateway` is where everything that is not local goes; `subnets` are those associated, in the spec's order."""

    gateway: str | Ref
    subnets: tuple[str | Ref, ...]
    vpc: str | Ref = spec(immutable=True)
    tags: Tags = spec(subset=True, risk="cosmetic")


class RouteTableKind:
    kind = "route_table"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, RouteTable]]:
        key = Key(self.kind, "public")
        subnets = tuple(Ref(Key("subnet", f"public-{i + 1}")) for i in range(len(stack.network.public_subnets)))
        gateway = Ref(Key("internet_gateway", "main"))
        born = birth_tags(stack.name, key, live_name(stack, key), stack.tags)
        yield key, RouteTable(gateway, subnets, Ref(Key("vpc", "main")), born)

    def observe(self, reads: Reads, wanted: Mapping[Key, RouteTable], owner: str) -> Mapping[Key, Observed[RouteTable]]:
        found = {}
        for item in sorted(reads.route_tables(), key=lambda one: str(one["RouteTableId"]), reverse=True):
            live = tags.read(item.get("Tags"))
            if key := key_of(live, self.kind):
                found[key] = parse_table(item, live, _order(wanted.get(key), reads))
        return found

    def create(self, aws: Aws, key: Key, desired: RouteTable) -> Mapping[str, str]:
        made = aws.ec2.create_route_table(
            VpcId=str(desired.vpc), TagSpecifications=tags.specification("route-table", desired.tags)
        )
        table = made["RouteTable"]["RouteTableId"]
        aws.ec2.create_route(RouteTableId=table, DestinationCidrBlock=ANYWHERE, GatewayId=str(desired.gateway))
        for subnet in desired.subnets:
            aws.ec2.associate_route_table(RouteTableId=table, SubnetId=str(subnet))
        return {"id": table}

    def update(
        self, aws: Aws, observed: Observed[RouteTable], desired: RouteTable, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        table = observed.outputs["id"]
        for change in changes:
            if change.field == "gateway":
                call = aws.ec2.replace_route if change.before else aws.ec2.create_route
                call(RouteTableId=table, DestinationCidrBlock=ANYWHERE, GatewayId=str(desired.gateway))
            if change.field == "subnets":
                for subnet in set(desired.subnets) - set(observed.as_desired.subnets):
                    _associate(aws, table, str(subnet))
            if change.field == "tags":
                aws.ec2.create_tags(Resources=[table], Tags=tags.pascal(desired.tags))
        return {}

    def delete(self, aws: Aws, observed: Observed[RouteTable]) -> None:
        table = observed.outputs["id"]
        live = aws.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]
        for association in live.get("Associations", []):
            if not association.get("Main"):
                aws.ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
        aws.ec2.delete_route_table(RouteTableId=table)


def parse_table(item: Mapping[str, Any], live: Mapping[str, str], order: Mapping[str, int]) -> Observed[RouteTable]:
    """Our default route and the associated subnets, those of the spec in its order, others after them."""
    gateway = next(
        (
            route.get("GatewayId", "")
            for route in item.get("Routes", [])
            if route.get("DestinationCidrBlock") == ANYWHERE
        ),
        "",
    )
    subnets = [one["SubnetId"] for one in item.get("Associations", []) if one.get("SubnetId")]
    subnets.sort(key=lambda subnet: (order.get(subnet, len(order)), subnet))
    as_desired = RouteTable(gateway, tuple(subnets), item["VpcId"], lasting_tags(live))
    return Observed(as_desired, {"id": item["RouteTableId"]}, live.get(OWNER_TAG))


def _order(wanted: RouteTable | None, reads: Reads) -> dict[str, int]:
    """The ids of the wanted subnets by their place in the spec."""
    names = [ref.key for ref in wanted.subnets if isinstance(ref, Ref)] if wanted else []
    ids = {key_of(tags.read(item.get("Tags")), "subnet"): item["SubnetId"] for item in reads.subnets()}
    return {ids[key]: place for place, key in enumerate(names) if key in ids}


def _associate(aws: Aws, table: str, subnet: str) -> None:
    """Associate *subnet* with *table*, moving it in one call when another table holds it (no gap without a route)."""
    filters: Any = [{"Name": "association.subnet-id", "Values": [subnet]}]
    for other in aws.ec2.describe_route_tables(Filters=filters)["RouteTables"]:
        for association in other.get("Associations", []):
            if association.get("SubnetId") == subnet:
                aws.ec2.replace_route_table_association(
                    AssociationId=association["RouteTableAssociationId"], RouteTableId=table
                )
                return
    aws.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)


KIND = RouteTableKind()
