"""Taking capacity providers off a cluster, for destroy and for a pool that the spec has no more.

It is a knot (aws.md 5.5): hosts must leave while their provider is still attached, or nobody completes the hook of
managed draining; the provider can only be deleted once detached; its group only once it is empty.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from controller.aws import tags
from controller.aws.client import Aws
from controller.aws.groups import empty
from controller.aws.running import open_tasks
from controller.aws.tasks import STATES_PER_CALL, nodes_of, services_of
from controller.base.errors import NotYet, Refused
from controller.base.keys import OWNER_TAG
from controller.base.words import plural
from controller.spec.types import FARGATE, FARGATE_SPOT

SERVICE = "service:"  # begins the group of a task that a service started


def detach(aws: Aws, cluster: str, providers: Collection[str], owner: str | None) -> None:
    """End the hosts behind *providers*, then leave those out of the cluster's list.

    Raises NotYet on the way and while a service may place tasks there, and Refused where a group is not *owner*'s: its
    hosts are not ours to end.
    """
    hosts = [name for name in providers if name not in {FARGATE, FARGATE_SPOT}]  # behind those there is no group
    found = aws.ecs.describe_capacity_providers(capacityProviders=hosts)["capacityProviders"] if hosts else []
    arns = [item["autoScalingGroupProvider"]["autoScalingGroupArn"] for item in found]
    live: Any = next(iter(aws.ecs.describe_clusters(clusters=[cluster])["clusters"]), {})
    attached = live.get("capacityProviders", [])
    if names := [arn.rsplit("/", 1)[-1] for arn in arns]:
        listed = aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=names)["AutoScalingGroups"]
        groups = [one for one in listed if one["AutoScalingGroupARN"] in arns]  # another may have its name by now
        if foreign := [g["AutoScalingGroupName"] for g in groups if tags.read(g.get("Tags")).get(OWNER_TAG) != owner]:
            raise Refused(
                f"{', '.join(foreign)} is behind a capacity provider of {owner} and does not carry its owner tag: its "
                "hosts are left alone. Give the group its tag back, or detach the provider by hand"
            )
        if using := _named_by(aws, cluster, hosts):
            raise NotYet(
                f"{', '.join(using)} may still start tasks there: another capacity provider is needed for that"
            )
        end_hosts(aws, cluster, groups)
    if set(attached).isdisjoint(providers):
        return
    others = [name for name in attached if name not in providers]
    strategy = [s for s in live.get("defaultCapacityProviderStrategy", []) if s["capacityProvider"] not in providers]
    aws.ecs.put_cluster_capacity_providers(
        cluster=cluster, capacityProviders=others, defaultCapacityProviderStrategy=strategy
    )


def end_hosts(aws: Aws, cluster: str, groups: Sequence[Mapping[str, Any]]) -> None:
    """No instance is left in *groups*, and none was ended under a task; raises NotYet on the way there.

    Daemons stop when their host is DRAINING (aws.md 1.4). Nothing of ours stops a task that no service started, and a
    host waits for it for hours: raises Refused.
    """
    nodes = _nodes_in(aws, cluster, groups)
    active = [one["containerInstanceArn"] for one in nodes if one["status"] == "ACTIVE"]
    for start in range(0, len(active), STATES_PER_CALL):
        part = active[start : start + STATES_PER_CALL]
        aws.ecs.update_container_instances_state(cluster=cluster, containerInstances=part, status="DRAINING")
    heard = {one["containerInstanceArn"] for one in nodes if one.get("agentConnected")}  # the others stop nothing
    there = _tasks_at(aws, cluster, heard)
    left = [task for task in there if task.get("group", "").startswith(SERVICE)]
    if left:
        raise NotYet(f"{plural(len(left), 'task')} still stopping on the hosts of {', '.join(map(_name, groups))}")
    if others := [_told(task) for task in there if task["desiredStatus"] != "STOPPED" and task not in left]:
        hosts = ", ".join(map(_name, groups))
        raise Refused(f"on the hosts of {hosts} run {', '.join(others)}, which no service started: stop them first")
    empty(aws, groups)


def tasks_on(aws: Aws, cluster: str, group: str, provider: str = "") -> str:
    """What still runs on the hosts of *group*, an arn, or waits for one of *provider*, in words; "" when nothing does.

    Told by the hosts, for a task says which provider it came by only when it came by one. Daemons stay as long as their
    host, and hold up nothing.
    """
    name = group.rsplit("/", 1)[-1]
    named = aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    listed = [one for one in named if one["AutoScalingGroupARN"] == group]  # another may have its name by now
    if not (listed and cluster):
        return ""
    nodes = {one["containerInstanceArn"] for one in _nodes_in(aws, cluster, listed)}
    there = [
        task
        for task in open_tasks(aws, cluster)
        if task.get("containerInstanceArn") in nodes
        or (provider and task.get("capacityProviderName") == provider and not task.get("containerInstanceArn"))
    ]
    if not there:
        return ""
    services = services_of(aws, cluster)
    daemons = {SERVICE + one["serviceName"] for one in services if one.get("schedulingStrategy") == "DAEMON"}
    left = [task for task in there if task.get("group", "") not in daemons]
    return f"{plural(len(left), 'task')} still on the hosts of {name}" if left else ""


def _named_by(aws: Aws, cluster: str, providers: Collection[str]) -> list[str]:
    """The services whose strategy names one of *providers*."""
    return sorted(
        one["serviceName"]
        for one in services_of(aws, cluster)
        if one["status"] == "ACTIVE"
        and any(share["capacityProvider"] in providers for share in one.get("capacityProviderStrategy", []))
    )


def _nodes_in(aws: Aws, cluster: str, groups: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The container instances that are members of *groups*."""
    members = {one["InstanceId"] for group in groups for one in group["Instances"]}
    if not (members and cluster):
        return []
    return [one for one in nodes_of(aws, cluster) if one.get("ec2InstanceId") in members]


def _tasks_at(aws: Aws, cluster: str, nodes: Collection[str]) -> list[dict[str, Any]]:
    if not nodes:
        return []
    return [task for task in open_tasks(aws, cluster) if task.get("containerInstanceArn") in nodes]


def _told(task: Mapping[str, Any]) -> str:
    return f"task {task['taskArn'].rsplit('/', 1)[-1]} ({task['taskDefinitionArn'].rsplit('/', 1)[-1]})"


def _name(group: Mapping[str, Any]) -> str:
    return str(group["AutoScalingGroupName"])
