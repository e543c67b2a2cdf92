"""The parsed, validated spec: one `Stack` is one YAML file, in one account and region.

Every value is final: defaults are filled in, durations are `timedelta`, lists are tuples, and cross-references exist.
Field names are those of the YAML; units are in the type or last in the name (``memory`` is MiB, as in ECS).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from controller.base.keys import Tags
from controller.spec.pools import Image as Image
from controller.spec.pools import Pool as Pool
from controller.spec.pools import Rollout as Rollout
from controller.spec.pools import Size as Size

OnDestroy = Literal["retain", "delete"]
Algorithm = Literal["round_robin", "least_outstanding_requests", "weighted_random"]
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"  # stated, because the default of the API still takes TLS 1.0


@dataclass(frozen=True, slots=True)
class Network:
    """A VPC of our own. One public subnet per zone; `zones` are chosen at birth when the spec names none."""

    cidr: str
    public_subnets: tuple[str, ...]
    zones: tuple[str, ...] = ()  # "" chosen by us; otherwise one per subnet


@dataclass(frozen=True, slots=True)
class Repository:
    """An ECR repository; ``on_destroy: retain`` keeps it while it holds images."""

    name: str
    scan_on_push: bool = True
    immutable: bool = False
    keep_images: int | None = None
    expire_untagged: timedelta | None = None  # whole days
    encryption: str = "AES256"  # AES256, KMS, or the arn of a key
    on_destroy: OnDestroy = "retain"


@dataclass(frozen=True, slots=True)
class Listener:
    """A listener of the load balancer: HTTPS when it has a certificate, else HTTP.

    What no route matches is answered 404, or all of it redirected to the listener that `redirect` names.
    """

    name: str
    port: int
    certificate: str | None = None  # arn; what a client gets that asks for no name of the others
    certificates: tuple[str, ...] = ()  # arns of further ones, chosen by the name that a client asks for
    policy: str = TLS_POLICY
    redirect: str | None = None

    @property
    def protocol(self) -> Literal["HTTP", "HTTPS"]:
        return "HTTP" if self.certificate is None else "HTTPS"


@dataclass(frozen=True, slots=True)
class AccessLogs:
    """A bucket that is there, and lets Elastic Load Balancing write to it."""

    bucket: str
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    allow: tuple[str, ...]  # CIDR blocks that may connect
    listeners: tuple[Listener, ...]
    idle_timeout: timedelta = timedelta(seconds=60)
    scheme: Literal["internet-facing", "internal"] = "internet-facing"
    deletion_protection: bool = False
    access_logs: AccessLogs | None = None
    drop_invalid_headers: bool = False

    @property
    def serving(self) -> tuple[Listener, ...]:
        """The listeners that routes can be on: those that do not redirect."""
        return tuple(one for one in self.listeners if one.redirect is None)


@dataclass(frozen=True, slots=True)
class Cluster:
    container_insights: bool = True


@dataclass(frozen=True, slots=True)
class ContainerImage:
    """`reference` as written, or a tag of a repository of this spec."""

    reference: str | None = None
    repository: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    listener: str
    priority: int
    path: tuple[str, ...] = ()
    host: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    path: str = "/health"
    interval: timedelta = timedelta(seconds=10)
    timeout: timedelta = timedelta(seconds=5)
    healthy: int = 2
    unhealthy: int = 3
    grace: timedelta = timedelta(seconds=30)
    matcher: str = "200"


@dataclass(frozen=True, slots=True)
class Stickiness:
    """A client stays with its target for so long: by the balancer's own cookie, or while the application's is there."""

    duration: timedelta = timedelta(days=1)
    cookie: str | None = None  # of the application


@dataclass(frozen=True, slots=True)
class Deployment:
    strategy: Literal["rolling"] = "rolling"
    min_percent: int = 100
    max_percent: int = 200
    circuit_breaker: bool = True


@dataclass(frozen=True, slots=True)
class Service:
    """One ECS service in bridge mode with dynamic host ports. `route` None: it has no load balancer."""

    name: str
    pool: str
    image: ContainerImage
    cpu: int
    memory: int  # MiB, hard limit
    desired: int
    port: int | None = None
    environment: Tags = ()
    secrets: Tags = ()  # variable name -> arn of the parameter or secret
    command: tuple[str, ...] = ()
    route: Route | None = None
    health: Health = Health()
    deregistration_delay: timedelta = timedelta(seconds=30)
    slow_start: timedelta = timedelta()  # 0: a new target gets its full share at once
    algorithm: Algorithm = "round_robin"
    stickiness: Stickiness | None = None
    stop_timeout: timedelta = timedelta(seconds=30)
    log_retention: timedelta = timedelta(days=7)
    log_on_destroy: OnDestroy = "retain"
    deployment: Deployment = Deployment()


@dataclass(frozen=True, slots=True)
class Probe:
    """The controller's own request through the load balancer, between waves."""

    path: str
    max_error_ratio: float = 0.0


@dataclass(frozen=True, slots=True)
class NoData:
    wait: timedelta = timedelta(minutes=2)
    then: Literal["halt", "pass"] = "halt"


@dataclass(frozen=True, slots=True)
class Gates:
    probe: Probe | None = None
    alarms: tuple[str, ...] = ()
    no_data: NoData = NoData()


@dataclass(frozen=True, slots=True)
class Stack:
    """The whole spec. `source` and `digest` say where it came from: the file, and the sha256 of its resolved form."""

    name: str
    region: str
    network: Network
    load_balancer: LoadBalancer | None
    cluster: Cluster
    pools: tuple[Pool, ...]
    services: tuple[Service, ...]
    repositories: tuple[Repository, ...] = ()
    gates: Gates = Gates()
    tags: Tags = ()
    account: str | None = None
    names: Tags = ()  # "kind/logical" -> live name, written by import
    source: str = ""
    digest: str = ""
    refresh_images: frozenset[str] = field(default_factory=frozenset)  # pools whose newer AMI this run takes
    ignore_alarms: frozenset[str] = field(default_factory=frozenset)

    def pool(self, name: str) -> Pool:
        return next(pool for pool in self.pools if pool.name == name)
