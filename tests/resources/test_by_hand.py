"""What somebody did to the network by hand is put right: ways out, ways in, who routes for a subnet. What others added
is told, and left."""

from __future__ import annotations

from typing import Any

import pytest

from controller.base.keys import OWNER_TAG, Key
from controller.report.seen import Tick
from controller.resources.route_table import parse_table
from tests.resources.stacks import SPECS, World, built, converge, stack_of

ANYWHERE = "0.0.0.0/0"
HOSTS = Key("security_group", "hosts-main")


@pytest.fixture(scope="module")
def world() -> World:
    return built(SPECS / "private.yaml")


def rules_of(world: World, group: str) -> set[tuple[bool, str, int]]:
    """(egress, protocol, from port) of the rules of a group."""
    found = world.aws.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    return {(one["IsEgress"], one["IpProtocol"], one["FromPort"]) for one in found["SecurityGroupRules"]}


def let_in(world: World, group: str) -> set[str]:
    """The blocks that may connect to a group."""
    found = world.aws.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    return {one["CidrIpv4"] for one in found["SecurityGroupRules"] if not one["IsEgress"]}


def routes(world: World, table: str) -> set[str]:
    """The gateways that the default routes of a table lead to."""
    (found,) = world.aws.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    ways = [one for one in found["Routes"] if one.get("DestinationCidrBlock") == ANYWHERE]
    return {one.get("NatGatewayId") or one.get("GatewayId", "") for one in ways}


def told(seen: Tick, key: Key) -> list[str]:
    """What the reader of a plan is told about a resource."""
    return [note.removeprefix(f"{key}: ") for note in seen.plan.notes if note.startswith(f"{key}: ")]


def test_the_way_out_of_the_hosts_comes_back_and_one_too_many_goes(world: World) -> None:
    """Of two rules that somebody adds, one says that it is ours: that goes, the other is left."""
    group = world.see("security_group")[HOSTS].outputs["id"]
    before = rules_of(world, group)
    out: Any = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": ANYWHERE}]}]
    world.aws.ec2.revoke_security_group_egress(GroupId=group, IpPermissions=out)
    for port, owner in ((25, world.stack.name), (26, "somebody")):
        more: Any = [{"IpProtocol": "udp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": ANYWHERE}]}]
        tagged: Any = [{"ResourceType": "security-group-rule", "Tags": [{"Key": OWNER_TAG, "Value": owner}]}]
        world.aws.ec2.authorize_security_group_egress(GroupId=group, IpPermissions=more, TagSpecifications=tagged)

    assert [(str(step.key), [c.field for c in step.changes]) for step in world.tick().plan.pending] == [
        (str(HOSTS), ["rules"])
    ]
    last = converge(world)
    assert (last.plan.pending, rules_of(world, group)) == ((), before | {(True, "udp", 26)})
    assert told(last, HOSTS) == ["rule of others kept: egress udp 26-26 0.0.0.0/0"]


@pytest.mark.parametrize(
    "peer",
    [
        pytest.param({"PrefixListIds": [{"PrefixListId": "pl-63a5400a"}]}, id="a prefix list"),
        pytest.param({"Ipv6Ranges": [{"CidrIpv6": "2001:db8::/64"}]}, id="a block of IPv6"),
        pytest.param({"IpRanges": [{"CidrIp": "10.9.0.0/16", "Description": "mine"}]}, id="a block, described"),
    ],
)
def test_a_rule_that_says_it_is_ours_goes_whatever_its_peer_is(world: World, peer: Any) -> None:
    group = world.see("security_group")[HOSTS].outputs["id"]
    before = rules_of(world, group)
    rule: Any = [{"IpProtocol": "tcp", "FromPort": 3, "ToPort": 4, **peer}]
    tagged: Any = [{"ResourceType": "security-group-rule", "Tags": [{"Key": OWNER_TAG, "Value": world.stack.name}]}]
    world.aws.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rule, TagSpecifications=tagged)
    assert [step.key for step in world.tick().plan.pending] == [HOSTS]

    world.tick(act=True)

    assert (rules_of(world, group), converge(world).plan.pending) == (before, ())


def test_other_clients_are_let_in_before_those_of_before_are_shut_out(world: World) -> None:
    """At no moment nobody is."""
    group = world.see("security_group")[Key("security_group", "load-balancer")].outputs["id"]
    seen: list[set[str]] = []
    world.aws.guard = lambda: seen.append(let_in(world, group))

    for block in ("10.0.0.0/8", ANYWHERE):
        world.stack = stack_of(SPECS / "private.yaml", f"load_balancer.allow=[{block}]")
        assert converge(world).plan.pending == ()
        assert let_in(world, group) == {block}
    world.aws.guard = lambda: None

    assert set() not in seen
    assert {"10.0.0.0/8", ANYWHERE} in seen


def test_a_rule_of_nobody_that_a_spec_asks_for_becomes_ours_and_goes_with_it(world: World) -> None:
    """AWS knows one such rule only: whoever made it, it must not stay open when the spec is narrowed."""
    key, block = Key("security_group", "load-balancer"), "10.8.0.0/16"
    group = world.see("security_group")[key].outputs["id"]
    rule: Any = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": block}]}]
    world.aws.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rule)
    assert (told(world.tick(), key), world.tick().plan.pending) == (
        [f"rule of others kept: ingress tcp 80-80 {block}"], ()
    )  # fmt: skip

    world.stack = stack_of(SPECS / "private.yaml", f"load_balancer.allow=[{ANYWHERE}, {block}]")
    (step,) = world.tick().plan.pending
    assert (step.key, [change.field for change in step.changes], step.risk) == (key, ["untagged"], "cosmetic")
    assert converge(world).plan.pending == ()
    world.stack = stack_of(SPECS / "private.yaml", f"load_balancer.allow=[{ANYWHERE}]")

    last = converge(world)

    assert (last.plan.pending, told(last, key), let_in(world, group)) == ((), [], {ANYWHERE})


def test_a_subnet_that_was_moved_to_another_table_is_moved_back_in_one_call(world: World) -> None:
    ec2 = world.aws.ec2
    live = world.see("subnet", "route_table", "vpc")
    subnet = live[Key("subnet", "public-1")].outputs["id"]
    table = live[Key("route_table", "public")].outputs["id"]
    other = ec2.create_route_table(VpcId=live[Key("vpc", "main")].outputs["id"])["RouteTable"]["RouteTableId"]
    held: Any = [{"Name": "association.subnet-id", "Values": [subnet]}]
    (now,) = ec2.describe_route_tables(Filters=held)["RouteTables"]
    (link,) = [one for one in now["Associations"] if one.get("SubnetId") == subnet]
    ec2.replace_route_table_association(AssociationId=link["RouteTableAssociationId"], RouteTableId=other)
    before = world.aws.calls.copy()

    assert converge(world).plan.pending == ()

    (now,) = ec2.describe_route_tables(Filters=held)["RouteTables"]
    made = world.aws.calls - before
    assert (now["RouteTableId"], made["ec2:ReplaceRouteTableAssociation"]) == (table, 1)
    ec2.delete_route_table(RouteTableId=other)


def test_a_policy_that_others_attached_to_the_hosts_role_is_told_and_kept(world: World) -> None:
    policy = "arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy"
    role: Any = {"RoleName": "inner-hosts-main"}
    world.aws.iam.attach_role_policy(**role, PolicyArn=policy)

    last = converge(world)

    attached = world.aws.iam.list_attached_role_policies(**role)["AttachedPolicies"]
    assert policy in [one["PolicyArn"] for one in attached]
    assert (last.plan.pending, told(last, Key("role", "hosts-main"))) == (
        (), [f"policy attached by others kept: {policy}"]
    )  # fmt: skip
    world.aws.iam.detach_role_policy(**role, PolicyArn=policy)


def test_a_subnet_of_others_that_uses_a_table_of_ours_is_told_and_goes_on(world: World) -> None:
    ec2, key = world.aws.ec2, Key("route_table", "private-1")
    live = world.see("route_table", "vpc")
    table, vpc = live[key].outputs["id"], live[Key("vpc", "main")].outputs["id"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.50.99.0/24")["Subnet"]["SubnetId"]
    link = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]

    last = converge(world)

    assert (last.plan.pending, told(last, key)) == ((), [f"association of others kept: {subnet}"])
    links = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Associations"]
    assert link in [one["RouteTableAssociationId"] for one in links]
    ec2.disassociate_route_table(AssociationId=link)
    ec2.delete_subnet(SubnetId=subnet)


def test_a_route_of_others_in_a_table_of_ours_is_told_and_kept(world: World) -> None:
    """With where it leads: half of the world may be sent elsewhere, past our default route."""
    ec2, key = world.aws.ec2, Key("route_table", "public")
    live = world.see("route_table", "internet_gateway")
    table, gateway = live[key].outputs["id"], live[Key("internet_gateway", "main")].outputs["id"]
    route: Any = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/1"}
    ec2.create_route(**route, GatewayId=gateway)

    last = converge(world)

    assert (last.plan.pending, told(last, key)) == ((), [f"route of others kept: 0.0.0.0/1 to {gateway}"])
    ways = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    assert "0.0.0.0/1" in [one.get("DestinationCidrBlock") for one in ways]
    ec2.delete_route(**route)


@pytest.mark.parametrize(
    ("route", "notes"),
    [
        ({"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local"}, ()),
        ({"DestinationIpv6CidrBlock": "2600::/56", "GatewayId": "local"}, ()),
        ({"DestinationCidrBlock": ANYWHERE, "NatGatewayId": "nat-1"}, ()),
        ({"DestinationPrefixListId": "pl-1", "GatewayId": "vpce-1"}, ()),
        ({"DestinationPrefixListId": "pl-1", "TransitGatewayId": "tgw-1"}, ("route of others kept: pl-1 to tgw-1",)),
        (
            {"DestinationCidrBlock": "10.9.0.0/16", "VpcPeeringConnectionId": "pcx-1", "State": "blackhole"},
            ("route of others kept: 10.9.0.0/16 to pcx-1, which is gone",),
        ),
        (
            {"DestinationIpv6CidrBlock": "::/0", "EgressOnlyInternetGatewayId": "eigw-1"},
            ("route of others kept: ::/0 to eigw-1",),
        ),
    ],
)
def test_what_is_the_vpc_s_own_or_an_endpoint_s_is_no_route_of_others(route: Any, notes: tuple[str, ...]) -> None:
    assert parse_table({"RouteTableId": "r", "VpcId": "v", "Routes": [route]}, {}, {}).notes == notes


def test_hosts_that_shall_have_no_way_out_lose_ours_and_keep_that_of_others(world: World) -> None:
    """`nat: none`: the default route goes; the gateway costs money until `--prune`. One through a gateway that others
    made is theirs."""
    ec2, theirs = world.aws.ec2, Key("route_table", "private-1")
    live = world.see("route_table", "subnet")
    subnet = live[Key("subnet", "public-1")].outputs["id"]
    gateway = ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")["NatGateway"]["NatGatewayId"]
    route: Any = {"RouteTableId": live[theirs].outputs["id"], "DestinationCidrBlock": ANYWHERE}
    ec2.replace_route(**route, NatGatewayId=gateway)
    world.stack = stack_of(SPECS / "private.yaml", "network.nat=none")

    last = converge(world)

    ways = {key.name: routes(world, one.outputs["id"]) for key, one in world.see("route_table").items()}
    assert (ways["private-1"], ways["private-2"]) == ({gateway}, set())
    assert (last.plan.pending, told(last, theirs)) == ((), [f"default route of others kept: {gateway}"])
    assert any(key.kind == "nat_gateway" for key in last.plan.orphans)
