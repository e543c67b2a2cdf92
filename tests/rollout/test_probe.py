"""The gate's own requests: whatever an application answers, a probe fails or succeeds; it never ends the pass."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request

import pytest

from controller.rollout import sight


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
