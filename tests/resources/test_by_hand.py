"""What somebody did to the network by hand is put right: ways out, ways in, who routes for a subnet."""

from __future__ import annotations

from typing import Any

import pytest

from controller.base.keys import OWNER_TAG, Key
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
    assert converge(world).plan.pending == ()
    assert rules_of(world, group) == before | {(True, "udp", 26)}


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


def test_hosts_that_shall_have_no_way_out_lose_it(world: World) -> None:
    """`nat: none`: the default route goes; the gateway costs money until `--prune`."""
    world.stack = stack_of(SPECS / "private.yaml", "network.nat=none")

    assert converge(world).plan.pending == ()

    tables = {key: one for key, one in world.see("route_table").items() if key.name != "public"}
    assert {one.as_desired.gateway for one in tables.values()} == {""}
    assert any(key.kind == "nat_gateway" for key in world.tick().plan.orphans)
