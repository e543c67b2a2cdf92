"""Public subnets, one per zone. A zone that the spec does not name is chosen at birth and then kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.base.errors import Refused
from controller.base.keys import OWNER_TAG, Key, Ref, Tags, birth_tags, key_of, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack


@dataclass(frozen=True, slots=True)
class Subnet:
    """`offers` are the instance types its zone must offer; `turn` spreads subnets over zones."""

    vpc: str | Ref = spec(immutable=True)
    cidr: str = spec(immutable=True)
    tags: Tags = spec(subset=True, risk="cosmetic")
    zone: str | None = spec(immutable=True, default=None)
    public_ip: bool = True
    offers: tuple[str, ...] = spec(compare=False, default=())
    turn: int = spec(compare=False, default=0)


class SubnetKind:
    kind = "subnet"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, Subnet]]:
        types = tuple(sorted({pool.instance_type for pool in stack.pools}))
        for turn, cidr in enumerate(stack.network.public_subnets):
            key = Key(self.kind, f"public-{turn + 1}")
            zone = stack.network.zones[turn] if turn < len(stack.network.zones) else ""
            born = birth_tags(stack.name, key, live_name(stack, key), stack.tags)
            yield key, Subnet(Ref(Key("vpc", "main")), cidr, born, zone or None, True, types, turn)

    def observe(self, reads: Reads, wanted: Mapping[Key, Subnet], owner: str) -> Mapping[Key, Observed[Subnet]]:
        found = {}
        for item in sorted(reads.subnets(), key=lambda one: str(one["SubnetId"]), reverse=True):
            live = tags.read(item.get("Tags"))
            if key := key_of(live, self.kind):
                found[key] = parse_subnet(item, live)
        return found

    def create(self, aws: Aws, key: Key, desired: Subnet) -> Mapping[str, str]:
        zone = desired.zone or _zone(aws, desired.offers, desired.turn)
        made = aws.ec2.create_subnet(
            VpcId=str(desired.vpc),
            CidrBlock=desired.cidr,
            AvailabilityZone=zone,
            TagSpecifications=tags.specification("subnet", desired.tags),
        )
        subnet = made["Subnet"]["SubnetId"]
        aws.ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": desired.public_ip})
        return {"id": subnet, "zone": zone}

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


def parse_subnet(item: Mapping[str, Any], live: Mapping[str, str]) -> Observed[Subnet]:
    zone = item["AvailabilityZone"]
    as_desired = Subnet(
        item["VpcId"], item["CidrBlock"], lasting_tags(live), zone, bool(item.get("MapPublicIpOnLaunch"))
    )
    return Observed(as_desired, {"id": item["SubnetId"], "zone": zone}, live.get(OWNER_TAG))


def _zone(aws: Aws, types: tuple[str, ...], turn: int) -> str:
    """The zone of subnet number *turn*: those that offer every one of *types*, in order, round and round."""
    filters: Any = [{"Name": "instance-type", "Values": list(types)}]
    offers = aws.ec2.describe_instance_type_offerings(LocationType="availability-zone", Filters=filters)
    by_zone: dict[str, set[str]] = {}
    for offer in offers["InstanceTypeOfferings"]:
        by_zone.setdefault(str(offer["Location"]), set()).add(str(offer["InstanceType"]))
    zones = sorted(zone for zone, offered in by_zone.items() if offered >= set(types))
    if not zones:
        raise Refused(f"no zone of {aws.region} offers {', '.join(types)}: choose another instance type or region")
    return zones[turn % len(zones)]


KIND = SubnetKind()
