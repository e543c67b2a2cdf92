"""What a service runs that CodeDeploy deploys: another task definition is another deployment.

What becomes of one is judged elsewhere (`rollout/verdict.py`); this kind starts it. Its description is the arn of the
task definition, for nothing of an AppSpec is read back (aws.md 9.5).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.task_sets import RUNNING, of_codedeploy, target
from controller.base.errors import Gone, NotYet
from controller.base.keys import OWNER_TAG, Key, Ref, key_of
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import CONTAINER

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack


@dataclass(frozen=True, slots=True)
class Deployment:
    task_definition: str | Ref = spec(risk="new_deployment")
    application: str | Ref = spec(compare=False, names="codedeploy_application")
    group: str | Ref = spec(compare=False, names="codedeploy_deployment_group")
    service: str | Ref = spec(compare=False, names="service")
    port: int = spec(compare=False, default=0)


class DeploymentKind:
    kind = "codedeploy_deployment"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, Deployment]]:
        for service in stack.services:
            if service.by_codedeploy and service.route is not None:
                yield (
                    Key(self.kind, service.name),
                    Deployment(
                        Ref(Key("task_definition", service.name), "arn"),
                        Ref(Key("codedeploy_application", "main"), "name"),
                        Ref(Key("codedeploy_deployment_group", service.name), "name"),
                        Ref(Key("service", service.name), "name"),
                        service.port or 0,
                    ),
                )

    def observe(self, reads: Reads, wanted: Mapping[Key, Deployment], owner: str) -> Mapping[Key, Observed[Deployment]]:
        """It is its service's, and there as soon as that is: a service is born with a task definition."""
        if not wanted and not reads.any_left("codedeploy_deployment_group"):
            return {}
        groups = {_born(reads, one): one for one in reads.deployment_groups()}
        found = {}
        for item in reads.services():
            live = tags.read(item.get("tags"))
            born = key_of(live, "service")
            group = groups.get(born.name) if born is not None else None
            if born is None or group is None or item["status"] != "ACTIVE" or not of_codedeploy(item):
                continue
            under_way = reads.deploy_under_way(item["serviceName"])
            runs, busy = target(item, under_way), ""
            if under_way is not None:
                busy = f"deployment {under_way['deploymentId']} is {under_way['status']}"
            names = group["applicationName"], group["deploymentGroupName"], item["serviceName"]
            found[Key(self.kind, born.name)] = Observed(Deployment(runs, *names), {}, live.get(OWNER_TAG), busy=busy)
        return found

    def create(self, aws: Aws, key: Key, desired: Deployment) -> Mapping[str, str]:
        """Nothing is to be done: the service was just made with this task definition."""
        return {}

    def update(
        self, aws: Aws, observed: Observed[Deployment], desired: Deployment, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        """While another one is under way CodeDeploy refuses a second: NotYet."""
        content = json.dumps(app_spec(str(desired.task_definition), desired.port))
        digest = hashlib.sha256(content.encode()).hexdigest()
        aws.codedeploy.create_deployment(
            applicationName=str(desired.application),
            deploymentGroupName=str(desired.group),
            revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": content, "sha256": digest}},
            description=str(desired.task_definition),
        )
        return {}

    def delete(self, aws: Aws, observed: Observed[Deployment]) -> None:
        """What is under way ends as it stands."""
        live = observed.as_desired
        asked: Any = {
            "applicationName": str(live.application),
            "deploymentGroupName": str(live.group),
            "includeOnlyStatuses": list(RUNNING),
        }
        try:
            running = aws.codedeploy.list_deployments(**asked)["deployments"]
            for one in running:
                aws.codedeploy.stop_deployment(deploymentId=one, autoRollbackEnabled=False)
        except Gone:
            return
        if running:
            raise NotYet(f"{', '.join(running)} is being stopped")


def _born(reads: Reads, group: Mapping[str, Any]) -> str:
    """The name of the service that a deployment group was made for."""
    live = reads.deploy_tags("deploymentgroup", f"{group['applicationName']}/{group['deploymentGroupName']}")
    key = key_of(live, "codedeploy_deployment_group")
    return key.name if key is not None else ""


def app_spec(task_definition: str, port: int) -> dict[str, Any]:
    """An AppSpec for ECS."""
    wants = {
        "TaskDefinition": task_definition,
        "LoadBalancerInfo": {"ContainerName": CONTAINER, "ContainerPort": port},
    }
    return {"version": 0.0, "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": wants}}]}


KIND = DeploymentKind()
