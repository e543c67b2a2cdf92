"""What cannot be changed in place is replaced without a gap: made anew, switched over, and only then deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from controller.base.keys import Key, Ref
from controller.engine.compare import compare
from controller.engine.execute import execute
from controller.engine.plan import plan
from controller.engine.reconciler import Observed, spec
from controller.engine.scope import Scope
from controller.engine.steps import Plan
from controller.engine.succession import family, further, successor
from tests.engine.test_engine import BOX, LID, NET, NOW, Thing, Toy, kinds_of_three, live, three, toys

OLD = Key("box", "a@old")


def converge(desired: Any, observed: Any, kinds: dict[str, Toy] | None = None, **scope: Any) -> Plan:
    return plan(desired, observed, kinds or kinds_of_three(), "s", Scope(**scope))


def acted(made: Plan) -> list[tuple[str, str]]:
    return [(str(step.key), step.action) for step in made.pending]


def square(lid: str) -> dict[Key, Observed[Thing]]:
    """A square box that was replaced by a round one; *lid* names the one that the lid sits on."""
    return {
        NET: live(Thing(), id="n"),
        BOX: live(Thing(parent="n", shape="round"), id="round"),
        OLD: live(Thing(parent="n", shape="square"), id="square"),
        LID: live(Thing(parent=lid), id="l"),
    }


def test_the_successor_is_made_and_nothing_is_deleted_yet() -> None:
    kinds = kinds_of_three()
    observed = square("square")
    observed[BOX] = observed.pop(OLD)

    made = converge(three(shape="round"), observed, kinds, replace=frozenset({"box/a"}))
    execute(made, kinds, None, {}, NOW)  # type: ignore[arg-type]

    assert acted(made) == [("box/a", "replace"), ("lid/a", "update")]
    assert kinds["net"].log == ["create box/a", "update ['parent'] to ['box/a#1']"]


def test_what_refers_to_it_switches_before_it_is_deleted() -> None:
    kinds = kinds_of_three()

    made = converge(three(shape="round"), square("square"), kinds)
    execute(made, kinds, None, {}, NOW)  # type: ignore[arg-type]

    assert acted(made) == [("lid/a", "update"), ("box/a@old", "delete")]
    assert kinds["net"].log == ["update ['parent'] to ['round']", "delete square"]


def test_a_predecessor_under_the_plain_key_is_no_ring_with_what_is_declared_on_it() -> None:
    """Its own dependents, replaced with it, go before it; theirs are declared on the successor."""
    desired = {BOX: Thing(shape="round"), LID: Thing(shape=Ref(BOX))}
    observed = {
        BOX: live(Thing(shape="square"), id="square"),
        OLD: live(Thing(shape="round"), id="round"),
        LID: live(Thing(shape="round"), id="new"),
        Key("lid", "a@old"): live(Thing(shape="square"), id="old"),
    }
    kinds = kinds_of_three()

    made = converge(desired, observed, kinds)
    execute(made, kinds, None, {}, NOW)  # type: ignore[arg-type]

    assert acted(made) == [("lid/a@old", "delete"), ("box/a@old", "delete")]
    assert kinds["net"].log == ["delete old", "delete square"]


def test_it_stays_while_what_refers_to_it_could_not_switch() -> None:
    kinds = kinds_of_three()
    kinds["lid"].fail["update ['parent'] to ['round']"] = ValueError("no")
    made = converge(three(shape="round"), square("square"), kinds)

    with pytest.raises(ValueError, match="no"):
        execute(made, kinds, None, {}, NOW)  # type: ignore[arg-type]

    assert kinds["net"].log == []


def test_the_wish_goes_back_half_way_and_the_old_one_is_the_wanted_one_again() -> None:
    made = converge(three(shape="square"), square("round"))

    assert acted(made) == [("lid/a", "update"), ("box/a@old", "delete")]


def test_of_two_that_fit_the_one_with_the_plain_name_is_used_and_the_other_is_no_predecessor() -> None:
    observed = square("round") | {OLD: live(Thing(parent="n", shape="round"), id="twin")}

    assert (converge(three(shape="round"), observed).pending, converge(three(shape="round"), observed).orphans) == (
        (), (OLD,)
    )  # fmt: skip
    assert acted(converge(three(shape="round"), observed, prune=True)) == [("box/a@old", "delete")]


def test_only_ours_can_be_a_predecessor() -> None:
    observed = square("round") | {OLD: live(Thing(shape="square"), "other", id="square")}

    assert converge(three(shape="round"), observed).pending == ()


def test_leave_for_a_parent_is_leave_for_what_is_replaced_because_of_it() -> None:
    desired = {NET: Thing(shape="round"), BOX: Thing(shape=Ref(NET))}
    observed = {NET: live(Thing(shape="square"), id="n"), BOX: live(Thing(shape="n"), id="b")}

    refused = converge(desired, observed)
    allowed = converge(desired, observed, replace=frozenset({"net/a"}))

    assert refused.problems == ("net/a: AWS cannot change shape in place: refused without --replace net/a",)
    assert (allowed.problems, acted(allowed)) == ((), [("net/a", "replace"), ("box/a", "replace")])


def test_out_of_scope_a_predecessor_stays() -> None:
    made = converge(three(shape="round"), square("round"), exclude=frozenset({"box/a"}))

    assert made.pending == ()


@dataclass(frozen=True, slots=True)
class Named:
    name: str = spec(compare=False)
    port: int = spec(immutable=True)
    size: int = spec()


def test_a_successor_is_named_after_what_cannot_be_changed() -> None:
    one = successor(Named("shop-web-blue", 80, 1), 32)

    assert one == successor(Named("shop-web-blue", 80, 1), 32)
    assert one.name == successor(Named("shop-web-blue", 80, 2), 32).name
    assert one.name != successor(Named("shop-web-blue", 90, 1), 32).name
    assert one.name.startswith("shop-web-blue-")
    assert len(successor(Named("x" * 32, 80, 1), 32).name) == 32
    assert successor(Thing(size=1), 32) == Thing(size=1)


def test_what_can_never_change_is_refused_with_what_to_do() -> None:
    @dataclass(frozen=True, slots=True)
    class Fixed:
        cidr: str = spec(forever="build another one")

    made = plan(
        {NET: Fixed("b")}, {NET: live(Fixed("a"))}, toys(net=Toy("net")), "s", Scope(replace=frozenset({"net/a"}))
    )  # type: ignore[arg-type]

    assert made.problems == ("net/a: cidr cannot change: build another one",)
    assert [change.replaces for change in compare(Fixed("b"), Fixed("a"))] == [True]


def test_a_family_has_a_head_where_anything_of_it_fits() -> None:
    kin = family(BOX, Thing(parent="n", shape="square"), square("round"), further(square("round"))[BOX], "s")

    assert (kin.head and kin.head.outputs["id"], list(kin.predecessors), list(kin.twins)) == ("square", [BOX], [])


class Serving(Toy):
    """A kind that knows what its resources carry."""

    def still_serves(self, aws: Any, observed: Any, heir: str) -> str:
        return f"3 requests in flight, not yet at {heir or 'nobody'}"


def test_a_predecessor_that_still_serves_stays_and_says_why() -> None:
    kinds = toys(net=Toy("net"), box=Serving("box"), lid=Toy("lid"))

    result = execute(converge(three(shape="round"), square("square"), kinds), kinds, None, {}, NOW)  # type: ignore[arg-type]

    assert kinds["net"].log == ["update ['parent'] to ['round']"]
    assert str(result.failed[OLD]) == "box/a@old: replaced, 3 requests in flight, not yet at box/a"
