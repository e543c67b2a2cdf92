"""What every kind promises, in one place: the same checks for all of them (STYLE.md, section 3.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any

from controller.base.errors import Gone, NotYet
from controller.base.keys import Key
from controller.engine.compare import compare
from controller.engine.reconciler import Change, Observed
from tests.resources.samples import SAMPLES
from tests.resources.stacks import KINDS, LIVES, Live, World


@dataclass(frozen=True)
class Edit:
    """One field of one resource as a spec might change it; `alone`: the fields that come with it, itself included."""

    field: str
    edited: Any
    risk: str
    alone: frozenset[str]


def comparable(kind: str, world: World) -> dict[str, Any]:
    """The fields of a kind's desired state that can drift, with what the engine was told about them."""
    shape = next(type(one) for key, one in world.desired().items() if key.kind == kind)
    return {one.name: one.metadata for one in fields(shape) if one.metadata.get("compare", True)}


def edits(world: World, kind: str, key: Key, desired: Any, *, immutable: bool) -> Iterator[Edit]:
    for name, meta in comparable(kind, world).items():
        if bool(meta.get("immutable")) != immutable:
            continue
        sample = SAMPLES[kind][name]
        edited = sample(world, desired) if callable(sample) else replace(desired, **{name: sample})
        alone = {change.field for change in compare(edited, desired)} | {name}
        yield Edit(name, edited, "replace" if immutable else meta.get("risk", "in_place"), frozenset(alone))


def differences(live: Live, desired: dict[Key, Any]) -> dict[Key, tuple[Change, ...]]:
    """What a plan would change, and nothing where a resource is as it should be."""
    found = {key: compare(one, live[key].as_desired) for key, one in desired.items() if key in live}
    return {key: changes for key, changes in found.items() if changes}


def differs(world: World, key: Key, wanted: Any) -> tuple[Live, tuple[Change, ...]]:
    """What is live of the resource's kind, and what an engine that wants *wanted* would change."""
    live = world.see(key.kind, wanted={key: wanted})
    return live, compare(wanted, live[key].as_desired)


def correct(world: World, key: Key, wanted: Any) -> None:
    """Bring a resource to *wanted* with one update, as the engine would."""
    live, changes = differs(world, key, wanted)
    update(world, key, live[key], wanted, changes)


def update(world: World, key: Key, observed: Observed[Any], wanted: Any, changes: tuple[Change, ...]) -> None:
    """One update, asked for again while AWS is at something else."""
    for _ in range(LIVES):
        try:
            KINDS[key.kind].update(world.aws, observed, wanted, changes)
            world.sim.until(lambda: not world.see(key.kind)[key].busy)
            return
        except NotYet:
            world.sim.sleep(timedelta(seconds=1))
    raise AssertionError(f"{key} is not changed")


def delete(world: World, key: Key) -> Observed[Any]:
    """Delete one resource however often AWS needs to be asked; as it was last seen."""
    kind, last = KINDS[key.kind], world.see(key.kind)[key]
    for _ in range(LIVES):
        try:
            kind.delete(world.aws, last)
            return last
        except Gone:
            return last
        except NotYet:
            world.sim.sleep(timedelta(seconds=1))
            last = world.see(key.kind).get(key, last)
    raise AssertionError(f"{key} is not gone")


def together(desired: Any, several: list[Edit]) -> Any:
    """*desired* with all of *several*."""
    edited = desired
    for edit in several:
        differing = {f.name: getattr(edit.edited, f.name) for f in fields(desired)}
        edited = replace(
            edited, **{name: value for name, value in differing.items() if value != getattr(desired, name)}
        )
    return edited


def others(live: Live, key: Key) -> dict[Key, Any]:
    """Every resource of ours but one, to be compared before and after that one was changed."""
    found = {}
    for one, seen in live.items():
        kind = KINDS[one.kind]
        if one != key and not kind.data:  # what is looked up may well follow what is live
            lasting = {name: value for name, value in seen.outputs.items() if name not in kind.volatile}
            found[one] = (seen.as_desired, lasting)
    return found
