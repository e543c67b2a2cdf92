"""apply: ticks until one is quiet, and an outcome that means what it says."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from controller.aws import record as tag
from controller.base.crumbs import SpecCrumb
from controller.base.errors import ControllerError, Interrupted, Locked, NotYet, Refused
from controller.base.keys import Key
from controller.engine.scope import OUT_OF_SCOPE
from controller.engine.steps import Plan
from controller.modes import plan as planning
from controller.modes.noted import noted
from controller.modes.record import following
from controller.modes.session import (
    Session,
    again,
    agreed,
    check_account,
    colored,
    first_look,
    holding,
    open_session,
    scope_of,
    stoppable,
)
from controller.report.journal import Journal
from controller.report.seen import Outcome, Tick, outcome
from controller.rollout.moves import Done, Wait
from controller.tick import Options, tick

CODES: dict[Outcome, int] = {
    "succeeded": 0,
    "failed": 4,
    "halted": 4,
    "rolled_back": 4,
    "superseded": 4,
    "unproven": 4,
    "paused": 5,
    "timed_out": 5,
}
LEAST_TIME = timedelta(minutes=30)
PATIENCE = timedelta(seconds=30)  # with problems that only show once the apply is under way
MOMENT = timedelta(seconds=5)  # a plan this fresh need not be made again
CLUSTER = Key("cluster", "main")


@dataclass
class End:
    """How an apply ended: the outcome, the last tick, and the exit code."""

    outcome: Outcome
    seen: Tick | None
    code: int


def apply(options: argparse.Namespace) -> int:
    """Show the plan, ask, then make it so and wait for the end."""
    session = open_session(options)
    began = session.clock.now()
    chosen = Options(scope=scope_of(options), by_person=True, started=began)
    journal = Journal()
    try:
        with stoppable(session.stop):
            end = _agree_and_drive(options, session, chosen, journal)
    except ControllerError as error:  # it never came to acting
        if options.output == "json":
            result = "interrupted" if isinstance(error, Interrupted) else "failed"
            _write(journal, session, result, began, {"error": str(error)})
        raise
    if end is None:
        sys.stderr.write("declined: nothing was changed\n")
        return 3
    _report(options, session, journal, end, began)
    return end.code


def _agree_and_drive(options: argparse.Namespace, session: Session, chosen: Options, journal: Journal) -> End | None:
    """Look, show, ask, take the lease, act; None when the answer was no. Raises when it may not be done."""
    check_account(session.aws, session.stack)
    first = noted(session, first_look(session, lambda: _look(session, chosen)))
    if options.output == "text":
        _show(first, session, sys.stderr)
    if refusal := _refused(first, options, session):
        raise Refused(refusal)
    if planning.changes(first) and not agreed(f"Make these changes to {session.stack.name}?", options, session.stop):
        return None
    with holding(session, options.lease, options.lock_timeout):
        _still(first, options, session, chosen)
        return _drive(session, chosen, journal, chosen.started + _limit(options, first))


def _still(first: Tick, options: argparse.Namespace, session: Session, chosen: Options) -> None:
    """What was shown still holds now that the stack is ours alone. Raises Refused when it does not.

    Looked at again for a saved plan, and for a person who saw one a while ago. ``--yes`` agreed to whatever is needed:
    an apply that waited for the lease of a crashed one must take up its roll, wherever that stands by now.
    """
    shown_to_somebody = not options.yes and session.clock.now() - first.now >= MOMENT
    if not (options.plan or shown_to_somebody):
        return
    now = first_look(session, lambda: _look(session, chosen))
    shown, found = (planning.saved(options, one, session.stack) for one in (first, now))
    if differs := [name for name in shown if shown[name] != found[name]]:
        raise Refused(
            f"AWS changed since the plan was made ({', '.join(differs)} differ): nothing was done, plan again"
        )


def _look(session: Session, chosen: Options) -> Tick:
    return tick(session.stack, session.aws, session.clock, options=chosen)


def _limit(options: argparse.Namespace, first: Tick) -> timedelta:
    """How long this may take: as the user says, else three times the forecast."""
    forecast = sum((one.duration for one in first.forecasts), timedelta())
    return options.timeout if options.timeout is not None else max(LEAST_TIME, 3 * forecast)


def _show(seen: Tick, session: Session, stream: Any) -> None:
    from controller.report.terminal import shown
    from controller.report.text import plan_text

    stream.write(shown(plan_text(seen, session.stack, color=colored(stream)), stream))
    stream.flush()


def _refused(seen: Tick, options: argparse.Namespace, session: Session) -> str:
    """Why this plan is not applied at all; "" when it may be."""
    if seen.plan.problems:
        return "\n  ".join(["nothing was changed:", *seen.plan.problems])
    if infeasible := [f"{one.pool}: {one.infeasible}" for one in seen.forecasts if one.infeasible]:
        return "\n  ".join(["nothing was changed, this rollout could not end well:", *infeasible])
    if not options.plan:
        return ""
    try:
        promised = json.loads(Path(options.plan).read_text())
    except (OSError, ValueError) as error:
        return f"--plan {options.plan}: cannot be read: {error}"
    if not isinstance(promised, dict):
        return f"--plan {options.plan}: is not a saved plan"
    now = planning.saved(options, seen, session.stack)
    differs = [name for name in now if promised.get(name) != now[name]]
    return f"{options.plan} does not hold any more ({', '.join(differs)} differ): plan again" if differs else ""


def _drive(session: Session, chosen: Options, journal: Journal, deadline: datetime) -> End:
    """Tick until nothing is left, a person is needed, time is up, or a signal came."""
    from controller.report.live import Live

    chosen = replace(chosen, scope=replace(chosen.scope, judged=True))
    seen: Tick | None = None
    refused: datetime | None = None  # since when the plan has had problems: a write may lag behind its tags

    def recorded(plan: Plan) -> bool:
        """The spec is on record before anything is done for it: a loop with an older one must not undo a half."""
        note(session, plan)
        return True

    with Live(sys.stderr, journal) as live:
        while True:
            try:
                session.stop.check()
                seen = tick(session.stack, session.aws, session.clock, act=recorded, options=chosen)
                live.update(seen, journal.add(seen))
                session.stop.check()
            except Interrupted as stopped:
                return End("interrupted", _left(session, chosen, seen), stopped.code)
            except Locked as lost:
                live.update(seen, (f"stopped: {lost}",)) if seen else sys.stderr.write(f"{lost}\n")
                return End("failed", seen, 6)
            except ControllerError as error:
                if isinstance(error, Refused):
                    sys.stderr.write(f"error: {error}\n")
                    return End("failed", seen, 1)
                if session.clock.now() >= deadline:
                    sys.stderr.write(f"{error}\n")
                    return End("timed_out", seen, CODES["timed_out"])
                sys.stderr.write(f"{error}; trying again\n")
                session.clock.sleep(error.after if isinstance(error, NotYet) else timedelta(seconds=2))
                continue
            refused = refused or session.clock.now() if seen.plan.problems else None
            if refused and session.clock.now() - refused >= PATIENCE:
                sys.stderr.write("error: " + "\n  ".join(["nothing more is changed:", *seen.plan.problems]) + "\n")
                return End("failed", seen, 1)
            if seen.quiet and refused is None:
                return _ended(seen)
            if paused := _paused(seen):
                return End("paused", seen, CODES[paused])
            if session.clock.now() >= deadline:
                return End("timed_out", seen, CODES["timed_out"])
            session.clock.sleep(seen.requeue_after)


def _left(session: Session, chosen: Options, seen: Tick | None) -> Tick | None:
    """What a signal left undone: the pass it cut off did part of its work, so only another look tells."""
    try:
        return _look(session, chosen)
    except ControllerError:
        return seen


def note(session: Session, plan: Plan) -> None:
    """Put the spec on record on the cluster, if another is; nothing while there is no cluster of ours."""
    step = next((one for one in plan.steps if one.key == CLUSTER), None)
    if step is None or step.observed is None or step.observed.owner != session.stack.name:
        return
    before = SpecCrumb.parse(step.observed.outputs.get("record"))
    crumb = following(before, session.stack.digest)
    if crumb != before:
        tag.write(session.aws, step.observed.outputs["arn"], crumb)


def _ended(seen: Tick) -> End:
    result = outcome(seen)
    refused = any(isinstance(error, Refused) for error in seen.failed.values())
    return End(result, seen, 1 if refused and result == "failed" else CODES[result])


def _paused(seen: Tick) -> Outcome | None:
    """A roll that a person paused does not go on by itself."""
    waits = [move.why for _, move in seen.moves if isinstance(move, Wait)]
    only = waits and len(waits) == len(seen.moves) and all(why.startswith("paused:") for why in waits)
    return "paused" if only and not seen.plan.pending else None


def _document(journal: Journal, session: Session, result: str, began: datetime) -> dict[str, Any]:
    from controller.report.document import apply_document

    took = (session.clock.now() - began).total_seconds()
    return apply_document(journal, result, dict(session.aws.calls), round(took, 3))


def _write(journal: Journal, session: Session, result: str, began: datetime, more: dict[str, Any]) -> None:
    document = _document(journal, session, result, began) | more
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


def _report(options: argparse.Namespace, session: Session, journal: Journal, end: End, began: datetime) -> None:
    from controller.report.text import summary_text
    from controller.report.values import printable

    left = [note for note in end.seen.plan.notes if note.startswith(OUT_OF_SCOPE)] if end.seen else []
    stay = list(end.seen.plan.resting) if end.seen else []
    if options.output == "json":
        more = ("out_of_scope", left), ("resting", stay)
        _write(journal, session, end.outcome, began, {name: lines for name, lines in more if lines})
    else:
        document = _document(journal, session, end.outcome, began)
        sys.stdout.write(summary_text(document) + "".join(f"  {printable(note)}\n" for note in (*left, *stay)))
    if end.outcome in {"interrupted", "timed_out", "paused"}:
        sys.stderr.write(_resume(end, options))


def _resume(end: End, options: argparse.Namespace) -> str:
    """What is in flight and how to go on."""
    lines = [f"{end.outcome.replace('_', ' ')}: what was begun goes on in AWS by itself; nothing was undone."]
    if end.seen is not None:
        left = [step for step in end.seen.plan.pending if step.key not in end.seen.done]
        lines += [f"  not done: {step.key} ({step.action})" for step in left]
        lines += [f"  in flight: {words}" for words in end.seen.plan.busy]
        lines += [f"  in flight: service {v.service}: {v.why}" for v in end.seen.verdicts if v.state == "in_progress"]
        lines += [f"  hosts of {pool}: {move.why}" for pool, move in end.seen.moves if not isinstance(move, Done)]
    lines.append(f"To finish: {again(options)}")
    return "\n".join(lines) + "\n"
