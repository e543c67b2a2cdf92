"""What becomes of a survey: a document, the names it needs, and what no field can say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

NAME = "[a-z][a-z0-9-]{0,23}"  # what a spec can call a thing


@dataclass(slots=True)
class Draft:
    """`document` in the order it is written; `names` by address."""

    document: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def number(value: float) -> float | int:
    """Without a point where there is nothing behind it."""
    return int(value) if value == int(value) else value
