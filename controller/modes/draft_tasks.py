"""The part of a drafted spec that is inside a service's tasks: its own container, those beside it, volumes. Pure."""

from __future__ import annotations

import re
from typing import Any

from controller.aws.containers import CONDITIONS, Sidecar
from controller.aws.survey import Item
from controller.base.keys import Tags
from controller.modes.draft_model import NAME, Draft
from controller.resources.task_definition import TaskDefinition
from controller.spec.names import CONTAINER

WORDS = {condition: word for word, condition in CONDITIONS.items()}
SMALLEST = 6  # MiB of a container
CPU, MEMORY = 256, 512  # of a task that says nothing


def as_ours(raw: Item, service: Item, name: str, into: Draft) -> Item:
    """The task definition *raw* with the service's own container called as ours are: the one that gets its requests,
    else the first that the task cannot be without."""
    containers = raw["containerDefinitions"]
    if any(one["name"] == CONTAINER for one in containers):
        return raw
    served = [str(one["containerName"]) for one in service.get("loadBalancers", []) if one.get("containerName")]
    essential = [str(one["name"]) for one in containers if one.get("essential", True)]
    own = (served or essential or [containers[0]["name"]])[0]
    into.notes.append(f"service {name}: its container is called {own}: deploy one called {CONTAINER} before apply")
    renamed = [
        {
            **one,
            "name": CONTAINER if one["name"] == own else one["name"],
            "dependsOn": [
                {**each, "containerName": CONTAINER if each["containerName"] == own else each["containerName"]}
                for each in one.get("dependsOn", [])
            ],
        }
        for one in containers
    ]
    return {**raw, "containerDefinitions": renamed}


def amounts(task: TaskDefinition, name: str, into: Draft) -> dict[str, int]:
    """How much of a host a task takes. A spec has a limit for each: where there was none, it is told."""
    soft = task.memory_reservation
    if not task.cpu:
        into.notes.append(f"service {name}: its tasks ask for no cpu: apply gives them {CPU} units")
    if not task.memory:
        had = f"{soft} MiB set aside and no limit" if soft else "no limit"
        into.notes.append(
            f"service {name}: its tasks have {had} of memory: apply kills what takes more than "
            f"{2 * soft or MEMORY} MiB, write a `memory` that is enough"
        )
    said = {"cpu": task.cpu or CPU, "memory": task.memory or 2 * soft or MEMORY}
    if soft and task.runs_on == "FARGATE":
        into.notes.append(f"service {name}: apply takes memoryReservation={soft} off its tasks: there are no hosts")
        return said
    return said | ({"memory_reservation": soft} if soft else {})


def inside(task: TaskDefinition, name: str, into: Draft) -> dict[str, Any]:
    """What the spec says of the containers and volumes of *task*."""
    said = _variables(task, "") | ({"secrets": dict(task.secrets)} if task.secrets else {})
    said |= {"command": list(task.command)} if task.command else {}
    for one in task.health:
        said["container_health"] = {
            "command": list(one.command),
            "interval": f"{one.interval}s",
            "timeout": f"{one.timeout}s",
            "retries": one.retries,
            "start_period": f"{one.start_period}s",
        }
    beside = [one for one in task.sidecars if re.fullmatch(NAME, one.name) and one.name != name]
    known = {one.name for one in beside} | {CONTAINER}
    said |= _after(task.depends_on, known, name)
    if beside:
        said["sidecars"] = {one.name: _sidecar(task, one, known, name, into) for one in beside}
    if left := [one.name for one in task.sidecars if one not in beside]:
        into.notes.append(
            f"service {name}: apply takes the containers {', '.join(left)} off its tasks: no spec can call one so"
        )
    volumes = {}
    for volume in task.volumes:
        if not volume.mount.startswith("/") or not re.fullmatch(NAME, volume.name):
            why = volume.mount if volume.mount and not volume.mount.startswith("/") else "not mounted, or of that name"
            into.notes.append(
                f"service {name}: apply takes the volume {volume.name} ({why}) off its tasks: no spec can say it"
            )
            continue
        volumes[volume.name] = {
            "mount": volume.mount,
            **({"host_path": volume.host_path} if volume.host_path else {}),
            **({"read_only": True} if volume.read_only else {}),
        }
    said |= {"volumes": volumes} if volumes else {}
    if task.others:
        into.notes.append(f"service {name}: apply takes {', '.join(task.others)} off its tasks: no spec can say it")
    return said


def _sidecar(task: TaskDefinition, one: Sidecar, known: set[str], name: str, into: Draft) -> dict[str, Any]:
    said: dict[str, Any] = {"image": one.image, **_variables(task, f"{one.name}/")}
    said |= {"secrets": dict(one.secrets)} if one.secrets else {}
    said |= {"command": list(one.command)} if one.command else {}
    said |= {"cpu": one.cpu} if one.cpu else {}
    said |= {"memory": one.memory} if one.memory >= SMALLEST else {}
    said |= {} if one.essential else {"essential": False}
    said |= {"port": one.port} if one.port > 0 else {}
    if one.port < 0:
        into.notes.append(f"service {name}: apply takes the ports of {one.name} off its tasks: no spec can say them")
    return said | _after(one.depends_on, known, name)


def _variables(task: TaskDefinition, whose: str) -> dict[str, Any]:
    """Those of a container beside the own stand under its name and a slash."""
    found = {
        variable.removeprefix(whose): value
        for variable, value in task.environment
        if (variable.startswith(whose) if whose else "/" not in variable)
    }
    return {"environment": found} if found else {}


def _after(depends: Tags, known: set[str], name: str) -> dict[str, Any]:
    said = {
        name if container == CONTAINER else container: WORDS[condition]
        for container, condition in depends
        if container in known and condition in WORDS
    }
    return {"depends_on": said} if said else {}
