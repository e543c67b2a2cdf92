"""ECS services on their pool's capacity provider. Only what differs is sent: an equal parameter may still deploy.

What happens to a deployment is judged elsewhere (`rollout/verdict.py`), by its identity; this kind starts it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.client import pages
from controller.aws.reads import DESCRIBE_TASKS_MAX, keyed
from controller.base.errors import Gone, NotYet, Refused, Stale
from controller.base.keys import OWNER_TAG, Key, Ref, Tags, birth_tags, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import CONTAINER, live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Service as Spec
    from controller.spec.types import Stack

PLACEMENT = (("spread", "attribute:ecs.availability-zone"), ("spread", "instanceId"))


@dataclass(frozen=True, slots=True)
class Service:
    """`target_group` "" when no load balancer serves it; percentages and `grace` (seconds) as in ECS."""

    cluster: str | Ref = spec(immutable=True)
    task_definition: str | Ref = spec(risk="new_deployment")
    provider: str | Ref = spec(risk="new_deployment")
    target_group: str | Ref = spec(risk="new_deployment")
    port: int = spec(risk="new_deployment")
    desired: int = spec()
    min_percent: int = spec()
    max_percent: int = spec()
    circuit_breaker: bool | None = spec()  # both its halves, stop and roll back; live None: only one of them
    grace: int = spec()
    zone_rebalancing: str = spec()
    placement: tuple[tuple[str, str], ...] = spec()
    after: tuple[str | Ref, ...] = spec(compare=False)  # a rule must use the target group, the cluster the provider
    name: str = spec(compare=False)
    tags: Tags = spec(subset=True, risk="cosmetic")


class ServiceKind:
    kind = "service"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, Service]]:
        for service in stack.services:
            key = Key(self.kind, service.name)
            yield key, self._service(stack, key, service)

    def _service(self, stack: Stack, key: Key, service: Spec) -> Service:
        routed = service.route is not None
        after = [Ref(Key("cluster_capacity_providers", "main"))]
        if routed:
            after.append(Ref(Key("listener_rule", service.name), "arn"))
        name = live_name(stack, key)
        return Service(
            Ref(Key("cluster", "main"), "name"),
            Ref(Key("task_definition", service.name), "arn"),
            Ref(Key("capacity_provider", service.pool), "name"),
            Ref(Key("target_group", f"{service.name}-blue"), "arn") if routed else "",
            (service.port or 0) if routed else 0,
            service.desired,
            service.deployment.min_percent,
            service.deployment.max_percent,
            service.deployment.circuit_breaker,
            int(service.health.grace.total_seconds()) if routed else 0,
            "DISABLED",  # it would move tasks behind a roll's back (DESIGN.md 5, rule 9)
            PLACEMENT,
            tuple(after),
            name,
            birth_tags(stack.name, key, name, stack.tags),
        )

    def observe(self, reads: Reads, wanted: Mapping[Key, Service], owner: str) -> Mapping[Key, Observed[Service]]:
        named = ((item["serviceName"], tags.read(item.get("tags")), item) for item in reads.services())
        found = {}
        for key, item in keyed(self.kind, wanted, named).items():
            if item["status"] == "INACTIVE" and not any(_open(task, item["serviceName"]) for task in reads.tasks()):
                continue  # INACTIVE alone does not mean its tasks have stopped (aws.md 5.3)
            found[key] = parse_service(item)
        return found

    def create(self, aws: Aws, key: Key, desired: Service) -> Mapping[str, str]:
        token = f"{desired.cluster}/{desired.name}/{desired.task_definition}"
        request: dict[str, Any] = {
            "cluster": str(desired.cluster),
            "serviceName": desired.name,
            "taskDefinition": str(desired.task_definition),
            "desiredCount": desired.desired,
            "capacityProviderStrategy": _strategy(desired),
            "deploymentConfiguration": _deployment(desired),
            "availabilityZoneRebalancing": desired.zone_rebalancing,
            "placementStrategy": _placement(desired),
            "schedulingStrategy": "REPLICA",
            "enableECSManagedTags": True,
            "propagateTags": "SERVICE",
            "clientToken": hashlib.sha256(token.encode()).hexdigest()[:36],
            "tags": tags.camel(desired.tags),
        }
        if desired.target_group:
            request |= {"loadBalancers": _balancers(desired), "healthCheckGracePeriodSeconds": desired.grace}
        try:
            return _outputs(aws.ecs.create_service(**request)["service"])
        except Refused as refusal:  # ECS says both in words only (aws.md 5.2)
            if "still Draining" in str(refusal):
                raise NotYet(f"service {desired.name}: the last one of that name is still draining") from refusal
            if "not idempotent" in str(refusal):
                raise Stale(str(refusal)) from refusal
            raise

    def update(
        self, aws: Aws, observed: Observed[Service], desired: Service, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        fields = {change.field for change in changes}
        request: dict[str, Any] = {}
        if "task_definition" in fields:
            request["taskDefinition"] = str(desired.task_definition)
        if "desired" in fields:
            request["desiredCount"] = desired.desired
        if "provider" in fields:  # starts no deployment by itself (aws.md 4.3)
            request |= {"capacityProviderStrategy": _strategy(desired), "forceNewDeployment": True}
        if fields & {"target_group", "port"}:
            request["loadBalancers"] = _balancers(desired) if desired.target_group else []
        if fields & {"min_percent", "max_percent", "circuit_breaker"}:
            request["deploymentConfiguration"] = _deployment(desired)
        if "grace" in fields and desired.target_group:  # AWS knows none without a load balancer
            request["healthCheckGracePeriodSeconds"] = desired.grace
        if "zone_rebalancing" in fields:
            request["availabilityZoneRebalancing"] = desired.zone_rebalancing
        if "placement" in fields:
            request["placementStrategy"] = _placement(desired)
        if request:
            aws.ecs.update_service(cluster=str(desired.cluster), service=desired.name, **request)
        if "tags" in fields:
            aws.ecs.tag_resource(resourceArn=observed.outputs["arn"], tags=tags.camel(desired.tags))
        return {}

    def delete(self, aws: Aws, observed: Observed[Service]) -> None:
        """Delete it and wait until its tasks have stopped: until then they answer requests and hold target groups."""
        cluster, name = str(observed.as_desired.cluster), observed.as_desired.name
        try:
            if not observed.gone:
                aws.ecs.delete_service(cluster=cluster, service=name, force=True)
        except Gone:
            pass
        if left := sum(1 for task in _tasks(aws, cluster) if _open(task, name)):
            raise NotYet(f"service {name}: {left} tasks are stopping")


def parse_service(item: Mapping[str, Any]) -> Observed[Service]:
    live = tags.read(item.get("tags"))
    config = item.get("deploymentConfiguration", {})
    breaker = config.get("deploymentCircuitBreaker", {})
    breaks = (bool(breaker.get("enable")), bool(breaker.get("rollback")))
    balancers = item.get("loadBalancers", [])
    strategy = item.get("capacityProviderStrategy", [])
    as_desired = Service(
        item["clusterArn"].rsplit("/", 1)[-1],
        item["taskDefinition"],
        ",".join(one["capacityProvider"] for one in strategy) or item.get("launchType", ""),
        ",".join(one.get("targetGroupArn", "") for one in balancers),
        int(balancers[0].get("containerPort", 0)) if balancers else 0,
        int(item["desiredCount"]),
        int(config.get("minimumHealthyPercent", 100)),
        int(config.get("maximumPercent", 200)),
        breaks[0] if breaks[0] == breaks[1] else None,
        int(item.get("healthCheckGracePeriodSeconds", 0)) if balancers else 0,
        item.get("availabilityZoneRebalancing", "DISABLED"),
        tuple((one["type"], one.get("field", "")) for one in item.get("placementStrategy", [])),
        (),
        item["serviceName"],
        lasting_tags(live),
    )
    return Observed(as_desired, _outputs(item), live.get(OWNER_TAG), gone=item["status"] != "ACTIVE")


def _open(task: Mapping[str, Any], service: str) -> bool:
    return bool(task.get("group") == f"service:{service}" and task["lastStatus"] != "STOPPED")


def _tasks(aws: Aws, cluster: str) -> list[dict[str, Any]]:
    """Every task that ECS still shows; nothing lists those of a service that is gone."""
    found: list[dict[str, Any]] = []
    try:
        for status in ("RUNNING", "STOPPED"):
            listed: Any = {"cluster": cluster, "desiredStatus": status}
            arns = pages(aws.ecs.list_tasks, "taskArns", "nextToken", **listed)
            for start in range(0, len(arns), DESCRIBE_TASKS_MAX):
                part: Any = arns[start : start + DESCRIBE_TASKS_MAX]
                found += aws.ecs.describe_tasks(cluster=cluster, tasks=part)["tasks"]  # type: ignore[arg-type]
    except Gone:
        return []
    return found


def _strategy(desired: Service) -> list[Any]:
    return [{"capacityProvider": str(desired.provider), "weight": 1, "base": 0}]


def _deployment(desired: Service) -> Any:
    breaker = {"enable": desired.circuit_breaker, "rollback": desired.circuit_breaker}
    return {
        "minimumHealthyPercent": desired.min_percent,
        "maximumPercent": desired.max_percent,
        "deploymentCircuitBreaker": breaker,
    }


def _placement(desired: Service) -> list[Any]:
    return [{"type": kind, "field": field} for kind, field in desired.placement]


def _balancers(desired: Service) -> list[Any]:
    return [{"targetGroupArn": str(desired.target_group), "containerName": CONTAINER, "containerPort": desired.port}]


def _outputs(item: Mapping[str, Any]) -> dict[str, str]:
    return {"name": item["serviceName"], "arn": item["serviceArn"]}


KIND = ServiceKind()
