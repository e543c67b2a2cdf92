"""May this pass act, or was its spec superseded by somebody's apply? Pure.

The cluster says which spec was applied last. An apply is somebody's word: it always acts. The loop acts when what it
wants is on record, or when it was and its own side changed since; never merely because the record differs, for then
somebody applied another spec elsewhere, and acting would roll it back.

**A part is recorded like the whole.** `apply --target` records its spec although it did not apply all of it. A loop
with an older spec must keep its hands off: it would roll back the part that was applied, and cannot know which part
that is. A loop with the recorded spec acts, and so completes it: what was said is the spec, the target only chose what
had to be live at once. Who wants a part for good, and not the rest, has to say so in the file.

**The record goes with the cluster**, so its absence has three meanings. A loop that never saw one starts from nothing.
One that did looks at what is left: other resources of ours mean that somebody removed the cluster (or the tag) by hand,
which is drift and is put right; nothing but what destroy keeps means that the stack was destroyed, and building it anew
would undo that. While a destroy is at work it holds the lease, and no loop acts. One that was broken off after the
cluster went and before the rest looks like the work of a hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from controller.base.crumbs import SpecCrumb
from controller.engine.steps import Plan

Verdict = Literal["act", "record", "superseded", "destroyed"]
ACTING: tuple[Verdict, ...] = ("act", "record")
KEPT = frozenset({"repository", "log_group"})  # kinds that destroy leaves when they hold data


@dataclass(frozen=True, slots=True)
class Memory:
    """What the loop remembers of its last pass: what it wanted, and what the file said when it was last in accord
    with the record (or first saw that it was not); and whether it saw or wrote a record since it began anew."""

    wanted: str = ""
    file: str = ""
    recorded: bool = False


def judge(
    memory: Memory, record: SpecCrumb | None, wanted: str, file: str, *, remains: bool = True
) -> tuple[Verdict, Memory]:
    """What the loop may do, and what it remembers.

    wanted   digest of the resolved spec now      file   digest of what the files say, ``${ssm:}`` not looked up
    remains  there are resources of ours that destroy would have removed

    no record, none ever seen                                   -> record it, then act
    no record any more, and resources of ours are left          -> record it, then act
    no record any more, nothing left, our file was edited since -> record it, then act (from nothing)
    no record any more and nothing left                         -> destroyed
    the record is what we want                                  -> act
    the record is what we wanted last, and we want another now  -> record it, then act
    our file was edited since we saw a foreign record           -> record it, then act
    otherwise                                                   -> superseded
    """
    edited = bool(memory.file) and memory.file != file
    if record is None:
        if memory.recorded and not remains and not edited:
            return "destroyed", memory
        return "record", Memory(wanted, file, recorded=memory.recorded and remains)
    if record.digest == wanted:
        return "act", Memory(wanted, file, recorded=True)
    if memory.wanted == record.digest or edited:
        return "record", Memory(wanted, file, recorded=True)
    return "superseded", Memory(memory.wanted, memory.file or file, recorded=True)


def remains(plan: Plan, stack: str, data: frozenset[str]) -> bool:
    """Whether *plan* saw resources of *stack* that destroy would have removed. *data*: kinds only looked up."""
    passing = data | KEPT
    held = (step for step in plan.steps if step.observed is not None and step.observed.owner == stack)
    live = {step.key.kind for step in held if step.observed is not None and not step.observed.gone}
    return bool((live | {key.kind for key in plan.orphans}) - passing)


def following(record: SpecCrumb | None, wanted: str) -> SpecCrumb:
    """The crumb to write for *wanted* after *record*."""
    if record is not None and record.digest == wanted:
        return record
    return SpecCrumb((record.serial if record else 0) + 1, wanted)
