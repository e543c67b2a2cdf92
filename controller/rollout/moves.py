"""The moves of a rollout: one decision each, with its reason, which is shown to people as it stands. Pure.

`rollout/decide.py` chooses them, `rollout/fleet.py` carries them out, `report/` tells of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.base.crumbs import AwayCrumb
from controller.base.keys import Tags
from controller.rollout.model import Target


@dataclass(frozen=True, slots=True)
class SetCapacity:
    """Raise desired (never lower it); `max` when MaxSize must change first, or alone to restore it."""

    desired: int
    why: str
    max: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """Write breadcrumbs: on the group, and baselines on services by arn."""

    tags: Tags
    why: str
    services: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Forget:
    """Remove breadcrumbs: of the group (tag keys), of hosts (ids, all their crumbs), of services (arns)."""

    why: str
    tags: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Suspend:
    """Suspend AZRebalance; the record was written before."""

    why: str


@dataclass(frozen=True, slots=True)
class Resume:
    """Resume what we suspended and drop the record."""

    processes: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class MarkReady:
    """Note that a host is ready since now, and protect it from scale-in for the rest of the roll."""

    host: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Unready:
    """A host that was ready is not any more: its bake starts again when it is."""

    host: str
    why: str


@dataclass(frozen=True, slots=True)
class MarkAway:
    """Note since when a host's agent is away, and that it is so now: AWS tells neither, and rule 5 asks."""

    host: str
    note: AwayCrumb
    why: str


@dataclass(frozen=True, slots=True)
class MarkBack:
    """A host's agent is connected again: the note goes."""

    host: str
    why: str


@dataclass(frozen=True, slots=True)
class Unprotect:
    hosts: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Cordon:
    host: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Uncordon:
    host: str
    why: str


@dataclass(frozen=True, slots=True)
class StopTasks:
    """Stop standalone tasks that hold up a drain (`standalone: stop`)."""

    tasks: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Deregister:
    """Take out of our target groups what no task stands behind: put there by hand, or by the group itself."""

    targets: tuple[Target, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Terminate:
    """TerminateInstanceInAutoScalingGroup; `shrink` decrements desired."""

    host: str
    shrink: bool
    why: str


@dataclass(frozen=True, slots=True)
class ForceDeregister:
    """Remove container instances that cannot leave by themselves: host or agent is gone (aws.md 1.5)."""

    container_instances: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing may be done now; `why` has the numbers, `after` when to look again at the latest."""

    why: str
    after: timedelta = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Halt:
    """A person is needed; nothing more is done for this generation."""

    code: str
    why: str


@dataclass(frozen=True, slots=True)
class Done:
    why: str


Move = (
    SetCapacity
    | Record
    | Forget
    | Suspend
    | Resume
    | MarkReady
    | Unready
    | MarkAway
    | MarkBack
    | Unprotect
    | Cordon
    | Uncordon
    | StopTasks
    | Deregister
    | Terminate
    | ForceDeregister
    | Wait
    | Halt
    | Done
)
