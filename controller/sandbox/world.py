"""The values of the sandbox's own data plane: one `World` per account and region. Pure; frozen from outside.

moto's models of Auto Scaling, ECS and targets are too wrong to be mended one by one (they change everything at once
and place nothing), so these three services live here as state machines. A step works on a `Draft` (copies of the
tables) and leaves the World it came from as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from controller.sandbox.codedeploy_model import Application, DeploymentGroup, Rollout

Json = dict[str, Any]


class ApiError(Exception):
    """An AWS error: its code, its words, its HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


# ------------------------------------------------------------------------------------------------ auto scaling
@dataclass(frozen=True, slots=True)
class Hook:
    name: str
    transition: str  # LAUNCHING TERMINATING
    heartbeat: timedelta = timedelta(hours=1)
    default_result: str = "ABANDON"


@dataclass(frozen=True, slots=True)
class Group:
    """An auto scaling group. `extra` holds settings that are kept and echoed and steer nothing here."""

    name: str
    arn: str
    template_id: str
    template_name: str
    version: str  # a number, $Latest or $Default
    min: int
    max: int
    desired: int
    subnets: tuple[str, ...]
    created: datetime
    tags: Mapping[str, tuple[str, bool]] = field(default_factory=dict)  # key -> (value, propagate at launch)
    hooks: tuple[Hook, ...] = ()
    suspended: frozenset[str] = frozenset()
    protect_new: bool = False
    deleting: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    types: tuple[str, ...] = ()  # a mixed instances policy's, in the order of preference
    shares: Mapping[str, Any] = field(default_factory=dict)  # its InstancesDistribution
    policies: Mapping[str, Json] = field(default_factory=dict)  # name -> scaling policy, as given
    schedules: Mapping[str, Json] = field(default_factory=dict)  # name -> scheduled action


@dataclass(frozen=True, slots=True)
class Pause:
    """A lifecycle action that somebody must complete before `deadline`."""

    hook: str
    token: str
    deadline: datetime
    limit: datetime  # 100 heartbeats or 48 h: no heartbeat goes beyond


@dataclass(frozen=True, slots=True)
class Member:
    """One instance of a group. Its launch template version is frozen at launch (aws.md 3.2)."""

    id: str
    group: str
    zone: str
    subnet: str
    template_id: str
    template_name: str
    version: str
    type: str
    image: str
    cluster: str | None  # from its user data; None: it joins none
    launched: datetime
    since: datetime
    lifecycle: str = "Pending"
    healthy: bool = True
    protected: bool = False
    pauses: tuple[Pause, ...] = ()
    joins: str = "yes"  # yes late never
    running: bool = False  # in EC2's eyes
    dead: bool = False  # killed from outside: no agent, no tasks, until the group notices
    activity: str = ""
    rebalancing: bool = False  # launched to even out zones: an old one leaves only once this one serves
    joined: bool = False  # its agent registered once; a deregistered agent does not come back by itself
    spot: bool = False


@dataclass(frozen=True, slots=True)
class Activity:
    id: str
    group: str
    description: str
    cause: str
    start: datetime
    end: datetime | None = None
    status: str = "InProgress"
    message: str = ""


# ------------------------------------------------------------------------------------------------ ecs
@dataclass(frozen=True, slots=True)
class Cluster:
    name: str
    arn: str
    insights: str = "disabled"
    providers: tuple[str, ...] = ()
    strategy: tuple[Mapping[str, Any], ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    active: bool = True
    configuration: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Provider:
    name: str
    arn: str
    group_arn: str
    draining: bool = True
    scaling: Mapping[str, Any] = field(default_factory=dict)
    protection: str = "DISABLED"
    tags: Mapping[str, str] = field(default_factory=dict)
    active: bool = True
    looked: datetime | None = None  # when managed scaling looked last
    low: int = 0  # how many times in a row it found too many hosts


@dataclass(frozen=True, slots=True)
class Node:
    """A container instance. `next_port` counts up: the kernel does not hand out a port again at once."""

    arn: str
    cluster: str
    member: str
    cpu: int
    memory: int
    registered: datetime
    provider: str | None = None
    status: str = "ACTIVE"
    connected: bool = True
    doomed: bool = False  # its host was terminated under a connected agent: ECS deregisters it by itself (aws.md 1.5)
    next_port: int = 32768
    zone: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deployment:
    id: str
    task_definition: str
    created: datetime
    updated: datetime
    status: str = "PRIMARY"
    state: str = "IN_PROGRESS"
    reason: str = ""
    failed: int = 0
    recovered: datetime | None = None  # a task of it became healthy: failures before that no longer count (aws.md 4.1)
    launched: int = 0
    ringing: tuple[str, ...] | None = None  # alarms in ALARM when it began; None: not looked yet
    retry_at: datetime | None = None  # start back-off of a crash loop (aws.md 4.1)
    rollback: bool = False
    outcome: str = "IN_PROGRESS"  # status of the service deployment, kept after the deployment is gone
    revision: int = 1
    finished: datetime | None = None
    balancers: tuple[Mapping[str, Any], ...] = ()  # the service's when it began: its tasks keep them
    external: str = ""  # of a task set: the CodeDeploy deployment that made it


@dataclass(frozen=True, slots=True)
class Network:
    """An awsvpc configuration."""

    subnets: tuple[str, ...]
    groups: tuple[str, ...] = ()
    public: bool = False


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of a task's own."""

    id: str
    address: str
    subnet: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    cluster: str
    arn: str
    desired: int
    task_definition: str
    created: datetime
    status: str = "ACTIVE"
    controller: str = "ECS"  # ECS CODE_DEPLOY: then `deployments` are its task sets
    only: str = ""  # the task set that is looked at by itself
    strategy: tuple[Mapping[str, Any], ...] = ()  # capacity providers; none: `launch` says where
    launch: str = "EC2"  # EC2 FARGATE: what its tasks run on
    network: Network | None = None  # where its tasks get addresses of their own
    daemon: bool = False  # one task per host; `desired` follows the hosts
    balancers: tuple[Mapping[str, Any], ...] = ()
    min_percent: int = 100
    max_percent: int = 200
    breaker: bool = False
    rollback: bool = False
    grace: timedelta = timedelta()
    placement: tuple[tuple[str, str], ...] = ()
    constraints: tuple[tuple[str, str], ...] = ()
    alarms: tuple[str, ...] = ()  # that stop a deployment
    alarm_rollback: bool = False
    deployments: tuple[Deployment, ...] = ()
    history: tuple[Deployment, ...] = ()
    events: tuple[tuple[str, datetime, str], ...] = ()  # newest first
    tags: Mapping[str, str] = field(default_factory=dict)
    token: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def primary(self) -> Deployment:
        return next(d for d in self.deployments if d.status == "PRIMARY")

    @property
    def target_groups(self) -> tuple[tuple[str, int], ...]:
        """(target group arn, container port) of each load balancer entry."""
        return tuple((str(b["targetGroupArn"]), int(b["containerPort"])) for b in self.balancers)

    def groups_of(self, deployment: str) -> tuple[tuple[str, int], ...]:
        """The same for the tasks of one deployment: each has entries of its own."""
        mine = next((d.balancers for d in self.deployments if d.id == deployment), None)
        return self.target_groups if mine is None else replace(self, balancers=mine).target_groups


@dataclass(frozen=True, slots=True)
class Task:
    arn: str
    cluster: str
    task_definition: str
    node: str
    member: str
    cpu: int
    memory: int
    created: datetime
    since: datetime
    service: str | None = None
    deployment: str = ""
    last: str = "PROVISIONING"
    wanted: str = "RUNNING"
    ports: tuple[tuple[int, int], ...] = ()  # (container port, host port)
    static_ports: tuple[int, ...] = ()
    stop_timeout: timedelta = timedelta(seconds=30)
    started: datetime | None = None
    stopping: datetime | None = None
    stopped: datetime | None = None
    stop_code: str = ""
    reason: str = ""
    exit_code: int | None = None
    abrupt: bool = False  # StopTask of a user: SIGTERM without deregistration first (aws.md 1.3)
    was_healthy: bool = False
    unreported: int | None = None  # exit code that a disconnected agent has yet to tell
    orphan: bool = False  # runs on though ECS has given it up: its agent was deregistered by force (aws.md 1.5)
    group: str = ""
    started_by: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    zone: str = ""
    provider: str = ""
    interface: Interface | None = None

    @property
    def serverless(self) -> bool:
        """On Fargate: no host, no agent."""
        return not self.node

    @property
    def place(self) -> str:
        """What it is reached by, and registered as: its own address, else its host."""
        return self.interface.address if self.interface else self.member

    @property
    def open(self) -> bool:
        return self.last != "STOPPED"


@dataclass(frozen=True, slots=True)
class Target:
    """One registration: (instance, port) in a group. `views`: what the node of each zone thinks of it; `known`: all of
    them have found it healthy. A node of a zone that is enabled later judges it before clients are led there."""

    group: str
    id: str
    port: int
    since: datetime
    views: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # zone -> (state, reason)
    draining: datetime | None = None
    zone: str = ""  # of its host, where known
    known: bool = False

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.group, self.id, self.port)


# ------------------------------------------------------------------------------------------------ what lives elsewhere
@dataclass(frozen=True, slots=True)
class Template:
    """One launch template version, resolved."""

    id: str
    name: str
    version: str
    image: str
    type: str
    user_data: str
    profile: str = ""
    security_groups: tuple[str, ...] = ()
    key_pair: str = ""
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by the type of resource launched with it


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """Settings of a target group. `used`: a listener or rule refers to it; `zones`: the balancer's; `type`: instance or
    ip."""

    arn: str
    delay: timedelta
    used: bool
    zones: tuple[str, ...]
    port: int
    type: str = "instance"


class Catalog(Protocol):
    """What the world must know of services it does not model. Raises ApiError with AWS's code for what is missing."""

    def template(self, id_or_name: str, version: str) -> Template: ...
    def capacity(self, instance_type: str) -> tuple[int, int]:
        """(cpu units, MiB) an agent registers on this type."""
        ...

    def interfaces(self, instance_type: str) -> int:
        """How many network interfaces an instance of this type can have, its own included."""
        ...

    def zone(self, subnet: str) -> str: ...
    def free_address(self, subnet: str, taken: Set[str]) -> str:
        """A private address of *subnet* that nobody has."""
        ...

    def alarms(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the CloudWatch alarms that are in ALARM."""
        ...

    def target_group(self, arn: str) -> TargetGroup: ...
    def group_named(self, name: str) -> str:
        """The arn of a target group."""
        ...

    def leads(self, listener: str) -> frozenset[str]:
        """The arns of the target groups that rules of a listener lead to."""
        ...

    def image_exists(self, reference: str) -> bool: ...
    def instance_runs(self, instance: str) -> bool: ...
    def joins(self, image: str) -> str:
        """Whether hosts of this machine image join their cluster: yes, late or never."""
        ...

    def reads_toml(self, image: str) -> bool:
        """Whether hosts of this machine image (Bottlerocket's) take their settings in TOML, and no script."""
        ...

    def check_launch(self, template: Template) -> None:
        """Raise what AWS answers when this template cannot be launched (profile not spread yet, unknown group)."""
        ...


# ------------------------------------------------------------------------------------------------ effects and events
@dataclass(frozen=True, slots=True)
class LaunchHost:
    member: Member
    template: Template
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TerminateHost:
    id: str


@dataclass(frozen=True, slots=True)
class StartTask:
    task: Task
    definition: Json


@dataclass(frozen=True, slots=True)
class SignalTask:
    arn: str
    kill: bool = False


@dataclass(frozen=True, slots=True)
class Shift:
    """Lead what listeners send to one of the target groups to all of them, by weight."""

    listeners: tuple[str, ...]
    weights: tuple[tuple[str, int], ...]  # (target group arn, weight)


Effect = LaunchHost | TerminateHost | StartTask | SignalTask | Shift


@dataclass(frozen=True, slots=True)
class TaskStarted:
    arn: str


@dataclass(frozen=True, slots=True)
class TaskExited:
    arn: str
    code: int


@dataclass(frozen=True, slots=True)
class HealthSeen:
    """A balancer node changed its mind about a target."""

    zone: str
    group: str
    id: str
    port: int
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class HostDied:
    """Ended from outside its group (TerminateInstances)."""

    id: str


@dataclass(frozen=True, slots=True)
class AgentChanged:
    id: str
    connected: bool


Event = TaskStarted | TaskExited | HealthSeen | HostDied | AgentChanged


# ------------------------------------------------------------------------------------------------ the world
@dataclass(frozen=True, slots=True)
class World:
    account: str
    region: str
    seed: int = 0
    serial: int = 0
    groups: Mapping[str, Group] = field(default_factory=dict)
    members: Mapping[str, Member] = field(default_factory=dict)
    activities: tuple[Activity, ...] = ()
    clusters: Mapping[str, Cluster] = field(default_factory=dict)
    providers: Mapping[str, Provider] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    services: Mapping[tuple[str, str], Service] = field(default_factory=dict)  # (cluster, name)
    tasks: Mapping[str, Task] = field(default_factory=dict)
    targets: Mapping[tuple[str, str, int], Target] = field(default_factory=dict)
    definitions: Mapping[str, Json] = field(default_factory=dict)  # arn -> task definition
    applications: Mapping[str, Application] = field(default_factory=dict)
    deployment_groups: Mapping[tuple[str, str], DeploymentGroup] = field(default_factory=dict)  # (application, name)
    rollouts: Mapping[str, Rollout] = field(default_factory=dict)  # CodeDeploy's deployments by id


class Draft:
    """A World being changed. Entities stay frozen (`replace` them); only the tables are ours."""

    def __init__(self, world: World, now: datetime, catalog: Catalog, timings: Any) -> None:
        self.world = world
        self.now = now
        self.catalog = catalog
        self.timings = timings
        self.serial = world.serial
        self.groups = dict(world.groups)
        self.members = dict(world.members)
        self.activities = list(world.activities)
        self.clusters = dict(world.clusters)
        self.providers = dict(world.providers)
        self.nodes = dict(world.nodes)
        self.services = dict(world.services)
        self.tasks = dict(world.tasks)
        self.targets = dict(world.targets)
        self.definitions = dict(world.definitions)
        self.applications = dict(world.applications)
        self.deployment_groups = dict(world.deployment_groups)
        self.rollouts = dict(world.rollouts)
        self.effects: list[Effect] = []
        self.settings: dict[str, TargetGroup | None] = {}  # of target groups, as the catalog has them

    def freeze(self) -> World:
        tables = {f.name: getattr(self, f.name) for f in fields(World) if hasattr(self, f.name) and f.name != "seed"}
        tables["activities"] = tuple(self.activities)
        return replace(self.world, **tables)

    def fresh(self, length: int) -> str:
        """A new hexadecimal id; the same history gives the same ids."""
        self.serial += 1
        return hashlib.sha256(f"{self.world.seed}:{self.serial}".encode()).hexdigest()[:length]

    def group_of(self, provider: Provider) -> Group | None:
        """The group behind *provider*: another one of that name is not (aws.md 1.7: the arn is for life)."""
        return next((one for one in self.groups.values() if one.arn == provider.group_arn), None)

    def providers_of(self, group: str) -> list[Provider]:
        """The active capacity providers in front of the group of that name."""
        live = self.groups.get(group)
        return [one for one in self.providers.values() if live and one.active and one.group_arn == live.arn]

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.world.region}:{self.world.account}:{rest}"


def member_node(nodes: Mapping[str, Node], member: str) -> Node | None:
    """The container instance of an instance; INACTIVE ones are gone."""
    return next((n for n in nodes.values() if n.member == member and n.status != "INACTIVE"), None)
