"""What others attach to a service and no spec can say: service discovery, Service Connect, VPC Lattice, EBS volumes.

An update leaves all of it alone. A service that takes the place of another has it only if it is told: what a second
service may have beside the first, and with other tasks, it takes over; what it may not is said before anything moves.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from controller.base.keys import Tags

REGISTRIES, CONNECT = "serviceRegistries", "serviceConnectConfiguration"
LATTICE, VOLUMES = "vpcLatticeConfigurations", "volumeConfigurations"
OFF = {  # how `aws ecs update-service` takes each of them off
    REGISTRIES: "--service-registries '[]'",
    CONNECT: "--service-connect-configuration enabled=false",
    LATTICE: "--vpc-lattice-configurations '[]'",
    VOLUMES: "--volume-configurations '[]'",
}


def attached_in(service: Mapping[str, Any]) -> Tags:
    """(parameter of CreateService, its value as JSON) of what DescribeServices shows, most of it in the deployment."""
    primary: Mapping[str, Any] = next(
        (one for one in service.get("deployments", []) if one.get("status") == "PRIMARY"), {}
    )
    connect = primary.get(CONNECT) or {}
    found = {
        REGISTRIES: service.get(REGISTRIES),
        CONNECT: connect if connect.get("enabled") else None,
        LATTICE: primary.get(LATTICE),
        VOLUMES: primary.get(VOLUMES),
    }
    return tuple((name, json.dumps(value, sort_keys=True)) for name, value in found.items() if value)


def request(attached: Tags) -> dict[str, Any]:
    return {name: json.loads(text) for name, text in attached}


def held(attached: Tags, listens: Collection[tuple[str, int]], *, addressed: bool) -> str:
    """Why a successor cannot have *attached*, and what to do; "" when it can. Its tasks have addresses of their own if
    *addressed*; *listens*: (container, port)."""
    told = request(attached)
    ways = (
        (REGISTRIES, [_unregistered(one, listens, addressed) for one in told.get(REGISTRIES, [])]),
        (CONNECT, _known(told.get(CONNECT, {}).get("services", []))),
        # ports and volumes are named in a task definition, and none of ours does
        (LATTICE, ["VPC Lattice asks it at a port with a name"] if LATTICE in told else []),
        (VOLUMES, [f"its tasks get a volume {one['name']}" for one in told.get(VOLUMES, [])]),
    )
    return "; ".join(
        f"{why}, which its successor cannot have: take that off (aws ecs update-service {OFF[name]})"
        for name, whys in ways
        for why in whys
        if why
    )


def _unregistered(registry: Mapping[str, Any], listens: Collection[tuple[str, int]], addressed: bool) -> str:
    """Without addresses of their own tasks are found by a container and its port, or not at all
    (ecs ServiceRegistry.containerName)."""
    name = registry["registryArn"].rsplit("/", 1)[-1]
    container, port = registry.get("containerName"), registry.get("containerPort")
    if not container or not port:
        return "" if addressed else f"service discovery ({name}) has addresses of its tasks"
    return "" if (container, port) in listens else f"service discovery ({name}) has port {port} of its {container}"


def _known(services: Iterable[Mapping[str, Any]]) -> list[str]:
    """A name is unique in its namespace (ecs ServiceConnectService.discoveryName). One that only asks has none."""
    return [f"Service Connect knows it as {one.get('discoveryName') or one['portName']}" for one in services]
