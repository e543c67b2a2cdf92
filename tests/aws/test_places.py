"""Rules of one listener that change places and paths: what is written when, without AWS."""

from __future__ import annotations

import pytest

from controller.aws.places import LAST, Conditions, Route, Rule, conditions, moves, overlap, waiting_place


def rule(name: str, priority: int, *paths: str, hosts: tuple[str, ...] = ()) -> Rule:
    return Rule(f"arn-{name or priority}", priority, name, frozenset(paths), frozenset(hosts), (f"group-{name}",))


def route(name: str, priority: int, *paths: str, hosts: tuple[str, ...] = ()) -> Route:
    return Route(name, priority, paths, hosts)


A, B, C = rule("a", 1, "/a"), rule("b", 2, "/b"), rule("c", 3, "/c")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param((route("a", 2), route("b", 3), route("c", 1)), {"arn-a": 2, "arn-b": 3, "arn-c": 1}, id="rotated"),
        pytest.param((route("a", 2), route("b", 1), route("c", 3)), {"arn-a": 2, "arn-b": 1}, id="exchanged"),
        pytest.param((route("a", 9), route("b", 2), route("c", 3)), {"arn-a": 9}, id="one moves"),
        pytest.param((route("a", 2), route("c", 3)), {"arn-a": 2, "arn-b": 1}, id="a leftover goes where it came from"),
        pytest.param((route("a", 1), route("b", 2), route("c", 3)), {}, id="none"),
    ],
)
def test_all_that_move_move_at_once(wanted: tuple[Route, ...], expected: dict[str, int]) -> None:
    assert moves([A, B, C], wanted, "a") == expected


def test_who_waits_for_its_targets_is_not_taken_along() -> None:
    waiting = rule("new", LAST, "/n")
    wanted = (route("a", 5), route("new", 1))

    assert moves([A, waiting], wanted, "a") == {"arn-a": 5}
    assert moves([A, waiting], wanted, "new") == {"arn-a": 5, "arn-new": 1}


def test_a_place_of_others_is_not_theirs_to_give() -> None:
    """AWS refuses it, and says so."""
    assert moves([A, rule("", 2)], (route("a", 2),), "a") == {"arn-a": 2}


@pytest.mark.parametrize(
    ("rules", "routes", "expected"),
    [
        pytest.param([A], (route("a", 1), route("n", 2)), LAST, id="behind all"),
        pytest.param([A, rule("n", LAST)], (route("a", 1), route("n", 2)), LAST - 1, id="one waits already"),
        pytest.param([A, rule("", LAST)], (route("a", 1),), 0, id="a stranger stands there for good"),
        pytest.param([A], (route("a", 49_500), route("n", 2)), 0, id="the spec wants one so far back"),
    ],
)
def test_where_a_rule_waits(rules: list[Rule], routes: tuple[Route, ...], expected: int) -> None:
    assert waiting_place(rules, routes) == expected


def both(*paths: str, hosts: tuple[str, ...] = (), waits: tuple[str, ...] = ("b",)) -> Conditions:
    return Conditions(frozenset(paths), frozenset(hosts), waits)


ALL = rule("a", 1, "/*")
FIVE = rule("a", 1, "/1", "/2", "/3", "/4", "/a")


@pytest.mark.parametrize(
    ("rules", "routes", "ready", "expected"),
    [
        pytest.param([A, B], (route("a", 1, "/b"), route("b", 2, "/a")), "b", both("/a", "/b"),
                     id="exchanged: b lacks it yet"),
        pytest.param([A, rule("b", 2, "/a")], (route("a", 1, "/b"), route("b", 2, "/a")), "b", both("/b", waits=()),
                     id="b has it, and answers"),
        pytest.param([A, rule("b", 2, "/a")], (route("a", 1, "/x"), route("b", 2, "/a")), "", both("/a", "/x"),
                     id="b has it, and cannot answer"),
        pytest.param([A], (route("a", 1, "/x"), route("b", 2, "/a")), "", both("/a", "/x"), id="b is not there yet"),
        pytest.param([A, rule("b", LAST, "/a")], (route("a", 1, "/x"), route("b", 2, "/a")), "b", both("/a", "/x"),
                     id="b has not taken its place yet"),
        pytest.param([A], (route("a", 1, "/x"),), "", both("/x", waits=()), id="nobody wants it"),
        pytest.param([ALL], (route("a", 1, "/web/*"), route("b", 2, "/api/*")), "", both("/*", "/web/*"),
                     id="a part of it goes over"),
        pytest.param([ALL], (route("a", 1, "/*", hosts=("a.x",)), route("b", 2, "/*", hosts=("b.x",))), "",
                     both("/*"), id="a host goes over"),
        pytest.param([A], (route("a", 1, "/x"), route("b", 2, "/b")), "", both("/x", waits=()), id="another path"),
        pytest.param([rule("a", 1, "/a", hosts=("a.x",))],
                     (route("a", 1, "/x", hosts=("a.x",)), route("b", 2, "/a", hosts=("b.x",))), "",
                     both("/x", hosts=("a.x",), waits=()), id="the path at another host"),
        pytest.param([FIVE], (route("a", 1, "/1", "/2", "/3", "/4", "/x"), route("b", 2, "/a")), "",
                     both(*FIVE.paths), id="five values hold no sixth: as it was"),
        pytest.param([FIVE, B], (route("a", 1, "/1", "/2", "/3", "/4", "/b"), route("b", 2, "/a")), "b",
                     both("/1", "/2", "/3", "/4", "/b", waits=()), id="neither would move if both waited"),
    ],
)  # fmt: skip
def test_what_is_answered_is_answered_until_the_other_rule_can(
    rules: list[Rule], routes: tuple[Route, ...], ready: str, expected: Conditions
) -> None:
    assert conditions(rules[0], routes[0], rules, routes, ready.split()) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("/a", "/a", True), ("/a", "/b", False), ("/*", "/api/*", True), ("/web/*", "/api/*", False),
        ("/a?c", "/ab*", True), ("*", "", True), ("/a*", "*z", True), ("/a?", "/a", False), ("*.x", "b.x", True),
        ("/*/x", "/y/*", True), ("", "a", False),
    ],
)  # fmt: skip
def test_patterns_that_some_text_matches_both(one: str, other: str, expected: bool) -> None:
    assert (overlap(one, other), overlap(other, one)) == (expected, expected)
