"""A sandbox of one's own, the commands run against it, and its back door."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.base.process import die_with_parent

READY_LIMIT = 90.0  # seconds for a sandbox to say that it is ready
COMMAND = [sys.executable, "-m", "controller"]


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that ended: its exit code and what it printed."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


class Drill:
    """One running sandbox and everything a rehearsal does with it. Use `drill` to get one."""

    def __init__(self, process: subprocess.Popen[str], url: str, log: Path) -> None:
        self.url = url
        self.log = log
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "rehearsal",
            "AWS_SECRET_ACCESS_KEY": "rehearsal",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        self._process = process

    def run(self, *arguments: str, timeout: float = 600.0) -> Ended:
        """One command to its end."""
        return self.start(*arguments).wait(timeout)

    def start(self, *arguments: str) -> Running:
        """One command, begun."""
        return Running([*COMMAND, *arguments], self.env)

    def door(self, method: str, path: str, **body: Any) -> Any:
        """Ask the sandbox what AWS could not be asked. Raises RuntimeError with its words when it refuses."""
        data = json.dumps(body).encode() if method == "POST" else None
        request = urllib.request.Request(f"{self.url}/_sandbox/{path}", data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.read().decode(errors='replace')}") from error

    def client(self, service: str) -> Any:
        """A plain AWS client on the sandbox, for what somebody else does to the stack."""
        import botocore.session

        session = botocore.session.Session()
        session.set_credentials("rehearsal", "rehearsal")
        return session.create_client(service, region_name="us-east-1", endpoint_url=self.url)

    def address(self) -> str:
        """Where the load balancer listens, as a URL."""
        balancer = self.client("elbv2").describe_load_balancers()["LoadBalancers"][0]
        return f"http://{balancer['DNSName']}"

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Running:
    """A command that runs; its output is collected as it comes."""

    def __init__(self, command: list[str], env: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            command,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=die_with_parent,
            text=True,
        )
        self._name = " ".join(command[len(COMMAND) :])
        self._lines: dict[str, list[str]] = {"out": [], "err": []}
        self._threads = [
            threading.Thread(target=self._collect, args=(name, stream), daemon=True)
            for name, stream in (("out", self.process.stdout), ("err", self.process.stderr))
        ]
        for thread in self._threads:
            thread.start()

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def said(self, name: str = "err") -> str:
        """What it printed so far."""
        return "".join(self._lines[name])

    def wait(self, timeout: float = 600.0) -> Ended:
        """Its end. Raises TimeoutError (and ends it) when it does not come."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise TimeoutError(f"{self._name}: no end after {timeout} s\n{self.said()}") from None
        for thread in self._threads:
            thread.join(10)
        return Ended(self.process.returncode, self.said("out"), self.said("err"))

    def interrupt(self, timeout: float = 120.0) -> Ended:
        """Ask it to end, as Ctrl-C does."""
        self.signal(signal.SIGINT)
        return self.wait(timeout)

    def _collect(self, name: str, stream: Any) -> None:
        for line in stream:
            self._lines[name].append(line)


@contextlib.contextmanager
def drill(*, speedup: float | None = None, seed: int = 0) -> Iterator[Drill]:
    """A sandbox for as long as the block lasts. Raises RuntimeError with its log when it does not come up."""
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        log = Path(folder, "sandbox.log")
        command = [*COMMAND, "sandbox", "--seed", str(seed), *(["--speedup", str(speedup)] if speedup else [])]
        with log.open("w") as stream:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=stream, preexec_fn=die_with_parent, text=True
            )
        timer = threading.Timer(READY_LIMIT, process.kill)
        timer.start()
        line = process.stdout.readline() if process.stdout else ""
        timer.cancel()
        if not line.startswith("AWS_ENDPOINT_URL="):
            process.kill()
            raise RuntimeError(f"the sandbox did not come up:\n{log.read_text()}")
        one = Drill(process, line.strip().partition("=")[2], log)
        try:
            yield one
        finally:
            one.stop()
