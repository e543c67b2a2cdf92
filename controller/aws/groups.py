"""Emptying auto scaling groups: a group's own deletion and the detaching of its provider both need it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from controller.aws.client import Aws
from controller.base.errors import NotYet, Refused
from controller.base.words import plural

GOING = "Terminating"
PROTECT_PER_CALL = 50  # autoscaling SetInstanceProtection (aws.md 1.7)


def empty(aws: Aws, groups: Iterable[Mapping[str, Any]]) -> None:
    """No instance is left in *groups* (DescribeAutoScalingGroups entries); raises NotYet on the way there.

    Whoever calls it made sure that nothing serves there (`providers.end_hosts`). Lifecycle hooks run as usual.
    """
    left: Counter[str] = Counter()
    for group in groups:
        name = group["AutoScalingGroupName"]
        left.update(one["LifecycleState"] for one in group["Instances"])
        staying = {one["InstanceId"] for one in group["Instances"] if not one["LifecycleState"].startswith(GOING)}
        if staying and any(one["ProcessName"] == "Terminate" for one in group.get("SuspendedProcesses", [])):
            raise Refused(
                f"{name} ends no host while its process Terminate is suspended; resume it:\n"
                f"  aws autoscaling resume-processes --auto-scaling-group-name {name} --scaling-processes Terminate"
            )
        if held := [one for one in protected_of(group) if one in staying]:
            unprotect(aws, name, held)
        if int(group["MinSize"]) or int(group["DesiredCapacity"]):
            aws.autoscaling.update_auto_scaling_group(AutoScalingGroupName=name, MinSize=0, DesiredCapacity=0)
    if left:
        states = ", ".join(f"{count} {state}" for state, count in sorted(left.items()))
        standby = "; no group ends a host in Standby: end it, or bring it back" if left["Standby"] else ""
        raise NotYet(f"{plural(left.total(), 'host')} still there ({states}){standby}")


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
