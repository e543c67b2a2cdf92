"""Host agents register a container instance some time after boot, leave with their host, and can fail to. Pure."""

from __future__ import annotations

from dataclasses import replace

from controller.sandbox.asg import DRAINING_HOOK, complete
from controller.sandbox.tasks import stopped
from controller.sandbox.world import Draft, Member, Node, Provider, SignalTask, member_node


def advance(draft: Draft) -> None:
    for member in list(draft.members.values()):
        node = member_node(draft.nodes, member.id)
        if node is None and member.running and not member.dead and not member.joined:
            _join(draft, member)
    for node in list(draft.nodes.values()):
        host = draft.members.get(node.member)
        if node.status == "INACTIVE":
            continue
        if host is None and (node.connected or node.doomed):
            _leave(draft, node)  # a connected agent's host takes it along when terminated (aws.md 1.5)
        elif host is None:
            _silence(draft, node)  # a disconnected one stays listed until somebody deregisters it (aws.md 1.5)
        elif host.dead:
            _fade(draft, node, host)
    _drain_terminating(draft)


def _join(draft: Draft, member: Member) -> None:
    """REGISTERING to ACTIVE in one step, in the cluster its user data names (aws.md section 8)."""
    wait = draft.timings.boot + (draft.timings.late if member.joins == "late" else draft.timings.register)
    if member.joins == "never" or draft.now - member.launched < wait:
        return
    cluster = draft.clusters.get(member.cluster or "default")
    if cluster is None or not cluster.active:
        return
    behind = [one.name for one in draft.providers_of(member.group) if one.name in cluster.providers]
    cpu, memory = draft.catalog.capacity(member.type)
    node = Node(
        draft.arn("ecs", f"container-instance/{cluster.name}/{draft.fresh(32)}"),
        cluster.name,
        member.id,
        cpu,
        memory,
        draft.now,
        next(iter(behind), None),
        zone=member.zone,
        attributes={
            "ecs.ami-id": member.image,
            "ecs.availability-zone": member.zone,
            "ecs.instance-type": member.type,
            "ecs.os-type": "linux",
            "ecs.subnet-id": member.subnet,
        },
    )
    draft.nodes[node.arn] = node
    draft.members[member.id] = replace(member, joined=True)


def _fade(draft: Draft, node: Node, host: Member) -> None:
    """ECS misses the agent of a host that was ended from outside, and after a while takes it off its list."""
    gone = draft.now - host.since
    if node.doomed and gone >= draft.timings.notice:
        _leave(draft, node)
    elif node.connected and gone >= draft.timings.notice / 4:
        draft.nodes[node.arn] = replace(node, connected=False)


def _silence(draft: Draft, node: Node) -> None:
    """The processes of a host that is gone are gone as well, though ECS still believes in them."""
    for task in list(draft.tasks.values()):
        if task.node == node.arn and task.open and task.unreported is None:
            draft.effects.append(SignalTask(task.arn, kill=True))
            draft.tasks[task.arn] = replace(task, unreported=137)


def _leave(draft: Draft, node: Node) -> None:
    """The host is gone: so are its tasks, whatever they were doing."""
    draft.nodes[node.arn] = replace(node, status="INACTIVE", connected=False)
    lose_tasks(draft, node, f"Host EC2 (instance {node.member}) terminated.", orphaned=False)


def lose_tasks(draft: Draft, node: Node, reason: str, *, orphaned: bool) -> None:
    """Tasks of a host that no longer answers are STOPPED; ECS deregisters their targets only now (aws.md 1.5).

    *orphaned*: the host is there and their processes go on, out of ECS's sight.
    """
    for task in list(draft.tasks.values()):
        if task.node == node.arn and task.open:
            if not orphaned:
                draft.effects.append(SignalTask(task.arn, kill=True))
            draft.tasks[task.arn] = task = replace(task, orphan=orphaned)
            stopped(draft, task, "TerminationNotice", reason, None)


def _drain_terminating(draft: Draft) -> None:
    """Managed draining (aws.md 1.6): hosts held by ECS's hook are set DRAINING, and let go once empty."""
    for member in list(draft.members.values()):
        held = member.lifecycle == "Terminating:Wait" and any(p.hook == DRAINING_HOOK for p in member.pauses)
        if not held or draft.now - member.since < draft.timings.managed_draining:
            continue
        node = member_node(draft.nodes, member.id)
        if node is None:
            complete(draft, draft.members[member.id], DRAINING_HOOK, "CONTINUE")
            continue
        if not _attached(draft, node):
            continue  # detached or deleted too early: the hook waits for its heartbeat (aws.md 1.6)
        if node.status == "ACTIVE":
            draft.nodes[node.arn] = replace(node, status="DRAINING")
        elif not any(task.node == node.arn and task.open for task in draft.tasks.values()):
            complete(draft, draft.members[member.id], DRAINING_HOOK, "CONTINUE")


def _attached(draft: Draft, node: Node) -> bool:
    provider: Provider | None = draft.providers.get(node.provider or "")
    cluster = draft.clusters.get(node.cluster)
    return bool(provider and provider.active and cluster and provider.name in cluster.providers)
