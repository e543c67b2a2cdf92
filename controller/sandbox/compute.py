"""What ECS refuses about where tasks run: launch types, strategies, network modes, Fargate's limits. Pure.

moto takes all of it (reference/moto.md sections 9 and 12).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from controller.sandbox.world import ApiError, Cluster, Draft, Json, Network

SERVERLESS = {"FARGATE", "FARGATE_SPOT"}
STOP_MAX = 120  # seconds (aws.md 1.3)
SIZES: Mapping[int, Iterable[int]] = {  # CPU units -> MiB (ECS developer guide, "Task size")
    256: (512, 1024, 2048),
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024),
    8192: range(16384, 61441, 4096),
    16384: range(32768, 122881, 8192),
}


def _client(message: str) -> ApiError:
    return ApiError("ClientException", message)


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidParameterException", message)


# ------------------------------------------------------------------------------------------------ task definitions
def check_definition(params: Json) -> None:
    """Raise what RegisterTaskDefinition answers to a definition that cannot run (aws.md 4.3)."""
    mode, containers = params.get("networkMode") or "bridge", params["containerDefinitions"]
    names = [one.get("name") for one in containers]
    if len(set(names)) < len(names):
        raise _client("Container names must be unique within a task definition.")
    for container in containers:
        for one in container.get("portMappings") or []:
            outside = one.get("hostPort")
            if mode != "bridge" and outside and int(outside) != int(one["containerPort"]):
                raise _client(
                    f"When networkMode={mode}, the host ports and container ports in port mappings must match."
                )
        for one in container.get("dependsOn") or []:
            other = next((c for c in containers if c.get("name") == one["containerName"]), None)
            if other is None:
                raise _client(f"Container {container['name']} depends on {one['containerName']}, which is not defined.")
            if one["condition"] in {"COMPLETE", "SUCCESS"} and other.get("essential", True):
                raise _client(f"{one['condition']} can't be set on the essential container {other['name']}.")
            if one["condition"] == "HEALTHY" and not other.get("healthCheck"):
                raise _client(f"HEALTHY requires a health check of container {other['name']}.")
    if "FARGATE" in (params.get("requiresCompatibilities") or []):
        _check_serverless(params, mode)


def _check_serverless(params: Json, mode: str) -> None:
    if mode != "awsvpc":
        raise _client("Fargate only supports network mode ‘awsvpc’.")
    for amount in ("cpu", "memory"):
        if not params.get(amount):
            raise _client(f"Fargate requires that '{amount}' be defined at the task level.")
    cpu, memory = int(params["cpu"]), int(params["memory"])
    if memory not in SIZES.get(cpu, ()):
        raise _client(
            f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS "
            "documentation for the valid values."
        )
    for container in params["containerDefinitions"]:
        driver = (container.get("logConfiguration") or {}).get("logDriver")
        if driver == "awslogs" and not params.get("executionRoleArn"):
            raise _client("Fargate requires task definition to have execution role ARN to support log driver awslogs.")
        if int(container.get("stopTimeout") or 0) > STOP_MAX:
            raise _client(f"Fargate supports a stopTimeout of at most {STOP_MAX} seconds.")
    if any((one.get("host") or {}).get("sourcePath") for one in params.get("volumes") or []):
        raise _client("Fargate compatible task definitions do not support sourcePath.")


# ------------------------------------------------------------------------------------------------ services
def strategy_of(cluster: Cluster, params: Json) -> list[Json]:
    """The strategy asked for, or the cluster's default when neither it nor a launch type is (aws.md 9.2)."""
    given = params.get("capacityProviderStrategy") or ([] if params.get("launchType") else list(cluster.strategy))
    for one in given:
        if one["capacityProvider"] not in cluster.providers:
            raise _invalid(
                "The capacity provider strategy contains a capacity provider that is not associated with the cluster. "
                "Associate the capacity provider with the cluster and try again."
            )
    if len([one for one in given if one.get("base")]) > 1:
        raise _invalid("Only one capacity provider in a strategy can have a base defined.")
    if len(given) > 1 and not any(one.get("weight") for one in given):
        raise _invalid("At least one capacity provider in a strategy must have a weight greater than zero.")
    return [{"weight": 0, "base": 0, **one} for one in given]


def launch_of(strategy: Iterable[Json], params: Json) -> str:
    """EC2 or FARGATE: a strategy holds providers of one sort (aws.md 4.3)."""
    sorts = {one["capacityProvider"] in SERVERLESS for one in strategy}
    if len(sorts) > 1:
        raise _invalid("A capacity provider strategy cannot contain both Fargate and Auto Scaling group providers.")
    if sorts:
        return "FARGATE" if sorts == {True} else "EC2"
    return str(params.get("launchType") or "EC2")


def network_of(params: Json) -> Network | None:
    given = (params.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if not given:
        return None
    public = given.get("assignPublicIp") == "ENABLED"
    return Network(tuple(given["subnets"]), tuple(given.get("securityGroups") or ()), public)


def network_shown(network: Network | None) -> Json:
    """As it reads back, defaults filled in (aws.md 9.2); nothing where there is none."""
    if network is None:
        return {}
    configuration = {
        "subnets": list(network.subnets),
        "securityGroups": list(network.groups),
        "assignPublicIp": "ENABLED" if network.public else "DISABLED",
    }
    return {"networkConfiguration": {"awsvpcConfiguration": configuration}}


def check_place(draft: Draft, launch: str, network: Network | None, definition: Json, params: Json) -> None:
    """Raise what CreateService and UpdateService answer when launch type, network and definition do not go together."""
    mode = definition["networkMode"]
    if mode == "awsvpc" and network is None:
        raise _invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    if mode != "awsvpc" and network is not None:
        raise _invalid("Network Configuration is not valid for the given networkMode of this task definition.")
    for subnet in network.subnets if network is not None else ():
        try:
            draft.catalog.zone(subnet)
        except ApiError as error:
            raise _invalid(f"The subnet ID '{subnet}' does not exist") from error
    required = definition["requiresCompatibilities"]
    if launch == "FARGATE" and "FARGATE" not in required:
        raise _invalid("Task definition does not support launch_type FARGATE.")
    if launch == "EC2" and required == ["FARGATE"]:
        raise _invalid("Task definition does not support launch_type EC2.")
    if launch == "FARGATE":
        for key, words in (("placementStrategy", "strategies"), ("placementConstraints", "constraints")):
            if params.get(key):
                raise _invalid(f"Placement {words} are not supported with FARGATE launch type.")
        if params.get("schedulingStrategy") == "DAEMON":
            raise _invalid("The daemon scheduling strategy is not supported with FARGATE launch type.")
    elif network is not None and network.public:
        raise _invalid("Assign public IP is not supported for this launch type.")
    elif params.get("platformVersion"):
        raise _invalid("The platform version must be null when specifying an EC2 launch type.")


def check_daemon(params: Json) -> None:
    """A daemon has no count and no strategies, and stops before it starts (aws.md 1.4)."""
    if params.get("desiredCount") is not None:
        raise _invalid("The daemon scheduling strategy does not support a desired count for services.")
    if params.get("placementStrategy"):
        raise _invalid("The daemon scheduling strategy does not support placement strategies.")
    given: Any = params.get("deploymentConfiguration") or {}
    if int(given.get("maximumPercent", 100)) != 100:
        raise _invalid("The daemon scheduling strategy supports only a maximumPercent of 100.")


def check_targets(group: str, kind: str, definition: Json) -> None:
    """Tasks with addresses of their own are registered by them, others by their host (aws.md 4.3)."""
    mode = definition["networkMode"]
    if (mode == "awsvpc") != (kind == "ip"):
        raise _invalid(
            f"The provided target group {group} has target type {kind}, which is incompatible with the {mode} network "
            "mode specified in the task definition."
        )
