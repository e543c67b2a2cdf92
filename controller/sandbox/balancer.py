"""The process of one balancer node: ``python -m controller.sandbox.balancer --zone Z --seed N``.

stdin has one JSON document per line: a complete configuration (see `routing.read`), or ``{"ask": "counts"}``. stdout
answers in lines too: ``{"listening": [[host, port]]}`` after each configuration, ``{"error": ...}`` for one that cannot
be used, ``{"health": [...]}`` when a target's health changed, and ``{"counts": {...}}`` each second that has news. The
process leaves when stdin ends, and after ``{"leave": true}`` as soon as it has no client left.

A node that joins others listens once it knows all there is to know, and one that leaves answers whom it has: no client
is led to either too early or too late, as AWS sees to with names (aws.md 2.6).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import socket
import ssl
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

from controller.base.process import die_with_parent
from controller.sandbox.health import FAILED, MISMATCH, TIMEOUT, View, matches, probe
from controller.sandbox.node import Node
from controller.sandbox.routing import Config, LateKey, LatePart, Listening, Place, Target, late_parts, read
from controller.sandbox.tls import Terminator
from controller.sandbox.wire import Client

LINE_MAX = 64 * 1024 * 1024  # bytes of one configuration
CHECKER = b"ELB-HealthChecker/2.0"
LOOK_AGAIN = 0.05  # seconds between two looks at whether a client is left


class Balancer:
    """What a node does besides passing requests on: it takes configurations, checks targets and reports."""

    def __init__(self, rng: random.Random, *, joins: bool = False) -> None:
        self.node = Node(rng)
        self.left = asyncio.Event()
        self._joins = joins
        self._asked: Config | None = None  # what it will listen on once it knows its targets
        self._rng = rng
        self._loop = asyncio.get_running_loop()
        self._servers: dict[str, tuple[Listening, asyncio.Server]] = {}
        self._secured: dict[str, Terminator] = {}
        self._told: dict[LateKey, LatePart] = {}
        self._late: dict[LateKey, asyncio.TimerHandle] = {}
        self._checks: dict[Place, asyncio.Task[None]] = {}
        self._said: dict[str, Any] = {}

    async def obey(self, lines: asyncio.StreamReader) -> None:
        while line := await lines.readline():
            await self.take(json.loads(line))

    async def take(self, document: dict[str, Any]) -> None:
        """One line of stdin."""
        if document.get("ask") == "counts":
            _say({"counts": self.node.counts.as_dict()})
            return
        if document.get("leave"):
            await self._leave()
            return
        try:
            config = read(document)
        except (KeyError, TypeError, ValueError) as error:
            _say({"error": f"{type(error).__name__}: {error}"})
            return
        self._asked = config
        if not self._joins:
            await self._listen(config)
        self.node.config = config
        self._spread(config)
        self._check()
        await self._join()
        _say({"listening": [[place.host, place.port] for place, _ in self._servers.values()]})
        self._announce([place for place in self._checks if place in self.node.views])

    async def _listen(self, config: Config) -> None:
        for arn in [arn for arn, (place, _) in self._servers.items() if _moved(place, config.listeners.get(arn))]:
            self._servers.pop(arn)[1].close()
            self._secured.pop(arn, None)
            self.node.hang_up(arn)
        for arn, place in config.listeners.items():
            try:
                await self._serve(arn, place)
            except ssl.SSLError as error:
                _say({"error": f"cannot serve the certificates of {place.host}:{place.port}: {error}"})
            except OSError as error:
                _say({"error": f"cannot listen on {place.host}:{place.port}: {error.strerror or error}"})

    async def _join(self) -> None:
        """Begin to listen, when nothing is on its way here any more and each target has been judged."""
        views = self.node.views
        judged = all(place in views and views[place].state != "initial" for place in self.node.checked())
        if self._joins and self._asked is not None and not self._late and judged:
            self._joins = False
            await self._listen(self._asked)

    async def _leave(self) -> None:
        """Listen no more. Whoever has connected by then is served, and sent elsewhere with the next answer."""
        self._joins = False
        for check in self._checks.values():
            check.cancel()
        for arn, (place, server) in self._servers.items():
            context = self._secured[arn].context if place.secure is not None else None
            client = partial(Client, self.node, arn, place.port, secure=context is not None)
            waiting = [socket.socket(fileno=os.dup(one.fileno())) for one in server.sockets]
            server.close()
            for one in waiting:
                for connection in accepted(one):
                    await self._loop.connect_accepted_socket(client, connection, ssl=context)
        self._servers.clear()
        self.left.set()

    async def gone(self) -> None:
        """Returns when the node has left and has no client any more."""
        await self.left.wait()
        while self.node.clients:
            for one in self.node.clients:
                one.leave()
            await asyncio.sleep(LOOK_AGAIN)
        _say({"counts": self.node.counts.as_dict()})

    async def _serve(self, arn: str, place: Listening) -> None:
        """Listen there; a listener that does already takes other certificates for the handshakes to come."""
        if place.secure is not None:
            self._secured.setdefault(arn, Terminator()).take(place.secure)
        if arn in self._servers:
            return
        context = self._secured[arn].context if place.secure is not None else None
        client = partial(Client, self.node, arn, place.port, secure=context is not None)
        server = await self._loop.create_server(
            client, place.host, place.port, backlog=1024, reuse_port=True, ssl=context
        )
        self._servers[arn] = (place, server)

    def _spread(self, config: Config) -> None:
        """Rules and registrations arrive one by one, each after a lag of its own (DESIGN.md 6: up to two seconds)."""
        parts = late_parts(config)
        for key in [*(self._told.keys() - parts.keys()), *parts]:
            part = parts.get(key)
            if self._told.get(key) == part:
                continue
            if part is None:
                del self._told[key]
            else:
                self._told[key] = part
            pending = self._late.pop(key, None)
            if pending is not None:
                pending.cancel()
            lag = self._rng.uniform(0, config.lag_max)
            self._late[key] = self._loop.call_later(lag, self._arrive, key, part)

    def _arrive(self, key: LateKey, part: LatePart | None) -> None:
        self._late.pop(key, None)
        self.node.apply(key, part)
        self._check()
        self._joining = self._loop.create_task(self._join())  # kept: the loop holds tasks weakly

    # Health checks

    def _check(self) -> None:
        """One endless check per target that this node knows and has to check."""
        wanted = self.node.checked()
        for place in [place for place in self._checks if place not in wanted]:
            self._checks.pop(place).cancel()
            self.node.saw(place, None)
        for place, target in wanted.items():
            if place not in self._checks:
                self._checks[place] = self._loop.create_task(self._watch(place, target))

    async def _watch(self, place: Place, target: Target) -> None:
        view = View()
        while True:
            group = self.node.config.groups.get(place[0])
            if group is None:
                return
            ok, reason = await _probe(target, group.path, group.settings.timeout, group.settings.matcher)
            before, view = view, probe(view, ok, reason, group.settings)
            self.node.saw(place, view)
            if (view.state, view.reason) != (before.state, before.reason):
                self._announce([place])
                await self._join()
            await asyncio.sleep(group.settings.interval)

    def _announce(self, places: list[Place]) -> None:
        rows = []
        for place in places:
            view = self.node.views[place]
            row = {"group": place[0], "id": place[1], "port": place[2], "state": view.state, "reason": view.reason}
            rows.append(row)
        if rows:
            _say({"health": rows})

    async def report(self) -> None:
        """The counts, each second that has news."""
        while True:
            await asyncio.sleep(1.0)
            counts = self.node.counts.as_dict()
            if counts != self._said:
                self._said = counts
                _say({"counts": counts})


def accepted(listening: socket.socket) -> Iterator[socket.socket]:
    """The connections that wait to be accepted; it is closed right after the last of them."""
    with listening:
        listening.setblocking(False)
        while True:
            try:
                connection, _ = listening.accept()
            except BlockingIOError:
                return
            connection.setblocking(False)
            yield connection


def _moved(was: Listening, now: Listening | None) -> bool:
    """Whether a listener has to be opened anew: elsewhere, or encrypted where it was not."""
    return now is None or (was.host, was.port, was.secure is None) != (now.host, now.port, now.secure is None)


async def _probe(target: Target, path: str, timeout: float, matcher: str) -> tuple[bool, str]:
    """One health check, on a connection of its own; why it failed."""
    writer = None
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(target.address, target.port)
            host = f"{target.address}:{target.port}".encode()
            writer.write(b"GET %s HTTP/1.1\r\nHost: %s\r\n" % (path.encode(), host))
            writer.write(b"Connection: close\r\nUser-Agent: %s\r\nAccept-Encoding: identity\r\n\r\n" % CHECKER)
            line = await reader.readline()
        status = int(line.split(b" ", 2)[1])
        return matches(matcher, status), MISMATCH
    except TimeoutError:
        return False, TIMEOUT
    except (OSError, ValueError, IndexError):
        return False, FAILED
    finally:
        if writer is not None:
            writer.close()


def _say(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, separators=(",", ":")) + "\n")
    sys.stdout.flush()


async def main(seed: int, *, joins: bool) -> None:
    """Serve until stdin ends, or until it has left."""
    balancer = Balancer(random.Random(seed), joins=joins)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE_MAX)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    balancer.node.sweep()
    reporting = loop.create_task(balancer.report())
    leaving = loop.create_task(balancer.gone())
    told = loop.create_task(balancer.obey(reader))
    await asyncio.wait({leaving, told}, return_when=asyncio.FIRST_COMPLETED)
    if told.done():
        told.result()
    reporting.cancel()


if __name__ == "__main__":
    die_with_parent()
    parser = argparse.ArgumentParser()
    parser.add_argument("--zone", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--joins", action="store_true", help="clients are led to other nodes until this one is ready")
    options = parser.parse_args()
    gc.freeze()  # nothing loaded so far will ever be garbage: a collection must not stall requests over it
    asyncio.run(main(options.seed, joins=options.joins))
