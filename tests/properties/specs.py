"""Specs at random: every field of the schema, in combinations that may be applied.

Names come from short lists, so that two specs of one pair share some resources and differ in others. What cannot change
from one spec to the next (the range of the network, where clients find it) is the same in all of one ring. Hosts are
large enough for their tasks.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
Draw = Any

PULL = "public.ecr.aws/x/y:1"
SUBNETS = ["10.20.1.0/24", {"cidr": "10.20.2.0/24"}, {"cidr": "10.20.3.0/24", "zone": "us-east-1c"}]
PRIVATE = ["10.20.11.0/24", {"cidr": "10.20.12.0/24"}]
TEXTS = st.sampled_from(["a", "hello there", "x=1", "ünïcode", "0"])
LOGS = "access-logs-of-all"
CERTIFICATES = [f"arn:aws:iam::123456789012:server-certificate/{name}" for name in "abc"]
ALGORITHMS = ["round_robin", "least_outstanding_requests", "weighted_random"]
NAMES = ["A", "B", "APP_MSG"]
VOLUMES: list[Json] = [{"device": "/dev/xvda", "size": 30}, {"device": "/dev/xvdb", "size": 20, "encrypted": False}]


def maybe(draw: Draw, strategy: st.SearchStrategy[Any], share: float = 0.4) -> Any:
    """A value of *strategy*, or None for "not in the spec"."""
    return draw(strategy) if draw(st.floats(0, 1)) < share else None


def given_only(**fields: Any) -> Json:
    """The fields that are there."""
    return {name: value for name, value in fields.items() if value is not None}


def seconds(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low, high).map(lambda count: f"{count}s")


SCHEMES = st.sampled_from(["internet-facing", "internal", None])


@st.composite
def stacks(draw: Draw, scheme: str | None) -> Json:
    """One spec as a document. *scheme*: of its load balancer, if it has one."""
    registry = draw(registries())
    pools = draw(st.lists(st.sampled_from(["main", "spare"]), min_size=1, max_size=2, unique=True))
    listeners = draw(st.lists(st.sampled_from(["http", "admin"]), max_size=2, unique=True))
    names = draw(st.lists(st.sampled_from(["web", "api", "job"]), max_size=3, unique=True))
    services = {
        name: draw(services_of(number, pools, listeners, sorted(registry))) for number, name in enumerate(sorted(names))
    }
    return given_only(
        version=1,
        stack="prop",
        region="us-east-1",
        account=maybe(draw, st.just("123456789012")),
        tags=maybe(draw, st.dictionaries(st.sampled_from(["team", "cost-centre"]), st.sampled_from(["a", "b"]))),
        network=draw(networks()),
        registry=registry or None,
        load_balancer=draw(balancers(sorted(listeners), scheme)) if listeners else None,
        cluster=maybe(draw, st.fixed_dictionaries({"container_insights": st.booleans()})),
        hosts={name: draw(pools_of()) for name in sorted(pools)},
        services=services or None,
        gates=maybe(draw, gates()),
    )


@st.composite
def networks(draw: Draw) -> Json:
    private = maybe(draw, st.integers(1, 2).map(lambda count: PRIVATE[:count]))
    services = st.sampled_from(["ecr", "logs", "s3", "ssm"])
    return given_only(
        cidr="10.20.0.0/16",
        public_subnets=SUBNETS[: draw(st.integers(2, 3))],
        private_subnets=private,
        nat=maybe(draw, st.sampled_from(["single", "per_zone", "none"])) if private else None,
        endpoints=maybe(draw, st.lists(services, min_size=1, max_size=2, unique=True)),
    )


@st.composite
def registries(draw: Draw) -> Json:
    names = draw(st.lists(st.sampled_from(["shop", "tools"]), max_size=2, unique=True))
    return {
        name: given_only(
            scan_on_push=maybe(draw, st.booleans()),
            immutable=maybe(draw, st.booleans()),
            keep_images=maybe(draw, st.integers(1, 50)),
            expire_untagged=maybe(draw, st.integers(1, 30).map(lambda days: f"{days}d")),
            on_destroy="delete",
        )
        for name in sorted(names)
    }


@st.composite
def balancers(draw: Draw, listeners: list[str], scheme: str | None) -> Json:
    ports = {"http": 80, "admin": draw(st.sampled_from([8080, 8443]))}
    shown = {name: {"port": ports[name], **(maybe(draw, secured()) or {})} for name in listeners}
    if len(listeners) == 2 and draw(st.booleans()):
        shown["http"]["redirect"] = "admin"
    return given_only(
        allow=maybe(
            draw, st.lists(st.sampled_from(["0.0.0.0/0", "10.0.0.0/8", "192.168.1.7/32"]), min_size=1, unique=True)
        ),
        listeners=shown,
        scheme=scheme,
        deletion_protection=maybe(draw, st.just(False)),  # what is protected is never pruned
        access_logs=maybe(draw, st.sampled_from([{"bucket": LOGS}, {"bucket": LOGS, "prefix": "a/b"}])),
        drop_invalid_headers=maybe(draw, st.booleans()),
        idle_timeout=maybe(draw, seconds(10, 120)),
    )


def secured() -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {"certificate": st.sampled_from(CERTIFICATES[:2])},
        optional={
            "certificates": st.lists(st.sampled_from(CERTIFICATES[1:]), min_size=1, unique=True),
            "policy": st.sampled_from(["ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-TLS13-1-3-2021-06"]),
        },
    )


@st.composite
def pools_of(draw: Draw) -> Json:
    low, more = draw(st.integers(1, 2)), draw(st.integers(0, 1))
    managed = maybe(draw, st.sampled_from([True, {"enabled": False, "acknowledge": True}]), 0.3)
    rollout = maybe(
        draw,
        st.fixed_dictionaries(
            {"strategy": st.just("rolling"), "max_surge": st.integers(1, 2), "bake": seconds(0, 5)},
            optional={
                "max_unavailable": st.just(0),
                "ready_timeout": seconds(120, 300),
                "drain_timeout": seconds(120, 300),
                "allow_raise_max": st.booleans(),
                "on_drain_timeout": st.sampled_from(["halt", "force"]),
                "standalone": st.sampled_from(["wait", "stop", "ignore"]),
            },
        ),
    )
    return given_only(
        instance_type=draw(st.sampled_from(["t3.medium", "t3.large"])),
        size={"min": low, "desired": low + more, "max": low + more + 2},
        rollout=rollout,
        user_data=maybe(draw, st.sampled_from(["echo one\n", "echo two\n"])),
        managed_draining=managed,
        block_devices=maybe(draw, st.sampled_from([VOLUMES, VOLUMES[:1]]), 0.2),
        metadata=maybe(draw, st.sampled_from([{"hop_limit": 2}, {"tokens": "optional", "tags": True}]), 0.2),
        monitoring=maybe(draw, st.booleans(), 0.2),
        policies=maybe(draw, st.just([]), 0.2),
        maintenance=maybe(draw, st.just({"min_healthy": 90, "max_healthy": 120}), 0.3),
    )


@st.composite
def services_of(draw: Draw, number: int, pools: list[str], listeners: list[str], registry: list[str]) -> Json:
    routed = bool(listeners) and draw(st.booleans())
    image: Any = PULL
    if registry and draw(st.booleans()):
        image = {"repository": draw(st.sampled_from(registry)), "tag": "v1"}
    secrets = st.dictionaries(
        st.sampled_from(["DB_URL", "KEY"]),
        st.sampled_from(
            [
                "arn:aws:ssm:us-east-1:123456789012:parameter/db",
                "arn:aws:secretsmanager:us-east-1:123456789012:secret:key-AbCdEf",
            ]
        ),
        max_size=2,
    )
    return given_only(
        pool=draw(st.sampled_from(pools)),
        image=image,
        environment=maybe(draw, st.dictionaries(st.sampled_from(NAMES), TEXTS, max_size=2)),
        secrets=maybe(draw, secrets),
        command=maybe(draw, st.just(["sh", "-c", "sleep 1000"])),
        cpu=draw(st.sampled_from([128, 256])),
        memory=draw(st.sampled_from([128, 256])),
        port=draw(st.sampled_from([80, 8080])) if routed else maybe(draw, st.just(9000)),
        desired=draw(st.integers(0, 2)),
        route=draw(routes(number, listeners)) if routed else None,
        health=maybe(draw, checks()) if routed else None,
        deregistration_delay=seconds_or_none(draw) if routed else None,
        slow_start=maybe(draw, seconds(30, 60), 0.3) if routed else None,
        algorithm=maybe(draw, st.sampled_from(ALGORITHMS), 0.3) if routed else None,
        stickiness=maybe(draw, st.sampled_from([{}, {"duration": "1h"}, {"cookie": "SESSION"}])) if routed else None,
        stop_timeout=draw(seconds(2, 4)),
        log_retention=maybe(draw, st.sampled_from(["1d", "7d", "30d"])),
        log_on_destroy="delete",
        deployment=maybe(
            draw,
            st.fixed_dictionaries(
                {},
                optional={
                    "strategy": st.just("rolling"),
                    "min_percent": st.sampled_from([50, 100]),
                    "max_percent": st.sampled_from([200]),
                    "circuit_breaker": st.booleans(),
                },
            ),
        ),
    )


def seconds_or_none(draw: Draw) -> str | None:
    found: str | None = maybe(draw, seconds(1, 5))
    return found


@st.composite
def routes(draw: Draw, number: int, listeners: list[str]) -> Json:
    return given_only(
        listener=draw(st.sampled_from(listeners)),
        path=draw(st.sampled_from(["/*", ["/a/*", "/b"], f"/{number}"])),
        host=maybe(draw, st.sampled_from(["a.example.com", ["b.example.com", "*.example.org"]])),
        priority=number * 10 + draw(st.integers(1, 9)),
    )


def checks() -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {},
        optional={
            "path": st.sampled_from(["/", "/health"]),
            "interval": seconds(5, 10),
            "timeout": seconds(2, 4),
            "healthy": st.integers(2, 3),
            "unhealthy": st.integers(2, 3),
            "grace": seconds(0, 20),
            "matcher": st.sampled_from(["200", "200-399"]),
        },
    )


def gates() -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {},
        optional={
            "no_data": st.fixed_dictionaries({"wait": seconds(60, 120), "then": st.sampled_from(["halt", "pass"])})
        },
    )
