"""The prober's own HTTP/1.1: one request on one connection at a time, and never a second try.

A client library is of no use here. aiohttp sends an idempotent request again when a kept connection turns out to be
closed, and has no public switch for it (`ClientSession._retry_connection`): it would hide the very losses that we look
for. So a connection is written to once per request, and says once how that request ended.

A kept connection that the other side closes while it is idle is *dead* as soon as the kernel knows of it, and is not
used: nothing was sent, nothing is lost. If the close crosses our request on its way, that request was sent and lost,
and it is counted.
"""

from __future__ import annotations

import asyncio
import re
import select
from collections.abc import Callable
from dataclasses import dataclass

HEAD_MAX = 65_536  # bytes of a response head; a load balancer allows targets half of it
CHUNK_LINE_MAX = 4_096  # bytes of a chunk's size, its extensions included
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [^\r\n]*)?")
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")


class Malformed(Exception):  # noqa: N818 - named by what it says of the answer
    """The answer is not HTTP as we understand it."""


class ResponseReader:
    """Reads one response from bytes as they come. Pure.

    `status` is None until the head is complete (interim 1xx answers are passed over); `done` turns true with the last
    byte; `closes` says that the connection cannot be used again; `began` that any byte came at all.
    """

    __slots__ = ("_buffer", "_chunked", "_in_trailer", "_left", "began", "closes", "done", "status")

    def __init__(self) -> None:
        self.status: int | None = None
        self.began = self.done = self.closes = False
        self._buffer = b""
        self._chunked = self._in_trailer = False
        self._left: int | None = 0  # bytes still to come of the body, or of the present chunk; None: until the end

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises: Malformed."""
        self.began = True
        if self.done:
            raise Malformed("bytes after the end of the answer")
        self._buffer = self._buffer + data if self._buffer else data
        while self.status is None:
            if not self._read_head():
                return
        if self._chunked:
            self._read_chunks()
        else:
            self._read_plain()

    def end(self) -> None:
        """The other side closed: for a body without a length that is how it ends."""
        if self.status is not None and not self._chunked and self._left is None:
            self.done = True

    def _read_head(self) -> bool:
        """Whether a head was complete; an interim one leaves `status` at None."""
        stop = self._buffer.find(b"\r\n\r\n")
        if stop > HEAD_MAX or (stop < 0 and len(self._buffer) > HEAD_MAX):
            raise Malformed(f"a response head of more than {HEAD_MAX} bytes")
        if stop < 0:
            return False
        first, *lines = self._buffer[:stop].split(b"\r\n")
        self._buffer = self._buffer[stop + 4 :]
        status_line = STATUS_LINE.fullmatch(first)
        if status_line is None:
            raise Malformed(f"not a status line: {first[:80].decode('latin-1')!r}")
        status = int(status_line[2])
        if status >= 200:
            self._frame(status, old=status_line[1] == b"0", lines=lines)
            self.status = status
        elif status == 101:
            raise Malformed("101 without being asked to switch protocols")
        return True

    def _frame(self, status: int, *, old: bool, lines: list[bytes]) -> None:
        length: int | None = None
        tokens = b""
        for line in lines:
            name, _, value = line.partition(b":")
            match name.lower():
                case b"content-length":
                    if not value.strip().isdigit() or length not in {None, int(value)}:
                        raise Malformed("bad Content-Length")
                    length = int(value)
                case b"transfer-encoding":
                    if value.strip().lower() != b"chunked":
                        raise Malformed("a transfer coding other than chunked")
                    self._chunked = True
                case b"connection":
                    tokens += value.lower() + b","
        if status in {204, 304}:
            length, self._chunked = 0, False
        self._left = 0 if self._chunked else length
        self.closes = b"close" in tokens or (old and b"keep-alive" not in tokens) or self._left is None

    def _read_plain(self) -> None:
        came, self._buffer = len(self._buffer), b""
        if self._left is None:
            return
        if came > self._left:
            raise Malformed("bytes after the end of the answer")
        self._left -= came
        self.done = self._left == 0

    def _read_chunks(self) -> None:
        assert self._left is not None
        buffer, at = self._buffer, 0
        while not self.done:
            if self._left:  # the present chunk, the CRLF behind it included
                step = min(self._left, len(buffer) - at)
                self._left -= step
                at += step
                if self._left:
                    break
            stop = buffer.find(b"\r\n", at)
            if stop - at > CHUNK_LINE_MAX or (stop < 0 and len(buffer) - at > CHUNK_LINE_MAX):
                raise Malformed("a chunk line without an end")
            if stop < 0:
                break
            self._read_chunk_line(buffer[at:stop])
            at = stop + 2
        self._buffer = buffer[at:]
        if self.done and self._buffer:
            raise Malformed("bytes after the end of the answer")

    def _read_chunk_line(self, line: bytes) -> None:
        if self._in_trailer:
            self.done = not line
            return
        size = CHUNK_SIZE.fullmatch(line)
        if size is None:
            raise Malformed("a chunk size that is not a number")
        length = int(size[1], 16)
        self._in_trailer = length == 0
        self._left = length + 2 if length else 0


@dataclass(frozen=True, slots=True)
class Ending:
    """How a request ended. `kind` is None for success; `answered` when a complete response was read."""

    kind: str | None
    answered: bool = False
    detail: str = ""


def judge(status: int) -> Ending:
    """What a complete response with *status* amounts to: 2xx is success, and nothing else is expected."""
    if 200 <= status < 300:
        return Ending(None, answered=True)
    kind = f"status_{status}" if status >= 500 else "unexpected_status"
    return Ending(kind, answered=True, detail=f"status {status}")


class Connection(asyncio.Protocol):
    """One connection. `send` may be called when `usable`; *ended* is then called exactly once for that request."""

    __slots__ = ("_ended", "_reader", "_transport", "dead", "idle_since", "peer")

    def __init__(self) -> None:
        self.dead = False
        self.idle_since = 0.0
        self.peer = ""
        self._reader: ResponseReader | None = None
        self._ended: Callable[[Connection, Ending], None] | None = None
        self._transport: asyncio.Transport | None = None

    @property
    def usable(self) -> bool:
        return not self.dead and self._ended is None

    def still(self) -> bool:
        """Whether nothing has come since the last answer. What comes unasked is the other side's goodbye, and the
        kernel may know of it before this loop does."""
        if self._transport is None or self._transport.is_closing():
            return False
        waiting = select.poll()
        waiting.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not waiting.poll(0)

    def send(self, request: bytes, ended: Callable[[Connection, Ending], None]) -> None:
        """Write *request*; *ended* learns how it went, before or after this returns."""
        assert self._ended is None
        self._ended, self._reader = ended, ResponseReader()
        if self.dead or self._transport is None or self._transport.is_closing():
            self._finish(Ending("reset", detail="closed before the request could be written"))
            return
        self._transport.write(request)

    def close(self) -> None:
        """Hang up. A request still under way is forgotten: whoever closes has counted it."""
        self.dead, self._ended = True, None
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self.peer = f"{peer[0]}:{peer[1]}" if peer else ""

    def data_received(self, data: bytes) -> None:
        if self._ended is None or self._reader is None:
            self.close()  # nobody asked: an idle connection that speaks (a 408, say) is about to go
            return
        try:
            self._reader.feed(data)
        except Malformed as error:
            self._finish(Ending("malformed", detail=str(error)))
            return
        if self._reader.done:
            self._complete()

    def eof_received(self) -> bool:
        self._lost("closed")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(str(exc) if exc else "closed")

    def _lost(self, why: str) -> None:
        self.dead = True
        if self._ended is None or self._reader is None:
            return
        self._reader.end()
        if self._reader.done:
            self._complete()
        elif self._reader.began:
            self._finish(Ending("truncated", detail=f"{why} in the middle of the answer"))
        else:
            self._finish(Ending("reset", detail=f"{why} before an answer came"))

    def _complete(self) -> None:
        assert self._reader is not None
        assert self._reader.status is not None
        if self._reader.closes:
            self.dead = True
        self._finish(judge(self._reader.status))

    def _finish(self, ending: Ending) -> None:
        ended, self._ended, self._reader = self._ended, None, None
        assert ended is not None
        self.dead = self.dead or not ending.answered
        ended(self, ending)
        if self.dead:
            self.close()
