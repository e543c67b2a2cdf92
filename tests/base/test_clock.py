"""Clocks: one that tests move, and one that a signal can wake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from controller.base.clock import Clock, FakeClock, SystemClock, monotonic

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_an_hour_costs_nothing() -> None:
    clock: Clock = FakeClock(NOON)
    clock.sleep(timedelta(hours=1))

    assert clock.now() == NOON + timedelta(hours=1)


def test_the_real_clock_is_utc_and_aware() -> None:
    before, now, after = datetime.now(UTC), SystemClock().now(), datetime.now(UTC)

    assert before <= now <= after
    assert now.utcoffset() == timedelta()


def test_a_signal_ends_this_sleep_and_every_later_one() -> None:
    """Nothing that waits outlives the wish to stop."""
    clock = SystemClock()
    clock.interrupt()
    start = monotonic()
    for _ in range(3):
        clock.sleep(timedelta(hours=1))

    assert monotonic() - start < 10


def test_a_pause_that_is_already_over_does_not_wait() -> None:
    start = monotonic()
    SystemClock().sleep(timedelta(seconds=-5))

    assert monotonic() - start < 2
