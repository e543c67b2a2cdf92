"""What the checks across fields share: where a problem stands, what it rests on, and how values are said."""

from __future__ import annotations

from collections.abc import Set
from datetime import timedelta
from typing import Any

from controller.spec.places import Document, Path, Problems, dotted


class Check:
    """Collects problems and warnings about *document*. What rests on a value in *blank* is not said: the value was
    wrong itself, or is not known, and whatever followed from it would be noise."""

    def __init__(self, document: Document, blank: Set[Path], problems: Problems) -> None:
        self.warnings: list[str] = []
        self._document = document
        self._blank = set(blank)
        self._problems = problems

    def fail(self, path: Path, message: str, hint: str = "", reads: tuple[Path, ...] = ()) -> None:
        """A problem at *path*, which rests on it and on *reads*."""
        if self.known(path, *reads):
            self._problems.add(self._document.mark(path), path, message, hint)

    def spoil(self, path: Path) -> None:
        """Say nothing more that rests on *path*."""
        self._blank.add(path)

    def warn(self, path: Path, message: str, reads: tuple[Path, ...] = ()) -> None:
        if self.known(path, *reads):
            self.warnings.append(f"{self._document.mark(path)}: {dotted(path)}: {message}")

    def known(self, *paths: Path) -> bool:
        """Whether nothing at, around or inside *paths* is untrustworthy."""
        return not any(one[: len(path)] == path or path[: len(one)] == one for path in paths for one in self._blank)

    def entries_known(self, section: str) -> bool:
        """Whether nothing is untrustworthy about which entries *section* has, whatever is in them."""
        return not any(one == (section,) or (one[:1] == (section,) and len(one) == 2) for one in self._blank)

    def given(self, path: Path) -> Any:
        """The value at *path* as written; None when it was left out."""
        data: Any = self._document.data
        for part in path:
            if isinstance(data, dict):
                data = data.get(str(part))
            else:
                return None
        return data

    def between(self, path: Path, value: timedelta, low: float, high: float) -> None:
        """AWS takes whole seconds from *low* to *high* here."""
        if not low <= value.total_seconds() <= high:
            bounds = f"from {spell(timedelta(seconds=low))} to {spell(timedelta(seconds=high))}"
            self.fail(path, f"expected a duration {bounds}, got {spell(value)}")
            self.spoil(path)
        elif value.total_seconds() % 1:
            self.fail(path, f"expected whole seconds, got {spell(value)}")


def spell(length: timedelta) -> str:
    """A duration as a spec writes it.

    >>> spell(timedelta(seconds=90)), spell(timedelta(days=1, milliseconds=500))
    ('1m30s', '1d0.5s')
    """
    seconds = length.total_seconds()
    text = ""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            text += f"{int(seconds // size)}{unit}"
            seconds = round(seconds % size, 3)
    return text + (f"{seconds:g}s" if seconds or not text else "")
