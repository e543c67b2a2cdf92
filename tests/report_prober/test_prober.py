"""The prober against a server that misbehaves on request: every request is counted once, by what became of it."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from controller.base.errors import Refused
from controller.report import prober
from controller.report.probe_http import Connection
from controller.report.probe_result import Result, Sample
from controller.report.prober import WatchOptions, watch
from tests.report_prober.server import Script, Server

SHORT = WatchOptions(rate=250, duration=timedelta(seconds=0.2), seed=7)  # 50 requests
HANGING = timedelta(seconds=1.5)  # a timeout that only what hangs on purpose can meet, on a busy machine too
KEPT = replace(SHORT, fresh_ratio=0.0)
FRESH = replace(SHORT, fresh_ratio=1.0)


def always(word: str) -> Script:
    return lambda number, path: word


def every(nth: int, word: str) -> Script:
    """*word* for every nth request, success for the others."""
    return lambda number, path: word if number % nth == 0 else "ok"


@dataclass
class Seen:
    """A run, and what its server counted."""

    result: Result
    server: Server
    samples: list[Sample] = field(default_factory=list)


def run(options: WatchOptions, script: Script) -> Seen:
    """A whole run against a server of its own."""

    async def body() -> Seen:
        async with Server(script) as server:
            samples: list[Sample] = []
            result = await watch(server.url, options, asyncio.Event(), samples.append)
            return Seen(result, server, samples)

    return asyncio.run(body())


@pytest.mark.parametrize("options", [pytest.param(KEPT, id="kept"), pytest.param(FRESH, id="fresh")])
@pytest.mark.parametrize("word", ["ok", "chunked", "ok-close", "end-with-close"])
def test_whole_answers_are_successes(options: WatchOptions, word: str) -> None:
    """Rate times duration is sent exactly; the server got each of them once, under its own name."""
    seen = run(options, always(word))

    assert (seen.result.sent, seen.result.answered, seen.result.ok, seen.result.failed) == (50, 50, 50, 0)
    assert len(seen.server.requests) == len(set(seen.server.requests)) == 50


@pytest.mark.parametrize("options", [pytest.param(KEPT, id="kept"), pytest.param(FRESH, id="fresh")])
@pytest.mark.parametrize(
    ("word", "kind", "answered"),
    [
        ("502", "status_502", True),
        ("301", "unexpected_status", True),
        ("reset", "reset", False),
        ("half-head", "truncated", False),
        ("truncated", "truncated", False),
        ("truncated-chunks", "truncated", False),
        ("nonsense", "malformed", False),
        ("hang", "timeout", False),
    ],
)
def test_each_way_to_fail_is_counted_once_and_never_tried_again(
    options: WatchOptions, word: str, kind: str, answered: bool
) -> None:
    """One in five is lost. The server sees 50 requests: a second try of any would show as the 51st."""
    seen = run(replace(options, timeout=HANGING) if word == "hang" else options, every(5, word))

    assert (seen.result.sent, seen.result.ok, seen.result.failures_by_kind) == (50, 40, {kind: 10})
    assert seen.result.answered == (50 if answered else 40)
    assert len(seen.server.requests) == len(set(seen.server.requests)) == 50


def test_failures_name_the_request_and_the_address() -> None:
    seen = run(KEPT, every(25, "502"))
    lost = {failure.request for failure in seen.result.failures}

    assert lost == {seen.server.requests[0], seen.server.requests[25]}
    assert {failure.target for failure in seen.result.failures} == {f"127.0.0.1:{seen.server.port}"}


def test_a_mixture_adds_up() -> None:
    words = ["ok", "reset", "502", "truncated", "ok", "hang", "503", "chunked", "ok-close", "301"]
    seen = run(replace(SHORT, timeout=HANGING), lambda number, path: words[number % len(words)])
    counts = Counter(seen.result.failures_by_kind)

    assert counts.total() == seen.result.failed == seen.result.sent - seen.result.ok
    assert sum(s.sent for s in seen.samples) == seen.result.sent == 50
    assert sum(s.ok + s.failed for s in seen.samples) == 50
    assert counts == {"reset": 5, "status_502": 5, "truncated": 5, "timeout": 5, "unexpected_status": 5}


def test_a_connection_closed_while_idle_is_not_used_and_costs_nothing() -> None:
    """The server says nothing of closing and hangs up after each answer: noticed before the next request is written."""
    seen = run(replace(KEPT, rate=50, duration=timedelta(seconds=0.5)), always("ok-then-close"))

    assert (seen.result.sent, seen.result.failed) == (25, 0)
    assert seen.server.connections >= 25


def test_a_close_that_only_the_kernel_knows_of_is_noticed() -> None:
    """Between the other side's close and this loop's next turn, a connection looks usable and is not."""

    async def body() -> tuple[bool, bool, bool]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(Connection, *listener.getsockname())
            other, _ = listener.accept()
            before = connection.still()
            other.close()
            after = connection.usable, connection.still()
            connection.close()
            return before, *after

    assert asyncio.run(body()) == (True, True, False)


def test_kept_connections_are_used_again_and_fresh_ones_are_not() -> None:
    kept, fresh = run(KEPT, always("ok")), run(FRESH, always("ok"))

    assert kept.server.connections < 15
    assert kept.server.closing_headers == 0
    assert fresh.server.connections == 51  # and one at the start, to see whether anything listens
    assert fresh.server.closing_headers == 50


def test_the_schedule_does_not_wait_for_answers() -> None:
    """Open loop: a server that stalls for 0.25 s meets all requests of that time, and none of them waits its turn."""
    seen = run(replace(KEPT, fresh_ratio=0.5), lambda number, path: "wait 0.25")

    assert (seen.result.sent, seen.result.ok) == (50, 50)
    assert seen.result.p50_ms is not None
    assert seen.result.p50_ms >= 250
    assert seen.samples[0].sent == 50


def test_slow_requests_go_to_the_slow_path_and_leave_the_latency_alone() -> None:
    options = replace(KEPT, slow_ratio=0.3, slow_path="/slow?seconds=0.6")
    seen = run(options, lambda number, path: "wait 0.6" if path.startswith("/slow") else "ok")
    slow = seen.server.paths.count("/slow?seconds=0.6")

    assert 5 <= slow <= 30
    assert seen.server.paths.count("/") == 50 - slow
    assert seen.result.ok == 50
    assert seen.result.max_ms is not None
    assert seen.result.max_ms < 600


def test_a_server_that_goes_away_is_counted_and_its_outage_is_the_longest_gap() -> None:
    """Refused connections are failed requests, counted as sent; what was under way is reset."""

    async def body() -> Result:
        async with Server() as server:
            asyncio.get_running_loop().call_later(0.25, server.stop)
            return await watch(
                server.url,
                replace(KEPT, rate=200, duration=timedelta(seconds=0.6)),
                asyncio.Event(),
                lambda sample: None,
            )

    result = asyncio.run(body())

    assert result.sent == 120
    assert 40 <= result.failures_by_kind["connect"] == result.failed - result.failures_by_kind.get("reset", 0)
    assert result.longest_gap_ms is not None
    assert 250 <= result.longest_gap_ms <= 600


def test_stopping_sends_nothing_new_and_counts_what_is_under_way() -> None:
    async def body() -> tuple[Result, int, list[Sample]]:
        stop, samples = asyncio.Event(), list[Sample]()
        async with Server(always("wait 0.2")) as server:
            asyncio.get_running_loop().call_later(0.1, stop.set)
            result = await watch(server.url, replace(SHORT, rate=200, duration=None), stop, samples.append)
            return result, len(server.requests), samples

    result, received, samples = asyncio.run(body())

    assert result.sent == result.ok == received
    assert 10 <= result.sent <= 60
    assert sum(sample.ok for sample in samples) == result.ok


def test_what_this_client_was_too_late_for_is_unsent() -> None:
    """The loop stands still: what was due longer ago than LATE_MAX is neither sent in a burst nor hidden."""

    async def body() -> tuple[Result, int]:
        async with Server() as server:
            asyncio.get_running_loop().call_later(0.1, threading.Event().wait, prober.LATE_MAX + 0.3)
            options = replace(SHORT, rate=200, duration=timedelta(seconds=2))
            result = await watch(server.url, options, asyncio.Event(), lambda sample: None)
            return result, len(server.requests)

    result, received = asyncio.run(body())

    assert result.sent + result.unsent == 400
    assert 50 <= result.unsent <= 200
    assert result.sent == received == result.ok
    assert result.max_ms is not None
    assert result.max_ms >= 900


def test_a_client_out_of_sockets_says_unsent_and_blames_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """EMFILE is ours. The first connection is made, the later ones find no descriptor."""
    made = 0

    async def no_more(origin: Any, address: str) -> Any:
        nonlocal made
        made += 1
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(prober, "connect", no_more)
    seen = run(KEPT, always("ok"))

    assert (seen.result.sent, seen.result.failed, seen.result.unsent) == (0, 0, made)
    assert made == 50


def test_addresses_that_come_and_go_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A load balancer moves: the name lists another address after a while, and requests go there."""

    async def body() -> tuple[Result, int, int]:
        async with Server() as one, Server(host="127.0.0.2", port=one.port) as two:
            asked = 0

            async def moving(origin: Any) -> list[str]:
                nonlocal asked
                asked += 1
                return ["127.0.0.1"] if asked == 1 else ["127.0.0.2"]

            monkeypatch.setattr(prober, "resolve", moving)
            monkeypatch.setattr(prober, "RESOLVE_EVERY", 0.1)
            options = replace(SHORT, rate=100, duration=timedelta(seconds=0.8))
            result = await watch(one.url, options, asyncio.Event(), lambda sample: None)
            return result, len(one.requests), len(two.requests)

    result, before, after = asyncio.run(body())

    assert (result.sent, result.failed) == (80, 0)
    assert before + after == 80
    assert 1 <= before <= 60


@pytest.mark.parametrize(
    ("url", "text"),
    [
        pytest.param("ftp://example.com/", "not a URL of the form", id="another scheme"),
        pytest.param("shop.example", "not a URL of the form", id="no scheme"),
        pytest.param("http://h:99999/", "not a URL", id="a port out of range"),
        pytest.param("http://h/a b", "not a URL of the form", id="a space"),
        pytest.param("http://nothing.invalid/", "nothing.invalid has no address", id="no such name"),
        pytest.param("http://127.0.0.1:1/", "127.0.0.1: Connection refused", id="nothing listens"),
    ],
)
def test_a_wrong_url_is_refused_before_anything_is_sent(url: str, text: str) -> None:
    with pytest.raises(Refused, match=text):
        asyncio.run(watch(url, SHORT, asyncio.Event(), lambda sample: None))


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate": 0},
        {"rate": 1e9},
        {"slow_ratio": 1.5},
        {"fresh_ratio": -1},
        {"slow_path": "slow"},
        {"slow_path": "/a\r\nb"},
    ],
)
def test_options_that_make_no_schedule_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        WatchOptions(**wrong)


def test_with_several_addresses_each_takes_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each zone has its node: all must be watched. An address silent at the start is left out."""

    async def body() -> tuple[Result, list[int]]:
        async with Server() as one, Server(host="127.0.0.2", port=one.port) as two:

            async def three(origin: Any) -> list[str]:
                return ["127.0.0.1", "127.0.0.2", "127.0.0.3"]

            monkeypatch.setattr(prober, "resolve", three)
            result = await watch(one.url, SHORT, asyncio.Event(), lambda sample: None)
            return result, [len(one.requests), len(two.requests)]

    result, shares = asyncio.run(body())

    assert (result.failed, shares) == (0, [25, 25])


def test_importing_the_prober_does_not_import_a_client_library() -> None:
    code = "import sys, controller.report.prober; sys.exit('aiohttp' in sys.modules or 'boto3' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], env={**os.environ}, check=False).returncode == 0
