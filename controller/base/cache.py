"""Files in the user's cache: written whole or not at all, and never needed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def cached(name: str) -> Path:
    """Where the cache keeps *name* (``$XDG_CACHE_HOME/theseus``, else ``~/.cache/theseus``)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "theseus" / name


def keep(path: Path, text: str) -> None:
    """Put *text* at *path* in one go; where that is not allowed, nothing happens."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "w") as stream:
            stream.write(text)
        Path(draft).replace(path)
    except OSError:
        return
