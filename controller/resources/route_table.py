"""Route tables: our default route and our associations. Routes and associations of others are left alone.

The public subnets share one; each private subnet has its own, so that it goes over to another NAT gateway by one
ReplaceRoute, and is at no moment without a way out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.routes import ANYWHERE
from controller.aws.ways_out import interfaces_in
from controller.base.errors import Refused
from controller.base.keys import OWNER_TAG, Key, Ref, Tags, lasting_tags
from controller.base.words import plural
from controller.engine.reconciler import Change, Observed, spec
from controller.spec import network
from controller.spec.names import born_tags

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack

TARGETS = (
    "GatewayId", "NatGatewayId", "TransitGatewayId", "VpcPeeringConnectionId", "NetworkInterfaceId", "InstanceId",
    "LocalGatewayId", "CarrierGatewayId", "CoreNetworkArn", "EgressOnlyInternetGatewayId",
)  # fmt: skip
LOCAL = "local"
DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")


@dataclass(frozen=True, slots=True)
class RouteTable:
    """`gateway` is where everything that is not local goes, "" nowhere by our hand; `subnets` are those associated, in
    the spec's order, and `ranges` theirs."""

    gateway: str | Ref
    subnets: tuple[str | Ref, ...]
    vpc: str | Ref = spec(forever=network.MOVES_NOT)
    tags: Tags = spec(subset=True, risk="cosmetic")
    after: tuple[str | Ref, ...] = spec(compare=False, default=())  # the other way out, where this one is given up
    ranges: tuple[str, ...] = spec(compare=False, default=())


class RouteTableKind:
    kind = "route_table"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, RouteTable]]:
        if stack.network.vpc:
            return
        public = network.PUBLIC_TABLE.key
        ranges = stack.network.public_subnets
        yield public, self._table(stack, public, network.INTERNET, network.public_subnets(stack), ranges)
        nat = network.nat_places(stack.network)
        for place, subnet in enumerate(network.private_subnets(stack)):
            key = network.private_table(place).key
            gateway = network.nat_gateway(nat[place]) if nat else ""
            ranges = (stack.network.private_subnets[place],)
            yield key, self._table(stack, key, gateway, (subnet,), ranges, () if nat else network.interfaces(stack))

    def _table(
        self,
        stack: Stack,
        key: Key,
        gateway: str | Ref,
        subnets: tuple[Ref, ...],
        ranges: tuple[str, ...],
        after: tuple[Ref, ...] = (),
    ) -> RouteTable:
        return RouteTable(gateway, subnets, network.VPC, born_tags(stack, key), after, ranges)

    def observe(self, reads: Reads, wanted: Mapping[Key, RouteTable], owner: str) -> Mapping[Key, Observed[RouteTable]]:
        ours = {item["SubnetId"]: str(item["CidrBlock"]) for item in reads.subnets()}
        found = {
            key: parse_table(item, live, _order(wanted.get(key), ours), notes, ours)
            for key, item, live, notes in tags.owned(reads.route_tables(), self.kind, "RouteTableId")
        }
        closed = [key for key in found if key in wanted and wanted[key].gateway == "" != found[key].as_desired.gateway]
        gateways = {item["NatGatewayId"] for item in reads.nat_gateways()} if closed else set()
        return found | {key: without(found[key], gateways) for key in closed}

    def create(self, aws: Aws, key: Key, desired: RouteTable) -> Mapping[str, str]:
        born: Any = tags.specification("route-table", desired.tags)
        found = aws.ec2.describe_route_tables(Filters=tags.filters(desired.tags))["RouteTables"]
        made = found or [aws.ec2.create_route_table(VpcId=str(desired.vpc), TagSpecifications=born)["RouteTable"]]
        item = min(made, key=lambda one: one["RouteTableId"])
        have = parse_table(item, {}, {str(subnet): place for place, subnet in enumerate(desired.subnets)})
        table = item["RouteTableId"]
        if desired.gateway and have.as_desired.gateway != desired.gateway:
            _send(aws, table, desired, replacing=bool(have.as_desired.gateway))
        for subnet in desired.subnets:
            if subnet not in have.as_desired.subnets:
                _associate(aws, table, str(subnet))
        return {"id": table}

    def update(
        self, aws: Aws, observed: Observed[RouteTable], desired: RouteTable, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        table = observed.outputs["id"]
        for change in changes:
            if change.field == "gateway":
                _send(aws, table, desired, replacing=bool(change.before))
            if change.field == "subnets":
                for subnet in set(desired.subnets) - set(observed.as_desired.subnets):
                    _associate(aws, table, str(subnet))
            if change.field == "tags":
                aws.ec2.create_tags(Resources=[table], Tags=tags.pascal(desired.tags))
        return {}

    def still_serves(self, aws: Aws, observed: Observed[RouteTable], heir: str) -> str:
        """Hosts and tasks in its subnets reach AWS over it: an agent that cannot, cannot be drained."""
        users = interfaces_in(aws, _associations(aws, observed.outputs["id"]))
        return f"{plural(users, 'interface')} of hosts or tasks still in its subnets" if users else ""

    def delete(self, aws: Aws, observed: Observed[RouteTable]) -> None:
        table = observed.outputs["id"]
        held = _associations(aws, table)
        asked: Any = [{"Name": "subnet-id", "Values": sorted(held)}]  # one that is gone by now is nobody's
        there = aws.ec2.describe_subnets(Filters=asked)["Subnets"] if held else []
        foreign = sorted(
            one["SubnetId"] for one in there if tags.read(one.get("Tags")).get(OWNER_TAG) != observed.owner
        )
        if foreign:
            raise Refused(f"{table} still routes for {', '.join(foreign)}, which others made: it is left alone")
        for association in held.values():
            aws.ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
        aws.ec2.delete_route_table(RouteTableId=table)


def parse_table(
    item: Mapping[str, Any],
    live: Mapping[str, str],
    order: Mapping[str, int],
    notes: tuple[str, ...] = (),
    kept: Iterable[str] = (),
) -> Observed[RouteTable]:
    """Where the default route leads, and those associated subnets that the spec names (*order*), in its order. Others
    of ours (*kept*) are on their way out, and their hosts need their route until then."""
    default: Mapping[str, Any] = next(
        (one for one in item.get("Routes", []) if one.get("DestinationCidrBlock") == ANYWHERE), {}
    )
    gateway = _first(default, TARGETS)
    subnets = [one["SubnetId"] for one in item.get("Associations", []) if one.get("SubnetId")]
    ours = sorted((subnet for subnet in subnets if subnet in order), key=lambda subnet: order[subnet])
    others = tuple(f"association of others kept: {subnet}" for subnet in sorted({*subnets} - {*ours, *kept}))
    others += tuple(sorted(_routes_of_others(item.get("Routes", []))))
    as_desired = RouteTable(gateway, tuple(ours), item["VpcId"], lasting_tags(live))
    return Observed(as_desired, {"id": item["RouteTableId"]}, live.get(OWNER_TAG), notes=(*notes, *others))


def _routes_of_others(routes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Notes of those that are neither the VPC's own, nor our default route, nor of a gateway endpoint (aws.md 9.3)."""
    for one in routes:
        destination, target = _first(one, DESTINATIONS), _first(one, TARGETS)
        of_endpoint = one.get("DestinationPrefixListId") and target.startswith("vpce-")
        if destination != ANYWHERE and target != LOCAL and not of_endpoint:
            dead = ", which is gone" if one.get("State") == "blackhole" else ""
            yield f"route of others kept: {destination} to {target}{dead}"


def _first(route: Mapping[str, Any], members: Iterable[str]) -> str:
    return next((str(route[name]) for name in members if route.get(name)), "")


def _associations(aws: Aws, table: str) -> dict[str, Any]:
    """The associations of a table with subnets, by the id of the subnet."""
    live = aws.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]
    return {one["SubnetId"]: one for one in live.get("Associations", []) if one.get("SubnetId")}


def without(have: Observed[RouteTable], ours: Set[str]) -> Observed[RouteTable]:
    """*have* as a table that should have no default route of ours is seen: one that others made is theirs."""
    gateway = have.as_desired.gateway
    if gateway in ours:
        return have
    note = f"default route of others kept: {gateway}"
    return replace(have, as_desired=replace(have.as_desired, gateway=""), notes=(*have.notes, note))


def _send(aws: Aws, table: str, desired: RouteTable, *, replacing: bool) -> None:
    """Make the default route what it should be, by one call: at no moment there is none."""
    gateway = str(desired.gateway)
    route: Any = {"RouteTableId": table, "DestinationCidrBlock": ANYWHERE}
    if not gateway:
        aws.ec2.delete_route(**route)
        return
    route["NatGatewayId" if gateway.startswith("nat-") else "GatewayId"] = gateway
    call = aws.ec2.replace_route if replacing else aws.ec2.create_route
    call(**route)


def _order(wanted: RouteTable | None, ours: Mapping[str, str]) -> dict[str, int]:
    """The ids of the wanted subnets by their place in the spec; *ours*: the range of each of our subnets, by id."""
    if wanted is None:
        return {}
    ids = {cidr: ident for ident, cidr in ours.items()}
    named = [ids.get(cidr, "") for cidr in wanted.ranges]
    given = [one if isinstance(one, str) else named[place] for place, one in enumerate(wanted.subnets)]
    return {subnet: place for place, subnet in enumerate(given) if subnet}


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
