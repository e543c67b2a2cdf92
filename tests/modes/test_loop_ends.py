"""run: what it makes of a stack that somebody destroyed, and how it ends itself when something ends it."""

from __future__ import annotations

import contextlib
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.aws.lease import FileLease, Holder
from controller.modes import loop
from controller.report import server
from tests.modes.stage import Command, Ended, Stage

DESTROYED = "destroyed elsewhere; apply, or a change of the file, brings it back"


def destroyed(stage: Stage) -> None:
    """By somebody whose lease is kept elsewhere; the log group holds lines and stays."""
    [group] = stage.own.logs.describe_log_groups()["logGroups"]
    stage.own.logs.create_log_stream(logGroupName=group["logGroupName"], logStreamName="one")
    assert stage.elsewhere("destroy", stage.spec, "--yes", "--lease", f"file:{stage.folder / 'elsewhere'}") == 0


def vpcs(stage: Stage) -> int:
    return len(stage.own.ec2.describe_vpcs(Filters=[{"Name": "tag:theseus:stack", "Values": ["tiny"]}])["Vpcs"])


# ------------------------------------------------------------------------------------------------ destroyed elsewhere
def test_a_cluster_deleted_by_hand_is_put_back(stage: Stage, command: Command) -> None:
    """The record went with it, but the network is there: drift."""

    def by_hand() -> None:
        aws = stage.own
        [provider] = aws.ecs.describe_clusters(clusters=["tiny"])["clusters"][0]["capacityProviders"]
        aws.ecs.delete_service(cluster="tiny", service="tiny-web", force=True)
        aws.autoscaling.delete_auto_scaling_group(AutoScalingGroupName="tiny-main", ForceDelete=True)
        stage.sim.sleep(timedelta(minutes=1))
        aws.ecs.put_cluster_capacity_providers(cluster="tiny", capacityProviders=[], defaultCapacityProviderStrategy=[])
        aws.ecs.delete_capacity_provider(capacityProvider=provider)
        aws.ecs.delete_cluster(cluster="tiny")

    stage.before_passes(two=by_hand)
    ended = command("run", stage.spec, "--ticks", "3")

    assert ended.lines("stack.destroyed") == []
    assert "cluster/main" in next(line for line in ended.lines("tick.done") if line["tick"] == 2)["done"]
    assert stage.record()


def test_while_a_destroy_is_at_work_the_loop_makes_no_pass(stage: Stage, command: Command) -> None:
    """The lease is the destroyer's until the end: what is half gone is not put back."""
    place = f"file:{stage.folder / 'shared'}"
    said: list[int] = []

    def meanwhile() -> None:
        if not said:
            said.append(stage.elsewhere("run", stage.spec, "--ticks", "1", "--lease", place))

    stage.clock.between = meanwhile
    ended = command("destroy", stage.spec, "--yes", "--lease", place)

    assert (ended.code, said) == (0, [0])
    assert [line["tick"] for line in ended.lines("lease.held")] == [1]
    assert ended.lines("tick.done") == []


def test_a_stack_destroyed_elsewhere_stays_so_until_the_file_changes(stage: Stage, command: Command) -> None:
    """Told once, with what it would do. The edit builds everything anew."""
    left: list[int] = []

    def look_and_edit() -> None:
        left.append(vpcs(stage))
        stage.write("tags: {team: shop}\n")

    stage.before_passes(three=lambda: destroyed(stage), five=look_and_edit)
    ended = command("run", stage.spec, "--ticks", "5")

    lines = {line["tick"]: line for line in ended.lines("tick.done")}
    assert [(line["tick"], line["why"]) for line in ended.lines("stack.destroyed")] == [(3, DESTROYED)]
    for number in (3, 4):
        assert (lines[number]["done"], lines[number]["moves"], lines[number]["outcome"]) == ([], [], DESTROYED)
        assert "vpc/main" in lines[number]["would"]
    assert left == [0]
    assert "vpc/main" in lines[5]["done"]
    assert vpcs(stage) == 1


# ------------------------------------------------------------------------------------------------ how it ends
def test_a_mistake_of_ours_ends_the_loop_and_leaves_no_lease(
    stage: Stage, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(loop, "tick", wrong)
    with pytest.raises(ZeroDivisionError):
        command("run", stage.spec)

    FileLease(str(tmp_path / "lease.tiny"), "tiny", Holder.mine()).acquire()


def test_it_says_why_it_stopped(
    stage: Stage, command: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The passes it was asked for, a signal, or a mistake."""
    [asked] = command("run", stage.spec, "--ticks", "1").lines("loop.stopped")
    stage.before_passes(two=lambda: os.kill(os.getpid(), signal.SIGTERM))
    [signalled] = command("run", stage.spec).lines("loop.stopped")
    monkeypatch.setattr(loop, "_pass", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        command("run", stage.spec)
    [broken] = Ended(1, "", capsys.readouterr().err).lines("loop.stopped")

    assert [(one["why"], one["code"]) for one in (asked, signalled, broken)] == [
        ("every stack had its passes: 1", 0),
        ("SIGTERM", 143),
        ("ZeroDivisionError: division by zero", 0),
    ]


# ------------------------------------------------------------------------------------------------ what it tells
def test_a_first_pass_that_does_not_end_is_unhealthy(
    stage: Stage, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After three intervals, as for any later pass; healthy again when it ended."""
    serve, said, places = server.serve, list[tuple[int, str]](), list[tuple[str, int]]()

    @contextlib.contextmanager
    def noting(*facts: Any) -> Iterator[tuple[str, int]]:
        with serve(*facts) as place:
            places.append(place)
            yield place

    def ask() -> None:
        try:
            with urllib.request.urlopen("http://{}:{}/healthz".format(*places[0]), timeout=5) as answer:
                said.append((answer.status, answer.read().decode()))
        except urllib.error.HTTPError as refusal:
            said.append((refusal.code, refusal.read().decode()))

    def slow(*facts: Any, **named: Any) -> Any:
        if len(said) < 3:
            for _ in range(2):
                stage.sim.time += timedelta(seconds=20)
                ask()
        return tick(*facts, **named)

    tick, began = loop.tick, f"{stage.sim.now():%H:%M:%SZ}"
    monkeypatch.setattr(server, "serve", noting)
    monkeypatch.setattr(loop, "tick", slow)
    stage.clock.between = ask
    command("run", stage.spec, "--observe", "--interval", "10s", "--ticks", "2", "--listen", "127.0.0.1:0")

    assert said == [(200, "ok"), (200, "ok"), (503, f"tiny: no pass ended since {began}"), (200, "ok")]


def test_the_warnings_of_a_spec_are_told_once(stage: Stage, command: Command) -> None:
    """And others when the file gets others."""
    cuts = "services: {web: {deregistration_delay: 0s}}\n"
    stage.write(cuts)
    stage.before_passes(three=lambda: stage.write(cuts + "gates: {alarms: [one, one]}\n"))

    lines = command("run", stage.spec, "--observe", "--ticks", "4").lines("spec.warned")

    assert [line["level"] for line in lines] == ["warning", "warning"]
    assert "0s cuts every request in flight" in lines[0]["warnings"][0]
    assert len(lines[1]["warnings"]) == len(lines[0]["warnings"]) + 1
