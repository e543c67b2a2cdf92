"""Which specs met the schema before: remembered in the cache, for this release and schema only, and never needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.modes import known
from controller.modes.known import KEPT_MAX, KnownSpecs
from controller.spec import schema
from controller.spec.load import load

SPEC = str(Path(__file__).parents[2] / "specs" / "minimal.yaml")


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "theseus"


def test_what_was_added_is_known_to_the_next_process() -> None:
    assert "A" not in KnownSpecs()
    KnownSpecs().add("A")

    assert ("A" in KnownSpecs(), "B" in KnownSpecs()) == (True, False)


def test_the_oldest_are_forgotten() -> None:
    one = KnownSpecs()
    for number in range(KEPT_MAX + 1):
        one.add(str(number))

    again = KnownSpecs()
    assert ("0" in again, "1" in again, str(KEPT_MAX) in again) == (False, True, True)


def test_another_release_knows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    KnownSpecs().add("A")
    monkeypatch.setattr(known, "__version__", "99.0")

    assert "A" not in KnownSpecs()


@pytest.mark.parametrize("rubbish", [b"", b"{", b"3", b"null", b"\xff", b'{"a": 1}'])
def test_rubbish_in_the_cache_knows_nothing_and_is_replaced(cache: Path, rubbish: bytes) -> None:
    KnownSpecs().add("A")
    [kept] = list(cache.iterdir())
    kept.write_bytes(rubbish)

    one = KnownSpecs()
    assert "A" not in one
    one.add("A")
    assert "A" in KnownSpecs()


def test_a_cache_that_cannot_be_written_is_no_problem(cache: Path) -> None:
    cache.parent.mkdir()
    cache.write_text("a file where the folder should be")
    KnownSpecs().add("A")

    assert "A" not in KnownSpecs()


def test_a_known_spec_is_not_held_against_the_schema_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """And an edited one is: it is another document."""
    first = load(SPEC, known=KnownSpecs())

    def loud(*_: object) -> None:
        raise AssertionError("the schema was asked")

    monkeypatch.setattr(schema, "check", loud)
    assert load(SPEC, known=KnownSpecs()).stack == first.stack
    with pytest.raises(AssertionError, match="asked"):
        load(SPEC, ("services.web.desired=3",), known=KnownSpecs())
