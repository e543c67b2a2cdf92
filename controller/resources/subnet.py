"""Public subnets, one per zone. A zone that the spec does not name is chosen at birth and then kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.base.errors import Refused
from controller.base.keys import OWNER_TAG, Key, Ref, Tags, birth_tags, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack


@dataclass(frozen=True, slots=True)
class Subnet:
    """Where the zone is not given: `offers` are the instance types it must offer, `taken` the zones that the spec gives
    to other subnets, `turn` the place among those that choose (a load balancer takes one subnet per zone)."""

    vpc: str | Ref = spec(immutable=True)
    cidr: str = spec(immutable=True)
    tags: Tags = spec(subset=True, risk="cosmetic")
    zone: str | None = spec(immutable=True, default=None)
    public_ip: bool = True
    offers: tuple[str, ...] = spec(compare=False, default=())
    turn: int = spec(compare=False, default=0)
    taken: tuple[str, ...] = spec(compare=False, default=())


class SubnetKind:
    kind = "subnet"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, Subnet]]:
        types = tuple(sorted({one for pool in stack.pools for one in pool.types}))
        zones = stack.network.zones
        taken = tuple(zone for zone in zones if zone)
        for place, cidr in enumerate(stack.network.public_subnets):
            key = Key(self.kind, f"public-{place + 1}")
            zone = zones[place] if place < len(zones) else ""
            turn = place - sum(1 for one in zones[:place] if one)
            born = birth_tags(stack.name, key, live_name(stack, key), stack.tags)
            yield key, Subnet(Ref(Key("vpc", "main")), cidr, born, zone or None, True, types, turn, taken)

    def observe(self, reads: Reads, wanted: Mapping[Key, Subnet], owner: str) -> Mapping[Key, Observed[Subnet]]:
        items = tags.owned(reads.subnets(), self.kind, "SubnetId")
        return {key: parse_subnet(item, live, notes) for key, item, live, notes in items}

    def create(self, aws: Aws, key: Key, desired: Subnet) -> Mapping[str, str]:
        found = aws.ec2.describe_subnets(Filters=tags.filters(desired.tags))["Subnets"]
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

    def delete(self, aws: Aws, observed: Observed[Subnet]) -> None:
        aws.ec2.delete_subnet(SubnetId=observed.outputs["id"])


def parse_subnet(item: Mapping[str, Any], live: Mapping[str, str], notes: tuple[str, ...] = ()) -> Observed[Subnet]:
    zone = item["AvailabilityZone"]
    as_desired = Subnet(
        item["VpcId"], item["CidrBlock"], lasting_tags(live), zone, bool(item.get("MapPublicIpOnLaunch"))
    )
    return Observed(as_desired, {"id": item["SubnetId"], "zone": zone}, live.get(OWNER_TAG), notes=notes)


def _made(aws: Aws, desired: Subnet) -> Any:
    return aws.ec2.create_subnet(
        VpcId=str(desired.vpc),
        CidrBlock=desired.cidr,
        AvailabilityZone=desired.zone or _zone(aws, desired),
        TagSpecifications=tags.specification("subnet", desired.tags),
    )["Subnet"]


def _zone(aws: Aws, desired: Subnet) -> str:
    """The zone of the subnet whose turn it is: those that offer all its types and that no other names, in order."""
    types = desired.offers
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
