"""Breadcrumbs: what is written is read again, fits a tag, and what somebody edited is as if it had never been there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.base.crumbs import BaselineCrumb, HaltCrumb, RollCrumb, SpecCrumb, moment, moment_or_none, stamp

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TAG_VALUE = 256  # DESIGN.md section 1: at most so many characters
TIMES = st.integers(1_600_000_000, 9_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
COUNTS = st.integers(0, 5000)
GENERATIONS = st.from_regex(r"lt-[0-9a-f]{17}/[0-9]{1,5}", fullmatch=True)
CODES = st.from_regex(r"[a-z_]{1,30}", fullmatch=True)
CRUMBS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (RollCrumb, st.builds(RollCrumb, GENERATIONS, TIMES, COUNTS, COUNTS, COUNTS)),
    (HaltCrumb, st.builds(HaltCrumb, GENERATIONS, CODES, TIMES)),
    (BaselineCrumb, st.builds(BaselineCrumb, COUNTS, COUNTS, COUNTS, TIMES)),
    (SpecCrumb, st.builds(SpecCrumb, st.integers(0, 10**9), st.from_regex(r"[0-9a-f]{64}", fullmatch=True))),
]


@given(st.data())
@pytest.mark.parametrize(("kind", "crumbs"), CRUMBS, ids=[kind.__name__ for kind, _ in CRUMBS])
def test_a_crumb_is_read_as_it_was_written(kind: Any, crumbs: st.SearchStrategy[Any], data: st.DataObject) -> None:
    crumb = data.draw(crumbs)

    assert kind.parse(crumb.text()) == crumb
    assert len(crumb.text()) <= TAG_VALUE


@given(st.text(max_size=40) | st.from_regex(r"[0-9:/@-]{0,40}", fullmatch=True) | st.just("9" * 5000 + ":x"))
@pytest.mark.parametrize("kind", [kind for kind, _ in CRUMBS])
def test_no_text_breaks_a_reader(kind: Any, text: str) -> None:
    """Tags are edited by people. What can be read can be written again and means the same."""
    crumb = kind.parse(text)

    assert crumb is None or kind.parse(crumb.text()) == crumb


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        pytest.param(RollCrumb, "lt-1/7:1764000000:2/6", id="a bound is missing"),
        pytest.param(RollCrumb, "lt-1/7:yesterday:2/6/3", id="no time"),
        pytest.param(RollCrumb, "1764000000:2/6/3", id="no generation"),
        pytest.param(RollCrumb, None, id="no tag"),
        pytest.param(HaltCrumb, "lt-1/7:ready_timeout:99999999999999999999", id="a time beyond all calendars"),
        pytest.param(HaltCrumb, "lt-1/7", id="a generation only"),
        pytest.param(BaselineCrumb, "4/4@1764000000", id="two counts"),
        pytest.param(BaselineCrumb, "4/4/4", id="no roll"),
        pytest.param(SpecCrumb, "x:abc", id="no serial"),
        pytest.param(SpecCrumb, "3:", id="no digest"),
    ],
)
def test_a_crumb_that_cannot_be_read_is_none(kind: Any, text: str | None) -> None:
    assert kind.parse(text) is None


def test_times_are_whole_seconds_utc() -> None:
    assert stamp(NOW + timedelta(milliseconds=900)) == "1767323045"
    assert moment("1767323045") == NOW
    assert (moment_or_none(None), moment_or_none("soon"), moment_or_none("1767323045")) == (None, None, NOW)


def test_a_generation_may_hold_colons() -> None:
    """Crumbs are split from the right: what is free in form stands first."""
    crumb = RollCrumb("lt-1:x/7", NOW, 2, 6, 3)

    assert RollCrumb.parse(crumb.text()) == crumb
