"""What the strategies of `specs.py`, `pools.py` and `services.py` share."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
Draw = Any


def maybe(draw: Draw, strategy: st.SearchStrategy[Any], share: float = 0.4) -> Any:
    """A value of *strategy*, or None for "not in the spec"."""
    return draw(strategy) if draw(st.floats(0, 1)) < share else None


def given_only(**fields: Any) -> Json:
    """The fields that are there."""
    return {name: value for name, value in fields.items() if value is not None}


def seconds(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low, high).map(lambda count: f"{count}s")


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """A mapping with any of *fields*."""
    return st.fixed_dictionaries({}, optional=fields)
