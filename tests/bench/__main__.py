"""``make bench``: a cold no-op plan and an apply from nothing, beside terraform doing the same on the same endpoint.

Runs alternate, so that a busy moment of the machine hurts both. Where terraform or its provider is missing, the figures
of terraform are null and the table says so. Results: out/bench.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from controller.rehearsal.drill import Drill, drill

SPEC = "specs/demo.yaml"
PROBE_DELAY = 0.4  # seconds added to every call to count how many follow one another
LOG_END = 3000  # characters of a failed terraform's words
HERE = Path(__file__).parent


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", default="out")
    options = parser.parse_args(arguments)
    with drill() as one, tempfile.TemporaryDirectory() as folder:
        terraform = Terraform.find(Path(folder), one.url)
        if terraform is None:
            say("terraform 1.11 with the AWS provider in a plugin mirror is not on this machine: nothing is compared")
        report = {
            "apply_from_nothing": [born(one, rtt, terraform) for rtt in (0, 50)],
            "plan_noop": [planned(one, rtt, terraform, options.rounds) for rtt in (0, 50)],
        }
    Path(options.out).mkdir(exist_ok=True)
    Path(options.out, "bench.json").write_text(json.dumps(report, indent=2) + "\n")
    show(report)
    return 0


class Terraform:
    """Terraform on the same stack under names of its own, with the provider from the machine's mirror."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._folder = folder
        self._env = dict(env)

    @staticmethod
    def find(folder: Path, url: str) -> Terraform | None:
        mirror = next((p for p in (Path("/opt/tf-plugins"), Path("/usr/share/terraform/plugins")) if p.is_dir()), None)
        if shutil.which("terraform") is None or mirror is None:
            return None
        shutil.copy(HERE / "main.tf", folder / "main.tf")
        (folder / "rc").write_text(f'provider_installation {{\n  filesystem_mirror {{ path = "{mirror}" }}\n}}\n')
        env = {**os.environ, "TF_CLI_CONFIG_FILE": str(folder / "rc"), "TF_VAR_endpoint": url, "TF_IN_AUTOMATION": "1"}
        one = Terraform(folder, env)
        return one if one._run("init", "-input=false") == 0 else None

    def apply(self) -> float:
        return timed(lambda: self._checked("apply", "-auto-approve", "-input=false"))[0]

    def destroy(self) -> None:
        self._checked("destroy", "-auto-approve", "-input=false")

    def plan(self) -> float:
        """Seconds of a plan that finds nothing to do."""
        return timed(lambda: self._checked("plan", "-detailed-exitcode", "-input=false"))[0]

    def _checked(self, *arguments: str) -> None:
        if (code := self._run(*arguments)) != 0:
            words = (self._folder / "log").read_text()[-LOG_END:]
            raise RuntimeError(f"terraform {arguments[0]}: exit {code}; the end of what it said:\n{words}")

    def _run(self, *arguments: str) -> int:
        with (self._folder / "log").open("a") as log:
            command = ["terraform", *arguments, "-no-color"]
            return subprocess.run(
                command, cwd=self._folder, env=self._env, stdout=log, stderr=log, check=False
            ).returncode


def born(one: Drill, rtt_ms: int, terraform: Terraform | None) -> dict[str, Any]:
    """An apply from nothing, the image pushed beforehand; what AWS itself did meanwhile is told by the sandbox."""
    say(f"apply from nothing, {rtt_ms} ms added to every call")
    if rtt_ms:
        wreck(one, terraform)
    first_image(one)
    one.door("POST", "delay", seconds=rtt_ms / 1000)
    mark = one.door("POST", "mark")["at"]
    one.door("POST", "reset-calls")
    wall, ended = timed(lambda: one.run("apply", SPEC, "--yes", "-o", "json"))
    until = one.door("POST", "mark")["at"]
    calls = sum(one.door("GET", "calls").values())
    if ended.code:
        raise RuntimeError(f"apply: exit {ended.code}: {ended.err}")
    waited = one.door("POST", "since", at=mark, until=until)["waiting"]
    theirs = terraform.apply() if terraform else None
    one.door("POST", "delay", seconds=0)
    return {
        "rtt_ms": rtt_ms,
        "calls": calls,
        "wall_s": round(wall, 2),
        "unexplained_s": round(wall - waited.get("any", 0.0), 2),
        "terraform_wall_s": theirs and round(theirs, 2),
        "waiting": waited,
    }


def first_image(one: Drill) -> None:
    """The repository with its image, as a build that ran before would have left them."""
    done = one.run("apply", SPEC, "--yes", "--target", "repository/shop", "-o", "json")
    if done.code:
        raise RuntimeError(f"the repository: exit {done.code}: {done.err}")
    one.door("POST", "image", repository="demo/shop", tag="v1")


def wreck(one: Drill, terraform: Terraform | None) -> None:
    """Back to nothing."""
    one.run("destroy", SPEC, "--yes")
    if terraform:
        terraform.destroy()


def planned(one: Drill, rtt_ms: int, terraform: Terraform | None, rounds: int) -> dict[str, Any]:
    """Cold no-op plans of both, in turn; medians, and the ratio of each round."""
    say(f"no-op plan, {rtt_ms} ms added to every call, {rounds} rounds")
    one.door("POST", "delay", seconds=rtt_ms / 1000)
    ours, theirs, memory = [], [], []
    one.door("POST", "reset-calls")
    cold_plan(one)  # compiles what a first run compiles
    calls = one.door("GET", "calls")
    for _ in range(rounds):
        seconds, rss = cold_plan(one)
        ours.append(seconds)
        memory.append(rss)
        if terraform:
            theirs.append(terraform.plan())
    one.door("POST", "delay", seconds=PROBE_DELAY)
    slow, _ = cold_plan(one)
    one.door("POST", "delay", seconds=0)
    fast, _ = cold_plan(one)
    return {
        "rtt_ms": rtt_ms,
        "calls": sum(calls.values()),
        "depth": round((slow - fast) / PROBE_DELAY),
        "rss_mb": round(statistics.median(memory), 1),
        "wall_s": round(statistics.median(ours), 3),
        "terraform_wall_s": round(statistics.median(theirs), 3) if theirs else None,
        "ratio": round(statistics.median(b / a for a, b in zip(ours, theirs, strict=True)), 2) if theirs else None,
        "operations": dict(sorted(calls.items())),
    }


def cold_plan(one: Drill) -> tuple[float, float]:
    """(seconds, peak MB) of one plan in a process of its own. Raises RuntimeError when it is not empty."""
    env = {name: value for name, value in one.env.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "controller", "plan", SPEC, "--detailed-exitcode"]
    before = time.monotonic()
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    words = process.stderr.read() if process.stderr else ""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - before
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"plan: exit {process.returncode}: {words}")
    return seconds, usage.ru_maxrss / 1024


def timed(act: Callable[[], Any]) -> tuple[float, Any]:
    before = time.monotonic()
    answer = act()
    return time.monotonic() - before, answer


def show(report: dict[str, Any]) -> None:
    """The tables, for people."""
    out = sys.stdout
    out.write("\nno-op plan       calls  depth  memory      ours  terraform  ratio\n")
    for row in report["plan_noop"]:
        theirs = f"{row['terraform_wall_s']:8.2f} s  {row['ratio']:4.1f}x" if row["ratio"] else "not compared"
        ours = f"{row['calls']:5}  {row['depth']:5}  {row['rss_mb']:4.0f} MB  {row['wall_s']:6.2f} s"
        out.write(f"  +{row['rtt_ms']:2} ms         {ours} {theirs}\n")
    out.write("\nfrom nothing     calls      ours  of it unexplained  terraform\n")
    for row in report["apply_from_nothing"]:
        theirs = f"{row['terraform_wall_s']:7.1f} s" if row["terraform_wall_s"] else "not compared"
        ours = f"{row['calls']:5}  {row['wall_s']:6.1f} s  {row['unexplained_s']:15.1f} s"
        out.write(f"  +{row['rtt_ms']:2} ms         {ours}  {theirs}\n")
    out.write("\nTerraform looks at no host, task or target; its apply waits on fixed timers.\n")


def say(words: str) -> None:
    sys.stderr.write(f"bench: {words}\n")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    raise SystemExit(main(sys.argv[1:]))
