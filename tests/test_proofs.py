"""What is promised is proved by tests that are there: PROOFS.md names them, and none is renamed behind its back."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NAMED = re.compile(r"`([\w/]+\.py)(?:::(\w+))?(?:\[[^`]*\])?`")  # `path::name[case]`, or a file as a whole
HALF = re.compile(r"`[^`]*(?:\.py|::)[^`]*`")  # what looks like one
Functions = Callable[[str], set[str] | None]


@cache
def functions(path: str) -> set[str] | None:
    """The tests of a file; None where there is no such file."""
    if not (HERE / path).is_file():
        return None
    body = ast.parse((HERE / path).read_text()).body
    return {
        one.name
        for one in body
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name.startswith("test_")
    }


def missing(text: str, tests: Functions) -> list[str]:
    """What *text* names and is not there, what cannot be read, and rows of a table whose last cell proves nothing."""
    found = [one for one in HALF.findall(text) if not NAMED.fullmatch(one)]
    for path, name in NAMED.findall(text):
        there = tests(path.removeprefix("tests/"))
        if there is None:
            found.append(path)
        elif name and name not in there:
            found.append(f"{path}::{name}")
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| promise |")]
    return found + [row for row in rows if not NAMED.search(row.rpartition(" | ")[2])]


def test_every_proof_is_there() -> None:
    text = (HERE / "PROOFS.md").read_text()

    assert len(NAMED.findall(text)) > 200
    assert missing(text, functions) == []


@pytest.mark.parametrize(
    ("row", "found"),
    [
        pytest.param("| a | b | `a.py::test_a`, `a.py::test_a[x: y]` |", [], id="there"),
        pytest.param("| a | b | `a.py`, `make demo` |", [], id="a whole file, and a command"),
        pytest.param("| a | b | `a.py::test_b` |", ["a.py::test_b"], id="a test that was renamed"),
        pytest.param("| a | b | `b.py::test_a` |", ["b.py"], id="a file that was renamed"),
        pytest.param("| a | b | `a.py::test_a`, `::test_a` |", ["`::test_a`"], id="half a name"),
        pytest.param("| a | `a.py` | `make demo` |", ["| a | `a.py` | `make demo` |"], id="no test at all"),
    ],
)
def test_what_is_missing_is_found(row: str, found: list[str]) -> None:
    assert missing(row, {"a.py": {"test_a"}}.get) == found
