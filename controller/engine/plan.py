"""From desired and observed to ordered steps. Pure.

A plan is truthful only if it sees what its own steps change: when a task definition is about to get a new revision,
everything that refers to its arn changes too, "known after task_definition/web". So keys are visited parents first,
and the outputs of a step that will change them are forgotten for its dependents.

What cannot be changed in place gets a successor (`succession.py`): the step `replace` creates it, the steps of what
refers to it switch over, and a step of the predecessor's own deletes it after them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from controller.base.keys import Key, refs
from controller.engine.compare import compare
from controller.engine.drift import Drift, unreached
from controller.engine.graph import edges, live_edges, ordered, resolve
from controller.engine.reconciler import (
    RISKS,
    Change,
    Lasting,
    Observed,
    Reconciler,
    Refusing,
    Risk,
    Widening,
    born_as,
    looked_up,
)
from controller.engine.scope import OUT_OF_SCOPE, Scope, held, in_scope, nowhere
from controller.engine.succession import at_rest, beneath, family, further, renamed, settled_names

Action = Literal["none", "read", "create", "update", "replace", "delete"]
NOT_OURS = "not ours"
NAMED_MAX = 6  # addresses a note lists
EVERY_DRIFT = Drift()  # is put right


@dataclass(frozen=True, slots=True)
class Step:
    """What one resource needs. `desired` still holds its refs; `changes` are against what is live."""

    key: Key
    action: Action
    desired: Any
    observed: Observed[Any] | None
    changes: tuple[Change, ...] = ()
    risk: Risk = "cosmetic"
    reason: str = ""
    heir: str | None = None  # of a deletion in a stack that lives on: the live name of what takes its place, "" if none
    later: str = ""  # of a deletion: why it is not due in the pass of this plan
    early: bool = False  # what depends on it brings new tasks by this plan: nothing is taken from those of before
    left: tuple[Change, ...] = ()  # differences that `drift: warn` leaves as they are


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps for every key, parents first (children first when destroying), those that need nothing included.

    orphans    ours, live, and no longer in the spec; deleted only by a step of this plan (`--prune`)
    problems   why the plan cannot be applied as it stands: foreign resources, replacements nobody allowed
    notes      what the reader should know although nothing is done about it
    resting    what was replaced and stays, because clients may still ask it, and what to do (`notes` have it, too)
    left_out   what --target or --exclude leave as it is: nobody acts on it, waits for it or judges by it
    """

    steps: tuple[Step, ...]
    before: Mapping[Key, frozenset[Key]]
    orphans: tuple[Key, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: frozenset[Key] = frozenset()
    resting: tuple[str, ...] = ()

    def live_name(self, key: Key, born: str) -> str:
        """The name of what stands for *key* now: *born* until a successor of another name has taken over."""
        have = next((step.observed for step in self.steps if step.key == key and step.observed is not None), None)
        return getattr(have.as_desired, "name", born) if have is not None else born

    @property
    def pending(self) -> tuple[Step, ...]:
        """The steps that act."""
        return tuple(step for step in self.steps if step.action not in {"none", "read"})

    @property
    def busy(self) -> tuple[str, ...]:
        """Resources in scope that exist and are not ready yet, with why."""
        ours = (step for step in self.steps if step.key not in self.left_out)
        return tuple(f"{s.key}: {s.observed.busy}" for s in ours if s.observed is not None and s.observed.busy)


Desired = Mapping[Key, Any]
Live = Mapping[Key, Observed[Any]]
Kinds = Mapping[str, Reconciler[Any]]


def plan(desired: Desired, observed: Live, kinds: Kinds, owner: str, scope: Scope, drift: Drift = EVERY_DRIFT) -> Plan:
    """The steps that make *observed* equal *desired*, parents first; but for what *drift* leaves as it is."""
    asked, graph = desired, edges(desired)
    allowed = in_scope(graph, scope)
    known: dict[Key, Mapping[str, str]] = {}
    steps: list[Step] = []
    problems = nowhere(scope, [*desired, *observed]) + drift.nowhere(desired)
    differs: list[Key] = []
    replaced: dict[Key, Observed[Any]] = {}
    heirs: set[Key] = set()
    aside: set[Key] = set()
    others = further(observed)
    for key in ordered(graph):
        data = looked_up(kinds[key.kind], desired[key])
        wish = resolve(desired[key], known)
        kin = family(key, drift.blind(key, wish), observed, others.get(key, ()), owner)
        observed, kin = settled_names(key, observed, kin)
        have = kin.head
        settled, left = drift.settled(key, desired[key], wish, have)
        desired = desired if settled is desired[key] else {**desired, key: settled}
        step = replace(_step(key, renamed(settled, have), have, known, data=data), left=left)
        aside |= kin.aside
        if key not in allowed:
            aside |= kin.predecessors.keys()
        else:
            replaced |= kin.predecessors
            problems += [f"{key}: {problem}" for problem in (have.problems if have is not None else ())]
        if have is not None and have.owner != owner and not data:
            problems.append(_not_ours(key, have, owner))
            step = Step(key, "none", desired[key], have, reason=NOT_OURS)
        if key not in allowed:
            differs += [] if step.action in {"none", "read"} else [key]
            step = Step(key, "none", desired[key], have, reason="left out by --target or --exclude")
        if kin.predecessors:
            heirs.add(key)
        if step.action == "replace":
            heirs.add(key)
            step = replace(step, desired=desired[key])  # its name is made from the plain one
            problems += [f"{key}: {c.field} cannot change: {c.forever}" for c in step.changes if c.forever]
            if str(key) not in scope.replace and not _inherits(step, desired[key], heirs):
                problems.append(_needs_leave(step))
        kind = kinds[key.kind]
        if step.action in {"update", "replace"} and isinstance(kind, Refusing):
            problems += [f"{key}: {why}"] if (why := kind.refuses(step.desired, step.changes)) else []
        if step.action not in {"none", "read"}:
            problems += _cut_off(step, allowed, observed)
        known[key] = _outputs_after(step, kinds[key.kind].volatile)
        steps.append(step)
    for_nobody = unreached(asked, desired, {name: kind.volatile for name, kind in kinds.items()})
    calm = {s.key for s in steps if s.key in for_nobody and s.risk in {"new_deployment", "host_roll"}}
    steps = [replace(s, risk="in_place") if s.key in calm else s for s in steps]
    links = live_edges(observed) if replaced or scope.prune else {}
    resting = at_rest(replaced, links, scope)
    replaced = {key: have for key, have in replaced.items() if key not in resting}
    steps = _early(steps, graph, kinds)
    heads = {id(step.observed) for step in steps}
    orphans = tuple(
        key
        for key in sorted(observed.keys() - replaced.keys() - aside)
        if observed[key].owner == owner and id(observed[key]) not in heads
    )
    needed = beneath(resting, links)
    doomed = {key: observed[key] for key in orphans if scope.prune and scope.names(key) and key not in needed}
    going = {**doomed, **replaced}
    if going:
        users = _reversed(links)
        going = held(going, observed, users, allowed)
        switching = {step.key for step in steps if step.action == "replace"}  # in this pass; who is replaced lives on
        coming = {s.key for s in steps if s.action in {"create", "replace"} and isinstance(kinds[s.key.kind], Lasting)}
        steps += [
            _due(_careful(step, steps, replaced), users[step.key] & switching, coming, kinds[step.key.kind])
            for step in _deletions(going, {})
        ]
        graph = {**graph, **_after_their_users(going, users, graph)}
    problems += _protected(steps)
    notes = tuple(f"{key}: {note}" for key in sorted(observed) for note in observed[key].notes)
    stay = tuple(f"{key}: replaced; {why}" for key in sorted(resting) if (why := observed[key].rests))
    notes += stay + _left(differs)
    return Plan(tuple(steps), _frozen(graph), orphans, tuple(problems), notes, frozenset(graph) - allowed, stay)


def plan_destroy(desired: Desired, observed: Live, owner: str) -> Plan:
    """The steps that remove everything of *owner*, children first; what must be kept stays, with the reason.

    What AWS would refuse to delete is a problem: nothing is removed then, for half a stack is no stack.
    """
    ours = {key: have for key, have in observed.items() if have.owner == owner}
    declared = edges(desired)
    steps = _deletions(ours, declared)
    graph = _reversed(_merged({k: v for k, v in declared.items() if k in ours}, live_edges(ours)))
    foreign = tuple(
        f"{key}: not ours ({observed[key].owner or 'no owner tag'}), left alone"
        for key in sorted(observed.keys() - ours.keys())
    )
    frozen = _frozen({s.key: graph.get(s.key, set()) for s in steps})
    return Plan(tuple(steps), frozen, problems=tuple(_protected(steps)), notes=foreign)


def _step(
    key: Key, desired: Any, have: Observed[Any] | None, known: Mapping[Key, Mapping[str, str]], *, data: bool
) -> Step:
    if have is None or have.gone:
        if data:
            return Step(key, "read", desired, None, reason="not found yet")
        return Step(key, "create", desired, have, risk="in_place", reason="still going away" if have else "not there")
    if data:
        return Step(key, "none", desired, have)
    changes = compare(resolve(desired, known), have.as_desired)
    if not changes:
        return Step(key, "none", desired, have)
    risk = max((change.risk for change in changes), key=RISKS.index)
    if any(change.replaces for change in changes):
        fixed = ", ".join(change.field for change in changes if change.replaces)
        return Step(key, "replace", desired, have, changes, "replace", f"AWS cannot change {fixed} in place")
    return Step(key, "update", desired, have, changes, risk, "differs: " + ", ".join(c.field for c in changes))


def _early(steps: list[Step], graph: Mapping[Key, set[Key]], kinds: Kinds) -> list[Step]:
    """*steps*, those of kinds that allow something marked where steps that rest on them bring new tasks."""
    bringing = [s.key for s in steps if s.risk in {"new_deployment", "replace"} and s.action != "none"]
    below = beneath(bringing, graph) if any(isinstance(kinds[s.key.kind], Widening) for s in steps) else frozenset()
    return [
        replace(s, early=True)
        if s.action == "update" and s.key in below and isinstance(kinds[s.key.kind], Widening)
        else s
        for s in steps
    ]


def _outputs_after(step: Step, volatile: tuple[str, ...]) -> Mapping[str, str]:
    """The outputs dependents may rely on while planning: none of what is about to change."""
    if step.observed is None or step.action in {"create", "replace", "read"}:
        return {}
    if step.action == "update" and step.risk != "cosmetic":  # a tag makes no new version
        return {name: value for name, value in step.observed.outputs.items() if name not in volatile}
    return step.observed.outputs


def _deletions(live: Live, declared: Mapping[Key, set[Key]]) -> list[Step]:
    """A delete step for each resource, children first; kept ones become a step that does nothing and says why."""
    parents = _merged({k: v for k, v in declared.items() if k in live}, live_edges(live))
    order = [key for key in ordered(parents) if key in live]
    return [
        Step(key, "none", None, live[key], reason=f"kept: {live[key].kept}")
        if live[key].kept
        else Step(key, "delete", None, live[key], risk="destructive", reason="not wanted")
        for key in reversed(order)
    ]


def _cut_off(step: Step, allowed: set[Key], observed: Live) -> list[str]:
    """What *step* needs, is not there, and is not to be made: it would wait for ever."""
    missing = [key for key in waits_for(step) if key not in allowed and key not in observed]
    return [f"{step.key}: needs {key}, which is not there and {OUT_OF_SCOPE}: take it in as well" for key in missing]


def _left(differs: list[Key]) -> tuple[str, ...]:
    """The note that says what is not as the spec says and stays so."""
    if not differs:
        return ()
    more = f" and {len(differs) - NAMED_MAX} more" if len(differs) > NAMED_MAX else ""
    return (f"{OUT_OF_SCOPE}, not as the spec says: {', '.join(map(str, differs[:NAMED_MAX]))}{more}",)


def _inherits(step: Step, wish: Any, heirs: set[Key]) -> bool:
    """Whether *step* replaces its resource only because what it refers to is replaced, or was before a pass that ended
    half-way: leave was given for that."""
    causes = [{ref.key for ref in refs(getattr(wish, change.field))} for change in step.changes if change.replaces]
    return all(cause and cause <= heirs for cause in causes)


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


def _due(step: Step, switching: Collection[Key], coming: Collection[Key], kind: Reconciler[Any]) -> Step:
    """*step*, not yet while *switching*, who use what it deletes, still have to be replaced; nor, of what goes last,
    while others are *coming* that may take its place."""
    if step.action != "delete":
        return step
    if switching:
        named = ", ".join(map(str, sorted(switching)))
        return replace(step, later=f"{named} is replaced first, and uses it until then")
    if step.heir == "" and coming and isinstance(kind, Lasting):
        return replace(step, later=f"{', '.join(map(str, sorted(coming)))} is made first")
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


def _not_ours(key: Key, have: Observed[Any], owner: str) -> str:
    name = getattr(have.as_desired, "name", "") or have.outputs.get("id", "")
    holder = f"belongs to stack {have.owner}" if have.owner else "carries no owner tag"
    return (
        f"{key}: {name} exists and {holder}: it is not touched. "
        f"Choose another stack name than {owner}, rename or remove it, or take it over with `adopt`"
    )


def _needs_leave(step: Step) -> str:
    return f"{step.key}: {step.reason}: refused without --replace {step.key}"


def _protected(steps: Iterable[Step]) -> list[str]:
    """The deletions that AWS would refuse."""
    return [
        f"{s.key}: {s.observed.protected}, and nothing is deleted"
        for s in steps
        if s.observed is not None and s.observed.protected and s.action in {"delete", "replace"}
    ]


def _merged(one: Mapping[Key, set[Key]], two: Mapping[Key, set[Key]]) -> dict[Key, set[Key]]:
    return {key: set(one.get(key, ())) | set(two.get(key, ())) for key in {*one, *two}}


def _reversed(graph: Mapping[Key, set[Key]]) -> dict[Key, set[Key]]:
    flipped: dict[Key, set[Key]] = {key: set() for key in graph}
    for key, parents in graph.items():
        for parent in parents:
            flipped.setdefault(parent, set()).add(key)
    return flipped


def _frozen(graph: Mapping[Key, set[Key]]) -> dict[Key, frozenset[Key]]:
    return {key: frozenset(parents) for key, parents in graph.items()}


def waits_for(step: Step) -> tuple[Key, ...]:
    """The resources whose outputs *step* uses, for reports."""
    return tuple(sorted({ref.key for ref in refs(step.desired)})) if step.desired is not None else ()
