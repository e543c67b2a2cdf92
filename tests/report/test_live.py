"""The live view: plain lines with times off a terminal, a table refreshed in place on one."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from controller.engine.steps import Plan
from controller.report.journal import Journal
from controller.report.live import Live
from controller.report.seen import Tick
from controller.rollout.model import Fleet, Host
from controller.rollout.moves import Wait

AT = datetime(2026, 1, 1, 12, 3, 4, tzinfo=UTC)
OLD = Host("i-0a1", "us-east-1a", False, version="1", container_instance="c", agent_status="DRAINING",
           agent_connected=True, cordoned_at=AT)  # fmt: skip
NEW = Host("i-0b2", "us-east-1b", True, version="2", instance_type="t3.medium", lifecycle="Pending")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def seen(*hosts: Host) -> Tick:
    fleet = Fleet("main", "g", "lt-1/2", 1, 1, 2, 2, hosts=hosts)
    return Tick(AT, Plan((), {}), fleets=(fleet,), moves=(("main", Wait("i-0a1 draining: 2 tasks left")),))


def shown(patch: pytest.MonkeyPatch, *ticks: Tick, columns: int = 120) -> str:
    patch.setenv("TERM", "xterm-256color")
    patch.setenv("COLUMNS", str(columns))
    patch.setenv("LINES", "40")
    stream = Terminal()
    with Live(stream, Journal()) as live:
        for one in ticks:
            live.update(one, ("main: host i-0a1 draining",))
    return stream.getvalue()


def test_plain_lines_carry_utc_times() -> None:
    """One line per change, its time first; a line that goes on is set below; nothing for a tick without news."""
    stream = io.StringIO()
    with Live(stream, Journal()) as live:
        live.update(seen(OLD), ("main: host i-0a1 draining", "x needs you:\n  push it"))
        live.update(seen(OLD), ())

    assert stream.getvalue() == "12:03:04 main: host i-0a1 draining\n12:03:04 x needs you:\n           push it\n"


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot move its cursor is written to as a file is."""
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with Live(stream, Journal()) as live:
        live.update(seen(OLD), ("news",))

    assert stream.getvalue() == "12:03:04 news\n"


def test_plain_lines_never_load_rich() -> None:
    """A pipe does not pay for a terminal's library."""
    code = (
        "import io, sys\n"
        "from datetime import UTC, datetime\n"
        "from controller.engine.steps import Plan\n"
        "from controller.report.journal import Journal\n"
        "from controller.report.live import Live\n"
        "from controller.report.seen import Tick\n"
        "with Live(io.StringIO(), Journal()) as live:\n"
        "    live.update(Tick(datetime(2026, 1, 1, tzinfo=UTC), Plan((), {})), ('x',))\n"
        "sys.exit(any(name.split('.')[0] == 'rich' for name in sys.modules))\n"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_terminal_shows_each_host_and_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Booting and draining hosts, what is waited for, and the news above them."""
    text = shown(monkeypatch, seen(OLD, NEW))

    for part in ("12:03:04 main: host i-0a1 draining", "i-0b2", "booting", "draining", "2 tasks left", "t3.medium"):
        assert part in text


def test_a_host_that_left_stays_in_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who looks away for a second still sees who went."""
    text = shown(monkeypatch, seen(OLD, NEW), seen(NEW))

    assert "gone" in text
    assert "gone" not in shown(monkeypatch, seen(OLD, NEW), seen(OLD, NEW))


def test_eighty_columns_hold_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real ids are nineteen characters: none is cut on the narrowest terminal, the type gives way."""
    ident = "i-0123456789abcdef0"
    host = Host(ident, "ap-southeast-2a", False, version="12", instance_type="m7i-flex.4xlarge", lifecycle="Pending")
    text = shown(monkeypatch, seen(host), columns=80)

    assert ident in text
    assert "m7i-flex" not in text
    assert "…" not in text


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR, whatever its value, leaves no colour code; without it there are some."""
    assert "\x1b[33m" in shown(monkeypatch, seen(OLD))
    monkeypatch.setenv("NO_COLOR", "1")

    assert "\x1b[33m" not in shown(monkeypatch, seen(OLD))


def test_a_long_line_is_left_to_the_terminal_to_wrap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command somebody is told to run can be copied as one line."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    stream, command = Terminal(), "docker push " + "x" * 120
    with Live(stream, Journal()) as live:
        live.update(seen(OLD), (command,))

    assert command in stream.getvalue()


@pytest.mark.parametrize("columns", [40, 60, 71])
def test_a_narrow_terminal_shows_whole_ids(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an id names no host: columns are left out, none is cut."""
    one = replace(OLD, id="i-48f03bc9419d2b280", agent_status="DRAINING", cordoned_at=AT)
    found = shown(monkeypatch, seen(one), columns=columns)

    assert "i-48f03bc9419d2b280" in found
    assert "old, draining 0 s" in found
    assert "targets" not in found.split("state")[1].split("i-48f03bc9419d2b280")[0]
