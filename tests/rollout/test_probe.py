"""The gate's own requests: whatever an application answers, a probe fails or succeeds; it never ends the pass."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request

import pytest

from controller.rollout import sight
from controller.spec.types import Listener


@pytest.mark.parametrize(
    ("listener", "host", "expected"),
    [
        pytest.param(Listener("http", 80), "lb", "http://lb", id="http"),
        pytest.param(Listener("http", 8080), "lb", "http://lb:8080", id="another port"),
        pytest.param(Listener("http", 80), "lb:81", "http://lb:81", id="a name with a port"),
        pytest.param(Listener("https", 443, "arn"), "lb:81", "https://lb", id="https"),
        pytest.param(Listener("https", 8443, "arn"), "lb", "https://lb:8443", id="https on another port"),
    ],
)
def test_where_the_gate_asks(listener: Listener, host: str, expected: str) -> None:
    assert sight.address_of(listener, host) == expected


@pytest.mark.parametrize(
    "error",
    [
        http.client.BadStatusLine("garbage"),
        http.client.IncompleteRead(b"half"),
        http.client.InvalidURL("a space"),
        urllib.error.URLError("refused"),
        TimeoutError("5 s"),
        UnicodeEncodeError("ascii", "\u00fc", 0, 1, "not ascii"),
    ],
)
def test_no_answer_is_a_reason_and_no_traceback(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(urllib.request, "urlopen", fails)

    assert sight._get("http://127.0.0.1:9/").startswith(type(error).__name__)
