"""HTTP/1.1 on bytes, as far as a proxy needs it: heads are read and rewritten, bodies are only measured. Pure.

A body is never decoded: `Length` and `Chunked` say how many of the bytes at hand belong to it, and those go through as
they came. What is ambiguous is refused, because two readers that disagree about where a message ends are an attack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

REQUEST_HEAD_MAX = 65_536  # bytes; the load balancer's limit for a whole request head
RESPONSE_HEAD_MAX = 32_768  # bytes; more from a target is a 502 (aws.md 2.5, "502 d")
CHUNK_LINE_MAX = 4_096  # bytes; a chunk size with extensions, or one trailer

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
VALID = re.compile(rb"[-A-Za-z0-9]+")  # bc elbv2:LoadBalancerAttribute, drop_invalid_header_fields
REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (\S+) HTTP/1\.([01])")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: .*)?")
STRAY = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")
HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"te", b"upgrade", b"transfer-encoding"})
SPECIAL = HOP_BY_HOP | {
    b"content-length",
    b"expect",
    b"host",
    b"x-amzn-trace-id",
    b"x-forwarded-for",
    b"x-forwarded-port",
    b"x-forwarded-proto",
}
REPLACED = frozenset({b"x-forwarded-for", b"x-forwarded-port", b"x-forwarded-proto", b"x-amzn-trace-id"})


class Malformed(Exception):  # noqa: N818 - named by what it says of the message
    """The message cannot be understood; *status* is what a client that sent it is told."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Framing(Protocol):
    """How far a body goes. `done` turns true with its last byte."""

    done: bool

    def take(self, data: bytes | bytearray, start: int = 0) -> int:
        """How many bytes of *data* from *start* on belong to the body. Raises: Malformed."""
        ...


class Length:
    """A body of so many bytes; None for one that ends with the connection."""

    def __init__(self, length: int | None) -> None:
        self._left = length
        self.done = length == 0

    def take(self, data: bytes | bytearray, start: int = 0) -> int:
        there = len(data) - start
        if self._left is None:
            return there
        taken = min(self._left, there)
        self._left -= taken
        self.done = self._left == 0
        return taken


class Chunked:
    """A body in chunks. Only the size lines and the trailers are looked at."""

    def __init__(self) -> None:
        self.done = False
        self._line = b""  # the part of a line that has come so far
        self._left = 0  # bytes of the present chunk still to come, its CRLF included
        self._last = False  # the chunk of size zero was seen: trailers until an empty line

    def take(self, data: bytes | bytearray, start: int = 0) -> int:
        at, end = start, len(data)
        while at < end and not self.done:
            if self._left:
                step = min(self._left, end - at)
                self._left -= step
                at += step
                continue
            stop = data.find(b"\n", at)
            self._line += bytes(data[at:] if stop < 0 else data[at : stop + 1])
            if len(self._line) > CHUNK_LINE_MAX:
                raise Malformed(400, "chunk line too long")
            if stop < 0:
                return end - start
            at = stop + 1
            self._read_line(self._line)
            self._line = b""
        return at - start

    def _read_line(self, line: bytes) -> None:
        if not line.endswith(b"\r\n"):
            raise Malformed(400, "chunk line without CRLF")
        if self._last:
            self.done = line == b"\r\n"
            return
        digits = line[:-2].partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,15}", digits):
            raise Malformed(400, "chunk size is not a number")
        size = int(digits, 16)
        self._last = size == 0
        self._left = size + 2 if size else 0


@dataclass(slots=True)
class Request:
    """What a request head says. `lines` are the header lines that go on to the target."""

    method: bytes
    target: bytes
    path: str
    host: str
    old: bool  # HTTP/1.0
    close: bool
    chunked: bool
    length: int
    expects: bool
    lines: list[bytes]
    forwarded_for: bytes
    trace: bytes

    def framing(self) -> Framing:
        return Chunked() if self.chunked else Length(self.length)


@dataclass(slots=True)
class Response:
    """What a response head says. `lines` starts with the status line and is what goes on to the client."""

    status: int
    close: bool
    endless: bool  # it ends with the connection
    framing: Framing
    lines: list[bytes]


def parse_request(head: bytes) -> Request:
    """Read a request head, its final empty line left out.

    Raises: Malformed with 400 for nonsense, 501 for what a target cannot be asked (upgrades, unknown codings).
    """
    if STRAY.search(head):
        raise Malformed(400, "stray CR, LF or NUL")
    first, *lines = head.split(b"\r\n")
    line = REQUEST_LINE.fullmatch(first)
    if line is None:
        raise Malformed(400, "bad request line")
    kept, special = _fields(lines)
    if b"upgrade" in special:
        raise Malformed(501, "upgrades are not supported")
    hosts = special.get(b"host", [])
    if len(hosts) > 1 or (not hosts and line[3] == b"1"):
        raise Malformed(400, "exactly one Host is needed")
    connection = _tokens(special.get(b"connection", []))
    old = line[3] == b"0"
    chunked = _chunked(special)
    return Request(
        method=line[1],
        target=line[2],
        path=_path(line[2]),
        host=(hosts[0] if hosts else b"").decode("latin-1").partition(":")[0].lower(),
        old=old,
        close=old or b"close" in connection,
        chunked=chunked,
        length=_length(special, chunked) or 0,
        expects=b"100-continue" in _tokens(special.get(b"expect", [])),
        lines=_without(kept, connection),
        forwarded_for=b", ".join(special.get(b"x-forwarded-for", [])),
        trace=b";".join(special.get(b"x-amzn-trace-id", [])),
    )


def parse_response(head: bytes, method: bytes) -> Response:
    """Read a response head to a request of *method*, its final empty line left out. Raises: Malformed."""
    first, *lines = head.split(b"\r\n")
    line = STATUS_LINE.fullmatch(first)
    if line is None:
        raise Malformed(502, "bad status line")
    kept, special = _fields(lines)
    status = int(line[2])
    connection = _tokens(special.get(b"connection", []))
    chunked = _chunked(special)
    length = _length(special, chunked)
    framing: Framing
    if method == b"HEAD" or status in {204, 304} or status < 200:
        framing, endless = Length(0), False
    else:
        framing, endless = (Chunked() if chunked else Length(length)), not chunked and length is None
    if chunked:
        kept.append(b"Transfer-Encoding: chunked")
    for name in REPLACED:  # to a client they are headers like any other
        kept.extend(name + b": " + value for value in special.get(name, []))
    close = b"close" in connection or (line[1] == b"0" and b"keep-alive" not in connection)
    version = b"HTTP/1.1" + first[8:]
    return Response(status, close or endless, endless, framing, [version, *_without(kept, connection)])


def valid(line: bytes) -> bool:
    """Whether the name of a header line is one that a load balancer told to drop the others passes on."""
    return VALID.fullmatch(line.partition(b":")[0]) is not None


def _fields(lines: list[bytes]) -> tuple[list[bytes], dict[bytes, list[bytes]]]:
    """Header lines that go on as they are, and the values of those a proxy has to understand."""
    kept: list[bytes] = []
    special: dict[bytes, list[bytes]] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.fullmatch(name):
            raise Malformed(400, "bad header line")
        lower = name.lower()
        if lower in SPECIAL:
            special.setdefault(lower, []).append(value.strip(b" \t"))
        if lower not in HOP_BY_HOP and lower not in REPLACED:
            kept.append(line)
    return kept, special


def _chunked(special: dict[bytes, list[bytes]]) -> bool:
    codings = _tokens(special.get(b"transfer-encoding", []))
    if codings and codings != [b"chunked"]:
        raise Malformed(501, "only the chunked transfer coding is supported")
    if codings and b"content-length" in special:
        raise Malformed(400, "both a length and chunks")
    return bool(codings)


def _length(special: dict[bytes, list[bytes]], chunked: bool) -> int | None:
    lengths = set(special.get(b"content-length", []))
    if len(lengths) > 1 or any(not re.fullmatch(rb"[0-9]{1,18}", length) for length in lengths):
        raise Malformed(400, "bad Content-Length")
    return int(lengths.pop()) if lengths and not chunked else None


def _tokens(values: list[bytes]) -> list[bytes]:
    return [token.strip().lower() for value in values for token in value.split(b",") if token.strip()]


def _without(kept: list[bytes], connection: list[bytes]) -> list[bytes]:
    """A sender may name further headers of this hop only; the framing is not its to take away."""
    named = set(connection) - {b"close", b"keep-alive", b"content-length", b"host"}
    return [line for line in kept if line.partition(b":")[0].lower() not in named] if named else kept


def _path(target: bytes) -> str:
    """The path of a request target, without its query; of an absolute target as well."""
    text = target.decode("latin-1")
    if "://" in text[:8]:
        text = "/" + text.partition("://")[2].partition("/")[2]
    return text.partition("?")[0]
