"""A document that satisfies the schema, as a `Stack`: defaults filled in, durations parsed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.base.keys import Tags
from controller.spec.build_pools import DEFAULT_IMAGE as DEFAULT_IMAGE
from controller.spec.build_pools import build_pool
from controller.spec.durations import durations
from controller.spec.network import SERVICES
from controller.spec.types import (
    FARGATE,
    FARGATE_SPOT,
    AccessLogs,
    Alarms,
    Capacity,
    Cluster,
    ContainerHealth,
    ContainerImage,
    Deployment,
    Fargate,
    Gates,
    Health,
    Listener,
    LoadBalancer,
    Network,
    NoData,
    Placement,
    Probe,
    Repository,
    Route,
    Scaling,
    Service,
    Sidecar,
    Stack,
    Stickiness,
    TaskRole,
    Volume,
)

Json = Mapping[str, Any]


def build(data: Json, source: str, digest: str) -> Stack:
    """The stack that *data* describes. A mapping may lack all entries: what that means is for others to say."""
    pools = tuple(build_pool(name, one) for name, one in sorted(data.get("hosts", {}).items()))
    balancer = data.get("load_balancer")
    named = sorted((balancer or {}).get("listeners", {}).items())
    listeners = [name for name, one in named if not one.get("redirect")]
    services = sorted(data.get("services", {}).items())
    return Stack(
        name=data["stack"],
        region=data["region"],
        network=_network(data["network"]),
        load_balancer=_balancer(balancer) if balancer is not None else None,
        cluster=_cluster(data.get("cluster") or {}),
        pools=pools,
        services=tuple(_service(name, one, pools[0].name if pools else "", listeners[:1]) for name, one in services),
        repositories=tuple(
            Repository(name=name, **{**(one or {}), **durations(one or {}, "expire_untagged")})
            for name, one in sorted(data.get("registry", {}).items())
        ),
        gates=_gates(data.get("gates") or {}),
        tags=pairs(data.get("tags")),
        cost_allocation_tags=tuple(data.get("cost_allocation_tags", ())),
        account=data.get("account"),
        names=pairs(data.get("names")),
        drift=pairs(data.get("drift")),
        source=source,
        digest=digest,
    )


def pairs(mapping: Json | None) -> Tags:
    return tuple(sorted((mapping or {}).items()))


def _network(data: Json) -> Network:
    public, zones = _subnets(data.get("public_subnets", ()))
    private, private_zones = _subnets(data.get("private_subnets", ()))
    vpc = data.get("vpc", "")
    nat = data.get("nat", "single" if private and not vpc else "none")
    endpoints = tuple(name for name in SERVICES if name in data.get("endpoints", ()))
    return Network(data.get("cidr", ""), public, zones, private, private_zones, nat, endpoints, vpc)


def _subnets(given: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The blocks (or ids) of subnets, and their zones where any is named."""
    subnets = [{"cidr": one} if isinstance(one, str) else one for one in given]
    zones = tuple(one.get("zone", "") for one in subnets)
    return tuple(one["cidr"] for one in subnets), zones if any(zones) else ()


def _balancer(data: Json) -> LoadBalancer:
    listeners = tuple(
        Listener(name=name, **{**one, "certificates": tuple(sorted(one.get("certificates", ())))})
        for name, one in sorted(data["listeners"].items())
    )
    plain = {key: data[key] for key in ("scheme", "deletion_protection", "drop_invalid_headers") if key in data}
    return LoadBalancer(
        tuple(data.get("allow", ["0.0.0.0/0"])),
        listeners,
        access_logs=AccessLogs(**data["access_logs"]) if "access_logs" in data else None,
        **plain,
        **durations(data, "idle_timeout"),
    )


def _cluster(data: Json) -> Cluster:
    plain = {key: value for key, value in data.items() if key != "execute_command"}
    return Cluster(**plain, exec_log=(data.get("execute_command") or {}).get("logging", "default"))


PLAIN = ("cpu", "memory", "port", "log_on_destroy", "algorithm", "daemon", "memory_reservation", "execute_command")


def _service(name: str, data: Json, pool: str, listeners: list[str]) -> Service:
    image = data["image"]
    capacity = tuple(Capacity(**one) for one in data.get("capacity") or ())
    serverless = any(one.provider in {FARGATE, FARGATE_SPOT} for one in capacity)
    fargate = Fargate(**(data.get("fargate") or {})) if "fargate" in data or serverless else None
    elsewhere = fargate is not None or bool(capacity)
    return Service(
        name=name,
        pool=data.get("pool", "" if elsewhere else pool),
        desired=data.get("desired", 0),
        image=ContainerImage(reference=image) if isinstance(image, str) else ContainerImage(**image),
        environment=pairs(data.get("environment")),
        secrets=pairs(data.get("secrets")),
        command=tuple(data.get("command", ())),
        route=_route(data["route"], listeners) if data.get("route") else None,
        health=_health(data.get("health") or {}),
        deployment=_deployment(data.get("deployment") or {}, daemon=data.get("daemon", False)),
        stickiness=_stickiness(data["stickiness"]) if "stickiness" in data else None,
        fargate=fargate,
        capacity=capacity,
        network_mode=data.get("network_mode", "bridge" if fargate is None else "awsvpc"),
        container_health=_container_health(data.get("container_health") or {}),
        sidecars=tuple(_sidecar(each, one) for each, one in sorted((data.get("sidecars") or {}).items())),
        depends_on=pairs(data.get("depends_on")),
        volumes=tuple(Volume(each, **one) for each, one in sorted((data.get("volumes") or {}).items())),
        task_role=_task_role(data.get("task_role") or {}),
        placement=_placement(data.get("placement") or {}),
        scaling=_scaling(data["scaling"]) if data.get("scaling") else None,
        **{key: data[key] for key in PLAIN if key in data},
        **durations(data, "deregistration_delay", "slow_start", "stop_timeout", "log_retention"),
    )


def _deployment(data: Json, *, daemon: bool) -> Deployment:
    """A daemon's tasks go before they come: at most one a host (aws.md 1.4)."""
    alarms = dict(data.get("alarms") or {})
    known: Json = {"min_percent": 0, "max_percent": 100} if daemon else {}
    if data.get("strategy") == "codedeploy":
        known = {**known, "circuit_breaker": False}
    if alarms:
        alarms["names"] = tuple(sorted(alarms.get("names", ())))
    return Deployment(**{**known, **data, "alarms": Alarms(**alarms), **durations(data, "keep")})


def _container_health(data: Json) -> ContainerHealth:
    times = durations(data, "interval", "timeout", "start_period")
    return ContainerHealth(**{**data, **times, "command": tuple(data.get("command", ()))})


def _sidecar(name: str, data: Json) -> Sidecar:
    mappings = {key: pairs(data.get(key)) for key in ("environment", "secrets", "depends_on")}
    return Sidecar(name, **{**data, **mappings, "command": tuple(data.get("command", ()))})


def _task_role(data: Json | str) -> TaskRole:
    return TaskRole(arn=data) if isinstance(data, str) else TaskRole(policies=tuple(sorted(data.get("policies", ()))))


def _scaling(data: Json) -> Scaling:
    return Scaling(**{**data, **durations(data, "scale_in_cooldown", "scale_out_cooldown")})


def _placement(data: Json) -> Placement:
    strategies = data.get("strategies")
    parted = None if strategies is None else tuple(_parted(one) for one in strategies)
    return Placement(parted, tuple(sorted(_parted(one) for one in data.get("constraints", ()))))


def _parted(text: str) -> tuple[str, str]:
    """``spread:instanceId`` as (type, what)."""
    kind, _, rest = text.partition(":")
    return kind, rest


def _route(data: Json, listeners: list[str]) -> Route:
    listener = data.get("listener", listeners[0] if listeners else "")
    return Route(listener, data["priority"], _several(data.get("path")), _several(data.get("host")))


def _health(data: Json) -> Health:
    return Health(**{**data, **durations(data, "interval", "timeout", "grace")})


def _stickiness(data: Json) -> Stickiness:
    return Stickiness(**{**data, **durations(data, "duration")})


def _gates(data: Json) -> Gates:
    no_data = dict(data.get("no_data") or {})
    return Gates(
        probe=Probe(**data["probe"]) if data.get("probe") else None,
        alarms=tuple(sorted(data.get("alarms", ()))),
        no_data=NoData(**{**no_data, **durations(no_data, "wait")}),
    )


def _several(value: str | list[str] | None) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)
