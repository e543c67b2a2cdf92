"""May this pass act, or was its spec superseded by somebody's apply? Pure.

The cluster says which spec was applied last. An apply is somebody's word: it always acts. The loop acts when what it
wants is on record, or when it was and its own side changed since; never merely because the record differs, for then
somebody applied another spec elsewhere, and acting would roll it back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from controller.base.crumbs import SpecCrumb

Verdict = Literal["act", "record", "superseded"]


@dataclass(frozen=True, slots=True)
class Memory:
    """What the loop remembers of its last pass: what it wanted, and what the file said when it was last in accord
    with the record (or first saw that it was not)."""

    wanted: str = ""
    file: str = ""


def judge(memory: Memory, record: SpecCrumb | None, wanted: str, file: str) -> tuple[Verdict, Memory]:
    """What the loop may do, and what it remembers.

    wanted   digest of the resolved spec now      file   digest of what the files say, ``${ssm:}`` not looked up

    no record yet             -> record it, then act
    the record is what we want -> act
    the record is what we wanted last, and we want another now -> record it, then act
    our file was edited since we saw a foreign record          -> record it, then act
    otherwise                 -> superseded
    """
    if record is None:
        return "record", Memory(wanted, file)
    if record.digest == wanted:
        return "act", Memory(wanted, file)
    if memory.wanted == record.digest or (memory.file and memory.file != file):
        return "record", Memory(wanted, file)
    return "superseded", Memory(memory.wanted, memory.file or file)


def following(record: SpecCrumb | None, wanted: str) -> SpecCrumb:
    """The crumb to write for *wanted* after *record*."""
    if record is not None and record.digest == wanted:
        return record
    return SpecCrumb((record.serial if record else 0) + 1, wanted)
