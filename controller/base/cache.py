"""Files in the user's cache: written whole or not at all, and never needed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def cached(name: str) -> Path:
    """Where the cache keeps *name* (``$XDG_CACHE_HOME/theseus``, else ``~/.cache/theseus``); a place where nothing can
    be kept for a user without a home. A relative ``$XDG_CACHE_HOME`` does not count, as its standard says."""
    asked = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if asked.is_absolute():
        return asked / "theseus" / name
    try:
        return Path.home() / ".cache" / "theseus" / name
    except RuntimeError:
        return Path(os.devnull) / name


def keep(path: Path, text: str) -> None:
    """Put *text* at *path* in one go; where that is not allowed, nothing happens."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "w") as stream:
                stream.write(text)
            Path(draft).replace(path)
        except OSError:
            Path(draft).unlink()
