"""May the loop act? The table of `record.judge`, row by row and as stories of several passes."""

from __future__ import annotations

import pytest

from controller.base.crumbs import SpecCrumb
from controller.base.keys import Key
from controller.engine.reconciler import Observed
from controller.engine.steps import Plan, Step
from controller.modes.record import Memory, Verdict, following, judge, remains

FRESH = Memory()


def seen(wanted: str, file: str) -> Memory:
    """The memory of a loop that saw a record before."""
    return Memory(wanted, file, recorded=True)


def crumb(digest: str, serial: int = 1) -> SpecCrumb:
    return SpecCrumb(serial, digest)


@pytest.mark.parametrize(
    ("memory", "record", "wanted", "file", "verdict", "after"),
    [
        pytest.param(FRESH, None, "A", "a", "record", Memory("A", "a"), id="no record yet"),
        pytest.param(seen("A", "a"), None, "A", "a", "record", seen("A", "a"), id="the record was lost"),
        pytest.param(FRESH, "A", "A", "a", "act", seen("A", "a"), id="restarted in accord"),
        pytest.param(seen("A", "a"), "A", "A", "a", "act", seen("A", "a"), id="still in accord"),
        pytest.param(seen("B", "b"), "A", "A", "a", "act", seen("A", "a"), id="somebody applied what we want"),
        pytest.param(seen("A", "a"), "A", "B", "b", "record", seen("B", "b"), id="our file was edited"),
        pytest.param(seen("A", "a"), "A", "B", "a", "record", seen("B", "a"), id="a parameter changed"),
        pytest.param(seen("A", "a"), "C", "B", "b", "record", seen("B", "b"), id="edited after a foreign apply"),
        pytest.param(FRESH, "C", "A", "a", "superseded", seen("", "a"), id="restarted with an older file"),
        pytest.param(seen("", "a"), "C", "A", "a", "superseded", seen("", "a"), id="still the older file"),
        pytest.param(seen("A", "a"), "C", "A", "a", "superseded", seen("A", "a"), id="somebody applied another"),
        pytest.param(seen("A", "a"), "C", "B", "a", "superseded", seen("A", "a"), id="both changed, no edit"),
    ],
)
def test_one_pass(memory: Memory, record: str | None, wanted: str, file: str, verdict: Verdict, after: Memory) -> None:
    assert judge(memory, crumb(record) if record else None, wanted, file) == (verdict, after)


@pytest.mark.parametrize(
    ("memory", "file", "remains", "verdict", "after"),
    [
        pytest.param(FRESH, "a", False, "record", Memory("A", "a"), id="a first start builds from nothing"),
        pytest.param(
            Memory("A", "a"), "a", False, "record", Memory("A", "a"), id="a birth of which nothing came yet goes on"
        ),
        pytest.param(seen("A", "a"), "a", True, "record", seen("A", "a"), id="a cluster deleted by hand is drift"),
        pytest.param(seen("A", "a"), "a", False, "destroyed", seen("A", "a"), id="destroyed elsewhere"),
        pytest.param(seen("", "a"), "a", False, "destroyed", seen("", "a"), id="destroyed while it was superseded"),
        pytest.param(seen("B", "a"), "a", False, "destroyed", seen("B", "a"), id="a parameter that changes is no edit"),
        pytest.param(seen("A", "b"), "a", False, "record", Memory("A", "a"), id="an edit brings it back, from nothing"),
    ],
)
def test_without_a_record_what_is_left_tells_why(
    memory: Memory, file: str, remains: bool, verdict: Verdict, after: Memory
) -> None:
    """The record goes with the cluster: a destroyed stack stays so, one that somebody damaged is repaired."""
    assert judge(memory, None, "A", file, remains=remains) == (verdict, after)


def test_a_birth_that_an_edit_began_is_not_taken_for_destroyed() -> None:
    """Its first step may fail, and then there is still nothing."""
    _, memory = judge(seen("A", "a"), None, "B", "b", remains=False)

    assert judge(memory, None, "B", "b", remains=False) == ("record", Memory("B", "b"))


def test_a_record_that_appears_again_is_the_word() -> None:
    """Somebody applied after the destroy: our spec, or another."""
    assert judge(seen("A", "a"), crumb("A"), "A", "a")[0] == "act"
    assert judge(seen("A", "a"), crumb("C"), "A", "a")[0] == "superseded"


VPC, LOGS, IMAGE = Key("vpc", "main"), Key("log_group", "web"), Key("image", "main")


@pytest.mark.parametrize(
    ("live", "orphans", "expected"),
    [
        pytest.param({}, (), False, id="nothing"),
        pytest.param({VPC: Observed(None, {}, "tiny")}, (), True, id="a resource of ours"),
        pytest.param({}, (VPC,), True, id="one that is not in the spec any more"),
        pytest.param({LOGS: Observed(None, {}, "tiny")}, (LOGS,), False, id="what destroy keeps"),
        pytest.param({IMAGE: Observed(None, {}, "tiny")}, (), False, id="what is only looked up"),
        pytest.param({VPC: Observed(None, {}, "other")}, (), False, id="what belongs to others"),
        pytest.param({VPC: Observed(None, {}, "tiny", gone=True)}, (), False, id="what is on its way out"),
    ],
)
def test_what_remains_of_a_stack(live: dict[Key, Observed[None]], orphans: tuple[Key, ...], expected: bool) -> None:
    steps = tuple(Step(key, "none", None, live.get(key)) for key in (VPC, LOGS, IMAGE))

    assert remains(Plan(steps, {}, orphans), "tiny", frozenset({"image"})) == expected


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
