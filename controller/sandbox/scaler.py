"""ECS managed scaling: what CapacityProviderReservation says every minute, and what the group is told. Pure.

The metric is M / N * 100: N hosts there are (booting ones included), M hosts that tasks need: those with tasks, and as
many fresh ones as the tasks take that no host has room for (aws.md 1.7). Above the target the group grows at once;
below it, after fifteen datapoints in a row, it shrinks. What AWS does about warm-up is not here: a booting host counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from controller.sandbox import ecs, task_sets
from controller.sandbox.asg import members_of, staying
from controller.sandbox.daemons import is_daemon
from controller.sandbox.placement import Demand, demand, provider_for
from controller.sandbox.world import ApiError, Draft, Group, Member, Provider, member_node

LOW_DATAPOINTS = 15  # aws.md 1.7


def advance(draft: Draft) -> None:
    for provider in list(draft.providers.values()):
        group = draft.group_of(provider)
        if not provider.active or provider.scaling.get("status") != "ENABLED" or group is None or group.deleting:
            continue
        if provider.protection == "ENABLED":
            _protect(draft, group)
        if provider.looked is None or draft.now - provider.looked >= draft.timings.scaling:
            _look(draft, provider, group)


def reservation(draft: Draft, provider: Provider, group: Group) -> tuple[int, int]:
    """(M, N) of the metric."""
    live = [member for member in members_of(draft, group.name) if staying(member)]
    used = sum(1 for member in live if _busy(draft, member))
    return used + _fresh(_waiting(draft, provider), _size(draft, group)), len(live)


def _look(draft: Draft, provider: Provider, group: Group) -> None:
    """One datapoint: alarms act on it unless AlarmNotification is suspended (aws.md 1.9)."""
    needed, there = reservation(draft, provider, group)
    wanted = math.ceil(needed * 100 / int(provider.scaling["targetCapacity"]))
    low = provider.low + 1 if wanted < there else 0
    if "AlarmNotification" not in group.suspended:
        if wanted > there:
            step = min(int(provider.scaling["maximumScalingStepSize"]), wanted - there)
            grown = max(group.desired, there + max(int(provider.scaling["minimumScalingStepSize"]), step))
            draft.groups[group.name] = replace(group, desired=min(group.max, grown))
        elif low >= LOW_DATAPOINTS:
            low = 0
            draft.groups[group.name] = replace(group, desired=min(group.desired, max(group.min, wanted)))
    draft.providers[provider.name] = replace(provider, looked=draft.now, low=low)


def _protect(draft: Draft, group: Group) -> None:
    """Managed termination protection: a host without tasks may be scaled in, one with tasks not (aws.md 1.7)."""
    for member in members_of(draft, group.name):
        busy = _busy(draft, member)
        if member.lifecycle == "InService" and member.protected != busy:
            draft.members[member.id] = replace(member, protected=busy)


def _busy(draft: Draft, member: Member) -> bool:
    """Whether it has tasks that are no daemon's: those it has because it is there (aws.md 1.7)."""
    node = member_node(draft.nodes, member.id)
    if node is None:
        return False
    return any(task.node == node.arn and task.open and not is_daemon(draft, task) for task in draft.tasks.values())


def _waiting(draft: Draft, provider: Provider) -> list[Demand]:
    """What the tasks reserve that have no host: ECS shows those as PROVISIONING."""
    return [
        demand(draft.definitions[service.primary.task_definition])
        for whole in list(draft.services.values())
        for service in task_sets.views(whole)
        if service.status == "ACTIVE" and provider_for(service.strategy, ecs.tasks_of(draft, service)) == provider.name
        for _ in range(ecs.waiting(draft, service))
    ]


def _size(draft: Draft, group: Group) -> tuple[int, int]:
    """(cpu, MiB) that a fresh host has at least; nothing while its template cannot be read."""
    try:
        template = draft.catalog.template(group.template_id, group.version)
    except ApiError:
        return 0, 0
    sizes = [draft.catalog.capacity(kind) for kind in group.types or (template.type,)]
    return min(cpu for cpu, _ in sizes), min(memory for _, memory in sizes)


def _fresh(needs: Iterable[Demand], size: tuple[int, int]) -> int:
    """How many fresh hosts *needs* take, first fit; what fits none of them is not counted, for no host would help."""
    left: list[tuple[int, int, set[int]]] = []
    for need in sorted(needs, key=lambda one: (-one.memory, -one.cpu)):
        ports = set(need.static_ports)
        if need.cpu > size[0] or need.memory > size[1]:
            continue
        for place, (cpu, memory, taken) in enumerate(left):
            if need.cpu <= cpu and need.memory <= memory and not ports & taken:
                left[place] = (cpu - need.cpu, memory - need.memory, taken | ports)
                break
        else:
            left.append((size[0] - need.cpu, size[1] - need.memory, ports))
    return len(left)
