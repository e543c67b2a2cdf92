"""Time is an argument: pure code takes ``now``, effects take a `Clock`, and only this file reads the wall clock.

A clock that tests can drive is what lets an hour of waiting cost nothing, and what lets a stop signal interrupt a wait.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What effects may ask of time."""

    def now(self) -> datetime:
        """The present moment, UTC and aware."""
        ...

    def sleep(self, pause: timedelta) -> None:
        """Return after *pause*, or sooner when the clock was interrupted."""
        ...


class SystemClock:
    """The machine's clock. `interrupt` ends the current and every later sleep at once."""

    def __init__(self) -> None:
        self._stop = threading.Event()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, pause: timedelta) -> None:
        self._stop.wait(max(0.0, pause.total_seconds()))

    def interrupt(self) -> None:
        self._stop.set()


class FakeClock:
    """A clock that tests move: sleeping adds to it and returns at once."""

    def __init__(self, start: datetime) -> None:
        self.time = start

    def now(self) -> datetime:
        return self.time

    def sleep(self, pause: timedelta) -> None:
        self.time += pause


def monotonic() -> float:
    """Seconds of a clock that never goes back; for measuring, never for deciding."""
    return time.monotonic()
