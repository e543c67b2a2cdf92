"""An apply while it runs: a table of hosts refreshed in place on a terminal, plain lines with times elsewhere.

A log file, a pipe, a dumb terminal and CI get lines; only a terminal pays for loading `rich`.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from controller.report.hosts import HostView, span, views
from controller.report.journal import Journal
from controller.report.seen import Tick
from controller.report.values import printable
from controller.rollout.model import Policy

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

WIDE = 100  # columns: from here on there is room for the instance type
NARROW = 72  # below that only for a host's id and state: half an id names nothing
HOSTS_MAX = 24  # rows: a table taller than the terminal cannot be refreshed in place
STYLES = {
    "ready": "green",
    "baking": "cyan",
    "booting": "cyan",
    "draining": "yellow",
    "terminating": "magenta",
    "gone": "dim",
}


class Live:
    """Shows each tick on *stream* while entered. `update` takes the tick and the lines the journal made of it."""

    def __init__(self, stream: TextIO, journal: Journal) -> None:
        self._stream = stream
        self._journal = journal
        self._show: Callable[[Tick, tuple[str, ...]], None] = self._plain
        self._rich: Any = None
        self._gone: deque[HostView] = deque(maxlen=3)
        self._there: dict[str, HostView] = {}

    def __enter__(self) -> Live:
        if _interactive(self._stream):
            from rich.console import Console
            from rich.live import Live as Screen

            console = Console(file=self._stream, highlight=False, no_color="NO_COLOR" in os.environ)
            self._rich = Screen(_first_words(), console=console, refresh_per_second=8, transient=True)
            self._rich.__enter__()
            self._show = self._table
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rich is not None:
            self._rich.__exit__(kind, error, trace)

    def update(self, seen: Tick, lines: Iterable[str]) -> None:
        """Show what *seen* looks like now, and *lines* for good."""
        self._show(seen, tuple(lines))

    # -------------------------------------------------------------------------------------------- a log
    def _plain(self, seen: Tick, lines: tuple[str, ...]) -> None:
        for line in lines:
            self._stream.write(_stamped(seen, line) + "\n")
        if lines:
            self._stream.flush()

    # -------------------------------------------------------------------------------------------- a terminal
    def _table(self, seen: Tick, lines: tuple[str, ...]) -> None:
        from rich.text import Text

        for line in lines:
            self._rich.console.print(Text(_stamped(seen, line)), soft_wrap=True)  # a command can be copied
        self._rich.update(self._screen(seen), refresh=True)

    def _screen(self, seen: Tick) -> RenderableType:
        from rich.console import Group
        from rich.padding import Padding

        shown: list[RenderableType] = []
        for fleet in seen.fleets:
            rows = views(fleet, seen.policies.get(fleet.pool, Policy()), seen.now)
            table = _hosts(fleet.pool, rows, self._leavers(fleet.pool, rows), seen, self._rich.console.width)
            shown.append(Padding(table, (1, 0, 0, 0)))
        shown.append(_foot(seen, self._journal))
        return Group(*shown)

    def _leavers(self, pool: str, rows: tuple[HostView, ...]) -> list[HostView]:
        """The hosts that went last: they stay in sight for a while."""
        now = {f"{pool} {view.id}": view for view in rows}
        for mark, view in self._there.items():
            if mark.startswith(f"{pool} ") and mark not in now:
                self._gone.append(view)
        self._there = {m: v for m, v in self._there.items() if not m.startswith(f"{pool} ")} | now
        return [view for view in self._gone if view.id not in {row.id for row in rows}]


def _interactive(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _stamped(seen: Tick, line: str) -> str:
    """*line* with its time; what goes on over several lines is set below it."""
    first, *more = printable(line).split("\n")
    return "\n".join([f"{seen.now:%H:%M:%S} {first}", *(f"         {one}" for one in more)])


def _first_words() -> RenderableType:
    from rich.spinner import Spinner

    return Spinner("dots", "looking at what is there")


def _hosts(pool: str, rows: tuple[HostView, ...], gone: list[HostView], seen: Tick, width: int) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column(f"{pool}: host", no_wrap=True)
    for name in (*(("zone",) if width >= NARROW else ()), *(("type",) if width >= WIDE else ())):
        table.add_column(name, no_wrap=True)
    for name in ("version", "state") if width >= NARROW else ("state",):
        table.add_column(name, no_wrap=True)
    if width >= NARROW:
        table.add_column("tasks", justify="right", no_wrap=True)
        table.add_column("targets", no_wrap=True)
    shown = sorted(rows, key=lambda view: view.state == "ready")[:HOSTS_MAX]
    for view in (view for view in rows if view in shown):
        since = f" {span(seen.now - view.since)}" if view.since is not None else ""
        table.add_row(*_cells(view, f"{view.state}{since}", width))
    for view in gone:
        table.add_row(*_cells(view, "gone", width), style="dim")
    if len(rows) > HOSTS_MAX:
        table.add_row(f"and {len(rows) - HOSTS_MAX} more", style="dim")
    return table


def _cells(view: HostView, state: str, width: int) -> list[RenderableType]:
    """One row: what is known of a host as far as there is room; of one that is gone no counts."""
    from rich.text import Text

    style = STYLES.get(state if state == "gone" else view.state, "red")
    if width < NARROW:
        return [view.id, Text(state if view.current else f"old, {state}", style)]
    counts = ["-", "-"] if state == "gone" else [str(view.tasks), _targets(view)]
    version = f"{view.version}{'' if view.current else ' old'}"
    return [view.id, view.zone, *([view.type] if width >= WIDE else []), version, Text(state, style), *counts]


def _targets(view: HostView) -> str:
    """Shorter than in a report: ``2/2`` are healthy, or how many are left."""
    healthy, left = view.targets
    return f"{healthy}/{left}" if view.targets_text.endswith("healthy") else view.targets_text


def _foot(seen: Tick, journal: Journal) -> RenderableType:
    """A turning sign, so that nobody wonders whether we still live, and what is waited for."""
    from rich.spinner import Spinner
    from rich.text import Text

    whys = [f"{pool}: {why}" for pool, move in seen.moves if (why := getattr(move, "why", ""))]
    whys += [f"{key} not ready: {why}" for key, _, why in (line.partition(": ") for line in seen.plan.busy)]
    whys += [f"service {one.service}: {one.why}" for one in seen.verdicts if one.state == "in_progress"]
    left = len(journal.open)
    if left:
        whys.append(f"{left} resources left")
    return Spinner("dots", Text(printable("; ".join(dict.fromkeys(whys)) or "looking again"), overflow="ellipsis"))
