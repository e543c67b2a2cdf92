"""The members of a group as a rollout sees them: hosts, what runs on them and what is registered there, joined from the
answers of Auto Scaling, EC2, ECS and the load balancer by their ids."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from controller.aws.mixes import mix_of, template_of
from controller.aws.reads import Reads
from controller.base.crumbs import AwayCrumb, RollCrumb, moment_or_none
from controller.base.keys import AWAY_TAG, CORDONED_TAG, NOT_READY, READY_TAG
from controller.rollout.counts import given_up
from controller.rollout.drained import lost_agents
from controller.rollout.model import Host, Policy, Resources, Target, Task

Item = dict[str, Any]


def parse_hosts(
    group: Item, reads: Reads, static_ports: Mapping[str, tuple[int, ...]] | None = None
) -> tuple[Host, ...]:
    """The group's members, joined with EC2, ECS and target health by instance id.

    *static_ports*: those that the tasks of a service (live name) take of their host
    """
    static_ports = static_ports or {}
    machines = {item["InstanceId"]: item for item in reads.instances()}
    if untagged := sorted({m["InstanceId"] for m in group["Instances"]} - machines.keys()):
        machines |= {item["InstanceId"]: item for item in reads.instances_by_id(untagged)}
    nodes = {item.get("ec2InstanceId"): item for item in reads.container_instances()}
    daemons = {one["serviceName"] for one in reads.services() if one.get("schedulingStrategy") == "DAEMON"}
    by_node: dict[str, list[Task]] = {}
    for item in reads.tasks():
        task = parse_task(item, static_ports, daemons)
        by_node.setdefault(item.get("containerInstanceArn", ""), []).append(task)
    homes = _homes(nodes, by_node)
    targets: dict[str, list[Target]] = {}
    for arn, found in reads.target_health().items():
        for one in found:
            target = parse_target(arn, one, homes)
            targets.setdefault(target.host, []).append(target)
    wanted = (template_of(group), _types(group), _subnets(group))
    return tuple(
        _host(member, wanted, machines.get(member["InstanceId"], {}), nodes.get(member["InstanceId"]), by_node, targets)
        for member in sorted(group["Instances"], key=lambda m: str(m["InstanceId"]))
    )


def parse_generation(group: Item) -> str:
    """What makes a host current, in a word: template, version, and where types are mixed which ones, in any order."""
    template, version = template_of(group)
    types = _types(group)
    mixed = f"+{hashlib.sha256(','.join(sorted(types)).encode()).hexdigest()[:6]}" if types else ""
    return f"{template}/{version}{mixed}"


def judged(hosts: tuple[Host, ...], roll: RollCrumb | None, policy: Policy, now: datetime) -> tuple[Host, ...]:
    """*hosts*, those that are given up not current any more: they are replaced like old ones."""
    lost = {host.id for host in lost_agents(hosts, now)}
    return tuple(replace(h, current=h.current and not given_up(h, roll, lost, policy, now)) for h in hosts)


def _host(
    member: Item,
    wanted: tuple[tuple[str, str], tuple[str, ...], tuple[str, ...]],
    machine: Item,
    node: Item | None,
    by_node: Mapping[str, list[Task]],
    targets: Mapping[str, list[Target]],
) -> Host:
    tags = tags_of(machine)
    template = member.get("LaunchTemplate") or {}
    version = str(template.get("Version", ""))
    mine = (str(template.get("LaunchTemplateId", "")), version)
    kind = str(member.get("InstanceType") or machine.get("InstanceType") or "")
    launches, types, subnets = wanted
    subnet = str(machine.get("SubnetId") or "")  # of one that has ended none is told
    dead = machine.get("State", {}).get("Name") not in {None, "pending", "running"}
    return Host(
        id=member["InstanceId"],
        zone=member["AvailabilityZone"],
        current=mine == launches and (not types or kind in types) and (not subnet or subnet in subnets),
        subnet=subnet,
        lifecycle=member["LifecycleState"],
        healthy=member.get("HealthStatus", "Healthy").lower() == "healthy" and not dead,
        dead=dead,
        instance_type=kind,
        version=version,
        launched_at=machine.get("LaunchTime"),
        container_instance=node["containerInstanceArn"] if node else None,
        agent_status=node["status"] if node else None,
        agent_connected=bool(node and node.get("agentConnected")),
        ready_since=moment_or_none(tags.get(READY_TAG)),
        unready=tags.get(READY_TAG) == NOT_READY,
        cordoned_at=moment_or_none(tags.get(CORDONED_TAG)),
        away=AwayCrumb.parse(tags.get(AWAY_TAG)),
        protected=bool(member.get("ProtectedFromScaleIn")),
        tasks=tuple(by_node.get(node["containerInstanceArn"], ())) if node else (),
        targets=tuple(targets.get(member["InstanceId"], ())),
        registered=_resources(node, "registeredResources"),
        free=_resources(node, "remainingResources"),
    )


def _subnets(group: Item) -> tuple[str, ...]:
    """Where the group launches."""
    return tuple(part for part in group.get("VPCZoneIdentifier", "").split(",") if part)


def parse_task(
    item: Item, static_ports: Mapping[str, tuple[int, ...]] | None = None, daemons: Collection[str] = ()
) -> Task:
    """One DescribeTasks entry. What a task reserves stands on its containers, or on the task itself.

    *daemons*: services (live names) that have one task per host
    """
    group = str(item.get("group", ""))
    service = group.removeprefix("service:") if group.startswith("service:") else None
    containers = item.get("containers", [])
    bindings = [binding for one in containers for binding in one.get("networkBindings", [])]
    return Task(
        arn=item["taskArn"],
        service=service,
        last_status=item["lastStatus"],
        desired_status=item.get("desiredStatus", "RUNNING"),
        daemon=service in daemons,
        started_by=item.get("startedBy", ""),
        created_at=item.get("createdAt"),
        cpu=sum(int(one.get("cpu") or 0) for one in containers) or int(item.get("cpu") or 0),
        memory=sum(_set_aside(one) for one in containers) or int(item.get("memory") or 0),
        ports=tuple(sorted(int(b["hostPort"]) for b in bindings if b.get("hostPort"))),
        static_ports=(static_ports or {}).get(service or "", ()),
        addresses=_addresses(item),
    )


def _set_aside(container: Item) -> int:
    """MiB a container takes of its host: the soft limit where it has one."""
    return int(container.get("memoryReservation") or container.get("memory") or 0)


def _addresses(item: Item) -> tuple[str, ...]:
    """The private addresses of a task's own network interfaces; they stay on it when it has stopped."""
    details = [one for attachment in item.get("attachments", []) for one in attachment.get("details", [])]
    return tuple(sorted(one["value"] for one in details if one["name"] == "privateIPv4Address"))


def _homes(nodes: Mapping[str | None, Item], by_node: Mapping[str, list[Task]]) -> dict[str, str]:
    """Address of a task -> the host it is, or was, on. An address that was given out again is the running task's."""
    found = [
        (not task.stopped, address, str(host))
        for host, node in nodes.items()
        for task in by_node.get(node["containerInstanceArn"], ())
        for address in task.addresses
    ]
    return {address: host for _, address, host in sorted(found)}


def parse_target(group: str, item: Item, homes: Mapping[str, str]) -> Target:
    """One DescribeTargetHealth entry; of a task's address, with its host where that is known (Fargate has none)."""
    ident, port, state = item["Target"]["Id"], int(item["Target"].get("Port", 0)), item["TargetHealth"]["State"]
    if ident in homes:
        return Target(group, homes[ident], port, state, address=ident)
    return Target(group, ident, port, state)


def _types(group: Item) -> tuple[str, ...]:
    """The types a group mixes; none where its template says the one."""
    mix = mix_of(group)
    return mix.types if mix is not None else ()


def with_interfaces(hosts: tuple[Host, ...], reads: Reads) -> tuple[Host, ...]:
    """*hosts* with the network interfaces their types have for tasks, and how many of those are free."""
    most = interfaces_of(reads, {host.instance_type for host in hosts})
    found = []
    for host in hosts:
        room = most.get(host.instance_type, 0)
        taken = sum(1 for task in host.tasks if task.addresses and not task.stopped)
        free, registered = replace(host.free, interfaces=room - taken), replace(host.registered, interfaces=room)
        found.append(replace(host, free=free, registered=registered))
    return tuple(found)


def interfaces_of(reads: Reads, types: Iterable[str]) -> dict[str, int]:
    """Network interfaces for tasks by instance type: the host keeps its first (aws.md 4.3)."""
    items = reads.instance_types(types)
    return {name: int(one["NetworkInfo"]["MaximumNetworkInterfaces"]) - 1 for name, one in items.items()}


def _resources(node: Item | None, member: str) -> Resources:
    if node is None:
        return Resources()
    amounts = {
        item["name"]: int(item.get("integerValue", 0)) for item in node.get(member, []) if item["type"] == "INTEGER"
    }
    return Resources(amounts.get("CPU", 0), amounts.get("MEMORY", 0))


def tags_of(item: Item) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}
