"""One step of the world, and the figures every claim about availability rests on. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from controller.sandbox import agents, asg, codedeploy, daemons, ecs, scaler, targets, task_sets, tasks
from controller.sandbox.timings import Timings
from controller.sandbox.world import (
    AgentChanged,
    Catalog,
    Draft,
    Effect,
    Event,
    HealthSeen,
    HostDied,
    SignalTask,
    TaskExited,
    TaskStarted,
    World,
    member_node,
)


def step(
    world: World, events: Iterable[Event], now: datetime, catalog: Catalog, timings: Timings
) -> tuple[World, tuple[Effect, ...]]:
    """*world* after *events* and after everything that is due at *now*; what the machine must do about it."""
    draft = Draft(world, now, catalog, timings)
    for event in events:
        _apply(draft, event)
    targets.advance(draft)
    agents.advance(draft)
    ecs.advance(draft)
    daemons.advance(draft)
    task_sets.advance(draft)
    codedeploy.advance(draft)
    scaler.advance(draft)
    asg.advance(draft)
    return draft.freeze(), tuple(draft.effects)


def _apply(draft: Draft, event: Event) -> None:
    match event:
        case TaskStarted():
            tasks.running(draft, event.arn)
        case TaskExited():
            tasks.exited(draft, event.arn, event.code)
        case HealthSeen():
            targets.see(draft, event)
        case AgentChanged():
            node = member_node(draft.nodes, event.id)
            if node is not None:
                draft.nodes[node.arn] = replace(node, connected=event.connected)
        case HostDied():
            _die(draft, event.id)


def _die(draft: Draft, host: str) -> None:
    """The host is off, its processes with it, at once, and nobody is left to say so: the group, ECS and the balancer
    notice later, each in its own way (aws.md 1.5, 2.5, 3.1)."""
    member = draft.members.get(host)
    if member is None or member.dead:
        return
    draft.members[host] = replace(member, dead=True, running=False, since=draft.now)
    node = member_node(draft.nodes, host)
    if node is not None:
        draft.nodes[node.arn] = replace(node, doomed=node.connected)
    asg.end_orphans(draft, host)
    for task in draft.tasks.values():
        if node is not None and task.node == node.arn and task.open:
            draft.effects.append(SignalTask(task.arn, kill=True))


@dataclass(frozen=True, slots=True)
class Serving:
    """Hosts that are InService, ACTIVE and connected, by group; live members by group; healthy targets by service."""

    hosts: tuple[tuple[str, int], ...]
    members: tuple[tuple[str, int], ...]
    healthy: tuple[tuple[str, int], ...]


def serving(world: World, now: datetime, catalog: Catalog, timings: Timings) -> Serving:
    """The figures at this moment, computed from the world alone: the controller's own must agree."""
    draft = Draft(world, now, catalog, timings)
    hosts, members, healthy = {}, {}, {}
    for name in world.groups:
        mine = [member for member in world.members.values() if member.group == name]
        nodes = {member.id: member_node(world.nodes, member.id) for member in mine}
        hosts[name] = sum(
            1
            for member in mine
            if member.lifecycle == "InService"
            and not member.dead
            and (node := nodes[member.id]) is not None
            and node.status == "ACTIVE"
            and node.connected
        )
        members[name] = sum(1 for member in mine if asg.staying(member))
    for (_, name), service in world.services.items():
        if service.status == "ACTIVE":
            live = task_sets.live(service)
            healthy[name] = sum(1 for t in ecs.tasks_of(draft, live) if ecs.is_healthy(draft, live, t))
    return Serving(tuple(sorted(hosts.items())), tuple(sorted(members.items())), tuple(sorted(healthy.items())))
