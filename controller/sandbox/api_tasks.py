"""The ECS API in front of the world: task definitions, tasks, and tags of everything ECS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from controller.sandbox import compute
from controller.sandbox import tasks as life
from controller.sandbox.api_ecs import client_error, cluster_of, invalid, limit, page, short, tag_list, tag_map
from controller.sandbox.placement import bind, candidates, demand, free, provider_for
from controller.sandbox.world import ApiError, Draft, Interface, Json, Task

RUN_MAX = 10  # tasks per RunTask (aws.md 6.1)
HEALTH_DEFAULTS = {"interval": 30, "timeout": 5, "retries": 3}


# ------------------------------------------------------------------------------------------------ task definitions
def register_task_definition(draft: Draft, params: Json) -> Json:
    """Always a new revision, even of equal content (aws.md 5.1); defaults filled in as ECS does (9.1)."""
    family, containers = params["family"], params.get("containerDefinitions") or []
    if not containers:
        raise client_error("Container list cannot be empty.")
    for container in containers:
        if not container.get("memory") and not container.get("memoryReservation") and not params.get("memory"):
            raise client_error(
                f"Invalid setting for container '{container.get('name')}'. At least one of 'memory' or "
                "'memoryReservation' must be specified."
            )
    compute.check_definition(params)
    number = 1 + max((d["revision"] for d in draft.definitions.values() if d["family"] == family), default=0)
    mode = params.get("networkMode") or "bridge"
    kept = ("taskRoleArn", "executionRoleArn", "cpu", "memory", "pidMode", "ipcMode", "runtimePlatform")
    definition: Json = {
        "taskDefinitionArn": draft.arn("ecs", f"task-definition/{family}:{number}"),
        "containerDefinitions": [_filled(container, mode) for container in containers],
        "family": family,
        "networkMode": mode,
        "revision": number,
        "volumes": params.get("volumes") or [],
        "status": "ACTIVE",
        "requiresAttributes": [{"name": "com.amazonaws.ecs.capability.docker-remote-api.1.19"}],
        "placementConstraints": params.get("placementConstraints") or [],
        "compatibilities": ["EC2", "FARGATE"]
        if "FARGATE" in (params.get("requiresCompatibilities") or [])
        else [
            "EXTERNAL",
            "EC2",
        ],
        "requiresCompatibilities": params.get("requiresCompatibilities") or [],
        "registeredAt": draft.now,
        "registeredBy": f"arn:aws:iam::{draft.world.account}:root",
        **{key: params[key] for key in kept if params.get(key)},
    }
    draft.definitions[definition["taskDefinitionArn"]] = {**definition, "_tags": tag_map(params.get("tags"))}
    return {"taskDefinition": definition, "tags": params.get("tags") or []}


def find_definition(draft: Draft, name: str) -> Json:
    """The definition an arn, ``family:revision`` or ``family`` (newest ACTIVE) names."""
    wanted = short(name)
    for definition in draft.definitions.values():
        if f"{definition['family']}:{definition['revision']}" == wanted:
            return definition
    active = [d for d in draft.definitions.values() if d["family"] == wanted and d["status"] == "ACTIVE"]
    if not active:
        raise client_error("Unable to describe task definition.")
    return max(active, key=lambda d: int(d["revision"]))


def describe_task_definition(draft: Draft, params: Json) -> Json:
    found = find_definition(draft, params["taskDefinition"])
    answer: Json = {"taskDefinition": _public(found)}
    if "TAGS" in params.get("include", []):
        answer["tags"] = tag_list(found["_tags"])
    return answer


def list_task_definitions(draft: Draft, params: Json) -> Json:
    prefix, status = params.get("familyPrefix"), params.get("status") or "ACTIVE"
    found = [d for d in draft.definitions.values() if d["status"] == status and prefix in {None, d["family"]}]
    found.sort(key=lambda d: (d["family"], d["revision"]), reverse=params.get("sort") == "DESC")
    return page("taskDefinitionArns", [d["taskDefinitionArn"] for d in found], params, 100)


def list_task_definition_families(draft: Draft, params: Json) -> Json:
    """A real prefix, where ListTaskDefinitions takes the whole name; without a status, or with ALL, every family."""
    prefix, status = params.get("familyPrefix") or "", params.get("status")
    wanted = {"ACTIVE", "INACTIVE"} if status in {None, "ALL"} else {status}
    active = {d["family"] for d in draft.definitions.values() if d["status"] == "ACTIVE"}
    known = {d["family"] for d in draft.definitions.values() if d["family"].startswith(prefix)}
    found = [name for name in sorted(known) if ("ACTIVE" if name in active else "INACTIVE") in wanted]
    return page("families", found, params, 100)


def deregister_task_definition(draft: Draft, params: Json) -> Json:
    found = find_definition(draft, params["taskDefinition"])
    gone = {**found, "status": "INACTIVE", "deregisteredAt": draft.now}
    draft.definitions[found["taskDefinitionArn"]] = gone
    return {"taskDefinition": _public(gone)}


def _public(definition: Json) -> Json:
    return {key: value for key, value in definition.items() if key != "_tags"}


def _filled(container: Json, mode: str) -> Json:
    filled = {
        "cpu": 0,
        "essential": True,
        "environment": [],
        "mountPoints": [],
        "volumesFrom": [],
        "systemControls": [],
        **{key: value for key, value in container.items() if value is not None},
    }
    filled["portMappings"] = [
        {"protocol": "tcp", "hostPort": 0 if mode == "bridge" else int(m["containerPort"]), **m}
        for m in container.get("portMappings") or []
    ]
    if container.get("healthCheck"):
        filled["healthCheck"] = {**HEALTH_DEFAULTS, **container["healthCheck"]}
    return filled


# ------------------------------------------------------------------------------------------------ tasks
def list_tasks(draft: Draft, params: Json) -> Json:
    """desiredStatus RUNNING unless said otherwise; PENDING always finds nothing (aws.md 1.2)."""
    cluster, wanted = cluster_of(draft, params), params.get("desiredStatus") or "RUNNING"
    service, node = params.get("serviceName"), params.get("containerInstance")
    if service and (cluster.name, short(service)) not in draft.services:
        raise ApiError("ServiceNotFoundException", "Service not found.")
    found = [
        task.arn
        for task in draft.tasks.values()
        if task.cluster == cluster.name
        and task.wanted == wanted
        and (not service or task.service == short(service))
        and (not node or short(task.node) == short(node))
        and params.get("startedBy") in {None, task.started_by}
        and params.get("family") in {None, _family(draft, task)}
    ]
    return page("taskArns", found, params, 100)


def describe_tasks(draft: Draft, params: Json) -> Json:
    """At most a hundred; those that are not there, or were cleaned up, are failures[] (aws.md 6.3)."""
    cluster = cluster_of(draft, params)
    limit(params["tasks"], 100, "Tasks")
    if not params["tasks"]:
        raise invalid("Tasks cannot be empty.")
    by_id = {short(task.arn): task for task in draft.tasks.values() if task.cluster == cluster.name}
    found = [by_id[short(arn)] for arn in params["tasks"] if short(arn) in by_id]
    failures = [{"arn": arn, "reason": "MISSING"} for arn in params["tasks"] if short(arn) not in by_id]
    return {"tasks": [show_task(draft, task) for task in found], "failures": failures}


def stop_task(draft: Draft, params: Json) -> Json:
    """SIGTERM without deregistration first: the trap of aws.md 1.3."""
    cluster_of(draft, params)
    task = next((t for t in draft.tasks.values() if short(t.arn) == short(params["task"])), None)
    if task is None:
        raise invalid("The referenced task was not found.")
    if task.open and task.wanted == "RUNNING":
        life.stop(draft, task, "UserInitiated", params.get("reason") or "Task stopped by user", abrupt=True)
    return {"task": show_task(draft, draft.tasks[task.arn])}


def run_task(draft: Draft, params: Json) -> Json:
    """Standalone tasks on EC2 hosts, each on the first host it fits; an unplaceable one is a failure (aws.md 4).

    A capacity provider strategy chooses among providers as a service's does, over the tasks of this call (aws.md 4.3).
    """
    cluster = cluster_of(draft, params)
    if params.get("launchType") and params.get("capacityProviderStrategy"):
        raise invalid("Specifying both a launch type and capacity provider strategy is not supported.")
    if not 1 <= int(params.get("count") or 1) <= RUN_MAX:
        raise invalid(f"count must be between 1 and {RUN_MAX}.")
    strategy = compute.strategy_of(cluster, params)
    if compute.launch_of(strategy, params) == "FARGATE":
        raise invalid("the sandbox runs standalone tasks on hosts only; see README, limits")
    definition = find_definition(draft, params["taskDefinition"])
    need = demand(definition)
    made: list[Task] = []
    failures: list[Json] = []
    if need.interfaces:
        raise invalid("the sandbox runs standalone tasks in bridge and host mode only; see README, limits")
    for _ in range(int(params.get("count") or 1)):
        provider = provider_for(strategy, made)
        for node in candidates(draft, cluster.name, provider):
            cpu, memory, taken = free(draft, node)
            if need.cpu <= cpu and need.memory <= memory and not taken & set(need.static_ports):
                placed, ports = bind(node, need, taken)
                draft.nodes[node.arn] = placed
                task = life.start(
                    draft,
                    cluster.name,
                    placed,
                    definition,
                    ports,
                    cpu=need.cpu,
                    memory=need.memory,
                    static=need.static_ports,
                    group=params.get("group", ""),
                    started_by=params.get("startedBy", ""),
                    provider=provider or "",
                )
                made.append(task)
                break
        else:
            failures.append({"arn": "", "reason": "RESOURCE:MEMORY"})
    return {"tasks": [show_task(draft, task) for task in made], "failures": failures}


def show_task(draft: Draft, task: Task) -> Json:
    definition = draft.definitions[task.task_definition]
    health = life.container_health(draft, task) or "UNKNOWN"
    shown: Json = {
        "taskArn": task.arn,
        "clusterArn": draft.clusters[task.cluster].arn,
        "taskDefinitionArn": task.task_definition,
        "group": task.group,
        "launchType": "FARGATE" if task.serverless else "EC2",
        "lastStatus": task.last,
        "desiredStatus": task.wanted,
        "startedBy": task.started_by,
        "cpu": str(task.cpu),
        "memory": str(task.memory),
        "createdAt": task.created,
        "availabilityZone": task.zone,
        "connectivity": "CONNECTED",
        "healthStatus": health,
        "containers": [_container(task, one, health) for one in definition["containerDefinitions"]],
        "attachments": [_attachment(task, task.interface)] if task.interface else [],
        "overrides": {"containerOverrides": [], "inferenceAcceleratorOverrides": []},
        "tags": tag_list(task.tags),
        "version": 1,
    }
    moments = {"startedAt": task.started, "stoppingAt": task.stopping, "stoppedAt": task.stopped}
    shown |= {key: value for key, value in moments.items() if value is not None}
    if task.stop_code:
        shown |= {"stopCode": task.stop_code, "stoppedReason": task.reason}
    if task.node:
        shown["containerInstanceArn"] = task.node
    else:
        shown |= {"platformVersion": "1.4.0", "platformFamily": "Linux"}
    if task.provider:
        shown["capacityProviderName"] = task.provider
    return shown


def _container(task: Task, container: Json, health: str) -> Json:
    mine = {int(one["containerPort"]) for one in container.get("portMappings") or []}
    shown: Json = {
        "containerArn": f"{task.arn.replace(':task/', ':container/')}/{container['name']}",
        "taskArn": task.arn,
        "name": container["name"],
        "image": container["image"],
        "lastStatus": task.last if task.last in {"PENDING", "RUNNING", "STOPPED"} else "PENDING",
        "networkBindings": [
            {"bindIP": "0.0.0.0", "containerPort": inside, "hostPort": outside, "protocol": "tcp"}
            for inside, outside in task.ports
            if task.started is not None and task.interface is None and inside in mine
        ],
        "networkInterfaces": [],
        "healthStatus": health if container.get("healthCheck") else "UNKNOWN",
        "cpu": str(container.get("cpu", 0)),
    }
    shown |= {key: str(container[key]) for key in ("memory", "memoryReservation") if container.get(key)}
    if task.interface is not None:
        shown["networkInterfaces"] = [{"attachmentId": task.interface.id, "privateIpv4Address": task.interface.address}]
    if task.exit_code is not None:
        shown["exitCode"] = task.exit_code
    return shown


def _attachment(task: Task, interface: Interface) -> Json:
    """The interface with its addresses; it stays on a task that has stopped."""
    details = {
        "subnetId": interface.subnet,
        "networkInterfaceId": interface.id,
        "privateIPv4Address": interface.address,
    }
    return {
        "id": interface.id,
        "type": "ElasticNetworkInterface",
        "status": "DELETED" if task.last == "STOPPED" else "ATTACHED" if task.started else "ATTACHING",
        "details": [{"name": name, "value": value} for name, value in details.items()],
    }


def _family(draft: Draft, task: Task) -> str:
    return str(draft.definitions[task.task_definition]["family"])


# ------------------------------------------------------------------------------------------------ tags
def tag_resource(draft: Draft, params: Json) -> Json:
    return _retag(draft, params["resourceArn"], lambda tags: {**tags, **tag_map(params.get("tags"))})


def untag_resource(draft: Draft, params: Json) -> Json:
    gone = set(params["tagKeys"])
    return _retag(draft, params["resourceArn"], lambda tags: {k: v for k, v in tags.items() if k not in gone})


def list_tags_for_resource(draft: Draft, params: Json) -> Json:
    table, key = _tagged(draft, params["resourceArn"])
    one: Any = table[key]
    return {"tags": tag_list(one["_tags"] if isinstance(one, dict) else one.tags)}


def _retag(draft: Draft, arn: str, change: Callable[[Mapping[str, str]], Mapping[str, str]]) -> Json:
    table, key = _tagged(draft, arn)
    one: Any = table[key]
    if isinstance(one, dict):
        table[key] = {**one, "_tags": dict(change(one["_tags"]))}
    else:
        table[key] = replace(one, tags=dict(change(one.tags)))
    return {}


def _tagged(draft: Draft, arn: str) -> tuple[dict[Any, Any], Any]:
    """The table and key of the resource an arn names."""
    tables: list[dict[Any, Any]] = [
        draft.clusters, draft.services, draft.providers, draft.tasks, draft.definitions,
    ]  # fmt: skip
    for table in tables:
        for key, one in table.items():
            own = one["taskDefinitionArn"] if isinstance(one, dict) else one.arn
            if own == arn:
                return table, key
    raise (
        invalid("The specified resource could not be found.")
        if arn.startswith("arn:")
        else ApiError("InvalidParameterException", "Invalid identifier: Identifier must be an ARN.")
    )


ACTIONS: Mapping[str, Callable[[Draft, Json], Any]] = {
    "RegisterTaskDefinition": register_task_definition,
    "DescribeTaskDefinition": describe_task_definition,
    "ListTaskDefinitions": list_task_definitions,
    "ListTaskDefinitionFamilies": list_task_definition_families,
    "DeregisterTaskDefinition": deregister_task_definition,
    "ListTasks": list_tasks,
    "DescribeTasks": describe_tasks,
    "StopTask": stop_task,
    "RunTask": run_task,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags_for_resource,
}
