"""The availability prober: requests on a steady schedule, each counted exactly once, none sent twice.

*Open loop*: request number n is due n/rate seconds after the start, whatever became of the others. A service that
stalls for two seconds at 100 requests a second meets 200 requests, not one, and their latencies count from the moment
each was due. If this client itself is late by more than `LATE_MAX`, or out of sockets, what it could not send in time
is reported as unsent: sending it later would be another experiment.

Addresses of the name that take a connection at the start are used in turn, and asked for anew every `RESOLVE_EVERY`;
a request whose address refuses is a failed request, because another address that would have taken it is no help to a
client that does not try it.
"""

from __future__ import annotations

import asyncio
import errno
import json
import random
import resource
import signal
import sys
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from typing import TextIO

from controller.base.clock import SystemClock
from controller.base.errors import Refused
from controller.report.probe_http import Connection, Ending
from controller.report.probe_origin import WRITABLE, Origin, answering, connect, plainly, resolve
from controller.report.probe_result import Result, Sample, Tally, progress, to_json, to_text

RATE_MAX = 10_000  # requests a second; far above what one Python process can send, which `unsent` would show
LATE_MAX = 1.0  # seconds that a request may be sent after it was due; then it counts as unsent
IDLE_MAX = 20.0  # seconds a connection is kept unused; well under the 60 s after which a load balancer hangs up
RESOLVE_EVERY = 30.0  # seconds; half the lifetime of a load balancer's DNS answer
PLAIN_EVERY = 10  # seconds between two progress lines where they cannot be overwritten
SOCKETS_MAX = 65_536
OURS = {errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM}  # this client is out of sockets


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """rate in requests a second; duration None: until stopped. Ratios are shares of all requests, chosen at random."""

    rate: float = 10.0
    duration: timedelta | None = None
    slow_ratio: float = 0.0
    slow_path: str = "/slow?seconds=2"  # of the URL's scheme, host and port
    fresh_ratio: float = 0.5  # on a connection of their own, with Connection: close
    timeout: timedelta = timedelta(seconds=10)
    seed: int | None = None

    def __post_init__(self) -> None:
        """Raises: Refused, for what makes no schedule."""
        if not 0 < self.rate <= RATE_MAX:
            raise Refused(f"rate: expected more than 0 and at most {RATE_MAX} requests a second, got {self.rate:g}")
        for name, ratio in (("slow-ratio", self.slow_ratio), ("fresh-ratio", self.fresh_ratio)):
            if not 0 <= ratio <= 1:
                raise Refused(f"{name}: expected a share from 0 to 1, got {ratio:g}")
        if not self.slow_path.startswith("/") or not WRITABLE.fullmatch(self.slow_path):
            raise Refused(f"slow-path: expected a path that starts with /, got {self.slow_path!r}")
        if self.timeout <= timedelta(0) or (self.duration is not None and self.duration <= timedelta(0)):
            raise Refused("timeout and duration: expected more than 0 s")


async def watch(url: str, options: WatchOptions, stop: asyncio.Event, on_second: Callable[[Sample], None]) -> Result:
    """Send requests to *url* until *stop* or the duration is over; wait for those under way; say how all of them ended.

    *on_second* is called once for every second of the run, in order, when it is over.
    Raises: Refused, when the URL is none or no address of it takes a connection, before anything is sent.
    """
    origin = Origin.of(url)
    addresses, silent = await answering(origin, await resolve(origin))
    if not addresses:
        tried = "; ".join(f"{address}: {why}" for address, why in silent.items()) or f"{origin.host} has no address"
        raise Refused(f"nothing was sent, because nothing takes connections at {url} ({tried})")
    return await _Run(origin, options, addresses, on_second).until(stop)


def run_watch(url: str, options: WatchOptions, *, as_json: bool, out: TextIO, err: TextIO) -> int:
    """`watch` until its duration, SIGINT or SIGTERM; progress to *err*, the report to *out*; the exit code.

    0 none failed, 4 some failed, 1 nothing was ever reached, 130 or 143 a signal ended it (the report is written).
    """
    _allow_sockets()
    try:
        result, signalled = asyncio.run(_watch_signals(url, options, err))
    except Refused as refused:
        print(f"error: {refused}", file=err)
        return 1
    out.write(json.dumps(to_json(result), indent=2) + "\n" if as_json else to_text(result))
    out.flush()
    if signalled is not None:
        return 128 + signalled
    return 4 if result.failed else 0


@dataclass(slots=True, eq=False)
class _Request:
    """One request under way. Over when it is no longer in `_Run.under_way`."""

    due: float  # seconds from the start
    name: str
    slow: bool
    fresh: bool
    address: str
    timer: asyncio.TimerHandle | None = None
    counted: bool = False  # as sent
    connection: Connection | None = None
    connecting: asyncio.Task[None] | None = None


@dataclass(slots=True)
class _Pool:
    """Idle connections per address, used in turn so that none of them goes unused for long."""

    idle: dict[str, deque[Connection]] = field(default_factory=dict)

    def take(self, address: str, now: float) -> Connection | None:
        queue = self.idle.get(address, deque())
        while queue:
            connection = queue.popleft()
            if connection.usable and connection.still() and now - connection.idle_since < IDLE_MAX:
                return connection
            connection.close()
        return None

    def give(self, address: str, connection: Connection, now: float) -> None:
        connection.idle_since = now
        self.idle.setdefault(address, deque()).append(connection)

    def close(self) -> None:
        for queue in self.idle.values():
            for connection in queue:
                connection.close()


class _Run:
    """One run: a chain of timers that send, and callbacks that count."""

    def __init__(
        self, origin: Origin, options: WatchOptions, addresses: list[str], on_second: Callable[[Sample], None]
    ) -> None:
        self.origin, self.options, self.on_second = origin, options, on_second
        self.addresses = addresses
        self.loop = asyncio.get_running_loop()
        self.clock = SystemClock()
        self.tally = Tally(self.clock.now())
        self.start = self.loop.time()
        self.random = random.Random(options.seed)
        self.prefix = uuid.uuid4().hex[:8]
        self.pool = _Pool()
        self.under_way: set[_Request] = set()
        self.limit = None if options.duration is None else ceil(options.rate * options.duration.total_seconds())
        self.number = 0  # of the next request
        self.stopping = False
        self.all_sent = asyncio.Event()
        self.all_over = asyncio.Event()
        self.timer: asyncio.TimerHandle | None = None

    async def until(self, stop: asyncio.Event) -> Result:
        self._send_due()
        seconds = asyncio.create_task(self._tell_seconds())
        resolving = asyncio.create_task(self._resolve_again())
        waits = [asyncio.create_task(stop.wait()), asyncio.create_task(self.all_sent.wait())]
        try:
            await asyncio.wait([*waits, seconds], return_when=asyncio.FIRST_COMPLETED)
            self.stopping = True
            if self.timer is not None:
                self.timer.cancel()
            if self.under_way:
                await self.all_over.wait()
            ended = self.clock.now()
            if seconds.done():
                seconds.result()  # on_second failed: so do we
        finally:
            for task in (*waits, seconds, resolving):
                task.cancel()
            self._abandon()
        while self.tally.open_seconds:
            self.on_second(self.tally.close_second())
        return self.tally.result(self.origin.url, self.options.rate, ended)

    def now(self) -> float:
        return self.loop.time() - self.start

    def _send_due(self) -> None:
        """Send what is due, and come back when the next one is."""
        now = self.now()
        while not self.stopping and self.number != self.limit and self.number / self.options.rate <= now:
            due = self.number / self.options.rate
            self.number += 1
            if now - due > LATE_MAX:
                self.tally.count_unsent()
            else:
                self._launch(due)
        if self.number == self.limit:  # the last one's turn lasts as long as everyone's
            self.timer = self.loop.call_at(self.start + self.number / self.options.rate, self.all_sent.set)
        else:
            self.timer = self.loop.call_at(self.start + self.number / self.options.rate, self._send_due)

    def _launch(self, due: float) -> None:
        slow = self.random.random() < self.options.slow_ratio
        fresh = self.random.random() < self.options.fresh_ratio
        address = self.addresses[self.number % len(self.addresses)]
        request = _Request(due, f"{self.prefix}-{self.number}", slow, fresh, address)
        request.timer = self.loop.call_later(self.options.timeout.total_seconds(), self._expire, request)
        self.under_way.add(request)
        self.all_over.clear()
        connection = None if fresh else self.pool.take(request.address, self.loop.time())
        if connection is None:
            request.connecting = self.loop.create_task(self._connect(request))
        else:
            self._send(request, connection)

    async def _connect(self, request: _Request) -> None:
        """A connection of its own for *request*; what goes wrong is an ending like any other."""
        try:
            connection = await connect(self.origin, request.address)
        except OSError as error:
            if error.errno in OURS:
                self._over(request)
                self.tally.count_unsent()
            else:
                self._count(request, Ending("connect", detail=plainly(error)), None)
            return
        self._send(request, connection)

    def _send(self, request: _Request, connection: Connection) -> None:
        request.connection = connection
        request.counted = True
        self.tally.count_sent(self.now())

        def ended(connection: Connection, ending: Ending) -> None:
            if not request.fresh and connection.usable:
                self.pool.give(request.address, connection, self.loop.time())
            elif request.fresh:
                connection.dead = True
            self._count(request, ending, connection)

        connection.send(self._bytes(request), ended)

    def _expire(self, request: _Request) -> None:
        what = "no connection" if request.connection is None else "no complete answer"
        connection = request.connection
        if request.connecting is not None:
            request.connecting.cancel()
        self._count(
            request, Ending("timeout", detail=f"{what} in {self.options.timeout.total_seconds():g} s"), connection
        )
        if connection is not None:
            connection.close()

    def _count(self, request: _Request, ending: Ending, connection: Connection | None) -> None:
        """The one place where a request's end is counted."""
        self._over(request)
        now = self.now()
        if not request.counted:
            self.tally.count_sent(now)
        if ending.kind is None:
            self.tally.count_ok(now, now - request.due, slow=request.slow)
            return
        target = connection.peer if connection is not None else None
        self.tally.count_failed(now, ending.kind, request.name, target, ending.detail, answered=ending.answered)

    def _over(self, request: _Request) -> None:
        self.under_way.remove(request)  # a second ending of one request is a bug, and raises here
        assert request.timer is not None
        request.timer.cancel()
        if not self.under_way:
            self.all_over.set()

    def _bytes(self, request: _Request) -> bytes:
        path = self.options.slow_path if request.slow else self.origin.path
        connection = "Connection: close\r\n" if request.fresh else ""
        return (
            f"GET {path} HTTP/1.1\r\nHost: {self.origin.netloc}\r\nUser-Agent: theseus-watch\r\nAccept: */*\r\n"
            f"X-Request-Id: {request.name}\r\n{connection}\r\n"
        ).encode("ascii")

    async def _tell_seconds(self) -> None:
        for second in range(sys.maxsize):
            await asyncio.sleep(max(0.0, second + 1 - self.now()))
            self.on_second(self.tally.close_second())

    async def _resolve_again(self) -> None:
        """Follow the name: a load balancer that grows or moves changes its addresses."""
        while True:
            await asyncio.sleep(RESOLVE_EVERY)
            listed = await resolve(self.origin)
            known = [address for address in self.addresses if address in listed]
            added, _ = await answering(self.origin, [address for address in listed if address not in self.addresses])
            self.addresses = [*known, *added] or self.addresses

    def _abandon(self) -> None:
        for request in self.under_way:
            if request.timer is not None:
                request.timer.cancel()
            if request.connecting is not None:
                request.connecting.cancel()
            if request.connection is not None:
                request.connection.close()
        self.pool.close()


async def _watch_signals(url: str, options: WatchOptions, err: TextIO) -> tuple[Result, int | None]:
    """`watch`, stopped by SIGINT or SIGTERM; which of them it was, if any."""
    loop, stop, caught = asyncio.get_running_loop(), asyncio.Event(), list[int]()

    def stopping(number: int) -> None:
        caught.append(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping, number)
    terminal, told = err.isatty(), False

    def tell(sample: Sample) -> None:
        nonlocal told
        if terminal:
            told = True
            err.write(f"\r{progress(sample)}\x1b[K")
            err.flush()
        elif (sample.second + 1) % PLAIN_EVERY == 0:
            err.write(progress(sample) + "\n")
            err.flush()

    try:
        result = await watch(url, options, stop, tell)
    finally:
        if told:
            err.write("\n")
    return result, caught[0] if caught else None


def _allow_sockets() -> None:
    """In an outage each request holds a socket until its timeout: take all that the hard limit lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = SOCKETS_MAX if hard == resource.RLIM_INFINITY else min(hard, SOCKETS_MAX)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
