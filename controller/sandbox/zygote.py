"""The process tasks are forked from: it has loaded the application once, so that a task starts in milliseconds.

stdin: ``{"start": id, "env": {...}}`` and ``{"signal": id, "number": n}``; stdout: ``{"started": id, "pid": n}`` and
``{"exited": id, "code": n, "served": n or null}``. Signals go by id, so that a process number that was given out again
is never hit. The children die with it, and it leaves when stdin ends.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import json
import os
import selectors
import signal
import sys
from functools import cache
from pathlib import Path
from typing import Any

from controller.base.process import die_with_parent

STOPPED = 128  # exit code of a process a signal ended: 128 and its number, as Docker says it


class Zygote:
    """Who runs, and what they said last."""

    def __init__(self) -> None:
        self.pids: dict[int, tuple[str, int]] = {}  # pid -> (id, read end of its stdout)
        self.ids: dict[str, int] = {}

    def take(self, order: dict[str, Any]) -> None:
        if "start" in order:
            self._start(order["start"], order["env"])
        elif order["signal"] in self.ids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.ids[order["signal"]], order["number"])

    def _start(self, ident: str, env: dict[str, str]) -> None:
        ours, theirs = os.pipe()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _become(env, theirs, parent)
        os.close(theirs)
        self.pids[pid] = (ident, ours)
        self.ids[ident] = pid
        _say({"started": ident, "pid": pid})

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            ident, pipe = self.pids.pop(pid)
            del self.ids[ident]
            code = os.waitstatus_to_exitcode(status)
            _say({"exited": ident, "code": STOPPED - code if code < 0 else code, "served": _served(pipe)})


def _become(env: dict[str, str], stdout: int, parent: int) -> None:
    """In the child: be the application, and nothing else of the parent."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    die_with_parent(parent)
    quiet = os.open(os.devnull, os.O_RDWR)
    os.dup2(quiet, 0)
    os.dup2(stdout, 1)
    os.closerange(3, 4096)
    os.setsid()
    try:
        application().run(env)
    except BaseException as error:
        sys.stderr.write(f"task {env.get('TASK_ID', '?')}: {type(error).__name__}: {error}\n")
        os._exit(1)


def _served(pipe: int) -> int | None:
    """The last line of a task that ended in peace says how many requests it served."""
    with os.fdopen(pipe, "rb") as stream:
        for line in reversed(stream.read().decode(errors="replace").splitlines()):
            name, _, number = line.partition("=")
            if name == "served" and number.isdigit():
                return int(number)
    return None


def _say(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


@cache
def application() -> Any:
    """The module of `app/`, a link here and a folder of its own where this is installed: by its place, for whoever
    starts a sandbox may have an `app` of their own where they stand."""
    found = importlib.util.spec_from_file_location("sandboxed_app", Path(__file__).parent / "app" / "server.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module
    found.loader.exec_module(module)
    return module


def main() -> None:
    application()  # what every child needs is loaded before the first is forked
    gc.freeze()
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    os.set_blocking(theirs, False)
    signal.set_wakeup_fd(theirs)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    zygote = Zygote()
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    selector.register(ours, selectors.EVENT_READ)
    buffer = b""
    while True:
        for key, _ in selector.select():
            if key.fd == ours:
                with contextlib.suppress(BlockingIOError):
                    os.read(ours, 4096)
                zygote.reap()
                continue
            data = os.read(0, 65536)
            if not data:
                return
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                zygote.take(json.loads(line))


if __name__ == "__main__":
    die_with_parent()
    main()
