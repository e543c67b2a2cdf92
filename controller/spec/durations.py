"""Lengths of time as a spec writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST = 36500 * 86400  # a hundred years; every check says less, and no arithmetic overflows
PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")


def duration(text: str) -> timedelta:
    """The length that ``1h30m`` spells.

    >>> duration("1m30s")
    datetime.timedelta(seconds=90)
    """
    return timedelta(seconds=min(LONGEST, sum(float(number) * UNITS[unit] for number, unit in PART.findall(text))))


def durations(data: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Those of *names* that *data* has, as lengths."""
    return {name: duration(data[name]) for name in names if name in data}
