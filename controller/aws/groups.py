"""Emptying auto scaling groups: a group's own deletion and the detaching of its provider both need it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from controller.aws.client import Aws
from controller.base.errors import NotYet

PROTECT_PER_CALL = 50  # autoscaling SetInstanceProtection (aws.md 1.7)


def empty(aws: Aws, groups: Iterable[Mapping[str, Any]]) -> None:
    """No instance is left in *groups* (DescribeAutoScalingGroups entries); raises NotYet on the way there.

    Whoever calls it made sure that nothing serves there (`providers.tasks_on`), or destroys the whole stack, whose
    services are gone by then. Lifecycle hooks run as usual.
    """
    left = 0
    for group in groups:
        name = group["AutoScalingGroupName"]
        left += len(group["Instances"])
        if not int(group["MinSize"]) and not int(group["DesiredCapacity"]):
            continue
        unprotect(aws, name, protected_of(group))
        aws.autoscaling.update_auto_scaling_group(AutoScalingGroupName=name, MinSize=0, DesiredCapacity=0)
    if left:
        raise NotYet(f"{left} hosts still terminating")


def protected_of(group: Mapping[str, Any]) -> list[str]:
    """The ids of the instances in service that a group does not scale in."""
    instances = group.get("Instances", [])
    return [one["InstanceId"] for one in instances if one.get("ProtectedFromScaleIn")]


def unprotect(aws: Aws, group: str, instances: Sequence[str]) -> None:
    for start in range(0, len(instances), PROTECT_PER_CALL):
        aws.autoscaling.set_instance_protection(
            AutoScalingGroupName=group,
            InstanceIds=list(instances[start : start + PROTECT_PER_CALL]),
            ProtectedFromScaleIn=False,
        )
