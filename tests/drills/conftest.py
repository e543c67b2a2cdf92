"""One sandbox and one stack for all drills: each leaves the stack as its spec says, so their order does not matter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controller.rehearsal.drill import Drill, drill
from tests.drills.stage import Stage


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Drill]:
    with drill() as one:
        yield one


@pytest.fixture(scope="session")
def born(sandbox: Drill, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(sandbox, "drill", tmp_path_factory.mktemp("drill")).birth()


@pytest.fixture
def stage(born: Stage) -> Iterator[Stage]:
    """The shared stack; a test that leaves work to do is told so (promise 4: a second plan is empty)."""
    yield born
    ended = born.drill.run("plan", born.spec, "--detailed-exitcode")
    assert ended.code == 0, ended.out + ended.err
