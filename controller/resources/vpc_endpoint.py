"""VPC endpoints: AWS services that hosts reach without leaving the VPC, through an interface in each of their subnets
or, for S3 and DynamoDB, a route in each table.

Interfaces come and go in minutes; an endpoint that is pending has no id yet for others, so that hosts wait for it. The
policy is AWS's default, which allows everything: one of others may keep hosts from their images, and is put back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.ways_out import without_a_route
from controller.base.errors import Gone, NotYet, Refused
from controller.base.keys import OWNER_TAG, Key, Ref, Tags, lasting_tags
from controller.base.words import plural
from controller.engine.reconciler import Change, Observed, spec
from controller.spec import network
from controller.spec.names import born_tags

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack

PLACES = {"Interface": "Subnet", "Gateway": "RouteTable"}  # as in SubnetIds
LIVING = ("pending", "available")
EVERYTHING = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
OPEN = {"PolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [EVERYTHING]})}
ONE_A_ZONE = "DuplicateSubnetsInSameZone"
LOOK_AGAIN = timedelta(seconds=5)
TRIES_MAX = 3  # tokens, as for NAT gateways


@dataclass(frozen=True, slots=True)
class VpcEndpoint:
    """`type` is Interface, whose `places` are subnets, with security groups and the service's own name in the VPC
    (`private_dns`); or Gateway, whose `places` are route tables.

    others  the policy that somebody else wrote, ``policy={...}``; none is ours
    """

    service: str = spec(immutable=True)
    type: str = spec(immutable=True)
    vpc: str | Ref = spec(forever=network.MOVES_NOT)
    tags: Tags = spec(subset=True, risk="cosmetic")
    places: tuple[str | Ref, ...] = spec(unordered=True)
    security_groups: tuple[str | Ref, ...] = spec(unordered=True, default=())
    private_dns: bool = False
    others: tuple[str, ...] = spec(default=())


class VpcEndpointKind:
    kind = "vpc_endpoint"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, VpcEndpoint]]:
        for service in network.endpoints(stack):
            key = Key(self.kind, service)
            full = f"com.amazonaws.{stack.region}.{service}"
            born = born_tags(stack, key)
            if service in network.GATEWAYS:
                yield key, VpcEndpoint(full, "Gateway", network.VPC, born, network.tables(stack))
            else:
                group = Ref(Key("security_group", "endpoints"))
                subnets = network.host_subnets(stack)
                yield key, VpcEndpoint(full, "Interface", network.VPC, born, subnets, (group,), private_dns=True)

    def observe(
        self, reads: Reads, wanted: Mapping[Key, VpcEndpoint], owner: str
    ) -> Mapping[Key, Observed[VpcEndpoint]]:
        if not wanted and not reads.any_left(self.kind):
            return {}
        items = [item for item in reads.vpc_endpoints() if _state(item) != "deleted"]
        living = [item for item in items if _state(item) in LIVING]
        going = [item for item in items if _state(item) not in LIVING]
        found = {
            key: parse_endpoint(item, live, notes)
            for some in (going, living)  # one that lives counts, whatever else bears its name
            for key, item, live, notes in tags.owned(some, self.kind, "VpcEndpointId")
        }
        closed = " ".join(sorted(reads.closed))
        return {key: replace(one, outputs={**one.outputs, "closed": closed}) for key, one in found.items()}

    def create(self, aws: Aws, key: Key, desired: VpcEndpoint) -> Mapping[str, str]:
        found: Any = aws.ec2.describe_vpc_endpoints(Filters=tags.filters(desired.tags))["VpcEndpoints"]
        living = [one for one in found if _state(one) in LIVING]
        for one in found:
            if _state(one) == "deleting":
                raise NotYet(f"{one['VpcEndpointId']}, which it replaces, is still being deleted", LOOK_AGAIN)
            if _state(one) != "deleted" and not living:
                raise Refused(_failure(one))
        made = min(living, key=lambda one: str(one["VpcEndpointId"])) if living else _made(aws, key, desired, found)
        if _state(made) != "available":
            raise NotYet(f"{made['VpcEndpointId']} is {_state(made)}", LOOK_AGAIN)
        return {"id": str(made["VpcEndpointId"])}

    def update(
        self, aws: Aws, observed: Observed[VpcEndpoint], desired: VpcEndpoint, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        if observed.busy:
            raise NotYet(observed.busy, LOOK_AGAIN)
        ident, have = observed.outputs["endpoint"], observed.as_desired
        fields = {change.field for change in changes}
        request: dict[str, Any] = {}
        for field, word in (("places", PLACES[have.type]), ("security_groups", "SecurityGroup")):
            if field in fields:
                old, new = set(getattr(have, field)), set(getattr(desired, field))
                request |= {f"Add{word}Ids": sorted(new - old), f"Remove{word}Ids": sorted(old - new)}
        if "private_dns" in fields:
            request["PrivateDnsEnabled"] = desired.private_dns
        if "others" in fields:
            request |= OPEN if have.type == "Interface" else {"ResetPolicy": True}  # which those of gateways take only
        if request := {name: value for name, value in request.items() if value != []}:
            try:
                aws.ec2.modify_vpc_endpoint(VpcEndpointId=ident, **request)
            except Refused as refusal:
                if refusal.code != ONE_A_ZONE:
                    raise
                _move(aws, ident, request["AddSubnetIds"], request["RemoveSubnetIds"])
        if "tags" in fields:
            aws.ec2.create_tags(Resources=[ident], Tags=tags.pascal(desired.tags))
        return {}

    def still_serves(self, aws: Aws, observed: Observed[VpcEndpoint], heir: str) -> str:
        """Hosts and tasks in subnets without a default route reach AWS through it."""
        closed = observed.outputs["closed"].split()
        users = 0 if heir else without_a_route(aws, str(observed.as_desired.vpc), str(observed.owner), closed)
        return f"{plural(users, 'interface')} of hosts or tasks have no other way out" if users else ""

    def delete(self, aws: Aws, observed: Observed[VpcEndpoint]) -> None:
        ident = observed.outputs["endpoint"]
        states = [_state(one) for one in aws.ec2.describe_vpc_endpoints(VpcEndpointIds=[ident])["VpcEndpoints"]]
        if states in ([], ["deleted"]):
            return
        if states != ["deleting"]:
            for one in aws.ec2.delete_vpc_endpoints(VpcEndpointIds=[ident])["Unsuccessful"]:
                raise _refusal(ident, one.get("Error", {}))
        raise NotYet(f"{ident} is being deleted", LOOK_AGAIN)


def _move(aws: Aws, ident: str, new: Sequence[str], old: Sequence[str]) -> None:
    """One step from the *old* subnets to the *new*: a zone has one interface at a time, so its old one goes first, and
    the other zones answer meanwhile. Raises NotYet: the next look tells which step is next."""
    waits = NotYet(f"{ident} moves to other subnets, one zone at a time", LOOK_AGAIN)
    for subnet in new:
        try:
            aws.ec2.modify_vpc_endpoint(VpcEndpointId=ident, AddSubnetIds=[subnet])
        except Refused as refusal:
            if refusal.code != ONE_A_ZONE:
                raise
        else:
            raise waits
    aws.ec2.modify_vpc_endpoint(VpcEndpointId=ident, RemoveSubnetIds=list(old[:1]))
    raise waits


def parse_endpoint(
    item: Mapping[str, Any], live: Mapping[str, str], notes: tuple[str, ...] = ()
) -> Observed[VpcEndpoint]:
    """Its ``id`` is an output only while it works; what we need to change it is always there, under ``endpoint``."""
    ident, state = str(item["VpcEndpointId"]), _state(item)
    as_desired = VpcEndpoint(
        service=item["ServiceName"],
        type=item.get("VpcEndpointType") or "Gateway",
        vpc=item["VpcId"],
        tags=lasting_tags(live),
        places=tuple(sorted(item.get("SubnetIds") or item.get("RouteTableIds") or ())),
        security_groups=tuple(sorted(one["GroupId"] for one in item.get("Groups") or ())),
        private_dns=bool(item.get("PrivateDnsEnabled")),
        others=_policy_of_others(item.get("PolicyDocument")),
    )
    outputs = {"endpoint": ident} | ({"id": ident} if state == "available" else {})
    busy = f"{ident} is {state}" if state in {"pending", "deleting"} else ""
    if state not in {*LIVING, "deleting"}:
        notes += (_failure(item),)
    return Observed(as_desired, outputs, live.get(OWNER_TAG), busy=busy, gone=state not in LIVING, notes=notes)


def _policy_of_others(text: str | None) -> tuple[str, ...]:
    """The policy in one line, where it is not the one that allows everything; a service may know no policies."""
    policy = json.loads(text) if text else {}
    said = policy.get("Statement", [])
    statements = [said] if isinstance(said, dict) else said
    plain = [{name: _plain(value) for name, value in one.items() if name != "Sid"} for one in statements]
    return () if not text or plain == [EVERYTHING] else (f"policy={json.dumps(policy, sort_keys=True)}",)


def _plain(value: Any) -> Any:
    """As AWS takes it: a list of one is that one, and any AWS principal is any principal (aws.md 9.5)."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return _plain(value["AWS"]) if isinstance(value, dict) and value.keys() == {"AWS"} else value


def _failure(item: Mapping[str, Any]) -> str:
    ident, why = item["VpcEndpointId"], item.get("LastError", {}).get("Message") or "AWS does not say why"
    remedy = f"remove it (aws ec2 delete-vpc-endpoints --vpc-endpoint-ids {ident}), then apply again"
    return f"{ident} is {_state(item)}: {why}; {remedy}"


def _state(item: Mapping[str, Any]) -> str:
    """AWS answers in lower case, and documents it otherwise."""
    return str(item["State"]).lower()


def _made(aws: Aws, key: Key, desired: VpcEndpoint, dead: Sequence[Mapping[str, Any]]) -> Any:
    """A new endpoint. The token tells AWS that a repeated call is the same wish; what died before is another one."""
    gone = sorted(str(one["VpcEndpointId"]) for one in dead)
    request: Any = {
        f"{PLACES[desired.type]}Ids": sorted(map(str, desired.places)),
        "SecurityGroupIds": sorted(map(str, desired.security_groups)),
    }
    request = {name: value for name, value in request.items() if value}
    if desired.type == "Interface":
        request["PrivateDnsEnabled"] = desired.private_dns
    for _ in range(TRIES_MAX):
        words = ":".join([str(key), str(desired.vpc), str(request), str(desired.tags), *gone])
        made = aws.ec2.create_vpc_endpoint(
            VpcId=str(desired.vpc),
            ServiceName=desired.service,
            VpcEndpointType=desired.type,  # type: ignore[arg-type]
            ClientToken=hashlib.sha256(words.encode()).hexdigest()[:32],
            TagSpecifications=tags.specification("vpc-endpoint", desired.tags),
            **request,
        )["VpcEndpoint"]
        if _state(made) in LIVING:
            break
        gone.append(str(made["VpcEndpointId"]))
    return made


def _refusal(ident: str, error: Mapping[str, Any]) -> Exception:
    """DeleteVpcEndpoints answers what it could not delete in a list, not as an error."""
    code, text = str(error.get("Code", "")), f"ec2:DeleteVpcEndpoints ({ident}): {error.get('Message', '')}"
    return Gone(text) if code.endswith(".NotFound") else Refused(text, code=code, operation="ec2:DeleteVpcEndpoints")


KIND = VpcEndpointKind()
