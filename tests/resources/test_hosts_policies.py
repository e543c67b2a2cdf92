"""Managed policies of a hosts' role: those that a spec asked for are ours, and go when no spec does any more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.base.keys import POLICIES_TAG, Key
from tests.resources.stacks import SPECS, Killed, World, built, converge, mortal, stack_of

ROLE = Key("role", "hosts-main")
POLICY = "arn:aws:iam::aws:policy/"
ANY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
)
THEIRS, FIRST, SECOND = "CloudWatchAgentServerPolicy", "AmazonS3ReadOnlyAccess", "AmazonSQSFullAccess"


def ask(world: World, *names: str) -> None:
    asked = ", ".join(POLICY + name for name in names)
    world.stack = stack_of(SPECS / "minimal.yaml", *([f"hosts.main.policies=[{asked}]"] if names else []))


def attached(world: World) -> set[str]:
    """Of the policies that are tried here."""
    found = world.aws.iam.list_attached_role_policies(RoleName="tiny-hosts-main")["AttachedPolicies"]
    return {one["PolicyName"] for one in found} & {THEIRS, FIRST, SECOND}


def planned(world: World) -> list[tuple[Key, list[str]]]:
    return [(step.key, [change.field for change in step.changes]) for step in world.tick().plan.pending]


def test_one_that_left_the_spec_is_planned_and_detached_and_that_of_others_stays() -> None:
    world = built(SPECS / "minimal.yaml")
    ask(world, FIRST)
    converge(world)
    world.aws.iam.attach_role_policy(RoleName="tiny-hosts-main", PolicyArn=POLICY + THEIRS)
    ask(world)

    before = world.tick().plan
    last = converge(world)

    (step,) = before.pending
    assert (step.key, POLICY + FIRST in str(step.changes[0].before)) == (ROLE, True)
    assert before.notes == (f"role/hosts-main: policy attached by others kept: {POLICY}{THEIRS}",)
    assert (last.plan.pending, last.plan.notes, attached(world)) == ((), before.notes, {THEIRS})


def test_a_role_of_an_earlier_release_gets_the_memory_and_then_lets_go() -> None:
    """Once, as a change of its tags that a plan shows."""
    world = built(SPECS / "minimal.yaml", f"hosts.main.policies=[{POLICY}{FIRST}]")
    world.aws.iam.untag_role(RoleName="tiny-hosts-main", TagKeys=[POLICIES_TAG])

    assert planned(world) == [(ROLE, ["tags"])]
    assert converge(world).plan.pending == ()
    ask(world)
    assert planned(world) == [(ROLE, ["policies", "tags"])]
    assert converge(world).plan.pending == ()
    assert attached(world) == set()


@pytest.mark.parametrize("calls", range(4))
def test_whenever_the_controller_dies_none_of_ours_is_taken_for_one_of_others(calls: int) -> None:
    """Not even when the spec is another one in the next life."""
    world = built(SPECS / "minimal.yaml", f"hosts.main.policies=[{POLICY}{FIRST}]")
    ask(world, SECOND)
    world.aws.guard = mortal(calls)
    with pytest.raises(Killed):
        world.tick(act=True)
    world.aws.guard = lambda: None
    ask(world)

    last = converge(world)

    assert (last.plan.notes, attached(world)) == ((), set())


def test_a_role_never_has_more_policies_than_iam_lets_it_have() -> None:
    """Ten: those that leave make room for those that come."""
    names = [f"Policy{number}" for number in range(9)]
    world = built(SPECS / "minimal.yaml")
    iam: Any = world.aws.iam
    arns = [iam.create_policy(PolicyName=one, PolicyDocument=ANY)["Policy"]["Arn"] for one in names]
    for asked in (arns[:8], arns[1:]):
        world.stack = stack_of(SPECS / "minimal.yaml", f"hosts.main.policies=[{', '.join(asked)}]")
        converge(world)
    counts: list[int] = []

    def count() -> None:
        counts.append(len(iam.list_attached_role_policies(RoleName="tiny-hosts-main")["AttachedPolicies"]))

    world.aws.guard = count
    world.stack = stack_of(SPECS / "minimal.yaml", f"hosts.main.policies=[{', '.join(arns[:8])}]")
    converge(world)

    assert max(counts) == 10
    assert world.tick().plan.pending == ()
