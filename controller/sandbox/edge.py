"""The HTTP edge: one WSGI application in front of moto, with AWS's manners for everything that goes wrong.

One lock around moto (it is not thread-safe, moto.md fact 8); foreign origins refused; every call counted; delays and
faults on request; what the sandbox does not know is a clean 400, because a 500 would be retried.
"""

from __future__ import annotations

import io
import json
import random
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from controller.sandbox import hosts
from controller.sandbox.cloud import Cloud
from controller.sandbox.front import Front, credential, named
from controller.sandbox.lagging import Answer, Lagging
from controller.sandbox.remembered import Remembered
from controller.sandbox.shuffling import READS, shuffled
from controller.sandbox.world import ApiError

Start = Callable[..., Any]
LOCAL = frozenset({"127.0.0.1", "localhost", "[::1]"})


@dataclass
class Fault:
    """Answer the next *times* calls of an operation with an error; after: do it, and lose the reply."""

    service: str
    action: str
    code: str
    status: int = 400
    times: int = 1
    after: bool = False


class Edge:
    """The WSGI application. `admin` answers what is under ``/_sandbox/``."""

    def __init__(self, cloud: Cloud, admin: Callable[[str, str, dict[str, Any]], tuple[int, Any]]) -> None:
        self.calls: Counter[str] = Counter()
        self.faults: list[Fault] = []
        self.delay = 0.0
        self.dice: random.Random | None = None  # there: every list comes in another order each time
        self.lag: Lagging | None = None  # there: some reads are answered as before the last write
        self._cloud = cloud
        self._admin = admin
        self.memory = Remembered(Front(), cloud.now, hosts.seen)
        self.moto: Callable[..., Iterable[bytes]] = self.memory
        cloud.on_shift = self.memory.clear
        self._count = threading.Lock()

    def __call__(self, env: dict[str, Any], start: Start) -> Iterable[bytes]:
        if env.get("HTTP_ORIGIN") or env.get("HTTP_HOST", "").rpartition(":")[0] not in LOCAL:
            return _plain(start, 403, {"error": "this sandbox answers local programs only"})
        length = int(env.get("CONTENT_LENGTH") or 0)
        body = env["wsgi.input"].read(length) if length else b""
        path = env.get("PATH_INFO", "/")
        if path.startswith("/_sandbox/"):
            return self._administer(env["REQUEST_METHOD"], path.removeprefix("/_sandbox/"), body, start)
        env["wsgi.input"] = io.BytesIO(body)
        service, action = named(env, body)
        self.count(service, action)
        if self.delay:
            time.sleep(self.delay)  # outside the lock: waiting callers do not wait for each other
        return self._serve(env, start, service, action)

    def count(self, service: str, action: str) -> None:
        with self._count:
            self.calls[f"{service}:{action}"] += 1

    def _serve(self, env: dict[str, Any], start: Start, service: str, action: str) -> Iterable[bytes]:
        fault = self._fault(service, action)
        if fault is not None and not fault.after:
            return _error(start, env, service, ApiError(fault.code, "injected by the sandbox", fault.status))
        try:
            with self._cloud.lock:
                if action == "?" and service == "?":
                    raise NotImplementedError
                status, headers, answer = self._answer(env, service, action)
            if fault is not None:
                return _error(start, env, service, ApiError(fault.code, "the reply was lost", fault.status))
            if self.dice is not None and action.startswith(READS):
                answer = shuffled(answer, self.dice)
                headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
                headers.append(("Content-Length", str(len(answer))))
            start(status, headers)
            return [answer]
        except ApiError as error:
            return _error(start, env, service, error)
        except NotImplementedError:
            words = f"{service}:{action} is not in the sandbox"
            return _error(start, env, service, ApiError("UnknownOperationException", words))
        except Exception as error:  # moto's faults and ours: a 4xx is not retried, and the traceback is in our log
            sys.stderr.write(f"sandbox: bug in {service}:{action}\n{traceback.format_exc()}\n")
            return _error(start, env, service, ApiError("SandboxInternalError", f"{type(error).__name__}: {error}"))

    def _answer(self, env: dict[str, Any], service: str, action: str) -> Answer:
        def ask() -> Answer:
            started: list[Any] = []
            body = b"".join(self.moto(env, lambda *told: started.append(told)))
            return started[0][0], started[0][1], body

        if self.lag is None:
            return ask()
        whose = (*credential(env), action, env.get("HTTP_X_MOTO_ACCOUNT_ID"))
        return self.lag.answer(service, action, whose, env["wsgi.input"].getvalue(), ask)

    def _fault(self, service: str, action: str) -> Fault | None:
        with self._count:
            for fault in self.faults:
                if fault.service in {"*", service} and fault.action in {"*", action}:
                    fault.times -= 1
                    if fault.times <= 0:
                        self.faults.remove(fault)
                    return fault
        return None

    def _administer(self, method: str, path: str, body: bytes, start: Start) -> Iterable[bytes]:
        try:
            status, answer = self._admin(method, path, json.loads(body) if body else {})
        except (KeyError, ValueError, TypeError, ApiError) as error:
            status, answer = 400, {"error": f"{type(error).__name__}: {error}"}
        with self._cloud.lock:  # who asks meanwhile is told what is so now, or is not remembered
            self.memory.clear()
        return _plain(start, status, answer)


def _error(start: Start, env: dict[str, Any], service: str, error: ApiError) -> Iterable[bytes]:
    """The error in the protocol of the call."""
    code, message = escape(error.code), escape(error.message)
    if env.get("HTTP_X_AMZ_TARGET"):
        kind = env.get("CONTENT_TYPE", "application/x-amz-json-1.1")
        payload = json.dumps({"__type": error.code, "message": error.message})
    elif service == "ec2":
        kind = "text/xml"
        payload = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            "<RequestID>sandbox</RequestID></Response>"
        )
    else:
        kind = "text/xml"
        payload = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
            "<RequestId>sandbox</RequestId></ErrorResponse>"
        )
    data = payload.encode()
    start(f"{error.status} Error", [("Content-Type", kind), ("Content-Length", str(len(data)))])
    return [data]


def _plain(start: Start, status: int, document: Any) -> Iterable[bytes]:
    text = document if isinstance(document, str) else json.dumps(document, default=str)
    kind, data = "text/plain" if isinstance(document, str) else "application/json", text.encode()
    start(f"{status} Answer", [("Content-Type", kind), ("Content-Length", str(len(data)))])
    return [data]
