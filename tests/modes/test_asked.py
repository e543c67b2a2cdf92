"""Who may change what: the account, the person at the terminal, and a plan that was saved."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.modes.stage import Command, Stage


class Terminal(io.StringIO):
    """A person who does *answers* when asked."""

    def __init__(self, answers: Callable[[], str]) -> None:
        super().__init__()
        self._answers = answers

    def isatty(self) -> bool:
        return True

    def readline(self, *_: object) -> str:
        return self._answers()


@pytest.fixture
def drift(stage: Stage) -> Stage:
    """The stack with one attribute that somebody changed."""
    stage.delay("77")
    return stage


def at_terminal(monkeypatch: pytest.MonkeyPatch, answers: Callable[[], str]) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answers))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)


# ------------------------------------------------------------------------------------------------ the account
@pytest.mark.parametrize("name", ["plan", "apply", "destroy", "status", "run"])
def test_credentials_of_another_account_are_refused_in_one_line(name: str, stage: Stage, command: Command) -> None:
    stage.write('account: "210987654321"\n')
    before = sum(stage.sim.edge.calls.values())

    ended = command(name, stage.spec, *(["--ticks", "1"] if name == "run" else []))

    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert ended.err.startswith("error: these credentials belong to account 123456789012, the spec is for 2109876543")
    assert sum(stage.sim.edge.calls.values()) == before + 1


def test_the_right_account_is_no_obstacle(stage: Stage, command: Command) -> None:
    stage.write('account: "123456789012"\n')

    assert command("plan", stage.spec).code == 0


# ------------------------------------------------------------------------------------------------ the person
@pytest.mark.parametrize(("name", "shown"), [("apply", False), ("apply", True), ("destroy", False)])
def test_without_yes_and_a_terminal_nothing_is_changed(
    name: str, shown: bool, drift: Stage, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """*shown*: its words go to a terminal, but ``yes`` comes from a pipe."""
    at_terminal(monkeypatch, lambda: "yes\n")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: shown)

    ended = command(name, drift.spec)

    assert ended.code == 1
    assert ended.err.endswith("error: this changes AWS and there is no terminal to ask on: repeat with --yes\n")
    assert drift.delay() == "77"
    assert drift.connected[0].mutations == 0


@pytest.mark.parametrize(("name", "answer"), [("apply", "y\n"), ("apply", ""), ("apply", "YES\n"), ("destroy", "no\n")])
def test_any_other_answer_than_yes_declines(
    name: str, answer: str, drift: Stage, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_terminal(monkeypatch, lambda: answer)

    ended = command(name, drift.spec)

    assert ended.code == 3
    assert "Only 'yes' goes on: " in ended.err
    assert "declined" in ended.err
    assert drift.connected[0].mutations == 0


def test_a_signal_while_asked_is_an_answer(drift: Stage, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """And it ends the reading: nobody has to press Enter for it."""
    read: list[str] = []

    def interrupt() -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        read.append("yes\n")
        return read[0]

    at_terminal(monkeypatch, interrupt)

    assert command("apply", drift.spec).code == 143
    assert read == []
    assert drift.connected[0].mutations == 0


def test_yes_goes_on(drift: Stage, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    at_terminal(monkeypatch, lambda: "yes\n")

    assert command("apply", drift.spec).code == 0
    assert drift.delay() != "77"


# ------------------------------------------------------------------------------------------------ the plan
def test_the_exit_codes_of_a_plan(drift: Stage, command: Command) -> None:
    """One change in place: an error for who allows cosmetic ones only, and not for who allows up to a replacement."""
    assert command("plan", drift.spec).code == 0
    assert command("plan", drift.spec, "--detailed-exitcode").code == 2
    assert command("plan", drift.spec, "--fail-on", "in_place").code == 4
    assert command("plan", drift.spec, "--fail-on", "cosmetic", "--detailed-exitcode").code == 4
    assert command("plan", drift.spec, "--fail-on", "new_deployment").code == 0
    assert command("plan", drift.spec, "--fail-on", "new_deployment", "--detailed-exitcode").code == 2


def test_a_saved_plan_is_applied_as_long_as_it_holds(drift: Stage, command: Command, tmp_path: Path) -> None:
    path = str(tmp_path / "plan.json")
    planned = command("plan", drift.spec, "--out", path)
    assert planned.code == 0
    assert f"--plan {path}" in planned.err

    drift.delay("78")
    changed = command("apply", drift.spec, "--yes", "--plan", path)
    assert (changed.code, drift.delay()) == (1, "78")
    assert f"{path} does not hold any more (resource_changes differ): plan again" in changed.err

    drift.delay("77")
    other = command("apply", drift.spec, "--yes", "--plan", path, "--set", "services.web.desired=1")
    assert (other.code, drift.delay()) == (1, "77")
    assert "digest" in other.err

    assert command("apply", drift.spec, "--yes", "--plan", path).code == 0
    assert drift.delay() != "77"
    assert command("apply", drift.spec, "--yes", "--plan", path).code == 1  # there is nothing left of it


@pytest.mark.parametrize("text", [None, "", "[]", "{}"])
def test_what_is_no_saved_plan_changes_nothing(
    text: str | None, drift: Stage, command: Command, tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    if text is not None:
        path.write_text(text)

    ended = command("apply", drift.spec, "--yes", "--plan", str(path))

    assert (ended.code, drift.delay()) == (1, "77")
    assert ended.err.splitlines()[-1].startswith(("error: --plan ", f"error: {path} does not hold any more"))


def test_a_plan_that_cannot_be_saved_is_an_error(drift: Stage, command: Command, tmp_path: Path) -> None:
    ended = command("plan", drift.spec, "--out", str(tmp_path / "none" / "plan.json"))

    assert ended.code == 1
    assert ended.err.endswith("plan.json: No such file or directory\n")
    assert not json.loads(command("plan", drift.spec, "-o", "json").out).get("error")


# ------------------------------------------------------------------------------------------------ what AWS protects
def test_a_protected_load_balancer_is_told_before_anybody_is_asked(stage: Stage, command: Command) -> None:
    """Nothing is deleted, whoever switched the protection on; the words say what to do."""
    elb = stage.own.elbv2
    arn = elb.describe_load_balancers(Names=["tiny"])["LoadBalancers"][0]["LoadBalancerArn"]

    def protect(value: str) -> None:
        attribute = {"Key": "deletion_protection.enabled", "Value": value}
        elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[attribute])

    protect("true")
    before = stage.sim.door("GET", "left")
    ended = command("destroy", stage.spec, "--yes", "-o", "json")
    protect("false")

    document = ended.json()
    assert (ended.code, document["outcome"], document["destroyed"]) == (1, "failed", [])
    assert "error: load_balancer/main: deletion protection is on" in ended.err
    assert "set deletion_protection: false, apply" in ended.err
    assert stage.sim.door("GET", "left") == before
