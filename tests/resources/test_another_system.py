"""A pool that changes its system, processor or parameter runs images of that, although its image is ``manual``."""

from __future__ import annotations

import pytest

from controller.base.keys import IMAGE_TAG, Key
from tests.resources.stacks import SPECS, Killed, World, built, converge, mortal, stack_of

PLAIN = "/aws/service/ecs/optimized-ami/amazon-linux-2023"
DEFAULT = f"{PLAIN}/recommended/image_id"
BOTTLEROCKET = "/aws/service/bottlerocket/aws-ecs-2/x86_64/latest/image_id"
KEY = Key("launch_template", "main")


def published(world: World, parameter: str) -> str:
    return str(world.aws.ssm.get_parameters(Names=[parameter])["Parameters"][0]["Value"])


def running(world: World) -> set[str]:
    state = [{"Name": "instance-state-name", "Values": ["running"]}]
    found = world.aws.ec2.describe_instances(Filters=state)["Reservations"]
    return {instance["ImageId"] for one in found for instance in one["Instances"]}


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        pytest.param("hosts.main.os=bottlerocket", BOTTLEROCKET, id="system"),
        pytest.param("hosts.main.instance_type=t4g.small", f"{PLAIN}/arm64/recommended/image_id", id="processor"),
        pytest.param("hosts.main.image={ssm: /ours/image}", "/ours/image", id="parameter"),
    ],
)
def test_the_image_is_of_what_the_spec_names(change: str, parameter: str) -> None:
    world = built(SPECS / "minimal.yaml")
    ours = world.sim.door("POST", "ami", parameter=DEFAULT)["image"]
    client = world.sim.session().create_client("ssm", region_name=world.stack.region)
    client.put_parameter(Name="/ours/image", Value=ours, Type="String")
    before = running(world)
    world.stack = stack_of(SPECS / "minimal.yaml", change)

    converge(world)

    assert running(world) == {published(world, parameter)}
    assert running(world) != before
    assert world.tick().plan.pending == ()


@pytest.mark.parametrize("marked", [pytest.param(True, id="of ours"), pytest.param(False, id="that says nothing")])
def test_a_newer_image_of_the_same_parameter_waits_to_be_asked_for(marked: bool) -> None:
    """A template that says nothing is of an older release, or was somebody else's."""
    world = built(SPECS / "minimal.yaml")
    before, live = running(world), world.see(KEY.kind)[KEY]
    if not marked:
        mark = {"Key": IMAGE_TAG, "Value": dict(live.as_desired.tags)[IMAGE_TAG]}
        world.aws.ec2.delete_tags(Resources=[live.outputs["id"]], Tags=[mark])
    world.sim.door("POST", "ami", parameter=DEFAULT)

    seen = converge(world)

    assert running(world) == before
    assert any("newer AMI" in note for note in seen.plan.notes)
    world.stack = stack_of(SPECS / "minimal.yaml", "hosts.main.image.update=auto")
    converge(world)
    assert running(world) == {published(world, DEFAULT)} != before


def test_a_pass_that_ends_between_the_version_and_the_mark_loses_nothing() -> None:
    world = built(SPECS / "minimal.yaml")
    world.stack = stack_of(SPECS / "minimal.yaml", "hosts.main.os=bottlerocket")

    world.aws.guard = mortal(1)
    with pytest.raises(Killed):
        world.tick(act=True)
    assert world.see(KEY.kind)[KEY].outputs["version"] == "2"
    world.restart()
    converge(world)

    assert running(world) == {published(world, BOTTLEROCKET)}
    assert world.see(KEY.kind)[KEY].outputs["version"] == "2"
