"""What goes, in which order, and what stays although it was replaced or is in no spec any more. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any

from controller.base.keys import Key
from controller.engine.graph import live_edges, ordered
from controller.engine.reconciler import Lasting, Reconciler, born_as
from controller.engine.scope import Scope, held
from controller.engine.steps import Kinds, Live, Step
from controller.engine.succession import at_rest


@dataclass(frozen=True, slots=True)
class Ask:
    """Whose plan it is, and what it may do: *allowed* are the keys of its scope."""

    kinds: Kinds
    owner: str
    scope: Scope
    allowed: Set[Key]


@dataclass(frozen=True, slots=True)
class Leaving:
    """The *steps* with those of deletions, and the *graph* with what these come after; `stay`: what rests, in words."""

    steps: tuple[Step, ...]
    graph: Mapping[Key, set[Key]]
    orphans: tuple[Key, ...]
    stay: tuple[str, ...]


def leave(
    steps: list[Step], graph: Mapping[Key, set[Key]], observed: Live, replaced: Live, aside: Set[Key], ask: Ask
) -> Leaving:
    """What becomes of the *replaced*, and of what no step is about; of several of one key that stand *aside* nobody
    knows yet."""
    links = live_edges(observed) if replaced or aside or ask.scope.prune else {}
    heads = {id(step.observed) for step in steps}
    rest = {key: have for key, have in sorted(observed.items()) if have.owner == ask.owner and id(have) not in heads}
    left = {key: have for key, have in rest.items() if key not in aside}
    resting = at_rest({**rest, **replaced}, links, ask.scope)  # what is out of scope may rest as well
    gone_over = {key: have for key, have in replaced.items() if key not in resting}
    orphans = tuple(key for key in left if key not in gone_over)
    how = (
        " without --target and --exclude: it goes whole or not at all"
        if ask.scope.prune and not ask.scope.whole
        else ""
    )
    stay = tuple(f"{key}: replaced; {why}{how}" for key in sorted(resting) if (why := observed[key].rests))
    pruning = ask.scope.prune and not resting  # who rests may need more than ids tell: the role of its tasks, its log
    pruned = [key for key in orphans if pruning and ask.scope.names(key)]
    going = {**{key: observed[key] for key in pruned}, **gone_over}
    if not going:
        return Leaving(tuple(steps), graph, orphans, stay)
    users = reversed_(links)
    going = held(going, observed, users, ask.allowed)
    switching = {step.key for step in steps if step.action == "replace"}  # in this pass; who is replaced lives on
    made = [step for step in steps if step.action in {"create", "replace"} or _leads(step)]
    coming = {step.key for step in made if isinstance(ask.kinds[step.key.kind], Lasting)}
    last = [
        _due(_careful(step, steps, gone_over), users[step.key] & switching, coming, ask.kinds[step.key.kind])
        for step in deletions(going, {})
    ]
    return Leaving((*steps, *last), {**graph, **_after_their_users(going, users, graph)}, orphans, stay)


def deletions(live: Live, declared: Mapping[Key, set[Key]]) -> list[Step]:
    """A delete step for each resource, children first; kept ones become a step that does nothing and says why."""
    parents = merged({k: v for k, v in declared.items() if k in live}, live_edges(live))
    order = [key for key in ordered(parents) if key in live]
    return [
        Step(key, "none", None, live[key], reason=f"kept: {live[key].kept}")
        if live[key].kept
        else Step(key, "delete", None, live[key], risk="destructive", reason="not wanted")
        for key in reversed(order)
    ]


def _careful(step: Step, steps: Iterable[Step], replaced: Collection[Key]) -> Step:
    """A deletion in a stack that lives on: of a predecessor, or of what the spec has no more."""
    if step.action == "none":
        return step
    if step.key not in replaced:
        return replace(step, heir="")
    born = born_as(step.key)
    heir = next((one.observed for one in steps if one.key == born and one.observed is not None), None)
    name = str(getattr(heir.as_desired, "name", "") or born) if heir is not None else str(born)
    return replace(step, risk="replace", heir=name, reason=f"replaced: nothing refers to it once {born} has taken over")


def _leads(step: Step) -> bool:
    """Whether requests go elsewhere by it: where to is a `forwards` of its kind."""
    return step.action == "update" and step.risk != "cosmetic" and hasattr(step.desired, "forwards")


def _due(step: Step, switching: Collection[Key], coming: Collection[Key], kind: Reconciler[Any]) -> Step:
    """*step*, not yet while *switching*, who use what it deletes, still have to be replaced; nor, of what goes last,
    while others are *coming* that may take its place."""
    if step.action != "delete":
        return step
    if switching:
        named = ", ".join(map(str, sorted(switching)))
        words = f"{named} is replaced first, and uses it until then"
        return replace(step, later=words, awaits=frozenset(map(str, switching)))
    if step.heir == "" and coming and isinstance(kind, Lasting):
        first = ", ".join(map(str, sorted(coming)))
        return replace(step, later=f"{first} is made first", awaits=frozenset(map(str, coming)))
    return step


def _after_their_users(
    doomed: Live, users: Mapping[Key, set[Key]], graph: Mapping[Key, set[Key]]
) -> dict[Key, set[Key]]:
    """What each deletion comes after: the deletions of what refers to it, the steps of what stays and refers to it
    still, and the step of what takes its place."""
    after = {}
    for key in doomed:
        stay = {born_as(user) for user in users[key] if user not in doomed}
        after[key] = {user for user in users[key] if user in doomed} | ((stay | {born_as(key)}) & graph.keys()) - {key}
    return after


def protected(steps: Iterable[Step]) -> list[str]:
    """The deletions that AWS would refuse."""
    return [
        f"{s.key}: {s.observed.protected}, and nothing is deleted"
        for s in steps
        if s.observed is not None and s.observed.protected and s.action in {"delete", "replace"}
    ]


def merged(one: Mapping[Key, set[Key]], two: Mapping[Key, set[Key]]) -> dict[Key, set[Key]]:
    return {key: set(one.get(key, ())) | set(two.get(key, ())) for key in {*one, *two}}


def reversed_(graph: Mapping[Key, set[Key]]) -> dict[Key, set[Key]]:
    flipped: dict[Key, set[Key]] = {key: set() for key in graph}
    for key, parents in graph.items():
        for parent in parents:
            flipped.setdefault(parent, set()).add(key)
    return flipped
