"""Which tests are slow: those that drive a whole stack are marked by where they stand, so that none is forgotten."""

from __future__ import annotations

import gc
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hypothesis
import pytest

import controller.aws.client
import controller.engine.execute
import controller.engine.observe
import controller.tick
from tests import rights
from tests.in_turn import InTurn

# No test may ever ask the real AWS: whatever forgets to say where to ask meets a closed port of this machine.
os.environ.setdefault("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")

# A sandbox in this process is half a million objects that live for long: looking through all of them after every few
# hundred new ones, as is usual, is a third of the time of a test.
gc.set_threshold(20_000, 20, 20)

# How long an example takes says how busy the machine is, and nothing about what is tested.
hypothesis.settings.register_profile("steady", deadline=None)
hypothesis.settings.load_profile("steady")

controller.aws.client.Aws.__init__ = rights.counted(controller.aws.client.Aws.__init__)  # type: ignore[method-assign]
controller.tick.tick = rights.watched(controller.tick.tick)

SLOW = (
    "aws/test_reads_needed.py",
    "modes/",
    "properties/",
    "report/test_golden_reports.py",
    "resources/",
    "rollout/test_mutants.py",
    "sandbox/fidelity/",
    "sandbox/test_same_answers.py",
    "simulated/",
)
FAST = (
    "modes/test_cli.py",
    "modes/test_known.py",
    "modes/test_record.py",
    "resources/test_declared.py",
    "resources/test_parse.py",
    "resources/test_spelled.py",
    "resources/test_staged.py",
    "report_prober/test_probe_result.py",
    "report_prober/test_demo_page.py",
)
LIVE = ("report_prober/",)  # real connections and real seconds: where others starve them, they measure the others
DRILLS = "drills/"
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        place = item.path.relative_to(HERE).as_posix()
        if place.startswith(LIVE) and not place.startswith(FAST):
            item.add_marker(pytest.mark.sandbox)
        if place.startswith(SLOW) and not place.startswith(FAST) and not item.get_closest_marker("sandbox"):
            item.add_marker(pytest.mark.simulated)
        if item.get_closest_marker("sandbox") and not place.startswith((DRILLS, *LIVE)):
            raise pytest.UsageError(f"{place}: a live test outside of what the Makefile calls LIVE would never be run")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A pass reads with two dozen threads. Where AWS is in the same process none of them waits for anything, and they
    only take the interpreter from each other: calls are made one after the other there."""
    pool = InTurn if item.get_closest_marker("simulated") else ThreadPoolExecutor
    for module in (controller.engine.observe, controller.engine.execute):
        module.ThreadPoolExecutor = pool  # type: ignore[attr-defined]


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["called"] = sorted(rights.CALLED)
    elif _whole(session.config) and rights.excess():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    rights.CALLED.update(getattr(node, "workeroutput", {}).get("called", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if _whole(config) and (unused := rights.excess()):
        terminalreporter.write_line(f"FAILED: iam-policy grants what nothing makes use of: {', '.join(unused)}")


def _whole(config: pytest.Config) -> bool:
    """Whether this is the run of all tests that drive whole stacks."""
    options = config.option
    return "simulated or" in options.markexpr and not (options.keyword or options.deselect or options.file_or_dir)
