"""The life of a task, PROVISIONING to STOPPED (aws.md 1.3). Pure.

The scheduler's way of stopping one is deregistration first: the target drains for its whole delay, and only then does
the process get SIGTERM, and after its stop timeout SIGKILL.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from controller.sandbox import targets
from controller.sandbox.timings import Timings
from controller.sandbox.world import Draft, Interface, Json, Node, Service, SignalTask, StartTask, Task


def start(
    draft: Draft,
    cluster: str,
    node: Node | None,
    definition: Json,
    ports: tuple[tuple[int, int], ...],
    *,
    cpu: int,
    memory: int,
    static: tuple[int, ...] = (),
    service: Service | None = None,
    deployment: str = "",
    group: str = "",
    started_by: str = "",
    zone: str = "",
    provider: str = "",
    interface: Interface | None = None,
) -> Task:
    """A task on *node* (None: on Fargate), PROVISIONING; its process is started once the image was pulled."""
    timeouts = [int(c.get("stopTimeout", 30)) for c in definition["containerDefinitions"]]
    task = Task(
        draft.arn("ecs", f"task/{cluster}/{draft.fresh(32)}"),
        cluster,
        definition["taskDefinitionArn"],
        node.arn if node else "",
        node.member if node else "",
        cpu,
        memory,
        draft.now,
        draft.now,
        service.name if service else None,
        deployment,
        ports=ports,
        static_ports=static,
        stop_timeout=timedelta(seconds=max(timeouts)),
        group=group or (f"service:{service.name}" if service else f"family:{definition['family']}"),
        started_by=started_by or deployment,
        zone=node.zone if node else zone,
        provider=provider,
        interface=interface,
    )
    draft.tasks[task.arn] = task
    return task


def advance(draft: Draft) -> None:
    for task in list(draft.tasks.values()):
        _advance(draft, task)


def _advance(draft: Draft, task: Task) -> None:
    age = draft.now - task.since
    if task.unreported is not None and task.open and reachable(draft, task):
        exited(draft, task.arn, task.unreported)  # the agent is back, and tells what happened meanwhile
        return
    match task.last:
        case "PROVISIONING" if age >= _provisioning(draft, task):
            _enter(draft, task, "PENDING")
        case "PENDING" if age >= draft.timings.pull / 2 and reachable(draft, task):
            _pull(draft, task)
        case "DEACTIVATING" if not _registered(draft, task) and reachable(draft, task):
            draft.effects.append(SignalTask(task.arn))
            _enter(draft, task, "STOPPING")
        case "STOPPING" if age >= task.stop_timeout:  # SIGKILL after the stop timeout (aws.md 1.3)
            draft.effects.append(SignalTask(task.arn, kill=True))
            draft.tasks[task.arn] = replace(task, since=draft.now)
        case "DEPROVISIONING" if age >= draft.timings.interface:
            stopped(draft, task, task.stop_code, task.reason, task.exit_code)
        case "STOPPED" if task.stopped and not task.orphan and draft.now - task.stopped >= draft.timings.cleanup:
            del draft.tasks[task.arn]  # stopped tasks stay visible for an hour (aws.md 1.2)


def _provisioning(draft: Draft, task: Task) -> timedelta:
    """Until the task has its place: Fargate's takes long, and so does an interface of its own (aws.md 1.3)."""
    timings: Timings = draft.timings
    if task.serverless:
        return timings.provision
    return timings.pull / 2 + (timings.interface if task.interface else timedelta())


def _pull(draft: Draft, task: Task) -> None:
    """The image is pulled and the process asked for; without the image the task never runs."""
    definition = draft.definitions[task.task_definition]
    for container in definition["containerDefinitions"]:
        if not draft.catalog.image_exists(container["image"]):
            reason = f"CannotPullContainerError: {container['image']}: not found"
            stopped(draft, task, "TaskFailedToStart", reason, None)
            return
    draft.effects.append(StartTask(task, definition))
    _enter(draft, task, "ACTIVATING")


def running(draft: Draft, arn: str) -> None:
    """The process answers the machine: RUNNING, and its targets are registered."""
    task = draft.tasks.get(arn)
    if task is None or task.last != "ACTIVATING" or not reachable(draft, task):
        return
    if task.wanted == "STOPPED":
        draft.effects.append(SignalTask(arn))
        _enter(draft, task, "STOPPING")
        return
    draft.tasks[arn] = replace(task, last="RUNNING", since=draft.now, started=draft.now)
    for group, port in registrations(draft, task):
        # by (instance, host port), or by (own address, container port) (aws.md 4.3, 11.7)
        targets.register(draft, group, [(task.place, port)], zone=task.zone)


def reachable(draft: Draft, task: Task) -> bool:
    """Its agent hears what it should do, and tells what happened: connected, on a host that is on (aws.md 1.5)."""
    if task.serverless:
        return True
    node, host = draft.nodes.get(task.node), draft.members.get(task.member)
    return node is not None and node.connected and host is not None and not host.dead


def registrations(draft: Draft, task: Task) -> list[tuple[str, int]]:
    """(target group, host port) this task is, or would be, registered under."""
    service = draft.services.get((task.cluster, task.service)) if task.service else None
    bound = dict(task.ports)
    return [(arn, bound[port]) for arn, port in service.groups_of(task.deployment) if port in bound] if service else []


def container_health(draft: Draft, task: Task) -> str:
    """What the health commands of its essential containers found: HEALTHY once each ran once, UNKNOWN before that, ""
    where there are none. They pass here, always."""
    definition = draft.definitions[task.task_definition]
    checks = [c["healthCheck"] for c in definition["containerDefinitions"] if c.get("healthCheck") and c["essential"]]
    if not checks:
        return ""
    first = timedelta(seconds=max(int(one["interval"]) for one in checks))
    return "HEALTHY" if task.started is not None and draft.now - task.started >= first else "UNKNOWN"


def exited(draft: Draft, arn: str, code: int) -> None:
    """The process ended: as asked, or by itself (an essential container: the task is over)."""
    task = draft.tasks.get(arn)
    if task is None or not task.open:
        return
    if not reachable(draft, task):
        draft.tasks[arn] = replace(task, unreported=code)
        return
    why = (task.stop_code, task.reason)
    if task.wanted != "STOPPED":
        ran = task.last in {"RUNNING", "DEACTIVATING"}
        why = ("EssentialContainerExited" if ran else "TaskFailedToStart", "Essential container in task exited")
    if task.interface is None:
        stopped(draft, task, *why, code)
        return
    _deregister(draft, task)
    going = replace(task, wanted="STOPPED", stop_code=why[0], reason=why[1], exit_code=code)
    draft.tasks[arn] = replace(going, stopping=task.stopping or draft.now)
    _enter(draft, going, "DEPROVISIONING")  # the interface is detached first (aws.md 1.3)


def stop(draft: Draft, task: Task, code: str, reason: str, *, abrupt: bool = False) -> None:
    """desiredStatus STOPPED. A scheduler deregisters first; a user's StopTask sends SIGTERM at once (aws.md 1.3)."""
    going = replace(task, wanted="STOPPED", stop_code=code, reason=reason, stopping=draft.now, abrupt=abrupt)
    draft.tasks[task.arn] = going
    _deregister(draft, task)
    if task.last in {"PROVISIONING", "PENDING"}:
        stopped(draft, going, code, reason, None)  # nothing runs yet: stopped immediately (aws.md 1.1)
    elif task.last == "RUNNING":
        if (_registered(draft, task) and not abrupt) or not reachable(draft, task):
            _enter(draft, going, "DEACTIVATING")
        else:
            draft.effects.append(SignalTask(task.arn))
            _enter(draft, going, "STOPPING")


def stopped(draft: Draft, task: Task, code: str, reason: str, exit_code: int | None) -> None:
    """STOPPED; a target that is still registered starts to drain now (it was not deregistered before)."""
    draft.tasks[task.arn] = replace(
        task,
        last="STOPPED",
        wanted="STOPPED",
        since=draft.now,
        stopped=draft.now,
        stopping=task.stopping or draft.now,
        stop_code=code or task.stop_code,
        reason=reason or task.reason,
        exit_code=exit_code,
    )
    _deregister(draft, task)


def _deregister(draft: Draft, task: Task) -> None:
    for group, port in registrations(draft, task):
        targets.deregister(draft, group, [(task.place, port)])


def _registered(draft: Draft, task: Task) -> bool:
    """A target of it is still there, draining included: ECS waits for `unused` (aws.md 1.3)."""
    return any((group, task.place, port) in draft.targets for group, port in registrations(draft, task))


def _enter(draft: Draft, task: Task, state: str) -> None:
    draft.tasks[task.arn] = replace(draft.tasks[task.arn], last=state, since=draft.now)
