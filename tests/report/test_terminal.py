"""Lines for a narrow terminal: whole words, set below their beginning; a pipe gets what it always got."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import termios

import pytest

from controller.report.style import ESCAPES, fitted
from controller.report.terminal import shown

LONG = "      old i-48f03bc9419d2b283: ready, us-east-1a, 2 tasks, targets 2 of 2 healthy"


def test_ids_stay_whole_and_lines_fit() -> None:
    """At 40 columns no line is longer, and no word is cut."""
    found = fitted(LONG, 40)

    assert found.split("\n") == [
        "      old i-48f03bc9419d2b283: ready,",
        "          us-east-1a, 2 tasks, targets 2",
        "          of 2 healthy",
    ]


@pytest.mark.parametrize(
    ("line", "width", "broken"),
    [
        pytest.param(LONG, 100, LONG, id="what fits is left alone"),
        pytest.param("", 40, "", id="an empty line"),
        pytest.param("  - arn:aws:iam::aws:policy/Long", 20, "  - arn:aws:iam::aws:policy/Long", id="one long word"),
        pytest.param("  + vpc/main  # will be created", 24, "  + vpc/main  # will be\n      created", id="a sign"),
        pytest.param("    + vpc/main-or-so  # made", 24, "    + vpc/main-or-so\n        # made", id="no lone sign"),
        pytest.param("a        b        cccccccccc", 20, "a  b  cccccccccc", id="columns that do not fit close up"),
        pytest.param(LONG, 10, LONG, id="too narrow to be worth it"),
    ],
)
def test_lines_are_broken_at_blanks(line: str, width: int, broken: str) -> None:
    assert fitted(line, width) == broken


def test_colours_take_no_room() -> None:
    """Escape codes are no columns: a coloured line breaks where the plain one does."""
    plain = fitted(LONG, 40)

    assert ESCAPES.sub("", fitted(f"\x1b[33m{LONG}\x1b[0m", 40)).split() == plain.split()
    assert max(len(ESCAPES.sub("", one)) for one in fitted(f"\x1b[33m{LONG}\x1b[0m", 40).split("\n")) <= 40


def test_a_terminal_gets_its_width_and_a_pipe_the_whole_line() -> None:
    """What is piped is read by programs and pasted: nothing is broken there."""
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
        with os.fdopen(theirs, "w") as terminal:
            assert shown(LONG, terminal) == fitted(LONG, 40)
    finally:
        os.close(ours)

    assert shown(LONG, io.StringIO()) == LONG
