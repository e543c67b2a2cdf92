"""Services at random: every field of `services.*`, in each of the forms that a service may have."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.properties.dice import Draw, Json, given_only, maybe, seconds, some

PULL = "public.ecr.aws/x/y:1"
TEXTS = st.sampled_from(["a", "hello there", "x=1", "ünïcode", "0"])
ALGORITHMS = ["round_robin", "least_outstanding_requests", "weighted_random"]
NAMES = ["A", "B", "APP_MSG"]
ALARM = "shop-late"
PLACES = ["fargate", "strategy", "bridge", "bridge", "bridge", "host", "awsvpc", "daemon"]
SECRETS = [
    "arn:aws:ssm:us-east-1:123456789012:parameter/db",
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:key-AbCdEf",
]
SPEEDS = ["AllAtOnce", "Linear10PercentEvery1Minutes"]
STRATEGIES = ["spread:attribute:ecs.availability-zone", "spread:instanceId", "binpack:memory", "random"]


@st.composite
def services_of(draw: Draw, name: str, where: Json) -> Json:
    """One service. *where*: the names of pools, listeners and repositories, whether there are private subnets, and
    which service CodeDeploy deploys."""
    pools, listeners, registry = where["pools"], where["listeners"], where["registry"]
    codedeploy = name == where["turned"]
    place = draw(st.sampled_from(PLACES if pools else ["fargate", "strategy"]))
    place = "bridge" if codedeploy else place  # where its tasks run is not for a deployment to change
    on_fargate = place == "fargate" or (place == "strategy" and (not pools or draw(st.booleans())))
    routed = bool(listeners) and place != "daemon" and (codedeploy or draw(st.booleans()))
    # of fixed ports no host takes two: as many as scaling has come to may not fit on fewer hosts, and is refused
    counted = routed and where["scheme"] is not None
    scaling = None if place in {"daemon", "host"} or codedeploy else maybe(draw, scalings(counted=counted), 0.25)
    image: Any = PULL
    if registry and draw(st.booleans()):
        image = {"repository": draw(st.sampled_from(registry)), "tag": "v1"}
    beside = draw(sidecars()) if draw(st.integers(0, 3)) == 0 else None
    port = draw(st.sampled_from([80, 8080])) if routed else maybe(draw, st.just(9000))
    if place == "host" and port is not None:
        port = {"web": 8001, "api": 8002, "job": 8003}[name]
    return given_only(
        pool=draw(st.sampled_from(pools[:1] if codedeploy else pools))
        if place not in {"fargate", "strategy"}
        else None,
        fargate=draw(fargates(private=where["private"])) if place == "fargate" else None,
        capacity=draw(shares(pools, on_fargate=on_fargate)) if place == "strategy" else None,
        network_mode=place if place in {"host", "awsvpc"} else None,
        daemon=True if place == "daemon" else None,
        image=image,
        environment=maybe(draw, st.dictionaries(st.sampled_from(NAMES), TEXTS, max_size=2)),
        secrets=maybe(draw, st.dictionaries(st.sampled_from(["DB_URL", "KEY"]), st.sampled_from(SECRETS), max_size=2)),
        command=maybe(draw, st.just(["sh", "-c", "sleep 1000"])),
        cpu=512 if on_fargate else draw(st.sampled_from([128, 256])),
        memory=1024 if on_fargate else draw(st.sampled_from([128, 256])),
        memory_reservation=None if on_fargate else maybe(draw, st.just(64), 0.2),
        port=port,
        desired=None if place == "daemon" else draw(st.integers(1 if scaling else 0, 1 if place == "host" else 2)),
        scaling=scaling,
        route=draw(routes(name, listeners)) if routed else None,
        health=maybe(draw, checks()) if routed else None,
        deregistration_delay=maybe(draw, seconds(1, 5)) if routed else None,
        slow_start=maybe(draw, seconds(30, 60), 0.3) if routed else None,
        algorithm=maybe(draw, st.sampled_from(ALGORITHMS), 0.3) if routed else None,
        stickiness=maybe(draw, sticky()) if routed and not codedeploy else None,
        container_health=maybe(draw, container_checks(), 0.2),
        sidecars=beside,
        depends_on={"helper": "started"} if beside and draw(st.booleans()) else None,
        volumes=maybe(draw, volumes(on_fargate=on_fargate), 0.2),
        task_role=maybe(draw, st.sampled_from([ROLE, {"policies": []}, {"policies": [POLICY]}]), 0.2),
        execute_command=maybe(draw, st.booleans(), 0.2),
        placement=None if on_fargate or place == "daemon" else maybe(draw, placements(), 0.2),
        stop_timeout=draw(seconds(2, 4)),
        log_retention=maybe(draw, st.sampled_from(["1d", "7d", "30d"])),
        log_on_destroy="delete",
        deployment=draw(by_codedeploy()) if codedeploy else maybe(draw, rolling(daemon=place == "daemon")),
    )


ROLE = "arn:aws:iam::123456789012:role/theirs"
POLICY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


def fargates(*, private: bool) -> st.SearchStrategy[Json]:
    return some(
        spot=st.booleans(),
        platform=st.sampled_from(["LATEST", "1.4.0"]),
        architecture=st.sampled_from(["x86_64", "arm64"]),
        subnets=st.sampled_from(["public", "private"] if private else ["public"]),
        public_ip=st.booleans(),
    )


@st.composite
def shares(draw: Draw, pools: list[str], *, on_fargate: bool) -> list[Json]:
    names = draw(st.permutations(["FARGATE", "FARGATE_SPOT"] if on_fargate else pools))
    chosen = names[: draw(st.integers(1, len(names)))]
    first = {"provider": chosen[0], "base": draw(st.integers(0, 1)), "weight": draw(st.integers(1, 2))}
    return [first, *({"provider": one, "weight": draw(st.integers(1, 3))} for one in chosen[1:])]


@st.composite
def scalings(draw: Draw, *, counted: bool) -> Json:
    target = draw(st.sampled_from(["target_cpu", "target_memory", *(["target_requests"] if counted else [])]))
    return given_only(
        min=draw(st.integers(0, 1)),
        max=draw(st.integers(2, 3)),
        **{target: draw(st.sampled_from([50, 60]))},
        scale_in_cooldown=maybe(draw, seconds(60, 120)),
        scale_out_cooldown=maybe(draw, seconds(60, 120)),
    )


@st.composite
def sidecars(draw: Draw) -> Json:
    one = given_only(
        image=draw(st.sampled_from(["busybox:1", "999999999999.dkr.ecr.us-east-1.amazonaws.com/proxy:1"])),
        command=maybe(draw, st.just(["sleep", "1000"])),
        environment=maybe(draw, st.dictionaries(st.sampled_from(NAMES), TEXTS, max_size=2)),
        secrets=maybe(draw, st.dictionaries(st.just("KEY"), st.sampled_from(SECRETS), max_size=1)),
        cpu=maybe(draw, st.just(64)),
        memory=64,
        essential=maybe(draw, st.booleans()),
    )
    return {"helper": one}


def volumes(*, on_fargate: bool) -> st.SearchStrategy[Json]:
    held: Json = {"mount": "/scratch"}
    theirs: Json = {"mount": "/host/log", "read_only": True} | ({} if on_fargate else {"host_path": "/var/log"})
    return st.sampled_from([{"scratch": held}, {"logs": theirs}, {"scratch": held, "logs": theirs}])


def placements() -> st.SearchStrategy[Json]:
    return some(
        strategies=st.lists(st.sampled_from(STRATEGIES), max_size=2, unique=True),
        constraints=st.just(["memberOf:attribute:ecs.os-type == linux"]),
    )


def container_checks() -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {"command": st.sampled_from([["CMD", "true"], ["CMD-SHELL", "curl -f http://localhost/"]])},
        optional={
            "interval": seconds(10, 20),
            "timeout": seconds(2, 5),
            "retries": st.integers(2, 3),
            "start_period": seconds(0, 20),
        },
    )


def sticky() -> st.SearchStrategy[Json]:
    return st.sampled_from([{}, {"duration": "1h"}, {"cookie": "SESSION"}])


def rolling(*, daemon: bool) -> st.SearchStrategy[Json]:
    return some(
        strategy=st.just("rolling"),
        min_percent=st.sampled_from([0, 50] if daemon else [50, 100]),
        max_percent=st.just(100 if daemon else 200),
        circuit_breaker=st.booleans(),
        alarms=st.sampled_from([{"names": [ALARM]}, {"names": [ALARM], "rollback": False}]),
    )


def by_codedeploy() -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {"strategy": st.just("codedeploy"), "keep": st.sampled_from(["0m", "1m"])},
        optional={
            "config": st.sampled_from([f"CodeDeployDefault.ECS{one}" for one in SPEEDS]),
            "alarms": st.just({"names": [ALARM]}),
        },
    )


@st.composite
def routes(draw: Draw, name: str, listeners: list[str]) -> Json:
    number = {"web": 0, "api": 1, "job": 2}[name]
    return given_only(
        listener=draw(st.sampled_from(listeners)),
        path=draw(st.sampled_from(["/*", ["/a/*", "/b"], f"/{number}"])),
        host=maybe(draw, st.sampled_from(["a.example.com", ["b.example.com", "*.example.org"]])),
        priority=number * 10 + draw(st.integers(1, 9)),
    )


def checks() -> st.SearchStrategy[Json]:
    return some(
        path=st.sampled_from(["/", "/health"]),
        interval=seconds(5, 10),
        timeout=seconds(2, 4),
        healthy=st.integers(2, 3),
        unhealthy=st.integers(2, 3),
        grace=seconds(0, 20),
        matcher=st.sampled_from(["200", "200-399"]),
    )
