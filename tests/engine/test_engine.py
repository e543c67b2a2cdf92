"""Compare, order, plan and execute, on a toy kind that lives in a dictionary."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.base.errors import NotYet, Refused, Stale, Underway
from controller.base.keys import Key, Ref, Tags
from controller.engine.compare import compare
from controller.engine.execute import execute
from controller.engine.graph import edges, live_edges, resolve
from controller.engine.plan import plan, plan_destroy
from controller.engine.reconciler import Change, Observed, spec
from controller.engine.scope import Scope
from controller.engine.steps import Plan

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NET, BOX, LID = Key("net", "a"), Key("box", "a"), Key("lid", "a")


@dataclass(frozen=True, slots=True)
class Thing:
    """Stands for any kind's desired state."""

    size: int | None = None
    color: str | None = spec(risk="cosmetic", default=None)
    shape: str | Ref | None = spec(immutable=True, default=None)
    parent: str | Ref | None = None
    tags: Tags = spec(subset=True, default=())
    birth: int = spec(compare=False, default=0)


class Toy:
    """A kind whose AWS is a dictionary."""

    def __init__(self, kind: str, volatile: tuple[str, ...] = (), *, data: bool = False) -> None:
        self.kind, self.volatile, self.data = kind, volatile, data
        self.live: dict[Key, Thing] = {}
        self.log: list[str] = []
        self.fail: dict[str, Exception] = {}

    def declare(self, stack: Any) -> Iterable[tuple[Key, Thing]]:
        return ()

    def observe(self, reads: Any, wanted: Mapping[Key, Thing], owner: str) -> Mapping[Key, Observed[Thing]]:
        return {}

    def create(self, aws: Any, key: Key, desired: Thing) -> Mapping[str, str]:
        self._try(f"create {key}")
        return {"id": f"{key}#1", "created_at": NOW.isoformat()}

    def update(self, aws: Any, observed: Any, desired: Thing, changes: tuple[Change, ...]) -> Mapping[str, str]:
        self._try(f"update {[c.field for c in changes]} to {[c.after for c in changes]}")
        return {"id": "new"} if "id" in self.volatile else {}

    def delete(self, aws: Any, observed: Any) -> None:
        self._try(f"delete {observed.outputs['id']}")

    def _try(self, what: str) -> None:
        if what in self.fail:
            raise self.fail[what]
        self.log.append(what)


def toys(**kinds: Toy) -> dict[str, Toy]:
    log: list[str] = []
    for toy in kinds.values():
        toy.log = log
    return kinds


def live(thing: Thing, owner: str | None = "s", **outputs: str) -> Observed[Thing]:
    return Observed(thing, outputs or {"id": "x"}, owner)


@pytest.mark.parametrize(
    ("desired", "have", "fields"),
    [
        pytest.param(Thing(size=1), Thing(size=1), [], id="equal"),
        pytest.param(Thing(), Thing(size=9), [], id="None means AWS may choose"),
        pytest.param(Thing(size=1), Thing(size=2), ["size"], id="differs"),
        pytest.param(Thing(birth=1), Thing(birth=2), [], id="compare=False never drifts"),
        pytest.param(
            Thing(tags=(("a", "1"),)), Thing(tags=(("a", "1"), ("z", "9"))), [], id="foreign tag is left alone"
        ),
        pytest.param(Thing(tags=(("a", "1"),)), Thing(tags=(("a", "2"),)), ["tags"], id="our tag differs"),
        pytest.param(Thing(parent=Ref(NET)), Thing(parent="x"), ["parent"], id="a ref still unknown is a change"),
    ],
)
def test_compare_diffs_only_what_the_spec_asks_for(desired: Thing, have: Thing, fields: list[str]) -> None:
    """Unset fields, steering fields and foreign tags are never drift."""
    assert [change.field for change in compare(desired, have)] == fields


def test_compare_marks_immutable_fields_as_replacements() -> None:
    """`replaces` and the risk class come from the field."""
    (change,) = compare(Thing(shape="round"), Thing(shape="square"))

    assert (change.replaces, change.risk) == (True, "replace")


def test_resolve_replaces_known_refs_and_leaves_unknown_ones() -> None:
    thing = Thing(parent=Ref(NET), shape=Ref(BOX))

    assert resolve(thing, {NET: {"id": "n-1"}}) == Thing(parent="n-1", shape=Ref(BOX))


def test_edges_name_a_ref_that_points_nowhere() -> None:
    with pytest.raises(KeyError, match="box/a refers to net/a"):
        edges({BOX: Thing(parent=Ref(NET))})


def test_live_edges_come_from_the_ids_resources_hold() -> None:
    """Orphans have no refs; the id of their parent orders them."""
    assert live_edges({NET: live(Thing(), id="n-1"), BOX: live(Thing(parent="n-1"), id="b-1")}) == {
        NET: set(),
        BOX: {NET},
    }


def three(**box: Any) -> dict[Key, Thing]:
    return {LID: Thing(parent=Ref(BOX)), BOX: Thing(parent=Ref(NET), **box), NET: Thing()}


def converge(desired: Mapping[Key, Thing], observed: Mapping[Key, Any], kinds: Mapping[str, Any], **scope: Any) -> Plan:
    return plan(desired, observed, kinds, "s", Scope(**scope))


def kinds_of_three(**more: Any) -> dict[str, Toy]:
    return toys(net=Toy("net"), box=Toy("box", **more), lid=Toy("lid"))


def test_plan_from_nothing_creates_parents_first_and_execute_hands_on_their_ids() -> None:
    kinds = kinds_of_three()

    made = converge(three(), {}, kinds)
    result = execute(made, kinds, None, {}, NOW)  # type: ignore[arg-type]

    assert [s.action for s in made.steps] == ["create"] * 3
    assert kinds["net"].log == ["create net/a", "create box/a", "create lid/a"]
    assert result.failed == {}


def in_place(**box: Any) -> dict[Key, Observed[Thing]]:
    return {
        NET: live(Thing(), id="n"),
        BOX: live(Thing(parent="n", **box), id="b"),
        LID: live(Thing(parent="b"), id="l"),
    }


def test_second_plan_is_empty() -> None:
    assert converge(three(size=1), in_place(size=1), kinds_of_three()).pending == ()


def test_a_volatile_output_shows_its_dependents_as_changing_too() -> None:
    """The plan tells the truth: an update that changes an id changes all that refer to it."""
    kinds = kinds_of_three(volatile=("id",))

    made = converge(three(size=2), in_place(size=1), kinds)
    execute(made, kinds, None, {}, NOW)  # type: ignore[arg-type]

    assert [(str(s.key), s.action) for s in made.pending] == [("box/a", "update"), ("lid/a", "update")]
    assert kinds["net"].log == ["update ['size'] to [2]", "update ['parent'] to ['new']"]


def test_what_only_seemed_to_change_because_a_parent_was_not_shown_is_left_as_it_is() -> None:
    """A parent that AWS does not show yet is created again and found: what refers to it is as it should be."""
    kinds = kinds_of_three()
    wanted = {NET: Thing(), BOX: Thing(shape=Ref(NET)), LID: Thing(parent=Ref(NET))}
    observed = {BOX: live(Thing(shape="net/a#1"), id="b"), LID: live(Thing(parent="net/a#1"), id="l")}

    made = converge(wanted, observed, kinds, replace=frozenset({"box/a"}))
    result = execute(made, kinds, None, {}, NOW)  # type: ignore[arg-type]

    assert [(str(s.key), s.action) for s in made.pending if s.key in observed] == [
        ("box/a", "replace"),
        ("lid/a", "update"),
    ]
    assert kinds["net"].log == ["create net/a"]
    assert type(result.failed[BOX]) is Stale


def test_a_replacement_is_a_problem_without_leave() -> None:
    refused = converge(three(shape="round"), in_place(shape="square"), kinds_of_three())
    allowed = converge(three(shape="round"), in_place(shape="square"), kinds_of_three(), replace=frozenset({"box/a"}))

    assert refused.problems == ("box/a: AWS cannot change shape in place: refused without --replace box/a",)
    assert allowed.problems == ()
    assert [s.action for s in allowed.pending] == ["replace", "update"]


@pytest.mark.parametrize("owner", [None, "other"])
def test_what_is_not_ours_is_a_problem_and_never_a_step(owner: str | None) -> None:
    """No owner tag, no change, no delete."""
    observed = in_place(size=1) | {BOX: live(Thing(size=7), owner, id="b")}

    made = converge(three(size=1), observed, kinds_of_three())

    assert len(made.problems) == 1
    assert BOX not in {s.key for s in made.pending}


def test_a_failure_blocks_only_what_depends_on_it() -> None:
    other = Key("net", "b")
    kinds = kinds_of_three()
    kinds["box"].fail["create box/a"] = NotYet("busy")

    result = execute(converge({**three(), other: Thing()}, {}, kinds), kinds, None, {}, NOW)  # type: ignore[arg-type]

    assert sorted(kinds["net"].log) == ["create net/a", "create net/b"]
    assert list(result.failed) == [BOX]


@pytest.mark.parametrize(
    ("age", "outcome"),
    [
        pytest.param(timedelta(seconds=20), NotYet, id="role made 20 s ago: try again"),
        pytest.param(timedelta(minutes=5), Refused, id="role made 5 min ago: it is the spec"),
    ],
)
def test_a_refusal_that_fresh_iam_explains_is_retried_for_a_bounded_time(age: timedelta, outcome: type) -> None:
    kinds = kinds_of_three()
    kinds["box"].fail["create box/a"] = Refused("Invalid IAM Instance Profile", fresh=True)
    observed = {NET: live(Thing(), id="n", created_at=(NOW - age).isoformat())}

    result = execute(converge(three(), observed, kinds), kinds, None, {}, NOW)  # type: ignore[arg-type]

    assert type(result.failed[BOX]) is outcome


def test_a_held_step_waits_and_says_why() -> None:
    kinds = kinds_of_three()

    result = execute(converge(three(), {}, kinds), kinds, None, {BOX: "a roll is under way"}, NOW)  # type: ignore[arg-type]

    assert str(result.failed[BOX]) == "a roll is under way"


def test_destroy_removes_children_first_and_keeps_what_must_be_kept() -> None:
    kinds = kinds_of_three()
    observed = in_place() | {NET: replace(live(Thing(), id="n"), kept="holds 3 images")}

    made = plan_destroy(three(), observed, "s")
    execute(made, kinds, None, {}, NOW)  # type: ignore[arg-type]

    assert kinds["net"].log == ["delete l", "delete b"]
    assert made.steps[-1].reason == "kept: holds 3 images"


@pytest.mark.parametrize(
    ("made", "refused"),
    [
        pytest.param(lambda seen: plan_destroy(three(), seen, "s"), True, id="destroy"),
        pytest.param(lambda seen: converge({}, seen, kinds_of_three(), prune=True), True, id="prune"),
        pytest.param(
            lambda seen: converge(three(shape="round"), seen, kinds_of_three(), replace=frozenset({"box/a"})),
            True,
            id="replace",
        ),
        pytest.param(lambda seen: converge({}, seen, kinds_of_three()), False, id="an orphan that stays"),
        pytest.param(lambda seen: converge(three(size=3), seen, kinds_of_three()), False, id="update"),
    ],
)
def test_what_aws_would_not_delete_is_a_problem_before_anything_is(made: Callable[[Any], Plan], refused: bool) -> None:
    observed = in_place() | {BOX: replace(live(Thing(parent="n"), id="b"), protected="protection is on")}

    assert [problem.partition(", and nothing")[0] for problem in made(observed).problems] == (
        ["box/a: protection is on"] if refused else []
    )


def test_orphans_are_reported_and_deleted_only_with_prune() -> None:
    observed = in_place() | {Key("lid", "old"): live(Thing(parent="b"), id="o")}

    without = converge(three(), observed, kinds_of_three())
    pruned = converge(three(), observed, kinds_of_three(), prune=True)

    assert (without.orphans, without.pending) == ((Key("lid", "old"),), ())
    assert [(str(s.key), s.action) for s in pruned.pending] == [("lid/old", "delete")]


def test_what_is_pruned_waits_until_nothing_of_the_spec_holds_it_any_more() -> None:
    """A route moves to another gateway before the one it led to goes; when it cannot move, the old one stays."""
    old, kinds = Key("net", "old"), kinds_of_three()
    observed = in_place() | {BOX: live(Thing(parent="o"), id="b"), old: live(Thing(), id="o")}

    made = converge(three(), observed, kinds, prune=True)
    execute(made, kinds, None, {}, NOW)  # type: ignore[arg-type]
    assert kinds["net"].log == ["update ['parent'] to ['n']", "delete o"]

    kinds["net"].log.clear()
    kinds["box"].fail["update ['parent'] to ['n']"] = NotYet("pending")
    execute(made, kinds, None, {}, NOW)  # type: ignore[arg-type]
    assert kinds["net"].log == []


def test_what_a_resource_out_of_scope_still_holds_is_not_pruned() -> None:
    old = Key("net", "old")
    observed = in_place() | {BOX: live(Thing(parent="o"), id="b"), old: live(Thing(), id="o")}

    made = converge(three(), observed, kinds_of_three(), prune=True, exclude=frozenset({"box/a"}))

    assert made.pending == ()
    assert [s.reason for s in made.steps if s.key == old] == ["kept: box/a still uses it, and is out of scope"]


def test_what_is_wrong_with_a_resource_is_a_problem_of_the_plan() -> None:
    """Not of one that leaves it out."""
    observed = in_place() | {NET: replace(live(Thing(), id="n"), problems=("in another VPC",))}

    assert converge(three(), observed, kinds_of_three()).problems == ("net/a: in another VPC",)
    assert converge(three(), observed, kinds_of_three(), exclude=frozenset({"net/a"})).problems == ()


@dataclass(frozen=True, slots=True)
class Others:
    """Stands for somebody else's resource, used by its id."""

    existing: str


def test_somebody_else_s_resource_is_used_and_never_a_step() -> None:
    """Whatever its owner tag says, and before it can be seen."""
    wanted: dict[Key, Any] = {BOX: Thing(parent=Ref(NET)), NET: Others("n-1")}

    used = converge(
        wanted, {NET: replace(live(Thing(), "other", id="n-1"), as_desired=Others("n-1"))}, kinds_of_three()
    )
    unseen = converge(wanted, {}, kinds_of_three())

    assert [(s.action, s.desired) for s in used.pending] == [("create", Thing(parent=Ref(NET)))]
    assert used.problems == ()
    assert [s.action for s in unseen.steps] == ["read", "create"]


def test_a_target_takes_its_parents_with_it() -> None:
    made = converge(three(), {}, kinds_of_three(), only=frozenset({"box/a"}))

    assert [str(s.key) for s in made.pending] == ["net/a", "box/a"]


def test_what_depends_on_a_step_that_is_under_way_may_go_on() -> None:
    """A rule waits for the targets of a service that comes after it."""
    kinds = kinds_of_three()
    kinds["box"].fail["update ['size'] to [2]"] = Underway("half done")
    observed = in_place(size=1)
    observed[LID] = live(Thing(parent="other"), id="l")

    result = execute(converge(three(size=2), observed, kinds), kinds, None, {}, NOW)  # type: ignore[arg-type]

    assert kinds["net"].log == ["update ['parent'] to ['b']"]
    assert (result.done, str(result.failed[BOX])) == ((LID,), "half done")
