"""validate, plan, schema: the modes that only read."""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
from pathlib import Path
from typing import Any

from controller.base.errors import Refused
from controller.engine.reconciler import RISKS, Risk
from controller.modes.noted import noted
from controller.modes.session import (
    again,
    check_account,
    colored,
    first_look,
    open_session,
    scope_of,
    stoppable,
)
from controller.report.moves import acting
from controller.report.seen import Tick
from controller.spec.load import load

FORMAT = "1.0"


def validate(options: argparse.Namespace) -> int:
    """Check a spec without calling anything."""
    loaded = load(options.spec, tuple(options.set), os.environ)
    for warning in loaded.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    stack = loaded.stack
    if options.output == "json":
        document = {
            "format_version": FORMAT,
            "valid": True,
            "stack": stack.name,
            "digest": stack.digest,
            "warnings": list(loaded.warnings),
            "unresolved": list(loaded.unresolved),
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return 0
    left = f"; not looked up: {', '.join(loaded.unresolved)}" if loaded.unresolved else ""
    sys.stdout.write(
        f"{options.spec} is valid: stack {stack.name} in {stack.region}, "
        f"{len(stack.pools)} pools, {len(stack.services)} services{left}\n"
    )
    return 0


def plan(options: argparse.Namespace) -> int:
    """One tick that does not act."""
    gc.disable()  # one pass, then the process ends: collecting would be half of its time (reference/speed.md)
    session = open_session(options)
    from controller.tick import Options, tick

    with stoppable(session.stop):
        check_account(session.aws, session.stack)
        chosen = Options(scope=scope_of(options), by_person=True, started=session.clock.now())
        seen = first_look(session, lambda: tick(session.stack, session.aws, session.clock, options=chosen))
        seen = noted(session, seen)
    _print(options, seen, session.stack, dict(session.aws.calls))
    if options.out:
        save(options.out, options, seen, session.stack)
    if seen.plan.problems or any(one.infeasible for one in seen.forecasts):
        return 1
    if options.fail_on and any(RISKS.index(risk) >= RISKS.index(options.fail_on) for risk in risks(seen)):
        return 4
    return 2 if options.detailed_exitcode and changes(seen) else 0


def risks(seen: Tick) -> set[Risk]:
    """Of what apply would do. That hosts leave, or a roll goes on that somebody began, is no change of a resource."""
    found = {step.risk for step in seen.plan.pending}
    return found | {"host_roll"} if seen.forecasts or any(fleet.roll for fleet in seen.fleets) else found


def changes(seen: Tick) -> bool:
    """Whether apply would have something to do: a roll that somebody left half-way is finished, too."""
    todo = acting(move for _, move in seen.moves)
    rolling = any(fleet.roll is not None or fleet.suspended_by_us for fleet in seen.fleets)
    return bool(seen.plan.pending or seen.forecasts or todo or rolling)


def _print(options: argparse.Namespace, seen: Tick, stack: Any, calls: dict[str, int]) -> None:
    if options.output == "json":
        from controller.report.document import plan_document

        text = json.dumps(plan_document(seen, stack, calls), indent=2, default=str) + "\n"
    else:
        from controller.report.terminal import shown
        from controller.report.text import plan_markdown, plan_text

        markdown = options.output == "markdown"
        plain = plan_markdown(seen, stack) if markdown else plan_text(seen, stack, color=colored(sys.stdout))
        text = plain if markdown else shown(plain, sys.stdout)
    sys.stdout.write(text)


def save(path: str, options: argparse.Namespace, seen: Tick, stack: Any) -> None:
    """Write the plan for ``apply --plan``: what it rests on, and what it says. Raises Refused where it cannot."""
    try:
        Path(path).write_text(json.dumps(saved(options, seen, stack), indent=2, default=str) + "\n")
    except OSError as error:
        raise Refused(f"--out {path}: {error.strerror}") from error
    sys.stderr.write(f"saved to {path}; apply it with: {again(options, '--plan', path)}\n")


def saved(options: argparse.Namespace, seen: Tick, stack: Any) -> dict[str, Any]:
    """The part of a plan that must still hold when it is applied."""
    from controller.report.document import plan_document

    document = plan_document(seen, stack, {})
    kept = {name: document[name] for name in ("resource_changes", "rollout", "orphans")}
    return {
        "format_version": FORMAT,
        "stack": stack.name,
        "digest": stack.digest,
        "choices": {
            "set": options.set,
            "replace": sorted(options.replace),
            "prune": options.prune,
            "target": sorted(options.target),
            "exclude": sorted(options.exclude),
            "refresh_images": sorted(stack.refresh_images),
        },
        **json.loads(json.dumps(kept, default=str)),
    }


def print_schema(_: argparse.Namespace) -> int:
    from controller.spec.schema import schema

    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
    return 0
