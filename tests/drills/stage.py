"""A stack of a test's own in a running sandbox, and what tests ask about it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.rehearsal.changes import Change, Scene, change, overlaid
from controller.rehearsal.drill import Drill, Ended

SPECS = Path(__file__).parents[2] / "specs"
RATE = 60.0  # requests a second where a test asks for no other: half of what a drill costs the machine goes with it
PARAMETER = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"


@dataclass
class Stage:
    """One stack by name: its own spec file over a shipped one, its live names. `choices` stay until changed again."""

    drill: Drill
    name: str
    folder: Path
    base: str = "demo.yaml"
    choices: dict[str, Any] = field(default_factory=dict)

    @property
    def spec(self) -> str:
        return str(self.folder / f"{self.name}.yaml")

    @property
    def group(self) -> str:
        return f"{self.name}-main"

    def choose(self, **fields: Any) -> Stage:
        """Write the spec: the shipped one under this stack's name, with all choices so far over it.

        A field is spelled with double underscores: ``hosts__main__instance_type="t3.large"``.
        """
        self.choices |= fields
        document: dict[str, Any] = {"extends": str(SPECS / self.base), "stack": self.name}
        Path(self.spec).write_text(overlaid(document, self.choices))
        return self

    def birth(self) -> Stage:
        """From nothing to serving; the image is pushed as soon as its repository exists."""
        self.choose()
        good(self.drill.run("apply", self.spec, "--yes", "--target", "repository/shop"))
        self.push("v1")
        good(self.drill.run("apply", self.spec, "--yes"))
        return self

    def push(self, tag: str) -> None:
        self.drill.door("POST", "image", repository=f"{self.name}/shop", tag=tag)

    def another_type(self) -> str:
        """An instance type that the hosts are not of."""
        return next(kind for kind in ("t3.large", "t3.small") if kind not in self.types())

    def url(self, path: str = "") -> str:
        found = self.drill.client("elbv2").describe_load_balancers(Names=[self.name])["LoadBalancers"]
        return f"http://{found[0]['DNSName']}{path}"

    def scene(self, *also: str, rate: float = RATE) -> Scene:
        return Scene(self.drill, self.spec, (self.url(), *also), self.group, f"{self.name}-web", rate)

    def roll(self, *arguments: str, also: tuple[str, ...] = (), rate: float = RATE) -> Change:
        """One apply under load; the report's row."""
        scene = self.scene(*also, rate=rate)
        return change(scene, "roll", lambda: scene.apply(*arguments))

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
