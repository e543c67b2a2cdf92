"""The application as a real process: what it answers, what it counts, and how it leaves."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SERVER = Path(__file__).parents[2] / "app" / "server.py"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Running:
    """The app in its own process, on its own port."""

    process: subprocess.Popen[str]
    port: int

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def get(self, path: str) -> tuple[int, bytes]:
        connection = self.connect()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def counts(self) -> dict[str, int]:
        return dict(json.loads(self.get("/counts")[1]))

    def leave(self) -> tuple[int, list[str]]:
        """Ask it to stop; its exit status and what it printed."""
        self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=15)
        return self.process.returncode, output.splitlines()


def start(**settings: str) -> Running:
    port = free_port()
    env = {**os.environ, "HOST": "127.0.0.1", "PORT": str(port), "DRAIN_GRACE": "0.2", **settings}
    process = subprocess.Popen([sys.executable, str(SERVER)], env=env, stdout=subprocess.PIPE, text=True)
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
    return Running(process, port)


@pytest.fixture
def app() -> Iterator[Running]:
    running = start(APP_MSG="ahoy", APP_VERSION="7", HOST_ID="i-1", TASK_ID="t-1")
    yield running
    running.process.kill()
    running.process.communicate()


@pytest.mark.parametrize("path", ["/", "/api/things", "/anything?else=1"])
def test_every_path_says_who_answers(app: Running, path: str) -> None:
    status, body = app.get(path)

    expected = {"message": "ahoy", "version": "7", "host": "i-1", "task": "t-1"}
    assert (200, expected) == (status, json.loads(body))


def test_counts_are_of_requests_and_never_of_health_checks(app: Running) -> None:
    """The count is compared with those of the balancer and the prober: health checks are not among theirs."""
    for path in ("/health", "/", "/slow?seconds=0", "/stream?seconds=0.1", "/health", "/counts", "/other"):
        assert app.get(path)[0] == 200

    assert app.counts() == {"served": 4, "in_flight": 0}


@pytest.mark.parametrize(
    "seconds",
    [pytest.param("-5", id="negative"), pytest.param("0", id="zero"), pytest.param("0.05", id="fraction")],
)
def test_slow_takes_what_it_is_given(app: Running, seconds: str) -> None:
    assert app.get(f"/slow?seconds={seconds}")[0] == 200


def test_a_stream_comes_in_chunks(app: Running) -> None:
    connection = app.connect()
    connection.request("GET", "/stream?seconds=0.3")
    answer = connection.getresponse()

    assert answer.getheader("Transfer-Encoding") == "chunked"
    assert answer.read() == b"chunk 1 of 3\nchunk 2 of 3\nchunk 3 of 3\n"
    connection.close()


def test_one_connection_carries_many_requests(app: Running) -> None:
    connection = app.connect()
    sockets = set()
    for _ in range(5):
        connection.request("GET", "/")
        connection.getresponse().read()
        sockets.add(id(connection.sock))

    assert len(sockets - {id(None)}) == 1
    connection.close()


def test_told_to_stop_it_finishes_what_is_in_flight(app: Running) -> None:
    """A request that was accepted is answered, however long after SIGTERM, and the exit is a clean one."""
    answers: list[tuple[int, bytes]] = []
    slow = threading.Thread(target=lambda: answers.append(app.get("/slow?seconds=1")))
    slow.start()
    while app.counts()["in_flight"] == 0:
        pass
    code, lines = app.leave()
    slow.join()

    assert [status for status, _ in answers] == [200]
    assert (code, lines[-1]) == (0, "served=1")


def test_told_to_stop_it_still_accepts_for_a_while() -> None:
    """The load balancer learns of the end later than the process does; until then it sends new requests."""
    running = start(DRAIN_GRACE="1")
    running.process.send_signal(signal.SIGTERM)
    connection = running.connect()
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    running.process.communicate(timeout=10)

    assert (answer.status, answer.getheader("Connection")) == (200, "close")
    assert running.process.returncode == 0
    connection.close()


def test_the_access_log_is_a_line_per_request_and_can_be_off() -> None:
    logged, silent = start(), start(ACCESS_LOG="off")
    for running in (logged, silent):
        running.get("/health")
        running.get("/?x=1")
    _, lines = logged.leave()
    _, nothing = silent.leave()

    assert len(lines) == 2
    assert '"GET /?x=1" 200' in lines[0]
    assert nothing == ["served=1"]
