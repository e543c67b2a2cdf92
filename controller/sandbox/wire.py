"""The two ends of a request that passes through a balancer node: the client's connection and the target's.

Both are plain asyncio protocols. A body goes from one transport to the other as it comes; whoever cannot take more
pauses the reading of the other side, so nothing is ever held whole.
"""

from __future__ import annotations

import asyncio
import os
import time
from email.utils import formatdate
from http import HTTPStatus
from typing import cast

from controller.sandbox.http1 import (
    REQUEST_HEAD_MAX,
    RESPONSE_HEAD_MAX,
    Malformed,
    Request,
    Response,
    parse_request,
    parse_response,
    valid,
)
from controller.sandbox.node import BAD_GATEWAY, CLIENT_SLOW, TIMED_OUT, Exchange, Node
from controller.sandbox.routing import Fixed, Target

CRLF = "\r\n"
BUFFER_MAX = 65_536  # bytes of a next request that are read while one is being answered


class Client(asyncio.Protocol):
    """A client's connection: requests one after the other, each answered before the next is looked at."""

    def __init__(self, node: Node, listener: str, port: int, *, secure: bool = False) -> None:
        self.listener = listener
        self.port = port
        self.protocol = "HTTPS" if secure else "HTTP"
        self.exchange: Exchange | None = None
        self.last = 0.0
        self._node = node
        self._buffer = bytearray()
        self._reading = True
        self._leaving = False
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]).encode() if peer else b""
        self.last = self._loop.time()
        self._node.clients.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._node.clients.discard(self)
        if self.exchange is not None:
            self._node.aborted(self.exchange)

    def data_received(self, data: bytes) -> None:
        self.last = self._loop.time()
        self._buffer += data
        if self.exchange is None:
            self._next()
        elif not self.exchange.body.done:
            self.pump()
        elif len(self._buffer) > BUFFER_MAX:
            self._read(False)

    def pause_writing(self) -> None:
        if self.exchange is not None and self.exchange.upstream is not None:
            self.exchange.upstream.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.exchange is not None and self.exchange.upstream is not None:
            self.exchange.upstream.transport.resume_reading()

    def _next(self) -> None:
        """Take the requests that are there, until one has to be waited for."""
        while self.exchange is None and self._buffer and not self.transport.is_closing():
            while self._buffer.startswith(b"\r\n"):  # tolerated between two requests
                del self._buffer[:2]
            end = self._buffer.find(b"\r\n\r\n")
            if end > REQUEST_HEAD_MAX or (end < 0 and len(self._buffer) > REQUEST_HEAD_MAX):
                self._refuse(431)
                return
            if end < 0:
                return
            head = bytes(self._buffer[:end])
            del self._buffer[: end + 4]
            try:
                request = parse_request(head)
            except Malformed as problem:
                self._refuse(problem.status)
                return
            exchange = self._node.begin(self, request)
            if not exchange.body.done and self.exchange is exchange:
                self.pump()  # type: ignore[unreachable]  # begin() has set self.exchange

    def _refuse(self, status: int) -> None:
        self._node.refuse(status)
        self.transport.write(_answer(Fixed(status, "text/html", f"<h1>{status}</h1>\n"), head_only=False, close=True))
        self.transport.close()

    def pump(self) -> None:
        """Pass on what has come of the request's body; throw it away when nobody wants it any more."""
        exchange = self.exchange
        if exchange is None:
            return
        if exchange.upstream is None and not exchange.over:
            self._read(False)  # until the target is connected
            return
        try:
            piece = self.body_at_hand(exchange)
        except Malformed:
            self._node.fail(exchange, Fixed(400, "text/html", "<h1>400 Bad Request</h1>\n"))
            self.transport.close()
            return
        if piece and not exchange.over and exchange.upstream is not None:
            exchange.upstream.transport.write(piece)
        if exchange.over and exchange.body.done:
            self._free()

    def body_at_hand(self, exchange: Exchange) -> bytes:
        """Those bytes of the request's body that have been read, and not been passed on. Raises: Malformed."""
        if exchange.body.done or not self._buffer:
            return b""
        taken = exchange.body.take(self._buffer)
        piece = bytes(self._buffer[:taken])
        del self._buffer[:taken]
        return piece

    def respond(self, exchange: Exchange, answer: Fixed) -> None:
        """Answer from here, whatever is left of the request."""
        close = exchange.request.close or self._leaving
        if not self.transport.is_closing():
            self.transport.write(_answer(answer, head_only=exchange.request.method == b"HEAD", close=close))
        self.finish(exchange, answer.status)

    def finish(self, exchange: Exchange, status: int) -> None:
        """The response is complete: on to the next request, when the connection can carry one."""
        self._node.answered(exchange, status)
        request = exchange.request
        if request.close or self._leaving or (request.expects and not exchange.body.done):
            self.transport.close()
        elif exchange.body.done:
            self._free()
        else:
            self._read(True)
            self.pump()

    def _free(self) -> None:
        self.exchange = None
        self._read(True)
        if self._buffer:
            self._loop.call_soon(self._next)

    def _read(self, on: bool) -> None:
        if on is not self._reading and not self.transport.is_closing():
            self._reading = on
            (self.transport.resume_reading if on else self.transport.pause_reading)()

    def go_on(self) -> None:
        """The target can take more."""
        self._read(True)

    def hold(self) -> None:
        """The target cannot take more for now."""
        self._read(False)

    def expire(self) -> None:
        """Nothing moved for the idle timeout."""
        exchange = self.exchange
        if exchange is None or exchange.over:
            self.transport.close()
        else:
            self._node.fail(exchange, TIMED_OUT if exchange.body.done else CLIENT_SLOW)
            self.transport.close()

    def leave(self) -> None:
        """Its next answer is its last; one that has begun to come has said that another may follow."""
        if self.exchange is None or not self.exchange.started:
            self._leaving = True

    def hang_up(self) -> None:
        self._leaving = True
        if self.exchange is None:
            self.transport.close()

    def head_for(self, request: Request) -> bytes:
        """The request's head as the target gets it."""
        forwarded = request.forwarded_for + b", " + self._address if request.forwarded_for else self._address
        # HTTP/1.0 clients cannot read chunks, and the target is the one who knows how not to send them.
        version = b"HTTP/1.0" if request.old else b"HTTP/1.1"
        passed = [one for one in request.lines if valid(one)] if self._node.config.drop_invalid else request.lines
        lines = [
            request.method + b" " + request.target + b" " + version,
            *passed,
            b"X-Forwarded-For: " + forwarded,
            b"X-Forwarded-Proto: " + self.protocol.lower().encode(),
            b"X-Forwarded-Port: %d" % self.port,
            b"X-Amzn-Trace-Id: " + (_trace(b"Self") + b";" + request.trace if request.trace else _trace(b"Root")),
        ]
        if request.chunked:
            lines.append(b"Transfer-Encoding: chunked")
        if request.old:
            lines.append(b"Connection: close")
        return b"\r\n".join(lines) + b"\r\n\r\n"

    @property
    def leaving(self) -> bool:
        return self._leaving


class Upstream(asyncio.Protocol):
    """A connection to a target; kept and used again while both sides allow it."""

    def __init__(self, node: Node, target: Target) -> None:
        self.target = target
        self.exchange: Exchange | None = None
        self.last = 0.0
        self._node = node
        self._buffer = b""
        self._response: Response | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._node.drop(self)
        exchange, response = self.exchange, self._response
        if exchange is None:
            return
        if response is not None and response.endless and exc is None:
            self._complete(exchange, response)
        else:
            self._node.fail(exchange, BAD_GATEWAY)

    def pause_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.client.hold()

    def resume_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.client.go_on()

    def send(self, exchange: Exchange) -> None:
        """Send a request's head, and as much of its body as is there."""
        self.exchange = exchange
        exchange.upstream = self
        self._response = None
        client = exchange.client
        try:
            body = client.body_at_hand(exchange)
        except Malformed:
            self._node.fail(exchange, Fixed(400, "text/html", "<h1>400 Bad Request</h1>\n"))
            client.transport.close()
            return
        client.last = self._loop.time()
        self.transport.write(client.head_for(exchange.request) + body)
        client.go_on()

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:  # nobody asked
            self.transport.abort()
            return
        exchange.client.last = self._loop.time()
        try:
            if self._response is None:
                self._read_head(exchange, self._buffer + data if self._buffer else data)
            else:
                self._pass_on(exchange, self._response, b"", data, 0)
        except Malformed:
            self._node.fail(exchange, BAD_GATEWAY)

    def _read_head(self, exchange: Exchange, data: bytes) -> None:
        """Read heads until one is final; those that are not (100 Continue) go to the client as they are."""
        start = 0
        while True:
            end = data.find(b"\r\n\r\n", start)
            if end - start > RESPONSE_HEAD_MAX or (end < 0 and len(data) - start > RESPONSE_HEAD_MAX):
                raise Malformed(502, "response head too large")
            if end < 0:
                self._buffer = data[start:]
                return
            response = parse_response(data[start:end], exchange.request.method)
            if response.status == 101:
                raise Malformed(502, "a switch of protocols nobody asked for")
            if response.status >= 200:
                break
            if not exchange.request.old:
                exchange.client.transport.write(data[start : end + 4])
            start = end + 4
        self._buffer = b""
        self._response = response
        self._node.counts.by_target_status[str(response.status)] += 1
        client = exchange.client
        close = exchange.request.close or client.leaving or (response.endless and not exchange.request.old)
        if close:
            exchange.request.close = True
        response.lines.append(b"Connection: close" if close else b"Connection: keep-alive")
        response.lines += self._node.cookies(exchange, response)
        exchange.started = True
        self._pass_on(exchange, response, b"\r\n".join(response.lines) + b"\r\n\r\n", data, end + 4)

    def _pass_on(self, exchange: Exchange, response: Response, head: bytes, data: bytes, start: int) -> None:
        """Write the head and what there is of the body in one go."""
        taken = 0 if response.framing.done else response.framing.take(data, start)
        surplus = start + taken < len(data)
        piece = data if not head and not surplus else head + data[start : start + taken]
        exchange.client.transport.write(piece)
        if response.framing.done:
            response.close = response.close or surplus
            self._complete(exchange, response)

    def _complete(self, exchange: Exchange, response: Response) -> None:
        self.exchange = None
        self.last = self._loop.time()
        if response.close or exchange.request.old or not exchange.body.done:
            self.transport.close()
        else:
            self.transport.resume_reading()
            self._node.keep(self)
        exchange.upstream = None
        exchange.client.finish(exchange, response.status)


def _answer(answer: Fixed, *, head_only: bool, close: bool) -> bytes:
    """A response of the balancer's own."""
    body = answer.body.encode()
    reason = HTTPStatus(answer.status).phrase if answer.status in HTTPStatus._value2member_map_ else ""
    head = (
        f"HTTP/1.1 {answer.status} {reason}\r\nServer: awselb/2.0\r\nDate: {formatdate(usegmt=True)}\r\n"
        f"Content-Type: {answer.type}\r\nContent-Length: {len(body)}\r\n"
        f"{f'Location: {answer.location}{CRLF}' if answer.location else ''}"
        f"Connection: {'close' if close else 'keep-alive'}\r\n\r\n"
    )
    return head.encode("latin-1", "replace") + (b"" if head_only else body)


def _trace(kind: bytes) -> bytes:
    return b"%s=1-%08x-%s" % (kind, int(time.time()), os.urandom(12).hex().encode())
