"""The demo's report: what it concludes, what it draws, and that nothing in a document can break out of it."""

from __future__ import annotations

import copy
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from controller.report.demo_drawing import NARROW, WIDE, drawing, hosts_of, phases
from controller.report.demo_words import doubts, milliseconds, number, seconds, verdict
from controller.report.page import demo_page, text_report

DATA = Path(__file__).parent / "data" / "demo.json"
MARKUP = """<script>alert(1)</script>"><img src=x onerror='x()'>&amp;${head}"""
VOID = {"meta", "link", "img", "br", "hr", "input"}


@pytest.fixture
def document() -> dict[str, Any]:
    return dict(json.loads(DATA.read_text()))


class Page(HTMLParser):
    """What a browser would see: tags, attributes, and whether every tag is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_opens_with_the_verdict_and_has_every_figure(document: dict[str, Any]) -> None:
    text = " ".join(Page(demo_page(document)).texts)

    assert document["verdict"] in text
    for change in document["changes"]:
        for figure in ("sent", "failed", "p50_ms", "p99_ms", "longest_gap_ms"):
            value = change["requests"][figure]
            assert (milliseconds(value) if figure.endswith("_ms") else number(value)) in text
        assert change["name"] in text
    assert "237 failed, as they must" in text
    assert "repository/shop" in text


def test_the_page_needs_nothing_but_itself(document: dict[str, Any]) -> None:
    """No script, no file, no network: it can be mailed, and opened in ten years."""
    html = demo_page(document)
    page = Page(html)

    assert page.open == []
    assert {"script", "link", "img", "iframe", "object", "embed", "base", "form"}.isdisjoint(page.tags)
    assert {"src", "href", "srcset", "action", "data"}.isdisjoint(name for name, _ in page.attributes)
    assert not re.search(r"https?:|@import|url\((?!#)|//\w", html)


def test_ids_are_unique_and_every_reference_has_one(document: dict[str, Any]) -> None:
    page = Page(demo_page(document))
    ids = [value for name, value in page.attributes if name == "id"]
    wanted = {ident for name, value in page.attributes if name == "aria-labelledby" for ident in value.split()}

    assert len(ids) == len(set(ids))
    assert wanted
    assert wanted <= set(ids)
    assert set(re.findall(r"url\(#(\w+)\)", demo_page(document))) <= set(ids)


def test_markup_in_a_document_stays_text(document: dict[str, Any]) -> None:
    """Every string of the document is hostile: names, host ids, zones, what was left behind, the verdict."""

    def poison(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: poison(item) for key, item in value.items()}
        if isinstance(value, list):
            return [poison(item) for item in value]
        return MARKUP if isinstance(value, str) else value

    poisoned = poison(document) | {"left_behind": [MARKUP]}
    page = Page(demo_page(poisoned))

    assert page.open == []
    assert {"script", "img"}.isdisjoint(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert MARKUP in page.texts


@pytest.mark.parametrize("sheet", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_drawing_is_well_formed_and_stays_on_its_sheet(document: dict[str, Any], sheet: Any) -> None:
    for change in [*document["changes"], document["control"]]:
        svg = ElementTree.fromstring(drawing(change, sheet, "x"))
        _, _, width, height = map(float, svg.attrib["viewBox"].split())
        for rect in svg.iter("rect"):
            x, y, w, h = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
            assert (x >= 0, y >= 0, x + w <= width, y + h <= height) == (True, True, True, True)
        assert len(list(svg.iter("rect"))) > len(change["seconds"]) - 2


def test_each_second_with_a_failure_is_marked_in_red(document: dict[str, Any]) -> None:
    control = document["control"]
    svg = ElementTree.fromstring(drawing(control, WIDE, "x"))
    failing = sum(1 for row in control["seconds"] if row["failed"])

    assert failing > 0
    assert sum(1 for rect in svg.iter("rect") if rect.attrib["class"] == "failed") == failing
    assert sum(1 for path in svg.iter("path") if path.attrib["class"] == "mark") == failing


LIFE = ("launched", "ready", "cordoned", "drained", "terminated")


@pytest.mark.parametrize(
    ("life", "expected"),
    [
        pytest.param((10, 20, 30, 40, 50), "booting 10-20 ready 20-30 draining 30-40 leaving 40-50", id="a whole life"),
        pytest.param((None, None, 30, 40, 50), "ready 0-30 draining 30-40 leaving 40-50", id="there before"),
        pytest.param((-70, None, 30, 40, 50), "ready 0-30 draining 30-40 leaving 40-50", id="launched long before"),
        pytest.param((10, 20, None, None, None), "booting 10-20 ready 20-60", id="it stays"),
        pytest.param((10, None, None, None, 50), "booting 10-50", id="never ready"),
        pytest.param((10, 20, None, None, 50), "booting 10-20 ready 20-50", id="killed outright"),
        pytest.param((10, 20, 30, None, 50), "booting 10-20 ready 20-30 draining 30-50", id="killed while it drained"),
        pytest.param((10, None, 30, 40, 50), "booting 10-30 draining 30-40 leaving 40-50", id="cordoned unready"),
        pytest.param((70, 80, None, None, None), "", id="later"),
        pytest.param((-50, -40, -30, -20, -10), "", id="earlier"),
    ],
)
def test_phases_of_a_host(life: tuple[float | None, ...], expected: str) -> None:
    """What is not known is not invented: a phase without a beginning does not appear."""
    found = phases(dict(zip(LIFE, life, strict=True)), 0, 60)

    assert " ".join(f"{phase.name} {phase.start:g}-{phase.end:g}" for phase in found) == expected


def test_hosts_make_two_stairs(document: dict[str, Any]) -> None:
    """Those there from the start in the order in which they leave, then the new ones as they come."""
    change = document["changes"][0]
    drawn = hosts_of(change)
    old, new = [h for h in drawn if h["version"] == "1"], [h for h in drawn if h["version"] == "2"]

    assert drawn == old + new
    assert [h["cordoned"] for h in old] == sorted(h["cordoned"] for h in old)
    assert [h["launched"] for h in new] == sorted(h["launched"] for h in new)


def spoil(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of *document* with one value changed; *path* is dotted."""
    spoiled = copy.deepcopy(document)
    *way, last = path.split(".")
    place: Any = spoiled
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    place[last] = value
    return spoiled


@pytest.mark.parametrize(
    ("path", "value", "doubt"),
    [
        ("changes.1.requests.failed", 3, "3 of 7,898 requests failed"),
        ("changes.1.requests.failed", None, "failed requests were not counted"),
        ("changes.1.requests.sent", 0, "no request was sent"),
        ("changes.0.outcome", "timed_out", "it ended timed out"),
        ("changes.0.counts.application", 8098, "the counts differ"),
        ("changes.2.min_serving", 2, "only 2 hosts served, by our count, with a floor of 3"),
        ("changes.2.min_serving_world", 2, "only 2 hosts served, by the world's count, with a floor of 3"),
        ("changes.2.min_serving_world", 4, "3 by our count and 4 by the world's"),
        ("changes.2.min_serving", None, "the fewest hosts serving by our count are not known"),
        ("control.requests.failed", 0, "the load proves nothing"),
        ("second_plan_empty", False, "a second plan was not empty"),
        ("left_behind", ["vpc/main"], "destroy left 1 resources behind"),
        ("changes", [], "nothing was changed"),
    ],
)
def test_one_wrong_figure_is_enough_to_prove_nothing(
    document: dict[str, Any], path: str, value: Any, doubt: str
) -> None:
    """The verdict, the page and the text all say so, with the numbers."""
    spoiled = spoil(document, path, value) | {"verdict": ""}
    page = demo_page(spoiled)

    assert doubts(document) == []
    assert [text for text in doubts(spoiled) if doubt in text]
    assert verdict(spoiled).startswith("Not proved: ")
    assert "✘ not proved" in page
    assert "✔ proved" not in page
    assert doubt in re.sub(r"\s+", " ", text_report(spoiled))


def test_the_verdict_has_the_numbers(document: dict[str, Any]) -> None:
    assert verdict(document) == (
        "None of 23,600 requests failed while the stack was changed 5 times under load, and never fewer than 3 hosts "
        "served, with a floor of 3. Without draining, 237 of 5,302 were lost."
    )


@pytest.mark.parametrize(
    "missing", ["hosts", "seconds", "serving", "requests", "counts", "outcome", "floor", "peak", "duration_s"]
)
def test_what_is_not_known_leaves_a_report_all_the_same(document: dict[str, Any], missing: str) -> None:
    """A run that broke half-way has holes; its report is needed most of all."""
    for change in [*document["changes"], document["control"]]:
        change[missing] = None
    page = Page(demo_page(document))

    assert page.open == []
    assert "new AMI published and taken" in page.texts
    assert "new AMI published and taken" in text_report(document)


def test_a_document_of_a_run_that_broke_at_once_is_reported() -> None:
    nothing = {"started": "2026-03-04T10:12:07Z", "command": "make demo", "changes": [], "control": None}

    assert "Not proved: None of 0 requests failed; nothing was changed" in demo_page(nothing)
    assert "nothing was changed" in text_report(nothing)


def test_the_text_fits_a_terminal_and_has_every_figure(document: dict[str, Any]) -> None:
    text = text_report(document)

    assert max(map(len, text.splitlines())) <= 100
    assert text.splitlines()[0].startswith("None of 23,600 requests failed")
    for change in [*document["changes"], document["control"]]:
        assert number(change["requests"]["sent"]) in text
        assert milliseconds(change["requests"]["longest_gap_ms"]) in text
        assert all(host["id"] in text for host in hosts_of(change))


def test_the_text_draws_each_host_and_where_requests_were_lost(document: dict[str, Any]) -> None:
    lines = text_report(document).splitlines()
    first = next(line for line in lines if document["changes"][0]["hosts"][1]["id"] in line)
    lost = next(line for line in lines if "requests lost" in line)

    assert re.search(r"={5,}-{3,}x", first)
    assert lost.count("!") >= 6


def test_the_text_holds_no_control_characters_and_no_long_lines(document: dict[str, Any]) -> None:
    """A terminal obeys what it is sent; names come from elsewhere."""
    document["changes"][0]["name"] = "evil\x1b[2J" + "long " * 60
    document["changes"][0]["hosts"][0]["id"] = "i-\x1b]0;x\x07" + "9" * 80
    document["left_behind"] = ["\x1b[31mvpc"] * 20
    document["command"] = "make \x1b[1m demo " + "x" * 200
    text = text_report(document)

    assert not re.search(r"[^\n -~–✔✘]", text)
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (number(None), "–"), (number(12345), "12,345"), (number(1.25), "1.25"), (number(1.0), "1"),
        (milliseconds(3.14), "3.1 ms"), (milliseconds(123.4), "123 ms"), (milliseconds(1480.5), "1,480 ms"),
        (milliseconds(25_300), "25.3 s"), (milliseconds(None), "–"),
        (seconds(3.21), "3.2 s"), (seconds(59.6), "60 s"), (seconds(125), "2 m 05 s"), (seconds(None), "–"),
    ],
)  # fmt: skip
def test_figures_read_as_people_write_them(shown: str, expected: str) -> None:
    assert shown == expected
