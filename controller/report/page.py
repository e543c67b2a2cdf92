"""The demo's report as one HTML page that needs no other file, no scripts, no network. Pure but for the template.

Everything that comes from the document is escaped where it enters the markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from controller.report.demo_drawing import NARROW, PHASES, WIDE, drawing, hosts_of, window
from controller.report.demo_text import text_report
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
    totals,
    verdict,
)

__all__ = ["demo_page", "text_report"]

TEMPLATE = Path(__file__).with_name("page.html")
COLUMNS = (
    "change", "sent", "failed", "p50", "p99", "longest gap", "size", "floor", "min serving", "peak", "moves per task",
    "took",
)  # fmt: skip
HOST_COLUMNS = ("host", "zone", "version", "launched", "ready", "cordoned", "drained", "terminated")


def demo_page(document: Document) -> str:
    """The whole page."""
    said = document.get("verdict") or verdict(document)
    control = document.get("control")
    changes = list(document.get("changes") or [])
    main = [
        _cards(document),
        _overview(changes, control),
        *(_section(change, f"change-{index}") for index, change in enumerate(changes, 1)),
        _beside(changes, control) if control else "",
        _left(document),
    ]
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(f"theseus: {'proved' if not doubts(document) else 'not proved'}"),
        head=_head(document, said),
        main="\n".join(filter(None, main)),
    )


def _head(document: Document, said: str) -> str:
    found = doubts(document)
    badge = '<span class="badge bad">✘ not proved</span>' if found else '<span class="badge good">✔ proved</span>'
    about = f"{escape(moment(str(document.get('started'))))} · <code>{escape(str(document.get('command')))}</code>"
    return f'{badge}\n<h1>{escape(said)}</h1>\n<p class="meta">{about}</p>{_list_of(found)}'


def _list_of(found: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in found)
    return f'<ul class="faults">{items}</ul>' if items else ""


def _cards(document: Document) -> str:
    sent, failed = totals(document)
    changes = document.get("changes") or []
    gaps = [gap for change in changes if (gap := requests(change).get("longest_gap_ms")) is not None]
    cards = [
        ("", "requests sent", number(sent)),
        ("bad" if failed else "good", "requests failed", number(failed)),
        ("", "longest gap", milliseconds(max(gaps, default=None))),
        ("", "changes under load", number(len(changes))),
    ]
    if control := document.get("control"):
        cards.append(("bad", "failed without draining", number(requests(control).get("failed"))))
    shown = (f'<div class="{kind}"><dt>{name}</dt><dd>{value}</dd></div>' for kind, name, value in cards)
    return f'<dl class="cards">{"".join(shown)}</dl>'


def _overview(changes: list[Change], control: Change | None) -> str:
    head = "".join(f'<th scope="col" role="columnheader">{name}</th>' for name in COLUMNS)
    rows = [_row(change, "") for change in changes] + ([_row(control, "control")] if control else [])
    return (
        '<section><div class="top"><h2>What was changed, and what it cost</h2></div><div class="scroll">'
        f'<table class="changes" role="table"><thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{"".join(rows)}</tbody></table></div></section>'
    )


def _row(change: Change, kind: str) -> str:
    asked = requests(change)
    values = (
        number(asked.get("sent")),
        number(asked.get("failed")),
        milliseconds(asked.get("p50_ms")),
        milliseconds(asked.get("p99_ms")),
        milliseconds(asked.get("longest_gap_ms")),
        number(change.get("size")),
        number(change.get("floor")),
        number(change.get("min_serving")),
        number(change.get("peak")),
        number(change.get("moves_per_task")),
        seconds(lasted(change)),
    )
    cells = "".join(
        f'<td role="cell" data-label="{name}"{_lost(name, change)}>{value}</td>'
        for name, value in zip(COLUMNS[1:], values, strict=True)
    )
    name = ("control: " if kind else "") + str(change.get("name"))
    return f'<tr role="row" class="{kind}"><th scope="row" role="rowheader">{escape(name)}</th>{cells}</tr>'


def _lost(column: str, change: Change) -> str:
    """Marks the figures that break a promise."""
    floor, least = change.get("floor"), change.get("min_serving")
    broken = (column == "failed" and requests(change).get("failed")) or (
        column == "min serving" and floor is not None and least is not None and least < floor
    )
    return ' class="lost"' if broken else ""


def _section(change: Change, ident: str) -> str:
    found = faults(change)
    outcome = escape(str(change.get("outcome")).replace("_", " "))
    badge = f'<span class="badge {"bad" if found else "good"}">{"✘" if found else "✔"} {outcome}</span>'
    return (
        f'<section id="{ident}"><div class="top"><h2>{escape(str(change.get("name")))}</h2>{badge}</div>'
        f"{_stats(change)}{_list_of(found)}{_key()}{drawing(change, WIDE, ident)}{drawing(change, NARROW, ident)}"
        f"{_hosts(change)}</section>"
    )


def _stats(change: Change, *, control: bool = False) -> str:
    asked = requests(change)
    least, floor = number(change.get("min_serving")), number(change.get("floor"))
    told = (
        f"<b>{number(asked.get('failed'))}</b> of <b>{number(asked.get('sent'))}</b> requests failed",
        f"p50 <b>{milliseconds(asked.get('p50_ms'))}</b>",
        f"p99 <b>{milliseconds(asked.get('p99_ms'))}</b>",
        f"longest gap <b>{milliseconds(asked.get('longest_gap_ms'))}</b>",
        f"at least <b>{least}</b> hosts served, floor <b>{floor}</b>",
        f"peak <b>{number(change.get('peak'))}</b>",
        f"<b>{number(change.get('moves_per_task'))}</b> moves per task",
        f"<b>{seconds(lasted(change))}</b>",
    )
    counted = counts(change) + ("" if control else f": {agreement(change)}")
    shown = " ".join(f"<span>{text}{' ·' if text != told[-1] else ''}</span>" for text in told)
    return f'<p class="stats">{shown}</p><p class="stats">Counted: {counted}.</p>'


def _key() -> str:
    """What the patterns mean."""
    meant = {"booting": "boots", "ready": "ready", "draining": "drains: no new tasks", "leaving": "empty, then gone"}
    shape = '<svg aria-hidden="true"><rect class="phase {}" x="1" y="1" width="32" height="12"/></svg>'
    items = "".join(f"<li>{shape.format(name)}{meant[name]}</li>" for name in PHASES)
    return f'<ul class="key">{items}</ul>'


def _hosts(change: Change) -> str:
    """The drawn hosts as a table, in seconds from the start of the change."""
    start, _ = window(change)

    def cells(host: Any) -> Iterator[str]:
        yield f"<td><code>{escape(str(host.get('id')))}</code></td>"
        yield f"<td>{escape(str(host.get('zone')))}</td><td>{escape(str(host.get('version')))}</td>"
        for name in HOST_COLUMNS[3:]:
            at = host.get(name)
            yield f"<td>{'–' if at is None else 'before' if at < start else f'{at - start:.1f} s'}</td>"

    head = "".join(f'<th scope="col">{name}</th>' for name in HOST_COLUMNS)
    rows = "".join(f"<tr>{''.join(cells(host))}</tr>" for host in hosts_of(change))
    return (
        '<details><summary>The hosts as a table</summary><div class="scroll"><table><caption>Seconds from the start of '
        f"the change</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def _beside(changes: list[Change], control: Change) -> str:
    """The control run next to the change it repeats: the one its name begins with, else the first."""
    name = str(control.get("name"))
    alike = next((change for change in changes if name.startswith(str(change.get("name")))), None) or next(
        iter(changes), None
    )
    halves = [("with theseus", alike, "control-beside")] if alike else []
    halves.append(("control: hosts simply terminated", control, "control-itself"))
    drawn = "".join(
        f"<div><h3>{title}</h3>{_stats(change, control=change is control)}{drawing(change, NARROW, ident)}</div>"
        for title, change, ident in halves
    )
    lost = requests(control).get("failed")
    badge = (
        f'<span class="badge bad">{number(lost)} failed, as they must</span>'
        if lost
        else '<span class="badge bad">✘ nothing failed: the load proves nothing</span>'
    )
    return (
        f'<section id="control"><div class="top"><h2>The same change without draining</h2>{badge}</div>'
        f'<p class="note">{escape(name)}: what the load shows when nobody takes care. It is here to prove that '
        f'lost requests would have been seen.</p>{_key()}<div class="pair">{drawn}</div></section>'
    )


def _left(document: Document) -> str:
    def listed(name: str, none: str) -> str:
        return ", ".join(f"<code>{escape(str(item))}</code>" for item in document.get(name) or []) or none

    empty = "empty: nothing was left to do" if document.get("second_plan_empty") else "NOT empty"
    return (
        '<section id="left"><div class="top"><h2>Afterwards</h2></div>'
        f"<p>A second plan was <b>{empty}</b>.</p>"
        f"<p>Destroy left behind: {listed('left_behind', '<b>nothing</b>')}.</p>"
        f"<p>Kept on purpose, as the spec says: {listed('kept', 'nothing')}.</p></section>"
    )
