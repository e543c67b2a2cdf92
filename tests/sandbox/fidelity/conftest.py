"""One simulated sandbox per test, and the stack that is built in it."""

from __future__ import annotations

import pytest

from controller.sandbox.simulated import Simulated

from .stack import Aws, Stack


@pytest.fixture
def sim() -> Simulated:
    return Simulated()


@pytest.fixture
def aws(sim: Simulated) -> Aws:
    return Aws(sim)


@pytest.fixture
def stack(sim: Simulated, aws: Aws) -> Stack:
    """A network of two zones; the test adds what it is about."""
    return Stack(sim, aws).network()
