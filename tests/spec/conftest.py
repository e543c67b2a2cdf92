"""Fixtures: files in a directory of their own, and a judge of what stands in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from judging import Judge, short

from controller.base.errors import SpecError
from controller.spec.load import Loaded, load


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write files into an empty working directory: ``write(spec=..., base=...)`` makes spec.yaml and base.yaml."""
    monkeypatch.chdir(tmp_path)

    def files(**texts: str | bytes) -> None:
        for name, text in texts.items():
            Path(f"{name}.yaml").write_bytes(text.encode() if isinstance(text, str) else text)

    return files


@pytest.fixture
def loads(write: Callable[..., None]) -> Callable[..., Loaded]:
    """Load a text as spec.yaml; keywords go to `load`."""

    def one(text: str | bytes, *sets: str, **more: object) -> Loaded:
        write(spec=text)
        return load("spec.yaml", sets, **more)  # type: ignore[arg-type]

    return one


@pytest.fixture
def judge(loads: Callable[..., Loaded]) -> Judge:
    """The problems of a text: place, field and words of each, then ``| hint`` where there is one."""

    def one(text: str | bytes, *sets: str, **more: object) -> list[str]:
        try:
            loads(text, *sets, **more)
        except SpecError as error:
            return [short(block) for block in error.problems]
        return []

    return one
