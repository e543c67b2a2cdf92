"""Import in the simulated world: a stack without our tags, the spec written for it, and what then differs."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from controller.aws.survey import survey
from controller.engine.adopt import adopt, adoptions
from controller.modes.draft import draft
from controller.modes.importing import written
from controller.spec.load import load
from tests.resources.samples import retag
from tests.resources.stacks import KINDS, World, built

NETWORK = {  # one of another form than the simplest is used as it is
    "elastic_ip", "internet_gateway", "nat_gateway", "route_table", "subnet", "vpc", "vpc_endpoint"
}  # fmt: skip
TWO = ["10.60.1.0/24", "10.60.2.0/24"]
BEHIND = {"cidr": "10.60.0.0/16", "public_subnets": TWO, "private_subnets": ["10.60.11.0/24", "10.60.12.0/24"]}
TASK = {"image": "nginx:1.27", "cpu": 256, "memory": 512, "desired": 1, "deregistration_delay": "5s"}
OPEN = {"cidr": "10.60.0.0/16", "public_subnets": TWO}
SMALL = {"instance_type": "t3.small", "size": {"min": 1, "desired": 1, "max": 2}}


def strip(world: World) -> None:
    """As if nobody had made it: none of our tags is left."""
    for key, have in world.see().items():
        for tag, _ in getattr(have.as_desired, "tags", ()):
            if tag.startswith("theseus:"):
                retag(world.aws, key, have, tag, ("seen", "yes"))
    world.restart()


def again(world: World, folder: Path) -> list[str]:
    """The spec that import writes for it takes the place of its own, and what is there is adopted; the notes."""
    one = draft(survey(world.aws, world.stack.name))
    path = folder / "imported.yaml"
    path.write_text(written(one, world.stack.name))
    world.stack = load(str(path), ()).stack
    for each in adoptions(world.tick().plan):
        adopt(each, KINDS[each.key.kind], world.aws)
    world.restart()
    return one.notes


def stack_in(folder: Path, **parts: Any) -> World:
    path = folder / "built.yaml"
    path.write_text(json.dumps({"version": 1, "stack": "imp", "region": "us-east-1", **parts}))
    return built(path)


def differing(world: World) -> dict[str, list[str]]:
    plan = world.tick().plan
    assert plan.problems == ()
    return {str(step.key): sorted(change.field for change in step.changes) or [step.action] for step in plan.pending}


def declared(world: World) -> Counter[str]:
    """How much of each kind the spec asks for, the network aside."""
    return Counter(key.kind for key in world.desired() if key.kind not in NETWORK)
