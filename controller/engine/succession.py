"""Which of several live resources of one key is the wanted one, and what becomes of the others. Pure.

Some fields AWS cannot change in place. Then a *successor* is created under a name of its own, all that refers to the
predecessor is switched over, and the predecessor is deleted when nothing uses it any more. Nothing of this is stored: a
resource is a predecessor because it was born with the key and differs from the wish in a field that nobody can change.

A kind shows the resources it finds for one key as ``name`` and ``name@live-name`` (`aws/reads/ours.keyed`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from controller.base.keys import Key
from controller.engine.compare import compare
from controller.engine.reconciler import AT, Observed, born_as
from controller.engine.scope import Scope

Live = Mapping[Key, Observed[Any]]


@dataclass(frozen=True, slots=True)
class Family:
    """What is live of one key. `head` is the wanted one, or the one to be replaced; None when there is none.

    predecessors   were replaced: each differs in what cannot be changed
    twins          differ in nothing that matters: born of a lost reply, or left by a change of ``names:``
    aside          older ones, while the head itself is to be replaced: which of them serves is not settled yet
    """

    head: Observed[Any] | None
    predecessors: Mapping[Key, Observed[Any]]
    twins: Mapping[Key, Observed[Any]]
    aside: frozenset[Key] = frozenset()


def further(observed: Live) -> dict[Key, list[Key]]:
    """The keys of further resources, by the key they were born with; `settled_names` changes none of them."""
    found: dict[Key, list[Key]] = {}
    for key in sorted(one for one in observed if AT in one.name):
        found.setdefault(born_as(key), []).append(key)
    return found


def family(key: Key, desired: Any, observed: Live, others: Iterable[Key], owner: str) -> Family:
    """The live resources of *key* and of its *others* (`further`). *desired* has its known refs replaced; one still
    unknown differs from anything."""
    named = observed.get(key)
    if not others:
        return Family(named, {}, {})
    ours = {one: observed[one] for one in others if observed[one].owner == owner}
    if named is not None and (named.owner != owner or (_fits(desired, named) and not named.gone)):
        head: Key | None = key
    else:  # what fits; else what is there and can be replaced; else what is on its way out
        mine = {key: named, **ours} if named is not None else ours
        choice = sorted(mine, key=lambda one: (mine[one].gone, not _fits(desired, mine[one]), one != key, one))
        head = next(iter(choice), None)
    rest = {one: have for one, have in ((key, named), *ours.items()) if have is not None and one != head}
    chosen = observed[head] if head is not None else None
    old = {one: have for one, have in rest.items() if not _fits(desired, have)}
    twins = {one: have for one, have in rest.items() if one not in old}
    settled = chosen is not None and _fits(desired, chosen)
    return Family(chosen, old, twins) if settled else Family(chosen, {}, twins, frozenset(old))


def settled_names(key: Key, observed: Live, kin: Family) -> tuple[Live, Family]:
    """*observed* with the head under its plain key: what else is live under that changes names with it.

    What others declare that they refer to is then the head, and a predecessor is deleted under a key of its own.
    """
    at = next((one for one, have in observed.items() if have is kin.head), key)
    if at == key or key not in observed:
        return observed, kin
    swapped = {**observed, key: observed[at], at: observed[key]}
    names = {key: at, at: key}
    return swapped, replace(
        kin,
        predecessors={names.get(one, one): have for one, have in kin.predecessors.items()},
        twins={names.get(one, one): have for one, have in kin.twins.items()},
        aside=frozenset(names.get(one, one) for one in kin.aside),
    )


def at_rest(left: Live, links: Mapping[Key, Collection[Key]], scope: Scope) -> frozenset[Key]:
    """Those of what is *left* that stay, because people or programs outside may still count on one of them: it, what
    serves behind it, and what that stands on. They go with `--prune`, a word of its own, after that replacement."""
    found = {key for key, have in left.items() if have.rests and (have.asked or not scope.parts(born_as(key)))}
    frontier = found
    while frontier:
        near = {one for key in frontier for one in links[key]} | {one for one in left if frontier & {*links[one]}}
        frontier = (near & left.keys()) - found
        found = found | frontier
    return frozenset(found)


def beneath(keys: Collection[Key], links: Mapping[Key, Collection[Key]]) -> frozenset[Key]:
    """What *keys* stand on, at any distance, and they themselves."""
    found, frontier = set(keys), set(keys)
    while frontier:
        frontier = {one for key in frontier for one in links.get(key, ())} - found
        found |= frontier
    return frozenset(found)


def renamed(desired: Any, have: Observed[Any] | None) -> Any:
    """*desired* under the live name of *have*: a name finds and creates, it is never compared."""
    live = getattr(have.as_desired, "name", None) if have is not None else None
    return replace(desired, name=live) if live and live != getattr(desired, "name", live) else desired


def successor(desired: Any, limit: int) -> Any:
    """*desired*, all refs known, under a name that says what cannot be changed: the same wish, the same name.

    Idempotent where its first creation's answer was lost, and free where its predecessor still holds the plain name.
    """
    name = getattr(desired, "name", None)
    if name is None:
        return desired
    fixed = [(one.name, getattr(desired, one.name)) for one in fields(desired) if one.metadata.get("immutable")]
    digest = hashlib.sha256(repr(fixed).encode()).hexdigest()[:6]
    return replace(desired, name=f"{name[: limit - 7].rstrip('-')}-{digest}")


def _fits(desired: Any, have: Observed[Any]) -> bool:
    """Whether *have* is, or can become, what is wanted."""
    return not any(change.replaces for change in compare(desired, have.as_desired))
