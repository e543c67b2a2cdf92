"""A whole stack in the simulated sandbox, driven tick by tick."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from controller.aws.client import Aws
from controller.engine.scope import Scope
from controller.report.journal import Journal
from controller.report.seen import Tick, outcome
from controller.sandbox.simulated import Simulated
from controller.spec.load import load
from controller.spec.types import Stack
from controller.tick import Options, tick
from tests.resources.stacks import PAUSE

SPECS = Path(__file__).parents[2] / "specs"
LIMIT = timedelta(minutes=20)


class Simulation:
    """One simulated sandbox with one stack; `apply` is the loop of the command, on the moved clock."""

    def __init__(self, spec: str = "demo.yaml", seed: int = 0) -> None:
        self.spec = str(SPECS / spec)
        self.sim = Simulated(seed=seed)
        self.aws = Aws(self.sim.session(), "us-east-1")
        self.journal = Journal()
        self.lines: list[str] = []

    def stack(self, *overrides: str) -> Stack:
        return load(self.spec, overrides).stack

    def birth(self) -> Simulation:
        """From nothing to serving, the image pushed as soon as it is missed."""
        name = self.stack().name
        assert self.apply(self.stack()) == "unproven"
        self.sim.door("POST", "image", repository=f"{name}/shop", tag="v1")
        assert self.apply(self.stack()) == "succeeded"
        return self

    def apply(self, stack: Stack, *, by_person: bool = True, scope: Scope | None = None) -> str:
        """Tick until one is quiet; its outcome. Raises AssertionError when that takes too long."""
        started = self.sim.now()
        options = Options(scope=scope or Scope(), by_person=by_person, started=started)
        return self.drive(lambda: tick(stack, self.aws, self.sim, act=True, options=options))

    def drive(self, one: Callable[[], Tick]) -> str:
        end = self.sim.now() + LIMIT
        while True:
            seen = one()
            self.lines += self.journal.add(seen)
            if seen.quiet:
                return outcome(seen)
            assert self.sim.now() < end, self.lines[-20:]
            self.sim.sleep(max(seen.requeue_after, PAUSE))

    def group(self, name: str) -> dict[str, Any]:
        found = self.aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])
        return dict(found["AutoScalingGroups"][0])

    def settings(self, name: str) -> dict[str, Any]:
        """What a roll must leave as it found it."""
        group = self.group(name)
        ours = {"theseus:stack", "theseus:name"}
        return {
            "bounds": (group["MinSize"], group["MaxSize"], group["DesiredCapacity"]),
            "suspended": [one["ProcessName"] for one in group["SuspendedProcesses"]],
            "protected": [one["ProtectedFromScaleIn"] for one in group["Instances"]],
            "crumbs": [t["Key"] for t in group["Tags"] if t["Key"].startswith("theseus:") and t["Key"] not in ours],
        }
