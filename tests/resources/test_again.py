"""The second half of the contract, on a stack as it was built: create again, delete again, tags lost and gained;
and by another release."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from controller.base.errors import Gone, Stale
from controller.base.keys import Key
from controller.resources import launch_template
from tests.resources.contract import delete
from tests.resources.samples import retag
from tests.resources.stacks import KINDS, RICH, SPECS, World, built, converge

MADE = sorted(name for name, kind in KINDS.items() if not kind.data)


@pytest.fixture(scope="module")
def world() -> World:
    return built(RICH)


@pytest.fixture(scope="module")
def wanted(world: World) -> dict[Key, Any]:
    return world.resolved(world.see())


@pytest.mark.parametrize("kind", MADE)
def test_creating_again_after_a_lost_answer_doubles_nothing(kind: str, world: World, wanted: dict[Key, Any]) -> None:
    """What is there already is found and returned, or the engine is told to look again; never made twice."""
    before, left = world.see(kind), world.left()
    for key in sorted(before):
        try:
            outputs = KINDS[kind].create(world.aws, key, wanted[key])
        except Stale:
            outputs = {}
        assert outputs.items() <= before[key].outputs.items()

    assert left == world.left()
    assert before == world.see(kind)


def test_a_lost_tag_comes_back_and_foreign_tags_stay(world: World) -> None:
    """Tags are ours key by key: what others add is not drift, and is not removed when ours are put back."""
    tagged = sorted(key for key, one in world.desired().items() if hasattr(one, "tags"))
    live = world.see()
    for key in tagged:
        retag(world.aws, key, live[key], lost="team", foreign=("cost-of-others", "1"))

    lost = world.tick().plan
    assert sorted((step.key, [c.field for c in step.changes], step.risk) for step in lost.pending) == [
        (key, ["tags"], "cosmetic") for key in tagged
    ]

    converge(world)
    after = world.see()
    both = {("team", "shop"), ("cost-of-others", "1")}
    assert [key for key in tagged if not both <= {*after[key].as_desired.tags}] == []
    assert world.tick().plan.pending == ()


def test_what_is_gone_is_deleted_already(world: World) -> None:
    """Each resource once more after it was deleted, children first: Gone, or nothing to do."""
    for step in world.tick("destroy").plan.steps:
        kind = KINDS[step.key.kind]
        if step.action == "delete":
            last = delete(world, step.key)
            with suppress(Gone):
                kind.delete(world.aws, last)
            if step.key.kind != "codedeploy_deployment":  # which is its service's for as long as that is deployed so
                assert step.key not in world.see(step.key.kind)

    assert [key for key in world.see() if not KINDS[key.kind].data] == [Key("repository", "shop")]  # it holds images
    assert world.stack.name not in str({**world.left(), "repository": []})


def test_a_template_that_a_release_of_before_described_in_another_way_rolls_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a version holds is compared, never the hash in its description: a new release keeps every host."""
    with monkeypatch.context() as before:
        before.setattr(launch_template, "SCHEME", "v0")
        before.setattr(launch_template, "_digest", lambda data: f"{len(repr(data)):032d}")
        world = built(SPECS / "demo.yaml")
    hosts, versions = world.left()["instance"], described(world)
    assert versions[0].startswith("theseus v0:0")

    seen = world.tick()

    assert (seen.plan.pending, seen.forecasts) == ((), ())
    converge(world)
    assert (world.left()["instance"], described(world)) == (hosts, versions)


def described(world: World) -> list[str]:
    found = world.aws.ec2.describe_launch_template_versions(LaunchTemplateName="demo-main")["LaunchTemplateVersions"]
    return [one["VersionDescription"] for one in found]
