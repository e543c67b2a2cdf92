"""What is counted: sums that must hold, gaps that must not hide, and a text that says it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from controller.report.probe_result import FAILURES_MAX, Latencies, Result, Tally, progress, to_json, to_text

START = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def tally_of(*events: tuple[float, str]) -> Tally:
    """Requests that were sent and ended at once, each at its time, 5 ms late; ``ok`` or a kind of failure."""
    tally = Tally(START)
    for at, kind in events:
        tally.count_sent(at)
        if kind in {"ok", "slow"}:
            tally.count_ok(at, 0.005 if kind == "ok" else 2.0, slow=kind == "slow")
        else:
            tally.count_failed(at, kind, f"r-{at}", "192.0.2.1:80", "why", answered=kind.startswith("status"))
    return tally


def result_of(*events: tuple[float, str]) -> Result:
    return tally_of(*events).result("http://shop.example/", 10, START + timedelta(seconds=10))


@pytest.mark.parametrize(
    ("events", "gap"),
    [
        pytest.param([(0.1, "ok"), (0.2, "ok"), (0.7, "ok"), (0.8, "ok")], 500.0, id="between two successes"),
        pytest.param([(0.1, "ok"), (0.5, "reset"), (1.1, "ok")], 1000.0, id="a failure does not end it"),
        pytest.param([(0.1, "ok"), (0.5, "reset"), (2.1, "reset")], 2000.0, id="an outage that lasts to the end"),
        pytest.param([(1.5, "reset"), (2.0, "ok"), (2.1, "ok")], 2000.0, id="an outage from the start"),
        pytest.param([], None, id="nothing ended"),
    ],
)
def test_the_longest_gap_is_time_without_a_success(events: list[tuple[float, str]], gap: float | None) -> None:
    """An outage at either end has no success on one side, and is still an outage."""
    assert gap == result_of(*events).longest_gap_ms


def test_sent_is_ok_plus_failed_and_answered_counts_whole_answers() -> None:
    result = result_of((0.1, "ok"), (0.2, "status_502"), (0.3, "reset"), (0.4, "status_502"), (0.5, "slow"))

    assert (result.sent, result.ok, result.failed, result.answered) == (5, 2, 3, 4)
    assert result.failures_by_kind == {"status_502": 2, "reset": 1}


def test_slow_requests_do_not_count_as_latency() -> None:
    result = result_of((0.1, "ok"), (0.2, "slow"), (0.3, "slow"))

    assert (result.p50_ms, result.p99_ms, result.max_ms) == (5.0, 5.0, 5.0)


def test_every_second_stands_in_the_timeline_even_an_empty_one() -> None:
    tally = tally_of((0.1, "ok"), (0.9, "reset"), (3.2, "ok"))
    seconds = [tally.close_second() for _ in range(4)]

    assert [(s.second, s.sent, s.ok, s.failed) for s in seconds] == [
        (0, 2, 1, 1),
        (1, 0, 0, 0),
        (2, 0, 0, 0),
        (3, 1, 1, 0),
    ]
    assert not tally.open_seconds


def test_a_second_once_given_out_never_changes() -> None:
    """An event a hair before a boundary that has passed belongs to the next second; it is not lost."""
    tally = tally_of((0.5, "ok"))
    first = tally.close_second()
    tally.count_sent(0.999)

    assert (first.sent, tally.close_second().sent) == (1, 1)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        pytest.param([1, 2, 3, 4], 0.5, 2, id="half of four"),
        pytest.param(list(range(1, 101)), 0.99, 99, id="p99 of a hundred"),
        pytest.param([7], 0.99, 7, id="of one"),
        pytest.param([1.23456], 0.5, 1.23, id="three digits are kept"),
        pytest.param([], 0.5, None, id="of nothing"),
    ],
)
def test_quantiles(values: list[float], share: float, expected: float | None) -> None:
    latencies = Latencies()
    for value in values:
        latencies.add(value)

    assert expected == latencies.quantile(share)


def test_a_day_of_latencies_takes_the_memory_of_a_minute() -> None:
    latencies = Latencies()
    for step in range(50_000):
        latencies.add(1.0 + step / 1000)

    assert len(latencies.counts) < 1400  # 1.00 to 51.0
    assert latencies.total == 50_000


def test_all_failures_are_counted_and_the_first_are_listed() -> None:
    result = result_of(*((step / 100, "reset") for step in range(500)))

    assert (result.failed, len(result.failures)) == (500, FAILURES_MAX)
    assert result.failures[0].request == "r-0.0"


def test_the_json_has_what_a_program_needs() -> None:
    tally = tally_of((0.1, "ok"), (0.2, "status_502"))
    tally.close_second()
    document = to_json(tally.result("http://shop.example/", 10, START + timedelta(seconds=1)))

    assert list(document) == [
        "format_version", "url", "rate", "sent", "answered", "ok", "failed", "failures_by_kind", "p50_ms", "p99_ms",
        "max_ms", "longest_gap_ms", "unsent", "started", "ended", "seconds", "failures",
    ]  # fmt: skip
    assert document["seconds"] == [{"second": 0, "sent": 2, "ok": 1, "failed": 1, "p50_ms": 5.0}]
    assert document["failures"] == [
        {
            "at": "2026-03-04T05:06:07.200Z",
            "kind": "status_502",
            "request": "r-0.2",
            "target": "192.0.2.1:80",
            "detail": "why",
        }
    ]


def test_the_text_opens_with_the_verdict() -> None:
    good = to_text(result_of((0.1, "ok"), (0.2, "ok")))
    bad = to_text(result_of((0.1, "ok"), (0.2, "status_502"), (0.3, "reset"), (0.4, "reset")))

    assert good.startswith("http://shop.example/: none of 2 requests failed.\n")
    assert bad.startswith("http://shop.example/: 3 of 4 requests FAILED (75 %).\n")
    assert "3: 2 reset, 1 status 502" in bad
    assert "05:06:07.200  status_502" in bad


def test_what_was_not_sent_is_said() -> None:
    """A client that fell behind has proved less than it seems; neither report may keep that to itself."""
    tally = tally_of((0.1, "ok"))
    tally.count_unsent()
    result = tally.result("http://shop.example/", 10, START)

    assert to_json(result)["unsent"] == 1
    assert "not sent     1: this client fell behind" in to_text(result)
    assert "1 not sent" in progress(tally.close_second())
