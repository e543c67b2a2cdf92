"""The way out of the VPC. Attaching is part of it: a detached gateway is attached again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.strangers import gateways_of_others, hosts_of_others
from controller.base.errors import Gone, NotYet, Refused, held_by_others
from controller.base.keys import OWNER_TAG, Key, Ref, Tags, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import born_tags

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack


@dataclass(frozen=True, slots=True)
class InternetGateway:
    vpc: str | Ref
    tags: Tags = spec(subset=True, risk="cosmetic")


class InternetGatewayKind:
    kind = "internet_gateway"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, InternetGateway]]:
        if stack.network.vpc:
            return
        key = Key(self.kind, "main")
        yield (
            key,
            InternetGateway(Ref(Key("vpc", "main")), born_tags(stack, key)),
        )

    def observe(
        self, reads: Reads, wanted: Mapping[Key, InternetGateway], owner: str
    ) -> Mapping[Key, Observed[InternetGateway]]:
        items = tags.owned(reads.internet_gateways(), self.kind, "InternetGatewayId")
        return {key: parse_gateway(item, live, notes) for key, item, live, notes in items}

    def create(self, aws: Aws, key: Key, desired: InternetGateway) -> Mapping[str, str]:
        born: Any = tags.specification("internet-gateway", desired.tags)
        found = aws.ec2.describe_internet_gateways(Filters=tags.filters(desired.tags))["InternetGateways"]
        made = found or [aws.ec2.create_internet_gateway(TagSpecifications=born)["InternetGateway"]]
        gateway = min(made, key=lambda one: one["InternetGatewayId"])
        if not gateway.get("Attachments"):
            _attach(aws, gateway["InternetGatewayId"], str(desired.vpc))
        return {"id": gateway["InternetGatewayId"]}

    def update(
        self, aws: Aws, observed: Observed[InternetGateway], desired: InternetGateway, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        gateway = observed.outputs["id"]
        for change in changes:
            if change.field == "vpc":
                if change.before:
                    _detach(aws, gateway, str(change.before))
                _attach(aws, gateway, str(desired.vpc))
            if change.field == "tags":
                aws.ec2.create_tags(Resources=[gateway], Tags=tags.pascal(desired.tags))
        return {}

    def delete(self, aws: Aws, observed: Observed[InternetGateway]) -> None:
        gateway = observed.outputs["id"]
        if vpc := str(observed.as_desired.vpc):
            try:
                _detach(aws, gateway, vpc)
            except NotYet as busy:
                place = (aws, "vpc-id", vpc, observed.owner)
                found = [*hosts_of_others(*place), *gateways_of_others(*place)]
                if others := [words for words, public in found if public]:
                    raise held_by_others(gateway, others) from busy
                raise
        aws.ec2.delete_internet_gateway(InternetGatewayId=gateway)


def parse_gateway(
    item: Mapping[str, Any], live: Mapping[str, str], notes: tuple[str, ...] = ()
) -> Observed[InternetGateway]:
    attached = [one["VpcId"] for one in item.get("Attachments", []) if one.get("State") in {"available", "attached"}]
    as_desired = InternetGateway(attached[0] if attached else "", lasting_tags(live))
    return Observed(as_desired, {"id": item["InternetGatewayId"]}, live.get(OWNER_TAG), notes=notes)


def _attach(aws: Aws, gateway: str, vpc: str) -> None:
    """Attach it; that it is attached already (a lost answer) is success, another one in its place is not."""
    try:
        aws.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    except Refused:
        held: Any = [{"Name": "attachment.vpc-id", "Values": [vpc]}]
        found = aws.ec2.describe_internet_gateways(Filters=held)["InternetGateways"]
        if [one["InternetGatewayId"] for one in found] != [gateway]:
            raise


def _detach(aws: Aws, gateway: str, vpc: str) -> None:
    try:
        aws.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    except Gone:
        return  # an earlier try whose answer was lost


KIND = InternetGatewayKind()
