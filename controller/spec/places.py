"""Places: where in which file a value stands, and the problems found there.

Whatever is wrong is collected in `Problems`, so that the author sees all of it at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.base.errors import SpecError

Path = tuple[str | int, ...]

QUOTED_MAX = 160  # of a line that is shown with a problem


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a value stands; line and column count from 1. A value that came from elsewhere has no line."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass
class Problems:
    """Printable problems, in the order of their places."""

    lines: dict[str, list[str]] = field(default_factory=dict)  # file -> its lines
    found: dict[tuple[str, int, int, str], None] = field(default_factory=dict)

    def add(self, mark: Mark, path: Path, message: str, hint: str = "") -> None:
        subject = f"{dotted(path)}: " if path and mark.file != f"--set {dotted(path)}" else ""
        block = f"{mark}: {subject}{message}"
        lines = self.lines.get(mark.file, [])
        if 0 < mark.line <= len(lines):
            block += "\n" + _quoted(lines[mark.line - 1], mark)
        if hint:
            block += f"\n  hint: {hint}"
        self.found[mark.file, mark.line, mark.column, block] = None

    def raise_any(self) -> None:
        if self.found:
            raise SpecError(tuple(block for _, _, _, block in sorted(self.found)))


def _quoted(line: str, mark: Mark) -> str:
    """The line a problem stands in, or the part of it around the place, with a caret below."""
    start = max(0, mark.column - QUOTED_MAX // 2) if len(line) > QUOTED_MAX else 0
    part = line[start : start + QUOTED_MAX].replace("\t", " ")
    return f"{mark.line:5d} | {part}\n{' ' * (mark.column - start + 7)}^"


@dataclass
class Document:
    """Plain data, and by path: the mark of every value and key in it, and how a number or truth value was spelled."""

    data: Any
    values: dict[Path, Mark]
    keys: dict[Path, Mark]
    spelled: dict[Path, str] = field(default_factory=dict)

    def mark(self, path: Path) -> Mark:
        """The mark of the value at *path*, or of the nearest thing around it that has one."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Mark("spec"))

    def forget(self, path: Path) -> None:
        """Drop the places of everything below *path*: something else stands there now."""
        for places in (self.values, self.keys, self.spelled):
            for below in [one for one in places if one[: len(path)] == path and one != path]:
                del places[below]


def dotted(path: Path) -> str:
    """``services.web.port``, as the author would say it.

    >>> dotted(("network", "public_subnets", 1))
    'network.public_subnets[1]'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def shown(value: Any) -> str:
    """A value as a problem quotes it."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    text = text if len(text) <= 60 else text[:57] + "..."
    return f'"{text}"' if isinstance(value, str) else text
