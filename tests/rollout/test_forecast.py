"""What a roll will do, before it does it: hosts, waves, floor, peak, time, what binds, and what makes it impossible."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controller.rollout.decide import decide
from controller.rollout.forecast import BOOT, LEAVE, START, Forecast, forecast
from controller.rollout.model import Policy, Resources
from tests.rollout.builders import policy, service
from tests.rollout.histories import one_pass, setting
from tests.rollout.worlds import World

MOVE = timedelta(seconds=60)


def outlook(allowed: Policy | None = None, **numbers: Any) -> Forecast:
    """The forecast for a pool of three old hosts, unless *numbers* say otherwise."""
    asked: dict[str, Any] = {"live": 3, "old": 3, "size": 3, "services": (), "capacity": None, "move": MOVE} | numbers
    return forecast("main", policy=allowed or policy(), **asked)


@pytest.mark.parametrize(
    ("allowed", "numbers", "hosts", "waves", "floor", "peak"),
    [
        pytest.param(policy(), {}, 3, 3, 3, 4, id="one at a time"),
        pytest.param(policy(max_surge=2), {}, 3, 2, 3, 5, id="the first alone, then two"),
        pytest.param(policy(max_surge=5), {}, 3, 2, 3, 6, id="no more surge than there are old hosts"),
        pytest.param(policy(max_surge=0, max_unavailable=1), {}, 3, 3, 2, 3, id="one less instead of one more"),
        pytest.param(policy(), {"old": 0, "live": 4}, 1, 1, 3, 4, id="a smaller size: one leaves"),
        pytest.param(policy(), {"old": 0, "live": 2}, 0, 0, 3, 3, id="a bigger size: none leaves"),
        pytest.param(policy(), {"live": 1, "old": 1, "size": 1}, 1, 1, 1, 2, id="a single host"),
        pytest.param(policy(), {"size": 0}, 3, 3, 0, 3, id="size 0 launches nothing"),
        pytest.param(policy(allow_raise_max=False, max_surge=2), {"most": 4}, 3, 3, 3, 4, id="MaxSize may bound it"),
        pytest.param(policy(max_surge=2), {"most": 4}, 3, 2, 3, 5, id="unless it may be raised"),
    ],
)
def test_a_forecast_counts(
    allowed: Policy, numbers: dict[str, Any], hosts: int, waves: int, floor: int, peak: int
) -> None:
    """Promise 6: what plan prints is what apply does."""
    seen = outlook(allowed, **numbers)

    assert (hosts, waves, floor, peak) == (seen.hosts, seen.waves, seen.floor, seen.peak)


def test_a_wave_takes_boot_bake_move_and_leave() -> None:
    """The forecast duration is the sum of what one host after the other needs."""
    allowed = policy(bake=timedelta(seconds=30))
    each = BOOT + allowed.bake + START + MOVE + LEAVE

    assert 3 * each == outlook(allowed).duration
    assert outlook(allowed, old=0, live=4).duration == START + MOVE + LEAVE
    assert BOOT + allowed.bake == outlook(allowed, old=0, live=2).duration


@pytest.mark.parametrize(
    ("allowed", "numbers", "words"),
    [
        pytest.param(policy(), {"old": 0, "live": 4}, "", id="nothing to replace"),
        pytest.param(policy(), {}, "max_surge 1: 1 of 3 hosts at a time", id="the surge"),
        pytest.param(policy(max_surge=0, max_unavailable=1), {}, "max_unavailable 1, no surge", id="one missing"),
        pytest.param(policy(max_surge=3), {}, "none: the surge covers every old host", id="nothing"),
        pytest.param(policy(allow_raise_max=False), {"most": 3}, "max 3, allow_raise_max false", id="MaxSize"),
    ],
)
def test_what_binds_is_named(allowed: Policy, numbers: dict[str, Any], words: str) -> None:
    """The reader learns which number to change to go faster."""
    binding = outlook(allowed, **numbers).binding

    assert words in binding
    assert bool(words) == bool(binding)


FULL = service(desired=6, cpu=512, memory=1024)
ROOM = Resources(1024, 2048)


@pytest.mark.parametrize(
    ("allowed", "numbers", "words"),
    [
        pytest.param(policy(), {"services": (FULL,), "capacity": ROOM}, None, id="six halves on three hosts"),
        pytest.param(
            policy(max_unavailable=1),
            {"services": (FULL,), "capacity": ROOM},
            "with the old hosts gone, on 2 hosts of 1024 cpu/2048 MiB each: 4 of 6 tasks fit",
            id="but not on two, when one may be missing",
        ),
        pytest.param(policy(), {"services": (FULL,)}, None, id="an unknown type is not judged"),
        pytest.param(
            policy(),
            {"services": (service(min_percent=100, max_percent=100),)},
            "a drain can neither start nor stop one",
            id="percentages that deadlock",
        ),
        pytest.param(
            policy(),
            {"services": (service(min_percent=100, max_percent=100),), "old": 0, "live": 2},
            None,
            id="nothing drains when hosts are only added",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_numbers(allowed: Policy, numbers: dict[str, Any], words: str | None) -> None:
    """Rule 1: infeasible is refused at plan time, with the arithmetic."""
    found = outlook(allowed, **numbers).infeasible

    assert (words is None) == (found is None)
    assert (words or "") in (found or "")


@pytest.mark.parametrize(("surge", "unavailable"), [(1, 0), (2, 0), (3, 0), (0, 1), (0, 2), (1, 1)])
def test_the_peak_and_the_floor_are_those_of_the_roll(surge: int, unavailable: int) -> None:
    """Promise 6, against the world: the roll that follows has exactly this peak, and never goes below this floor."""
    play = setting(0)
    play.world, play.script = World(1, 4, 2, []), []
    play.policy = policy(max_surge=surge, max_unavailable=unavailable, bake=timedelta(seconds=5))
    play.world.generation = 2
    seen = outlook(play.policy, live=4, old=4, size=4)
    peak, low = 4, 4
    while not one_pass(play, decide, play.world.dice, crash=False):
        peak = max(peak, play.world.desired)
        low = min(low, sum(play.world.active(box) for box in play.world.boxes))

    assert seen.peak == peak
    assert low == seen.floor


@pytest.mark.parametrize(
    ("zones", "size", "surge", "uneven"),
    [
        pytest.param(2, 2, 1, True, id="two level zones, one at a time: both new hosts may land in one"),
        pytest.param(2, 3, 1, False, id="an odd fleet ends within one whatever the group chooses"),
        pytest.param(1, 2, 1, False, id="one zone cannot be uneven"),
        pytest.param(2, 2, 2, False, id="all at once are spread by the group"),
    ],
)
def test_a_forecast_says_when_zones_may_end_uneven(zones: int, size: int, surge: int, uneven: bool) -> None:
    """Rule 6 replaces one host more then; a plan that kept quiet about it would not tell the truth."""
    found = forecast(
        "main",
        live=size,
        old=size,
        size=size,
        policy=Policy(max_surge=surge),
        services=(),
        capacity=None,
        move=timedelta(),
        zones=zones,
    )

    assert found.uneven is uneven
