"""One change as a drawing: what each host did, how many served, what was answered. SVG from numbers. Pure.

All panels share one axis of time. Colours are classes that the page's style sheet fills for light, dark and print;
each phase of a host has a pattern and a word as well, so that no meaning rests on colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import inf
from typing import Any

from controller.report.demo_words import Change, number, requests

STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)  # seconds between two ticks of the axis
LETTER = 6.6  # about the width of a letter of 11 px; decides whether a word fits into its bar
PHASES = {"booting": "boots", "ready": "ready", "draining": "drains", "leaving": "empty"}


@dataclass(frozen=True, slots=True)
class Phase:
    """What a host did from *start* to *end*, in seconds from the start of the run."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Sheet:
    """The size of a drawing. With a `gutter` the hosts' names stand beside their bars, without one above them."""

    name: str
    width: int
    gutter: int
    ticks: int

    @property
    def lane(self) -> int:
        return 30 if self.gutter else 42


WIDE = Sheet("wide", width=1040, gutter=196, ticks=11)
NARROW = Sheet("narrow", width=400, gutter=0, ticks=6)
BAR, SERVING, LOAD, RIGHT, LEFT = 20, 74, 84, 14, 26


def phases(host: Mapping[str, Any], start: float, end: float) -> tuple[Phase, ...]:
    """What *host* did between *start* and *end*; () when it was not there.

    A host that was there before is ready unless it says otherwise. One without an end stays.
    """
    born = -inf if host.get("launched") is None else float(host["launched"])
    ready = _or(host.get("ready"), -inf if born < start else inf)
    cordoned, drained = _or(host.get("cordoned"), inf), _or(host.get("drained"), inf)
    gone = _or(host.get("terminated"), inf)
    spans = (
        Phase("booting", born, min(ready, cordoned, gone)),
        Phase("ready", ready, min(cordoned, gone)),
        Phase("draining", cordoned, min(drained, gone)),
        Phase("leaving", drained, gone),
    )
    clipped = (Phase(p.name, max(p.start, start), min(p.end, end)) for p in spans)
    return tuple(phase for phase in clipped if phase.end > phase.start)


def hosts_of(change: Change) -> list[Mapping[str, Any]]:
    """The hosts that were there during *change*, the oldest first."""
    start, end = window(change)
    there = [host for host in change.get("hosts") or [] if phases(host, start, end)]
    return sorted(there, key=lambda host: _order(host, start))


def _order(host: Mapping[str, Any], start: float) -> tuple[float, float, str]:
    """Those there from the start first, as they leave; then the others as they come: old and new make two stairs."""
    left = min(_or(host.get("cordoned"), inf), _or(host.get("terminated"), inf))
    return max(_or(host.get("launched"), -inf), start), left, str(host.get("id"))


def window(change: Change) -> tuple[float, float]:
    """From when to when *change* is drawn; never empty."""
    start = float(change.get("from_s") or 0)
    return start, max(float(change.get("to_s") or 0), start + 1)


def drawing(change: Change, sheet: Sheet, ident: str) -> str:
    """*change* on *sheet* as one SVG element; *ident* makes its ids unique in the page."""
    return _Drawing(change, sheet, ident).svg()


def described(change: Change) -> str:
    """The drawing in words, for those who cannot see it."""
    start, end = window(change)
    hosts = hosts_of(change)
    born = sum(host.get("launched") is not None and host["launched"] >= start for host in hosts)
    gone = sum(host.get("terminated") is not None and host["terminated"] <= end for host in hosts)
    return (
        f"In {end - start:.0f} seconds {born} hosts were launched and {gone} terminated. The fewest hosts serving were "
        f"{number(change.get('min_serving'))}, the floor {number(change.get('floor'))}. "
        f"{number(requests(change).get('failed'))} of {number(requests(change).get('sent'))} requests failed."
    )


class _Drawing:
    """Places the panels from top to bottom; `y` is where the next one starts."""

    def __init__(self, change: Change, sheet: Sheet, ident: str) -> None:
        self.change, self.sheet, self.ident = change, sheet, f"{ident}-{sheet.name}"
        self.start, self.end = window(change)
        self.left = float(sheet.gutter or LEFT)
        self.right = float(sheet.width - RIGHT)

    def svg(self) -> str:
        hosts = hosts_of(self.change)
        serving_top = 22 + len(hosts) * self.sheet.lane + 34
        load_top = serving_top + SERVING + 40
        bottom = load_top + LOAD
        parts = [
            *self._axis(16, bottom),
            _text(0, 12, "hosts", "caption"),
            *(part for row, host in enumerate(hosts) for part in self._host(host, 22 + row * self.sheet.lane)),
            *self._serving(serving_top),
            *self._load(load_top),
        ]
        names, name = f"{self.ident}-title {self.ident}-desc", escape(str(self.change.get("name")))
        return (
            f'<svg class="timeline {self.sheet.name}" viewBox="0 0 {self.sheet.width} {bottom + 26}" role="img" '
            f'aria-labelledby="{names}"><title id="{self.ident}-title">Timeline of {name}'
            f'</title><desc id="{self.ident}-desc">{escape(described(self.change))}</desc>{"".join(parts)}</svg>'
        )

    def _x(self, at: float) -> float:
        at = min(max(at, self.start), self.end)
        return self.left + (at - self.start) / (self.end - self.start) * (self.right - self.left)

    def _axis(self, top: float, bottom: float) -> Iterator[str]:
        span = self.end - self.start
        step = next((step for step in STEPS if span / step <= self.sheet.ticks), span)
        at = 0.0
        while at <= span:
            x = self._x(self.start + at)
            yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>'
            room = x + 18 < self.sheet.width
            yield _text(
                x if room else self.sheet.width, bottom + 16, f"{at:.0f} s", "tick middle" if room else "tick end"
            )
            at += step

    def _host(self, host: Mapping[str, Any], top: float) -> Iterator[str]:
        ident, about = str(host.get("id")), f"v{host.get('version')} · {host.get('zone')}"
        bar = top + (self.sheet.lane - BAR) / 2
        if self.sheet.gutter:
            yield _text(0, bar + 9, ident, "host")
            yield _text(0, bar + 21, about, "about")
        else:
            bar = top + 18
            yield _text(0, top + 13, f"{ident} · {about}", "host")
        yield self._level("absent", bar + BAR / 2)
        for phase in phases(host, self.start, self.end):
            x, width = self._x(phase.start), self._x(phase.end) - self._x(phase.start)
            told = f"{ident}: {phase.name} {phase.start - self.start:.1f} s to {phase.end - self.start:.1f} s"
            yield (
                f'<rect class="phase {phase.name}" x="{x:.1f}" y="{bar}" width="{max(width, 1.5):.1f}" height="{BAR}">'
                f"<title>{escape(told)}</title></rect>"
            )
            word = PHASES[phase.name]
            if width > len(word) * LETTER + 8:
                yield _text(x + width / 2, bar + 14, word, f"word {phase.name}-word middle")

    def _serving(self, top: float) -> Iterator[str]:
        points = [(float(at), serving, members) for at, serving, members in self.change.get("serving") or []]
        floor = self.change.get("floor")
        high = max([1.0, float(floor or 0), *(float(max(point[1:])) for point in points)])

        def y(value: float) -> float:
            return top + SERVING - value / high * SERVING

        yield _text(0, top - 10, "hosts serving (solid), in the group (dotted), floor (dashed)", "caption")
        yield from self._scale(top, SERVING, high)
        if points:
            line = self._stairs([(at, y(serving)) for at, serving, _ in points])
            bottom = top + SERVING
            yield f'<path class="area" d="{line} L{self.right:.1f},{bottom} L{self.left:.1f},{bottom} Z"/>'
            yield f'<path class="members" d="{self._stairs([(at, y(members)) for at, _, members in points])}"/>'
            yield f'<path class="serving" d="{line}"/>'
        if floor is not None:
            yield self._level("floor", y(floor) + 3)  # under it: a fleet at its floor stands on the line
            yield _text(self.right - 4, y(floor) + 18, f"floor {number(floor)}", "floor-word end")

    def _stairs(self, points: Sequence[tuple[float, float]]) -> str:
        """A path that keeps each value until the next; what was known before the window holds at its left edge."""
        before = [y for at, y in points if at <= self.start]
        inside = [(at, y) for at, y in points if self.start < at <= self.end]
        first = before[-1] if before else points[0][1]
        steps = "".join(f" H{self._x(at):.1f} V{y:.1f}" for at, y in inside)
        return f"M{self.left:.1f},{first:.1f}{steps} H{self.right:.1f}"

    def _load(self, top: float) -> Iterator[str]:
        rows = [row for row in self.change.get("seconds") or [] if self.start - 1 < row["second"] < self.end]
        high = max([1, *((row.get("ok") or 0) + (row.get("failed") or 0) for row in rows)])
        lost = sum(row.get("failed") or 0 for row in rows)
        told = f"failed (red, ▼): {number(lost)}" if lost else "none failed"
        yield _text(0, top - 16, f"requests per second; {told}", "caption")
        yield from self._scale(top, LOAD, high)
        for row in rows:
            ok, failed = row.get("ok") or 0, row.get("failed") or 0
            x, end = self._x(row["second"]), self._x(row["second"] + 1)
            width = max(end - x - (0.8 if end - x > 3 else 0), 0.6)
            ok_height = ok / high * (LOAD - 4)
            failed_height = max(failed / high * (LOAD - 4), 4) if failed else 0
            about = f"second {row['second'] - self.start:.0f}: {ok} ok, {failed} failed"
            yield (
                f'<rect class="ok" x="{x:.1f}" y="{top + LOAD - ok_height:.1f}" width="{width:.1f}" '
                f'height="{ok_height:.1f}"><title>{about}</title></rect>'
            )
            if failed:
                y = top + LOAD - ok_height - failed_height
                yield (
                    f'<rect class="failed" x="{x:.1f}" y="{y:.1f}" width="{max(width, 2):.1f}" '
                    f'height="{failed_height:.1f}"><title>{about}</title></rect>'
                )
                middle = x + width / 2
                yield f'<path class="mark" d="M{middle - 4:.1f},{y - 9:.1f} h8 l-4,7 Z"/>'
        yield self._level("base", top + LOAD)

    def _level(self, name: str, y: float) -> str:
        """A line over the whole window."""
        return f'<line class="{name}" x1="{self.left:.1f}" x2="{self.right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'

    def _scale(self, top: float, height: float, high: float) -> Iterator[str]:
        """The highest value and zero, beside the panel."""
        yield _text(self.left - 5, top + 8, number(high), "tick end")
        yield _text(self.left - 5, top + height, "0", "tick end")


def _text(x: float, y: float, text: str, classes: str) -> str:
    return f'<text class="{classes}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else float(value)
