"""One contract for every kind: what it compares it can correct, and it corrects nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.base.keys import Key
from controller.engine.compare import compare
from tests.resources.contract import comparable, correct, differences, differs, edits, others, together
from tests.resources.samples import SAMPLES, SUBJECTS, subject
from tests.resources.stacks import KINDS, RICH, Live, World, built

ALL = sorted(KINDS)
MADE = sorted(name for name, kind in KINDS.items() if not kind.data)


@pytest.fixture(scope="module")
def world() -> World:
    return built(RICH)


@pytest.fixture(scope="module")
def live(world: World) -> Live:
    """Everything as it was built; every test leaves it so."""
    return world.see()


@pytest.fixture(scope="module")
def wanted(world: World, live: Live) -> dict[Key, Any]:
    return world.resolved(live)


def test_what_was_just_built_is_as_it_should_be(live: Live, wanted: dict[Key, Any]) -> None:
    """Compare after create is empty, for every resource there is."""
    assert sorted(wanted) == sorted(live)
    assert differences(live, wanted) == {}


@pytest.mark.parametrize("kind", ALL)
def test_every_field_that_can_drift_has_a_sample(kind: str, world: World) -> None:
    assert sorted(comparable(kind, world)) == sorted(SAMPLES[kind])


@pytest.mark.parametrize("kind", MADE)
def test_an_edit_is_reported_carried_out_and_touches_nothing_else(
    kind: str, world: World, live: Live, wanted: dict[Key, Any]
) -> None:
    """Field by field, then all at once: seen with its risk, corrected by one update, seen no more; and the way back."""
    key, desired = subject(world, kind, wanted)
    several = []
    for edit in edits(world, kind, key, desired, immutable=False):
        several.append(edit)
        before, changes = differs(world, key, edit.edited)
        assert edit.alone == {change.field for change in changes}
        assert {edit.field: (edit.risk, False)}.items() <= {c.field: (c.risk, c.replaces) for c in changes}.items()

        KINDS[kind].update(world.aws, before[key], edit.edited, changes)
        after, left = differs(world, key, edit.edited)
        assert left == (), f"{edit.field} still differs"
        assert others(before, key) == others(after, key), edit.field
        correct(world, key, desired)

    whole = together(desired, several)
    correct(world, key, whole)
    assert differs(world, key, whole)[1] == ()
    assert others(live, key) == others(world.see(), key)
    correct(world, key, desired)
    last, left = differs(world, key, desired)
    assert left == ()
    if key not in live:
        KINDS[kind].delete(world.aws, last[key])


def test_parts_of_a_group_that_the_spec_lost_are_orphans_and_those_of_others_are_not(world: World) -> None:
    """Hooks, policies and schedules carry no tags: the group is marked to have some, and their names say whose."""
    place: Any = {"AutoScalingGroupName": "rich-edge", "LifecycleHookName": "audit"}
    world.aws.autoscaling.put_lifecycle_hook(**place, LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING")
    parts = {key for key in world.desired() if key.kind in {"lifecycle_hook", "scaling_policy", "scheduled_action"}}
    pools = tuple(replace(one, scaling_policies=(), lifecycle_hooks=()) for one in world.stack.pools)

    plan = World(world.sim, replace(world.stack, pools=pools)).tick().plan

    assert len(parts) == 7
    assert set(plan.orphans) == parts
    world.aws.autoscaling.delete_lifecycle_hook(**place)


def test_an_edit_that_aws_cannot_make_in_place_replaces(world: World, live: Live, wanted: dict[Key, Any]) -> None:
    for kind in MADE:
        key = Key(kind, SUBJECTS[kind])
        for edit in edits(world, kind, key, wanted.get(key), immutable=True):
            (change,) = compare(edit.edited, live[key].as_desired)
            assert (edit.field, True, "replace") == (change.field, change.replaces, change.risk)
