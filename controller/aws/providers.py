"""Taking capacity providers off a cluster, for destroy and for a pool that the spec has no more.

It is a knot (aws.md 5.5): hosts must leave while their provider is still attached, or nobody completes the hook of
managed draining; the provider can only be deleted once detached; its group only once it is empty.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from controller.aws import tags
from controller.aws.client import Aws
from controller.aws.groups import empty
from controller.aws.tasks import daemons_of, nodes_of, open_tasks
from controller.base.errors import Refused
from controller.base.keys import OWNER_TAG
from controller.base.words import plural
from controller.spec.types import FARGATE, FARGATE_SPOT


def detach(aws: Aws, cluster: str, providers: Collection[str], owner: str | None) -> None:
    """Empty the groups behind *providers*, then leave those out of the cluster's list. Raises NotYet on the way, and
    Refused where a group is not *owner*'s: its hosts are not ours to end."""
    hosts = [name for name in providers if name not in {FARGATE, FARGATE_SPOT}]  # behind those there is no group
    found = aws.ecs.describe_capacity_providers(capacityProviders=hosts)["capacityProviders"] if hosts else []
    arns = [item["autoScalingGroupProvider"]["autoScalingGroupArn"] for item in found]
    if names := [arn.rsplit("/", 1)[-1] for arn in arns]:
        listed = aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=names)["AutoScalingGroups"]
        groups = [one for one in listed if one["AutoScalingGroupARN"] in arns]  # another may have its name by now
        if foreign := [g["AutoScalingGroupName"] for g in groups if tags.read(g.get("Tags")).get(OWNER_TAG) != owner]:
            raise Refused(
                f"{', '.join(foreign)} is behind a capacity provider of {owner} and does not carry its owner tag: its "
                "hosts are left alone. Give the group its tag back, or detach the provider by hand"
            )
        empty(aws, groups)
    live: Any = next(iter(aws.ecs.describe_clusters(clusters=[cluster])["clusters"]), {})
    attached = live.get("capacityProviders", [])
    if set(attached).isdisjoint(providers):
        return
    others = [name for name in attached if name not in providers]
    strategy = [s for s in live.get("defaultCapacityProviderStrategy", []) if s["capacityProvider"] not in providers]
    aws.ecs.put_cluster_capacity_providers(
        cluster=cluster, capacityProviders=others, defaultCapacityProviderStrategy=strategy
    )


def tasks_on(aws: Aws, cluster: str, group: str) -> str:
    """What still runs on the hosts of an auto scaling group, in words; "" when nothing does.

    Told by the hosts, for a task says which provider it came by only when it came by one. Daemons stay as long as their
    host, and hold up nothing.
    """
    listed = aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group])["AutoScalingGroups"]
    members = {one["InstanceId"] for item in listed for one in item["Instances"]}
    if not (members and cluster):
        return ""
    nodes = {one["containerInstanceArn"] for one in nodes_of(aws, cluster) if one.get("ec2InstanceId") in members}
    there = [task for task in open_tasks(aws, cluster) if task.get("containerInstanceArn") in nodes]
    started = {name for task in there if (name := task.get("group", "")).startswith("service:")}
    daemons = daemons_of(aws, cluster, sorted(name.removeprefix("service:") for name in started))
    left = [task for task in there if task.get("group", "").removeprefix("service:") not in daemons]
    return f"{plural(len(left), 'task')} still on the hosts of {group}" if left else ""
