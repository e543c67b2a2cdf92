"""ANSI colours for what was written with a plan symbol, plain columns, and lines that fit a terminal. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

ESCAPES = re.compile(r"\x1b\[\d+m")
WORDS = re.compile(r"(?:[-+~#] +)?\S+\s*")  # a sign stays with what it is about
NARROWEST = 20  # columns: below that nothing is gained by breaking lines
CODES = {"+": "32", "~": "33", "-": "31", "+/-": "35", "<=": "36"}


class Paint:
    """Colours a text by the plan symbol it belongs to; does nothing when off."""

    def __init__(self, on: bool) -> None:
        self._on = on

    def __call__(self, symbol: str, text: str) -> str:
        code = CODES.get(symbol)
        return f"\x1b[{code}m{text}\x1b[0m" if self._on and code else text

    def bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self._on else text

    def dim(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self._on else text


def columns(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """*rows* as lines of aligned columns, two blanks apart; the columns of *right* end where others begin."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def fitted(text: str, width: int) -> str:
    """*text* with lines of at most *width* columns where blanks allow it, what goes on set below its beginning.

    Ids and numbers stay in one piece: a terminal would break them wherever they meet its edge.
    """
    if width < NARROWEST:
        return text
    return "\n".join(part for line in text.split("\n") for part in _broken(line, width))


def _broken(line: str, width: int) -> Iterator[str]:
    if _columns(line) <= width:
        yield line
        return
    plain = ESCAPES.sub("", line)
    indent = min(len(plain) - len(plain.lstrip()) + 4, width // 2)
    part = line[: len(line) - len(line.lstrip())]
    for word in WORDS.findall(re.sub(r"(?<=\S) {3,}", "  ", line)):
        if part.strip() and _columns(part) + _columns(word.rstrip()) > width:
            yield part.rstrip()
            part = " " * indent
        part += word
    yield part.rstrip()


def _columns(text: str) -> int:
    return len(ESCAPES.sub("", text))
