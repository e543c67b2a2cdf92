"""Values as reports show them: terraform's shapes, secrets masked, nothing that steers a terminal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.base.keys import Key, Ref, Tags
from controller.engine.compare import compare
from controller.engine.reconciler import Observed, spec
from controller.engine.steps import Action, Plan, Step
from controller.report import values
from controller.report.document import DATA_KINDS, plan_document
from controller.report.fields import field_lines
from controller.report.seen import Tick
from controller.report.text import plan_markdown, plan_text
from controller.resources import RECONCILERS
from controller.spec.load import load

BOX, NET = Key("box", "a"), Key("net", "a")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
STACK = load("specs/minimal.yaml").stack


@dataclass(frozen=True, slots=True)
class Side:
    length: int
    peer: str | Ref


@dataclass(frozen=True, slots=True)
class Box:
    """Stands for any kind: one field of every sort."""

    size: int | None = None
    script: str = ""
    password: str = spec(secret=True, default="")
    environment: Tags = spec(secret=True, default=())
    sides: tuple[Side, ...] = ()
    net: str | Ref = spec(immutable=True, default="net-1")
    name: str = spec(compare=False, default="")
    tags: Tags = spec(subset=True, default=())


def step(action: Action, desired: Box | None, have: Box | None = None, *, gone: bool = False) -> Step:
    observed = Observed(have, {"id": "box-1"}, "s", gone=gone) if have is not None else None
    changes = compare(desired, have) if desired is not None and have is not None and action != "create" else ()
    return Step(BOX, action, desired, observed, changes)


def lines(one: Step) -> list[str]:
    return [f"{mark}|{text}" for mark, text in field_lines(one)]


OLD = Box(1, "a\nb\nc\nd\ne\n", "hush", (("A", "1"), ("B", "2")), (Side(1, "x"),), tags=(("k", "v"), ("theirs", "t")))


def test_created_is_all_that_is_known_and_what_is_not() -> None:
    """Terraform's rule: what only another step knows is left out of `after` and true in `after_unknown`."""
    one = step("create", Box(2, net=Ref(NET), sides=(Side(1, Ref(NET)), Side(2, "y"))))
    after = values.after(one)

    assert values.before(one) is None
    assert after is not None
    assert "net" not in after
    assert after["sides"] == [{"length": 1, "peer": None}, {"length": 2, "peer": "y"}]
    assert values.after_unknown(one) == {"net": True, "sides": [{"peer": True}, False]}


def test_updated_keeps_what_does_not_change() -> None:
    """Only what differs differs between `before` and `after`; keys of others are not ours to show."""
    one = step("update", Box(2, OLD.script, "hush", OLD.environment, OLD.sides, tags=(("k", "new"),)), OLD)
    before, after = values.before(one), values.after(one)

    assert before is not None
    assert after is not None
    assert {name: after[name] for name in after if after[name] != before[name]} == {"size": 2, "tags": {"k": "new"}}
    assert before["tags"] == {"k": "v"}
    assert values.changed_paths(one) == ["size", "tags.k"]


@pytest.mark.parametrize(
    ("one", "before", "after"),
    [
        pytest.param(step("none", Box(1), Box(1)), True, True, id="no-op has both, equal"),
        pytest.param(step("delete", None, Box(1)), True, False, id="deleted has no after"),
        pytest.param(step("delete", None, Box(1), gone=True), True, False, id="still going: there until it is gone"),
        pytest.param(step("create", Box(1), Box(1), gone=True), False, True, id="on its way out: created anew"),
        pytest.param(step("replace", Box(1, net="net-2"), Box(1)), True, True, id="replaced has both"),
    ],
)
def test_before_and_after_exist_as_the_action_says(one: Step, before: bool, after: bool) -> None:
    """Null means there is no such resource then."""
    assert (values.before(one) is not None, values.after(one) is not None) == (before, after)


SECRETS = ("hush", "louder", "first", "second")


@pytest.mark.parametrize(
    ("action", "desired", "have"),
    [
        ("create", Box(1, password="hush", environment=(("A", "first"),)), None),
        ("update", Box(1, password="louder", environment=(("A", "second"),)),
         Box(1, password="hush", environment=(("A", "first"),))),
        ("update", Box(2, password="hush", environment=(("A", "first"),)),
         Box(1, password="hush", environment=(("A", "first"),))),
        ("none", Box(1, password="hush", environment=(("A", "first"),)),
         Box(1, password="hush", environment=(("A", "first"),))),
        ("replace", Box(1, net="net-2", password="hush", environment=(("A", "first"),)),
         Box(1, password="louder", environment=(("B", "second"),))),
        ("delete", None, Box(1, password="hush", environment=(("A", "first"),))),
    ],
)  # fmt: skip
def test_secrets_are_nowhere(action: Action, desired: Box | None, have: Box | None) -> None:
    """Whatever happens to a resource, no report holds a value of a secret field: not text, Markdown or JSON."""
    seen = Tick(NOW, Plan((step(action, desired, have),), {}))
    shown = plan_text(seen, STACK, color=True) + plan_markdown(seen, STACK) + json.dumps(plan_document(seen, STACK, {}))

    assert [secret for secret in SECRETS if secret in shown] == []
    assert action in {"none"} or "box/a" in shown


@pytest.mark.parametrize(
    ("desired", "expected"),
    [
        pytest.param(Box(2), ["~|size: 1 -> 2"], id="a number"),
        pytest.param(Box(1, net=Ref(NET)), ["~|net: net-1 -> (known after net/a)  # forces replacement"], id="a ref"),
        pytest.param(
            Box(1, environment=(("A", "9"), ("C", "3"))),
            ["~|environment:", "~|    A: (sensitive) -> (sensitive)", "-|    B: (sensitive)", "+|    C: (sensitive)"],
            id="secrets by key",
        ),
        pytest.param(
            Box(1, script="a\nb\nC\nd\ne\n"),
            ["~|script:", " |    ...", " |    b", "-|    c", "+|    C", " |    d"],
            id="many lines as a small diff",
        ),
    ],
)
def test_changes_read_as_before_and_after(desired: Box, expected: list[str]) -> None:
    """A field that changes takes the fewest lines that show how."""
    have = OLD if desired.environment or desired.script else Box(1)
    kept = {name: getattr(have, name) for name in ("script", "password", "environment", "sides")}
    given = {name: value for name in kept if (value := getattr(desired, name)) != getattr(Box(), name)}
    whole: dict[str, Any] = kept | given
    one = step("update", Box(desired.size, net=desired.net, **whole), have)

    assert lines(one) == expected


def test_control_characters_are_escaped() -> None:
    """A value cannot move the cursor, recolour the terminal or forge a line of a table."""
    seen = Tick(NOW, Plan((step("update", Box(1, net="\x1b[2Jx\ry"), Box(1)),), {}, notes=("a\x1b]0;b|c",)))

    assert "\x1b" not in plan_text(seen, STACK, color=False)
    assert "\\x1b[2Jx\\ry" in plan_text(seen, STACK, color=False)
    assert "a\\x1b\\]0;b\\|c" in plan_markdown(seen, STACK)


def test_a_comment_is_never_longer_than_github_takes() -> None:
    """A plan of hundreds of resources is cut, and says so."""
    many = tuple(Step(Key("box", f"b{i}"), "create", Box(1, script="x\n" * 50), None) for i in range(400))
    text = plan_markdown(Tick(NOW, Plan(many, {})), STACK)

    assert len(text) < 65_536
    assert "cut" in text
    assert "| | and 300 more | | |" in text


def test_a_fence_is_longer_than_any_in_the_plan() -> None:
    """A script that holds Markdown does not end the block it is shown in."""
    text = plan_markdown(Tick(NOW, Plan((step("create", Box(1, script="````\nx\n")),), {})), STACK)

    assert "`````text" in text


def test_the_kinds_that_are_only_looked_up_are_known() -> None:
    """A plan's document lists them only when they hold others up."""
    assert {kind.kind for kind in RECONCILERS if kind.data} == DATA_KINDS
