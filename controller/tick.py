"""One tick: observe, compare, plan, execute, decide, act. Every mode is a loop around it.

A tick that carried out a step stops there: what it read is no longer true, so the next tick decides about hosts. A tick
that could carry out nothing goes on to the hosts, because a step that waits (a balancer still provisioning) must not
hold up a rollout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from controller.aws.client import Aws
from controller.base.clock import Clock
from controller.base.errors import ControllerError, Interrupted, Locked, Missing, NotYet, Refused, Stale
from controller.base.keys import Key
from controller.engine.execute import execute
from controller.engine.observe import declare, observe
from controller.engine.plan import Plan, Scope, plan, plan_destroy
from controller.report.seen import SOON, Tick
from controller.resources import RECONCILERS
from controller.rollout import fleet as hands
from controller.rollout import sight
from controller.rollout.decide import clear_halt, decide
from controller.rollout.model import Done, Fleet, Halt, Move, Wait, policy_of
from controller.rollout.outlook import outlook
from controller.rollout.verdict import Hold, ServiceState, Verdict, hold, judge
from controller.spec.names import live_name
from controller.spec.types import Stack

KINDS = {kind.kind: kind for kind in RECONCILERS}
Want = Literal["converge", "destroy"]
GROUP = "auto_scaling_group"


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
    desired = declare(stack, RECONCILERS)
    asks = [partial(sight.observe, stack=stack, pool=pool, now=now) for pool in stack.pools]
    destroying = want == "destroy"
    live, found, reads = observe(aws, stack.name, desired, RECONCILERS, asks, sight.EARLY, destroying=destroying)
    fleets = tuple(fleet for fleet in found if fleet is not None)
    if destroying:
        owned = {key: one for key, one in live.items() if not KINDS[key.kind].data}
        doomed = plan_destroy(desired, owned, stack.name)
        return _execute(aws, Tick(now, doomed, fleets=fleets), act=act(doomed) if callable(act) else act)
    todo = plan(desired, live, KINDS, stack.name, options.scope)
    states = sight.services(reads, stack, _wanted(todo))
    rolling = {s.key.name for s in todo.pending if s.risk == "host_roll"}
    held = _holds(todo, states, fleets, options, hosts_change=bool(rolling))
    seen = Tick(
        now,
        todo,
        held=held,
        fleets=fleets,
        verdicts=_verdicts(todo, states, held),
        forecasts=outlook(stack, fleets, rolling, reads),
        policies={pool.name: policy_of(stack, pool.name) for pool in stack.pools},
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
    run = execute(todo, KINDS, aws, {key: one.why for key, one in seen.held.items()}, seen.now)
    for error in run.failed.values():
        if isinstance(error, Interrupted | Locked):
            raise error
    tried = {key: error for key, error in run.failed.items() if key not in seen.held}
    waits = [error.after for error in tried.values() if isinstance(error, NotYet)]
    after = SOON if run.done else min(waits, default=SOON)
    return replace(seen, done=run.done, failed=tried, requeue_after=after)


def _wanted(todo: Plan) -> dict[str, str]:
    """The task definition each service should run, where no step is about to change it."""
    return {
        step.key.name: step.observed.outputs["arn"]
        for step in todo.steps
        if step.key.kind == "task_definition" and step.action == "none" and step.observed is not None
    }


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
        if step.key.kind != "service" or step.risk != "new_deployment" or state is None:
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
    """One verdict per service that exists; a step that will not be tried again is one too."""
    wanted = _wanted(todo)
    found = []
    for name, state in sorted(states.items()):
        refused = held.get(Key("service", name))
        if refused is not None and refused.outcome == "rolled_back":
            found.append(Verdict(name, "rolled_back", refused.why))
        else:
            found.append(judge(state, wanted.get(name)))
    return tuple(found)


# ------------------------------------------------------------------------------------------------ hosts
def _roll(aws: Aws, stack: Stack, seen: Tick, options: Options, *, act: bool) -> Tick:
    """Decide about every pool's hosts, and carry it out when the tick acts."""
    moves: list[tuple[str, Move]] = []
    failed = dict(seen.failed)
    for fleet in seen.fleets:
        for move in (chosen := _moves(stack, fleet, seen, options)):
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
    requeue = SOON if acting else min([*waits, *errors, seen.requeue_after])
    return replace(seen, moves=tuple(moves), failed=failed, quiet=_quiet(seen, moves, failed), requeue_after=requeue)


def _moves(stack: Stack, fleet: Fleet, seen: Tick, options: Options) -> tuple[Move, ...]:
    """A person's apply forgets a halt that is older than itself; otherwise `decide` has the word."""
    if options.by_person and fleet.halted is not None and fleet.halted.at < options.started:
        return clear_halt(fleet)
    infeasible = next((f.infeasible for f in seen.forecasts if f.pool == fleet.pool and f.infeasible), None)
    if infeasible and fleet.old and fleet.roll is None:
        return (Halt("infeasible", infeasible),)
    return decide(fleet, policy_of(stack, fleet.pool), seen.now)


def _quiet(seen: Tick, moves: list[tuple[str, Move]], failed: Mapping[Key, ControllerError]) -> bool:
    """Nothing is left to do, wait for or prove; what waits for a person, or was refused, does not count as left."""
    waiting = [error for error in failed.values() if isinstance(error, NotYet | Stale)]
    stuck = {key for key, one in seen.held.items() if one.outcome} | _behind_stuck(seen.plan, failed)
    left = [s.key for s in seen.plan.steps if s.action != "none" and s.key not in stuck]
    proved = all(
        verdict.state != "in_progress" or Key("service", verdict.service) in stuck for verdict in seen.verdicts
    )
    refused = {key.name for key, error in failed.items() if isinstance(error, Refused) and key.kind == GROUP}
    still = all(isinstance(move, Done | Halt) or pool in refused for pool, move in moves)
    return not waiting and not left and not seen.plan.busy and proved and still


def _behind_stuck(todo: Plan, failed: Mapping[Key, ControllerError]) -> set[Key]:
    """What AWS refused or only a person can supply, and everything behind it."""
    behind = {key for key, error in failed.items() if isinstance(error, Missing | Refused)}
    for step in todo.steps:  # parents come first
        if behind & todo.before.get(step.key, frozenset()):
            behind.add(step.key)
    return behind
