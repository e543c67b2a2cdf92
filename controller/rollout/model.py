"""The values a rollout reasons about. Pure: no AWS shapes, no clock.

A `Fleet` is one pool as it is now: its group, its hosts, and the services that have tasks on them. A `Move` is one
decision with its reason. `Policy` is what the spec allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

from controller.base.crumbs import AwayCrumb, BaselineCrumb, HaltCrumb, RollCrumb
from controller.spec.types import Stack

LOST_AFTER = timedelta(minutes=5)  # rule 5: an agent away for longer makes its host lost
UNSEEN = timedelta(minutes=2)  # an agent nobody looked at for so long may have been back meanwhile


@dataclass(frozen=True, slots=True)
class Task:
    """One ECS task; `service` None for a standalone one."""

    arn: str
    service: str | None
    last_status: str
    desired_status: str = "RUNNING"
    host: str | None = None  # EC2 instance id
    daemon: bool = False
    started_by: str = ""
    created_at: datetime | None = None
    cpu: int = 0
    memory: int = 0
    ports: tuple[int, ...] = ()  # host ports bound now
    static_ports: tuple[int, ...] = ()  # host ports the task definition fixes
    addresses: tuple[str, ...] = ()  # of its own network interface; none where it shares its host's

    @property
    def stopped(self) -> bool:
        return self.last_status in {"STOPPED", "DELETED"}


@dataclass(frozen=True, slots=True)
class Target:
    """One registration in a target group of ours: (instance, port), or (address of a task, port)."""

    group: str  # arn
    host: str
    port: int
    state: str  # initial healthy unhealthy unhealthy.draining draining unused unavailable
    address: str = ""  # what it is registered by, where that is not the host

    @property
    def id(self) -> str:
        """As the load balancer knows it."""
        return self.address or self.host


@dataclass(frozen=True, slots=True)
class Resources:
    cpu: int = 0  # ECS units, 1024 per vCPU
    memory: int = 0  # MiB
    interfaces: int | None = None  # network interfaces for tasks; None where no task asks for one


@dataclass(frozen=True, slots=True)
class Host:
    """One EC2 instance of the group. `current`: of the wanted launch template version and, where a group mixes them, of
    a type in its list; in a subnet of the group; its agent not lost."""

    id: str
    zone: str
    current: bool
    lifecycle: str = "InService"
    healthy: bool = True  # in the group's eyes, which replaces it if not
    dead: bool = False  # its machine does not run: nothing serves or answers there any more
    instance_type: str = ""
    subnet: str = ""
    version: str = ""
    launched_at: datetime | None = None
    container_instance: str | None = None  # arn
    agent_status: str | None = None  # ACTIVE DRAINING ... ; None: it never joined
    agent_connected: bool = False
    ready_since: datetime | None = None
    unready: bool = False  # it was ready for this roll once, and its agent went away
    cordoned_at: datetime | None = None
    away: AwayCrumb | None = None  # as noted by the passes that saw its agent away
    protected: bool = False
    tasks: tuple[Task, ...] = ()
    targets: tuple[Target, ...] = ()
    registered: Resources = Resources()
    free: Resources = Resources()

    @property
    def leaving(self) -> bool:
        """The group is terminating it: it no longer counts as capacity."""
        return self.lifecycle.startswith(("Terminat", "Detach"))

    @property
    def up(self) -> bool:
        """In service with a connected agent, whether or not it takes new tasks."""
        return self.lifecycle == "InService" and self.healthy and self.agent_connected

    @property
    def active(self) -> bool:
        """Up, and ECS places tasks on it."""
        return self.up and self.agent_status == "ACTIVE"

    @property
    def cordoned(self) -> bool:
        return self.agent_status == "DRAINING"

    @property
    def open_tasks(self) -> tuple[Task, ...]:
        """Tasks that have not stopped, daemons left out (ECS stops those last)."""
        return tuple(task for task in self.tasks if not task.stopped and not task.daemon)


@dataclass(frozen=True, slots=True)
class Service:
    """One ECS service of the cluster, ours or not, with what its deployments are doing."""

    name: str  # live name
    desired: int
    running: int
    pending: int = 0
    healthy: int | None = None  # healthy targets; None: no load balancer
    min_percent: int = 100
    max_percent: int = 200
    deploying: bool = False
    daemon: bool = False
    ours: bool = True
    arn: str = ""
    baseline: BaselineCrumb | None = None
    cpu: int = 0  # of one task
    memory: int = 0
    static_ports: tuple[int, ...] = ()
    interfaces: int = 0  # network interfaces of its host that one task takes
    alone: bool = False  # no two of its tasks on one host
    twice: bool = False  # a deployment brings all its tasks before one of the old goes (CodeDeploy, aws.md 4.5)
    last_event: str = ""

    @property
    def floor(self) -> int:
        """What must be running before a host of it counts as drained: min(desired now, baseline)."""
        return min(self.desired, self.baseline.running) if self.baseline else self.desired

    @property
    def healthy_floor(self) -> int:
        return min(self.desired, self.baseline.healthy) if self.baseline else self.desired


@dataclass(frozen=True, slots=True)
class Probe:
    """What the gate's own requests found: `ok` None when nothing was measured yet."""

    ok: bool | None
    detail: str = ""


@dataclass(frozen=True)  # no slots: live, old and new are worked out once, and asked for many times a pass
class Fleet:
    """One pool: wanted `size`, live bounds, hosts. `generation` is the launch template and version wanted.

    elastic   somebody else (managed scaling, scaling policies) owns `desired` inside the bounds: `size` is then what it
              was when the roll began, the floor rests on it, and hosts beyond it are not ours to remove
    """

    pool: str
    group: str
    generation: str
    size: int
    min: int
    max: int
    desired: int
    hosts: tuple[Host, ...] = ()
    services: tuple[Service, ...] = ()
    roll: RollCrumb | None = None
    halted: HaltCrumb | None = None
    paused: str = ""
    suspended: tuple[str, ...] = ()  # live
    suspended_by_us: tuple[str, ...] = ()  # recorded
    spec_max: int = 0
    elastic: bool = False
    refresh: str = ""  # an instance refresh of somebody else that is under way
    launch_failure: str = ""  # newest failed launch since the roll began, when no later one succeeded
    launch_failure_final: bool = False
    alarms: tuple[str, ...] = ()  # gate alarms in ALARM
    no_data: tuple[str, ...] = ()  # gate alarms without data
    no_data_since: tuple[tuple[str, datetime], ...] = ()  # (alarm, when it entered that state), where known
    probe: Probe = Probe(None)
    leftovers: tuple[str, ...] = ()  # container instances whose EC2 instance is gone
    unmanaged_draining: bool = False
    attached: tuple[str, ...] = ()  # target groups of others that somebody attached to the group
    protects_new: bool = False  # the group itself protects what it launches
    zones: tuple[str, ...] = ()  # of the group, those without a host included

    @cached_property
    def live(self) -> tuple[Host, ...]:
        return tuple(host for host in self.hosts if not host.leaving)

    @cached_property
    def old(self) -> tuple[Host, ...]:
        return tuple(host for host in self.live if not host.current)

    @cached_property
    def new(self) -> tuple[Host, ...]:
        return tuple(host for host in self.live if host.current)


@dataclass(frozen=True, slots=True)
class Policy:
    """What the spec allows for one pool."""

    max_surge: int = 1
    max_unavailable: int = 0
    ready_timeout: timedelta = timedelta(minutes=10)
    drain_timeout: timedelta = timedelta(minutes=15)
    bake: timedelta = timedelta(seconds=30)
    allow_raise_max: bool = True
    on_drain_timeout: Literal["halt", "force"] = "halt"
    standalone: Literal["wait", "stop", "ignore"] = "wait"
    no_data_wait: timedelta = timedelta(minutes=2)
    no_data_then: Literal["halt", "pass"] = "halt"
    probe: bool = False


def policy_of(stack: Stack, pool: str) -> Policy:
    """The policy the spec states for *pool*."""
    rollout = stack.pool(pool).rollout
    return Policy(
        rollout.max_surge,
        rollout.max_unavailable,
        rollout.ready_timeout,
        rollout.drain_timeout,
        rollout.bake,
        rollout.allow_raise_max,
        rollout.on_drain_timeout,
        rollout.standalone,
        stack.gates.no_data.wait,
        stack.gates.no_data.then,
        stack.gates.probe is not None,
    )
