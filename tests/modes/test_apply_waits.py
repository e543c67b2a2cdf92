"""apply: what was shown and agreed to, when another held the stack meanwhile and AWS moved on."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from controller.aws.lease import FileLease, Holder
from tests.modes.stage import Command, Stage


class Person(io.StringIO):
    """At a terminal, says yes."""

    def isatty(self) -> bool:
        return True

    def readline(self, *_: object) -> str:
        return "yes\n"


@pytest.fixture
def held(stage: Stage, tmp_path: Path) -> Stage:
    """Another apply holds the stack and has one thing left to do; it dies ten seconds on, having done another part of
    its work: what is left then is not what was left before."""
    stage.delay("77")
    other = FileLease(str(tmp_path / "lease.tiny"), "tiny", Holder("ci pid 7", "other"))
    other.acquire()
    dies = stage.sim.now().timestamp() + 10

    def between() -> None:
        if stage.sim.now().timestamp() >= dies:
            stage.clock.between = lambda: None
            stage.delay("78")
            other.release()

    stage.clock.between = between
    return stage


def test_yes_takes_up_what_a_crashed_apply_left_wherever_it_stands(held: Stage, command: Command) -> None:
    """It agreed to whatever is needed: who is started again after a crash must not be sent back to plan."""
    ended = command("apply", held.spec, "--yes")

    assert "waiting: tiny is held by ci pid 7" in ended.err
    assert (ended.code, held.delay()) == (0, "30")
    assert command("plan", held.spec, "--detailed-exitcode").code == 0


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        pytest.param(("--set", "services.web.memory=3000"), 1, "nothing was changed", id="refused"),
        pytest.param(("--lock-timeout", "3s"), 6, "held by ci pid 7", id="locked"),
    ],
)
def test_what_never_came_to_acting_is_a_document_too(
    held: Stage, command: Command, given: tuple[str, ...], code: int, words: str
) -> None:
    """DESIGN.md section 2: one document, whoever reads it in CI."""
    ended = command("apply", held.spec, "--yes", "-o", "json", *given)

    document = ended.json()
    assert (ended.code, document["outcome"], document["steps"]) == (code, "failed", [])
    assert words in document["error"]
    assert words in ended.err


def test_a_person_is_not_taken_at_a_word_given_for_something_else(
    held: Stage, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Person())
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)

    ended = command("apply", held.spec)

    assert (ended.code, held.delay()) == (1, "78")
    assert "AWS changed since the plan was made (resource_changes differ): nothing was done, plan again" in ended.err


def test_a_saved_plan_must_hold_when_the_stack_is_free(held: Stage, command: Command, tmp_path: Path) -> None:
    path = str(tmp_path / "plan.json")
    assert command("plan", held.spec, "--out", path).code == 0

    ended = command("apply", held.spec, "--yes", "--plan", path)

    assert (ended.code, held.delay()) == (1, "78")
    assert "AWS changed since the plan was made (resource_changes differ)" in ended.err
