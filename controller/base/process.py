"""Children that do not outlive their parent, on Linux."""

from __future__ import annotations

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int | None = None) -> None:
    """Ask the kernel for SIGKILL when the thread that started us ends; *parent*: leave now if it already has."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):  # not Linux: stdin at its end has to do
        return
    if parent is not None and os.getppid() != parent:
        os._exit(0)
