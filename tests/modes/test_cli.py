"""Arguments, exit codes and one clear line for whatever a user gets wrong; AWS is never called here."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.endpoint
import pytest
from botocore.httpsession import URLLib3Session

from controller import __version__
from controller.cli import main
from controller.modes import loop, session
from controller.spec.schema import schema
from tests.modes.stage import SPECS, Command, Ended, Hurried

SPEC = str(SPECS / "minimal.yaml")
NEEDS_SPEC = ("validate", "iam-policy", "plan", "apply", "run", "destroy", "adopt", "status")
COMMANDS = (*NEEDS_SPEC, "watch", "sandbox", "schema", "version")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials that say nothing, and no configuration of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever connects fails the test: nothing may be called."""

    def connect(*_: object) -> None:
        raise AssertionError("AWS was connected")

    for module in (session, loop):
        monkeypatch.setattr(module, "connect", connect)


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An endpoint where nobody listens: the port is ours and refuses."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield url


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, ...]]:
    """How often each request was sent; a second try comes without its pause."""
    counted: Counter[tuple[str, ...]] = Counter()
    send = URLLib3Session.send

    def counting(self: URLLib3Session, request: Any) -> Any:
        counted[request.url, str(request.headers.get("X-Amz-Target")), str(request.body)] += 1
        return send(self, request)

    monkeypatch.setattr(URLLib3Session, "send", counting)
    monkeypatch.setattr(botocore.endpoint, "time", Hurried)
    return counted


def process(*arguments: str) -> Ended:
    """The command as a process of its own, without a terminal."""
    ended = subprocess.run(
        [sys.executable, "-m", "controller", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


# ------------------------------------------------------------------------------------------------ usage
def usage(*arguments: str) -> int:
    """The exit code when it is argparse that ends the command."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_flag_is_bad_usage(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"watch": ["http://x"]}.get(command, [SPEC] if command in NEEDS_SPEC else [])

    assert usage(command, *given, "--no-such-flag") == 64
    assert "--no-such-flag" in capsys.readouterr().err


@pytest.mark.parametrize("command", NEEDS_SPEC)
def test_a_missing_spec_is_bad_usage(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert usage(command) == 64
    assert f"Try `theseus {command} --help`." in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="no command"),
        pytest.param(["frobnicate"], id="no such command"),
        pytest.param(["apply", SPEC, "--timeout", "soon"], id="no duration"),
        pytest.param(["apply", SPEC, "--timeout", "5"], id="a duration without its unit"),
        pytest.param(["apply", SPEC, "--lock-timeout=-5s"], id="a negative duration"),
        pytest.param(["run", SPEC, "--interval", "1h30"], id="half a duration"),
        pytest.param(["run", SPEC, "--interval", "0s"], id="a loop without a pause"),
        pytest.param(["run", SPEC, "--ticks", "many"], id="no number"),
        pytest.param(["run", SPEC, "--ticks", "-1"], id="fewer passes than none"),
        pytest.param(["destroy", SPEC, "--timeout", ""], id="an empty duration"),
        pytest.param(["run", SPEC, "--lease", "bogus"], id="no place for a lease"),
        pytest.param(["run", SPEC, "--lease", "file:"], id="a lease in no file"),
        pytest.param(["apply", SPEC, "--lease", "Dynamodb"], id="nearly a place for a lease"),
        pytest.param(["plan", SPEC, "-o", "yaml"], id="no such format"),
        pytest.param(["plan", SPEC, "--fail-on", "danger"], id="no such risk"),
        pytest.param(["watch", "http://x", "--slow-ratio", "1.5"], id="more than all"),
        pytest.param(["watch", "http://x", "--fresh-ratio", "nan"], id="no ratio"),
        pytest.param(["watch", "http://x", "--rate", "0"], id="no rate"),
        pytest.param(["sandbox", "--port", "http"], id="no port"),
        pytest.param(["sandbox", "--port", "-5"], id="a port below 0"),
        pytest.param(["sandbox", "--port", "65536"], id="a port above the last"),
        pytest.param(["sandbox", "--speedup", "0"], id="no speed"),
        pytest.param(["sandbox", "--speedup", "nan"], id="no number of times"),
        pytest.param(["version", "extra"], id="too many"),
    ],
)
def test_bad_usage_is_64(arguments: list[str], silent: None) -> None:
    assert usage(*arguments) == 64


def test_a_lease_kept_nowhere_names_the_places_there_are(silent: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert usage("run", SPEC, "--lease", "bogus") == 64
    assert "--lease: expected dynamodb or file:PATH, got 'bogus'" in capsys.readouterr().err


def test_the_loop_refuses_overrides(command: Command, silent: None) -> None:
    """Returned, not raised: `--set` is a flag of every command, and this one says why it has none of it."""
    ended = command("run", SPEC, "--set", "services.web.desired=3")

    assert (ended.code, ended.out) == (64, "")
    assert "--set is not for the loop" in ended.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert usage(command, "--help") == 0
    assert f"theseus {command}" in capsys.readouterr().out


# ------------------------------------------------------------------------------------------------ specs
@pytest.mark.parametrize("name", NEEDS_SPEC)
def test_an_unreadable_spec_is_one_problem(name: str, command: Command, silent: None, tmp_path: Path) -> None:
    ended = command(name, str(tmp_path / "none.yaml"))

    assert (ended.code, ended.out) == (1, "")
    assert "none.yaml: cannot be read: no such file or directory" in ended.err
    assert ended.err.endswith("1 problem, nothing was done.\n")


@pytest.mark.parametrize("name", NEEDS_SPEC)
def test_a_wrong_spec_lists_every_problem(name: str, command: Command, silent: None, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(f"extends: {SPEC}\nservices: {{web: {{desired: many, prot: 80}}}}\nstack: NO\n")

    ended = command(name, str(path))

    assert (ended.code, ended.out) == (1, "")
    assert [part for part in ("web.desired", "prot", "stack") if part not in ended.err] == []
    assert ended.err.endswith("3 problems, nothing was done.\n")


def test_refresh_images_of_an_unknown_pool_names_those_there_are(command: Command, closed: str) -> None:
    ended = command("plan", SPEC, "--refresh-images", "mian")

    assert ended.code == 1
    assert "--refresh-images: there is no pool mian; there are main" in ended.err


def test_validate_calls_nothing_and_says_what_it_read(command: Command, silent: None) -> None:
    text, document = command("validate", SPEC), command("validate", SPEC, "-o", "json")

    assert (text.code, document.code) == (0, 0)
    assert "is valid: stack tiny in us-east-1" in text.out
    assert (document.json()["valid"], document.json()["stack"]) == (True, "tiny")


# ------------------------------------------------------------------------------------------------ AWS out of reach
def test_without_credentials_one_line_says_where_to_put_them(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    ended = command("plan", SPEC)

    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert ended.err.startswith("error: no AWS credentials: set AWS_PROFILE")


@pytest.mark.parametrize("arguments", [["--region", "us-est-1"], ["--profile", "nobody"]])
def test_a_region_or_profile_that_is_not_there_is_named(command: Command, arguments: list[str]) -> None:
    ended = command("plan", SPEC, *arguments)

    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert arguments[1] in ended.err


@pytest.mark.parametrize("url", ["garbage", "http://[::1", "http://127.0.0.1:port"])
def test_an_endpoint_that_is_no_address_is_told_in_one_line(
    url: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)

    ended = command("plan", SPEC)

    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert ended.err.startswith(f"error: AWS_ENDPOINT_URL {url} is not the address of an endpoint")


@pytest.mark.parametrize("name", ["plan", "apply", "destroy", "status"])
def test_an_endpoint_that_is_down_is_told_in_one_line_and_soon(
    name: str, closed: str, command: Command, sent: Counter[tuple[str, ...]]
) -> None:
    """Every read of the pass is refused, tried once more, and told: no traceback, and no third try."""
    ended = command(name, SPEC)

    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert ended.err.startswith("error: ")
    assert f'cannot reach AWS: Could not connect to the endpoint URL: "{closed}' in ended.err
    assert len(sent) > 5
    assert set(sent.values()) == {2}


def test_a_signal_ends_the_loop_soon_and_well(closed: str, tmp_path: Path) -> None:
    """Whatever it waits for: the pause until the next pass is ten minutes."""
    with subprocess.Popen(
        [sys.executable, "-m", "controller", "run", SPEC, "--lease", f"file:{tmp_path / 'lease'}", "--interval", "10m"],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        last = threading.Timer(120, running.kill)  # a loop that does not end must not hold up the tests
        last.start()
        said = list(iter(lambda: json.loads(running.stderr.readline())["event"], "tick.failed"))  # type: ignore[union-attr]
        assert select.select([running.stderr], [], [], 0.5) == ([], [], [])  # it is in its pause now
        running.send_signal(signal.SIGTERM)
        rest = [json.loads(line) for line in running.stderr]
        code = running.wait(30)
        last.cancel()

    assert said == ["loop.started", "lease.taken"]
    assert [(one["event"], one["code"]) for one in rest] == [("loop.stopped", 143)]
    assert code == 0  # not killed


# ------------------------------------------------------------------------------------------------ what only prints
def test_version_and_schema(command: Command) -> None:
    assert command("version").out == f"theseus {__version__}\n"
    assert command("schema").json() == json.loads(json.dumps(schema()))


def test_a_reader_that_went_away_is_no_traceback() -> None:
    """``theseus schema | head``: the pipe is closed before anything is written."""
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run([sys.executable, "-m", "controller", "schema"], stdout=write, stderr=subprocess.PIPE)
    os.close(write)

    assert (ended.returncode, ended.stderr) in [(1, b""), (0, b"")]


def test_a_full_disk_is_no_traceback() -> None:
    """A report that could not be written is no success."""
    with open("/dev/full", "w") as full:
        ended = subprocess.run([sys.executable, "-m", "controller", "version"], stdout=full, stderr=subprocess.PIPE)

    assert (ended.returncode, ended.stderr) == (1, b"error: [Errno 28] No space left on device\n")
