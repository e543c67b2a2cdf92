"""The ECS API in front of the world: services and their deployments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from controller.sandbox import compute, ecs, task_sets
from controller.sandbox.api_ecs import cluster_of, invalid, limit, page, short, tag_list, tag_map
from controller.sandbox.api_tasks import find_definition
from controller.sandbox.world import ApiError, Deployment, Draft, Json, Service

ECHOED = ("enableECSManagedTags", "enableExecuteCommand", "availabilityZoneRebalancing", "propagateTags",
          "platformVersion", "serviceRegistries", "serviceConnectConfiguration", "volumeConfigurations",
          "vpcLatticeConfigurations")  # fmt: skip
OF_A_DEPLOYMENT = ("serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations")  # shown there
DEPLOYING = ("platformVersion", "serviceRegistries", *OF_A_DEPLOYMENT)  # aws.md 4.3
COUNTED_AS_PENDING = {"PROVISIONING", "PENDING", "ACTIVATING"}


# ------------------------------------------------------------------------------------------------ services
def create_service(draft: Draft, params: Json) -> Json:
    """The same token and settings return the service; another one of that name is refused (aws.md 5.2)."""
    cluster, name = cluster_of(draft, params), params["serviceName"]
    have = draft.services.get((cluster.name, name))
    if have is not None and have.status == "ACTIVE":
        if have.token and have.token == params.get("clientToken"):
            return {"service": show_service(draft, have)}
        raise invalid("Creation of service was not idempotent.")
    if have is not None and have.status == "DRAINING":
        raise invalid("Unable to Start a service that is still Draining.")
    if params.get("launchType") and params.get("capacityProviderStrategy"):
        raise invalid("Specifying both a launch type and capacity provider strategy is not supported.")
    definition = find_definition(draft, params["taskDefinition"])
    if definition["status"] != "ACTIVE":
        raise ApiError("ClientException", "TaskDefinition is inactive")
    strategy = compute.strategy_of(cluster, params)
    launch, network = compute.launch_of(strategy, params), compute.network_of(params)
    compute.check_place(draft, launch, network, definition, params)
    daemon = params.get("schedulingStrategy") == "DAEMON"
    if daemon:
        compute.check_daemon(params)
    balancers = tuple(params.get("loadBalancers") or ())
    _check_balancers(draft, balancers, definition)
    _check_registries(params.get("serviceRegistries") or (), definition)
    controller = (params.get("deploymentController") or {}).get("type", "ECS")
    _check_controller(controller, balancers, params)
    service = Service(
        name,
        cluster.name,
        draft.arn("ecs", f"service/{cluster.name}/{name}"),
        int(params.get("desiredCount") or 0),
        definition["taskDefinitionArn"],
        draft.now,
        controller=controller,
        strategy=tuple(strategy),
        launch=launch,
        network=network,
        daemon=daemon,
        min_percent=0 if daemon else 100,
        max_percent=100 if daemon else 200,
        balancers=balancers,
        grace=timedelta(seconds=int(params.get("healthCheckGracePeriodSeconds") or 0)),
        placement=_placement(params.get("placementStrategy"), "field"),
        constraints=_placement(params.get("placementConstraints"), "expression"),
        tags=tag_map(params.get("tags")),
        token=params.get("clientToken", ""),
        extra={
            "availabilityZoneRebalancing": "ENABLED",  # the create default (aws.md 4.3)
            "propagateTags": "NONE",
            "enableECSManagedTags": False,
            "enableExecuteCommand": False,
            **({"platformVersion": "LATEST", "platformFamily": "Linux"} if launch == "FARGATE" else {}),
            **{key: params[key] for key in ECHOED if params.get(key) is not None},
        },
    )
    service = _configured(service, params.get("deploymentConfiguration"))
    draft.services[cluster.name, name] = service
    service = ecs.deploy(draft, service, definition["taskDefinitionArn"])
    return {"service": show_service(draft, service)}


def update_service(draft: Draft, params: Json) -> Json:
    """Only some parameters start a deployment (aws.md 4.3)."""
    service = _service(draft, params)
    if service.status != "ACTIVE":
        raise ApiError("ServiceNotActiveException", "Service was not ACTIVE.")
    cluster = draft.clusters[service.cluster]
    if service.controller != "ECS":
        _only_what_is_allowed(params)
    changed = _configured(service, params.get("deploymentConfiguration"))
    if params.get("desiredCount") is not None:
        changed = replace(changed, desired=int(params["desiredCount"]))
    if params.get("capacityProviderStrategy") is not None:  # an empty list returns to the launch type (aws.md 4.3)
        strategy = compute.strategy_of(replace(cluster, strategy=()), params)
        changed = replace(changed, strategy=tuple(strategy), launch=compute.launch_of(strategy, dict(changed.extra)))
    if params.get("networkConfiguration") is not None:
        changed = replace(changed, network=compute.network_of(params))
    if params.get("healthCheckGracePeriodSeconds") is not None:
        changed = replace(changed, grace=timedelta(seconds=int(params["healthCheckGracePeriodSeconds"])))
    if params.get("placementStrategy") is not None:
        changed = replace(changed, placement=_placement(params["placementStrategy"], "field"))
    if params.get("placementConstraints") is not None:
        changed = replace(changed, constraints=_placement(params["placementConstraints"], "expression"))
    echoed = {key: params[key] for key in ECHOED if params.get(key) is not None}
    changed = replace(changed, extra={**changed.extra, **echoed})
    definition = find_definition(draft, params.get("taskDefinition") or changed.task_definition)
    compute.check_place(draft, changed.launch, changed.network, definition, params)
    if changed.daemon:
        compute.check_daemon(params)
    if params.get("loadBalancers") is not None:
        _check_balancers(draft, params["loadBalancers"], definition)
        changed = replace(changed, balancers=tuple(params["loadBalancers"]))
    draft.services[service.cluster, service.name] = changed
    arn = definition["taskDefinitionArn"]
    _check_registries(changed.extra.get("serviceRegistries") or (), definition)
    other = any(changed.extra.get(key) != service.extra.get(key) for key in DEPLOYING)
    moved = other or (changed.balancers, changed.network) != (service.balancers, service.network)
    if arn != service.task_definition or moved or params.get("forceNewDeployment"):
        changed = ecs.deploy(draft, changed, arn)
    return {"service": show_service(draft, changed)}


def delete_service(draft: Draft, params: Json) -> Json:
    service = _service(draft, params)
    if service.desired and not params.get("force") and not service.daemon:
        raise invalid("The service cannot be stopped while it is scaled above 0.")
    changed = replace(service, status="DRAINING", desired=0) if service.status == "ACTIVE" else service
    draft.services[service.cluster, service.name] = changed
    return {"service": show_service(draft, changed)}


def describe_services(draft: Draft, params: Json) -> Json:
    """Unknown ones are failures[], not an error; deleted ones show INACTIVE for a while (aws.md 5.3)."""
    cluster, names = cluster_of(draft, params), params["services"]
    limit(names, 10, "Services")
    found, failures = [], []
    for name in names:
        service = draft.services.get((cluster.name, short(name)))
        if service is None:
            arn = draft.arn("ecs", f"service/{cluster.name}/{short(name)}")
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(show_service(draft, service, tags="TAGS" in params.get("include", [])))
    return {"services": found, "failures": failures}


def list_services(draft: Draft, params: Json) -> Json:
    """DRAINING and INACTIVE ones are hidden (aws.md 5.3)."""
    cluster = cluster_of(draft, params)
    found = [s.arn for s in draft.services.values() if s.cluster == cluster.name and s.status == "ACTIVE"]
    return page("serviceArns", found, params, 10)


def show_service(draft: Draft, service: Service, *, tags: bool = True) -> Json:
    """As DescribeServices reads back, defaults filled in (aws.md 9.2)."""
    opened = ecs.tasks_of(draft, service)
    shown: Json = {
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": draft.clusters[service.cluster].arn,
        "loadBalancers": [dict(one) for one in service.balancers],
        "serviceRegistries": [],
        "status": service.status,
        "desiredCount": service.desired,
        # a task told to stop is not RUNNING any more in these counts, though it still serves (aws.md 1.2)
        "runningCount": sum(1 for t in opened if t.last == "RUNNING" and t.wanted == "RUNNING"),
        "pendingCount": sum(1 for t in opened if t.last in COUNTED_AS_PENDING),
        "taskDefinition": service.task_definition,
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {"enable": service.breaker, "rollback": service.rollback},
            "maximumPercent": service.max_percent,
            "minimumHealthyPercent": service.min_percent,
            "alarms": {
                "alarmNames": list(service.alarms),
                "enable": bool(service.alarms),
                "rollback": service.alarm_rollback,
            },
            "strategy": "ROLLING",
            "bakeTimeInMinutes": 0,
        },
        "deployments": [show_deployment(draft, service, d) for d in service.deployments if service.controller == "ECS"],
        "roleArn": f"arn:aws:iam::{draft.world.account}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
        "events": [{"id": i, "createdAt": at, "message": words} for i, at, words in service.events],
        "createdAt": service.created,
        "placementStrategy": _shown_placement(service.placement, "field"),
        "placementConstraints": _shown_placement(service.constraints, "expression"),
        "healthCheckGracePeriodSeconds": int(service.grace.total_seconds()),
        "schedulingStrategy": "DAEMON" if service.daemon else "REPLICA",
        "deploymentController": {"type": service.controller},
        **(
            {}
            if service.controller == "ECS"
            else {"taskSets": [_show_set(draft, service, d) for d in service.deployments]}
        ),
        "createdBy": f"arn:aws:iam::{draft.world.account}:root",
        **{key: value for key, value in service.extra.items() if key not in OF_A_DEPLOYMENT},
        **compute.network_shown(service.network),
        **_where(service),
    }
    if tags:
        shown["tags"] = tag_list(service.tags)
    return shown


def show_deployment(draft: Draft, service: Service, one: Deployment) -> Json:
    mine = [t for t in ecs.tasks_of(draft, service) if t.deployment == one.id]
    shown: Json = {
        "id": one.id,
        "status": one.status,
        "taskDefinition": one.task_definition,
        "desiredCount": service.desired if one.status == "PRIMARY" else 0,
        "pendingCount": sum(1 for t in mine if t.last in COUNTED_AS_PENDING),
        "runningCount": sum(1 for t in mine if t.last == "RUNNING" and t.wanted == "RUNNING"),
        "failedTasks": one.failed,
        "createdAt": one.created,
        "updatedAt": one.updated,
        "rolloutState": one.state,
        "rolloutStateReason": one.reason or f"ECS deployment {one.id} in progress.",
    }
    more = {key: service.extra[key] for key in OF_A_DEPLOYMENT if key in service.extra and one.status == "PRIMARY"}
    return {**shown, **more, **compute.network_shown(service.network), **_where(service)}


def _show_set(draft: Draft, service: Service, one: Deployment) -> Json:
    """One task set, as DescribeServices lists those of a service that CodeDeploy deploys."""
    mine = ecs.tasks_of(draft, task_sets.view(service, one))
    steady = task_sets.steady(draft, service, one.id)
    shown: Json = {
        "id": one.id,
        "taskSetArn": draft.arn("ecs", f"task-set/{service.cluster}/{service.name}/{one.id}"),
        "serviceArn": service.arn,
        "clusterArn": draft.clusters[service.cluster].arn,
        "startedBy": "CODE_DEPLOY",
        "externalId": one.external,
        "status": one.status,
        "taskDefinition": one.task_definition,
        "computedDesiredCount": 0 if one.status == "DRAINING" else service.desired,
        "pendingCount": sum(1 for t in mine if t.last in COUNTED_AS_PENDING),
        "runningCount": sum(1 for t in mine if t.last == "RUNNING" and t.wanted == "RUNNING"),
        "createdAt": one.created,
        "updatedAt": one.updated,
        "loadBalancers": [dict(balancer) for balancer in one.balancers],
        "serviceRegistries": [],
        "scale": {"value": 100.0, "unit": "PERCENT"},
        "stabilityStatus": "STEADY_STATE" if steady else "STABILIZING",
        "stabilityStatusAt": one.updated,
        "tags": [],
    }
    return {**shown, **compute.network_shown(service.network), **_where(service)}


def _where(service: Service) -> Json:
    """Either the capacity provider strategy or the launch type, never both (aws.md 9.2)."""
    if service.strategy:
        return {"capacityProviderStrategy": [dict(one) for one in service.strategy]}
    return {"launchType": service.launch}


# ------------------------------------------------------------------------------------------------ service deployments
def list_service_deployments(draft: Draft, params: Json) -> Json:
    """Newest first (aws.md 4.1)."""
    service = _service(draft, params)
    wanted = set(params.get("status") or [])
    rows = [_show_past(service, d, draft) for d in _all(service) if not wanted or d.outcome in wanted]
    brief = ("serviceDeploymentArn", "serviceArn", "clusterArn", "createdAt", "startedAt", "status", "statusReason")
    listed = [
        {**{k: r[k] for k in brief if k in r}, "targetServiceRevisionArn": r["targetServiceRevision"]["arn"]}
        for r in rows
    ]
    return page("serviceDeployments", listed, params, 20)


def describe_service_deployments(draft: Draft, params: Json) -> Json:
    arns = params["serviceDeploymentArns"]
    limit(arns, 20, "serviceDeploymentArns")
    rows = [_show_past(s, d, draft) for s in draft.services.values() for d in _all(s)]
    found = [row for row in rows if row["serviceDeploymentArn"] in arns]
    known = {row["serviceDeploymentArn"] for row in found}
    return {
        "serviceDeployments": found,
        "failures": [{"arn": arn, "reason": "MISSING"} for arn in arns if arn not in known],
    }


def describe_service_revisions(draft: Draft, params: Json) -> Json:
    arns = params["serviceRevisionArns"]
    limit(arns, 20, "serviceRevisionArns")
    found = [
        {
            "serviceRevisionArn": _revision(s, d, draft),
            "serviceArn": s.arn,
            "clusterArn": draft.clusters[s.cluster].arn,
            "taskDefinition": d.task_definition,
            "createdAt": d.created,
        }
        for s in draft.services.values()
        for d in _all(s)
        if _revision(s, d, draft) in arns
    ]
    known = {row["serviceRevisionArn"] for row in found}
    return {"serviceRevisions": found, "failures": [{"arn": a, "reason": "MISSING"} for a in arns if a not in known]}


def _all(service: Service) -> list[Deployment]:
    known = {d.id: d for d in (*service.history, *service.deployments)}
    return sorted(known.values(), key=lambda d: d.created, reverse=True)


def _show_past(service: Service, one: Deployment, draft: Draft) -> Json:
    name = one.id.rsplit("/", 1)[-1]
    shown: Json = {
        "serviceDeploymentArn": draft.arn("ecs", f"service-deployment/{service.cluster}/{service.name}/{name}"),
        "serviceArn": service.arn,
        "clusterArn": draft.clusters[service.cluster].arn,
        "createdAt": one.created,
        "startedAt": one.created,
        "updatedAt": one.updated,
        "status": one.outcome,
        "targetServiceRevision": {"arn": _revision(service, one, draft)},
        "deploymentConfiguration": {
            "maximumPercent": service.max_percent,
            "minimumHealthyPercent": service.min_percent,
        },
    }
    if one.finished:
        shown["finishedAt"] = one.finished
    if one.reason:
        shown["statusReason"] = one.reason
    return shown


def _revision(service: Service, one: Deployment, draft: Draft) -> str:
    return draft.arn("ecs", f"service-revision/{service.cluster}/{service.name}/{one.revision:019d}")


# ------------------------------------------------------------------------------------------------ checks
def _service(draft: Draft, params: Json) -> Service:
    cluster = cluster_of(draft, params)
    found = draft.services.get((cluster.name, short(params["service"])))
    if found is None:
        raise ApiError("ServiceNotFoundException", "Service not found.")
    return found


def _check_balancers(draft: Draft, balancers: Any, definition: Json) -> None:
    for one in balancers:
        group = draft.catalog.target_group(one["targetGroupArn"])
        if not group.used:
            raise invalid(
                f"The target group with targetGroupArn {group.arn} does not have an associated load balancer."
            )
        compute.check_targets(group.arn, group.type, definition)
        _check_port(one, definition)


def _check_registries(registries: Any, definition: Json) -> None:
    """By which port tasks are registered: one of a container, but for addresses of their own (ecs ServiceRegistry)."""
    for one in registries:
        if one.get("containerName") and one.get("containerPort"):
            _check_port(one, definition)
        elif definition["networkMode"] != "awsvpc":
            raise invalid(
                "When specifying 'host' or 'bridge' for networkMode, values for 'containerName' and 'containerPort' "
                "must be specified from the task definition."
            )


def _check_port(one: Json, definition: Json) -> None:
    container = {c["name"]: c for c in definition["containerDefinitions"]}.get(one["containerName"])
    if container is None:
        raise invalid(f"The container {one['containerName']} does not exist in the task definition.")
    if int(one["containerPort"]) not in {int(m["containerPort"]) for m in container.get("portMappings", [])}:
        raise invalid(
            f"The container {one['containerName']} did not have a container port {one['containerPort']} defined."
        )


def _check_controller(controller: str, balancers: tuple[Any, ...], params: Json) -> None:
    """What goes with CodeDeploy (aws.md 4.3): one load balancer, no circuit breaker, replicas."""
    if controller == "ECS":
        return
    if controller != "CODE_DEPLOY":
        raise invalid(f"This sandbox knows no deployment controller {controller}.")
    config = params.get("deploymentConfiguration") or {}
    if len(balancers) != 1:
        raise invalid("A service with a CODE_DEPLOY deployment controller must have exactly one load balancer.")
    if (config.get("deploymentCircuitBreaker") or {}).get("enable") or (config.get("alarms") or {}).get("enable"):
        raise invalid("Deployment circuit breaker feature is only supported with the ECS deployment controller.")
    if params.get("schedulingStrategy") == "DAEMON":
        raise invalid("The daemon scheduling strategy is not supported with the CODE_DEPLOY deployment controller.")


LEFT_TO_ECS = (
    "cluster service desiredCount deploymentConfiguration healthCheckGracePeriodSeconds placementConstraints "
    "placementStrategy enableECSManagedTags propagateTags enableExecuteCommand availabilityZoneRebalancing"
)


def _only_what_is_allowed(params: Json) -> None:
    """All else of a service that CodeDeploy deploys is changed by a deployment (aws.md 4.3)."""
    if params.get("taskDefinition") is not None:
        raise invalid(
            "Unable to update task definition on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy "
            "to trigger a new deployment."
        )
    if other := sorted(name for name, value in params.items() if value is not None and name not in LEFT_TO_ECS.split()):
        raise invalid(f"Cannot update {', '.join(other)} on services with a CODE_DEPLOY deployment controller.")


def _placement(given: Any, what: str) -> tuple[tuple[str, str], ...]:
    return tuple((one["type"], one.get(what, "")) for one in given or ())


def _shown_placement(parts: tuple[tuple[str, str], ...], what: str) -> list[Json]:
    return [{"type": kind, **({what: text} if text else {})} for kind, text in parts]


def _configured(service: Service, given: Json | None) -> Service:
    if not given:
        return service
    breaker = given.get("deploymentCircuitBreaker") or {}
    if (alarms := given.get("alarms")) is not None:
        names = tuple(alarms["alarmNames"]) if alarms.get("enable") else ()
        service = replace(service, alarms=names, alarm_rollback=bool(names) and bool(alarms.get("rollback")))
    return replace(
        service,
        min_percent=int(given.get("minimumHealthyPercent", service.min_percent)),
        max_percent=int(given.get("maximumPercent", service.max_percent)),
        breaker=bool(breaker.get("enable", service.breaker)),
        rollback=bool(breaker.get("rollback", service.rollback)),
    )


ACTIONS: Mapping[str, Callable[[Draft, Json], Any]] = {
    "CreateService": create_service,
    "UpdateService": update_service,
    "DeleteService": delete_service,
    "DescribeServices": describe_services,
    "ListServices": list_services,
    "ListServiceDeployments": list_service_deployments,
    "DescribeServiceDeployments": describe_service_deployments,
    "DescribeServiceRevisions": describe_service_revisions,
}
