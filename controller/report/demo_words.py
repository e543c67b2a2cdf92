"""What the demo's document amounts to, in words: figures as people read them, what is wrong, and the verdict. Pure.

The document is what the demo writes as JSON. All its times are seconds from the start of the run; None is "not known",
which a crash in the middle may cause, and is shown as such and never as zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

Document = Mapping[str, Any]
Change = Mapping[str, Any]
UNKNOWN = "–"


def number(value: float | None) -> str:
    """12,345 or 1.25: whole numbers whole, others to two places at most."""
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}".rstrip("0")


def milliseconds(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    if value >= 10_000:
        return f"{value / 1000:,.1f} s"
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.1f} ms"


def seconds(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    if value >= 120:
        return f"{int(value) // 60} m {int(value) % 60:02} s"
    return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"


def moment(stamp: str) -> str:
    """An ISO time without its fractions; what is no ISO time stays as it is."""
    try:
        return f"{datetime.fromisoformat(stamp):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return stamp


def requests(change: Change) -> Mapping[str, Any]:
    return change.get("requests") or {}


def lasted(change: Change) -> float | None:
    """The duration of *change* in seconds."""
    if change.get("duration_s") is not None:
        return float(change["duration_s"])
    start, end = change.get("from_s"), change.get("to_s")
    return None if start is None or end is None else float(end - start)


def counts(change: Change) -> str:
    """The three independent counts of one change's requests."""
    three = change.get("counts") or {}
    names = [("sent", "sent"), ("balancer", "at the balancer"), ("application", "at the application")]
    return ", ".join(f"{number(three.get(key))} {name}" for key, name in names)


def agreement(change: Change) -> str:
    """Whether the three counts agree, in words to put behind them."""
    return "they agree" if counts_agree(change) else "they DIFFER"


def counts_agree(change: Change) -> bool:
    three = change.get("counts") or {}
    values = {three.get(key) for key in ("sent", "balancer", "application")}
    return len(values) == 1 and None not in values


def faults(change: Change) -> list[str]:
    """What keeps *change* from being a proof, each with its numbers; [] when nothing does."""
    return list(_faults(change))


def _faults(change: Change) -> Iterator[str]:
    sent, failed = requests(change).get("sent"), requests(change).get("failed")
    if not sent:
        yield "no request was sent"
    if failed is None:
        yield "failed requests were not counted"
    elif failed:
        yield f"{number(failed)} of {number(sent)} requests failed"
    if not counts_agree(change):
        yield f"the counts differ ({counts(change)})"
    floor, ours, world = change.get("floor"), change.get("min_serving"), change.get("min_serving_world")
    for value, who in ((ours, "by our count"), (world, "by the world's count")):
        if value is None or floor is None:
            yield f"the fewest hosts serving {who} are not known"
        elif value < floor:
            yield f"only {number(value)} hosts served, {who}, with a floor of {number(floor)}"
    if ours != world:
        yield f"the fewest hosts serving are {number(ours)} by our count and {number(world)} by the world's"
    if change.get("outcome") != "succeeded":
        yield f"it ended {str(change.get('outcome')).replace('_', ' ')}"


def doubts(document: Document) -> list[str]:
    """What keeps the whole run from being a proof."""
    found = [f"{change.get('name')}: {fault}" for change in document.get("changes") or [] for fault in faults(change)]
    if not document.get("changes"):
        found.append("nothing was changed")
    control = document.get("control")
    if control is not None and not requests(control).get("failed"):
        found.append("the control run without draining lost nothing either, so the load proves nothing")
    if not document.get("second_plan_empty"):
        found.append("a second plan was not empty")
    if left := document.get("left_behind"):
        found.append(f"destroy left {number(len(left))} resources behind")
    return found


def totals(document: Document) -> tuple[int, int]:
    """Requests sent and failed over all changes, the control run apart."""
    changes = document.get("changes") or []
    return (
        sum(requests(change).get("sent") or 0 for change in changes),
        sum(requests(change).get("failed") or 0 for change in changes),
    )


def verdict(document: Document) -> str:
    """The whole run in one sentence, with its numbers."""
    sent, failed = totals(document)
    what = f"{number(failed) if failed else 'None'} of {number(sent)} requests failed"
    if found := doubts(document):
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        return f"Not proved: {what}; {found[0]}{more}."
    changes = document["changes"]
    tightest = min(changes, key=lambda change: change["min_serving"] - change["floor"])
    least = (
        f"never fewer than {number(tightest['min_serving'])} hosts served, with a floor of {number(tightest['floor'])}"
    )
    text = f"{what} while the stack was changed {_times(len(changes))} under load, and {least}."
    if (control := document.get("control")) is not None:
        lost = requests(control)
        text += f" Without draining, {number(lost['failed'])} of {number(lost['sent'])} were lost."
    return text


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{number(count)} times")
