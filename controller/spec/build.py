"""A document that satisfies the schema, as a `Stack`: defaults filled in, durations parsed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.base.keys import Tags
from controller.spec.build_pools import DEFAULT_IMAGE as DEFAULT_IMAGE
from controller.spec.build_pools import build_pool
from controller.spec.durations import durations
from controller.spec.types import (
    AccessLogs,
    Cluster,
    ContainerImage,
    Deployment,
    Gates,
    Health,
    Listener,
    LoadBalancer,
    Network,
    NoData,
    Probe,
    Repository,
    Route,
    Service,
    Stack,
    Stickiness,
)

Json = Mapping[str, Any]


def build(data: Json, source: str, digest: str) -> Stack:
    """The stack that *data* describes. A mapping may lack all entries: what that means is for others to say."""
    pools = tuple(build_pool(name, one) for name, one in sorted(data["hosts"].items()))
    balancer = data.get("load_balancer")
    named = sorted((balancer or {}).get("listeners", {}).items())
    listeners = [name for name, one in named if not one.get("redirect")]
    services = sorted(data.get("services", {}).items())
    return Stack(
        name=data["stack"],
        region=data["region"],
        network=_network(data["network"]),
        load_balancer=_balancer(balancer) if balancer is not None else None,
        cluster=Cluster(**(data.get("cluster") or {})),
        pools=pools,
        services=tuple(_service(name, one, pools[0].name if pools else "", listeners[:1]) for name, one in services),
        repositories=tuple(
            Repository(name=name, **{**(one or {}), **durations(one or {}, "expire_untagged")})
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


def _service(name: str, data: Json, pool: str, listeners: list[str]) -> Service:
    image = data["image"]
    plain = {
        key: data[key] for key in ("cpu", "memory", "desired", "port", "log_on_destroy", "algorithm") if key in data
    }
    return Service(
        name=name,
        pool=data.get("pool", pool),
        image=ContainerImage(reference=image) if isinstance(image, str) else ContainerImage(**image),
        environment=pairs(data.get("environment")),
        secrets=pairs(data.get("secrets")),
        command=tuple(data.get("command", ())),
        route=_route(data["route"], listeners) if data.get("route") else None,
        health=_health(data.get("health") or {}),
        deployment=Deployment(**(data.get("deployment") or {})),
        stickiness=_stickiness(data["stickiness"]) if "stickiness" in data else None,
        **plain,
        **durations(data, "deregistration_delay", "slow_start", "stop_timeout", "log_retention"),
    )


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
