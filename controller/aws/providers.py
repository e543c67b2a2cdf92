"""Taking capacity providers off a cluster, for destroy and for a pool that the spec has no more.

It is a knot (aws.md 5.5): hosts must leave while their provider is still attached, or nobody completes the hook of
managed draining; the provider can only be deleted once detached; its group only once it is empty.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from controller.aws.client import Aws
from controller.aws.groups import empty
from controller.aws.tasks import open_tasks
from controller.spec.types import FARGATE, FARGATE_SPOT


def detach(aws: Aws, cluster: str, providers: Collection[str]) -> None:
    """Empty the groups behind *providers*, then leave those out of the cluster's list. Raises NotYet on the way."""
    hosts = [name for name in providers if name not in {FARGATE, FARGATE_SPOT}]  # behind those there is no group
    found = aws.ecs.describe_capacity_providers(capacityProviders=hosts)["capacityProviders"] if hosts else []
    arns = [item["autoScalingGroupProvider"]["autoScalingGroupArn"] for item in found]
    if names := [arn.rsplit("/", 1)[-1] for arn in arns]:
        groups = aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=names)["AutoScalingGroups"]
        empty(aws, [one for one in groups if one["AutoScalingGroupARN"] in arns])  # another may have its name by now
    live: Any = next(iter(aws.ecs.describe_clusters(clusters=[cluster])["clusters"]), {})
    attached = live.get("capacityProviders", [])
    if set(attached).isdisjoint(providers):
        return
    others = [name for name in attached if name not in providers]
    strategy = [s for s in live.get("defaultCapacityProviderStrategy", []) if s["capacityProvider"] not in providers]
    aws.ecs.put_cluster_capacity_providers(
        cluster=cluster, capacityProviders=others, defaultCapacityProviderStrategy=strategy
    )


def tasks_on(aws: Aws, cluster: str, provider: str) -> int:
    """How many tasks of services are on the hosts of *provider*, those that are stopping included."""
    return sum(
        task.get("capacityProviderName") == provider and task.get("group", "").startswith("service:")
        for task in open_tasks(aws, cluster)
    )
