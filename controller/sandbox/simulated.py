"""The sandbox without processes and without waiting: the same worlds and the same API, on a clock that is moved.

Tasks start at once and stop when told, targets pass every health check, and nothing listens anywhere: botocore hands
its requests to the edge inside this process. What is lost is the traffic; what is kept is every rule, so that a rollout
of an hour, or one that is killed after each single call, costs seconds.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from controller.sandbox import bridge
from controller.sandbox.admin import Admin
from controller.sandbox.balancers import Place
from controller.sandbox.cloud import Cloud
from controller.sandbox.edge import Edge
from controller.sandbox.health import FAILED, Settings, View, probe
from controller.sandbox.paging import Paging
from controller.sandbox.timings import DEFAULT_FACTOR, Timings
from controller.sandbox.told import Told
from controller.sandbox.world import Event, Json, Task, TaskExited, TaskStarted

START = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=0.5)
ENDPOINT = "http://127.0.0.1:1"


@cache
def _models() -> Any:
    """AWS's service models, read once for all sessions of the process: they are most of what a client costs."""
    return botocore.session.Session().get_component("data_loader")


class Simulated:
    """One simulated sandbox; a new one takes the place of the last (moto keeps its backends in globals).

    It is a `Clock` too: sleeping moves time on and steps the worlds, as time passing would.
    """

    def __init__(self, factor: float = DEFAULT_FACTOR, seed: int = 0) -> None:
        self.time = START
        self._scopes: dict[str, str] = {}  # AWS's name of a service for events: for signatures
        self.cloud = Cloud(self, Timings().divided(factor), seed=seed, lag=0.0)
        self.machine = SimulatedMachine(self.cloud.hear)
        self.balancers = SimulatedBalancers(self, self.cloud.saw)
        self.cloud.connect(self.machine, self.balancers)
        self.admin = Admin(self.cloud)
        self.edge = self.admin.edge = Edge(self.cloud, self.admin)
        self.told = Told(self.cloud, self.edge)

    def there(self) -> bool:
        """Whether this is still the sandbox of the process."""
        return bridge.current() is self.cloud

    def now(self) -> datetime:
        return self.time

    def shuffle(self, seed: int) -> None:
        """Every list comes in another order each time, for clients of this process."""
        self.told.dice = random.Random(seed)

    def page(self, seed: int) -> None:
        """Lists come in pages of two, of one and of none, for clients of this process."""
        self.told.paging = Paging(seed, _models())

    def sleep(self, pause: timedelta) -> None:
        """Let *pause* pass, in steps no longer than `STEP`."""
        end = self.time + pause
        while self.time < end:
            self.time = min(end, self.time + STEP)
            self.cloud.tick()

    def until(self, true: Callable[[], bool], limit: timedelta = timedelta(minutes=10)) -> None:
        """Let time pass until *true*. Raises TimeoutError after *limit*."""
        end = self.time + limit
        while not true():
            if self.time >= end:
                raise TimeoutError(f"not so after {limit}")
            self.sleep(STEP)

    def session(self) -> botocore.session.Session:
        """A botocore session whose clients talk to this sandbox, with credentials that say nothing."""
        session = botocore.session.Session()
        session.register_component("data_loader", _models())
        session.set_credentials("sandbox", "sandbox")
        session.set_config_variable("region", "us-east-1")
        session.get_component("event_emitter").register_first("choose-signer", self._unsigned)
        session.register("before-send", self._send)  # type: ignore[arg-type]
        self.told.put_into(session)
        return session

    def _unsigned(self, event_name: str, signing_name: str, **_: Any) -> Any:
        """A signature is dear, and nothing here looks at more than its scope."""
        self._scopes[event_name.split(".")[1]] = signing_name
        return UNSIGNED

    def door(self, method: str, path: str, **body: Any) -> Any:
        """Ask the back door (`Admin`). Raises AssertionError with its words when it refuses."""
        self.edge.memory.clear()
        status, answer = self.admin(method, path, body)
        assert status == 200, answer
        return answer

    def _send(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse:
        body: Any = request.body or b""
        data: bytes = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else body.read()
        parts = urlsplit(request.url)
        env: dict[str, Any] = {
            "REQUEST_METHOD": request.method,
            "PATH_INFO": parts.path or "/",
            "QUERY_STRING": parts.query,
            "CONTENT_LENGTH": str(len(data)),
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "1",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(data),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in dict[str, Any](request.headers.items()).items():
            text = value.decode() if isinstance(value, bytes) else str(value)
            prefix = "" if name.lower() == "content-type" else "HTTP_"
            env[prefix + name.upper().replace("-", "_")] = text
        env["HTTP_HOST"] = "127.0.0.1:1"
        if "HTTP_AUTHORIZATION" not in env:  # of a session of ours
            scope = f"{self._scopes[event_name.split('.')[1]]}/aws4_request"
            env["HTTP_AUTHORIZATION"] = (
                f"AWS4-HMAC-SHA256 Credential=sandbox/20260101/us-east-1/{scope}, Signature=none"
            )
        answer: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            answer.update(status=int(status.split()[0]), headers=dict(headers))

        chunks = b"".join(self.edge(env, start))
        return AWSResponse(request.url, answer["status"], answer["headers"], _Raw(chunks))


class _Raw(io.BytesIO):
    """A response body as urllib3 would hand it over."""

    def stream(self, **_: Any) -> Any:
        yield self.read()


class SimulatedMachine:
    """Tasks without processes: they run as soon as they are started, and stop when they are told to."""

    def __init__(self, tell: Callable[[str, Event], None]) -> None:
        self._tell = tell
        self._hosts: dict[str, str] = {}
        self.running: set[str] = set()
        self.crash: Callable[[Task, Json], int | None] = lambda _task, _definition: None

    def host(self, ident: str) -> str:
        return self._hosts.setdefault(ident, f"127.1.0.{len(self._hosts) + 1}")

    def start(self, task: Task, definition: Json) -> None:
        """Start it; `crash` may say with what code it ends at once instead."""
        self._tell(task.arn, TaskStarted(task.arn))
        code = self.crash(task, definition)
        if code is None:
            self.running.add(task.arn)
        else:
            self._tell(task.arn, TaskExited(task.arn, code))

    def signal(self, task: str, *, kill: bool) -> None:
        if task in self.running:
            self.running.remove(task)
            self._tell(task, TaskExited(task, 137 if kill else 0))

    def served(self) -> dict[str, int | None]:
        return {}

    def close(self) -> None:
        pass


class SimulatedBalancers:
    """Nodes that check their targets' health on the moved clock: a check passes unless `sick` has its address.

    cut   target groups (arns) that no rule names any more, with targets that were sent requests within their delay of
          deregistration: what they were answering was cut off
    """

    def __init__(self, clock: Any, seen: Callable[[str, list[dict[str, Any]]], None]) -> None:
        self._clock = clock
        self._seen = seen
        self._views: dict[tuple[Place, str, str, int], tuple[View, datetime]] = {}
        self._told: Mapping[Place, Mapping[str, Any]] = {}
        self._asked: dict[str, datetime] = {}  # when a target group was sent requests last
        self.sick: set[tuple[str, int]] = set()  # (instance, port), or (instance, 0) for all its ports
        self.cut: set[str] = set()

    def set(self, wanted: Mapping[Place, Mapping[str, Any]]) -> None:
        now, there = self._clock.now(), set()
        for place, config in wanted.items():
            told = self._told.get(place, {"groups": {}, "listeners": []})
            self._asked |= dict.fromkeys(_asked(told), now)
            gone = told["groups"].keys() - config["groups"].keys()
            self.cut |= {arn for arn in gone if self._busy(arn, told["groups"][arn], now)}
            for arn, group in config["groups"].items():
                settings = Settings(group["interval"], group["timeout"], group["healthy"], group["unhealthy"])
                for target in group["targets"]:
                    if target["draining_since"] is None:
                        key = (place, arn, target["id"], target["port"])
                        there.add(key)
                        self._check(key, settings, now)
        self._views = {key: view for key, view in self._views.items() if key in there}
        self._told = wanted

    def _busy(self, arn: str, group: Mapping[str, Any], now: datetime) -> bool:
        """Whether one of its targets may be answering a request."""
        since = now - self._asked[arn] if arn in self._asked else timedelta.max
        return bool(group["targets"]) and since < timedelta(seconds=group["delay"])

    def _check(self, key: tuple[Place, str, str, int], settings: Settings, now: datetime) -> None:
        view, due = self._views.get(key, (View(), now))
        if now < due:
            return
        (_, zone), arn, ident, port = key
        passed = not {(ident, port), (ident, 0)} & self.sick
        after = probe(view, passed, "" if passed else FAILED, settings)
        self._views[key] = (after, now + timedelta(seconds=settings.interval))
        if (after.state, after.reason) != (view.state, view.reason):
            row = {"group": arn, "id": ident, "port": port, "state": after.state, "reason": after.reason}
            self._seen(zone, [row])

    def heard(self) -> dict[str, dict[str, int]]:
        return {}

    def counts(self) -> dict[str, dict[str, int]]:
        return {}

    def close(self) -> None:
        pass


def _asked(config: Mapping[str, Any]) -> Iterator[str]:
    """The groups that requests are sent to; no request has a host under .invalid (RFC 2606)."""
    for listener in config["listeners"]:
        for rule in listener["rules"]:
            if not any(host.endswith(".invalid") for host in rule["host"]):
                yield from (group for group, weight in rule.get("forward", ()) if weight)
