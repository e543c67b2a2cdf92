"""The parsed form of a pool of hosts: what is launched, how many, and how they are replaced."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Architecture = Literal["x86_64", "arm64"]
Os = Literal["al2023", "bottlerocket"]
TAG_VALUE = 256  # characters (aws.md, tags)
FAMILY = re.compile(r"([a-z]+)([0-9]+)([a-z]*)[a-z0-9-]*\.")


@dataclass(frozen=True, slots=True)
class Image:
    """A machine image: `id`, or the SSM parameter that names it. ``manual`` keeps what is live until asked."""

    id: str | None = None
    ssm: str | None = None
    update: Literal["manual", "auto"] = "manual"

    @property
    def origin(self) -> str:
        """What it is named by, as a tag can hold it."""
        name = self.id or self.ssm or ""
        return name if len(name) <= TAG_VALUE else hashlib.sha256(name.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Size:
    min: int
    desired: int
    max: int


@dataclass(frozen=True, slots=True)
class Rollout:
    """How the hosts of a pool are replaced (DESIGN.md section 5)."""

    strategy: Literal["rolling"] = "rolling"
    max_surge: int = 1
    max_unavailable: int = 0
    ready_timeout: timedelta = timedelta(minutes=10)
    drain_timeout: timedelta = timedelta(minutes=15)
    bake: timedelta = timedelta(seconds=30)
    allow_raise_max: bool = True
    on_drain_timeout: Literal["halt", "force"] = "halt"
    standalone: Literal["wait", "stop", "ignore"] = "wait"


@dataclass(frozen=True, slots=True)
class BlockDevice:
    """One EBS volume of a host; it goes with the host. `size` is GiB, `throughput` MiB/s; `kms_key` "" is AWS's own."""

    device: str
    size: int
    type: str = "gp3"
    iops: int | None = None  # None: what the type comes with
    throughput: int | None = None
    encrypted: bool = True
    kms_key: str = ""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The instance metadata service. `hop_limit` 1 keeps bridge containers away from the host's credentials."""

    tokens: Literal["required", "optional"] = "required"
    hop_limit: int = 1
    tags: bool = False


@dataclass(frozen=True, slots=True)
class Spot:
    """How many hosts are on demand: the first `on_demand_base`, and a percentage of those beyond."""

    on_demand_base: int = 0
    on_demand_percent: int = 0
    strategy: str = "price-capacity-optimized"


@dataclass(frozen=True, slots=True)
class Scaling:
    """ECS managed scaling: ECS owns the group's desired capacity inside min and max."""

    target_capacity: int = 100  # percent of the hosts that tasks reserve
    min_step: int = 1
    max_step: int = 10000
    warmup: timedelta = timedelta(seconds=300)
    termination_protection: bool = False


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Percent of desired that serves while AWS itself replaces hosts (health, zone rebalancing)."""

    min_healthy: int
    max_healthy: int


@dataclass(frozen=True, slots=True)
class Hook:
    """A lifecycle hook that somebody else completes; `default` is what its heartbeat running out means."""

    name: str
    on: Literal["launching", "terminating"]
    heartbeat: timedelta = timedelta(hours=1)
    default: Literal["continue", "abandon"] = "continue"


@dataclass(frozen=True, slots=True)
class TargetTracking:
    """Keep `metric` at `target` percent."""

    name: str
    metric: Literal["cpu_reservation", "memory_reservation", "cpu_utilization"] = "cpu_reservation"
    target: float = 0
    warmup: timedelta = timedelta(seconds=300)
    scale_in: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """From `low` up to `high` beyond the alarm's threshold (None: without end), `add` so many hosts."""

    low: float | None
    high: float | None
    add: int


@dataclass(frozen=True, slots=True)
class StepScaling:
    """Steps, for an alarm of somebody else's that names the policy among its actions."""

    name: str
    steps: tuple[Step, ...]
    warmup: timedelta = timedelta(seconds=300)


@dataclass(frozen=True, slots=True)
class Scheduled:
    """At the times of `schedule` (cron, in `timezone`), the sizes that are given."""

    name: str
    schedule: str
    timezone: str = "UTC"
    min: int | None = None
    max: int | None = None
    desired: int | None = None


ScalingPolicy = TargetTracking | StepScaling | Scheduled


@dataclass(frozen=True, slots=True)
class Pool:
    """One pool of hosts: a launch template, an auto scaling group and a capacity provider.

    instance_type    "" where `instance_types` are given, in the order of preference
    """

    name: str
    instance_type: str
    image: Image
    size: Size
    rollout: Rollout = Rollout()
    user_data: str = (
        ""  # al2023: shell lines run after the host was told its cluster; bottlerocket: more settings, TOML
    )
    security_groups: tuple[str, ...] = ()  # extra security group ids
    managed_draining: bool = True
    instance_types: tuple[str, ...] = ()
    spot: Spot | None = None
    architecture: Architecture = "x86_64"
    os: Os = "al2023"
    block_devices: tuple[BlockDevice, ...] = ()
    metadata: Metadata = Metadata()
    policies: tuple[str, ...] = ()  # extra managed policies of the hosts' role, by arn
    ssh_key: str = ""
    monitoring: bool = False  # every minute instead of every five
    scaling: Scaling | None = None
    scaling_policies: tuple[ScalingPolicy, ...] = ()
    lifecycle_hooks: tuple[Hook, ...] = ()
    maintenance: Maintenance | None = None

    @property
    def types(self) -> tuple[str, ...]:
        """Every instance type a host of this pool may be."""
        return self.instance_types or (self.instance_type,)

    @property
    def most(self) -> int:
        """The most hosts there may be outside a roll: a schedule may allow more than `size`."""
        scheduled = [one.max for one in self.scaling_policies if isinstance(one, Scheduled) and one.max is not None]
        return max(self.size.max, *scheduled) if scheduled else self.size.max

    @property
    def elastic(self) -> bool:
        """Somebody else owns the number of hosts inside min and max; `size.desired` is its birth value only."""
        return self.scaling is not None or bool(self.scaling_policies)


def architecture_of(instance_type: str) -> Architecture | None:
    """What the family's name says: a ``g`` behind the generation is Graviton. None for a name of another form.

    >>> [architecture_of(one) for one in ("t4g.small", "c7gn.large", "g4dn.xlarge", "a1.large", "u-6tb1.metal")]
    ['arm64', 'arm64', 'x86_64', 'arm64', None]
    """
    found = FAMILY.match(instance_type)
    if found is None:
        return None
    return "arm64" if "g" in found[3] or found[1] + found[2] == "a1" else "x86_64"
