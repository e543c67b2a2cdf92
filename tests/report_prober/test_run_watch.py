"""`run_watch` as the command line calls it, in a process of its own: exit codes, streams and signals."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.report_prober.server import Script, Server

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from datetime import timedelta
from controller.report.prober import WatchOptions, run_watch
url, rate, duration, form = sys.argv[1:]
options = WatchOptions(rate=float(rate), duration=timedelta(seconds=float(duration)) if duration else None)
sys.exit(run_watch(url, options, as_json=form == "json", out=sys.stdout, err=sys.stderr))
"""


@contextmanager
def serving(script: Script) -> Iterator[Server]:
    """A server on a loop of its own, in a thread."""
    loop, server = asyncio.new_event_loop(), Server(script)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(5)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(server.stop)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def command(url: str, *, rate: str = "100", duration: str = "0.5", form: str = "text") -> list[str]:
    return [sys.executable, "-c", PROGRAM, url, rate, duration, form]


@pytest.mark.parametrize(
    ("word", "code", "verdict"),
    [("ok", 0, "none of 50 requests failed"), ("502", 4, "50 of 50 requests FAILED (100 %)")],
)
def test_the_exit_code_says_whether_a_request_failed(word: str, code: int, verdict: str) -> None:
    with serving(lambda number, path: word) as server:
        done = subprocess.run(command(server.url), cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)

    assert (done.returncode, done.stderr) == (code, "")
    assert verdict in done.stdout.splitlines()[0]


def test_json_is_one_document_and_nothing_else() -> None:
    with serving(lambda number, path: "ok") as server:
        done = subprocess.run(
            command(server.url, form="json"), cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
        )

    assert json.loads(done.stdout)["sent"] == 50


def test_an_address_where_nothing_listens_is_one_line_and_exit_1() -> None:
    done = subprocess.run(
        command("http://127.0.0.1:1/"), cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: nothing was sent")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_and_the_report_is_still_written(number: signal.Signals, code: int) -> None:
    """What is under way when the signal comes is awaited and counted: the server and the report agree."""
    arrived = threading.Event()

    def script(count: int, path: str) -> str:
        if count == 20:
            arrived.set()
        return "wait 0.3"

    with serving(script) as server:
        process = subprocess.Popen(
            command(server.url, duration="", form="json"),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert arrived.wait(10)
        process.send_signal(number)
        stdout, _ = process.communicate(timeout=10)
        received = len(server.requests)
    document = json.loads(stdout)

    assert process.returncode == code
    assert (document["sent"], document["ok"], document["failed"]) == (received, received, 0)


def test_a_terminal_sees_one_line_that_is_rewritten_each_second() -> None:
    with serving(lambda number, path: "ok") as server:
        primary, secondary = pty.openpty()
        process = subprocess.Popen(
            command(server.url, duration="2.2"), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=secondary
        )
        assert process.wait(20) == 0
        os.close(secondary)
        shown = os.read(primary, 65_536).decode()
        os.close(primary)

    assert shown.count("\r    ") == shown.count("\x1b[K") >= 2
    assert " ok, 0 failed, p50 " in shown
    assert shown.count("\n") == 1
