"""The demo stack in the simulated sandbox: planned and applied as the commands would, with every report kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from controller.aws.client import Aws
from controller.report.document import apply_document
from controller.report.journal import Journal
from controller.report.seen import Tick, outcome
from controller.sandbox.simulated import ENDPOINT, Simulated
from controller.spec.load import load
from controller.spec.types import Stack
from controller.tick import Options, tick

TICKS_MAX = 200
PACE = timedelta(seconds=3)  # between ticks at least: fewer of them tell the same story
SPEC = "specs/demo.yaml"


@dataclass
class Applied:
    """One apply: the lines it told, each with its second, its document, its last tick and what it passed through."""

    journal: Journal
    lines: list[str] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)
    ticks: list[Tick] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join([*self.lines, ""])


class Shop:
    """A sandbox of its own, and the demo spec with what a test changes of it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        patch.setenv("AWS_ENDPOINT_URL", ENDPOINT)
        self.sandbox = Simulated()
        self.aws = Aws(self.sandbox.session(), "us-east-1")

    def spec(self, *changes: str) -> Stack:
        return load(SPEC, changes).stack

    def built(self, *changes: str) -> Stack:
        """The spec applied from nothing, its image pushed."""
        stack = self.spec(*changes)
        self.apply(stack, each=lambda seen: bool(seen.done))
        self.sandbox.door("POST", "image", repository="demo/shop", tag="v1")
        assert self.apply(stack).document["outcome"] == "succeeded"
        return stack

    def plan(self, stack: Stack) -> Tick:
        return tick(stack, self.aws, self.sandbox, options=Options(by_person=True, started=self.sandbox.now()))

    def look(self, stack: Stack) -> Tick:
        """What `status` sees: nobody asks for a change, so a halt stands."""
        return tick(stack, self.aws, self.sandbox)

    def apply(self, stack: Stack, each: Callable[[Tick], bool] = lambda seen: False) -> Applied:
        """Tick until one is quiet, or until *each*, which sees every tick, says that it is enough."""
        began, ticks = self.sandbox.now(), []
        chosen = Options(by_person=True, started=began)
        for _ in range(TICKS_MAX):
            ticks.append(seen := tick(stack, self.aws, self.sandbox, act=True, options=chosen))
            if each(seen) or seen.quiet:
                return tell(ticks)
            self.sandbox.sleep(max(PACE, seen.requeue_after))
        raise AssertionError(f"not quiet after {TICKS_MAX} ticks: {tell(ticks).lines[-5:]}")


def tell(ticks: Sequence[Tick]) -> Applied:
    """What a journal makes of *ticks*. Those of the latter half of an apply are what one after a crash sees."""
    found = Applied(Journal(), ticks=list(ticks))
    for seen in ticks:
        found.lines += [f"{seen.now:%H:%M:%S} {line}" for line in found.journal.add(seen)]
    took = (ticks[-1].now - ticks[0].now).total_seconds()
    found.document = apply_document(found.journal, outcome(ticks[-1]), {"ecs:DescribeServices": 1}, took)
    return found
