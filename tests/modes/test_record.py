"""May the loop act? The table of `record.judge`, row by row and as stories of several passes."""

from __future__ import annotations

import pytest

from controller.base.crumbs import SpecCrumb
from controller.modes.record import Memory, Verdict, following, judge

FRESH = Memory()


def crumb(digest: str, serial: int = 1) -> SpecCrumb:
    return SpecCrumb(serial, digest)


@pytest.mark.parametrize(
    ("memory", "record", "wanted", "file", "verdict", "after"),
    [
        pytest.param(FRESH, None, "A", "a", "record", Memory("A", "a"), id="no record yet"),
        pytest.param(Memory("A", "a"), None, "A", "a", "record", Memory("A", "a"), id="the record was lost"),
        pytest.param(FRESH, "A", "A", "a", "act", Memory("A", "a"), id="restarted in accord"),
        pytest.param(Memory("A", "a"), "A", "A", "a", "act", Memory("A", "a"), id="still in accord"),
        pytest.param(Memory("B", "b"), "A", "A", "a", "act", Memory("A", "a"), id="somebody applied what we want"),
        pytest.param(Memory("A", "a"), "A", "B", "b", "record", Memory("B", "b"), id="our file was edited"),
        pytest.param(Memory("A", "a"), "A", "B", "a", "record", Memory("B", "a"), id="a parameter changed"),
        pytest.param(Memory("A", "a"), "C", "B", "b", "record", Memory("B", "b"), id="edited after a foreign apply"),
        pytest.param(FRESH, "C", "A", "a", "superseded", Memory("", "a"), id="restarted with an older file"),
        pytest.param(Memory("", "a"), "C", "A", "a", "superseded", Memory("", "a"), id="still the older file"),
        pytest.param(Memory("A", "a"), "C", "A", "a", "superseded", Memory("A", "a"), id="somebody applied another"),
        pytest.param(Memory("A", "a"), "C", "B", "a", "superseded", Memory("A", "a"), id="both changed, no edit"),
    ],
)
def test_one_pass(memory: Memory, record: str | None, wanted: str, file: str, verdict: Verdict, after: Memory) -> None:
    assert judge(memory, crumb(record) if record else None, wanted, file) == (verdict, after)


Pass = tuple[str, str, Verdict]


@pytest.mark.parametrize(
    ("record", "passes"),
    [
        pytest.param(
            None, [("A", "a", "record"), ("A", "a", "act"), ("A", "a", "act")], id="from nothing: said once, then acted"
        ),
        pytest.param(
            "A",
            [("A", "a", "act"), ("apply", "C", "act"), ("A", "a", "superseded"), ("A", "a", "superseded"),
             ("B", "b", "record"), ("B", "b", "act")],
            id="superseded until its file is edited",
        ),
        pytest.param(
            "A",
            [("A", "a", "act"), ("apply", "C", "act"), ("A", "a", "superseded"), ("A2", "a", "superseded"),
             ("A3", "a", "superseded")],
            id="a parameter that changes while superseded is no edit",
        ),
        pytest.param("A", [("A", "a", "act"), ("A2", "a", "record"), ("A2", "a", "act")], id="a parameter changed"),
        pytest.param(
            "A",
            [("A", "a", "act"), ("apply", "C", "act"), ("A", "a", "superseded"), ("apply", "A", "act"),
             ("A", "a", "act"), ("A2", "a", "record")],
            id="the other apply was taken back",
        ),
        pytest.param(
            "A",
            [("A", "a", "act"), ("restart", "", "act"), ("A", "a", "act")],
            id="a restart with the same file acts",
        ),
        pytest.param(
            "A",
            [("A", "a", "act"), ("apply", "C", "act"), ("restart", "", "act"), ("A", "a", "superseded"),
             ("C", "c", "act")],
            id="a restart with the older file does not, until the file is the applied one",
        ),
    ],
)  # fmt: skip
def test_passes_in_a_row(record: str | None, passes: list[Pass]) -> None:
    """``apply`` stands for somebody's apply of that spec, ``restart`` for a loop that forgot everything."""
    known, memory = crumb(record) if record else None, FRESH
    said: list[Verdict] = []
    for wanted, file, _ in passes:
        if wanted == "apply":
            known = following(known, file)
            said.append("act")
        elif wanted == "restart":
            memory = FRESH
            said.append("act")
        else:
            verdict, memory = judge(memory, known, wanted, file)
            known = following(known, wanted) if verdict == "record" else known
            said.append(verdict)

    assert said == [expected for _, _, expected in passes]


@pytest.mark.parametrize(
    ("record", "wanted", "expected"),
    [
        pytest.param(None, "A", SpecCrumb(1, "A"), id="the first"),
        pytest.param(SpecCrumb(4, "A"), "A", SpecCrumb(4, "A"), id="the same is not counted again"),
        pytest.param(SpecCrumb(4, "A"), "B", SpecCrumb(5, "B"), id="another is the next"),
    ],
)
def test_serials_count_what_was_applied(record: SpecCrumb | None, wanted: str, expected: SpecCrumb) -> None:
    assert following(record, wanted) == expected


@pytest.mark.parametrize("text", [None, "", "7", "7:", ":A", "x:A", "-1:A", "٣:A", f"{'9' * 20}:A"])
def test_what_is_no_crumb_is_no_record(text: str | None) -> None:
    """Somebody's hand in the tags must not stop the loop."""
    assert SpecCrumb.parse(text) is None


def test_a_crumb_reads_back() -> None:
    one = SpecCrumb(12, "0ab1:more")

    assert SpecCrumb.parse(one.text()) == one
