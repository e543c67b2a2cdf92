"""The demo's report for a terminal: the verdict, a table, and per change a strip of each host's life. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

from controller.report.demo_drawing import hosts_of, phases, window
from controller.report.demo_words import (
    Change,
    Document,
    agreement,
    counts,
    doubts,
    faults,
    lasted,
    milliseconds,
    moment,
    number,
    requests,
    seconds,
    verdict,
)

WIDTH = 100
NAME = 30  # columns for the name of a change
STRIP = 60  # columns for the life of a host
SIGNS = {"booting": "+", "ready": "=", "draining": "-", "leaving": "x"}
HEAD = ("sent", "failed", "p50", "p99", "gap", "floor", "min", "peak", "moves", "took")
ROOM = (7, 6, 7, 7, 8, 5, 3, 4, 5, 8)


def text_report(document: Document) -> str:
    """The report, plain, in lines of at most 100 columns."""
    changes = list(document.get("changes") or [])
    control = document.get("control")
    lines = [*_verdict(document), "", *_table(changes, control)]
    for change in changes:
        lines += ["", *_change(change)]
    if control:
        lines += ["", *_change(control, control=True)]
    lines += ["", *_left(document)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _verdict(document: Document) -> Iterator[str]:
    yield from wrap(_printable(str(document.get("verdict") or verdict(document))), WIDTH)
    for doubt in doubts(document):
        yield from wrap(_printable(f"! {doubt}"), WIDTH, initial_indent="  ", subsequent_indent="    ")
    yield _printable(f"{moment(str(document.get('started')))}, {document.get('command')}")[:WIDTH]


def _table(changes: list[Change], control: Change | None) -> Iterator[str]:
    yield _columns("", HEAD)
    for change in changes:
        yield from _rows(str(change.get("name")), change)
    if control:
        yield from _rows(f"control: {control.get('name')}", control)


def _rows(name: str, change: Change) -> Iterator[str]:
    asked = requests(change)
    first, *more = wrap(_printable(name), NAME) or [""]
    yield _columns(
        first,
        (
            number(asked.get("sent")),
            number(asked.get("failed")),
            milliseconds(asked.get("p50_ms")),
            milliseconds(asked.get("p99_ms")),
            milliseconds(asked.get("longest_gap_ms")),
            number(change.get("floor")),
            number(change.get("min_serving")),
            number(change.get("peak")),
            number(change.get("moves_per_task")),
            seconds(lasted(change)),
        ),
    )
    yield from (f"  {line}" for line in more)


def _columns(name: str, cells: tuple[str, ...]) -> str:
    return f"{name:<{NAME}}" + "".join(f"{cell:>{room + 1}}" for cell, room in zip(cells, ROOM, strict=True))


def _change(change: Change, *, control: bool = False) -> Iterator[str]:
    """One change: what is wrong, what was counted, and a line per host."""
    start, end = window(change)
    outcome = _printable("control, without draining" if control else str(change.get("outcome")).replace("_", " "))
    yield from wrap(f"{_printable(str(change.get('name')))}: {outcome}", WIDTH)
    if not control:
        for fault in faults(change):
            yield from wrap(_printable(f"! {fault}"), WIDTH, initial_indent="  ", subsequent_indent="    ")
    yield f"  {counts(change)}{'' if control else ': ' + agreement(change)}"[:WIDTH]
    for host in hosts_of(change):
        about = _printable(f"{host.get('id')} v{host.get('version')} {host.get('zone')}")
        yield f"  {about[:36]:<36} {_strip(host, start, end)}"
    lost = _losses(change, start, end)
    if lost.strip():
        yield f"  {'requests lost':<36} {lost}"
    yield f"  {'':<36} {'0 s':<{STRIP - 8}}{end - start:>6.0f} s"


def _strip(host: Mapping[str, Any], start: float, end: float) -> str:
    """The host's life, one sign per slice of time; each slice shows what the host did in its middle."""
    spans = phases(host, start, end)
    signs = []
    for column in range(STRIP):
        middle = start + (column + 0.5) * (end - start) / STRIP
        signs.append(next((SIGNS[p.name] for p in spans if p.start <= middle < p.end), " "))
    return "".join(signs)


def _losses(change: Change, start: float, end: float) -> str:
    """A ! in every slice of time in which a request failed."""
    signs = [" "] * STRIP
    for row in change.get("seconds") or []:
        if row.get("failed") and start - 1 < row["second"] < end:
            signs[min(STRIP - 1, max(0, int((row["second"] - start) / (end - start) * STRIP)))] = "!"
    return "".join(signs)


def _left(document: Document) -> Iterator[str]:
    yield f"Signs: {', '.join(f'{sign} {name}' for name, sign in SIGNS.items())} (empty, about to go)."
    yield f"A second plan was {'empty' if document.get('second_plan_empty') else 'NOT empty'}."
    for name, text in (("left_behind", "Destroy left behind"), ("kept", "Kept on purpose, as the spec says")):
        items = ", ".join(_printable(str(item)) for item in document.get(name) or []) or "nothing"
        yield from wrap(f"{text}: {items}.", WIDTH, subsequent_indent="  ")


def _printable(text: str) -> str:
    """Names may come from anywhere; a terminal must not obey them."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
