"""status: one tick that does not act, told as what is and what it waits for."""

from __future__ import annotations

import argparse
import json
import sys

from controller.modes.session import check_account, colored, first_look, open_session, stoppable
from controller.report.status import status_document, status_text
from controller.report.terminal import shown
from controller.tick import Options, tick


def status(options: argparse.Namespace) -> int:
    session = open_session(options)
    with stoppable(session.stop):
        check_account(session.aws, session.stack)
        seen = first_look(session, lambda: tick(session.stack, session.aws, session.clock, options=Options()))
    if options.output == "json":
        document = status_document(seen, session.stack)
        sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")
    else:
        sys.stdout.write(shown(status_text(seen, session.stack, color=colored(sys.stdout)), sys.stdout))
    return 0
