"""Run a plan's steps: parents first, independent branches at once, nothing waited for inside a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from graphlib import TopologicalSorter
from typing import Any

from controller.aws.client import Aws
from controller.base.errors import ControllerError, Gone, NotYet, Refused, Stale, Stuck, Underway
from controller.base.keys import Key, refs
from controller.engine.compare import compare
from controller.engine.graph import resolve
from controller.engine.reconciler import Change, Inheriting, Parting, Serving, Widening
from controller.engine.steps import Kinds, Plan, Step
from controller.engine.succession import successor
from controller.spec.names import LIMITS

WORKERS = 16
FRESH = timedelta(minutes=3)  # IAM is eventually consistent: seconds to about two minutes (aws.md 5.3)


@dataclass(frozen=True, slots=True)
class Execution:
    """done: steps carried out. failed: steps that were tried, and why they are not done. Others wait behind them."""

    done: tuple[Key, ...]
    failed: Mapping[Key, ControllerError]


def execute(plan: Plan, kinds: Kinds, aws: Aws, held: Mapping[Key, str], now: datetime) -> Execution:
    """Carry out what *plan* asks, except the steps of *held*; programmer errors surface as they are."""
    steps = {step.key: step for step in plan.steps}
    outputs: dict[Key, Mapping[str, str]] = {
        key: step.observed.outputs for key, step in steps.items() if step.observed is not None
    }
    done: list[Key] = []
    underway: dict[Key, BaseException] = {}

    def act(key: Key) -> None:
        step = steps[key]
        if step.action == "none":
            return
        if key in held:
            raise NotYet(held[key])
        try:
            outputs[key] = _perform(step, kinds[key.kind], aws, outputs)
        except (Underway, Stuck) as waits:  # its outputs are as they were: what depends on it may be what it waits for
            underway[key] = waits
            return
        except Refused as refusal:
            if refusal.fresh and _built_lately(key, plan, outputs, now):
                raise NotYet(f"{refusal} (IAM has not spread yet)") from refusal
            raise
        done.append(key)

    graph = {key: {p for p in plan.before.get(key, ()) if p in steps} for key in steps}
    failed = walk(graph, act) | underway
    for error in failed.values():
        if not isinstance(error, ControllerError):
            raise error
    return Execution(tuple(done), {key: e for key, e in failed.items() if isinstance(e, ControllerError)})


def walk(graph: Mapping[Key, set[Key]], act: Callable[[Key], None], workers: int = WORKERS) -> dict[Key, BaseException]:
    """Call *act* once per key, parents first; the failures.

    A failed key is never marked done, so all that depends on it stays blocked while unrelated branches finish.
    Raises `CycleError`, which names the cycle.
    """
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    failed: dict[Key, BaseException] = {}
    with ThreadPoolExecutor(workers, thread_name_prefix="execute") as pool:
        running: dict[Future[None], Key] = {}
        while sorter.is_active():
            running |= {pool.submit(act, key): key for key in sorted(sorter.get_ready())}
            if not running:
                break  # what is left waits behind a failure
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                key = running.pop(future)
                if error := future.exception():
                    failed[key] = error
                else:
                    sorter.done(key)
    return failed


def _perform(step: Step, kind: Any, aws: Aws, outputs: Mapping[Key, Mapping[str, str]]) -> Mapping[str, str]:
    """Do one step; the outputs of its resource afterwards."""
    if step.action == "delete":
        assert step.observed is not None
        if step.later:
            raise NotYet(f"{step.key}: {step.later}", awaits=step.awaits)
        asked = step.heir is not None and isinstance(kind, Serving)
        if asked and (why := kind.still_serves(aws, step.observed, step.heir)):
            raise NotYet(f"{step.key}: {'replaced' if step.heir else 'not in the spec any more'}, {why}")
        if step.heir is not None and isinstance(kind, Parting) and (why := kind.part(aws, step.observed, step.heir)):
            raise NotYet(f"{step.key}: {why}")
        _delete(kind, aws, step)
        return {}
    desired = resolve(step.desired, outputs)
    if unknown := sorted({str(ref.key) for ref in refs(desired)}):
        raise NotYet(f"waits for {', '.join(unknown)}")
    # what had to be taken for a change may be none, now that all is known: AWS did not show what it refers to
    differing = {c.field for c in compare(desired, step.observed.as_desired)} if step.observed is not None else set()
    differing |= {one.name for one in fields(desired) if one.metadata.get("anew")}
    if step.action == "update":
        assert step.observed is not None
        changes = tuple(
            c if not list(refs(c.after)) else _settled(c, desired) for c in step.changes if c.field in differing
        )
        if not changes:
            return step.observed.outputs
        early = step.early and isinstance(kind, Widening)
        if early:
            wide = kind.widened(desired, step.observed.as_desired)
            if wide != desired:
                if changes := compare(wide, step.observed.as_desired):
                    kind.update(aws, step.observed, wide, changes)
                raise Underway("narrowed when the tasks of before have been replaced")
        return {**step.observed.outputs, **kind.update(aws, step.observed, desired, changes)}
    if step.action == "replace":
        if not any(c.replaces and c.field in differing for c in step.changes):
            raise Stale(f"{step.key}: what could not be changed in place is as it should be")
        desired = successor(desired, LIMITS.get(step.key.kind, 255))
        if step.observed is not None and isinstance(kind, Inheriting):
            desired = kind.inherit(aws, desired, step.observed)
    made: Mapping[str, str] = kind.create(aws, step.key, desired)
    return made


def _delete(kind: Any, aws: Aws, step: Step) -> None:
    try:
        kind.delete(aws, step.observed)
    except Gone:
        return


def _settled(change: Change, desired: Any) -> Change:
    """A change whose value was "known after" another step, now that it is known."""
    return replace(change, after=getattr(desired, change.field))


def _built_lately(key: Key, plan: Plan, outputs: Mapping[Key, Mapping[str, str]], now: datetime) -> bool:
    """Whether anything *key* rests on, at any distance, was created within `FRESH`."""
    seen: set[Key] = set()
    frontier = {key}
    while frontier:
        seen |= frontier
        frontier = {parent for one in frontier for parent in plan.before.get(one, ())} - seen
    births = [outputs.get(one, {}).get("created_at") for one in seen]
    return any(now - datetime.fromisoformat(born) < FRESH for born in births if born)
