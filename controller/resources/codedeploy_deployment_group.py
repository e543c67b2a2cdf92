"""How CodeDeploy deploys one service: its two target groups, the listener, the steps, what stops it.

The service is there first: CodeDeploy takes no other (aws.md 4.5). Deployments are `codedeploy_deployment`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.reads import keyed
from controller.base.keys import OWNER_TAG, Key, Ref, Tags, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import COLOURS, born_tags, live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Service, Stack

STYLE: Any = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
REROUTES, ENDS_OLD = "CONTINUE_DEPLOYMENT", "TERMINATE"
FAILURE, ON_ALARM = "DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"


@dataclass(frozen=True, slots=True)
class DeploymentGroup:
    """`on_ready`: what happens before the traffic moves. `keep`: minutes that the old task set stays after that.
    `on_success`: what becomes of it then. `rollback`: what it follows."""

    application: str | Ref = spec(immutable=True, names="codedeploy_application")
    role: str | Ref = spec()
    config: str = spec()
    cluster: str | Ref = spec(names="cluster")
    service: str | Ref = spec(names="service")
    groups: tuple[str | Ref, ...] = spec(unordered=True, names="target_group")
    listeners: tuple[str | Ref, ...] = spec(unordered=True)
    on_ready: str = spec()
    keep: int = spec()
    on_success: str = spec()
    alarms: tuple[str, ...] = spec(unordered=True)
    rollback: tuple[str, ...] = spec(unordered=True)
    after: tuple[str | Ref, ...] = spec(compare=False)  # the rule must lead to one of the target groups
    name: str = spec(compare=False)
    tags: Tags = spec(subset=True, risk="cosmetic")


class DeploymentGroupKind:
    kind = "codedeploy_deployment_group"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, DeploymentGroup]]:
        for service in stack.services:
            if service.by_codedeploy and service.route is not None:
                key = Key(self.kind, service.name)
                yield key, self._group(stack, key, service, service.route.listener)

    def _group(self, stack: Stack, key: Key, service: Service, listener: str) -> DeploymentGroup:
        alarms = service.deployment.alarms
        back = (FAILURE, ON_ALARM) if alarms.names and alarms.rollback else (FAILURE,)
        return DeploymentGroup(
            application=Ref(Key("codedeploy_application", "main"), "name"),
            role=Ref(Key("role", "codedeploy"), "arn"),
            config=service.deployment.config,
            cluster=Ref(Key("cluster", "main"), "name"),
            service=Ref(Key("service", service.name), "name"),
            groups=tuple(Ref(Key("target_group", f"{service.name}-{colour}"), "name") for colour in COLOURS),
            listeners=(Ref(Key("listener", listener), "arn"),),
            on_ready=REROUTES,
            keep=int(service.deployment.keep.total_seconds() // 60),
            on_success=ENDS_OLD,
            alarms=alarms.names,
            rollback=back,
            after=(Ref(Key("listener_rule", service.name), "arn"),),
            name=live_name(stack, key),
            tags=born_tags(stack, key),
        )

    def observe(
        self, reads: Reads, wanted: Mapping[Key, DeploymentGroup], owner: str
    ) -> Mapping[Key, Observed[DeploymentGroup]]:
        if not wanted and not reads.any_left(self.kind):
            return {}
        named = []
        for item in reads.deployment_groups():
            path = f"{item['applicationName']}/{item['deploymentGroupName']}"
            live = reads.deploy_tags("deploymentgroup", path)
            named.append((item["deploymentGroupName"], live, (item, live, reads.deploy_arn("deploymentgroup", path))))
        return {key: parse_deployment_group(*one) for key, one in keyed(self.kind, wanted, named).items()}

    def create(self, aws: Aws, key: Key, desired: DeploymentGroup) -> Mapping[str, str]:
        aws.codedeploy.create_deployment_group(
            applicationName=str(desired.application),
            deploymentGroupName=desired.name,
            tags=tags.pascal(desired.tags),
            **_settings(desired),
        )
        return {"name": desired.name}

    def update(
        self, aws: Aws, observed: Observed[DeploymentGroup], desired: DeploymentGroup, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        fields = {change.field for change in changes}
        if fields - {"tags"}:
            aws.codedeploy.update_deployment_group(
                applicationName=str(observed.as_desired.application),
                currentDeploymentGroupName=desired.name,
                **_settings(desired),
            )
        if "tags" in fields:
            aws.codedeploy.tag_resource(ResourceArn=observed.outputs["arn"], Tags=tags.pascal(desired.tags))
        return {}

    def delete(self, aws: Aws, observed: Observed[DeploymentGroup]) -> None:
        live = observed.as_desired
        aws.codedeploy.delete_deployment_group(applicationName=str(live.application), deploymentGroupName=live.name)


def parse_deployment_group(item: Mapping[str, Any], live: Mapping[str, str], arn: str) -> Observed[DeploymentGroup]:
    """A test route of others, which we never make, is left as it is."""
    services = item.get("ecsServices") or [{}]
    pairs = (item.get("loadBalancerInfo") or {}).get("targetGroupPairInfoList") or [{}]
    steps = item.get("blueGreenDeploymentConfiguration") or {}
    ends, ready = (
        steps.get(name) or {} for name in ("terminateBlueInstancesOnDeploymentSuccess", "deploymentReadyOption")
    )
    alarms, back = item.get("alarmConfiguration") or {}, item.get("autoRollbackConfiguration") or {}
    as_desired = DeploymentGroup(
        application=item["applicationName"],
        role=item["serviceRoleArn"],
        config=item.get("deploymentConfigName", ""),
        cluster=services[0].get("clusterName", ""),
        service=services[0].get("serviceName", ""),
        groups=tuple(one["name"] for one in pairs[0].get("targetGroups", [])),
        listeners=tuple((pairs[0].get("prodTrafficRoute") or {}).get("listenerArns", [])),
        on_ready=ready.get("actionOnTimeout", REROUTES),
        keep=int(ends.get("terminationWaitTimeInMinutes") or 0),
        on_success=ends.get("action", ENDS_OLD),
        alarms=tuple(one["name"] for one in alarms.get("alarms") or []) if alarms.get("enabled") else (),
        rollback=tuple(back.get("events") or []) if back.get("enabled") else (),
        after=(),
        name=item["deploymentGroupName"],
        tags=lasting_tags(live),
    )
    return Observed(as_desired, {"name": as_desired.name, "arn": arn}, live.get(OWNER_TAG))


def _settings(desired: DeploymentGroup) -> Any:
    return {
        "serviceRoleArn": str(desired.role),
        "deploymentConfigName": desired.config,
        "deploymentStyle": STYLE,
        "blueGreenDeploymentConfiguration": {
            "terminateBlueInstancesOnDeploymentSuccess": {
                "action": desired.on_success,
                "terminationWaitTimeInMinutes": desired.keep,
            },
            "deploymentReadyOption": {"actionOnTimeout": desired.on_ready, "waitTimeInMinutes": 0},
        },
        "loadBalancerInfo": {
            "targetGroupPairInfoList": [
                {
                    "targetGroups": [{"name": str(one)} for one in desired.groups],
                    "prodTrafficRoute": {"listenerArns": [str(one) for one in desired.listeners]},
                }
            ]
        },
        "ecsServices": [{"clusterName": str(desired.cluster), "serviceName": str(desired.service)}],
        "alarmConfiguration": {
            "enabled": bool(desired.alarms),
            "alarms": [{"name": one} for one in desired.alarms],
        },
        "autoRollbackConfiguration": {"enabled": bool(desired.rollback), "events": list(desired.rollback)},
    }


KIND = DeploymentGroupKind()
