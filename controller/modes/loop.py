"""run: ticks for ever. Drift is corrected, rollouts are driven, and nothing is remembered that AWS does not hold.

Stacks take turns in one thread: a tick never waits, so none holds up another. What the loop may do rests on the record
of the last applied spec (`record.judge`): a loop with an older file must not roll back what somebody applied since.
It holds a stack's lease only from one pass that changed something to the next, so that others can apply beside it,
whatever it waits for.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from controller.aws import record as tag
from controller.aws.client import Aws, connect
from controller.aws.lease import Heartbeat, Lease, lease
from controller.base import log as names
from controller.base.clock import SystemClock
from controller.base.crumbs import SpecCrumb
from controller.base.errors import ControllerError, Interrupted, Locked, NotYet, Refused, SpecError, Stale
from controller.base.keys import Key
from controller.base.log import open_log
from controller.engine.steps import Plan
from controller.modes import record
from controller.modes.session import Session, Stop, check_account, parameters_of, stoppable
from controller.report.seen import Tick, outcome
from controller.report.snapshot import Snapshot, View
from controller.resources import RECONCILERS
from controller.rollout.moves import Done, Halt, Wait
from controller.spec.load import load
from controller.spec.types import Stack
from controller.tick import Options, tick

USAGE = 64
SIGNAL_BASE = 128  # a signal's exit code is this and its number
DATA = frozenset(kind.kind for kind in RECONCILERS if kind.data)
DESTROYED = "destroyed elsewhere; apply, or a change of the file, brings it back"
JITTER = 0.1  # share of the interval: many loops must not ask AWS at the same moment
RETRY = timedelta(seconds=5)


@dataclass
class Watched:
    """One spec the loop keeps: where it is, when it is due, and what is known of it."""

    path: str
    log: Any
    due: datetime
    session: Session | None = None
    lease: Lease | None = None
    beat: Heartbeat | None = None
    told: str = ""  # what was last said of the lease
    memory: record.Memory = field(default_factory=record.Memory)
    verdict: record.Verdict = "act"
    record: SpecCrumb | None = None
    warned: tuple[str, ...] = ()
    view: View = field(default_factory=View)


def run(options: argparse.Namespace) -> int:
    """Keep every stack until a signal, or for ``--ticks`` passes each."""
    if options.set:
        sys.stderr.write("theseus run: --set is not for the loop: what it wants must stand in its files\n")
        return USAGE
    stop = Stop(SystemClock())
    log = open_log()
    now = stop.clock.now()
    watched = [Watched(path, log.bind(spec=path), now) for path in options.spec]
    for one in watched:
        _open(one, options, stop)  # a spec that is wrong from the start is the operator's to see at once
        assert one.session is not None
        one.view = View(one.session.stack.name, since=now)
    with stoppable(stop), _listening(options, watched, stop):
        log.info(names.LOOP_STARTED, specs=options.spec, interval_s=options.interval.total_seconds())
        why = f"every stack had its passes: {options.ticks}"
        try:
            _turn(watched, options, stop)
            why = signal.Signals(stop.code - SIGNAL_BASE).name if stop.code else why
        except Exception as error:
            why = f"{type(error).__name__}: {error}"  # a mistake of ours: it ends the loop, but leaves no lease behind
            raise
        finally:
            for one in watched:
                _let_go(one)
            log.info(names.LOOP_STOPPED, code=stop.code, why=why)
    return 0  # a signal is how a loop is meant to end


def _turn(watched: list[Watched], options: argparse.Namespace, stop: Stop) -> None:
    """Give each stack its pass when it is due."""
    chance = random.Random()
    while not stop.code:
        one = min(watched, key=lambda w: w.due)
        stop.clock.sleep(one.due - stop.clock.now())
        pause = None if stop.code else _pass(one, options, stop)
        if pause is None:
            pause = options.interval * (1 + JITTER * (2 * chance.random() - 1))
        one.due = stop.clock.now() + pause
        if options.ticks and all(w.view.ticks >= options.ticks for w in watched):
            return


def _pass(one: Watched, options: argparse.Namespace, stop: Stop) -> timedelta | None:
    """One pass over one stack; when the next is worth making, None for the usual interval."""
    began, number = stop.clock.now(), one.view.ticks + 1
    log = one.log.bind(tick=number)
    pause: timedelta | None = None
    seen, error = None, ""
    try:
        file = _open(one, options, stop)
        assert one.session is not None
        log = log.bind(stack=one.session.stack.name)
        edited = not options.observe and one.memory.file != file
        if (edited or _acts(one, options)) and (error := _leased(one, options, stop, log)):
            pause = RETRY
        else:
            changes = one.session.aws.mutations
            seen = _tick(one, options, file, log)
            idle = one.lease is not None and (seen.quiet or bool(seen.plan.problems))
            pause = None if idle or not _acts(one, options) else seen.requeue_after
            if one.session.aws.mutations == changes:
                _let_go(one)
    except Interrupted:
        return None
    except Locked as lost:
        log.warning(names.LEASE_LOST, why=str(lost))
        one.told = names.LEASE_LOST
        pause, error = RETRY, str(lost)
    except SpecError as problem:
        log.error(names.SPEC_INVALID, problems=list(problem.problems))
        error = problem.problems[0]
    except ControllerError as problem:
        passing = isinstance(problem, NotYet | Stale)
        log.error(names.TICK_FAILED, why=str(problem), retry=passing)
        pause, error = RETRY if passing else None, str(problem)
    if seen is None:
        _let_go(one)
    took = (stop.clock.now() - began).total_seconds()
    one.view = _view(one, seen, number, took, error, stop.clock.now())
    if seen is not None:
        log.info(names.TICK_DONE, **_facts(one, seen, took, acted=_acts(one, options)))
    return pause


def _open(one: Watched, options: argparse.Namespace, stop: Stop) -> str:
    """Read the spec anew; the digest of what its files say. Raises SpecError, Refused."""
    draft = load(one.path, (), None)
    region = options.region or draft.stack.region
    aws = one.session.aws if one.session and one.session.aws.region == region else connect(region, options.profile)
    loaded = load(one.path, (), None, parameters_of(aws)) if draft.unresolved else draft
    before = one.session
    if before is None or before.aws is not aws or before.stack.account != loaded.stack.account:
        check_account(aws, loaded.stack)
    if before is not None and (before.aws is not aws or before.stack.name != loaded.stack.name):
        _let_go(one)  # the lease and what is remembered were another stack's
        one.memory, one.verdict, one.record = record.Memory(), "act", None
    one.session = Session(loaded.stack, aws, stop)
    if loaded.warnings and loaded.warnings != one.warned:  # once, and again only when they are others
        one.log.warning(names.SPEC_WARNED, stack=loaded.stack.name, warnings=list(loaded.warnings))
    one.warned = loaded.warnings
    _guard(one, aws, stop)
    return draft.stack.digest


def _guard(one: Watched, aws: Aws, stop: Stop) -> None:
    def guard() -> None:
        stop.check()
        if one.lease is None:
            raise Locked("no lease: nothing is started")
        one.lease.check()

    aws.guard = guard


def _leased(one: Watched, options: argparse.Namespace, stop: Stop, log: Any) -> str:
    """Take the lease when it is free; why it is not ours, "" when it is. Raises Locked when it was lost."""
    assert one.session is not None
    if one.lease is not None:
        one.lease.check()
        return ""
    wanted = lease(options.lease, one.session.aws, one.session.stack.name, stop.clock)
    try:
        wanted.acquire()
    except (Locked, NotYet) as held:
        log.info(names.LEASE_HELD, why=str(held))
        one.told = names.LEASE_HELD
        return str(held)
    one.lease, one.beat = wanted, Heartbeat(wanted.renew).__enter__()
    if one.told != names.LEASE_TAKEN:  # it is taken again for every quiet pass: not worth a line
        log.info(names.LEASE_TAKEN)
        one.told = names.LEASE_TAKEN
    return ""


def _let_go(one: Watched) -> None:
    if one.beat is not None:
        one.beat.__exit__()
    if one.lease is not None:
        one.lease.release()
    one.lease = one.beat = None


def _tick(one: Watched, options: argparse.Namespace, file: str, log: Any) -> Tick:
    """One tick, acting only as far as the record of the applied spec allows."""
    session = one.session
    assert session is not None
    stack = session.stack

    def may_act(plan: Plan) -> bool:
        if options.observe:
            return False
        arn, one.record = _recorded(plan, stack)
        before = one.verdict
        remains = record.remains(plan, stack.name, DATA)
        one.verdict, memory = record.judge(one.memory, one.record, stack.digest, file, remains=remains)
        if one.verdict in record.ACTING and one.lease is None:
            return False  # it kept its hands off until now: it looks again, with the lease
        if one.verdict == "destroyed" and before != "destroyed":
            log.warning(names.STACK_DESTROYED, why=DESTROYED)
        if one.verdict == "superseded" and before != "superseded" and one.record is not None:
            log.warning(names.SPEC_SUPERSEDED, applied=one.record.text(), ours=stack.digest)
        if one.verdict == "record" and arn:
            one.record = record.following(one.record, stack.digest)
            tag.write(session.aws, arn, one.record)
            memory = replace(memory, recorded=True)
            log.info(names.SPEC_RECORDED, serial=one.record.serial)
        one.memory = memory  # only now: an edit whose record could not be written is still an edit in the next pass
        return one.verdict in record.ACTING

    return tick(stack, session.aws, session.clock, act=may_act, options=Options())


def _acts(one: Watched, options: argparse.Namespace) -> bool:
    return one.verdict in record.ACTING and not options.observe


def _recorded(plan: Plan, stack: Stack) -> tuple[str, SpecCrumb | None]:
    """(arn of the stack's cluster, the spec on record there); both empty while there is none of ours."""
    cluster = next((step.observed for step in plan.steps if step.key == Key("cluster", "main")), None)
    if cluster is None or cluster.owner != stack.name:
        return "", None
    return cluster.outputs["arn"], SpecCrumb.parse(cluster.outputs.get("record"))


# ------------------------------------------------------------------------------------------------ what is told
def _facts(one: Watched, seen: Tick, took: float, *, acted: bool) -> dict[str, Any]:
    """The fields of a tick's line. What a pass that may not act would have done is told as such."""
    waits = {pool: move.why for pool, move in seen.moves if isinstance(move, Wait | Halt)}
    moves = [f"{pool}: {type(move).__name__}" for pool, move in seen.moves if not isinstance(move, Wait | Halt | Done)]
    facts: dict[str, Any] = {"quiet": seen.quiet, "seconds": round(took, 3), "outcome": one.view.outcome}
    facts |= {"done": [str(key) for key in seen.done], "moves": moves if acted else []}
    if seen.failed:
        facts["failed"] = {str(key): str(error) for key, error in seen.failed.items()}
    if waits:
        facts["waits"] = waits
    if seen.plan.problems:
        facts["problems"] = list(seen.plan.problems)
    pending = [str(step.key) for step in seen.plan.pending]
    if not acted and (pending or moves):
        facts["would"] = pending + moves
    elif pending and not seen.done:
        facts["pending"] = pending
    return facts


def _view(one: Watched, seen: Tick | None, number: int, took: float, error: str, now: datetime) -> View:
    """What the status endpoints show of this stack from now on."""
    state = one.view.outcome
    if seen is not None:
        state = outcome(seen) if seen.quiet else "in_progress"
        if one.verdict == "superseded":
            state = f"superseded by apply of serial {one.record.serial}" if one.record else "superseded"
        if one.verdict == "destroyed":
            state = DESTROYED
        if seen.plan.problems:
            state = "refused"
    session = one.session
    name = session.stack.name if session else one.path
    calls = dict(session.aws.calls) if session else {}
    fleets = seen.fleets if seen else one.view.fleets
    refused = any(isinstance(e, Refused) for e in seen.failed.values()) if seen else False
    return View(name, number, now, took, state, error or ("refused" if refused else ""), fleets, calls)


def _listening(options: argparse.Namespace, watched: list[Watched], stop: Stop) -> Any:
    """The status server for as long as the loop runs; nothing without ``--listen``."""
    import contextlib

    if not options.listen:
        return contextlib.nullcontext()
    from controller.report.server import serve

    overdue = max(options.interval * 3, timedelta(seconds=30))
    return serve(options.listen, lambda: Snapshot(tuple(one.view for one in watched), overdue), stop.clock)
