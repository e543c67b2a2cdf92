"""A stack of a test's own in a running sandbox, and what tests ask about it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.rehearsal.changes import Change, Scene, change
from controller.rehearsal.drill import Drill, Ended

SPECS = Path(__file__).parents[2] / "specs"
PARAMETER = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"


@dataclass(frozen=True)
class Stage:
    """One stack by name: its own spec file over a shipped one, its live names."""

    drill: Drill
    name: str
    folder: Path
    base: str = "demo.yaml"

    @property
    def spec(self) -> str:
        return str(self.folder / f"{self.name}.yaml")

    @property
    def group(self) -> str:
        return f"{self.name}-main"

    def write(self, more: str = "") -> str:
        """The spec: the shipped one under this stack's name, with *more* over it."""
        Path(self.spec).write_text(f"extends: {SPECS / self.base}\nstack: {self.name}\n{more}")
        return self.spec

    def birth(self) -> Stage:
        """From nothing to serving; the image is pushed as soon as its repository exists."""
        self.write()
        good(self.drill.run("apply", self.spec, "--yes", "--target", "repository/shop"))
        self.drill.door("POST", "image", repository=f"{self.name}/shop", tag="v1")
        good(self.drill.run("apply", self.spec, "--yes"))
        return self

    def url(self) -> str:
        found = self.drill.client("elbv2").describe_load_balancers(Names=[self.name])["LoadBalancers"]
        return f"http://{found[0]['DNSName']}"

    def scene(self, rate: float = 100.0) -> Scene:
        return Scene(self.drill, self.spec, self.url(), self.group, f"{self.name}-web", rate)

    def roll(self, *arguments: str, rate: float = 100.0, name: str = "roll") -> Change:
        """One apply under load; the report's row."""
        scene = self.scene(rate)
        return change(scene, name, lambda: scene.apply(*arguments))

    def live_group(self) -> dict[str, Any]:
        found = self.drill.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[self.group])
        return dict(found["AutoScalingGroups"][0])

    def settings(self) -> dict[str, Any]:
        """What a roll must leave as it found it."""
        group = self.live_group()
        return {
            "bounds": (group["MinSize"], group["MaxSize"], group["DesiredCapacity"]),
            "suspended": [one["ProcessName"] for one in group["SuspendedProcesses"]],
            "protected": [one["ProtectedFromScaleIn"] for one in group["Instances"]],
            "crumbs": sorted(
                tag["Key"]
                for tag in group["Tags"]
                if tag["Key"].startswith("theseus:") and tag["Key"] not in {"theseus:stack", "theseus:name"}
            ),
        }

    def types(self) -> set[str]:
        return {one["InstanceType"] for one in self.live_group()["Instances"]}

    def instances(self) -> list[str]:
        return [one["InstanceId"] for one in self.live_group()["Instances"]]

    def target_group(self) -> str:
        found = self.drill.client("elbv2").describe_target_groups(Names=[f"{self.name}-web-blue"])
        return str(found["TargetGroups"][0]["TargetGroupArn"])


def good(ended: Ended) -> Ended:
    """*ended*, which must have succeeded."""
    assert ended.code == 0, f"exit {ended.code}\n{ended.out}\n{ended.err}"
    return ended


def until(true: Callable[[], bool], limit: float, what: str) -> None:
    """Wait for something that others do. Raises AssertionError after *limit* seconds."""
    deadline = time.monotonic() + limit
    while not true():
        assert time.monotonic() < deadline, f"not within {limit} s: {what}"
        time.sleep(0.3)
