"""One spec, many mistakes: all are said, once each, in the order of the file, and none that follows from another."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from judging import GOOD, Judge, swapped

from controller.base.errors import SpecError
from controller.spec.load import Loaded

TEN = {
    "stack: shop": "stack: shop-",  # 1 AWS refuses it
    "{team: shop}": "{team: 5}",  # 2 wrong type
    "10.0.2.0/24]": "10.9.2.0/24]",  # 3 outside
    "{min: 2, desired: 3, max: 6}": "{min: 2, min: 3, desired: 3, max: 6}",  # 4 twice
    "max_surge: 1": "max_surge: 0",  # 5 across fields
    "bake: 30s": "bake: 30",  # 6 no unit
    "repository: shop": "repository: shpo",  # 7 unknown
    "    memory: 512\n": "",  # 8 missing
    "    desired: 4": "    desird: 4",  # 9 misspelled
    '{path: "/*"': '{listener: "${env:LISTENER}", path: api',  # 10 no such variable, 11 never matches
    "max_percent: 200": "max_percent: 100",  # 12 deadlock
}


DEADLOCK = (
    "no task may stop before its replacement runs, and none may start before one stopped: "
    "nothing could ever be replaced, at any size"
)


def test_a_spec_with_a_dozen_mistakes_lists_a_dozen(judge: Judge) -> None:
    """Mistakes of reading, shape, lookups and sense are found in one go."""
    assert [problem.split(" | ")[0] for problem in judge(swapped(GOOD, TEN), env={})] == [
        "2:8: stack: shop- ends in a hyphen, which AWS refuses",
        "4:14: tags.team: expected a string, got 5",
        "7:33: network.public_subnets[1]: 10.9.2.0/24 is not inside network.cidr 10.0.0.0/16",
        "14:20: hosts.main.size.min: given twice; first on line 14",
        "15:26: hosts.main.rollout.max_surge: 0 with max_unavailable 0: no host could ever be replaced",
        "15:54: hosts.main.rollout.bake: expected a duration such as 30s, 10m or 1h30m, got 30",
        "17:3: services.web.memory: is missing",
        "18:25: services.web.image.repository: there is no repository shpo",
        "21:5: services.web.desird: unknown key",
        "22:23: services.web.route.listener: the environment has no LISTENER",
        '22:48: services.web.route.path: "api" matches nothing: every path begins with /',
        f"25:49: services.web.deployment.max_percent: min_percent 100 and max_percent 100: {DEADLOCK}",
    ]


def test_a_problem_is_a_block_to_read_at_night(loads: Callable[..., Loaded]) -> None:
    """The place as editors open it, the field, what was expected, what came, the line with a caret, a way out."""
    with pytest.raises(SpecError) as raised:
        loads(swapped(GOOD, {"desired: 3, max: 6": "desired: 7, max: 6"}))

    assert str(raised.value) == (
        "spec.yaml:14:29: hosts.main.size.desired: expected min <= desired <= max, got min 2, desired 7, max 6\n"
        "   14 |     size: {min: 2, desired: 7, max: 6}\n"
        "                                    ^\n"
        "  hint: desired from 2 to 6"
    )


def test_a_long_line_is_shown_around_the_place(loads: Callable[..., Loaded]) -> None:
    """A spec on one line of a thousand characters still shows where."""
    tags = ", ".join(f"tag-number-{i}: value" for i in range(20))
    with pytest.raises(SpecError) as raised:
        loads(swapped(GOOD, {"{team: shop}": f"{{{tags}, wrong: 5, {tags.replace('tag', 'more')}}}"}))
    quoted, caret = next(block for block in raised.value.problems if "tags.wrong" in block).split("\n")[1:3]

    assert len(quoted) < 180
    assert quoted[caret.index("^")] == "5"


@pytest.mark.parametrize(
    ("swaps", "count"),
    [
        pytest.param({"{min: 2, desired: 3, max: 6}": "[2, 3, 6]"}, 1, id="a size that is a list"),
        pytest.param({"hosts:\n  main:\n": "hosts:\n  Main:\n"}, 1, id="a pool that has no name"),
        pytest.param({"{path: \"/*\", priority: 100}": "/api"}, 1, id="a route that is text"),
        pytest.param({"  listeners: {http: {port: 80}}": "  listeners: http"}, 1, id="listeners that are text"),
        pytest.param({"  cidr: 10.0.0.0/16": "  cidr: ten"}, 1, id="a network that cannot be reckoned with"),
        pytest.param({"stop_timeout: 30s": "stop_timeout: long"}, 1, id="a length that cannot be reckoned with"),
        pytest.param({"{max_surge: 1, drain_timeout: 5m, bake: 30s}": "fast", "stop_timeout: 30s": "stop_timeout: 20m"},
                     1, id="defaults of a rollout that is text"),
        pytest.param({"{repository: shop, tag: v1}": "[a]"}, 1, id="an image that is a list"),
    ],
)  # fmt: skip
def test_what_follows_from_a_mistake_is_not_said(swaps: dict[str, str], count: int, judge: Judge) -> None:
    assert len(judge(swapped(GOOD, swaps))) == count
