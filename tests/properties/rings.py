"""Whatever the spec: after an apply nothing is left to do, and it does not matter what was there before.

AWS shuffles its lists meanwhile. One example is a ring of specs: each is applied to nothing, and then each to the world
that the one before it left, with all that may be pruned and replaced. ``THESEUS_PROPERTIES`` says how many specs are
tried, and ``THESEUS_SEED`` where the dice begin.
"""

from __future__ import annotations

import json
import os
import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st

from controller.base.errors import SpecError
from controller.engine.observe import declare
from controller.engine.scope import Scope
from controller.resources import RECONCILERS
from controller.sandbox.simulated import Simulated
from controller.spec.load import load
from controller.spec.types import Stack
from tests.properties.picture import picture
from tests.properties.specs import CERTIFICATES, LOGS, SCHEMES, Json, stacks
from tests.resources.stacks import World, certify, converge, let_write

PAUSE = timedelta(seconds=12)  # between passes: they are what such a test costs
RING = 4  # specs of one example
PARTS = 4
SPECS = int(os.environ.get("THESEUS_PROPERTIES", "16"))
FIRST = int(os.environ.get("THESEUS_SEED", "0"))


def play(part: int) -> None:
    """The rings of one part of the specs; parts run side by side."""

    @seed(FIRST + part)
    @settings(
        max_examples=max(1, SPECS // RING // PARTS),
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(SCHEMES.flatmap(lambda one: st.lists(stacks(one).map(loaded).filter(bool), min_size=RING, max_size=RING)))
    def ring(specs: list[Stack]) -> None:
        asked = [declare(one, RECONCILERS) for one in specs]
        assume(all(one != asked[0] for one in asked[1:]))  # hypothesis begins with the simplest spec, again and again
        pictures = []
        for stack in specs:
            world = World(Simulated(), stack)
            for arn in CERTIFICATES:
                certify(world, arn.rpartition("/")[2])
            let_write(world, LOGS)
            world.sim.door("POST", "shuffle", seed=part)
            settle(world, Scope())
            pictures.append(picture(world))
        for stack, alone in zip(specs, pictures, strict=True):
            world.stack = stack
            settle(world, Scope(prune=True, replace=frozenset(map(str, world.desired()))))
            assert picture(world) == alone

    ring()


def settle(world: World, scope: Scope) -> None:
    """Apply until nothing moves: then the plan is empty, however AWS shuffles its lists this time."""
    seen = converge(world, scope=scope, pause=PAUSE)
    assert [(str(step.key), step.action, step.changes) for step in seen.plan.pending] == []
    kept = {step.key for step in seen.plan.steps if step.reason.startswith("kept: ")}
    assert (seen.plan.problems, set(seen.plan.orphans) - kept, seen.quiet) == ((), set(), True)


def loaded(document: Json) -> Stack | None:
    """The stack of *document*; None where fields of it do not go together, which other tests are about."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spec.yaml"
        path.write_text(json.dumps(document))  # JSON is YAML
        try:
            return load(str(path), ()).stack
        except SpecError:
            return None
