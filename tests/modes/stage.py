"""The commands in this process, against a simulated account: `main` with arguments, its exit code and its words."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import botocore.endpoint
import pytest

from controller.aws import record as tag
from controller.aws.client import Aws
from controller.base.crumbs import SpecCrumb
from controller.base.keys import SPEC_TAG
from controller.cli import main
from controller.modes import importing, loop, session
from controller.sandbox.simulated import Simulated

SPECS = Path(__file__).parents[2] / "specs"


class Clock:
    """The simulated clock as commands use it: `interrupt` ends every later sleep, and *between* runs after each one."""

    def __init__(self, sim: Simulated) -> None:
        self._sim = sim
        self._stopped = threading.Event()
        self.between: Callable[[], None] = lambda: None

    def now(self) -> Any:
        return self._sim.now()

    def sleep(self, pause: timedelta) -> None:
        if not self._stopped.is_set():
            self._sim.sleep(pause)
            self.between()

    def interrupt(self) -> None:
        self._stopped.set()


@dataclass
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)

    def lines(self, event: str) -> list[dict[str, Any]]:
        """What a loop logged under *event*."""
        found = [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]
        return [one for one in found if one["event"] == event]


class Hurried:
    """Stands for `time` where botocore pauses before it tries again: nothing changes meanwhile in this process."""

    @staticmethod
    def sleep(_seconds: float) -> None:
        return


class Stage:
    """One simulated account, and a spec file `minimal.yaml` is the base of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sim = Simulated()
        self._clients: dict[tuple[Any, ...], Any] = {}  # made once: most of the rest
        self.own = self.aws("us-east-1")  # for what the test itself asks and changes
        self.clock = Clock(self.sim)
        self.connected: list[Aws] = []
        self.on_connect: Callable[[Aws], None] = lambda _aws: None
        self.spec = self.write()

    def write(self, more: str = "", name: str = "tiny", base: str = "minimal.yaml") -> str:
        """A spec file of its own over a shipped one, *more* over that."""
        path = self.folder / f"{name}.yaml"
        path.write_text(f"extends: {SPECS / base}\nstack: {name}\n{more}")
        return str(path)

    def aws(self, region: str) -> Aws:
        """AWS as another process would find it: counts and guard of its own over clients that remember nothing."""
        session = self.sim.session()
        aws = Aws(session, region)
        make = aws.make

        def kept(service: str, attempts: int = 4, read_timeout: int = 30) -> Any:
            key = (region, service, attempts, read_timeout)
            if key not in self._clients:
                self._clients[key] = make(*key[1:])
            return self._clients[key]

        aws.__dict__["make"] = kept
        return aws

    def connect(self, region: str, _profile: str | None) -> Aws:
        """What the commands call instead of `client.connect`."""
        aws = self.aws(region)
        self.connected.append(aws)
        self.on_connect(aws)
        return aws

    def new_clock(self) -> Clock:
        """A process of its own has a clock that nobody interrupted."""
        between, self.clock = self.clock.between, Clock(self.sim)
        self.clock.between = between
        return self.clock

    def faults(self, service: str, action: str, code: str, *, status: int = 400, times: int = 1) -> None:
        self.sim.door("POST", "fault", service=service, action=action, code=code, status=status, times=times)

    def before_passes(self, **steps: Callable[[], object]) -> None:
        """What happens while the loop sleeps: ``two=...`` before its second pass."""
        numbers, coming = ("one", "two", "three", "four", "five", "six"), count()

        def between() -> None:
            number = next(coming)
            if number < len(numbers):
                steps.get(numbers[number], lambda: None)()

        self.clock.between = between

    def elsewhere(self, *arguments: str) -> int:
        """The exit code of a command of another process, which takes its time while this one's clock sleeps."""
        ours = self.clock
        between, ours.between = ours.between, lambda: None
        try:
            return main(arguments)
        finally:
            self.clock, ours.between = ours, between

    def delay(self, value: str | None = None) -> str:
        """The deregistration delay of the first target group, after somebody set it to *value*: drift of one step."""
        arn = self.own.elbv2.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
        key = "deregistration_delay.timeout_seconds"
        if value is not None:
            wanted = [{"Key": key, "Value": value}]
            self.own.elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=wanted)
        found = self.own.elbv2.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        return next(str(one["Value"]) for one in found if one["Key"] == key)

    def record(self, crumb: SpecCrumb | None = None) -> SpecCrumb:
        """The spec on record on the stack's cluster, after somebody recorded *crumb*."""
        [cluster] = self.own.ecs.describe_clusters(clusters=["tiny"], include=["TAGS"])["clusters"]
        if crumb is not None:
            tag.write(self.own, cluster["clusterArn"], crumb)
            return crumb
        found = SpecCrumb.parse({one["key"]: one["value"] for one in cluster["tags"]}.get(SPEC_TAG))
        assert found is not None
        return found

    def reset(self) -> None:
        """Nothing of one test stays for the next but what is in the account."""
        self.sim.edge.faults.clear()
        self.clock.between, self.on_connect = lambda: None, lambda _aws: None
        self.connected.clear()
        self.write()


@contextmanager
def acting(stage: Stage) -> Iterator[Stage]:
    """Commands of this process find *stage* where AWS would be."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (session, loop):
            patch.setattr(module, "connect", stage.connect)
            patch.setattr(module, "SystemClock", stage.new_clock)
        patch.setattr(importing, "connect", stage.connect)
        patch.setattr(botocore.endpoint, "time", Hurried)
        yield stage
    stage.reset()


class Command:
    """`main` with its words caught: ``command("plan", spec)``."""

    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self._capsys = capsys
        self._lease = f"file:{folder / 'lease'}"

    def __call__(self, *arguments: str) -> Ended:
        """What lasts longer than a lease on the moved clock is kept by a file; the lease has tests of its own."""
        self._capsys.readouterr()
        mutating = arguments[0] in {"apply", "run", "destroy"} and "--lease" not in arguments
        code = main([*arguments, *(["--lease", self._lease] if mutating else [])])
        said = self._capsys.readouterr()
        return Ended(code, said.out, said.err)
