"""Security groups as sets of rules: authorize before revoke, and only rules that carry our tag are ours to revoke.

A rule that the spec asks for is ours, whoever made it, and goes when the spec no longer asks for it. So one that nobody
tagged is tagged: by `adopt`, and else by the next apply, as a change that a plan shows. What carries the tag of another
stack stays that one's.

The hosts accept the dynamic port range and the ports their services fix from the load balancer's group only, tasks with
addresses of their own just their port (aws.md 7.3). The default egress rule AWS adds at birth is one we want, so it is
declared like any other.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.client import pages
from controller.aws.strangers import hosts_of_others
from controller.base.errors import Gone, NotYet, Refused, held_by_others
from controller.base.keys import OWNER_TAG, Key, Ref, Tags, key_of, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec import network
from controller.spec.names import born_tags, live_id, live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Pool, Stack

DYNAMIC_PORTS = (32768, 65535)
HTTPS = 443
SERVING = {"healthy", "initial"}  # what drains keeps its connections


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: one peer. Ports are -1 when the protocol is all (``-1``)."""

    direction: str  # ingress egress
    protocol: str
    from_port: int
    to_port: int
    peer: str | Ref  # a CIDR block or a security group id; of what others made, whatever AWS calls it

    @property
    def words(self) -> str:
        return f"{self.direction} {self.protocol} {self.from_port}-{self.to_port} {self.peer}"

    def sort_key(self) -> tuple[str, ...]:
        return (self.direction, self.protocol, str(self.from_port), str(self.to_port), str(self.peer))


EVERYTHING_OUT = Rule("egress", "-1", -1, -1, "0.0.0.0/0")


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    rules: tuple[Rule, ...] = spec(unordered=True)  # a peer that is known by its id only sorts elsewhere
    name: str = spec(compare=False)
    description: str | None = spec(immutable=True)  # None: that of one which was there before
    vpc: str | Ref = spec(forever=network.MOVES_NOT)
    tags: Tags = spec(subset=True, risk="cosmetic")
    untagged: tuple[Rule, ...] = spec(unordered=True, risk="cosmetic", default=())  # asked for, and nobody's yet


class SecurityGroupKind:
    kind = "security_group"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, SecurityGroup]]:
        balancer = Key(self.kind, "load-balancer")
        if stack.load_balancer is not None:
            rules = [
                Rule("ingress", "tcp", listener.port, listener.port, canonical(cidr))
                for listener in stack.load_balancer.listeners
                for cidr in stack.load_balancer.allow
            ]
            yield balancer, self._group(stack, balancer, "load balancer", [*rules, EVERYTHING_OUT])
        for pool in stack.pools:
            key = Key(self.kind, f"hosts-{pool.name}")
            inward = []
            if stack.load_balancer is not None:
                ports = [DYNAMIC_PORTS, *((port, port) for port in _fixed_ports(stack, pool))]
                inward = [Rule("ingress", "tcp", low, high, Ref(balancer)) for low, high in ports]
            yield key, self._group(stack, key, f"hosts of pool {pool.name}", [*inward, EVERYTHING_OUT])
        for service in stack.services:
            if service.own_address:
                key, port = Key(self.kind, f"tasks-{service.name}"), service.port or 0
                inward = [Rule("ingress", "tcp", port, port, Ref(balancer))] if service.route is not None else []
                yield key, self._group(stack, key, f"tasks of {service.name}", [*inward, EVERYTHING_OUT])

        if any(service not in network.GATEWAYS for service in network.endpoints(stack)):
            key = Key(self.kind, "endpoints")
            inward = [Rule("ingress", "tcp", HTTPS, HTTPS, canonical(stack.network.cidr))]
            yield key, self._group(stack, key, "VPC endpoints", [*inward, EVERYTHING_OUT])

    def _group(self, stack: Stack, key: Key, what: str, rules: Sequence[Rule]) -> SecurityGroup:
        name = live_name(stack, key)
        born = born_tags(stack, key)
        ordered = tuple(sorted(set(rules), key=Rule.sort_key))
        words = None if live_id(stack, key) else f"{stack.name}: {what}"
        return SecurityGroup(ordered, name, words, Ref(Key("vpc", "main")), born)

    def observe(
        self, reads: Reads, wanted: Mapping[Key, SecurityGroup], owner: str
    ) -> Mapping[Key, Observed[SecurityGroup]]:
        by_group: dict[str, list[Mapping[str, Any]]] = {}
        for rule in reads.security_group_rules():
            by_group.setdefault(rule["GroupId"], []).append(rule)
        owned = list(tags.owned(reads.security_groups(), self.kind, "GroupId"))
        ids = {key: item["GroupId"] for key, item, _, _ in owned}
        found = {}
        for key, item, live, notes in owned:
            asked = {_resolved(rule, ids) for rule in wanted[key].rules} if key in wanted else set()
            one = parse_group(item, live, by_group.get(item["GroupId"], []), asked, notes)
            surplus = [rule for rule in one.as_desired.rules if rule not in asked and rule.peer in ids.values()]
            found[key] = _open_yet(one, surplus, _listened(reads, key)) if key in wanted and surplus else one
        return found

    def create(self, aws: Aws, key: Key, desired: SecurityGroup) -> Mapping[str, str]:
        try:
            group = aws.ec2.create_security_group(
                GroupName=desired.name,
                Description=desired.description or desired.name,
                VpcId=str(desired.vpc),
                TagSpecifications=tags.specification("security-group", desired.tags),
            )["GroupId"]
        except Refused as refusal:
            if refusal.code != "InvalidGroup.Duplicate":
                raise
            group = _made_before(aws, desired, refusal)
        authorize(aws, group, [rule for rule in desired.rules if rule != EVERYTHING_OUT], desired.tags)
        return {"id": group}

    def update(
        self, aws: Aws, observed: Observed[SecurityGroup], desired: SecurityGroup, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        group = observed.outputs["id"]
        for change in changes:
            if change.field == "rules":
                have, want = set(observed.as_desired.rules), set(desired.rules)
                authorize(aws, group, sorted(want - have, key=Rule.sort_key), desired.tags)
                revoke(aws, group, have - want)
            if change.field == "untagged":
                mark(aws, group, observed.as_desired.untagged, desired.tags)
            if change.field == "tags":
                if observed.owner is None:  # it is taken over
                    mark(aws, group, observed.as_desired.untagged, desired.tags)
                aws.ec2.create_tags(Resources=[group], Tags=tags.pascal(desired.tags))
        return {}

    def delete(self, aws: Aws, observed: Observed[SecurityGroup]) -> None:
        group = observed.outputs["id"]
        try:
            aws.ec2.delete_security_group(GroupId=group)
        except NotYet as busy:
            hosts = [words for words, _ in hosts_of_others(aws, "instance.group-id", group, observed.owner)]
            if others := [*_referring(aws, group, observed), *hosts]:
                raise held_by_others(group, others) from busy
            raise


def _referring(aws: Aws, group: str, observed: Observed[SecurityGroup]) -> list[str]:
    """The groups of others in the VPC that have a rule about *group*, in words."""
    inside: Any = [{"Name": "vpc-id", "Values": [str(observed.as_desired.vpc)]}]
    return [
        f"a rule of security group {one['GroupId']} ({one['GroupName']}) that refers to it"
        for one in pages(aws.ec2.describe_security_groups, "SecurityGroups", Filters=inside)
        if tags.read(one.get("Tags")).get(OWNER_TAG) != observed.owner
        and any(
            pair.get("GroupId") == group
            for rule in (*one.get("IpPermissions", []), *one.get("IpPermissionsEgress", []))
            for pair in rule.get("UserIdGroupPairs", [])
        )
    ]


def _listened(reads: Reads, group: Key) -> set[int]:
    """The ports at which targets behind *group* get requests: those of its service's tasks, or of any where it is that
    of hosts."""
    theirs = group.name.removeprefix("tasks-") if group.name.startswith("tasks-") else ""
    found = set()
    for arn, targets in reads.target_health().items():
        born = key_of(reads.elb_tags().get(arn, {}), "target_group")
        if born is not None and (not theirs or born.name.rpartition("-")[0] == theirs):
            found |= {int(one["Target"]["Port"]) for one in targets if one["TargetHealth"]["State"] in SERVING}
    return found


def _open_yet(have: Observed[SecurityGroup], surplus: Sequence[Rule], listened: set[int]) -> Observed[SecurityGroup]:
    """*have* without those of its *surplus* rules over which tasks of before still get requests: they are closed when
    those are gone, and are no difference until then."""
    kept = {rule for rule in surplus if any(rule.from_port <= port <= rule.to_port for port in listened)}
    if not kept:
        return have
    rules = tuple(rule for rule in have.as_desired.rules if rule not in kept)
    told = tuple(
        f"port {rule.from_port} stays open until the last target there has left"
        for rule in sorted(kept, key=Rule.sort_key)
    )
    return replace(have, as_desired=replace(have.as_desired, rules=rules), notes=(*have.notes, *told))


def _fixed_ports(stack: Stack, pool: Pool) -> list[int]:
    """The host ports that routed services of *pool* listen on."""
    fixed = {s.port for s in stack.services if s.route and s.network_mode == "host" and pool.name in s.pools}
    return sorted(port for port in fixed if port and not DYNAMIC_PORTS[0] <= port <= DYNAMIC_PORTS[1])


def _made_before(aws: Aws, desired: SecurityGroup, refusal: Refused) -> str:
    """The group of that name, when it was born with our tags: an earlier try whose answer was lost."""
    found = aws.ec2.describe_security_groups(Filters=tags.filters(desired.tags))["SecurityGroups"]
    mine = [one["GroupId"] for one in found if (one["GroupName"], one["VpcId"]) == (desired.name, desired.vpc)]
    if not mine:
        named: Any = [
            {"Name": "group-name", "Values": [desired.name]},
            {"Name": "vpc-id", "Values": [str(desired.vpc)]},
        ]
        if not aws.ec2.describe_security_groups(Filters=named)["SecurityGroups"]:
            raise NotYet(f"{desired.name} exists in {desired.vpc}, and AWS does not show it yet") from refusal
        raise Refused(
            f"{desired.name} exists in {desired.vpc} and is not ours: rename or remove it",
            code=refusal.code,
            operation=refusal.operation,
        ) from refusal
    return mine[0]


def parse_group(
    item: Mapping[str, Any],
    live: Mapping[str, str],
    rules: Iterable[Mapping[str, Any]],
    asked: set[Rule],
    notes: tuple[str, ...] = (),
) -> Observed[SecurityGroup]:
    """The group with its rules that are ours (tagged so, or asked for); others become notes."""
    ours, untagged, foreign, owner = set(), set(), [], live.get(OWNER_TAG)
    for one in rules:
        rule, marked = parse_rule(one), tags.read(one.get("Tags")).get(OWNER_TAG)
        if (owner is not None and marked == owner) or rule in asked:
            ours.add(rule)
            untagged |= {rule} if marked is None and rule != EVERYTHING_OUT else set()
        else:
            foreign.append(rule)
    notes += tuple(f"rule of others kept: {rule.words}" for rule in sorted(foreign, key=Rule.sort_key))
    nobodys = tuple(sorted(untagged, key=Rule.sort_key))
    as_desired = SecurityGroup(
        tuple(sorted(ours, key=Rule.sort_key)),
        item["GroupName"],
        item["Description"],
        item["VpcId"],
        lasting_tags(live),
        nobodys,
    )
    along = tuple(f"rule {rule.words}" for rule in nobodys)
    return Observed(as_desired, {"id": item["GroupId"]}, owner, notes=notes, along=along)


def parse_rule(item: Mapping[str, Any]) -> Rule:
    """One DescribeSecurityGroupRules entry, canonical (aws.md 9.3)."""
    protocol = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}.get(
        item["IpProtocol"], item["IpProtocol"].lower()
    )
    everything = protocol == "-1"
    peer = item.get("CidrIpv4") or item.get("CidrIpv6") or item.get("PrefixListId")
    return Rule(
        "egress" if item["IsEgress"] else "ingress",
        protocol,
        -1 if everything else int(item["FromPort"]),
        -1 if everything else int(item["ToPort"]),
        canonical(peer) if peer else item.get("ReferencedGroupInfo", {}).get("GroupId", ""),
    )


def canonical(cidr: str) -> str:
    """The network address AWS stores: 100.68.0.18/18 is 100.68.0.0/18."""
    try:
        return str(ipaddress.ip_network(cidr, strict=False))
    except ValueError:
        return cidr  # a prefix list id


def authorize(aws: Aws, group: str, rules: Sequence[Rule], born: Tags) -> None:
    """Add *rules*; one that is already there is success, and tagged by the next pass where nobody has."""
    for rule in rules:
        call = (
            aws.ec2.authorize_security_group_egress
            if rule.direction == "egress"
            else aws.ec2.authorize_security_group_ingress
        )
        try:
            call(
                GroupId=group,
                IpPermissions=[_permission(rule)],
                TagSpecifications=tags.specification("security-group-rule", _marks(born)),
            )
        except Refused as refusal:
            if refusal.code != "InvalidPermission.Duplicate":
                raise


def mark(aws: Aws, group: str, rules: Iterable[Rule], born: Tags) -> None:
    """Make *rules* ours."""
    if there := _found(aws, group, rules):
        aws.ec2.create_tags(Resources=[ident for _, ident in there], Tags=tags.pascal(_marks(born)))


def _marks(born: Tags) -> Tags:
    return tuple((k, v) for k, v in born if k.startswith("theseus:"))


def _found(aws: Aws, group: str, rules: Iterable[Rule]) -> list[tuple[Rule, str]]:
    """Those of *rules* that are there, each with its id."""
    asked, inside = set(rules), [{"Name": "group-id", "Values": [group]}]
    live = pages(aws.ec2.describe_security_group_rules, "SecurityGroupRules", Filters=inside) if asked else []
    found = [(rule, one["SecurityGroupRuleId"]) for one in live if (rule := parse_rule(one)) in asked]
    return sorted(found, key=lambda pair: pair[0].sort_key())


def revoke(aws: Aws, group: str, rules: Iterable[Rule]) -> None:
    """Remove *rules*, by their ids: whatever a rule's peer is, a prefix list or what there will be. One that is already
    gone is success."""
    for rule, ident in _found(aws, group, rules):
        call = (
            aws.ec2.revoke_security_group_egress
            if rule.direction == "egress"
            else aws.ec2.revoke_security_group_ingress
        )
        try:
            call(GroupId=group, SecurityGroupRuleIds=[ident])
        except Gone:
            continue


def _permission(rule: Rule) -> Any:
    """As a rule that a spec asks for is authorized: its peer is a block, or a group."""
    peer = str(rule.peer)
    permission: dict[str, Any] = {"IpProtocol": rule.protocol}
    if rule.protocol != "-1":
        permission |= {"FromPort": rule.from_port, "ToPort": rule.to_port}
    if peer.startswith("sg-"):
        return permission | {"UserIdGroupPairs": [{"GroupId": peer}]}
    return permission | {"IpRanges": [{"CidrIp": peer}]}


def _resolved(rule: Rule, ids: Mapping[Key, str]) -> Rule:
    if isinstance(rule.peer, Ref):
        return Rule(rule.direction, rule.protocol, rule.from_port, rule.to_port, ids.get(rule.peer.key, rule.peer))
    return rule


KIND = SecurityGroupKind()
