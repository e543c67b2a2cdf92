"""Where a report is shown: lines are broken for a terminal only, a pipe and a file get them whole."""

from __future__ import annotations

import os
from typing import TextIO

from controller.report.style import fitted


def shown(text: str, stream: TextIO) -> str:
    """*text* as *stream* should have it: broken to the width of a terminal, else as it is."""
    if not stream.isatty():
        return text
    try:
        width = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return text
    return fitted(text, width)
