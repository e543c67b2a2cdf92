"""A headless Chromium for tests that look at a page as its readers do. Installed when it is missing, never skipped."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
DARK, LIGHT = 0, 1  # what Chromium calls preferredColorScheme


@cache
def program() -> str:
    """The path of a Chromium; Debian's, installed now, when there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=600)
        found = shutil.which("chromium")
    assert found, "apt-get installed no chromium"
    return found


def dump_dom(page: Path, *, width: int, height: int = 1200, scheme: int = LIGHT) -> str:
    """The document of *page* after its scripts ran, as HTML."""
    return _run(
        page, f"--window-size={width},{height}", f"--blink-settings=preferredColorScheme={scheme}", "--dump-dom"
    )


def screenshot(page: Path, image: Path, *, width: int, height: int = 1200, scheme: int = LIGHT) -> None:
    """Write what a window of that size shows of *page* to *image*, a PNG."""
    settings = f"--blink-settings=preferredColorScheme={scheme}"
    _run(page, f"--window-size={width},{height}", settings, f"--screenshot={image}")


def _run(page: Path, *flags: str) -> str:
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        command = [program(), *FLAGS, *flags, f"--user-data-dir={profile}", page.resolve().as_uri()]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
