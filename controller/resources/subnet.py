"""Subnets, public and private, one per zone. A zone that the spec does not name is chosen at birth and then kept.

Another range or zone is another subnet: it is made beside the old one, which goes when nobody is left in it.

Those of an existing VPC are somebody else's: looked at, judged, and never changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.routes import default_route
from controller.aws.strangers import gateways_of_others, hosts_of_others
from controller.aws.ways_out import interfaces_in
from controller.base.errors import NotYet, Refused, held_by_others
from controller.base.keys import NAME_TAG, OWNER_TAG, Key, Ref, Tags, lasting_tags
from controller.base.words import plural
from controller.engine.reconciler import Change, Observed, born_as, spec
from controller.spec import network
from controller.spec.names import born_tags

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack


@dataclass(frozen=True, slots=True)
class Subnet:
    """Where the zone is not given: that of the subnet `beside`, or one that we choose. `offers` are the instance types
    it must offer, `taken` the zones that the spec gives to other subnets, `turn` the place among those that choose (a
    load balancer takes one subnet per zone)."""

    vpc: str | Ref = spec(forever=network.MOVES_NOT)
    cidr: str = spec(immutable=True)
    tags: Tags = spec(subset=True, risk="cosmetic")
    zone: str | None = spec(immutable=True, default=None)
    public_ip: bool = True
    offers: tuple[str, ...] = spec(compare=False, default=())
    turn: int = spec(compare=False, default=0)
    taken: tuple[str, ...] = spec(compare=False, default=())
    beside: str | Ref = spec(compare=False, default="")


@dataclass(frozen=True, slots=True)
class ExistingSubnet:
    """Somebody else's, by its id. `balanced`: a load balancer stands in it, which clients reach from the internet when
    it is `open`; `hosted`: hosts live in it."""

    existing: str
    vpc: str
    side: str  # the list of the spec it is in
    balanced: bool = False
    open: bool = False
    hosted: bool = False


AnySubnet = Subnet | ExistingSubnet


COMMON = ("t3.micro",)  # asked for where the spec has no hosts: a zone that lacks even this is not one for Fargate


class SubnetKind:
    kind = "subnet"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, AnySubnet]]:
        if stack.network.vpc:
            yield from _existing(stack)
            return
        types = tuple(sorted({one for pool in stack.pools for one in pool.types}))
        zones = stack.network.zones
        taken = tuple(zone for zone in zones if zone)
        for place, cidr in enumerate(stack.network.public_subnets):
            key = network.subnet("public", place).key
            zone = zones[place] if place < len(zones) else ""
            turn = place - sum(1 for one in zones[:place] if one)
            born = born_tags(stack, key)
            yield key, Subnet(network.VPC, cidr, born, zone or None, True, types, turn, taken)
        for place, cidr in enumerate(stack.network.private_subnets):
            key = network.subnet("private", place).key
            own = stack.network.private_zones[place] if stack.network.private_zones else None
            beside = "" if own else Ref(network.subnet("public", place).key, "zone")
            born = born_tags(stack, key)
            yield key, Subnet(network.VPC, cidr, born, own, False, types, beside=beside)

    def observe(
        self, reads: Reads, wanted: Mapping[Key, AnySubnet], owner: str
    ) -> Mapping[Key, Observed[Subnet] | Observed[ExistingSubnet]]:
        items = tags.born(reads.subnets(), self.kind, "SubnetId")
        own = {key: parse_subnet(item, live) for key, item, live in items}
        asked = {key: one for key, one in wanted.items() if isinstance(one, Subnet)}
        found: dict[Key, Any] = {key: replace(one, problems=in_the_way(key, asked, own)) for key, one in own.items()}
        used = {key: one for key, one in wanted.items() if isinstance(one, ExistingSubnet)}
        return found | (look_at(reads, used) if used and not reads.destroying else {})

    def create(self, aws: Aws, key: Key, desired: Subnet) -> Mapping[str, str]:
        born = aws.ec2.describe_subnets(Filters=tags.filters(desired.tags))["Subnets"]
        found = [one for one in born if one["CidrBlock"] == desired.cidr]
        made = min(found, key=lambda one: one["SubnetId"]) if found else _made(aws, desired)
        subnet = made["SubnetId"]
        aws.ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": desired.public_ip})
        return {"id": subnet, "zone": made["AvailabilityZone"]}

    def update(
        self, aws: Aws, observed: Observed[Subnet], desired: Subnet, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        subnet = observed.outputs["id"]
        for change in changes:
            if change.field == "public_ip":
                aws.ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": desired.public_ip})
            if change.field == "tags":
                aws.ec2.create_tags(Resources=[subnet], Tags=tags.pascal(desired.tags))
        return {}

    def inherit(self, aws: Aws, desired: Subnet, observed: Observed[Subnet]) -> Subnet:
        """A zone that the spec does not name stays, unless it names it for another one."""
        if desired.zone or desired.beside or observed.as_desired.zone in desired.taken:
            return desired
        return replace(desired, zone=observed.as_desired.zone)

    def still_serves(self, aws: Aws, observed: Observed[Subnet], heir: str) -> str:
        users = interfaces_in(aws, [observed.outputs["id"]])
        return f"{plural(users, 'interface')} of hosts or tasks still in it" if users else ""

    def delete(self, aws: Aws, observed: Observed[Subnet]) -> None:
        subnet = observed.outputs["id"]
        try:
            aws.ec2.delete_subnet(SubnetId=subnet)
        except NotYet as busy:
            place = (aws, "subnet-id", subnet, observed.owner)
            if others := [words for words, _ in (*hosts_of_others(*place), *gateways_of_others(*place))]:
                raise held_by_others(subnet, others) from busy
            raise


def parse_subnet(item: Mapping[str, Any], live: Mapping[str, str]) -> Observed[Subnet]:
    zone = item["AvailabilityZone"]
    as_desired = Subnet(
        item["VpcId"], item["CidrBlock"], lasting_tags(live), zone, bool(item.get("MapPublicIpOnLaunch"))
    )
    return Observed(as_desired, {"id": item["SubnetId"], "zone": zone}, live.get(OWNER_TAG))


def in_the_way(key: Key, wanted: Mapping[Key, Subnet], live: Mapping[Key, Observed[Subnet]]) -> tuple[str, ...]:
    """Why what is to take the place of *key* cannot stand beside what is *live*: a range is nobody else's, and a load
    balancer has one subnet in a zone."""
    born = born_as(key)
    wish = wanted.get(born)
    if wish is None or any(born_as(one) == born and _is(wish, have) for one, have in live.items()):
        return ()
    for other, have in sorted(live.items()):
        if ip_network(wish.cidr).overlaps(ip_network(have.as_desired.cidr)):
            words = (
                f"{wish.cidr} overlaps {have.as_desired.cidr} of {born_as(other)}, which is there until its hosts have "
                "left: choose a range that is free (subnets are known by their place in the list: take out and add at "
                "its end)"
            )
            return (words,)
    stays = {one: have for one, have in live.items() if one in wanted and _is(wanted[one], have)}
    leaves = live[key].as_desired.zone if wish.zone not in {None, live[key].as_desired.zone} else ""
    for other, have in sorted(stays.items()):
        zone, front = have.as_desired.zone, wanted[other].public_ip
        if front and wish.public_ip and wish.zone == zone:
            return (f"{zone} is the zone of {other}, and a load balancer has one subnet there: name another zone",)
        if not front and wanted[other].beside == Ref(born, "zone") and zone == leaves:
            words = f"{born} leaves {zone}, where {other} stays: with it the load balancer would leave its hosts"
            return (f"{words}: give {other} another range as well",)
    return ()


def _is(wish: Subnet, have: Observed[Subnet]) -> bool:
    return wish.cidr == have.as_desired.cidr and wish.zone in {None, have.as_desired.zone}


# ------------------------------------------------------------------------------------------------ somebody else's
def _existing(stack: Stack) -> Iterable[tuple[Key, ExistingSubnet]]:
    balancer, hosts = stack.load_balancer, network.host_subnets(stack)
    outward = balancer is not None and balancer.scheme == "internet-facing"
    for side, ids in (("public", stack.network.public_subnets), ("private", stack.network.private_subnets)):
        for place, ident in enumerate(ids):
            ref = network.subnet(side, place)
            front = side == "public" and balancer is not None
            open_ = front and outward
            yield ref.key, ExistingSubnet(ident, stack.network.vpc, f"{side}_subnets", front, open_, ref in hosts)


def look_at(reads: Reads, used: Mapping[Key, ExistingSubnet]) -> dict[Key, Observed[ExistingSubnet]]:
    """Each of *used* as it is, with what is wrong with it."""
    vpc = next(iter(used.values())).vpc
    items = {item["SubnetId"]: item for item in reads.subnets_by_id(tuple(one.existing for one in used.values()))}
    tables = reads.route_tables_of(vpc)
    first: dict[str, str] = {}  # zone -> the first subnet of the load balancer in it
    found = {}
    for key, one in sorted(used.items()):
        item = items.get(one.existing)
        if item is None:
            words = f"{one.existing} does not exist in {reads.aws.region}: correct network.{one.side}"
            found[key] = Observed(one, {}, problems=(words,))
            continue
        other = first.setdefault(item["AvailabilityZone"], one.existing) if one.balanced else one.existing
        outputs = {"id": one.existing, "zone": str(item["AvailabilityZone"])}
        owner = tags.read(item.get("Tags")).get(OWNER_TAG)
        notes = judge_routes(one, item, default_route(tables, one.existing))
        found[key] = Observed(one, outputs, owner, notes=notes, problems=judge_place(one, item, other))
    return found


def judge_place(one: ExistingSubnet, item: Mapping[str, Any], other: str) -> tuple[str, ...]:
    """Why the stack cannot use the subnet; *other* is the first of the load balancer's subnets in its zone."""
    if item["VpcId"] != one.vpc:
        return (f"{one.existing} belongs to {item['VpcId']}, not to {one.vpc}: correct network.vpc or {one.side}",)
    if other != one.existing:
        zone = item["AvailabilityZone"]
        words = (
            f"{one.existing} and {other} are both in {zone}; a load balancer takes one subnet in each of two zones or"
        )
        return (f"{words} more: correct network.{one.side}",)
    return ()


def judge_routes(one: ExistingSubnet, item: Mapping[str, Any], target: str) -> tuple[str, ...]:
    """What a reader should know of the subnet's way out, *target* ("" when there is none)."""
    notes = []
    if one.open and not target.startswith("igw-"):
        notes.append(f"{one.existing} has no route to an internet gateway: clients out there do not reach the load "
                     "balancer in it")  # fmt: skip
    if one.hosted and not target:
        notes.append(f"{one.existing} has no default route: hosts in it need VPC endpoints for ECS, ECR and logs")
    if one.hosted and target.startswith("igw-") and not item.get("MapPublicIpOnLaunch"):
        notes.append(f"{one.existing} gives hosts no public address, and its way out is an internet gateway, which "
                     "needs one: they do not reach ECS")  # fmt: skip
    return tuple(notes)


# ------------------------------------------------------------------------------------------------ our own
def _made(aws: Aws, desired: Subnet) -> Any:
    try:
        return aws.ec2.create_subnet(
            VpcId=str(desired.vpc),
            CidrBlock=desired.cidr,
            AvailabilityZone=str(desired.zone or desired.beside or _zone(aws, desired)),
            TagSpecifications=tags.specification("subnet", desired.tags),
        )["Subnet"]
    except Refused as refusal:
        if refusal.code != "InvalidSubnet.Conflict":
            raise
        inside: Any = [{"Name": "vpc-id", "Values": [str(desired.vpc)]}]
        born = {pair for pair in desired.tags if pair[0] in {OWNER_TAG, NAME_TAG}}
        there = aws.ec2.describe_subnets(Filters=inside)["Subnets"]
        others = [one for one in there if not born <= tags.read(one.get("Tags")).items()]
        if any(ip_network(desired.cidr).overlaps(ip_network(one["CidrBlock"])) for one in others):
            raise
        raise NotYet(f"{desired.cidr} is taken, and AWS does not show yet by what") from refusal


def _zone(aws: Aws, desired: Subnet) -> str:
    """The zone of the subnet whose turn it is: those that offer all its types and that no other names, in order."""
    types = desired.offers or COMMON
    filters: Any = [{"Name": "instance-type", "Values": list(types)}]
    offers = aws.ec2.describe_instance_type_offerings(LocationType="availability-zone", Filters=filters)
    by_zone: dict[str, set[str]] = {}
    for offer in offers["InstanceTypeOfferings"]:
        by_zone.setdefault(str(offer["Location"]), set()).add(str(offer["InstanceType"]))
    zones = sorted(zone for zone, offered in by_zone.items() if offered >= set(types) and zone not in desired.taken)
    if desired.turn >= len(zones):
        raise Refused(
            f"{desired.cidr}: {len(zones)} zones of {aws.region} are free and offer {', '.join(types)}, subnet number "
            f"{desired.turn + 1} needs one more: fewer public_subnets, or another instance type or region"
        )
    return zones[desired.turn]


KIND = SubnetKind()
