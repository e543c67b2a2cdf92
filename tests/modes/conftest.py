"""Accounts for commands: one with a stack that serves, shared by the tests of a file, and an empty one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.cli import main
from tests.modes.stage import Command, Stage, acting

KEPT: list[Stage] = []


@pytest.fixture(scope="module")
def born(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """An account in which the minimal stack serves: the last file's, put in order, where nobody took its place."""
    stage = KEPT[0] if KEPT and KEPT[0].sim.there() else Stage(tmp_path_factory.mktemp("born"))
    KEPT[:] = [stage]
    with acting(stage):
        assert main(["apply", stage.spec, "--yes", "--lease", f"file:{stage.folder / 'lease'}"]) == 0
    return stage


@pytest.fixture
def stage(born: Stage) -> Iterator[Stage]:
    with acting(born):
        yield born


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Stage]:
    """An account with nothing in it. It takes the place of every other: where `stage` is used too, these come first."""
    with acting(Stage(tmp_path)) as one:
        yield one


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    return Command(capsys, tmp_path)
