"""apply: what ends it and with which code, what it says is in flight, and that the next one finishes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from controller.aws.client import Aws
from tests.modes.stage import Command, Stage

TAGS = "tags: {team: shop}\n"
SPARE = "registry: {spare: {}}\n"


def after_calls(stage: Stage, number: int, then: Callable[[], None]) -> None:
    """*then* runs before the call after the next *number* that change AWS, whoever makes them."""
    left = [number]

    def wrap(aws: Aws) -> None:
        guards: list[Any] = [None]

        def guard() -> None:
            left[0] -= 1
            if left[0] == -1:
                then()
            guards[0]()

        class Watching(type(aws)):  # type: ignore[misc]
            """Every guard that is set is asked after ours."""

            @property
            def guard(self) -> Any:
                return guard

            @guard.setter
            def guard(self, value: Any) -> None:
                guards[0] = value

        guards[0] = aws.__dict__.pop("guard")
        aws.__class__ = Watching

    stage.on_connect = wrap


def signalled() -> None:
    """Ctrl-C, as the handler of this process gets it."""
    import os
    import signal

    os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_ends_the_current_call_and_says_what_is_left(stage: Stage, command: Command) -> None:
    """After the third call nothing is started; the words name what is not done and a command that finishes it."""
    stage.write(TAGS)
    after_calls(stage, 3, signalled)
    ended = command("apply", stage.spec, "--yes", "--set", "services.web.desired=2", "--exclude", "vpc/main")
    stage.reset()
    stage.write(TAGS)

    assert ended.code == 130
    assert "interrupted: what was begun goes on in AWS by itself; nothing was undone." in ended.err
    left = [line for line in ended.err.splitlines() if line.startswith("  not done: ")]
    planned = command("plan", stage.spec, "--exclude", "vpc/main", "-o", "json").json()
    open_ = {one["address"] for one in planned["resource_changes"] if one["change"]["actions"] != ["no-op"]}
    assert {line.split()[2] for line in left} == open_
    assert open_
    assert f"To finish: theseus apply {stage.spec} --set services.web.desired=2 --exclude vpc/main" in ended.err
    assert command("apply", stage.spec, "--yes").code == 0
    assert command("plan", stage.spec, "--detailed-exitcode").code == 0
    stage.write()
    assert command("apply", stage.spec, "--yes").code == 0


def test_an_interrupt_before_anything_began_is_130_too(stage: Stage, command: Command) -> None:
    """While the first pass reads: nothing is asked and nothing is changed."""
    stage.write(TAGS)
    stage.on_connect = lambda _aws: None
    reads = stage.sim.edge.calls["ecs:DescribeClusters"]
    connect = stage.connect

    def interrupting(region: str, profile: str | None) -> Aws:
        aws = connect(region, profile)
        method = aws.ecs._client.describe_clusters

        def slow(**request: Any) -> Any:
            signalled()
            return method(**request)

        patch.setattr(aws.ecs._client, "describe_clusters", slow)
        return aws

    from controller.modes import session

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "connect", interrupting)
        ended = command("apply", stage.spec, "--yes")

    assert (ended.code, ended.out) == (130, "")
    assert stage.sim.edge.calls["ecs:DescribeClusters"] == reads + 1
    assert "interrupted: nothing new is started" in ended.err


def test_past_its_time_it_ends_5_and_the_next_one_finishes(stage: Stage, command: Command) -> None:
    """`--timeout 0s` is a time, not the default: one pass is made, then it ends."""
    stage.write("tags: {late: shop}\n")
    ended = command("apply", stage.spec, "--yes", "--timeout", "0s", "-o", "json")

    assert (ended.code, ended.json()["outcome"]) == (5, "timed_out")
    assert f"To finish: theseus apply {stage.spec} --lease file:" in ended.err
    assert command("apply", stage.spec, "--yes").code == 0
    stage.write()
    assert command("apply", stage.spec, "--yes").code == 0


def test_what_turns_out_impossible_half_way_ends_it_and_says_why(stage: Stage, command: Command) -> None:
    """Somebody takes a role as their own while it works: no later pass could do anything, so none waits for it."""

    def owned_by(owner: str) -> None:
        stage.own.iam.tag_role(RoleName="tiny-execution-web", Tags=[{"Key": "theseus:stack", "Value": owner}])

    stage.write("tags: {halfway: shop}\n")
    stage.clock.between = lambda: owned_by("somebody")
    ended = command("apply", stage.spec, "--yes", "-o", "json")
    stage.clock.between = lambda: None
    owned_by("tiny")

    assert (ended.code, ended.json()["outcome"]) == (1, "failed")
    assert "error: nothing more is changed:\n  role/execution-web" in ended.err
    assert "somebody" in ended.err
    stage.write()
    assert command("apply", stage.spec, "--yes").code == 0


def test_something_deleted_while_it_is_read_does_not_end_it(stage: Stage, command: Command) -> None:
    """`plan` looks once more, and so does `apply`, before and after it began."""
    for name in ("plan", "status"):
        stage.faults("elbv2", "DescribeTargetHealth", "TargetGroupNotFound")
        stage.faults("ecs", "DescribeServices", "ClusterNotFoundException")
        assert command(name, stage.spec).code == 0
    stage.write("tags: {read: shop}\n")
    stage.faults("ecs", "DescribeTasks", "ClusterNotFoundException", times=1)
    stage.faults("autoscaling", "DescribeAutoScalingGroups", "ThrottlingException", times=6)

    assert command("apply", stage.spec, "--yes").code == 0
    stage.write()
    assert command("apply", stage.spec, "--yes").code == 0


def test_what_was_named_and_pruned_is_not_missed(stage: Stage, command: Command) -> None:
    """The address is known when it begins; that it names nothing in the end is what was asked for."""
    stage.write(SPARE)
    assert command("apply", stage.spec, "--yes", "--target", "repository/spare").code == 0
    stage.write("")

    ended = command("apply", stage.spec, "--yes", "--prune", "--target", "repository/spare")
    again = command("apply", stage.spec, "--yes", "--prune", "--target", "repository/spare")

    assert (ended.code, again.code) == (0, 1)
    assert "repository/spare: no such resource" in again.err


def test_what_aws_refuses_for_good_is_named_and_the_rest_is_done(empty: Stage, command: Command) -> None:
    empty.faults("elbv2", "CreateRule", "AccessDenied", status=403, times=99)

    ended = command("apply", empty.spec, "--yes", "-o", "json")

    words = ended.err + json.dumps(ended.json())
    assert (ended.code, ended.json()["outcome"]) == (1, "failed")
    assert "elbv2:CreateRule" in words
    assert "AccessDenied" in words
    assert "listener_rule/web" in words
    assert empty.own.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    empty.sim.edge.faults.clear()
    assert command("apply", empty.spec, "--yes").code == 0


def test_the_first_day_is_unproven_and_says_what_to_push(empty: Stage, command: Command) -> None:
    spec = empty.write(name="first", base="demo.yaml")
    ended = command("apply", spec, "--yes")

    assert ended.code == 4
    assert "docker push" in ended.out + ended.err
    assert "first/shop:v1" in ended.out + ended.err
