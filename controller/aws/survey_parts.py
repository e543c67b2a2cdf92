"""What hangs on groups, services and repositories of others: hooks, policies, schedules. Reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from controller.aws.client import pages
from controller.base.errors import Gone

if TYPE_CHECKING:
    from controller.aws.client import Aws

Item = dict[str, Any]
TARGETS_MAX = 50  # ids per DescribeScalableTargets (its ResourceIds)


@dataclass(slots=True)
class Parts:
    """By the name of a group, of a service, or of a repository."""

    hooks: dict[str, list[Item]] = field(default_factory=dict)
    policies: dict[str, list[Item]] = field(default_factory=dict)
    schedules: dict[str, list[Item]] = field(default_factory=dict)
    scaled: dict[str, Item] = field(default_factory=dict)  # what Application Auto Scaling knows of a service
    service_policies: dict[str, list[Item]] = field(default_factory=dict)
    service_schedules: dict[str, list[Item]] = field(default_factory=dict)
    lifecycles: dict[str, str] = field(default_factory=dict)


def parts_of(
    aws: Aws, cluster: str, services: Iterable[str], groups: Iterable[str], repositories: Iterable[str]
) -> Parts:
    """All of them."""
    found = Parts()
    for group in groups:
        asked: Any = {"AutoScalingGroupName": group}
        found.hooks[group] = [dict(one) for one in aws.autoscaling.describe_lifecycle_hooks(**asked)["LifecycleHooks"]]
        found.policies[group] = pages(aws.autoscaling.describe_policies, "ScalingPolicies", **asked)
        found.schedules[group] = pages(
            aws.autoscaling.describe_scheduled_actions, "ScheduledUpdateGroupActions", **asked
        )
    _scaling(aws, [f"service/{cluster}/{name}" for name in services], found)
    for name in repositories:
        try:
            found.lifecycles[name] = aws.ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"]
        except Gone:
            continue
    return found


def _scaling(aws: Aws, idents: list[str], found: Parts) -> None:
    of_ecs: Any = {"ServiceNamespace": "ecs"}
    targets: list[Mapping[str, Any]] = []
    for start in range(0, len(idents), TARGETS_MAX):
        part = idents[start : start + TARGETS_MAX]
        call = aws.applicationautoscaling.describe_scalable_targets
        targets += pages(call, "ScalableTargets", **of_ecs, ResourceIds=part)
    for target in targets:
        name, asked = str(target["ResourceId"]).rsplit("/", 1)[-1], {**of_ecs, "ResourceId": target["ResourceId"]}
        found.scaled[name] = dict(target)
        found.service_policies[name] = pages(
            aws.applicationautoscaling.describe_scaling_policies, "ScalingPolicies", **asked
        )
        found.service_schedules[name] = pages(
            aws.applicationautoscaling.describe_scheduled_actions, "ScheduledActions", **asked
        )
