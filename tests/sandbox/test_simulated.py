"""The sandbox without a second to lose: one per process."""

from __future__ import annotations

from controller.sandbox.simulated import Simulated


def test_a_new_one_takes_the_place_of_the_last() -> None:
    """Moto keeps what it holds in globals: whoever kept an older sandbox must learn that it is gone."""
    older = Simulated()
    assert older.there()

    newer = Simulated()
    assert (older.there(), newer.there()) == (False, True)
