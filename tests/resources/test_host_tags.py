"""What a host is made of is tagged as its stack is: bills tell disks apart, too. No tag ever replaces a host."""

from __future__ import annotations

from typing import Any

import pytest

from controller.base.keys import Key
from tests.resources.stacks import SPECS, World, built, converge, stack_of

DEMO = SPECS / "demo.yaml"
POOL = Key("auto_scaling_group", "main")
TAGS = {"Name": "demo-main-host", "team": "shop", "theseus:name": str(POOL), "theseus:stack": "demo"}


@pytest.fixture
def world() -> World:
    return built(DEMO, "tags={team: shop}")


def test_hosts_their_volumes_and_their_interfaces_carry_the_tags_of_the_stack(world: World) -> None:
    """The group hands its tags on to instances alone; the template has to say the rest."""
    ec2 = world.sim.session().create_client("ec2", region_name="us-east-1")
    hosts = [one for part in ec2.describe_instances()["Reservations"] for one in part["Instances"]]
    mine = [{"Name": "description", "Values": ["Primary network interface"]}]
    interfaces = ec2.describe_network_interfaces(Filters=mine)["NetworkInterfaces"]

    assert len(hosts) == len(interfaces) == 3
    for one in [*(host["Tags"] for host in hosts), *(face["TagSet"] for face in interfaces)]:
        assert TAGS.items() <= named(one).items()
    assert launched_with(world) == {"volume": TAGS, "network-interface": TAGS}


def test_other_tags_make_no_version_and_the_next_one_has_them(world: World) -> None:
    """Every host would be replaced for a word on a bill."""
    world.stack = stack_of(DEMO, "tags={team: other}")

    assert {step.risk for step in world.tick().plan.pending} == {"cosmetic"}
    converge(world)
    assert (versions(world), launched_with(world)["volume"]) == (1, TAGS)

    world.stack = stack_of(DEMO, "tags={team: other}", "hosts.main.monitoring=true")
    converge(world)

    assert (versions(world), launched_with(world)["volume"]) == (2, {**TAGS, "team": "other"})
    assert world.tick().plan.pending == ()


def test_a_version_without_such_tags_is_as_good(world: World) -> None:
    """That of an older release: a new one rolls no fleet."""
    (version,) = world.aws.ec2.describe_launch_template_versions(LaunchTemplateName="demo-main")[
        "LaunchTemplateVersions"
    ]
    data: Any = {name: part for name, part in version["LaunchTemplateData"].items() if name != "TagSpecifications"}
    made: Any = {"LaunchTemplateData": data, "VersionDescription": version["VersionDescription"]}
    world.aws.ec2.create_launch_template_version(LaunchTemplateName="demo-main", **made)

    (step,) = world.tick().plan.pending

    assert (step.key, [change.field for change in step.changes]) == (POOL, ["version"])  # which it follows, as ever


def named(tags: Any) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in tags}


def versions(world: World) -> int:
    return len(
        world.aws.ec2.describe_launch_template_versions(LaunchTemplateName="demo-main")["LaunchTemplateVersions"]
    )


def launched_with(world: World) -> dict[str, dict[str, str]]:
    """What the newest version tags, by the type of resource."""
    asked = world.aws.ec2.describe_launch_template_versions(LaunchTemplateName="demo-main", Versions=["$Latest"])
    (newest,) = asked["LaunchTemplateVersions"]
    given = newest["LaunchTemplateData"]["TagSpecifications"]
    return {one["ResourceType"]: named(one["Tags"]) for one in given}
