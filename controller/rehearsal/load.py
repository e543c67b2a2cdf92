"""Steady load on the stack while something is done to it, and the three counts that must agree afterwards.

The prober says what it sent and what came of it, the balancer what it accepted and answered, the application what it
served. A request that only one of them knows of is a failure, whatever its status was (DESIGN.md section 6).
"""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from controller.rehearsal.drill import Drill, Running

FIRST_ANSWERS = 1.5  # seconds of load before and after the change


@dataclass
class Load:
    """What was measured. Everything but `began` and `mark` is filled in when the block of `load` ends.

    probe      the report of the first prober    probes   of all of them, by URL
    counts     what all parties counted          lowest   the world's own minima and peaks, by group and service
    """

    began: float
    mark: str
    probe: dict[str, Any] = field(default_factory=dict)
    probes: dict[str, dict[str, Any]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    lowest: dict[str, Any] = field(default_factory=dict)
    timeline: list[Any] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def failed(self) -> int:
        return sum(int(probe["failed"]) for probe in self.probes.values())


@contextlib.contextmanager
def load(drill: Drill, *urls: str, rate: float = 100.0, slow: float = 0.1) -> Iterator[Load]:
    """*rate* requests a second at each of *urls*, a share of *slow* ones among them, for as long as the block lasts."""
    before = _quiet_counts(drill)
    mark = drill.door("POST", "mark")
    choices = ("--rate", str(rate), "--slow-ratio", str(slow), "--fresh-ratio", "0.3", "-o", "json")
    watching = {url: drill.start("watch", url, *choices) for url in urls}
    one = Load(time.time(), mark["at"])
    try:
        time.sleep(FIRST_ANSWERS)
        yield one
        time.sleep(FIRST_ANSWERS)
    finally:
        _finish(drill, watching, one, before)


def _finish(drill: Drill, watching: dict[str, Running], one: Load, before: dict[str, int]) -> None:
    for running in watching.values():
        running.signal(signal.SIGINT)
    for url, running in watching.items():
        ended = running.wait(120)
        try:
            one.probes[url] = json.loads(ended.out)
        except ValueError as error:
            raise RuntimeError(f"the prober of {url} said nothing useful: {ended.err}") from error
    one.probe = next(iter(one.probes.values()))
    after = _quiet_counts(drill)
    delta = {name: after[name] - before[name] for name in after}
    ours = {name: sum(int(probe[name]) for probe in one.probes.values()) for name in ("sent", "answered")}
    one.counts = {**ours, **delta}
    one.lowest = drill.door("POST", "since", at=one.mark)
    one.timeline = drill.door("GET", "timeline")
    one.problems = disagreements(one.counts)


def disagreements(counts: dict[str, int]) -> list[str]:
    """Why the three counts do not agree; empty when they do."""
    found = []
    if counts["sent"] != counts["accepted"]:
        found.append(f"sent {counts['sent']}, the balancer accepted {counts['accepted']}")
    if counts["answered"] != counts["balancer"]:
        found.append(f"the prober read {counts['answered']} answers, the balancer gave {counts['balancer']}")
    if counts["unknown"]:
        found.append(f"{counts['unknown']} tasks were killed before they could say what they served")
    elif counts["passed"] != counts["application"]:
        found.append(f"the balancer passed on {counts['passed']} answers, the application gave {counts['application']}")
    return found


def _quiet_counts(drill: Drill) -> dict[str, int]:
    """The balancer's and the application's counts, once nothing is in flight."""
    deadline = time.monotonic() + 30
    while True:
        figures = drill.door("GET", "counts")
        totals: dict[str, int] = {}
        for counts in figures["balancers"].values():
            for name, number in counts.items():
                totals[name] = totals.get(name, 0) + number
        if not totals.get("in_flight") or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    return {
        "accepted": totals.get("accepted", 0),
        "balancer": totals.get("answered", 0),
        "passed": sum(number for name, number in totals.items() if name.startswith("by_target_status.")),
        "aborted": totals.get("aborted_by_client", 0),
        "cut": totals.get("cut", 0),
        "application": int(figures["served"]),
        "unknown": len(figures["unknown"]),
    }
