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
FARGATE, FARGATE_SPOT = "FARGATE", "FARGATE_SPOT"  # capacity providers that AWS has, hosts or not


@dataclass(frozen=True, slots=True)
class Network:
    """A VPC of our own, with one subnet per zone; or somebody else's (`vpc`), whose subnets are given by their ids.

    Zones are chosen at birth where the spec names none. The hosts live in the private subnets, if there are any.
    """

    cidr: str  # "" with `vpc`
    public_subnets: tuple[str, ...]
    zones: tuple[str, ...] = ()  # of the public subnets: "" chosen by us; otherwise one per subnet
    private_subnets: tuple[str, ...] = ()
    private_zones: tuple[str, ...] = ()  # all of them, or none: each beside the public subnet of its place
    nat: Literal["single", "per_zone", "none"] = "none"
    endpoints: tuple[str, ...] = ()
    vpc: str = ""


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
    """`exec_log`: where sessions of execute-command are logged: ``default``, the task's own log, or ``none``."""

    container_insights: bool | Literal["enhanced"] = True
    exec_log: Literal["default", "none"] = "default"


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
class Alarms:
    """CloudWatch alarms that stop a deployment."""

    names: tuple[str, ...] = ()
    rollback: bool = True


@dataclass(frozen=True, slots=True)
class Deployment:
    """`config` and `keep` are CodeDeploy's: how the traffic moves, and how long the old tasks stay after it has."""

    strategy: Literal["rolling", "codedeploy"] = "rolling"
    config: str = "CodeDeployDefault.ECSAllAtOnce"
    keep: timedelta = timedelta(minutes=5)
    min_percent: int = 100
    max_percent: int = 200
    circuit_breaker: bool = True
    alarms: Alarms = Alarms()


@dataclass(frozen=True, slots=True)
class Fargate:
    """How tasks run where there are no hosts. `public_ip` None: one in public subnets, none in private ones."""

    spot: bool = False
    platform: str = "LATEST"
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    subnets: Literal["public", "private"] = "public"
    public_ip: bool | None = None

    @property
    def addressed(self) -> bool:
        """Whether its tasks have public addresses."""
        return self.subnets == "public" if self.public_ip is None else self.public_ip


@dataclass(frozen=True, slots=True)
class Capacity:
    """A share of a service's tasks: `provider` is a pool, FARGATE or FARGATE_SPOT."""

    provider: str
    base: int = 0
    weight: int = 1


@dataclass(frozen=True, slots=True)
class ContainerHealth:
    """A command that ECS runs inside the container. No command: none."""

    command: tuple[str, ...] = ()
    interval: timedelta = timedelta(seconds=30)
    timeout: timedelta = timedelta(seconds=5)
    retries: int = 3
    start_period: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A container beside the service's own. `depends_on`: (container, started healthy complete success)."""

    name: str
    image: str
    command: tuple[str, ...] = ()
    environment: Tags = ()
    secrets: Tags = ()
    cpu: int = 0
    memory: int = 0  # MiB; 0: no limit of its own
    essential: bool = True
    depends_on: Tags = ()
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Volume:
    """What the service's own container sees at `mount`: a directory of the host, or one of the task's."""

    name: str
    mount: str
    host_path: str | None = None
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class TaskRole:
    """What the application may do in AWS: a role of somebody else's by arn, or one of its own with `policies`."""

    arn: str | None = None
    policies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Placement:
    """(type, field) of strategies in order; (type, expression) of constraints. None: the default of ours."""

    strategies: tuple[tuple[str, str], ...] | None = None
    constraints: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Scaling:
    """Application Auto Scaling moves the number of tasks between `min` and `max`; at least one target is given."""

    min: int
    max: int
    target_cpu: float | None = None  # percent
    target_memory: float | None = None
    target_requests: float | None = None  # per task and minute
    scale_in_cooldown: timedelta = timedelta(minutes=5)
    scale_out_cooldown: timedelta = timedelta(minutes=1)

    @property
    def targets(self) -> tuple[tuple[str, float], ...]:
        """(figure, value) of those that are given."""
        given = (("cpu", self.target_cpu), ("memory", self.target_memory), ("requests", self.target_requests))
        return tuple((name, value) for name, value in given if value is not None)


@dataclass(frozen=True, slots=True)
class Service:
    """One ECS service. `route` None: it has no load balancer.

    pool      the pool it names; "" on Fargate, and where `capacity` says where it runs
    capacity  the strategy as written; `shares` is what holds
    cpu, memory   of its own container on hosts, of the whole task on Fargate
    """

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
    fargate: Fargate | None = None
    capacity: tuple[Capacity, ...] = ()
    network_mode: Literal["bridge", "host", "awsvpc"] = "bridge"
    daemon: bool = False
    memory_reservation: int | None = None  # MiB
    container_health: ContainerHealth = ContainerHealth()
    sidecars: tuple[Sidecar, ...] = ()
    depends_on: Tags = ()
    volumes: tuple[Volume, ...] = ()
    task_role: TaskRole = TaskRole()
    execute_command: bool = False
    placement: Placement = Placement()
    scaling: Scaling | None = None

    @property
    def shares(self) -> tuple[Capacity, ...]:
        """Where its tasks run, and how many of them where."""
        if self.capacity:
            return self.capacity
        if self.fargate is not None:
            return (Capacity(FARGATE_SPOT if self.fargate.spot else FARGATE),)
        return (Capacity(self.pool),)

    @property
    def pools(self) -> tuple[str, ...]:
        """The pools whose hosts it runs on; none on Fargate."""
        return tuple(one.provider for one in self.shares if self.fargate is None)

    def tasks_on(self, pool: str) -> int:
        """How many of its tasks run on *pool* at most: its base, and its share of the others, rounded up.

        >>> shares = (Capacity("a", base=1), Capacity("b", weight=3))
        >>> one = Service("web", "", ContainerImage("x"), 1, 1, desired=5, capacity=shares)
        >>> one.tasks_on("a"), one.tasks_on("b"), one.tasks_on("c")
        (2, 3, 0)
        """
        if pool not in self.pools:
            return 0
        weights = sum(one.weight for one in self.shares)
        mine = next(one for one in self.shares if one.provider == pool)
        rest = self.desired - min(self.desired, sum(one.base for one in self.shares))
        return min(self.desired, mine.base) + (-(-rest * mine.weight // weights) if weights else 0)

    @property
    def own_address(self) -> bool:
        """Each of its tasks has a network interface, and so an address, of its own."""
        return self.network_mode == "awsvpc"

    @property
    def least(self) -> int:
        """How many tasks it shall have at least; one of a daemon's is enough."""
        if self.daemon:
            return 1
        return self.desired if self.scaling is None else self.scaling.min

    @property
    def by_codedeploy(self) -> bool:
        return self.deployment.strategy == "codedeploy"

    @property
    def own_role(self) -> bool:
        """The stack makes a role for what runs in its tasks."""
        return self.task_role.arn is None and bool(self.task_role.policies or self.execute_command)

    @property
    def static_ports(self) -> tuple[int, ...]:
        """The host ports a task of it takes: one task per host and port."""
        if self.network_mode != "host":
            return ()
        return tuple(port for port in (self.port, *(one.port for one in self.sidecars)) if port)

    @property
    def reserved(self) -> tuple[int, int]:
        """(CPU units, MiB) that a task of it takes of a host."""
        if self.fargate is not None:
            return self.cpu, self.memory
        cpu = self.cpu + sum(one.cpu for one in self.sidecars)
        return cpu, (self.memory_reservation or self.memory) + sum(one.memory for one in self.sidecars)


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
    cost_allocation_tags: tuple[str, ...] = ()  # keys; checked, never changed
    account: str | None = None
    names: Tags = ()  # "kind/logical" -> live name, written by import
    drift: Tags = ()  # "kind/logical.field" -> correct, warn, ignore; "*" for every name or field
    source: str = ""
    digest: str = ""
    refresh_images: frozenset[str] = field(default_factory=frozenset)  # pools whose newer AMI this run takes
    ignore_alarms: frozenset[str] = field(default_factory=frozenset)

    def pool(self, name: str) -> Pool:
        return next(pool for pool in self.pools if pool.name == name)
