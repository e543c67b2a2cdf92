"""Order comes from references between desired resources, never from a hand-written list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from graphlib import TopologicalSorter
from operator import is_
from typing import Any

from controller.base.keys import Key, Ref, field_names, refs
from controller.engine.reconciler import Observed

Outputs = Mapping[Key, Mapping[str, str]]


def edges(desired: Mapping[Key, Any]) -> dict[Key, set[Key]]:
    """For each key, the keys whose outputs it uses. Raises KeyError for a ref that points nowhere: a bug of a kind."""
    found: dict[Key, set[Key]] = {}
    for key, value in desired.items():
        targets = {ref.key for ref in refs(value)}
        if missing := targets - desired.keys():
            raise KeyError(f"{key} refers to {', '.join(map(str, sorted(missing)))}, which nothing declares")
        found[key] = targets
    return found


def ordered(graph: Mapping[Key, set[Key]]) -> tuple[Key, ...]:
    """The keys, parents first, and in the same order every time: a plan must not read differently when repeated."""
    return tuple(TopologicalSorter({key: sorted(graph[key]) for key in sorted(graph)}).static_order())


def live_edges(observed: Mapping[Key, Observed[Any]]) -> dict[Key, set[Key]]:
    """The same among live resources, from the ids they hold: a security group names the id of its VPC; and from the
    names, in the fields that hold names of one kind: many a kind has the same.

    It orders the deletion of what no spec declares any more.
    """
    owner_of = {
        value: key for key, one in observed.items() for name, value in one.outputs.items() if name in {"id", "arn"}
    }
    named = {(key.kind, one.outputs["name"]): key for key, one in observed.items() if "name" in one.outputs}
    found = {}
    for key, one in observed.items():
        parents = {owner_of[text] for text in _strings(one.as_desired) if text in owner_of}
        for item in fields(one.as_desired):
            kind = str(item.metadata.get("names", ""))
            texts = _strings(getattr(one.as_desired, item.name)) if kind else set()
            parents |= {named[kind, text] for text in texts if (kind, text) in named}
        found[key] = parents - {key}
    for key, one in observed.items():
        for user in one.outputs.get("users", "").split():  # who holds it by what no field of theirs shows
            kind, _, name = user.partition("/")
            found.get(Key(kind, name), set()).add(key)
    return found


def resolve(value: Any, outputs: Outputs) -> Any:
    """*value* with every `Ref` whose output is known replaced by it; unknown ones stay."""
    if isinstance(value, Ref):
        return outputs.get(value.key, {}).get(value.output, value)
    if isinstance(value, tuple):
        items = tuple(resolve(item, outputs) for item in value)
        return value if all(map(is_, items, value)) else items
    changed = {
        name: new for name in field_names(value) if (new := resolve(old := getattr(value, name), outputs)) is not old
    }
    return replace(value, **changed) if changed else value


def _strings(value: object) -> set[str]:
    if isinstance(value, str):
        return {value}
    if isinstance(value, tuple):
        return {text for item in value for text in _strings(item)}
    return {text for name in field_names(value) for text in _strings(getattr(value, name))}
