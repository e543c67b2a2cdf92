"""A document that satisfies the schema, as a `Stack`: defaults filled in, durations parsed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from controller.base.keys import Tags
from controller.spec.types import (
    FARGATE,
    FARGATE_SPOT,
    Alarms,
    Capacity,
    Cluster,
    ContainerHealth,
    ContainerImage,
    Deployment,
    Fargate,
    Gates,
    Health,
    Image,
    Listener,
    LoadBalancer,
    Network,
    NoData,
    Placement,
    Pool,
    Probe,
    Repository,
    Rollout,
    Route,
    Scaling,
    Service,
    Sidecar,
    Size,
    Stack,
    TaskRole,
    Volume,
)

DEFAULT_IMAGE = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST = 36500 * 86400  # a hundred years; every check says less, and no arithmetic overflows
PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")

Json = Mapping[str, Any]


def duration(text: str) -> timedelta:
    """The length that ``1h30m`` spells.

    >>> duration("1m30s")
    datetime.timedelta(seconds=90)
    """
    return timedelta(seconds=min(LONGEST, sum(float(number) * UNITS[unit] for number, unit in PART.findall(text))))


def build(data: Json, source: str, digest: str) -> Stack:
    """The stack that *data* describes. A mapping may lack all entries: what that means is for others to say."""
    pools = tuple(_pool(name, one) for name, one in sorted(data.get("hosts", {}).items()))
    balancer = data.get("load_balancer")
    listeners = sorted((balancer or {}).get("listeners", {}))
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
            Repository(name=name, **{**(one or {}), **_durations(one or {}, "expire_untagged")})
            for name, one in sorted(data.get("registry", {}).items())
        ),
        gates=_gates(data.get("gates") or {}),
        tags=pairs(data.get("tags")),
        account=data.get("account"),
        names=pairs(data.get("names")),
        source=source,
        digest=digest,
    )


def pairs(mapping: Json | None) -> Tags:
    return tuple(sorted((mapping or {}).items()))


def _network(data: Json) -> Network:
    subnets = [{"cidr": one} if isinstance(one, str) else one for one in data["public_subnets"]]
    zones = tuple(one.get("zone", "") for one in subnets)
    return Network(data["cidr"], tuple(one["cidr"] for one in subnets), zones if any(zones) else ())


def _balancer(data: Json) -> LoadBalancer:
    listeners = tuple(Listener(name, one["port"]) for name, one in sorted(data["listeners"].items()))
    return LoadBalancer(tuple(data.get("allow", ["0.0.0.0/0"])), listeners, **_durations(data, "idle_timeout"))


def _pool(name: str, data: Json) -> Pool:
    image, rollout = data.get("image", {}), dict(data.get("rollout") or {})
    rollout |= _durations(rollout, "ready_timeout", "drain_timeout", "bake")
    draining = data.get("managed_draining", True)
    return Pool(
        name=name,
        instance_type=data["instance_type"],
        image=Image(id=image) if isinstance(image, str) else _image(image),
        size=Size(**data["size"]),
        rollout=Rollout(**rollout),
        user_data=data.get("user_data", ""),
        security_groups=tuple(data.get("security_groups", ())),
        managed_draining=draining if isinstance(draining, bool) else draining["enabled"],
    )


def _image(data: Json) -> Image:
    chosen = {} if data.get("id") or data.get("ssm") else {"ssm": DEFAULT_IMAGE}
    return Image(**{**data, **chosen})


def _cluster(data: Json) -> Cluster:
    plain = {key: value for key, value in data.items() if key != "execute_command"}
    return Cluster(**plain, exec_log=(data.get("execute_command") or {}).get("logging", "default"))


PLAIN = ("cpu", "memory", "port", "log_on_destroy", "daemon", "memory_reservation", "execute_command")


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
        **_durations(data, "deregistration_delay", "stop_timeout", "log_retention"),
    )


def _deployment(data: Json, *, daemon: bool) -> Deployment:
    """A daemon's tasks go before they come: at most one a host (aws.md 1.4)."""
    alarms = dict(data.get("alarms") or {})
    known = {"min_percent": 0, "max_percent": 100} if daemon else {}
    if alarms:
        alarms["names"] = tuple(sorted(alarms.get("names", ())))
    return Deployment(**{**known, **data, "alarms": Alarms(**alarms)})


def _container_health(data: Json) -> ContainerHealth:
    times = _durations(data, "interval", "timeout", "start_period")
    return ContainerHealth(**{**data, **times, "command": tuple(data.get("command", ()))})


def _sidecar(name: str, data: Json) -> Sidecar:
    mappings = {key: pairs(data.get(key)) for key in ("environment", "secrets", "depends_on")}
    return Sidecar(name, **{**data, **mappings, "command": tuple(data.get("command", ()))})


def _task_role(data: Json | str) -> TaskRole:
    return TaskRole(arn=data) if isinstance(data, str) else TaskRole(policies=tuple(sorted(data.get("policies", ()))))


def _scaling(data: Json) -> Scaling:
    return Scaling(**{**data, **_durations(data, "scale_in_cooldown", "scale_out_cooldown")})


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
    return Health(**{**data, **_durations(data, "interval", "timeout", "grace")})


def _gates(data: Json) -> Gates:
    no_data = dict(data.get("no_data") or {})
    return Gates(
        probe=Probe(**data["probe"]) if data.get("probe") else None,
        alarms=tuple(sorted(data.get("alarms", ()))),
        no_data=NoData(**{**no_data, **_durations(no_data, "wait")}),
    )


def _several(value: str | list[str] | None) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


def _durations(data: Json, *names: str) -> dict[str, Any]:
    return {name: duration(data[name]) for name in names if name in data}
