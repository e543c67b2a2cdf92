"""The service scheduler: replaces tasks within minimumHealthyPercent and maximumPercent. Pure.

Deployments, draining hosts, unhealthy targets and changed counts are all the same to it: some tasks should go, some
are missing, and both happen only within the bounds (aws.md 1.1).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from controller.sandbox import tasks as life
from controller.sandbox.placement import Demand, attach, bind, demand, free, place, provider_for, subnet_for
from controller.sandbox.targets import alive, health, settings_of
from controller.sandbox.world import Deployment, Draft, Json, Node, Service, Task

EVENTS_KEPT = 100  # aws.md 4.1
SUPPRESS = timedelta(hours=6)  # of equal events
HISTORY_KEPT = 20
UNHEALTHY = "Task failed ELB health checks"


def advance(draft: Draft) -> None:
    life.advance(draft)
    for key, service in list(draft.services.items()):
        if service.status != "ACTIVE" or not (service.daemon or service.controller != "ECS"):  # those have others
            _look(draft, key)


def threshold(desired: int) -> int:
    """Failed tasks that trip the circuit breaker: clamp(ceil(desired / 2), 3, 200) (aws.md 4.2)."""
    return max(3, min(200, math.ceil(desired / 2)))


def bounds(service: Service) -> tuple[int, int]:
    """(least healthy, most open) tasks: min is rounded up, max down (aws.md 1.1)."""
    least = math.ceil(service.desired * service.min_percent / 100)
    return least, math.floor(service.desired * service.max_percent / 100)


def tasks_of(draft: Draft, service: Service) -> list[Task]:
    """Every task of the service that has not stopped."""
    return [
        task
        for task in draft.tasks.values()
        if task.service == service.name
        and task.cluster == service.cluster
        and task.open
        and (not service.only or task.deployment == service.only)
    ]


def is_healthy(draft: Draft, service: Service, task: Task) -> bool:
    """RUNNING and, behind a load balancer, healthy in every target group, and by its containers' own checks; without
    any of these RUNNING for a while (aws.md 1.1)."""
    if task.last != "RUNNING" or task.wanted != "RUNNING":
        return False
    groups = life.registrations(draft, task)
    checked = life.container_health(draft, task)
    if checked == "UNKNOWN":
        return False
    if not groups and checked == "HEALTHY":
        return True
    if not groups:
        return task.started is not None and draft.now - task.started >= draft.timings.stable
    return all(_state(draft, group, task, port) == "healthy" for group, port in groups)


def _state(draft: Draft, group: str, task: Task, port: int) -> str:
    target = draft.targets.get((group, task.place, port))
    settings = settings_of(draft, group)
    if target is None or settings is None:
        return "unused"
    return health(target, settings, alive=alive(draft, task.place))[0]


# ------------------------------------------------------------------------------------------------ one service
def _look(draft: Draft, key: tuple[str, str]) -> None:
    service = draft.services[key]
    if service.status == "INACTIVE":
        return
    opened = tasks_of(draft, service)
    if service.status == "DRAINING":
        _wind_down(draft, service, opened)
        return
    schedule(draft, service)


def schedule(draft: Draft, service: Service) -> None:
    """One look at the tasks of *service*: what it lacks is started, what should go is stopped."""
    key = (service.cluster, service.name)
    service = judged(draft, service)
    opened = tasks_of(draft, service)
    leaving = _leaving(draft, service, opened)
    _start(draft, service, opened, leaving)
    stop(draft, draft.services[key], tasks_of(draft, service), leaving)
    settle(draft, draft.services[key])


def judged(draft: Draft, service: Service) -> Service:
    """*service* with what its tasks became since the last look: healthy ones noted, failures counted."""
    key = (service.cluster, service.name)
    for task in tasks_of(draft, service):
        if not task.was_healthy and is_healthy(draft, service, task):
            draft.tasks[task.arn] = replace(task, was_healthy=True)
            if task.deployment == service.primary.id:
                _put(draft, service, replace(draft.services[key].primary, recovered=draft.now, retry_at=None))
    _breaks(draft, draft.services[key])
    _alarmed(draft, draft.services[key])
    return draft.services[key]


def _wind_down(draft: Draft, service: Service, opened: Sequence[Task]) -> None:
    """A deleted service stops its tasks, deregistering first; INACTIVE once all are STOPPING or STOPPED (5.3)."""
    for task in opened:
        if task.wanted == "RUNNING":
            life.stop(draft, task, "ServiceSchedulerInitiated", "Scaling activity initiated by deletion")
    if all(task.last in {"STOPPING", "DEPROVISIONING", "STOPPED"} for task in tasks_of(draft, service)):
        draft.services[service.cluster, service.name] = replace(service, status="INACTIVE")


def _leaving(draft: Draft, service: Service, opened: Sequence[Task]) -> list[Task]:
    """The tasks that should be replaced or removed, those that cost least first.

    A deployment that failed with nothing to go back to stalls: the older tasks stay (aws.md 4.2).
    """
    primary = service.primary
    wanted = [task for task in opened if task.wanted == "RUNNING"]
    bad = [
        task
        for task in wanted
        if (task.deployment != primary.id and primary.state != "FAILED")
        or draining(draft, task)
        or sick(draft, service, task)
    ]
    good = [task for task in wanted if task not in bad]
    return bad + _surplus(draft, good, len(good) - service.desired)


def _surplus(draft: Draft, tasks: Sequence[Task], count: int) -> list[Task]:
    """*count* of *tasks* to give up: what does not run yet, then from the fullest zone and host, newest first."""
    left = list(tasks)
    chosen: list[Task] = []
    while len(chosen) < count:
        by_zone, by_node = Counter(t.zone for t in left), Counter(t.node for t in left)
        victim = min(
            left,
            key=lambda t: (
                t.last == "RUNNING", -by_zone[t.zone], -by_node[t.node], -t.created.timestamp(), t.arn
            ),
        )  # fmt: skip
        left.remove(victim)
        chosen.append(victim)
    return chosen


def draining(draft: Draft, task: Task) -> bool:
    node = draft.nodes.get(task.node)
    return not task.serverless and (node is None or node.status != "ACTIVE")


def sick(draft: Draft, service: Service, task: Task) -> bool:
    """Its target is unhealthy, and the grace period is over (aws.md 4.2)."""
    if task.started is None or draft.now - task.started < service.grace:
        return False
    return any(_state(draft, g, task, port) == "unhealthy" for g, port in life.registrations(draft, task))


def waiting(draft: Draft, service: Service) -> int:
    """How many tasks the scheduler would start now if there were room."""
    opened = tasks_of(draft, service)
    return _missing(draft, service, opened, _leaving(draft, service, opened))


def _missing(draft: Draft, service: Service, opened: Sequence[Task], leaving: Sequence[Task]) -> int:
    primary = service.primary
    if primary.state == "FAILED" or (primary.retry_at and draft.now < primary.retry_at):
        return 0
    good = sum(1 for task in opened if task.wanted == "RUNNING" and task not in leaving)
    _, most = bounds(service)
    # maximumPercent counts stopping tasks too: the worse of the two readings (aws.md 1.1)
    return max(0, min(service.desired - good, most - len(opened)))


def _start(draft: Draft, service: Service, opened: Sequence[Task], leaving: Sequence[Task]) -> None:
    primary = service.primary
    definition = draft.definitions[primary.task_definition]
    need = demand(definition)
    for _ in range(_missing(draft, service, opened, leaving)):
        tasks = [task for task in tasks_of(draft, service) if task.wanted == "RUNNING"]
        provider = provider_for(service.strategy, tasks)
        if service.launch == "FARGATE":
            _launch_serverless(draft, service, definition, tasks, provider or "")
            service = draft.services[service.cluster, service.name]
            continue
        node = place(draft, service, need, provider)
        if isinstance(node, str):
            words = (
                f"was unable to place a task because no container instance met all of its requirements. Reason: {node}."
            )
            event(draft, service, f"(service {service.name}) {words}")
            return
        launch(draft, service, node, definition)
        service = draft.services[service.cluster, service.name]


def launch(draft: Draft, service: Service, node: Node, definition: Json) -> None:
    need = demand(definition)
    interface = attach(draft, service.network, node.zone) if service.network is not None else None
    node, ports = bind(node, need, free(draft, node)[2])
    draft.nodes[node.arn] = node
    provider = (node.provider or "") if service.strategy else ""  # told of tasks that came by one only (aws.md 4.3)
    _started(draft, service, node, definition, need, ports, interface=interface, provider=provider)


def _launch_serverless(draft: Draft, service: Service, definition: Json, tasks: Sequence[Task], provider: str) -> None:
    """One more task on Fargate: no host, a network interface of its own in the emptiest zone."""
    assert service.network is not None
    need, (_, zone) = demand(definition), subnet_for(draft, service, tasks)
    ports = tuple((port, port) for port in need.own_ports)
    interface = attach(draft, service.network, zone)
    _started(draft, service, None, definition, need, ports, interface=interface, zone=zone, provider=provider)


def _started(
    draft: Draft,
    service: Service,
    node: Node | None,
    definition: Json,
    need: Demand,
    ports: tuple[tuple[int, int], ...],
    **place: Any,
) -> None:
    primary = service.primary
    life.start(
        draft,
        service.cluster,
        node,
        definition,
        ports,
        cpu=need.cpu,
        memory=need.memory,
        static=need.static_ports,
        service=service,
        deployment=primary.id,
        **place,
    )
    _put(draft, service, replace(primary, launched=primary.launched + 1))
    event(draft, draft.services[service.cluster, service.name], f"(service {service.name}) has started 1 tasks.")


def stop(draft: Draft, service: Service, opened: Sequence[Task], leaving: Sequence[Task]) -> None:
    """Stop what should go: what is not healthy costs nothing, the rest only above the minimum (aws.md 1.1)."""
    least, _ = bounds(service)
    fit = sum(1 for task in opened if is_healthy(draft, service, task))
    for task in sorted(leaving, key=lambda t: is_healthy(draft, service, t)):
        if is_healthy(draft, service, task):
            if fit - 1 < least:
                return
            fit -= 1
        life.stop(draft, draft.tasks[task.arn], "ServiceSchedulerInitiated", _why(draft, service, task))


def _why(draft: Draft, service: Service, task: Task) -> str:
    if sick(draft, service, task):
        return UNHEALTHY
    return f"Scaling activity initiated by (deployment {service.primary.id})"


# ------------------------------------------------------------------------------------------------ deployments
def deploy(draft: Draft, service: Service, definition: str, *, rollback: bool = False) -> Service:
    """A new PRIMARY; the others become ACTIVE and are scaled down (aws.md 4.1)."""
    older = tuple(
        replace(d, status="ACTIVE", outcome="STOPPED" if d.outcome == "IN_PROGRESS" else d.outcome)
        for d in service.deployments
    )
    number = max((d.revision for d in (*service.deployments, *service.history)), default=0) + 1
    fresh = Deployment(
        f"ecs-svc/{int(draft.fresh(15), 16):019d}",
        definition,
        draft.now,
        draft.now,
        rollback=rollback,
        revision=number,
        balancers=service.balancers,
    )
    changed = replace(service, task_definition=definition, deployments=(fresh, *older))
    draft.services[service.cluster, service.name] = changed
    return changed


def _breaks(draft: Draft, service: Service) -> bool:
    """Count tasks in a row that failed before they were healthy; trip the circuit breaker (aws.md 4.1, 4.2)."""
    primary = service.primary
    failures = _failures(draft, service, primary)
    failed = len(failures)
    if failed == primary.failed or primary.state != "IN_PROGRESS":
        return False
    later = replace(primary, failed=failed, updated=draft.now)
    if failures and max(failures, key=_ended).started is None:
        # only tasks that never ran are held back, longer and longer, fifteen minutes at most (aws.md 4.1)
        pause = min(draft.timings.throttle / 4 * 2 ** min(failed - 1, 20), 45 * draft.timings.throttle)
        later = replace(later, retry_at=draft.now + pause)
    _put(draft, service, later)
    service = draft.services[service.cluster, service.name]
    if not service.breaker or failed < threshold(service.desired):
        return True
    reason = "ECS deployment circuit breaker: tasks failed to start."
    return _trip(draft, service, reason, rollback=service.rollback)


def _failures(draft: Draft, service: Service, primary: Deployment) -> list[Task]:
    """Tasks of the newest deployment that ended, or failed the balancer's checks, since one was healthy."""
    return [
        task
        for task in draft.tasks.values()
        if task.service == service.name
        and task.cluster == service.cluster
        and task.deployment == primary.id
        and not task.was_healthy
        and (task.reason == UNHEALTHY or (not task.open and task.stop_code != "ServiceSchedulerInitiated"))
        and (primary.recovered is None or _ended(task) > primary.recovered)
    ]


def _ended(task: Task) -> datetime:
    return task.stopping or task.since


def _alarmed(draft: Draft, service: Service) -> None:
    """An alarm that went off since the deployment began ends it; one in ALARM at its start is ignored (aws.md 4.2)."""
    primary = service.primary
    if not service.alarms or primary.state != "IN_PROGRESS":
        return
    ringing = set(draft.catalog.alarms(service.alarms))
    if primary.ringing is None:
        _put(draft, service, replace(primary, ringing=tuple(sorted(ringing))))
    elif fresh := sorted(ringing - set(primary.ringing)):
        _trip(
            draft, service, f"ECS deployment failed due to alarm: {', '.join(fresh)}.", rollback=service.alarm_rollback
        )


def _trip(draft: Draft, service: Service, reason: str, *, rollback: bool) -> bool:
    last_good = next((d for d in service.history if d.outcome == "SUCCESSFUL"), None)
    primary = replace(service.primary, state="FAILED", reason=reason, updated=draft.now, outcome="STOPPED")
    _put(draft, service, primary)
    service = draft.services[service.cluster, service.name]
    event(draft, service, f"(service {service.name}) (deployment {primary.id}) deployment failed: {reason.lower()}")
    if rollback and last_good is not None and not primary.rollback:
        marked = replace(primary, outcome="ROLLBACK_IN_PROGRESS", reason=f"{reason} rolling back to {last_good.id}")
        _put(draft, service, marked)
        service = draft.services[service.cluster, service.name]
        event(draft, service, f"(service {service.name}) rolling back to deployment {last_good.id}.")
        deploy(draft, draft.services[service.cluster, service.name], last_good.task_definition, rollback=True)
    return True


def settle(draft: Draft, service: Service) -> None:
    """COMPLETED when the PRIMARY has what it wants, is healthy, and nothing of the others is left (aws.md 4.1)."""
    opened = tasks_of(draft, service)
    primary = service.primary
    mine = [t for t in opened if t.deployment == primary.id and t.wanted == "RUNNING"]
    if service.daemon:  # one that leaves with its host is not counted any more
        mine = [t for t in mine if not draining(draft, t)]
    gone = [d for d in service.deployments if d is not primary and not any(t.deployment == d.id for t in opened)]
    if gone:
        for one in gone:
            ended = replace(one, outcome="ROLLBACK_SUCCESSFUL") if one.outcome == "ROLLBACK_IN_PROGRESS" else one
            service = replace(service, history=_remember(service, replace(ended, finished=draft.now)))
        service = replace(service, deployments=tuple(d for d in service.deployments if d not in gone))
        draft.services[service.cluster, service.name] = service
    whole = len(mine) == service.desired and all(is_healthy(draft, service, t) for t in mine)
    if primary.state == "IN_PROGRESS" and whole and len(service.deployments) == 1:
        done = replace(
            primary,
            state="COMPLETED",
            reason=f"ECS deployment {primary.id} completed.",
            outcome="SUCCESSFUL",
            updated=draft.now,
            finished=draft.now,
            failed=0,
            retry_at=None,
        )
        _put(draft, service, done)
        service = draft.services[service.cluster, service.name]
        draft.services[service.cluster, service.name] = service = replace(service, history=_remember(service, done))
        event(draft, service, f"(service {service.name}) (deployment {primary.id}) deployment completed.")
        event(
            draft,
            draft.services[service.cluster, service.name],
            f"(service {service.name}) has reached a steady state.",
        )


def _remember(service: Service, ended: Deployment) -> tuple[Deployment, ...]:
    """The newest deployments that ended, newest first, one entry each."""
    others = tuple(d for d in service.history if d.id != ended.id)
    return (ended, *others)[:HISTORY_KEPT]


def _put(draft: Draft, service: Service, deployment: Deployment) -> None:
    key = (service.cluster, service.name)
    now = draft.services[key]
    changed = tuple(deployment if d.id == deployment.id else d for d in now.deployments)
    draft.services[key] = replace(now, deployments=changed)


def event(draft: Draft, service: Service, message: str) -> None:
    """Add to the newest-first list; equal ones are suppressed for six hours unless something else came between."""
    words = message if message.startswith("(service") else f"(service {service.name}) {message}"
    if service.events and service.events[0][2] == words and draft.now - service.events[0][1] < SUPPRESS:
        return
    entry = (draft.fresh(36), draft.now, words)
    key = (service.cluster, service.name)
    draft.services[key] = replace(draft.services[key], events=(entry, *draft.services[key].events)[:EVENTS_KEPT])
