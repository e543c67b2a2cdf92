"""Makes the world's effects real: hosts, and tasks with an address of their own, are loopback addresses; tasks are
processes of the application on them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from controller.base.process import die_with_parent
from controller.sandbox.world import Event, Json, Task, TaskExited, TaskStarted

COUNTS_TIMEOUT = 2.0  # seconds to ask a task what it served


class Machine(Protocol):
    """What the cloud asks of a data plane. Events come back through the callback it was made with."""

    def host(self, ident: str) -> str:
        """The address of a host; a new one gets one of its own."""
        ...

    def start(self, task: Task, definition: Json) -> None: ...
    def signal(self, task: str, *, kill: bool) -> None: ...
    def served(self) -> dict[str, int | None]:
        """Requests served, by task, of those that ended and those that run; None: it was killed and cannot say."""
        ...

    def close(self) -> None: ...


class LiveMachine:
    """Real processes, forked from a parent that has loaded the application already."""

    def __init__(self, tell: Callable[[str, Event], None], network: int) -> None:
        self._tell = tell
        self._addresses = _addresses(network)
        self._hosts: dict[str, str] = {}
        self._places: dict[str, tuple[str, int]] = {}  # task -> address
        self._ended: dict[str, int | None] = {}
        self._lock = threading.Lock()
        self._closing = False
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "controller.sandbox.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=die_with_parent,
            text=True,
        )
        threading.Thread(target=self._listen, name="tasks", daemon=True).start()

    def host(self, ident: str) -> str:
        if ident not in self._hosts:
            self._hosts[ident] = next(self._addresses)
        return self._hosts[ident]

    def start(self, task: Task, definition: Json) -> None:
        container = serving(definition)
        env = {one["name"]: one["value"] for one in container.get("environment") or []}
        host, port = self.host(task.place), task.ports[0][1] if task.ports else 0
        env |= {
            "HOST": host,
            "PORT": str(port),
            "HOST_ID": task.member or task.place,
            "TASK_ID": task.arn.rsplit("/", 1)[-1],
            "APP_VERSION": container["image"].rpartition(":")[2],
            "ACCESS_LOG": "off",
        }
        with self._lock:
            self._places[task.arn] = (host, port)
        self._order({"start": task.arn, "env": env})

    def signal(self, task: str, *, kill: bool) -> None:
        self._order({"signal": task, "number": int(signal.SIGKILL if kill else signal.SIGTERM)})

    def served(self) -> dict[str, int | None]:
        with self._lock:
            running, ended = dict(self._places), dict(self._ended)
        answers: dict[str, int | None] = {}
        for task, (host, port) in running.items():
            try:
                with urllib.request.urlopen(f"http://{host}:{port}/counts", timeout=COUNTS_TIMEOUT) as response:
                    answers[task] = int(json.load(response)["served"])
            except (OSError, ValueError):
                answers[task] = None
        with self._lock:
            return answers | ended | self._ended

    def close(self) -> None:
        self._closing = True
        if self._zygote.stdin is not None:
            self._zygote.stdin.close()
        try:
            self._zygote.wait(5)
        except subprocess.TimeoutExpired:
            self._zygote.kill()

    def _order(self, document: dict[str, Any]) -> None:
        assert self._zygote.stdin is not None
        with self._lock:
            self._zygote.stdin.write(json.dumps(document) + "\n")
            self._zygote.stdin.flush()

    def _listen(self) -> None:
        assert self._zygote.stdout is not None
        for line in self._zygote.stdout:
            news = json.loads(line)
            if "started" in news:
                self._tell(news["started"], TaskStarted(news["started"]))
            else:
                with self._lock:
                    self._places.pop(news["exited"], None)
                    self._ended[news["exited"]] = news["served"]
                self._tell(news["exited"], TaskExited(news["exited"], news["code"]))
        if not self._closing:
            sys.stderr.write("sandbox: the process that runs the tasks has ended, and no task can run without it\n")
            os.kill(os.getpid(), signal.SIGTERM)


def serving(definition: Json) -> Json:
    """The container that is a process here: the first that listens, else the first; its sidecars are only told of."""
    containers: list[Json] = definition["containerDefinitions"]
    return next((one for one in containers if one.get("portMappings")), containers[0])


def _addresses(network: int) -> Iterator[str]:
    """127.<network>.x.y, one after the other; an address is not used twice while a sandbox lives."""
    for number in range(1, 256 * 254):
        yield f"127.{network}.{number // 254}.{number % 254 + 1}"
