"""One contract for every kind: what it compares it can correct, and it corrects nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.base.keys import Key
from controller.engine.compare import compare
from controller.engine.reconciler import Foretelling, Home
from controller.resources.listener_rule import Balancing, Stickiness
from controller.spec.names import named
from controller.spec.types import Stack
from tests.resources.contract import comparable, correct, differences, differs, edits, others, together, update
from tests.resources.samples import SAMPLES, SUBJECTS, subject
from tests.resources.stacks import KINDS, RICH, Live, World, built

CERTIFICATE = "arn:aws:iam::123456789012:server-certificate/"
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

        update(world, key, before[key], edit.edited, changes)
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


def test_what_a_kind_foretells_is_what_is_there(live: Live) -> None:
    """A plan counts on it for what has to be made again."""
    home = Home("aws", "us-east-1", "123456789012")
    telling = {name: kind for name, kind in KINDS.items() if isinstance(kind, Foretelling)}
    foretold = {
        key: telling[key.kind].foretold(one.as_desired, home) for key, one in live.items() if key.kind in telling
    }

    assert telling.keys() == {key.kind for key in foretold} == {"log_group", "repository", "role"}
    assert foretold == {key: {name: live[key].outputs[name] for name in outputs} for key, outputs in foretold.items()}


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


FOUND_BY_TAG = (  # the others are found by their names: another name is another of them
    "auto_scaling_group codedeploy_deployment_group launch_template load_balancer log_group security_group service "
    "service_scaling_policy target_group"
)


@pytest.mark.parametrize("kind", FOUND_BY_TAG.split())
def test_another_name_for_what_is_there_plans_nothing(kind: str, world: World) -> None:
    """A name finds and creates, it is never compared (`names:`)."""

    def planned(stack: Stack) -> Any:
        plan = World(world.sim, stack).tick().plan
        return [(str(step.key), step.action) for step in plan.pending], plan.orphans, plan.problems

    keys = [str(key) for key in named(world.stack) if key.kind == kind]
    names = {**dict(world.stack.names), **{key: f"other-{place}" for place, key in enumerate(keys)}}

    assert keys != []
    assert planned(replace(world.stack, names=tuple(sorted(names.items())))) == planned(world.stack)


def test_an_edit_that_aws_cannot_make_in_place_replaces(world: World, live: Live, wanted: dict[Key, Any]) -> None:
    for kind in MADE:
        key = Key(kind, SUBJECTS[kind])
        for edit in edits(world, kind, key, wanted.get(key), immutable=True):
            (change,) = compare(edit.edited, live[key].as_desired)
            assert (edit.field, True, "replace") == (change.field, change.replaces, change.risk)


@pytest.mark.parametrize(
    ("edit", "calls"),
    [
        pytest.param({"certificate": CERTIFICATE + "rich-a"}, ["ModifyListener"], id="another default certificate"),
        pytest.param(
            {"certificate": CERTIFICATE + "rich-a", "certificates": (CERTIFICATE + "rich",)},
            ["AddListenerCertificates", "ModifyListener", "RemoveListenerCertificates", "RemoveListenerCertificates"],
            id="default and further certificate change places",
        ),
        pytest.param({"certificates": ()}, ["RemoveListenerCertificates"] * 2, id="no further ones"),
        pytest.param({"policy": "ELBSecurityPolicy-TLS13-1-3-2021-06"}, ["ModifyListener"], id="another policy"),
        pytest.param(
            {"protocol": "HTTP", "certificate": "", "certificates": (), "policy": ""},
            ["ModifyListener"],
            id="plain HTTP",
        ),
    ],
)
def test_an_https_listener_changes_in_place_and_back(
    world: World, wanted: dict[Key, Any], edit: dict[str, Any], calls: list[str]
) -> None:
    """With the fewest calls: what AWS drops by itself is not taken away once more."""
    key = Key("listener", "secure")
    edited = replace(wanted[key], **edit)
    live, changes = differs(world, key, edited)
    before = world.aws.calls.copy()

    KINDS["listener"].update(world.aws, live[key], edited, changes)

    made = [name.partition(":")[2] for name in (world.aws.calls - before).elements()]
    assert sorted(made) == calls
    assert differs(world, key, edited)[1] == ()
    correct(world, key, wanted[key])
    assert differs(world, key, wanted[key])[1] == ()


@pytest.mark.parametrize("cookie", ["AWSALB", "SESSION"])
def test_a_service_becomes_sticky_and_stops_to_be_with_one_update_each(
    world: World, wanted: dict[Key, Any], cookie: str
) -> None:
    """AWS refuses sticky groups in a rule of several, whichever comes first (gh argo-rollouts#1577)."""
    key = Key("listener_rule", "web")
    plain = wanted[key]
    sticky = replace(plain, forwards=plain.forwards[:1], balancing=Balancing(stickiness=Stickiness(cookie, 60)))

    for one in (sticky, plain):
        correct(world, key, one)
        assert differs(world, key, one)[1] == ()
