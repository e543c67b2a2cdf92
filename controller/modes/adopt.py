"""adopt: what is there under the names of the spec and belongs to nobody becomes the stack's, after it was shown."""

from __future__ import annotations

import argparse
import json
import sys

from controller.base.errors import Refused
from controller.base.words import plural
from controller.engine.adopt import Adoption, adopt, adoptions, held
from controller.engine.steps import Plan
from controller.modes.session import Session, agreed, check_account, first_look, holding, open_session, stoppable
from controller.resources import RECONCILERS
from controller.tick import tick

FORMAT = "1.0"
KINDS = {kind.kind: kind for kind in RECONCILERS}


def run(options: argparse.Namespace) -> int:
    """Show what is taken over, ask, tag it; what differs from the spec is for `plan` to say."""
    session = open_session(options)
    with stoppable(session.stop):
        check_account(session.aws, session.stack)
        plan = _look(session)
        found = adoptions(plan)
        if options.output == "text":
            _show(found, session)
        if foreign := held(plan):
            raise Refused("\n  ".join(["nothing was changed:", *foreign]))
        if found and not agreed(f"Tag these {len(found)} as {session.stack.name}'s?", options, session.stop):
            sys.stderr.write("declined: nothing was changed\n")
            return 3
        taken = _take(session, options, found) if found else ()
    _report(options, session, taken)
    return 0


def _look(session: Session) -> Plan:
    return first_look(session, lambda: tick(session.stack, session.aws, session.clock)).plan


def _take(session: Session, options: argparse.Namespace, shown: tuple[Adoption, ...]) -> tuple[Adoption, ...]:
    """Tag what was shown and is still nobody's. Raises Refused when another stack was faster."""
    with holding(session, options.lease, options.lock_timeout):
        plan = _look(session)
        if foreign := held(plan):
            raise Refused("\n  ".join(["nothing was changed:", *foreign]))
        agreed_to = {one.key: one.name for one in shown}
        still = tuple(one for one in adoptions(plan) if agreed_to.get(one.key) == one.name)
        for one in still:
            session.stop.check()
            adopt(one, KINDS[one.key.kind], session.aws)
            sys.stderr.write(f"adopted {one.key} ({one.name})\n")
    return still


def _show(found: tuple[Adoption, ...], session: Session) -> None:
    stack = session.stack
    if not found:
        sys.stderr.write(f"{stack.name} ({stack.region}): there is nothing to adopt\n")
        return
    sys.stderr.write(f"theseus will take these over for {stack.name} ({stack.region}); only their tags change:\n\n")
    width = max(len(str(one.key)) for one in found)
    for one in found:
        sys.stderr.write(f"    {one.key!s:{width}}  {one.name}\n")
        for tag, before in one.changed:
            sys.stderr.write(f"    {'':{width}}  ~ {tag}: {before} -> {dict(one.tags)[tag]}\n")
        for part in one.observed.along:
            sys.stderr.write(f"    {'':{width}}  + {part}\n")
    sys.stderr.write(
        f"\nAdopt: {plural(len(found), 'resource')}. They are the stack's then: `destroy` removes them, too.\n"
    )


def _report(options: argparse.Namespace, session: Session, taken: tuple[Adoption, ...]) -> None:
    if options.output == "json":
        adopted = [{"address": str(one.key), "name": one.name} for one in taken]
        calls = dict(session.aws.calls)
        sys.stdout.write(
            json.dumps({"format_version": FORMAT, "adopted": adopted, "api_calls": calls}, indent=2) + "\n"
        )
    elif taken:
        sys.stderr.write(
            f"{plural(len(taken), 'resource')} adopted. What differs from the spec: theseus plan {options.spec}\n"
        )
