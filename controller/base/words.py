"""How a count is said, everywhere the same."""

from __future__ import annotations


def plural(count: int, word: str) -> str:
    """``1 host``, ``2 hosts``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
