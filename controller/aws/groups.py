"""Emptying auto scaling groups, for destroy: the group and the cluster's attachments both need it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from controller.aws.client import Aws
from controller.base.errors import NotYet

PROTECT_PER_CALL = 50  # autoscaling SetInstanceProtection (aws.md 1.7)


def empty(aws: Aws, groups: Iterable[Mapping[str, Any]]) -> None:
    """No instance is left in *groups* (DescribeAutoScalingGroups entries); raises NotYet on the way there.

    Services are gone by then, so nothing is lost; lifecycle hooks run as usual.
    """
    left = 0
    for group in groups:
        name = group["AutoScalingGroupName"]
        left += len(group["Instances"])
        if not int(group["MinSize"]) and not int(group["DesiredCapacity"]):
            continue
        protected = [one["InstanceId"] for one in group["Instances"] if one.get("ProtectedFromScaleIn")]
        for start in range(0, len(protected), PROTECT_PER_CALL):
            aws.autoscaling.set_instance_protection(
                AutoScalingGroupName=name,
                InstanceIds=protected[start : start + PROTECT_PER_CALL],
                ProtectedFromScaleIn=False,
            )
        aws.autoscaling.update_auto_scaling_group(AutoScalingGroupName=name, MinSize=0, DesiredCapacity=0)
    if left:
        raise NotYet(f"{left} hosts still terminating")
