"""A document that satisfies the schema, as a `Stack`: defaults filled in, durations parsed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from controller.base.keys import Tags
from controller.spec.network import SERVICES
from controller.spec.types import (
    Cluster,
    ContainerImage,
    Deployment,
    Gates,
    Health,
    Image,
    Listener,
    LoadBalancer,
    Network,
    NoData,
    Pool,
    Probe,
    Repository,
    Rollout,
    Route,
    Service,
    Size,
    Stack,
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
    pools = tuple(_pool(name, one) for name, one in sorted(data["hosts"].items()))
    balancer = data.get("load_balancer")
    listeners = sorted((balancer or {}).get("listeners", {}))
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


def _service(name: str, data: Json, pool: str, listeners: list[str]) -> Service:
    image = data["image"]
    plain = {key: data[key] for key in ("cpu", "memory", "desired", "port", "log_on_destroy") if key in data}
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
        **plain,
        **_durations(data, "deregistration_delay", "stop_timeout", "log_retention"),
    )


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
