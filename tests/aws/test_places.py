"""Rules of one listener that change places and paths: what is written when, without AWS."""

from __future__ import annotations

import pytest

from controller.aws.places import (
    CLOSED,
    LAST,
    Conditions,
    Moves,
    Route,
    Rule,
    conditions,
    moves,
    overlap,
    waiting_place,
)


def rule(name: str, priority: int, *paths: str, hosts: tuple[str, ...] = ()) -> Rule:
    return Rule(f"arn-{name or priority}", priority, name, frozenset(paths), frozenset(hosts), (f"group-{name}",))


def route(name: str, priority: int, *paths: str, hosts: tuple[str, ...] = ()) -> Route:
    return Route(name, priority, paths, hosts)


A, B, C = rule("a", 1, "/a"), rule("b", 2, "/b"), rule("c", 3, "/c")


ALL = {"arn-a", "arn-b", "arn-c"}


@pytest.mark.parametrize(
    ("wanted", "leaving", "expected"),
    [
        pytest.param({"a": 2, "b": 3, "c": 1}, (), {"arn-a": 2, "arn-b": 3, "arn-c": 1}, id="rotated"),
        pytest.param({"a": 2, "b": 1}, (), {"arn-a": 2, "arn-b": 1}, id="exchanged"),
        pytest.param({"a": 9}, (), {"arn-a": 9}, id="one moves"),
        pytest.param(
            {"c": 2}, ("b",), {"arn-c": 2, "arn-b": 3}, id="who leaves goes behind, the place before is taken"
        ),
        pytest.param({"c": 4}, ("b",), {"arn-c": 4}, id="who leaves and is in nobody's way stays"),
        pytest.param({"a": 1, "b": 2, "c": 3}, (), {}, id="none"),
    ],
)
def test_all_that_move_move_at_once(wanted: dict[str, int], leaving: tuple[str, ...], expected: dict[str, int]) -> None:
    assert moves([A, B, C], wanted, leaving, (), ALL).places == expected


def test_who_leaves_stays_before_all_that_it_was_before() -> None:
    old, web = rule("old", 100, "/o"), rule("web", 200, "/*")

    assert moves([old, web], {"web": 100}, ("old",), (), ()).places == {"arn-web": 100, "arn-old": 99}


def test_nobody_takes_the_place_of_one_that_leaves_and_would_fall_behind_before_it_can_answer() -> None:
    old, new = rule("old", 1, "/o"), rule("new", LAST, "/o")
    late, able = ({"new"}, {"arn-old"}), ((), {"arn-old", "arn-new"})

    assert moves([old, new], {"new": 1}, ("old",), *late) == Moves({}, {"arn-new": "new"})
    assert moves([old, new], {"new": 1}, ("old",), *able).places == {"arn-new": 1, "arn-old": 2}


WEB, API = rule("web", 100, "/*"), rule("api", 200, "/api")


@pytest.mark.parametrize(
    ("rules", "wanted", "places", "held"),
    [
        pytest.param([WEB, rule("api", LAST, "/api")], {"web": 200, "api": 100}, {"arn-web": 200}, {"arn-api": "api"},
                     id="it would pass: it waits, the other moves"),
        pytest.param([WEB, API], {"web": 300}, {}, {"arn-web": "api"}, id="the other would fall behind it: that waits"),
        pytest.param([WEB, API], {"web": 150}, {"arn-web": 150}, {}, id="the order stays"),
        pytest.param([rule("api", 100, "/api"), rule("web", 200, "/*")], {"api": 300}, {"arn-api": 300}, {},
                     id="it goes back"),
        pytest.param([rule("web", 100, "/w"), API], {"api": 50}, {"arn-api": 50}, {}, id="nobody's requests"),
        pytest.param([WEB, API, rule("c", 300, "/c")], {"api": 50, "c": 200}, {}, {"arn-api": "api", "arn-c": "api"},
                     id="its place is free when it leaves it"),
        pytest.param([WEB, rule("api", 200, "/api", hosts=(CLOSED,))], {"api": 50}, {"arn-api": 50}, {},
                     id="nobody is led to it yet"),
    ],
)  # fmt: skip
def test_who_cannot_answer_yet_takes_no_requests(
    rules: list[Rule], wanted: dict[str, int], places: dict[str, int], held: dict[str, str]
) -> None:
    answering = {one.arn for one in rules} - {"arn-api"}
    found = moves(rules, wanted, (), {"api"}, answering)

    assert (found.places, found.held) == (places, held)


def test_nothing_waits_for_what_answers_nothing_itself() -> None:
    assert moves([WEB, API], {"web": 300}, (), {"api"}, ()).places == {"arn-web": 300}


def test_a_place_of_others_is_not_theirs_to_give() -> None:
    """AWS refuses it, and says so."""
    assert moves([A, rule("", 2)], {"a": 2}, (), (), ()).places == {"arn-a": 2}


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
