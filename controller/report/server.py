"""The loop's own HTTP server: /healthz, /metrics and /status, from one immutable snapshot, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

from controller.base.clock import Clock, SystemClock
from controller.base.errors import Refused
from controller.report.snapshot import Snapshot, metrics

PORT_MAX = 65535


@contextlib.contextmanager
def serve(listen: str, snapshot: Callable[[], Snapshot], clock: Clock | None = None) -> Iterator[tuple[str, int]]:
    """Serve on ``HOST:PORT`` (port 0: any free one) while the block lasts; the address. Raises Refused when taken."""
    host, _, port = listen.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= PORT_MAX):
        raise Refused(f"--listen {listen}: expected HOST:PORT")
    ready: list[tuple[str, int] | OSError] = []
    known, stop = threading.Event(), threading.Event()
    work = _work(host.strip("[]") or "127.0.0.1", int(port), snapshot, clock or SystemClock(), ready, known, stop)
    thread = threading.Thread(target=lambda: asyncio.run(work), name="status", daemon=True)
    thread.start()
    known.wait(10)
    if not ready or isinstance(ready[0], OSError):
        raise Refused(f"--listen {listen}: {ready[0].strerror if ready else 'no answer'}")  # type: ignore[union-attr]
    try:
        yield ready[0]
    finally:
        stop.set()
        thread.join(5)


async def _work(
    host: str,
    port: int,
    snapshot: Callable[[], Snapshot],
    clock: Clock,
    ready: list[Any],
    known: threading.Event,
    stop: threading.Event,
) -> None:
    from aiohttp import web

    async def healthz(_: web.Request) -> web.Response:
        bad = snapshot().unhealthy(clock.now())
        return web.Response(text="\n".join(bad) or "ok", status=503 if bad else 200)

    async def measured(_: web.Request) -> web.Response:
        return web.Response(body=metrics(snapshot()), headers={"Content-Type": "text/plain; version=0.0.4"})

    async def status(_: web.Request) -> web.Response:
        return web.Response(text=json.dumps(snapshot().document(), default=str), content_type="application/json")

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/metrics", measured), web.get("/status", status)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        ready.append(runner.addresses[0][:2])
        known.set()
        await asyncio.to_thread(stop.wait)
    except OSError as error:
        ready.append(error)
    finally:
        known.set()
        await runner.cleanup()
