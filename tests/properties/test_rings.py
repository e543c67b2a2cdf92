"""Half of the rings of random specs (`rings.py`)."""

from __future__ import annotations

import pytest

from tests.properties.rings import PARTS, play


@pytest.mark.parametrize("part", range(0, PARTS, 2))
def test_a_spec_converges_and_what_was_there_before_does_not_matter(part: int) -> None:
    play(part)
