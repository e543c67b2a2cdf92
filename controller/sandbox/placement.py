"""Where a task goes: constraints first, then the service's placement strategy. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from controller.sandbox.world import Draft, Json, Node, Service, Task


@dataclass(frozen=True, slots=True)
class Demand:
    """What one task reserves: cpu units, MiB, host ports it fixes, container ports that get dynamic ones."""

    cpu: int
    memory: int
    static_ports: tuple[int, ...] = ()
    dynamic: tuple[int, ...] = ()


def demand(definition: Json) -> Demand:
    """The reservation of a task definition: its own amounts, or the sum of its containers'."""
    containers = definition["containerDefinitions"]
    cpu = int(definition.get("cpu") or sum(int(c.get("cpu") or 0) for c in containers))
    memory = int(
        definition.get("memory") or sum(int(c.get("memoryReservation") or c.get("memory") or 0) for c in containers)
    )
    mappings = [mapping for c in containers for mapping in c.get("portMappings", [])]
    static = tuple(int(m["hostPort"]) for m in mappings if m.get("hostPort"))
    dynamic = tuple(int(m["containerPort"]) for m in mappings if not m.get("hostPort"))
    return Demand(cpu, memory, static, dynamic)


def free(draft: Draft, node: Node) -> tuple[int, int, frozenset[int]]:
    """(cpu, MiB) left on a node and the host ports in use: every task that has not stopped holds its share."""
    tasks = [task for task in draft.tasks.values() if task.node == node.arn and task.open]
    ports = frozenset(host for task in tasks for _, host in task.ports)
    return node.cpu - sum(t.cpu for t in tasks), node.memory - sum(t.memory for t in tasks), ports


def candidates(draft: Draft, cluster: str, provider: str | None) -> list[Node]:
    """Nodes that accept tasks: ACTIVE with a connected agent (aws.md 1.1), of the service's capacity provider."""
    return [
        node
        for node in draft.nodes.values()
        if node.cluster == cluster
        and node.status == "ACTIVE"
        and node.connected
        and (provider is None or node.provider == provider)
    ]


def place(draft: Draft, service: Service, need: Demand) -> Node | str:
    """The node for one more task of *service*, or ECS's words for why there is none (aws.md 4.1)."""
    nodes = candidates(draft, service.cluster, service.provider)
    if not nodes:
        return "No Container Instances were found in your cluster"
    fitting, lacks = [], ""
    for node in nodes:
        cpu, memory, ports = free(draft, node)
        lack = _lack(need, cpu, memory, ports)
        if lack:
            lacks = f"The closest matching container-instance {node.arn.rsplit('/', 1)[-1]} {lack}"
        else:
            fitting.append(node)
    if not fitting:
        return lacks
    tasks = [
        task
        for task in draft.tasks.values()
        if task.cluster == service.cluster and task.service == service.name and task.open and task.wanted == "RUNNING"
    ]
    return min(fitting, key=lambda node: (*_ranks(service, node, tasks, draft), node.arn))


def bind(node: Node, need: Demand, taken: Iterable[int]) -> tuple[Node, tuple[tuple[int, int], ...]]:
    """(node, bindings): a host port for every container port, counting up through the dynamic range."""
    used, port, bound = set(taken), node.next_port, []
    for container in need.dynamic:
        while port in used:
            port += 1
        bound.append((container, port))
        used.add(port)
        port += 1
    bound += [(static, static) for static in need.static_ports]
    following = port if port < 61000 else 32768
    return _with_port(node, following), tuple(bound)


def _with_port(node: Node, port: int) -> Node:

    return replace(node, next_port=port)


def _lack(need: Demand, cpu: int, memory: int, ports: frozenset[int]) -> str:
    if need.memory > memory:
        return "has insufficient memory available"
    if need.cpu > cpu:
        return "has insufficient CPU units available"
    if ports & set(need.static_ports):
        return "is already using a port required by your task"
    return ""


def _ranks(service: Service, node: Node, tasks: Sequence[Task], draft: Draft) -> tuple[int, ...]:
    """One number per strategy, smaller is better; the default spreads over zones (aws.md 4.3)."""
    ranks = []
    for kind, attribute in service.placement or (("spread", "attribute:ecs.availability-zone"),):
        cpu, memory, _ = free(draft, node)
        if kind == "binpack":
            ranks.append(memory if attribute == "memory" else cpu)
        elif attribute.endswith("availability-zone"):
            zones = {n.arn: n.zone for n in draft.nodes.values()}
            ranks.append(sum(1 for task in tasks if zones.get(task.node) == node.zone))
        elif attribute in {"instanceId", "host"}:
            ranks.append(sum(1 for task in tasks if task.node == node.arn))
    return tuple(ranks)
