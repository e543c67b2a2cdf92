"""The thresholds of target health, one table of histories."""

from __future__ import annotations

import pytest

from controller.sandbox.health import FAILED, INITIAL, Settings, View, matches, probe

SETTINGS = Settings(interval=5, timeout=2, healthy=3, unhealthy=2)


def after(results: str) -> View:
    """The view after a history of passes (+) and fails (-)."""
    view = View()
    for result in results:
        view = probe(view, result == "+", "" if result == "+" else FAILED, SETTINGS)
    return view


@pytest.mark.parametrize(
    ("results", "state", "reason"),
    [
        pytest.param("", "initial", INITIAL, id="not checked yet"),
        pytest.param("+", "healthy", "", id="a new target needs one pass"),
        pytest.param("-", "initial", INITIAL, id="a new target may fail once"),
        pytest.param("-+", "healthy", "", id="a new target that failed once needs one pass"),
        pytest.param("--", "unhealthy", FAILED, id="a new target that fails in a row is unhealthy"),
        pytest.param("+-", "healthy", "", id="one fail does not condemn"),
        pytest.param("+-+-+-", "healthy", "", id="only fails in a row condemn"),
        pytest.param("+--", "unhealthy", FAILED, id="fails in a row do"),
        pytest.param("--++", "unhealthy", FAILED, id="two passes of three do not cure"),
        pytest.param("--++-++", "unhealthy", FAILED, id="only passes in a row cure"),
        pytest.param("--+++", "healthy", "", id="three passes in a row do"),
        pytest.param("--+++--", "unhealthy", FAILED, id="and it can fall again"),
    ],
)
def test_health_follows_the_run_of_results(results: str, state: str, reason: str) -> None:
    """One pass makes a new target healthy; the healthy threshold is for the sick (aws.md 2.1)."""
    view = after(results)

    assert (state, reason) == (view.state, view.reason)


@pytest.mark.parametrize(
    ("matcher", "status", "expected"),
    [
        pytest.param("200", 200, True, id="one code"),
        pytest.param("200", 204, False, id="another code"),
        pytest.param("200,202", 202, True, id="a list"),
        pytest.param("200,202", 201, False, id="not in the list"),
        pytest.param("200-399", 399, True, id="the end of a range"),
        pytest.param("200-399", 400, False, id="beyond a range"),
        pytest.param("200-299,404", 404, True, id="a mixture"),
    ],
)
def test_matcher_reads_codes_lists_and_ranges(matcher: str, status: int, expected: bool) -> None:
    assert expected == matches(matcher, status)
