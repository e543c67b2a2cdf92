"""Task sets: what a service that CodeDeploy deploys consists of. Pure.

Each is kept at the service's size by itself, behind a target group of its own. They stand in the service's
`deployments`: PRIMARY serves, ACTIVE is the other of a deployment, DRAINING goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from controller.sandbox import ecs
from controller.sandbox.world import Deployment, Draft, Service

CONTROLLER = "CODE_DEPLOY"


def born(
    draft: Draft, service: Service, definition: str, balancers: tuple[Mapping[str, Any], ...], external: str
) -> Deployment:
    """A task set that does not serve yet."""
    ident = f"ecs-svc/{int(draft.fresh(15), 16):019d}"
    return Deployment(ident, definition, draft.now, draft.now, status="ACTIVE", balancers=balancers, external=external)


def promoted(service: Service, ident: str) -> Service:
    """*service* with the task set *ident* for the one that serves."""
    one = next(d for d in service.deployments if d.id == ident)
    sets = tuple(
        replace(d, status="PRIMARY" if d.id == ident else "DRAINING" if d.status == "DRAINING" else "ACTIVE")
        for d in service.deployments
    )
    return replace(service, deployments=sets, balancers=one.balancers, task_definition=one.task_definition)


def leaving(service: Service, ident: str) -> Service:
    """*service* whose task set *ident* is to end."""
    return replace(
        service,
        deployments=tuple(replace(d, status="DRAINING") if d.id == ident else d for d in service.deployments),
    )


def view(service: Service, one: Deployment) -> Service:
    """One task set as a service by itself."""
    return replace(
        service,
        deployments=(replace(one, status="PRIMARY"),),
        balancers=one.balancers,
        task_definition=one.task_definition,
        desired=0 if one.status == "DRAINING" else service.desired,
        only=one.id,
    )


def views(service: Service) -> Iterator[Service]:
    """The services that a scheduler sees: *service* itself, or its task sets."""
    if service.controller != CONTROLLER:
        yield service
    else:
        yield from (view(service, one) for one in service.deployments)


def live(service: Service) -> Service:
    """What serves of it: its PRIMARY task set, or all of it."""
    return view(service, service.primary) if service.controller == CONTROLLER else service


def advance(draft: Draft) -> None:
    for key, service in list(draft.services.items()):
        if service.controller == CONTROLLER and service.status == "ACTIVE":
            _look(draft, key)


def _look(draft: Draft, key: tuple[str, str]) -> None:
    """The scheduler sees each task set by itself; those that are over disappear."""
    for one in draft.services[key].deployments:
        whole = draft.services[key]
        draft.services[key] = view(whole, one)
        ecs.schedule(draft, draft.services[key])
        after = draft.services[key]
        over = one.status == "DRAINING" and not ecs.tasks_of(draft, after)
        kept = () if over else (replace(after.deployments[0], status=one.status),)
        sets = tuple(new for d in whole.deployments for new in (kept if d.id == one.id else (d,)))
        draft.services[key] = replace(whole, deployments=sets, events=after.events)


def steady(draft: Draft, service: Service, ident: str) -> bool:
    """STEADY_STATE: as many tasks as there should be, all of them healthy."""
    one = next((d for d in service.deployments if d.id == ident), None)
    if one is None:
        return False
    mine = [task for task in ecs.tasks_of(draft, view(service, one)) if task.wanted == "RUNNING"]
    return len(mine) == service.desired and all(ecs.is_healthy(draft, service, task) for task in mine)
