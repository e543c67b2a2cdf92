"""destroy: ticks that want nothing, children first, until only what must be kept is left."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime, timedelta
from typing import Any

from controller.aws.lease import DynamoLease
from controller.base.errors import ControllerError, Interrupted, Locked, NotYet, Refused, Stale
from controller.modes.session import Session, agreed, check_account, first_look, holding, open_session, stoppable
from controller.report.seen import Tick
from controller.tick import Options, tick

FORMAT = "1.0"


def destroy(options: argparse.Namespace) -> int:
    """Show what goes and what stays, ask, then remove it and wait for the end."""
    session = open_session(options)
    began = session.clock.now()
    with stoppable(session.stop):
        check_account(session.aws, session.stack)
        first = first_look(session, lambda: _tick(session, act=False))
        gone = [str(step.key) for step in first.plan.pending]
        if options.output == "text":
            _show(first)
        last: Tick | None
        if first.plan.problems:
            last, code, why = _refused(first)
        elif gone and not agreed(
            f"Destroy these {len(gone)} resources of {session.stack.name}?", options, session.stop
        ):
            sys.stderr.write("declined: nothing was changed\n")
            return 3
        else:
            with holding(session, options.lease, options.lock_timeout) as lease:
                last, code, why = _drive(session, began + options.timeout)
                if code == 0:
                    lease.release()
                    if isinstance(lease, DynamoLease):
                        lease.remove_table()
    left = [str(step.key) for step in last.plan.pending] if last else gone
    document = {
        "format_version": FORMAT,
        "outcome": why,
        "destroyed": [address for address in gone if address not in left],
        "kept": [{"address": str(s.key), "why": s.reason} for s in (last or first).plan.steps if s.action == "none"],
        "left": left,
        "foreign": list((last or first).plan.notes),
        "api_calls": dict(session.aws.calls),
        "duration_s": round((session.clock.now() - began).total_seconds(), 3),
    }
    _report(document, options)
    return code


def _tick(session: Session, *, act: bool) -> Tick:
    return tick(session.stack, session.aws, session.clock, want="destroy", act=act, options=Options(by_person=True))


def _show(seen: Tick) -> None:
    for step in seen.plan.steps:
        name = getattr(step.observed.as_desired, "name", "") if step.observed else ""
        mark, words = ("-", "") if step.action == "delete" else ("=", f"  {step.reason}")
        sys.stderr.write(f"  {mark} {step.key}{f' ({name})' if name else ''}{words}\n")
    for note in seen.plan.notes:
        sys.stderr.write(f"  ! {note}\n")
    sys.stderr.write(f"Destroy: {len(seen.plan.pending)} to delete.\n")


def _drive(session: Session, deadline: datetime) -> tuple[Tick | None, int, str]:
    """(the last tick, exit code, outcome)."""
    seen: Tick | None = None
    said: set[str] = set()
    while True:
        try:
            session.stop.check()
            seen = _tick(session, act=True)
        except Interrupted:
            return seen, session.stop.code, "interrupted"
        except Locked as lost:
            sys.stderr.write(f"stopped: {lost}\n")
            return seen, 6, "failed"
        except (NotYet, Stale) as passing:
            if session.clock.now() >= deadline:
                return seen, 5, "timed_out"
            session.clock.sleep(passing.after if isinstance(passing, NotYet) else timedelta(seconds=1))
            continue
        _progress(session, seen, said)
        if seen.plan.problems:  # somebody protected it meanwhile
            return _refused(seen)
        if not seen.plan.pending:
            return seen, 0, "succeeded"
        if refused := _only_refused(seen):
            sys.stderr.write("".join(f"error: {key}: {error}\n" for key, error in refused.items()))
            return seen, 1, "failed"
        if session.stop.code:
            return seen, session.stop.code, "interrupted"
        if session.clock.now() >= deadline:
            return seen, 5, "timed_out"
        session.clock.sleep(max(seen.requeue_after, timedelta(seconds=0.2)))


def _refused(seen: Tick) -> tuple[Tick, int, str]:
    """Why nothing (more) is removed, said."""
    sys.stderr.write("".join(f"error: {problem}\n" for problem in seen.plan.problems))
    return seen, 1, "failed"


def _progress(session: Session, seen: Tick, said: set[str]) -> None:
    """One line per thing removed, and per new reason to wait."""
    lines = [f"deleted {key}" for key in seen.done]
    lines += [f"{key}: {error}" for key, error in seen.failed.items() if isinstance(error, NotYet)]
    for line in lines:
        if line not in said:
            said.add(line)
            sys.stderr.write(f"{session.clock.now():%H:%M:%S} {line}\n")
    sys.stderr.flush()


def _only_refused(seen: Tick) -> dict[Any, ControllerError]:
    """What AWS refused for good, once nothing else can still move."""
    refused: dict[Any, ControllerError] = {k: e for k, e in seen.failed.items() if isinstance(e, Refused)}
    return refused if refused and len(refused) == len(seen.failed) and not seen.done else {}


def _report(document: dict[str, Any], options: argparse.Namespace) -> None:
    if options.output == "json":
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return
    lines = [f"Destroyed {len(document['destroyed'])} resources in {document['duration_s']:.0f} s."]
    lines += [f"Kept {one['address']}: {one['why'].removeprefix('kept: ')}" for one in document["kept"]]
    lines += [f"Left {one}: run destroy again" for one in document["left"]]
    sys.stdout.write("\n".join(lines) + "\n")
