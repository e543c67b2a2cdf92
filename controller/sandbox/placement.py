"""Where a task goes: constraints first, then the service's placement strategy. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from controller.sandbox.world import Draft, Interface, Json, Network, Node, Service, Task


@dataclass(frozen=True, slots=True)
class Demand:
    """What one task reserves: cpu units, MiB, host ports it fixes, container ports that get dynamic ones; or a network
    interface, on which its ports are its own."""

    cpu: int
    memory: int
    static_ports: tuple[int, ...] = ()
    dynamic: tuple[int, ...] = ()
    own_ports: tuple[int, ...] = ()
    interfaces: int = 0


def demand(definition: Json) -> Demand:
    """The reservation of a task definition: its own amounts, or the sum of its containers'."""
    containers = definition["containerDefinitions"]
    cpu = int(definition.get("cpu") or sum(int(c.get("cpu") or 0) for c in containers))
    memory = int(
        definition.get("memory") or sum(int(c.get("memoryReservation") or c.get("memory") or 0) for c in containers)
    )
    mappings = [mapping for c in containers for mapping in c.get("portMappings", [])]
    if definition["networkMode"] == "awsvpc":
        own = tuple(int(m["containerPort"]) for m in mappings)
        return Demand(cpu, memory, own_ports=own, interfaces=1)
    static = tuple(int(m["hostPort"]) for m in mappings if m.get("hostPort"))
    dynamic = tuple(int(m["containerPort"]) for m in mappings if not m.get("hostPort"))
    return Demand(cpu, memory, static, dynamic)


def free(draft: Draft, node: Node) -> tuple[int, int, frozenset[int]]:
    """(cpu, MiB) left on a node and the host ports in use: every task that has not stopped holds its share."""
    tasks = [task for task in draft.tasks.values() if task.node == node.arn and task.open]
    ports = frozenset(host for task in tasks if task.interface is None for _, host in task.ports)
    return node.cpu - sum(t.cpu for t in tasks), node.memory - sum(t.memory for t in tasks), ports


def free_interfaces(draft: Draft, node: Node) -> int:
    """Network interfaces left for tasks: the type's, without the host's own (aws.md 4.3)."""
    most = draft.catalog.interfaces(node.attributes["ecs.instance-type"]) - 1
    return most - sum(1 for t in draft.tasks.values() if t.node == node.arn and t.open and t.interface is not None)


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


def provider_for(strategy: Sequence[Mapping[str, Any]], tasks: Sequence[Task]) -> str | None:
    """The provider of *strategy* whose turn it is: bases first, then by weight; None without a strategy."""
    counts = {one["capacityProvider"]: 0 for one in strategy}
    for task in tasks:
        if task.provider in counts:
            counts[task.provider] += 1
    for one in strategy:
        if counts[one["capacityProvider"]] < int(one.get("base", 0)):
            return str(one["capacityProvider"])
    weighed = [one for one in strategy if int(one.get("weight", 0))]
    if not weighed:
        return str(strategy[0]["capacityProvider"]) if strategy else None
    share = min(weighed, key=lambda one: (counts[one["capacityProvider"]] - one.get("base", 0) + 1) / one["weight"])
    return str(share["capacityProvider"])


def subnet_for(draft: Draft, service: Service, tasks: Sequence[Task]) -> tuple[str, str]:
    """(subnet, zone) of one more task on Fargate: they are spread over the zones."""
    assert service.network is not None
    zones = {subnet: draft.catalog.zone(subnet) for subnet in service.network.subnets}
    crowd = {zone: sum(1 for task in tasks if task.zone == zone) for zone in zones.values()}
    return min(zones.items(), key=lambda one: (crowd[one[1]], one[1], one[0]))


def attach(draft: Draft, network: Network, zone: str) -> Interface:
    """A network interface for a task in *zone*, with an address that nobody has."""
    subnet = next(one for one in network.subnets if draft.catalog.zone(one) == zone)
    taken = {t.interface.address for t in draft.tasks.values() if t.open and t.interface is not None}
    taken |= {ident for _, ident, _ in draft.targets}  # one that drains cannot be registered again (aws.md 2.2)
    address = draft.catalog.free_address(subnet, taken)
    return Interface(f"eni-{draft.fresh(17)}", address, subnet, network.groups)


def place(draft: Draft, service: Service, need: Demand, provider: str | None = None) -> Node | str:
    """The node for one more task of *service*, or ECS's words for why there is none (aws.md 4.1)."""
    nodes = candidates(draft, service.cluster, provider)
    if not nodes:
        return "No Container Instances were found in your cluster"
    fitting, lacks = [], ""
    for node in nodes:
        cpu, memory, ports = free(draft, node)
        lack = _lack(need, cpu, memory, ports) or _misplaced(draft, service, node, need)
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


def place_on(draft: Draft, service: Service, node: Node, need: Demand) -> bool:
    """Whether *node* has room for one more task of *service*."""
    return not (_lack(need, *free(draft, node)) or _misplaced(draft, service, node, need))


def provider_of(service: Service) -> str | None:
    """The one provider of a service that does not choose among several."""
    return str(service.strategy[0]["capacityProvider"]) if service.strategy else None


def bind(node: Node, need: Demand, taken: Iterable[int]) -> tuple[Node, tuple[tuple[int, int], ...]]:
    """(node, bindings): a host port for every container port, counting up through the dynamic range."""
    used, port, bound = set(taken), node.next_port, []
    for container in need.dynamic:
        while port in used:
            port += 1
        bound.append((container, port))
        used.add(port)
        port += 1
    bound += [(port, port) for port in (*need.static_ports, *need.own_ports)]
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


def _misplaced(draft: Draft, service: Service, node: Node, need: Demand) -> str:
    """What else keeps a task off a node: no interface left, no subnet in its zone, the service's constraints."""
    if need.interfaces and free_interfaces(draft, node) < need.interfaces:
        return 'encountered error "RESOURCE:ENI"'
    if service.network is not None and node.zone not in {draft.catalog.zone(s) for s in service.network.subnets}:
        return "is missing an attribute required by your task"
    return "" if permitted(draft, service, node) else "does not meet the placement constraints of your task"


def permitted(draft: Draft, service: Service, node: Node) -> bool:
    """Whether the constraints of *service* let one more of its tasks go to *node*."""
    for kind, expression in service.constraints:
        mine = (t for t in draft.tasks.values() if t.node == node.arn and t.service == service.name)
        if kind == "distinctInstance" and any(t.open and t.wanted == "RUNNING" for t in mine):
            return False
        if kind == "memberOf" and not matches(expression, node):
            return False
    return True


def matches(expression: str, node: Node) -> bool:
    """ECS's query language, of which ``attribute:NAME == VALUE`` and ``!=`` are understood; anything else is true."""
    words = expression.removeprefix("attribute:").split()
    if not expression.startswith("attribute:") or len(words) != 3 or words[1] not in {"==", "!="}:
        return True
    return (node.attributes.get(words[0]) == words[2].strip("'\"")) == (words[1] == "==")


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
