"""What others put into a network of ours holds up its end: it is named, and nothing waits for it (promises 5 and 8)."""

from __future__ import annotations

from controller.base.errors import Refused
from controller.base.keys import Key
from tests.resources.stacks import SPECS, built, converge


def test_destroy_names_what_is_in_the_way_and_ends_and_goes_on_when_it_is_gone() -> None:
    world = built(SPECS / "minimal.yaml")
    vpc = world.see("vpc")[Key("vpc", "main")].outputs["id"]
    group = world.aws.ec2.create_security_group(GroupName="theirs", Description="x", VpcId=vpc)["GroupId"]

    seen = None
    for _ in range(100):
        seen = world.tick("destroy", act=True)
        if any(isinstance(error, Refused) for error in seen.failed.values()):
            break
        world.sim.sleep(seen.requeue_after)

    assert seen is not None
    assert str(seen.failed[Key("vpc", "main")]) == (
        f"{vpc}: not ours, in the way: security group {group} (theirs); once they are gone, destroy goes on"
    )
    world.aws.ec2.delete_security_group(GroupId=group)
    assert converge(world, "destroy").plan.pending == ()
