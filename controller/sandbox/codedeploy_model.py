"""The values of CodeDeploy for ECS (aws.md 4.5): applications, deployment groups, deployments. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

ACTIVE = frozenset({"Created", "Queued", "InProgress", "Baking", "Ready"})


@dataclass(frozen=True, slots=True)
class Application:
    name: str
    id: str
    created: datetime
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeploymentGroup:
    """One ECS service of an application. `given`: what its create and updates said, as AWS reads it back.

    groups   the names of its two target groups
    listeners   arns of the production route; rules of theirs that lead to one of the groups are shifted
    """

    application: str
    name: str
    id: str
    given: Mapping[str, Any]
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def service(self) -> tuple[str, str]:
        (one,) = self.given["ecsServices"]
        return one["clusterName"], one["serviceName"]

    @property
    def _pair(self) -> Mapping[str, Any]:
        (one,) = self.given["loadBalancerInfo"]["targetGroupPairInfoList"]
        pair: Mapping[str, Any] = one
        return pair

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(str(one["name"]) for one in self._pair["targetGroups"])

    @property
    def listeners(self) -> tuple[str, ...]:
        return tuple(self._pair["prodTrafficRoute"]["listenerArns"])

    @property
    def _blue_green(self) -> Mapping[str, Any]:
        given: Mapping[str, Any] = self.given["blueGreenDeploymentConfiguration"]
        return given

    @property
    def keeps(self) -> timedelta:
        """How long the original task set stays after the traffic has moved (terminationWaitTimeInMinutes)."""
        ends = self._blue_green["terminateBlueInstancesOnDeploymentSuccess"]
        return timedelta(minutes=int(ends.get("terminationWaitTimeInMinutes") or 0))

    @property
    def asks(self) -> timedelta | None:
        """How long a deployment waits for ContinueDeployment before it reroutes; None: not at all."""
        ready = self._blue_green.get("deploymentReadyOption") or {}
        if ready.get("actionOnTimeout") != "STOP_DEPLOYMENT":
            return None
        return timedelta(minutes=int(ready.get("waitTimeInMinutes") or 0))

    @property
    def alarms(self) -> tuple[str, ...]:
        given = self.given.get("alarmConfiguration") or {}
        return tuple(one["name"] for one in given.get("alarms") or ()) if given.get("enabled") else ()

    def rolls_back(self, event: str) -> bool:
        """Whether DEPLOYMENT_FAILURE, DEPLOYMENT_STOP_ON_ALARM or DEPLOYMENT_STOP_ON_REQUEST is followed by one."""
        given = self.given.get("autoRollbackConfiguration") or {}
        return bool(given.get("enabled")) and event in (given.get("events") or ())


@dataclass(frozen=True, slots=True)
class Rollout:
    """One deployment: a replacement task set, the traffic moved to it, the original one taken away.

    replacement   its task set, "" until it is there. `original` likewise
    shifted       percent of the traffic at the replacement, and `since` when
    """

    id: str
    application: str
    group: str
    config: str
    definition: str
    container: str
    port: int
    created: datetime
    description: str = ""
    status: str = "Created"
    started: datetime | None = None
    completed: datetime | None = None
    original: str = ""
    replacement: str = ""
    shifted: int = 0
    since: datetime | None = None
    steady: datetime | None = None  # all its tasks were healthy
    asked: bool = False  # ContinueDeployment came
    hurried: bool = False  # so did the one that ends the wait for the original's end
    error: tuple[str, str] = ("", "")  # code and words
    rolled_back: str = ""  # what became of that
    ringing: tuple[str, ...] | None = None  # alarms in ALARM when it began
    extra: Mapping[str, Any] = field(default_factory=dict)  # of its AppSpec: capacity, network, platform
