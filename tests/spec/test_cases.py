"""Every kind of mistake, its place and our words: tables in ``cases/``, one mistake (or two) in a spec that is right.

A case is a title, swaps of text (``-`` old, ``+`` new) in `judging.GOOD`, and all that is said: ``=`` a problem with
line, column, field and words, ``| hint`` behind it; ``~`` a warning. Nothing said means that the spec is accepted.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from judging import GOOD, short, swapped

from controller.base.errors import SpecError
from controller.spec.load import Loaded

CASES = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class Case:
    file: str
    title: str
    swaps: tuple[tuple[str, str], ...]
    said: tuple[str, ...]


def read(file: Path) -> list[Case]:
    cases = []
    for block in file.read_text().strip().split("\n\n"):
        title, *lines = block.split("\n")
        texts = [line[1:].replace("\\n", "\n") for line in lines if line[0] in "-+"]
        said = tuple(line for line in lines if line[0] in "=~")
        assert title.startswith("# "), title
        cases.append(Case(file.stem, title[2:], tuple(zip(texts[::2], texts[1::2], strict=True)), said))
    return cases


ALL = [case for file in sorted(CASES.glob("*.txt")) for case in read(file)]


def said(case: Case, loads: Callable[..., Loaded]) -> tuple[str, ...]:
    try:
        loaded = loads(swapped(GOOD, dict(case.swaps)), env={})
    except SpecError as error:
        return tuple("=" + short(block) for block in error.problems)
    return tuple("~" + warning.removeprefix("spec.yaml:") for warning in loaded.warnings)


@pytest.mark.parametrize("case", ALL, ids=[f"{case.file}: {case.title}" for case in ALL])
def test_golden_words_and_place(case: Case, loads: Callable[..., Loaded]) -> None:
    """Exactly this is said, here, and nothing that only follows from it."""
    found = said(case, loads)
    if os.environ.get("GOLDEN") == "write" and found != case.said:
        file = CASES / f"{case.file}.txt"
        head = f"# {case.title}\n"
        before, after = file.read_text().split(head)
        block, *rest = after.split("\n\n", 1)
        swaps = [line for line in block.split("\n") if line[:1] in {"-", "+"}]
        file.write_text(before + head + "\n".join([*swaps, *found]) + ("\n\n" + rest[0] if rest else "\n"))
        return

    assert found == case.said


def test_the_spec_that_cases_start_from_is_right(loads: Callable[..., Loaded]) -> None:
    assert loads(GOOD).warnings == ()


def test_titles_are_told_apart() -> None:
    titles = [(case.file, case.title) for case in ALL]

    assert sorted(set(titles)) == sorted(titles)
    assert len(titles) > 120
