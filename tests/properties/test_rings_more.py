"""The other half: a file runs in one process, and this is what takes longest."""

from __future__ import annotations

import pytest

from tests.properties.rings import PARTS, play


@pytest.mark.parametrize("part", range(1, PARTS, 2))
def test_a_spec_converges_and_what_was_there_before_does_not_matter(part: int) -> None:
    play(part)
