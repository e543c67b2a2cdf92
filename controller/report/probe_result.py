"""What a prober saw: every request counted exactly once, latencies without a growing memory, gaps. Pure.

    sent      requests that were written, or for which no connection could be made
    answered  of these, the ones for which a complete HTTP response was read, whatever its status
    ok        of these, the ones with a 2xx status
    failed    all the others: sent == ok + failed
    unsent    requests that were due and never sent, because this client was late or out of sockets: not a failure of
              the service, but a hole in the proof

Latencies count from the moment a request was *due*, so a stall cannot hide behind the requests it delayed. p50, p99 and
maximum are those of successful fast requests; the slow ones take as long as they were asked to.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

FORMAT_VERSION = 1
FAILURES_MAX = 200  # listed one by one; all are counted
SECONDS_MAX = 86_400  # a day of timeline; older seconds are dropped from it, never from the totals


@dataclass(frozen=True, slots=True)
class Failure:
    """One lost request. `target` is the address it was sent to, None when there was no connection."""

    at: datetime
    kind: str
    request: str
    target: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One second of the timeline, final once given out: what was sent in it, and what ended in it."""

    second: int
    sent: int
    ok: int
    failed: int
    p50_ms: float | None
    sent_so_far: int = 0
    failed_so_far: int = 0
    unsent_so_far: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """The whole run."""

    url: str
    rate: float
    sent: int
    answered: int
    ok: int
    failed: int
    failures_by_kind: Mapping[str, int]
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    longest_gap_ms: float | None
    unsent: int
    started: datetime
    ended: datetime
    seconds: tuple[Sample, ...]
    failures: tuple[Failure, ...]


class Latencies:
    """A histogram of milliseconds to three significant digits: at most 900 counters per power of ten."""

    __slots__ = ("counts", "longest", "total")

    def __init__(self) -> None:
        self.counts: Counter[float] = Counter()
        self.longest = 0.0
        self.total = 0

    def add(self, ms: float) -> None:
        self.counts[float(f"{ms:.3g}")] += 1
        self.longest = max(self.longest, ms)
        self.total += 1

    def quantile(self, share: float) -> float | None:
        """The smallest value that at least *share* of all values do not exceed; None of nothing."""
        wanted, seen = share * self.total, 0
        for value in sorted(self.counts):
            seen += self.counts[value]
            if seen >= wanted:
                return value
        return None


@dataclass(slots=True)
class _Bucket:
    sent: int = 0
    ok: int = 0
    failed: int = 0
    fast: Latencies = field(default_factory=Latencies)


class Tally:
    """Counts as requests come and go. Every *at* is in seconds from the start of the run, and never goes back."""

    def __init__(self, started: datetime) -> None:
        self.started = started
        self.sent = self.answered = self.ok = self.unsent = 0
        self.by_kind: Counter[str] = Counter()
        self._fast = Latencies()
        self._open: dict[int, _Bucket] = {}
        self._seconds: deque[Sample] = deque(maxlen=SECONDS_MAX)
        self._next = 0
        self._failures: list[Failure] = []
        self._last_ok = 0.0
        self._gap: float | None = None

    @property
    def failed(self) -> int:
        return self.by_kind.total()

    def count_sent(self, at: float) -> None:
        self.sent += 1
        self._bucket(at).sent += 1

    def count_unsent(self) -> None:
        self.unsent += 1

    def count_ok(self, at: float, latency: float, *, slow: bool) -> None:
        """A 2xx answer was read to its end, *latency* seconds after the request was due."""
        self.ok += 1
        self.answered += 1
        bucket = self._bucket(at)
        bucket.ok += 1
        if not slow:
            bucket.fast.add(latency * 1000)
            self._fast.add(latency * 1000)
        self._stretch(at)
        self._last_ok = at

    def count_failed(
        self, at: float, kind: str, request: str, target: str | None, detail: str, *, answered: bool
    ) -> None:
        self.by_kind[kind] += 1
        self.answered += answered
        self._bucket(at).failed += 1
        self._stretch(at)
        if len(self._failures) < FAILURES_MAX:
            self._failures.append(Failure(self.started + timedelta(seconds=at), kind, request, target, detail))

    def close_second(self) -> Sample:
        """The next second of the timeline; its time must be over."""
        bucket = self._open.pop(self._next, None) or _Bucket()
        p50 = bucket.fast.quantile(0.5)
        sample = Sample(self._next, bucket.sent, bucket.ok, bucket.failed, p50, self.sent, self.failed, self.unsent)
        self._seconds.append(sample)
        self._next += 1
        return sample

    @property
    def open_seconds(self) -> bool:
        """Whether something was counted in a second not yet closed."""
        return bool(self._open)

    def result(self, url: str, rate: float, ended: datetime) -> Result:
        return Result(
            url=url,
            rate=rate,
            sent=self.sent,
            answered=self.answered,
            ok=self.ok,
            failed=self.failed,
            failures_by_kind=dict(self.by_kind.most_common()),
            p50_ms=self._fast.quantile(0.5),
            p99_ms=self._fast.quantile(0.99),
            max_ms=round(self._fast.longest, 3) if self._fast.total else None,
            longest_gap_ms=None if self._gap is None else round(self._gap * 1000, 1),
            unsent=self.unsent,
            started=self.started,
            ended=ended,
            seconds=tuple(self._seconds),
            failures=tuple(self._failures),
        )

    def _stretch(self, at: float) -> None:
        """The gap since the last success. Failures stretch it too: an outage at either end has no success behind it."""
        self._gap = max(self._gap or 0.0, at - self._last_ok)

    def _bucket(self, at: float) -> _Bucket:
        second = max(int(at), self._next)
        bucket = self._open.get(second)
        if bucket is None:
            bucket = self._open[second] = _Bucket()
        return bucket


def to_json(result: Result) -> dict[str, Any]:
    """The result as the JSON document of ``theseus watch -o json``."""
    document = {"format_version": FORMAT_VERSION, **asdict(result)}
    document["started"], document["ended"] = _stamp(result.started), _stamp(result.ended)
    document["seconds"] = [
        {"second": s.second, "sent": s.sent, "ok": s.ok, "failed": s.failed, "p50_ms": s.p50_ms} for s in result.seconds
    ]
    document["failures"] = [{**asdict(failure), "at": _stamp(failure.at)} for failure in result.failures]
    return document


LISTED = 10  # failures shown to a person; the JSON has more


def to_text(result: Result) -> str:
    """The result for a person: the verdict first, then what it rests on."""
    span = (result.ended - result.started).total_seconds()
    rows = [
        ("sent", f"{result.sent:,} at {result.rate:g}/s in {span:.1f} s, from {_stamp(result.started)}"),
        ("answered", f"{result.answered:,}, of these {result.ok:,} with success"),
        ("failed", f"{result.failed:,}{_kinds(result.failures_by_kind)}"),
        (
            "latency",
            f"p50 {_ms(result.p50_ms)}, p99 {_ms(result.p99_ms)}, longest {_ms(result.max_ms)} (fast requests)",
        ),
        ("longest gap", f"{_ms(result.longest_gap_ms)} without a success"),
    ]
    if result.unsent:
        rows.append(
            ("not sent", f"{result.unsent:,}: this client fell behind, and what it did not send proves nothing")
        )
    lines = [_verdict(result), "", *(f"  {name:<12} {text}" for name, text in rows)]
    if result.failures:
        listed = result.failures[:LISTED]
        lines += [
            "",
            f"  The first {len(listed)} of {result.failed:,} failures:" if len(listed) < result.failed else "",
        ]
        lines += [
            f"  {f.at:%H:%M:%S.%f}"[:-3] + f"  {f.kind:<17} {f.target or '-':<21} {f.request}  {f.detail}"
            for f in listed
        ]
    return "\n".join(lines) + "\n"


def progress(sample: Sample) -> str:
    """One line about the second that has just ended."""
    p50 = "" if sample.p50_ms is None else f", p50 {sample.p50_ms:g} ms"
    unsent = f", {sample.unsent_so_far:,} not sent" if sample.unsent_so_far else ""
    return (
        f"{sample.second + 1:>5} s: {sample.sent}/s sent, {sample.ok} ok, {sample.failed} failed{p50}"
        f"; so far {sample.sent_so_far:,} sent, {sample.failed_so_far:,} failed{unsent}"
    )


def _verdict(result: Result) -> str:
    if not result.sent:
        return f"{result.url}: no request was sent."
    if not result.failed:
        return f"{result.url}: none of {result.sent:,} requests failed."
    share = 100 * result.failed / result.sent
    return (
        f"{result.url}: {result.failed:,} of {result.sent:,} requests FAILED ({share:.{3 if share >= 10 else 2}g} %)."
    )


def _kinds(by_kind: Mapping[str, int]) -> str:
    return ": " + ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in by_kind.items()) if by_kind else ""


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} ms" if value >= 100 else f"{value:.3g} ms"


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
