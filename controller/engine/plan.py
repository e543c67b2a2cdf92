"""From desired and observed to ordered steps. Pure.

A plan is truthful only if it sees what its own steps change: when a task definition is about to get a new revision,
everything that refers to its arn changes too, "known after task_definition/web". So keys are visited parents first,
and the outputs of a step that will change them are forgotten for its dependents.

What cannot be changed in place gets a successor (`succession.py`): the step `replace` creates it, the steps of what
refers to it switch over, and a step of the predecessor's own deletes it after them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from controller.base.keys import Key, refs
from controller.engine.compare import compare
from controller.engine.deletions import Ask, deletions, leave, merged, protected, reversed_
from controller.engine.drift import Drift, unreached
from controller.engine.graph import edges, live_edges, ordered, resolve
from controller.engine.reconciler import (
    RISKS,
    Foretelling,
    Home,
    Joint,
    Observed,
    Refusing,
    Widening,
    looked_up,
)
from controller.engine.scope import OUT_OF_SCOPE, Scope, in_scope, nowhere
from controller.engine.steps import BRINGING, NOT_OURS, Desired, Kinds, Live, Plan, Step, waits_for
from controller.engine.succession import beneath, family, further, renamed, settled_names

NAMED_MAX = 6  # addresses a note lists
EVERY_DRIFT = Drift()  # is put right


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
    home = _home(observed, owner)
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
        if data or key not in allowed:
            aside |= kin.predecessors.keys()
        else:
            replaced |= kin.predecessors
        if key in allowed:
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
            idle = have is not None and have.idle
            if not idle and str(key) not in scope.replace and not _inherits(step, desired[key], heirs):
                problems.append(_needs_leave(step))
        kind = kinds[key.kind]
        if have is not None and step.action in {"update", "replace"} and isinstance(kind, Refusing):
            problems += [f"{key}: {why}"] if (why := kind.refuses(step.desired, step.changes, have)) else []
        if step.action not in {"none", "read"}:
            problems += _cut_off(step, allowed, observed)
        known[key] = _outputs_after(step, kind, home)
        steps.append(step)
    for_nobody = unreached(asked, desired, {name: kind.volatile for name, kind in kinds.items()})
    calm = {s.key for s in steps if s.key in for_nobody and s.risk in {"new_deployment", "host_roll"}}
    steps = [replace(s, risk="in_place") if s.key in calm else s for s in steps]
    leaving = leave(_early(steps, graph, kinds), graph, observed, replaced, aside, Ask(kinds, owner, scope, allowed))
    notes = tuple(f"{key}: {note}" for key in sorted(observed) for note in observed[key].notes)
    notes += leaving.stay + _left(differs)
    problems += protected(leaving.steps)
    together, why_not = _together(leaving.steps, observed, kinds)
    problems += why_not
    left_out = frozenset(leaving.graph) - allowed
    return Plan(
        together,
        _frozen(leaving.graph),
        leaving.orphans,
        tuple(problems),
        notes,
        left_out,
        leaving.stay,
        frozenset(differs),
    )


def plan_destroy(desired: Desired, observed: Live, owner: str) -> Plan:
    """The steps that remove everything of *owner*, children first; what must be kept stays, with the reason.

    What AWS would refuse to delete is a problem: nothing is removed then, for half a stack is no stack.
    """
    ours = {key: have for key, have in observed.items() if have.owner == owner}
    declared = edges(desired)
    steps = deletions(ours, declared)
    graph = reversed_(merged({k: v for k, v in declared.items() if k in ours}, live_edges(ours)))
    foreign = tuple(
        f"{key}: not ours ({observed[key].owner or 'no owner tag'}), left alone"
        for key in sorted(observed.keys() - ours.keys())
    )
    frozen = _frozen({s.key: graph.get(s.key, set()) for s in steps})
    return Plan(tuple(steps), frozen, problems=tuple(protected(steps)), notes=foreign)


def _step(
    key: Key, desired: Any, have: Observed[Any] | None, known: Mapping[Key, Mapping[str, str]], *, data: bool
) -> Step:
    if have is None or have.gone:
        if data:
            return Step(key, "read", desired, None, reason="not found yet")
        return Step(key, "create", desired, have, risk="in_place", reason="still going away" if have else "not there")
    changes = compare(resolve(desired, known), have.as_desired)
    if data:
        elsewhere = not getattr(desired, "existing", "") and any(change.replaces for change in changes)
        return Step(key, "read" if elsewhere else "none", desired, have, reason="not found yet" if elsewhere else "")
    if not changes:
        return Step(key, "none", desired, have)
    risk = max((change.risk for change in changes), key=RISKS.index)
    if any(change.replaces for change in changes):
        fixed = ", ".join(change.field for change in changes if change.replaces)
        return Step(key, "replace", desired, have, changes, "replace", f"AWS cannot change {fixed} in place")
    return Step(key, "update", desired, have, changes, risk, "differs: " + ", ".join(c.field for c in changes))


def _early(steps: list[Step], graph: Mapping[Key, set[Key]], kinds: Kinds) -> list[Step]:
    """*steps*, those of kinds that allow something marked where steps that rest on them bring new tasks."""
    bringing = [s.key for s in steps if s.risk in BRINGING and s.action != "none"]
    below = beneath(bringing, graph) if any(isinstance(kinds[s.key.kind], Widening) for s in steps) else frozenset()
    return [
        replace(s, early=True)
        if s.action == "update" and s.key in below and isinstance(kinds[s.key.kind], Widening)
        else s
        for s in steps
    ]


def _together(steps: tuple[Step, ...], observed: Live, kinds: Kinds) -> tuple[tuple[Step, ...], list[str]]:
    """*steps*, those of kinds whose resources change places told of each other; and why they cannot be."""
    told: dict[Key, Any] = {}
    problems: list[str] = []
    going = {step.key: step.heir for step in steps if step.action in {"delete", "replace"}}
    for name in {step.key.kind for step in steps if step.action not in {"none", "read"}}:
        kind = kinds[name]
        if isinstance(kind, Joint):
            acting = [s for s in steps if s.key.kind == name and s.action in {"create", "update", "replace"}]
            wanted = {s.key: (s.desired, s.observed if s.action == "update" else None) for s in acting}
            more, why_not = kind.joint(wanted, going, observed)
            told |= more
            problems += why_not
    return tuple(replace(s, desired=told[s.key]) if s.key in told else s for s in steps), problems


def _home(observed: Live, owner: str) -> Home | None:
    """Where the stack is, by what is there of it; None where nothing tells."""
    arns = [have.outputs.get("arn", "").split(":") for have in observed.values() if have.owner == owner]
    return next((Home(arn[1], arn[3], arn[4]) for arn in arns if len(arn) > 5 and arn[3] and arn[4]), None)


def _outputs_after(step: Step, kind: Any, home: Home | None) -> Mapping[str, str]:
    """The outputs dependents may rely on while planning: none of what is about to change."""
    if step.action == "create" and home is not None and isinstance(kind, Foretelling):
        return kind.foretold(step.desired, home)
    if step.observed is None or step.action in {"create", "replace", "read"}:
        return {}
    if step.action == "update" and step.risk != "cosmetic":  # a tag makes no new version
        return {name: value for name, value in step.observed.outputs.items() if name not in kind.volatile}
    return step.observed.outputs


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


def _not_ours(key: Key, have: Observed[Any], owner: str) -> str:
    name = getattr(have.as_desired, "name", "") or have.outputs.get("id", "")
    holder = f"belongs to stack {have.owner}" if have.owner else "carries no owner tag"
    return (
        f"{key}: {name} exists and {holder}: it is not touched. "
        f"Choose another stack name than {owner}, rename or remove it, or take it over with `adopt`"
    )


def _needs_leave(step: Step) -> str:
    return f"{step.key}: {step.reason}: refused without --replace {step.key}"


def _frozen(graph: Mapping[Key, set[Key]]) -> dict[Key, frozenset[Key]]:
    return {key: frozenset(parents) for key, parents in graph.items()}
