"""NAT gateways: how hosts in private subnets get out. AWS takes minutes to make one, and a minute to delete it.

One that is pending has no id yet for others: no route leads to it before it works. A deleted one is shown for an hour.
In another subnet stands another gateway, with another address; routes go over to it, then the old one is deleted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.base.errors import NotYet, Refused
from controller.base.keys import OWNER_TAG, Key, Ref, Tags, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec import network
from controller.spec.names import born_tags

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack

LIVING = ("pending", "available")
LOOK_AGAIN = timedelta(seconds=5)
TRIES_MAX = 3  # tokens: each but the first because AWS answered an earlier one with a gateway that is gone


@dataclass(frozen=True, slots=True)
class NatGateway:
    """`address` is the allocation of its elastic IP; `after` what it needs to be of use: the way out of its own
    subnet."""

    subnet: str | Ref = spec(immutable=True)
    address: str | Ref = spec(immutable=True)
    tags: Tags = spec(subset=True, risk="cosmetic")
    after: tuple[str | Ref, ...] = spec(compare=False, default=())


class NatGatewayKind:
    kind = "nat_gateway"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, NatGateway]]:
        for place in sorted(set(network.nat_places(stack.network))):
            key = network.nat_gateway(place).key
            address = Ref(Key("elastic_ip", key.name))
            born = born_tags(stack, key)
            after = (network.INTERNET, network.PUBLIC_TABLE)
            yield key, NatGateway(network.subnet("public", place), address, born, after)

    def observe(self, reads: Reads, wanted: Mapping[Key, NatGateway], owner: str) -> Mapping[Key, Observed[NatGateway]]:
        if not wanted and not reads.any_left(self.kind):
            return {}
        items = [item for item in reads.nat_gateways() if item["State"] != "deleted"]
        living = [item for item in items if item["State"] in LIVING]
        going = [item for item in items if item["State"] not in LIVING]
        return {
            key: parse_gateway(item, live)
            for some in (going, living)  # one that lives counts, whatever else bears its name
            for key, item, live in tags.born(some, self.kind, "NatGatewayId")
        }

    def create(self, aws: Aws, key: Key, desired: NatGateway) -> Mapping[str, str]:
        asked: Any = {"Filter": tags.filters(desired.tags)}
        born: Any = aws.ec2.describe_nat_gateways(**asked)["NatGateways"]
        found = [one for one in born if one["SubnetId"] == desired.subnet]
        living = [one for one in found if one["State"] in LIVING]
        for one in found:
            if one["State"] == "deleting":
                raise NotYet(f"{one['NatGatewayId']}, which it replaces, is still being deleted", LOOK_AGAIN)
            if one["State"] == "failed" and not living:
                raise Refused(_failure(one))
        made = min(living, key=lambda one: str(one["NatGatewayId"])) if living else _made(aws, key, desired, found)
        if made["State"] != "available":
            raise NotYet(f"{made['NatGatewayId']} is {made['State']}", LOOK_AGAIN)
        return {"id": str(made["NatGatewayId"])}

    def update(
        self, aws: Aws, observed: Observed[NatGateway], desired: NatGateway, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        aws.ec2.create_tags(Resources=[_id(observed)], Tags=tags.pascal(desired.tags))
        return {}

    def delete(self, aws: Aws, observed: Observed[NatGateway]) -> None:
        ident = _id(observed)
        states = [one["State"] for one in aws.ec2.describe_nat_gateways(NatGatewayIds=[ident])["NatGateways"]]
        if states in ([], ["deleted"]):
            return
        if states != ["deleting"]:
            aws.ec2.delete_nat_gateway(NatGatewayId=ident)
        raise NotYet(f"{ident} is being deleted", LOOK_AGAIN)


def parse_gateway(item: Mapping[str, Any], live: Mapping[str, str]) -> Observed[NatGateway]:
    """Its ``id`` is an output only while it works; what we need to delete it is always there, under ``gateway``."""
    ident, state = str(item["NatGatewayId"]), item["State"]
    addresses = [str(one["AllocationId"]) for one in item.get("NatGatewayAddresses", []) if one.get("AllocationId")]
    as_desired = NatGateway(item["SubnetId"], addresses[0] if addresses else "", lasting_tags(live))
    outputs = {"gateway": ident} | ({"id": ident} if state == "available" else {})
    busy = "" if state in {"available", "failed"} else f"{ident} is {state}"
    notes = (_failure(item),) if state == "failed" else ()
    return Observed(as_desired, outputs, live.get(OWNER_TAG), busy=busy, gone=state not in LIVING, notes=notes)


def _failure(item: Mapping[str, Any]) -> str:
    ident = item["NatGatewayId"]
    why = item.get("FailureMessage") or item.get("FailureCode") or "AWS does not say why"
    return (
        f"{ident} failed: {why}. AWS forgets it within an hour, or remove it "
        f"(aws ec2 delete-nat-gateway --nat-gateway-id {ident}); then apply again"
    )


def _made(aws: Aws, key: Key, desired: NatGateway, dead: Sequence[Mapping[str, Any]]) -> Any:
    """A new gateway. The token tells AWS that a repeated call is the same wish; what died before is another one."""
    gone = sorted(str(one["NatGatewayId"]) for one in dead)
    for _ in range(TRIES_MAX):
        words = ":".join([str(key), str(desired.subnet), str(desired.address), str(desired.tags), *gone])
        made = aws.ec2.create_nat_gateway(
            SubnetId=str(desired.subnet),
            AllocationId=str(desired.address),
            ConnectivityType="public",
            ClientToken=hashlib.sha256(words.encode()).hexdigest()[:32],
            TagSpecifications=tags.specification("natgateway", desired.tags),
        )["NatGateway"]
        if made["State"] in LIVING:
            break
        gone.append(str(made["NatGatewayId"]))  # AWS remembers a token longer than it shows what came of it
    return made


def _id(observed: Observed[NatGateway]) -> str:
    return observed.outputs["gateway"]


KIND = NatGatewayKind()
