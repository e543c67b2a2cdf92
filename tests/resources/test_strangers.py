"""What others put into a network of ours holds up its end: it is named, and nothing waits for it (promises 5 and 8)."""

from __future__ import annotations

from typing import Any

from controller.base.errors import Refused
from controller.base.keys import Key
from controller.engine.scope import Scope
from tests.resources.stacks import SPECS, built, converge, stack_of


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


def test_who_else_scales_a_service_of_ours_is_left_to_it() -> None:
    """A scalable target shows no tags in lists: the service is marked to have one of ours. Where it goes on scaling
    although the spec has no scaling any more, every plan says so."""
    demo, scaled = SPECS / "demo.yaml", "services.web.scaling={min: 2, max: 6, target_cpu: 60}"
    world = built(demo)
    scaling: Any = world.aws.applicationautoscaling
    place = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
    theirs = {**place, "ResourceId": "service/demo/demo-web"}
    scaling.register_scalable_target(**theirs, MinCapacity=1, MaxCapacity=9)

    def bounds() -> list[tuple[int, int]]:
        found = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
        return [(one["MinCapacity"], one["MaxCapacity"]) for one in found]

    seen = converge(world, scope=Scope(prune=True))
    assert (seen.plan.pending, seen.plan.orphans, bounds()) == ((), (), [(1, 9)])

    world.stack = stack_of(demo, scaled)
    converge(world)
    assert bounds() == [(2, 6)]
    world.stack = stack_of(demo)
    assert [str(key) for key in world.tick().plan.orphans] == ["scalable_target/web", "service_scaling_policy/web-cpu"]
    converge(world, scope=Scope(prune=True))
    assert bounds() == []
