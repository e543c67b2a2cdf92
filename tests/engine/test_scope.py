"""What --target and --exclude leave out: nothing is done about it, waited for or judged by it, and the plan says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.base.keys import Key
from tests.engine.test_engine import BOX, LID, NET, Thing, converge, in_place, kinds_of_three, live, three


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        pytest.param({}, [], id="everything is in scope"),
        pytest.param({"only": frozenset({"box/a"})}, [LID], id="a target takes what it needs"),
        pytest.param({"only": frozenset({"net"})}, [BOX, LID], id="all of a kind"),
        pytest.param({"exclude": frozenset({"box/a"})}, [BOX], id="what needs an excluded one stays in"),
        pytest.param(
            {"only": frozenset({"lid"}), "exclude": frozenset({"net"})}, [NET], id="exclude has the last word"
        ),
    ],
)
def test_what_is_left_out_is_named(scope: dict[str, frozenset[str]], left: list[Key]) -> None:
    made = converge(three(), in_place(), kinds_of_three(), **scope)

    assert (made.left_out, made.notes) == (frozenset(left), ())


def test_an_address_that_names_nothing_is_refused() -> None:
    """Taken silently, a slip of the pen would leave everything out, or nothing."""
    made = converge(three(), in_place(), kinds_of_three(), only=frozenset({"boks/a"}))

    assert made.problems == ("boks/a: no such resource in the spec or in AWS; did you mean box/a?",)


def test_what_is_left_out_and_differs_is_a_note() -> None:
    """Else a person would read "no changes" as "all is as the spec says"."""
    made = converge(three(size=2), in_place(size=1), kinds_of_three(), only=frozenset({"net/a"}))

    assert made.pending == ()
    assert made.notes == ("out of scope, not as the spec says: box/a",)


def test_many_of_them_are_counted() -> None:
    many = {Key("net", f"n{number}"): Thing(size=number) for number in range(1, 10)}

    [note] = converge(many, {}, kinds_of_three(), only=frozenset({"net/n9"})).notes

    assert note == "out of scope, not as the spec says: net/n1, net/n2, net/n3, net/n4, net/n5, net/n6 and 2 more"


def test_what_is_not_ready_and_left_out_is_not_waited_for() -> None:
    observed = in_place() | {LID: replace(live(Thing(parent="b"), id="l"), busy="provisioning")}

    assert converge(three(), observed, kinds_of_three()).busy == ("lid/a: provisioning",)
    assert converge(three(), observed, kinds_of_three(), only=frozenset({"box/a"})).busy == ()


def test_what_could_never_be_made_is_refused_at_once() -> None:
    """A step that needs something absent and excluded would wait until the time is up."""
    absent = converge(three(), {}, kinds_of_three(), exclude=frozenset({"net"}))
    there = converge(three(size=2), in_place(size=1), kinds_of_three(), exclude=frozenset({"net"}))

    assert absent.problems == ("box/a: needs net/a, which is not there and out of scope: take it in as well",)
    assert (there.problems, [step.key for step in there.pending]) == ((), [BOX])


@pytest.mark.parametrize(
    ("scope", "deleted"),
    [
        pytest.param({}, ["box/old", "lid/old"], id="all of them"),
        pytest.param({"only": frozenset({"lid/old"})}, ["lid/old"], id="the target"),
        pytest.param({"only": frozenset({"net/a"})}, [], id="none for a target that is none of them"),
        pytest.param({"exclude": frozenset({"lid"})}, ["box/old"], id="but the excluded"),
    ],
)
def test_pruning_keeps_to_the_scope(scope: dict[str, frozenset[str]], deleted: list[str]) -> None:
    orphans = {Key(kind, "old"): live(Thing(), id=f"old-{kind}") for kind in ("box", "lid")}

    made = converge(three(), in_place() | orphans, kinds_of_three(), prune=True, **scope)

    assert sorted(str(step.key) for step in made.pending) == deleted
    assert made.orphans == tuple(sorted(orphans))
