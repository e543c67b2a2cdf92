"""What is left of a roll, in words: every kind of move has some, equal reasons are one line, big pools stay short."""

from __future__ import annotations

from typing import get_args

import pytest

from controller.base.keys import HALTED_TAG, ROLL_TAG
from controller.engine.steps import Plan
from controller.report.moves import HOSTS_MAX, hosts_to_show, in_flight, next_of, unfinished, waits_of
from controller.report.seen import Tick
from controller.rollout import moves as kinds
from controller.rollout.model import Fleet
from controller.rollout.moves import Move
from tests.rollout.builders import NOW, draining, fleet, fresh, host, olds, policy, resting, target

WORDS: dict[str, tuple[Move, str]] = {
    "SetCapacity": (kinds.SetCapacity(4, "why", max=7), "desired 3 -> 4, MaxSize 6 -> 7"),
    "Record": (kinds.Record(((ROLL_TAG, "x"),), "why"), "record the roll"),
    "Forget": (kinds.Forget("why", tags=(HALTED_TAG,)), "forget the halt"),
    "Suspend": (kinds.Suspend("why"), "suspend AZRebalance"),
    "Resume": (kinds.Resume(("AZRebalance",), "why"), "resume AZRebalance"),
    "MarkReady": (kinds.MarkReady("i-9", NOW, "why"), "note i-9 as ready"),
    "Unready": (kinds.Unready("i-9", "why"), "note i-9 as not ready any more"),
    "Unprotect": (kinds.Unprotect(("i-8", "i-9"), "why"), "take scale-in protection off i-8, i-9"),
    "Cordon": (kinds.Cordon("i-1", NOW, "why"), "drain i-1"),
    "Uncordon": (kinds.Uncordon("i-1", "why"), "let i-1 take tasks again"),
    "StopTasks": (kinds.StopTasks(("a", "b"), "why"), "stop 2 tasks"),
    "Deregister": (kinds.Deregister((target(),), "why"), "deregister 1 target"),
    "Terminate": (kinds.Terminate("i-1", True, "why"), "terminate i-1, one host less"),
    "ForceDeregister": (kinds.ForceDeregister(("ci-1",), "why"), "deregister 1 container instance"),
}
STILL = {"Wait", "Halt", "Done", "MarkAway", "MarkBack"}


def seen(one: Fleet, *moves: Move) -> Tick:
    return Tick(NOW, Plan((), {}), fleets=(one,), moves=tuple((one.pool, move) for move in moves))


def test_every_move_has_words() -> None:
    """A move without words would be left out of the plan that must name it."""
    assert {kind.__name__ for kind in get_args(Move)} == WORDS.keys() | STILL


@pytest.mark.parametrize("kind", sorted(WORDS))
def test_a_move_is_told_with_its_numbers(kind: str) -> None:
    """Promise 6: what apply does next is in the plan, with the reason `decide` gave."""
    move, words = WORDS[kind]

    assert [(words, "why")] == [(one.words, one.why) for one in next_of([move], fleet())]


def test_moves_with_one_reason_are_one_line() -> None:
    """Three hosts that may go are one thing to read; another reason is another."""
    moves = [kinds.Cordon("i-1", NOW, "a"), kinds.Cordon("i-2", NOW, "a"), kinds.Cordon("i-3", NOW, "b")]

    assert [(one.words, one.why) for one in next_of(moves, fleet())] == [("drain i-1, i-2", "a"), ("drain i-3", "b")]


@pytest.mark.parametrize(
    ("one", "moves", "told"),
    [
        pytest.param(fleet(), (kinds.Wait("hosts boot"),), True, id="a roll under way"),
        pytest.param(resting(), (kinds.Done("well"),), False, id="a pool at rest"),
        pytest.param(resting(suspended_by_us=("AZRebalance",)), (), True, id="what was suspended stays suspended"),
        pytest.param(resting((draining(current=True),)), (), True, id="a cordon of ours"),
        pytest.param(resting(), (kinds.ForceDeregister(("ci",), "gone"),), True, id="something to put right"),
        pytest.param(resting(), (kinds.Wait("a host boots"),), False, id="only to be waited for"),
    ],
)
def test_what_is_left_to_finish_is_told(one: Fleet, moves: tuple[Move, ...], told: bool) -> None:
    """A plan that counts a half-finished roll as a change shows what it is."""
    assert told == bool(unfinished(seen(one, *moves)))


def test_big_pools_are_counted_and_what_moves_comes_first() -> None:
    """The draining host is seen although two hundred others are not."""
    many = tuple(host(f"i-{number:03d}") for number in range(200))
    one = fleet((*many, fresh(), draining("i-999")))

    shown, more = hosts_to_show(one, policy(), seen(one))

    assert (len(shown), shown[0].id) == (HOSTS_MAX, "i-999")
    assert more == "and 190 hosts more, 189 of them old"


def test_machines_read_the_same() -> None:
    """The plan's JSON names hosts by id, the moves with hosts and reason, and what is waited for."""
    one = fleet((*olds(2), draining("i-3"), fresh()))
    [told] = in_flight(seen(one, kinds.Cordon("i-1", NOW, "4 serving"), kinds.Wait("i-3 drains")))

    assert told["roll"] == {"generation": "lt-1/2", "started": "2026-01-01T11:50:00Z"}
    assert (told["old"], told["new"], told["draining"]) == (3, 1, ["i-3"])
    assert {(one["id"], one["state"], one["current"]) for one in told["hosts"]} == {
        ("i-1", "ready", False),
        ("i-2", "ready", False),
        ("i-3", "draining", False),
        ("i-9", "ready", True),
    }
    assert told["moves"] == [{"move": "cordon", "hosts": ["i-1"], "words": "drain i-1", "why": "4 serving"}]
    assert told["waits"] == ["i-3 drains"]


def test_a_wait_is_told_once() -> None:
    assert waits_of([kinds.Wait("a"), kinds.Wait("a"), kinds.Wait("b")]) == ("a", "b")


def test_a_reason_is_not_taken_for_a_pattern() -> None:
    """Hosts are put into our words, never into AWS's."""
    assert [one.why for one in next_of([kinds.Cordon("i-1", NOW, "{hosts} {0}")], fleet())] == ["{hosts} {0}"]
