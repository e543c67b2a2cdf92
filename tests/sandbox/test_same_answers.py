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
import moto.core.serialize as moto_serialize
import pytest
import xmltodict
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.core.serialize import XFormedAttributePicker
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from controller.sandbox import xml
from controller.sandbox.front import Front, named
from controller.sandbox.lookups import Picker
from controller.sandbox.remembered import Remembered
from controller.sandbox.simulated import START
from controller.sandbox.told import Told
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
            patch.setattr(moto_serialize, "xmltodict", xmltodict)
            return list(server(env, start))

    world.sim.edge.moto = beside = Beside(Front(), moto)  # nothing is remembered, either

    converge(world, pause=timedelta(seconds=12))

    assert (moto_responses.XFormedAttributePicker, moto_serialize.xmltodict) == (Picker, xml)
    assert beside.told == []
    assert {"autoscaling", "ec2", "ecs", "elbv2", "ecr", "iam", "logs", "ssm", "tagging"} <= set(beside.asked)


def test_what_is_remembered_is_what_would_be_said_afresh() -> None:
    """It is forgotten when anything is written, and when time passes."""
    world = begin(RICH)
    world.sim.edge.moto = beside = Beside(world.sim.edge.memory, Front())

    converge(world, pause=timedelta(seconds=12))
    world.tick()

    assert beside.told == []


@pytest.mark.parametrize("other", ["AKIA/20260101/eu-west-1", "ASIA/20260101/us-east-1"])
def test_what_is_remembered_of_one_account_and_region_is_not_told_of_another(other: str) -> None:
    def moto(env: dict[str, Any], start: Any) -> list[bytes]:
        start("200 OK", [])
        return [env["HTTP_AUTHORIZATION"].encode()]

    def asked(scope: str) -> bytes:
        signed = f"AWS4-HMAC-SHA256 Credential={scope}/ec2/aws4_request, Signature=x"
        body = io.BytesIO(b"Action=DescribeVpcs")
        env = {"HTTP_AUTHORIZATION": signed, "wsgi.input": body, "REQUEST_METHOD": "POST", "PATH_INFO": "/"}
        return b"".join(memory(env, lambda *_: None))

    memory = Remembered(moto, lambda: START, lambda: ())
    first = asked("AKIA/20260101/us-east-1")

    assert asked(other) != first
    assert asked("AKIA/20260101/us-east-1") == first


def test_a_client_is_given_what_it_would_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each answer that is given again as it was read, the call is made all the same, and both are compared."""
    given, told, compared = Told.answer, list[str](), Counter[str]()

    def answer(self: Told, meta: Any, operation: str, params: dict[str, Any], ask: Any) -> Any:
        asked: list[str] = []
        said = given(self, meta, operation, params, lambda *what: asked.append(operation) or ask(*what))
        if not asked:  # it was given again
            compared[operation] += 1
            again = ask(operation, params)
            if {**said, "ResponseMetadata": None} != {**again, "ResponseMetadata": None}:
                told.append(f"{said}, {again}")
        return said

    monkeypatch.setattr(Told, "answer", answer)
    world = begin(RICH)
    converge(world)
    world.tick()

    assert told == []
    assert compared.total() > 200


TEXT = st.one_of(st.none(), st.booleans(), st.integers(), st.text("a<&>\"' \n\u00e9"))
NAMES = st.sampled_from(["a", "b", "item"])
OWN = st.dictionaries(st.sampled_from(["@x", "#text"]), TEXT)
ELEMENT = st.recursive(
    TEXT,
    lambda one: st.builds(
        lambda own, children: own | children, OWN, st.dictionaries(NAMES, one | st.lists(one, max_size=3))
    ),
    max_leaves=5,
)  # moto asks for no list right inside a list


@settings(max_examples=30)
@given(st.dictionaries(NAMES, ELEMENT, min_size=1, max_size=1), st.booleans())
def test_xml_is_written_as_xmltodict_writes_it(document: dict[str, Any], short: bool) -> None:
    asked: Any = {"full_document": True, "short_empty_elements": short, "pretty": False}
    assert xml.unparse(document, **asked) == xmltodict.unparse(document, **asked)
