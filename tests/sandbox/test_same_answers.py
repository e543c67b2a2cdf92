"""What the sandbox does to be quick changes no answer: each is what moto's own server, with its own lookups, says."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import moto.core.responses as moto_responses
import pytest
from moto.core.serialize import XFormedAttributePicker
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from controller.sandbox.front import Front, named
from controller.sandbox.lookups import Picker
from controller.sandbox.remembered import Remembered
from tests.resources.stacks import begin, converge

RICH = Path(__file__).parents[1] / "resources" / "rich.yaml"
# what moto draws for each answer, or reads off the wall clock
RANDOM = re.compile(rb'(?i)<RequestId>.*?</RequestId>|"PaginationToken": ".*?"|"lastEvaluatedAt": \d+')
INVENTED = {"ecr:DescribeImages"}  # moto makes up a digest and a time for each answer

App = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Beside:
    """Answers as *quick* does; every read is asked of *slow*, too. `told`: operations whose answers differed."""

    def __init__(self, quick: App, slow: App) -> None:
        self._quick, self._slow = quick, slow
        self.asked: Counter[str] = Counter()
        self.told: list[str] = []

    def __call__(self, env: dict[str, Any], start: Any) -> Iterable[bytes]:
        body = env["wsgi.input"].getvalue()
        service, action = named(env, body)
        heads: list[Any] = []
        said = b"".join(self._quick(dict(env), lambda *head: heads.append(head)))
        once = f"{service}:{action}" in INVENTED or b"PaginationToken" in body  # moto takes such a token once
        if action.startswith(Remembered.READS) and not once:
            self.asked[service] += 1
            again = env | {"wsgi.input": io.BytesIO(body)}
            other = b"".join(self._slow(again, lambda *head: heads.append(head)))
            if RANDOM.sub(b"", said) != RANDOM.sub(b"", other) or heads[0][0] != heads[1][0]:
                self.told.append(f"{service}:{action} {heads[0][0]} {said!r}, {heads[1][0]} {other!r}")
        start(*heads[0])
        return [said]


def test_what_is_quick_says_what_moto_says(monkeypatch: pytest.MonkeyPatch) -> None:
    world, server = begin(RICH), DomainDispatcherApplication(create_backend_app)

    def moto(env: dict[str, Any], start: Any) -> Iterable[bytes]:
        with monkeypatch.context() as patch:
            patch.setattr(moto_responses, "XFormedAttributePicker", XFormedAttributePicker)
            return list(server(env, start))

    world.sim.edge.moto = beside = Beside(Front(), moto)  # nothing is remembered, either

    converge(world, pause=timedelta(seconds=12))

    assert moto_responses.XFormedAttributePicker is Picker
    assert beside.told == []
    assert {"autoscaling", "ec2", "ecs", "elbv2", "ecr", "iam", "logs", "ssm", "tagging"} <= set(beside.asked)


def test_what_is_remembered_is_what_would_be_said_afresh() -> None:
    """It is forgotten when anything is written, and when time passes."""
    world = begin(RICH)
    world.sim.edge.moto = beside = Beside(world.sim.edge.memory, Front())

    converge(world, pause=timedelta(seconds=12))
    world.tick()

    assert beside.told == []
