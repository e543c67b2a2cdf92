"""The attributes of load balancers and target groups that no spec can say. Pure.

AWS answers all there are, those of tomorrow too: only what is known to have a usual value is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def set_by_others(live: Mapping[str, str], usual: Mapping[str, str]) -> tuple[str, ...]:
    """Those of *live* that differ from *usual*, as words: ``routing.http2.enabled=false``."""
    return tuple(f"{key}={live[key]}" for key, value in sorted(usual.items()) if live.get(key, value) != value)


def put_back(others: Iterable[str], usual: Mapping[str, str]) -> list[dict[str, str]]:
    """What takes *others* off again, as both calls want it."""
    return [{"Key": key, "Value": usual[key]} for key in (one.partition("=")[0] for one in others)]
