"""How counts and spans are said, everywhere the same."""

from __future__ import annotations

from datetime import timedelta


def plural(count: int, word: str) -> str:
    """``1 host``, ``2 hosts``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def seconds(span: timedelta) -> str:
    """``90 s``, ``0.5 s``."""
    return f"{span.total_seconds():g} s"
