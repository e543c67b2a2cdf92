"""Log facts: ``noun.verbed`` names, values as fields, one JSON object a line on stderr.

structlog is imported when the first log is opened: one-shot commands never pay for it.
"""

from __future__ import annotations

import sys
from typing import Any

TICK_DONE = "tick.done"  # one per pass
TICK_FAILED = "tick.failed"
SPEC_INVALID = "spec.invalid"
SPEC_SUPERSEDED = "spec.superseded"
SPEC_RECORDED = "spec.recorded"
SPEC_WARNED = "spec.warned"
STACK_DESTROYED = "stack.destroyed"  # by somebody else
LEASE_TAKEN = "lease.taken"
LEASE_HELD = "lease.held"  # by somebody else
LEASE_LOST = "lease.lost"
LOOP_STARTED = "loop.started"
LOOP_STOPPED = "loop.stopped"


def open_log(**bound: Any) -> Any:
    """A logger with *bound* on every line; `bind` adds more."""
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.JSONRenderer(default=str),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    return structlog.get_logger(**bound)
