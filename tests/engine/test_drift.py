"""What `drift:` of a spec leaves is neither changed nor waited for, and what is made anew takes it over."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from controller.base.keys import NAME_TAG, Key, Ref
from controller.engine.drift import Drift
from controller.engine.execute import execute
from controller.engine.plan import plan
from controller.engine.reconciler import spec
from controller.engine.scope import Scope
from controller.engine.steps import Plan
from tests.engine.test_engine import BOX, LID, NET, NOW, Thing, Toy, kinds_of_three, live, three

FOUND = {
    NET: live(Thing(), id="n"),
    BOX: live(Thing(parent="n", size=7, color="red", shape="square"), id="b"),
    LID: live(Thing(parent="b"), id="l"),
}


@dataclass(frozen=True, slots=True)
class Heavy:
    weight: int = spec(risk="host_roll")


def planned(drift: dict[str, str], *, replace: str = "", observed: dict = FOUND, **box: object) -> Plan:  # type: ignore[type-arg]
    scope = Scope(replace=frozenset(replace.split()))
    return plan(three(**box), observed, kinds_of_three(), "s", scope, Drift(drift))


def told(made: Plan) -> list[str]:
    return [f"{step.key}.{change.field}" for step in made.steps for change in step.left]


@pytest.mark.parametrize(
    ("rules", "policy"),
    [
        ({}, "correct"),
        ({"box/a.size": "warn"}, "warn"),
        ({"box/b.size": "warn"}, "correct"),
        ({"box/a.color": "warn"}, "correct"),
        ({"lid/a.size": "warn"}, "correct"),
        ({"box/*.size": "warn"}, "warn"),
        ({"box/a.*": "warn"}, "warn"),
        ({"box/*.*": "warn"}, "warn"),
        ({"box/*.*": "warn", "box/*.size": "ignore"}, "ignore"),
        ({"box/*.size": "ignore", "box/a.*": "warn"}, "warn"),
        ({"box/a.*": "warn", "box/a.size": "correct"}, "correct"),
    ],
)
def test_the_narrowest_rule_holds(rules: dict[str, str], policy: str) -> None:
    assert Drift(rules).policy(BOX, "size") == policy
    assert Drift(rules).policy(Key("box", "a@old"), "size") == policy


@pytest.mark.parametrize(("policy", "seen"), [("warn", ["box/a.size"]), ("ignore", [])])
def test_a_difference_that_is_left_is_no_change(policy: str, seen: list[str]) -> None:
    made = planned({"box/a.size": policy}, size=3)

    assert (made.pending, told(made)) == ((), seen)


def test_what_else_differs_is_changed_and_what_is_left_is_sent_as_it_is() -> None:
    """Some operations of AWS take the whole resource: what is left must not be sent as the spec has it."""
    made = planned({"box/a.size": "warn"}, size=3, color="blue")

    (step,) = made.pending
    assert [change.field for change in step.changes] == ["color"]
    assert (step.desired.size, step.desired.color) == (7, "blue")


def test_what_cannot_change_is_not_replaced_where_it_is_left() -> None:
    left = planned({"box/a.shape": "warn"}, shape="round")

    assert planned({}, shape="round").problems
    assert (left.problems, left.pending) == ((), ())


def test_what_is_made_first_is_made_as_the_spec_says() -> None:
    made = planned({"box/*.*": "ignore"}, observed={}, size=3)

    assert [step.desired.size for step in made.pending if step.key == BOX] == [3]


def test_a_successor_takes_over_what_is_left() -> None:
    made = planned({"box/a.size": "warn"}, replace="box/a", size=3, shape="round")

    (step,) = (one for one in made.pending if one.key == BOX)
    assert (step.action, step.desired.size, step.desired.shape) == ("replace", 7, "round")


def test_which_of_two_is_the_wanted_one_does_not_hang_on_what_is_left() -> None:
    """The successor has the shape the spec asks for; both have the parent that is left."""
    old = Key("box", "a@old")
    observed = {
        NET: live(Thing(), id="n"),
        old: live(Thing(parent="elsewhere", shape="square"), id="square"),
        BOX: live(Thing(parent="elsewhere", shape="round"), id="round"),
        LID: live(Thing(parent="round"), id="l"),
    }

    made = planned({"box/a.parent": "ignore"}, observed=observed, shape="round")

    assert [(str(step.key), step.action) for step in made.pending] == [("box/a@old", "delete")]


def test_a_reference_that_is_left_waits_for_nothing() -> None:
    """The net is made anew, which would change every box on it."""
    observed = {**FOUND, NET: live(Thing(shape="square"), id="n")}
    desired = {**three(), NET: Thing(shape="round")}
    scope = Scope(replace=frozenset({"net/a"}))

    made = plan(desired, observed, kinds_of_three(), "s", scope, Drift({"box/a.parent": "warn"}))

    assert [(str(step.key), step.action) for step in made.pending] == [("net/a", "replace")]
    (left,) = (change for step in made.steps for change in step.left)
    assert (left.before, left.after) == ("n", Ref(NET))


def test_the_tags_that_say_whose_it_is_are_never_left() -> None:
    observed = {
        **FOUND,
        BOX: live(Thing(parent="n", tags=((NAME_TAG, "box/old"), ("team", "them"), ("x", "y"))), id="b"),
    }

    made = planned(
        {"box/a.tags": "ignore"}, observed=observed, tags=((NAME_TAG, "box/a"), ("cost", "1"), ("team", "us"))
    )

    (step,) = made.pending
    assert step.desired.tags == ((NAME_TAG, "box/a"), ("team", "them"))


def test_a_rule_about_nothing_is_refused() -> None:
    made = planned({"box/b.size": "ignore", "lid/*.size": "ignore", "lod/*.size": "warn"})

    assert made.problems == (
        "drift: box/b: no such resource in the spec; did you mean box/a?",
        "drift: lod/*: no such resource in the spec; did you mean lid/*?",
    )


def test_what_is_left_is_not_updated_by_execute() -> None:
    kinds: dict[str, Toy] = kinds_of_three()
    made = plan(three(size=3, color="blue"), FOUND, kinds, "s", Scope(), Drift({"box/a.size": "ignore"}))

    execute(made, kinds, None, {}, NOW)  # type: ignore[arg-type]

    assert kinds["box"].log == ["update ['color'] to ['blue']"]


def test_what_nobody_takes_up_changes_nothing_that_runs() -> None:
    """A new version of a box is a deployment of its lid, unless the lid leaves its box as it is."""
    kinds = kinds_of_three(volatile=("id",))
    observed = {**FOUND, BOX: live(Heavy(1), id="b")}
    desired = {LID: Thing(parent=Ref(BOX)), BOX: Heavy(2)}

    followed = plan(desired, observed, kinds, "s", Scope())
    left = plan(desired, observed, kinds, "s", Scope(), Drift({"lid/a.parent": "ignore"}))

    assert [(str(step.key), step.risk) for step in followed.pending] == [("box/a", "host_roll"), ("lid/a", "in_place")]
    assert [(str(step.key), step.risk) for step in left.pending] == [("box/a", "in_place")]
