"""Daemon services: one task on every host that takes tasks. Pure.

A new task of theirs starts only after the old one of its host has stopped, and on a host that drains theirs is the last
to go: when no other task runs there any more (aws.md 1.4).
"""

from __future__ import annotations

from dataclasses import replace

from controller.sandbox import ecs
from controller.sandbox.placement import candidates, demand, place_on, provider_of
from controller.sandbox.world import Draft, Node, Service, Task


def advance(draft: Draft) -> None:
    for service in list(draft.services.values()):
        if service.daemon and service.status == "ACTIVE":
            _look(draft, service)


def _look(draft: Draft, service: Service) -> None:
    key = (service.cluster, service.name)
    nodes = candidates(draft, service.cluster, provider_of(service))
    draft.services[key] = replace(service, desired=len(nodes))
    service = ecs.judged(draft, draft.services[key])
    primary = service.primary
    leaving = [
        task for task in ecs.tasks_of(draft, service) if task.wanted == "RUNNING" and _leaves(draft, service, task)
    ]
    if primary.state != "FAILED" and not (primary.retry_at and draft.now < primary.retry_at):
        _start(draft, service, nodes)
    ecs.stop(draft, draft.services[key], ecs.tasks_of(draft, service), leaving)
    ecs.settle(draft, draft.services[key])


def _leaves(draft: Draft, service: Service, task: Task) -> bool:
    if ecs.draining(draft, task):
        others = (t for t in draft.tasks.values() if t.node == task.node and not is_daemon(draft, t))
        return not any(t.last in {"PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING"} for t in others)
    old = task.deployment != service.primary.id and service.primary.state != "FAILED"
    return old or ecs.sick(draft, service, task)


def is_daemon(draft: Draft, task: Task) -> bool:
    service = draft.services.get((task.cluster, task.service)) if task.service else None
    return service is not None and service.daemon


def _start(draft: Draft, service: Service, nodes: list[Node]) -> None:
    definition = draft.definitions[service.primary.task_definition]
    held = {task.node for task in ecs.tasks_of(draft, service)}
    for node in nodes:
        if node.arn not in held and place_on(draft, service, node, demand(definition)):
            ecs.launch(draft, draft.services[service.cluster, service.name], draft.nodes[node.arn], definition)
