"""A tiny HTTP server for tests: it answers as a script says, misbehaves on request, and counts what it was asked."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

Script = Callable[[int, str], str]
"""The number of a request (from 0) and its path -> what to do with it, one of the words of `Server._answer`."""

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
ANSWERS = {
    "ok": OK,
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "ok-close": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
    "502": b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nbad",
    "301": b"HTTP/1.1 301 Moved\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
    "truncated": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello",
    "truncated-chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "half-head": b"HTTP/1.1 200 O",
    "nonsense": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "end-with-close": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
}
HANGS_UP = {"ok-close", "truncated", "truncated-chunks", "half-head", "nonsense", "end-with-close", "ok-then-close"}


@dataclass
class Server:
    """Use as ``async with Server(script) as server``; `url` is its address."""

    script: Script = lambda number, path: "ok"
    host: str = "127.0.0.1"
    port: int = 0
    tls: ssl.SSLContext | None = None
    requests: list[str] = field(default_factory=list)  # X-Request-Id, in order
    paths: list[str] = field(default_factory=list)
    connections: int = 0
    closing_headers: int = 0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/"

    async def __aenter__(self) -> Server:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Refuse from now on, and reset every connection."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while await self._answer(await reader.readuntil(b"\r\n\r\n"), writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, head: bytes, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection is kept."""
        path = head.split(b" ")[1].decode()
        name = re.search(rb"X-Request-Id: (\S+)", head)
        assert name is not None
        number = len(self.requests)
        self.requests.append(name[1].decode())
        self.paths.append(path)
        asked_to_close = b"\r\nConnection: close\r\n" in head
        self.closing_headers += asked_to_close
        word = self.script(number, path)
        if word == "reset":
            _reset(writer)
            return False
        if word == "hang":
            await asyncio.Event().wait()
        if word.startswith("wait "):
            await asyncio.sleep(float(word.removeprefix("wait ")))
        writer.write(ANSWERS.get(word, OK))
        await writer.drain()
        return word not in HANGS_UP and not asked_to_close


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST, as a process that dies with unread input does."""
    connection = writer.get_extra_info("socket")
    if connection is not None and not writer.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
