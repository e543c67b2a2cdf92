"""The load balancers' node processes: one per load balancer and zone, told what to do and heard."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from controller.base.process import die_with_parent

Place = tuple[str, str]
"""(load balancer ARN, zone)."""

ASK_TIMEOUT = 3.0  # seconds


class Balancers(Protocol):
    """What the cloud asks of its load balancers."""

    def set(self, wanted: Mapping[Place, Mapping[str, Any]]) -> None:
        """Make the nodes be these, each with its configuration. Called often; unchanged ones are left alone."""
        ...

    def counts(self) -> dict[str, dict[str, int]]:
        """Totals by load balancer, of nodes that have ended too, as of now."""
        ...

    def heard(self) -> dict[str, dict[str, int]]:
        """The same as last heard: each node tells once a second."""
        ...

    def close(self) -> None: ...


class LiveBalancers:
    """Real processes. *seen* gets (zone, rows of health news), from other threads."""

    def __init__(self, seen: Callable[[str, list[dict[str, Any]]], None], seed: int) -> None:
        self._seen = seen
        self._seed = seed
        self._nodes: dict[Place, _Process] = {}
        self._left: list[tuple[str, _Process]] = []  # of zones that were given up, with clients to answer
        self._past: dict[str, Counter[str]] = {}

    def set(self, wanted: Mapping[Place, Mapping[str, Any]]) -> None:
        for place in [place for place in self._nodes if place not in wanted]:
            node = self._nodes.pop(place)
            if any(arn == place[0] for arn, _ in wanted):
                node.leave()
                self._left.append((place[0], node))
            else:
                self._past.setdefault(place[0], Counter()).update(node.ask())
                node.close()
        for place, config in wanted.items():
            if place not in self._nodes:
                joins = any(arn == place[0] for arn, _ in self._nodes)
                self._nodes[place] = _Process(place, self._seed + len(self._nodes), self._seen, joins=joins)
            self._nodes[place].tell(config)

    def counts(self) -> dict[str, dict[str, int]]:
        for arn, node in [one for one in self._left if one[1].over]:
            self._left.remove((arn, node))
            self._past.setdefault(arn, Counter()).update(node.ask())
        totals = {arn: Counter(past) for arn, past in self._past.items()}
        for arn, node in self._all():
            totals.setdefault(arn, Counter()).update(node.ask())
        return {arn: dict(total) for arn, total in totals.items()}

    def heard(self) -> dict[str, dict[str, int]]:
        totals = {arn: Counter(past) for arn, past in self._past.items()}
        for arn, node in self._all():
            totals.setdefault(arn, Counter()).update(node.told)
        return {arn: dict(total) for arn, total in totals.items()}

    def _all(self) -> list[tuple[str, _Process]]:
        return [*((arn, node) for (arn, _), node in list(self._nodes.items())), *self._left]

    def errors(self) -> list[str]:
        return [error for node in self._nodes.values() for error in node.errors]

    def close(self) -> None:
        for node in (*self._nodes.values(), *(node for _, node in self._left)):
            node.close()
        self._nodes.clear()
        self._left.clear()


class _Process:
    """One node. *joins* others of its load balancer; `over`: it has left."""

    def __init__(
        self, place: Place, seed: int, seen: Callable[[str, list[dict[str, Any]]], None], *, joins: bool
    ) -> None:
        self._zone = place[1]
        self._seen = seen
        self._told = ""
        self._counts: dict[str, int] = {}
        self._asked = threading.Event()
        self._leaving = False
        self.over = False
        self.errors: list[str] = []
        arguments = ["--zone", place[1], "--seed", str(seed), *(["--joins"] if joins else [])]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "controller.sandbox.balancer", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=die_with_parent,
            text=True,
        )
        threading.Thread(target=self._listen, name=f"balancer {place[1]}", daemon=True).start()

    def tell(self, config: Mapping[str, Any]) -> None:
        line = json.dumps(config, sort_keys=True)
        if line != self._told:
            self._told = line
            self._write(line)

    def ask(self) -> dict[str, int]:
        """The counts at this moment; the last known when the node does not answer."""
        if self.over:
            return self._counts
        self._asked.clear()
        self._write('{"ask": "counts"}')
        self._asked.wait(ASK_TIMEOUT)
        return self._counts

    @property
    def told(self) -> dict[str, int]:
        return self._counts

    def leave(self) -> None:
        """Its zone is given up: whom it has it serves, and then it goes by itself."""
        self._leaving = True
        self._write('{"leave": true}')

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _write(self, line: str) -> None:
        if self._process.stdin is None:
            return
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            if not self._leaving:
                self.errors.append(f"the balancer node of {self._zone} is gone")

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            news = json.loads(line)
            if "health" in news:
                self._seen(self._zone, news["health"])
            elif "counts" in news:
                self._counts = _flat(news["counts"])
                self._asked.set()
            elif "error" in news:
                self.errors.append(f"{time.strftime('%H:%M:%S')} {news['error']}")
                sys.stderr.write(f"sandbox: balancer node of {self._zone}: {news['error']}\n")
        self.over = True
        self._asked.set()


def _flat(counts: Mapping[str, Any]) -> dict[str, int]:
    flat: dict[str, int] = {}
    for name, value in counts.items():
        if isinstance(value, Mapping):
            flat.update({f"{name}.{key}": number for key, number in value.items()})
        else:
            flat[name] = value
    return flat
