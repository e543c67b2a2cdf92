"""Where the sandbox is started does not matter to the tasks in it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path


def test_a_task_is_our_application_wherever_the_sandbox_was_started(tmp_path: Path) -> None:
    """A folder `app` where somebody stands is theirs."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "server.py").write_text("raise SystemExit('not this one')\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "controller.sandbox.zygote"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, **pipes) as zygote:  # type: ignore[call-overload]
        env = {"HOST": "127.0.0.1", "PORT": str(port), "TASK_ID": "t-1", "APP_VERSION": "v7", "ACCESS_LOG": "off"}
        zygote.stdin.write(json.dumps({"start": "one", "env": env}) + "\n")
        zygote.stdin.flush()
        assert json.loads(zygote.stdout.readline())["started"] == "one"
        answer = _get(f"http://127.0.0.1:{port}/")
        zygote.stdin.close()

    assert "v7" in answer


def _get(url: str) -> str:
    """The answer, once somebody listens."""
    for _ in range(2000):
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return str(response.read().decode())
        except urllib.error.URLError:
            continue
    raise AssertionError("nobody listens")
