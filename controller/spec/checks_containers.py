"""Checks of what is inside a task: variables, sidecars and their order, volumes, the health command, its role."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from controller.base.keys import Tags
from controller.spec.check import Check
from controller.spec.names import CONTAINER
from controller.spec.places import Path
from controller.spec.schema import near
from controller.spec.types import Service


def check_containers(service: Service, one: Check) -> None:
    path: Path = ("services", service.name)
    _variables(service.environment, service.secrets, one, path)
    for sidecar in service.sidecars:
        at: Path = (*path, "sidecars", sidecar.name)
        if sidecar.name in {service.name, CONTAINER}:
            one.fail(at, f"{sidecar.name} is the service's own container", "another name")
        _variables(sidecar.environment, sidecar.secrets, one, at)
    _ports(service, one, path)
    _order(service, one, path)
    _volumes(service, one, path)
    _health(service, one, path)
    if service.execute_command and service.task_role.arn is not None:
        one.warn((*path, "execute_command"), "needs ssmmessages:* of a role that is not of this spec: see to it",
                 ((*path, "task_role"),))  # fmt: skip


def _variables(environment: Tags, secrets: Tags, one: Check, path: Path) -> None:
    secret = dict(secrets)
    for where, pairs in (("environment", environment), ("secrets", secrets)):
        for name, _ in pairs:
            if "/" in name:  # a sidecar's variables are told apart by one (`TaskDefinition.environment`)
                one.fail((*path, where, name), "expected a name without /", name.replace("/", "_"))
    for name, _ in environment:
        if name in secret:
            reads = ((*path, "environment", name),)
            one.fail((*path, "secrets", name), "is under environment too", "ECS takes each name once", reads)


def _ports(service: Service, one: Check, path: Path) -> None:
    """Where containers share an address, each port is one container's."""
    if service.network_mode == "bridge":
        return
    taken = {service.port: service.name} if service.port else {}
    for sidecar in service.sidecars:
        if sidecar.port and taken.setdefault(sidecar.port, sidecar.name) != sidecar.name:
            one.fail((*path, "sidecars", sidecar.name, "port"), f"{sidecar.port} is that of {taken[sidecar.port]}: "
                     f"they share one address ({service.network_mode})", "another", ((*path, "port"),))  # fmt: skip


def _order(service: Service, one: Check, path: Path) -> None:
    """Dependencies name containers of the task, can be met, and end somewhere."""
    essential = {service.name: True, **{sidecar.name: sidecar.essential for sidecar in service.sidecars}}
    graph: dict[str, set[str]] = {}
    asked = [(service.name, service.depends_on, path)]
    asked += [(one_.name, one_.depends_on, (*path, "sidecars", one_.name)) for one_ in service.sidecars]
    for name, wanted, where in asked:
        for other, condition in wanted:
            at: Path = (*where, "depends_on", other)
            if other not in essential or other == name:
                known = [each for each in essential if each != name]
                hint = near(other, known) or (f"there are {', '.join(known)}" if known else "there are no sidecars")
                one.fail(at, f"there is no other container {other}", hint)
                continue
            graph.setdefault(name, set()).add(other)
            if condition == "healthy" and not (other == service.name and service.container_health.command):
                hint = "container_health" if other == service.name else "started"
                one.fail(at, f"{other} has no health command: it would never be healthy", hint)
            if condition in {"complete", "success"} and essential[other]:
                one.fail(at, f"{other} is essential: the task ends with it, so nothing can come after it",
                         f"sidecars.{other}.essential: false" if other != service.name else "started")  # fmt: skip
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        one.fail((*path, "depends_on") if service.depends_on else (*path, "sidecars"),
                 f"{' waits for '.join(reversed(error.args[1]))}: none of them would ever start")  # fmt: skip


def _volumes(service: Service, one: Check, path: Path) -> None:
    seen: dict[str, str] = {}
    for volume in service.volumes:
        other = seen.setdefault(volume.mount, volume.name)
        if other != volume.name:
            one.fail((*path, "volumes", volume.name, "mount"), f"{volume.mount} is that of volume {other}")


def _health(service: Service, one: Check, path: Path) -> None:
    health, at = service.container_health, (*path, "container_health")
    if not health.command:
        return
    if health.command[0] not in {"CMD", "CMD-SHELL"}:
        one.fail((*at, "command"), f'begins with "{health.command[0]}"', "CMD and its words, or CMD-SHELL and a line")
    one.between((*at, "interval"), health.interval, 5, 300)
    one.between((*at, "timeout"), health.timeout, 2, 60)
    one.between((*at, "start_period"), health.start_period, 0, 300)
