"""The log: one JSON object a line on stderr, the fact as a name, everything else as a field."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from controller.base import log


def test_a_fact_is_one_line_of_json_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    log.open_log(stack="shop").bind(tick=7).info(log.TICK_DONE, why="3 hosts\nserving", hosts=("i-1",))
    out, err = capsys.readouterr()
    line = json.loads(err)

    assert (out, err.count("\n")) == ("", 1)
    assert line.pop("at").endswith("Z")
    assert line == {
        "event": "tick.done", "level": "info", "stack": "shop", "tick": 7, "why": "3 hosts\nserving", "hosts": ["i-1"],
    }  # fmt: skip


def test_events_are_nouns_and_what_befell_them() -> None:
    names = [value for key, value in vars(log).items() if key.isupper()]

    assert len(names) >= 10
    assert [name for name in names if not re.fullmatch(r"[a-z]+\.[a-z]+", name)] == []
    assert len(set(names)) == len(names)


def test_one_shot_commands_do_not_pay_for_the_log() -> None:
    """structlog is imported when a log is opened, not before."""
    code = "import sys, controller.base.log; sys.exit('structlog' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
