"""ANSI colours for what was written with a plan symbol, and plain columns. Pure."""

from __future__ import annotations

from collections.abc import Sequence

CODES = {"+": "32", "~": "33", "-": "31", "-/+": "35", "<=": "36"}


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
