"""Observe everything at once: every kind in a thread of its own, all of them through one `Reads`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from controller.aws.client import Aws
from controller.aws.reads import Reads
from controller.base.keys import Key
from controller.engine.reconciler import Observed, Reconciler
from controller.spec.types import Stack

CALLS_IN_FLIGHT = 24  # nothing is gained above (reference/speed.md)
T = TypeVar("T")


def declare(stack: Stack, kinds: Iterable[Reconciler[Any]]) -> dict[Key, Any]:
    """Everything the spec asks for, by key. Pure."""
    return {key: desired for kind in kinds for key, desired in kind.declare(stack)}


def names_of(desired: Mapping[Key, Any]) -> dict[str, list[str]]:
    """The live names a pass asks AWS for, by kind, and the SSM parameters under ``parameter``."""
    names: dict[str, list[str]] = {}
    for key, value in desired.items():
        if name := getattr(value, "name", None):
            names.setdefault(key.kind, []).append(name)
        if parameter := getattr(value, "ssm", None):
            names.setdefault("parameter", []).append(parameter)
    return names


def observe(
    aws: Aws,
    owner: str,
    desired: Mapping[Key, Any],
    kinds: Sequence[Reconciler[Any]],
    also: Sequence[Callable[[Reads], T]] = (),
    early: Sequence[Callable[[Reads], object]] = (),
    *,
    destroying: bool = False,
    thorough: bool = False,
    ids: Mapping[Key, str] | None = None,
    now: datetime | None = None,
    parting: bool = False,
    closed: frozenset[str] = frozenset(),
) -> tuple[dict[Key, Observed[Any]], list[T], Reads]:
    """What is live: for every kind, and the answers of *also* (the fleets), all read side by side.

    *early* are reads that *also* will ask for one after the other: begun at once, they are there when they are wanted.

    Kinds run in one pool and their calls in another: a kind that waits for a shared answer must not hold the thread
    that would fetch it.
    """
    wanted: dict[str, dict[Key, Any]] = {kind.kind: {} for kind in kinds}
    for key, value in desired.items():
        wanted[key.kind][key] = value
    calls = ThreadPoolExecutor(CALLS_IN_FLIGHT, thread_name_prefix="read")
    with calls, ThreadPoolExecutor(len(kinds) + len(also) + len(early), thread_name_prefix="observe") as pool:
        names, more = names_of(desired), {"destroying": destroying, "thorough": thorough, "parting": parting}
        reads = Reads(aws, owner, names, calls, ids=ids, now=now, closed=closed, **more)
        for ask in early:
            pool.submit(ask, reads)  # whoever wants the answer meets its error, too
        extras = [pool.submit(ask, reads) for ask in also]
        found = [pool.submit(kind.observe, reads, wanted[kind.kind], owner) for kind in kinds]
        live = {key: one for future in found for key, one in future.result().items()}
        return live, [future.result() for future in extras], reads
