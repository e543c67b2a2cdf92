"""One tick: observe, compare, plan, execute, decide, act. Every mode is a loop around it.

A tick that carried out a step stops there: what it read is no longer true, so the next tick decides about hosts. A tick
that could carry out nothing goes on to the hosts, because a step that waits (a balancer still provisioning) must not
hold up a rollout.

A pool's hosts are in scope with its group (`Scope`): of the others nothing is forecast, decided or waited for, and the
notes of the plan say so where a reader would wonder. The same holds for the verdicts of services.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from controller.aws.client import Aws
from controller.base.clock import Clock
from controller.base.errors import (
    ControllerError,
    Interrupted,
    Locked,
    Missing,
    NotYet,
    Refused,
    Stale,
    Stuck,
    Underway,
)
from controller.base.keys import Key
from controller.engine.drift import Drift
from controller.engine.execute import execute
from controller.engine.observe import declare, observe
from controller.engine.plan import plan, plan_destroy
from controller.engine.scope import OUT_OF_SCOPE, Scope
from controller.engine.steps import BRINGING, Plan
from controller.report.seen import LATER, SOON, Tick
from controller.resources import RECONCILERS
from controller.rollout import fleet as hands
from controller.rollout import sight
from controller.rollout.decide import clear_halt, decide
from controller.rollout.gates import unseen
from controller.rollout.model import Fleet, policy_of
from controller.rollout.moves import Done, Halt, Move, Wait
from controller.rollout.outlook import misfits, moved_out, outlook, unready
from controller.rollout.verdict import DEPLOYS, Hold, ServiceState, Verdict, hold, judge
from controller.spec import network
from controller.spec.names import live_ids, live_name
from controller.spec.types import Stack

KINDS = {kind.kind: kind for kind in RECONCILERS}
Want = Literal["converge", "destroy"]
GROUP = "auto_scaling_group"
BALANCER = Key("load_balancer", "main")


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller allows. `by_person` and `started` tell an apply somebody asked for from a pass of the loop:
    only the former clears a remembered halt and retries what was rolled back before it started."""

    scope: Scope = field(default_factory=Scope)
    by_person: bool = False
    started: datetime = field(default_factory=lambda: datetime.min.replace(tzinfo=UTC))


def tick(
    stack: Stack,
    aws: Aws,
    clock: Clock,
    *,
    want: Want = "converge",
    act: bool | Callable[[Plan], bool] = False,
    options: Options | None = None,
) -> Tick:
    """One pass over *stack*. Reads only unless *act*, which may depend on what the pass sees.

    Raises Refused when AWS cannot be reached at all.
    """
    options = options or Options()
    now = clock.now()
    aws.lately.begin(now)
    desired = declare(stack, RECONCILERS)
    asks = [partial(sight.observe, stack=stack, pool=pool, now=now) for pool in stack.pools]
    destroying = want == "destroy"
    early = sight.EARLY if stack.pools else sight.EARLY_BARE
    live, found, reads = observe(
        aws,
        stack.name,
        desired,
        RECONCILERS,
        asks,
        early,
        destroying=destroying,
        thorough=destroying or options.scope.prune,
        ids=live_ids(stack),
        now=now,
        parting=options.scope.parts(BALANCER),
        closed=network.closed(stack),
    )
    fleets = tuple(fleet for fleet in found if fleet is not None)
    if destroying:
        owned = {key: one for key, one in live.items() if not KINDS[key.kind].data}
        doomed = plan_destroy(desired, owned, stack.name)
        acts = act(doomed) if callable(act) else act
        return _execute(aws, Tick(now, doomed, fleets=fleets), act=acts and not doomed.problems)
    todo = plan(desired, live, KINDS, stack.name, options.scope, Drift(dict(stack.drift)))
    states = sight.services(reads, stack, _wanted(todo), _names(stack, todo))
    changing = {s.key.name for s in todo.pending if s.risk == "host_roll"}
    rolling = {name for name in changing if Key(GROUP, name) not in todo.left_out}
    inside = tuple(fleet for fleet in fleets if Key(GROUP, fleet.pool) not in todo.left_out)
    held = _holds(todo, states, _seen_by_services(todo, fleets), options, hosts_change=bool(rolling))
    planned = tuple(moved_out(fleet, todo) for fleet in inside)
    forecasts = outlook(stack, planned, rolling, reads)
    why_not = (*misfits(stack, fleets, todo, forecasts, reads), *unready(stack, planned, todo, forecasts, reads))
    unwell = _unwell(todo, states)
    todo = replace(
        todo,
        problems=(*todo.problems, *why_not),
        notes=todo.notes + _left_out(todo, unwell, fleets, changing),
        differs=todo.differs | {Key("service", name) for name, one in unwell.items() if one.state != "in_progress"},
    )
    seen = Tick(
        now,
        todo,
        held=held,
        fleets=inside,
        verdicts=_verdicts(todo, states, held),
        forecasts=forecasts,
        policies={pool.name: policy_of(stack, pool.name) for pool in stack.pools},
        bare=() if stack.pools else sight.live_services(reads, stack),
    )
    acts = act(todo) if callable(act) else act
    before = aws.mutations
    after = _execute(aws, seen, act=acts and not todo.problems)
    if aws.mutations != before:
        return after
    return _roll(aws, stack, after, options, act=acts)


# ------------------------------------------------------------------------------------------------ steps
def _execute(aws: Aws, seen: Tick, *, act: bool) -> Tick:
    """Carry out the plan's steps; with nothing pending and nothing busy the tick is quiet."""
    todo = seen.plan
    open_steps = [step for step in todo.steps if step.action != "none"]
    if not act or not open_steps:
        return replace(seen, quiet=not open_steps and not todo.busy)
    for step in todo.pending:
        if step.action == "replace" and step.observed is not None and (ident := step.observed.outputs.get("id")):
            aws.lately.seen(ident)
    run = execute(todo, KINDS, aws, {key: one.why for key, one in seen.held.items()}, seen.now)
    for error in run.failed.values():
        if isinstance(error, Interrupted | Locked):
            raise error
    tried = {key: error for key, error in run.failed.items() if key not in seen.held}
    waits = [error.after for error in tried.values() if isinstance(error, NotYet)]
    after = SOON if run.done else min([*waits, LATER])
    return replace(seen, done=run.done, failed=tried, requeue_after=after)


def _wanted(todo: Plan) -> dict[str, str]:
    """The task definition each service should run, where no step is about to change it.

    It is the one that runs where the spec leaves that to others (`drift`): then a service wants no ref, but an arn.
    """
    left = {
        step.key.name: step.desired.task_definition
        for step in todo.steps
        if step.key.kind in DEPLOYS and step.desired is not None
    }
    return {
        step.key.name: step.observed.outputs["arn"]
        for step in todo.steps
        if step.key.kind == "task_definition" and step.action == "none" and step.observed is not None
    } | {name: arn for name, arn in left.items() if isinstance(arn, str)}


def _deploying(name: str) -> tuple[Key, ...]:
    """The keys whose steps deploy a service."""
    return tuple(Key(kind, name) for kind in DEPLOYS)


def _names(stack: Stack, todo: Plan) -> dict[str, str]:
    """The live name of each service, by logical name."""
    keys = [Key("service", service.name) for service in stack.services]
    return {key.name: todo.live_name(key, live_name(stack, key)) for key in keys}


def _holds(
    todo: Plan,
    states: Mapping[str, ServiceState],
    fleets: tuple[Fleet, ...],
    options: Options,
    *,
    hosts_change: bool,
) -> dict[Key, Hold]:
    """The steps that would start a deployment and must not yet."""
    wanted = _wanted(todo)
    found = {}
    for step in todo.pending:
        state = states.get(step.key.name)
        if step.key.kind not in DEPLOYS or step.risk != "new_deployment" or state is None:
            continue
        why = hold(
            state,
            wanted.get(step.key.name),
            fleets,
            by_person=options.by_person,
            started=options.started,
            hosts_change=hosts_change,
        )
        if why is not None:
            found[step.key] = why
    return found


def _verdicts(todo: Plan, states: Mapping[str, ServiceState], held: Mapping[Key, Hold]) -> tuple[Verdict, ...]:
    """One verdict per service in scope that exists; a step that will not be tried again is one too."""
    wanted = _wanted(todo)
    found = []
    for name, state in sorted(states.items()):
        if not todo.left_out.isdisjoint(_deploying(name)):
            continue
        refused = next((held[key] for key in _deploying(name) if key in held), None)
        if refused is not None and refused.outcome:
            found.append(Verdict(name, refused.outcome, refused.why))
        else:
            found.append(judge(state, wanted.get(name)))
    return tuple(found)


# ------------------------------------------------------------------------------------------------ scope
def _seen_by_services(todo: Plan, fleets: tuple[Fleet, ...]) -> tuple[Fleet, ...]:
    """The fleets a deployment has to look at.

    Hosts out of scope stay: no service waits until those of its pool are replaced, so such a fleet is nobody's pool.
    What somebody is draining off them still comes first.
    """
    return tuple(replace(one, pool="") if Key(GROUP, one.pool) in todo.left_out else one for one in fleets)


def _unwell(todo: Plan, states: Mapping[str, ServiceState]) -> Mapping[str, Verdict]:
    """The services out of scope that are not as they should be; those that may still come are waited for by others."""
    wanted = _wanted(todo)
    out = [name for name in sorted(states) if not todo.left_out.isdisjoint(_deploying(name))]
    found = {name: judge(states[name], wanted.get(name)) for name in out}
    return {name: verdict for name, verdict in found.items() if verdict.state != "succeeded"}


def _left_out(
    todo: Plan, unwell: Mapping[str, Verdict], fleets: tuple[Fleet, ...], changing: Collection[str]
) -> tuple[str, ...]:
    """Notes on hosts and services out of scope that are not as they should be: a reader would wonder about them."""
    notes = []
    for fleet in fleets:
        if Key(GROUP, fleet.pool) not in todo.left_out:
            continue
        old = len(fleet.live) if fleet.pool in changing else len(fleet.old)
        size = f"{len(fleet.live)} of {fleet.size} there" if len(fleet.live) != fleet.size else ""
        roll = "a roll begun earlier is not continued" if fleet.roll is not None else ""
        halt = f"halted ({fleet.halted.code})" if fleet.halted is not None else ""
        facts = [fact for fact in (f"{old} not current" if old else "", size, roll, halt) if fact]
        notes += [f"{OUT_OF_SCOPE}: the hosts of {fleet.pool}: {', '.join(facts)}; none is touched"] if facts else []
    for name, verdict in unwell.items():
        word = verdict.state.replace("_", " ")
        notes.append(f"{OUT_OF_SCOPE}: service {name}: {word}: {verdict.why}; left as it is")
    return tuple(notes)


# ------------------------------------------------------------------------------------------------ hosts
def _roll(aws: Aws, stack: Stack, seen: Tick, options: Options, *, act: bool) -> Tick:
    """Decide about every pool's hosts, and carry it out when the tick acts."""
    moves: list[tuple[str, Move]] = []
    failed = dict(seen.failed)
    for fleet in seen.fleets:
        why = unseen(fleet, aws.lately.moved)
        for move in (chosen := (Wait(why, SOON),) if why else _moves(stack, fleet, seen, options)):
            moves.append((fleet.pool, move))
        if act:
            try:
                hands.act(aws, fleet, live_name(stack, Key("cluster", "main")), chosen)
            except (Interrupted, Locked):
                raise
            except ControllerError as error:
                failed[Key(GROUP, fleet.pool)] = error
    waits = [move.after for _, move in moves if isinstance(move, Wait)]
    acting = [move for _, move in moves if not isinstance(move, Wait | Halt | Done)]
    errors = [error.after for error in failed.values() if isinstance(error, NotYet)]
    requeue = SOON if acting else min([*waits, *errors, seen.requeue_after])  # a bake, too, is watched
    return replace(
        seen, moves=tuple(moves), failed=failed, quiet=_quiet(stack, seen, moves, failed), requeue_after=requeue
    )


def _moves(stack: Stack, fleet: Fleet, seen: Tick, options: Options) -> tuple[Move, ...]:
    """A person's apply forgets a halt that is older than itself; otherwise `decide` has the word."""
    if options.by_person and fleet.halted is not None and fleet.halted.at < options.started:
        return clear_halt(fleet, seen.now)
    infeasible = next((f.infeasible for f in seen.forecasts if f.pool == fleet.pool and f.infeasible), None)
    if infeasible and fleet.old and fleet.roll is None:
        return (Halt("infeasible", infeasible),)
    return decide(fleet, policy_of(stack, fleet.pool), seen.now)


def _quiet(stack: Stack, seen: Tick, moves: list[tuple[str, Move]], failed: Mapping[Key, ControllerError]) -> bool:
    """Nothing is left to do, wait for or prove; what waits for a person, or was refused, does not count as left."""
    halted = {pool for pool, move in moves if isinstance(move, Halt)}
    going = {step.key for step in seen.plan.steps if step.action == "delete"}
    # what waits for hosts to leave waits for whoever ends the halt
    kept = {key for key, error in failed.items() if halted and (key in going or isinstance(error, Underway))}
    behind = {key for one in stack.services if halted & {*one.pools} for key in _deploying(one.name)}
    held = {key for key, one in seen.held.items() if one.outcome or key in behind}
    hopeless = _behind_stuck(seen.plan, failed, held)
    if _brings(seen.plan) <= hopeless:  # no new tasks till a person has acted
        kept |= {step.key for step in seen.plan.steps if step.early and isinstance(failed.get(step.key), Underway)}
    stuck = held | kept | hopeless
    waiting = [error for key, error in failed.items() if isinstance(error, NotYet | Stale) and key not in stuck]
    left = [s.key for s in seen.plan.steps if s.action != "none" and s.key not in stuck]
    proved = all(
        verdict.state != "in_progress"
        or not (stuck | behind if verdict.ailing else stuck).isdisjoint(_deploying(verdict.service))
        for verdict in seen.verdicts
    )
    refused = {key.name for key, error in failed.items() if isinstance(error, Refused) and key.kind == GROUP}
    still = all(isinstance(move, Done | Halt) or pool in refused for pool, move in moves)
    return not waiting and not left and not seen.plan.busy and proved and still


def _brings(todo: Plan) -> set[Key]:
    """The steps that would bring new tasks, for which roles are only widened (`Step.early`)."""
    return {step.key for step in todo.pending if step.risk in BRINGING}


def _behind_stuck(todo: Plan, failed: Mapping[Key, ControllerError], held: Collection[Key]) -> set[Key]:
    """What AWS refused or only a person can supply, everything behind it, and what waits for something of that or for
    what is out of scope."""
    behind = {key for key, error in failed.items() if isinstance(error, Missing | Refused)}
    going_on = {key for key, error in failed.items() if isinstance(error, Stuck | Underway)}
    before = -1
    while before != len(behind):
        before = len(behind)
        for step in todo.steps:  # parents come first
            if (behind - going_on) & todo.before.get(step.key, frozenset()):
                behind.add(step.key)
        lost = {str(key) for key in (*behind, *held, *todo.differs)}
        behind |= {key for key, error in failed.items() if isinstance(error, NotYet) and lost & error.awaits}
    return behind
