"""When is a host drained? Only on evidence (DESIGN.md 5, rule 5). Pure.

`runningTasksCount` and the default task list reach zero while tasks still serve (aws.md 1.2), so neither is looked at:
every task must have lastStatus STOPPED, and every target of our groups there, the host's ports and the addresses of its
tasks, must be gone or `unused`. One that no
task stands behind would be waited for in vain: `strays` names it, to be deregistered. Groups of others are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from controller.base.crumbs import AwayCrumb
from controller.base.words import plural
from controller.rollout.model import LOST_AFTER, UNSEEN, Fleet, Host, Policy, Target, Task

SERVING = {"healthy", "draining", "unhealthy.draining"}  # requests may be in flight there
LEAVING = {"draining", "unhealthy.draining", "unused"}  # states of a target that was deregistered already


def blocking(host: Host, fleet: Fleet, policy: Policy, now: datetime) -> str | None:
    """Why *host* is not drained yet, with the numbers; None when it is."""
    if lost(host, now):
        serving = [t for t in host.targets if t.state == "healthy" or (t.state in SERVING and not host.dead)]
        if serving:
            states = ", ".join(sorted({t.state for t in serving}))
            return f"{plural(len(serving), 'target')} of the lost host may still serve ({states})"
        return _services_short(host, fleet)
    if tasks := _tasks_left(host, policy):
        return tasks
    if left := [t for t in host.targets if t.state != "unused"]:
        states = ", ".join(sorted({t.state for t in left}))
        return f"{plural(len(left), 'target')} not yet unused ({states})"
    return _services_short(host, fleet)


def lost(host: Host, now: datetime) -> bool:
    """The host cannot drain any more: its machine is dead, or its agent has been away for over 5 m.

    What may still serve there is waited for, even then. The group's "Unhealthy" alone is not enough: the machine runs
    on, and drains like any other.
    """
    return host.dead or agent_lost(host, now)


def agent_lost(host: Host, now: datetime) -> bool:
    """Its agent has been away for over 5 m, by our own note: how long is not in AWS."""
    note = fresh_note(host, now)
    return away(host) and note is not None and now - note.since > LOST_AFTER


def away(host: Host) -> bool:
    """It joined, and its agent is not connected."""
    return host.container_instance is not None and not host.agent_connected and not host.dead


def fresh_note(host: Host, now: datetime) -> AwayCrumb | None:
    """The note on *host* about its agent; None where nobody looked for so long that it says nothing."""
    return host.away if host.away is not None and now - host.away.seen <= UNSEEN else None


def lost_agents(hosts: Sequence[Host], now: datetime) -> tuple[Host, ...]:
    """The hosts that are to be replaced because their agent is lost.

    None when most of the pool is away: then it is not the hosts (ECS is out of reach, or the version is bad), and
    others in their place would fare no better.
    """
    joined = [host for host in hosts if host.container_instance is not None and not host.leaving and not host.dead]
    absent = [host for host in joined if away(host)]
    few = len(absent) == 1 or 2 * len(absent) <= len(joined)
    return tuple(host for host in absent if agent_lost(host, now)) if few else ()


def strays(host: Host, policy: Policy, now: datetime) -> tuple[Target, ...]:
    """The targets still registered on a host whose tasks are gone: put there by hand, by the group, or left behind.

    ECS takes its own out before a task stops (aws.md 1.3). While a task is left, a target may be its.
    """
    if not lost(host, now) and _tasks_left(host, policy):
        return ()
    running = [task for task in host.tasks if not task.stopped]
    serving = [target for target in host.targets if target.state not in LEAVING]
    return tuple(target for target in serving if not any(_behind(target, task) for task in running))


def _behind(target: Target, task: Task) -> bool:
    """Whether *target* is the task's: by its own address, or by a port it took of its host."""
    if target.address:
        return target.address in task.addresses
    return target.port in {*task.ports, *task.static_ports}


def stray(targets: Sequence[Target]) -> str:
    """Why *targets* are deregistered."""
    where = ", ".join(f"{target.id}:{target.port}" for target in targets[:3])
    return f"no task stands behind {where}{', ...' if len(targets) > 3 else ''}: deregistered first"


def standalone(host: Host) -> tuple[str, ...]:
    """The running tasks no service will move; those told to stop already are only waited for."""
    return tuple(t.arn for t in host.open_tasks if t.service is None and t.desired_status == "RUNNING")


def last_words(host: Host, fleet: Fleet) -> str:
    """What ECS last said about each service with a task on *host*: why it does not move (rule 8); "" for nothing."""
    here = {task.service for task in host.tasks}
    said = [f"; {s.name}: {s.last_event}" for s in fleet.services if s.name in here and s.last_event]
    return "".join(said)


def _tasks_left(host: Host, policy: Policy) -> str | None:
    left = [t for t in host.open_tasks if t.service is not None or policy.standalone != "ignore"]
    if not left:
        daemons = [t for t in host.tasks if t.daemon and t.desired_status == "STOPPED" and not t.stopped]
        return f"{plural(len(daemons), 'daemon task')} still stopping" if daemons else None
    states = ", ".join(f"{t.service or 'standalone'} {t.last_status}" for t in left[:4])
    return f"{plural(len(left), 'task')} left ({states}{', ...' if len(left) > 4 else ''})"


def _services_short(host: Host, fleet: Fleet) -> str | None:
    """A service that had a task here and does not yet run elsewhere what it ran before."""
    here = {task.service for task in host.tasks if task.service is not None}
    for service in fleet.services:
        if service.name not in here or service.daemon:
            continue
        if service.running < service.floor:
            return f"service {service.name} runs {service.running}, floor {service.floor}"
        if service.healthy is not None and service.healthy < service.healthy_floor:
            return f"service {service.name} has {service.healthy} healthy targets, floor {service.healthy_floor}"
    return None
