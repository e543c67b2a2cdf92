"""The application that theseus rolls in its demo: small, honest about its own load, and polite when told to stop.

    /                 JSON: message, version, host and task (so does every path not listed here: two services may
                      share this app behind different paths)
    /health           200 while the process can serve
    /slow?seconds=    answers after that many seconds, at most 60
    /stream?seconds=  a chunk every tenth of a second for that long, at most 60
    /counts           requests served and in flight; health checks and /counts itself are not counted

Settings come from the environment: HOST, PORT, APP_MSG, APP_VERSION, HOST_ID, TASK_ID, ACCESS_LOG (``off``), and
DRAIN_GRACE, the seconds it goes on accepting after SIGTERM: a load balancer learns of the end later than we do.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from aiohttp import web

KEEP_ALIVE = 75.0  # seconds; above the 60 s idle timeout of the load balancer, or it meets closed connections (502)
LONGEST = 60.0  # seconds; bounds /slow and /stream
CHUNK_PAUSE = 0.1  # seconds between two chunks of /stream
DRAIN_LIMIT = 3600.0  # seconds; the longest deregistration delay there is. Whoever stops us kills us sooner
BACKLOG = 1024


@dataclass
class Counts:
    """What this process did so far. `served` counts a request when its handler is entered."""

    served: int = 0
    in_flight: int = 0


@dataclass(frozen=True)
class Identity:
    """What an answer says about who gave it."""

    message: str
    version: str
    host: str
    task: str

    @staticmethod
    def of(env: Mapping[str, str]) -> Identity:
        return Identity(
            message=env.get("APP_MSG", "hello"),
            version=env.get("APP_VERSION", "dev"),
            host=env.get("HOST_ID", ""),
            task=env.get("TASK_ID", ""),
        )


class App:
    """One process's application: an identity, its counts, and a handler that answers every path."""

    def __init__(self, identity: Identity, access_log: bool) -> None:
        self.counts = Counts()
        self.leaving = False
        self._body = json.dumps(vars(identity)).encode()
        self._access_log = access_log

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; those that are not about ourselves are counted."""
        if request.path == "/health":
            response: web.StreamResponse = _json(b'{"status": "ok"}')
        elif request.path == "/counts":
            response = _json(json.dumps(vars(self.counts)).encode())
        else:
            response = await self._counted(request)
        if self.leaving and not response.prepared:
            response.force_close()  # or the balancer would keep, and use again, a connection that is about to end
        return response

    async def _counted(self, request: web.BaseRequest) -> web.StreamResponse:
        self.counts.served += 1
        self.counts.in_flight += 1
        started = time.monotonic()
        status = 499  # the client went away before it had an answer
        try:
            response = await self._answer(request)
            status = response.status
            return response
        finally:
            self.counts.in_flight -= 1
            if self._access_log:
                self._log(request, status, time.monotonic() - started)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/slow":
            await asyncio.sleep(_seconds(request))
        elif request.path == "/stream":
            return await self._stream(request)
        return _json(self._body)

    async def _stream(self, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        chunks = max(1, round(_seconds(request) / CHUNK_PAUSE))
        for number in range(chunks):
            await response.write(f"chunk {number + 1} of {chunks}\n".encode())
            await asyncio.sleep(CHUNK_PAUSE)
        await response.write_eof()
        return response

    def _log(self, request: web.BaseRequest, status: int, seconds: float) -> None:
        tracing = request.headers.get("X-Request-Id", "-")
        line = f'{request.remote} "{request.method} {request.path_qs}" {status} {seconds * 1000:.1f}ms {tracing}'
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


async def serve(env: Mapping[str, str]) -> Counts:
    """Serve until SIGTERM or SIGINT, go on for the grace, finish what is in flight, and say what was served."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = App(Identity.of(env), access_log=env.get("ACCESS_LOG", "on") != "off")
    server = web.Server(app.handle, keepalive_timeout=KEEP_ALIVE, access_log=None)
    host, port = env.get("HOST", "0.0.0.0"), int(env.get("PORT", "8080"))
    listener = await loop.create_server(server, host, port, backlog=BACKLOG)
    await stop.wait()
    app.leaving = True
    await asyncio.sleep(float(env.get("DRAIN_GRACE", "2")))
    listener.close()
    server.pre_shutdown()  # idle connections end now, busy ones after their answer
    await server.shutdown(timeout=DRAIN_LIMIT)
    return app.counts


def run(env: Mapping[str, str]) -> NoReturn:
    """Serve with these settings and leave the process, status 0; for a parent that forked with this module loaded."""
    counts = asyncio.run(serve(env))
    sys.stdout.write(f"served={counts.served}\n")
    sys.stdout.flush()
    os._exit(0)  # a forked child must not run its parent's exit handlers


def _seconds(request: web.BaseRequest) -> float:
    try:
        seconds = float(request.query.get("seconds", "1"))
    except ValueError:
        return 1.0
    return min(LONGEST, max(0.0, seconds)) if seconds == seconds else 1.0


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


if __name__ == "__main__":
    run(os.environ)
