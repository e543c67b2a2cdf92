"""An account full of what looks like ours: no verb changes anything of it. The whole account is compared each time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from controller.aws.survey import survey
from controller.base.keys import NAME_TAG, OWNER_TAG
from controller.engine.adopt import adoptions
from controller.engine.scope import Scope
from controller.modes.draft import draft
from tests.resources.account import account
from tests.resources.stacks import RICH, SPECS, World, begin, converge, stack_of, strangers

CHANGED = ("hosts.main.instance_type=t3.large", "services.web.environment={APP_MSG: changed}")


def test_no_verb_touches_what_is_not_ours() -> None:
    world = begin(RICH)
    rich, world.stack = world.stack, stack_of(SPECS / "demo.yaml", "stack=rich2")  # a neighbour, by us, too
    converge(world)
    strangers(world, 8)
    for owner in ({}, {OWNER_TAG: "rich3"}, {OWNER_TAG: ""}):
        twins(world, owner)
    foreign = account(world.aws)
    world.stack = rich
    world.restart()

    def told(verb: str) -> None:
        now = account(world.aws)
        changed = {name: (one, now.get(name)) for name, one in foreign.items() if now.get(name) != one}
        assert changed == {}, f"{verb}: {changed}"

    assert {step.action for step in world.tick().plan.steps} <= {"create", "none", "read"}
    told("plan")
    assert adoptions(world.tick().plan) == ()
    assert converge(world).plan.orphans == ()
    told("apply")
    ours = {name for name in account(world.aws) if name not in foreign}
    draft(survey(world.aws, "rich"))
    world.stack = stack_of(RICH, *CHANGED)
    converge(world)
    told("import, and apply of a change")
    assert adoptions(world.tick().plan) == ()
    world.stack = replace(world.stack, services=tuple(s for s in world.stack.services if s.name != "admin"))
    converge(world, scope=Scope(prune=True, replace=frozenset(map(str, world.desired()))))
    told("apply --prune")
    converge(world, "destroy")
    told("destroy")
    left = {name.split()[0] for name in account(world.aws) if name not in foreign}
    assert len(ours) > 150
    assert left == {"repository"}  # they hold images, and are kept


def twins(world: World, owner: dict[str, str]) -> None:
    """A network of others whose parts are called as ours are, by name and by tag."""
    ec2: Any = world.aws.ec2
    taken = {group["GroupName"] for group in ec2.describe_security_groups()["SecurityGroups"]}
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16", TagSpecifications=called("vpc", "main", owner))["Vpc"]["VpcId"]
    for place, kind in enumerate(("public-1", "public-2", "private-1")):
        tags = called("subnet", kind, owner)
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{place}.0/24", TagSpecifications=tags)
    gateway = ec2.create_internet_gateway(TagSpecifications=called("internet_gateway", "main", owner))
    ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway["InternetGateway"]["InternetGatewayId"])
    ec2.create_route_table(VpcId=vpc, TagSpecifications=called("route_table", "public", owner))
    for name in sorted(one.replace("rich2", "rich") for one in taken if one.startswith("rich2")):
        tags = called("security_group", name.removeprefix("rich-"), owner)
        ec2.create_security_group(VpcId=vpc, GroupName=name, Description="of others", TagSpecifications=tags)


def called(kind: str, name: str, owner: dict[str, str]) -> list[dict[str, Any]]:
    tags = {"Name": "rich", NAME_TAG: f"{kind}/{name}", **owner}
    resource = kind.replace("_", "-")
    return [{"ResourceType": resource, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]
