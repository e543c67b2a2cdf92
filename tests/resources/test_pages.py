"""Every list may come in pages, however small, and a page may be empty: there is more as long as there is a token."""

from __future__ import annotations

import pytest

from tests.resources.stacks import RICH, World, built


@pytest.fixture(scope="module")
def world() -> World:
    return built(RICH)


@pytest.mark.parametrize("seed", range(3))
def test_a_plan_of_what_was_built_is_empty_however_small_the_pages(world: World, seed: int) -> None:
    world.sim.page(seed)

    seen = world.tick()

    assert [(str(step.key), step.action) for step in seen.plan.pending] == []
    assert (seen.plan.problems, seen.plan.orphans, seen.quiet) == ((), (), True)
