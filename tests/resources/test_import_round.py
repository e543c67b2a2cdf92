"""There and back: a stack built from a spec loses its tags, is imported and adopted, and a plan finds nothing to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.aws.survey import survey
from controller.base.keys import Key
from controller.modes.draft import draft
from controller.spec.types import Fargate
from tests.resources.imports import BEHIND, TASK, again, declared, differing, stack_in, strip
from tests.resources.stacks import RICH, SPECS, built


@pytest.mark.parametrize(
    ("path", "lacks", "differs"),
    [
        pytest.param(
            RICH,
            # no task runs an image of one repository; the group of the endpoints goes with the network; what an
            # application may do stays with the role that others keep, which the spec gives by its arn
            {"repository": 1, "role": 1, "security_group": 1},
            {"capacity_provider/spare": ["managed_draining"]},  # off is only for who acknowledges it
            id="rich",
        ),
        *(pytest.param(path, {}, {}, id=path.stem) for path in sorted(SPECS.glob("*.yaml"))),
    ],
)
def test_what_import_writes_is_what_was_built(
    path: Path, lacks: dict[str, int], differs: dict[str, list[str]], tmp_path: Path
) -> None:
    world = built(path)
    asked = declared(world)
    strip(world)

    notes = again(world, tmp_path)

    assert differing(world) == differs
    assert asked - declared(world) == lacks, notes
    assert declared(world) - asked == {}


def test_tasks_on_fargate_stay_in_private_subnets_without_public_addresses(tmp_path: Path) -> None:
    """Left out, all of it would be public and of the other processor."""
    route = {"listener": "http", "path": "/*", "priority": 1}
    world = stack_in(
        tmp_path,
        network={**BEHIND, "nat": "single"},
        load_balancer={"listeners": {"http": {"port": 80}}},
        services={
            "web": {
                **TASK,
                "fargate": {"subnets": "private", "architecture": "arm64", "platform": "1.3.0"},
                "port": 80,
                "route": route,
            },
            "open": {**TASK, "fargate": {"subnets": "private", "public_ip": True, "spot": True}},
            "shut": {**TASK, "fargate": {"public_ip": False}},
        },
    )
    strip(world)

    notes = again(world, tmp_path)

    web, open_, shut = (
        next(one.fargate for one in world.stack.services if one.name == name) for name in ("web", "open", "shut")
    )
    assert web == Fargate(subnets="private", architecture="arm64", platform="1.3.0")
    assert open_ == Fargate(subnets="private", public_ip=True, spot=True)
    assert shut == Fargate(public_ip=False)
    assert not any("subnets" in note for note in notes)
    assert differing(world) == {}


def test_a_strategy_over_fargate_gives_way_to_what_none_can_say(tmp_path: Path) -> None:
    """A strategy takes no word about subnets: tasks that lose their strategy are better off than public ones."""
    both = [{"provider": "FARGATE", "base": 1}, {"provider": "FARGATE_SPOT", "weight": 3}]
    world = stack_in(tmp_path, network=BEHIND, services={"web": {**TASK, "capacity": both}})
    (private,) = [
        one["SubnetId"] for one in world.aws.ec2.describe_subnets()["Subnets"] if one["CidrBlock"] == "10.60.11.0/24"
    ]
    assert draft(survey(world.aws, "imp")).document["services"]["web"]["capacity"][1] == {**both[1], "base": 0}
    live = world.see("service")[Key("service", "web")].as_desired
    interfaces: Any = {"subnets": [private], "securityGroups": list(live.security_groups), "assignPublicIp": "DISABLED"}
    world.aws.ecs.update_service(
        cluster="imp", service="imp-web", networkConfiguration={"awsvpcConfiguration": interfaces}
    )
    world.restart()

    one = draft(survey(world.aws, "imp"))

    assert one.document["services"]["web"]["fargate"] == {"public_ip": False}
    assert any("apply takes its strategy (FARGATE base 1" in note for note in one.notes)
