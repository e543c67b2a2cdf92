"""Where a watched URL points: its parts, its addresses, and which of them take connections. A file of effects."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from controller.base.errors import Refused
from controller.report.probe_http import Connection

WRITABLE = re.compile(r"[!-~]+")  # what may stand in a request line: visible ASCII, no spaces
CONNECT_MAX = 5.0  # seconds to find out whether an address takes connections


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a URL points, taken apart once."""

    url: str
    host: str
    port: int
    netloc: str
    path: str
    tls: ssl.SSLContext | None

    @staticmethod
    def of(url: str) -> Origin:
        """Raises: Refused, for what is not an http or https URL."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise Refused(f"not a URL: {url!r}: {error}") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname or not WRITABLE.fullmatch(url):
            raise Refused(f"not a URL of the form http://host[:port]/path: {url!r}")
        secure = parts.scheme == "https"
        return Origin(
            url=url,
            host=parts.hostname,
            port=port or (443 if secure else 80),
            netloc=parts.netloc.rpartition("@")[2],
            path=_path(parts),
            tls=ssl.create_default_context() if secure else None,
        )


def plainly(error: OSError) -> str:
    """Why a connection could not be made, without the decoration asyncio puts around it."""
    return os.strerror(error.errno) if error.errno and not isinstance(error, ssl.SSLError) else str(error)


async def connect(origin: Origin, address: str) -> Connection:
    """A new connection to *address*, encrypted where the URL says so. Raises: OSError."""
    loop = asyncio.get_running_loop()
    name = origin.host if origin.tls else None
    _, connection = await loop.create_connection(Connection, address, origin.port, ssl=origin.tls, server_hostname=name)
    return connection


async def resolve(origin: Origin) -> list[str]:
    """The addresses of the host, in the resolver's order; [] when there are none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def answering(origin: Origin, addresses: list[str]) -> tuple[list[str], dict[str, str]]:
    """Those of *addresses* that take a connection now, and why the others did not.

    A name may list address families that its server does not listen on; those are not the service's fault.
    """

    async def why_not(address: str) -> str | None:
        try:
            (await asyncio.wait_for(connect(origin, address), CONNECT_MAX)).close()
        except TimeoutError:
            return f"no connection in {CONNECT_MAX:g} s"
        except OSError as error:
            return plainly(error)
        return None

    reasons = dict(zip(addresses, await asyncio.gather(*map(why_not, addresses)), strict=True))
    return [a for a, why in reasons.items() if why is None], {a: why for a, why in reasons.items() if why is not None}


def _path(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
