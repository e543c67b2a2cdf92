"""Breadcrumbs survive being written and read, fit into a tag, and are as good as absent once somebody edits them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.base.crumbs import BaselineCrumb, HaltCrumb, RollCrumb, moment, moment_or_none, stamp

TAG_MAX = 256  # ec2, ecs and autoscaling tag values
MOMENTS = st.integers(0, 2**33).map(lambda second: datetime.fromtimestamp(second, UTC))
COUNTS = st.integers(0, 100_000)
GENERATIONS = st.builds(lambda hexes, version: f"lt-{hexes:017x}/{version}", st.integers(0, 16**17 - 1), COUNTS)
CODES = st.sampled_from(["ready_timeout", "drain_timeout", "launch_failed", "no_data"])


@given(st.builds(RollCrumb, GENERATIONS, MOMENTS, COUNTS, COUNTS, COUNTS))
def test_a_roll_is_read_as_it_was_written(crumb: RollCrumb) -> None:
    """The bounds to restore come from nowhere else."""
    assert crumb == RollCrumb.parse(crumb.text())
    assert len(crumb.text()) <= TAG_MAX


@given(st.builds(HaltCrumb, GENERATIONS, CODES, MOMENTS))
def test_a_halt_is_read_as_it_was_written(crumb: HaltCrumb) -> None:
    """Rule 12 rests on it."""
    assert crumb == HaltCrumb.parse(crumb.text())
    assert len(crumb.text()) <= TAG_MAX


@given(st.builds(BaselineCrumb, COUNTS, COUNTS, COUNTS, MOMENTS))
def test_a_baseline_is_read_as_it_was_written(crumb: BaselineCrumb) -> None:
    """The floor of a service for the length of a roll."""
    assert crumb == BaselineCrumb.parse(crumb.text())
    assert len(crumb.text()) <= TAG_MAX


@given(MOMENTS)
def test_a_stamp_is_whole_seconds(at: datetime) -> None:
    """What is lost is less than a second, and never gained."""
    assert at == moment(stamp(at + timedelta(milliseconds=900)))


@given(st.text(max_size=60))
def test_whatever_somebody_wrote_never_crashes(text: str) -> None:
    """A crumb that cannot be read is as if it had never been written; one that can is read the same again."""
    for kind in (RollCrumb, HaltCrumb, BaselineCrumb):
        crumb = kind.parse(text)
        assert crumb is None or crumb == kind.parse(crumb.text())
    assert moment_or_none(text) is None or moment_or_none(text) == moment(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="no tag"),
        pytest.param("", id="an empty tag"),
        pytest.param("lt-1/7:1764000000", id="no bounds"),
        pytest.param("lt-1/7:1764000000:2/6", id="a bound short"),
        pytest.param("lt-1/7:yesterday:2/6/3", id="a time in words"),
        pytest.param("lt-1/7:99999999999999999999:2/6/3", id="a time beyond the calendar"),
    ],
)
def test_an_unreadable_roll_is_none(text: str | None) -> None:
    """The next pass records the roll anew."""
    assert RollCrumb.parse(text) is None
