"""``python -m controller`` is the installed command ``theseus``."""

from __future__ import annotations

from controller.cli import entry

if __name__ == "__main__":
    entry()
