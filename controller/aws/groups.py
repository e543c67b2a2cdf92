"""Auto scaling groups: what somebody set in one that no spec can say; and emptying one, which its own deletion and the
detaching of its provider both need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from controller.aws.client import Aws
from controller.base.errors import NotYet, Refused
from controller.base.words import plural

GOING = "Terminating"
PROTECT_PER_CALL = 50  # autoscaling SetInstanceProtection (aws.md 1.7)
SPREAD = "AvailabilityZoneDistribution"
USUAL: Mapping[str, Any] = {  # what a group has that was given none of it; written, it takes a setting off (aws.md 9.5)
    "HealthCheckType": "EC2",
    "HealthCheckGracePeriod": 0,
    "MaxInstanceLifetime": 0,
    "CapacityRebalance": False,
    "TerminationPolicies": ["Default"],
    "DefaultCooldown": 300,
    "DefaultInstanceWarmup": -1,
    SPREAD: {"CapacityDistributionStrategy": "balanced-best-effort"},
}
GRACE_OF_CONSOLE = 300  # what the console gives every group; checks of EC2 alone hardly ask for it (aws.md 3.1)
UNGIVEN = "PropagateAtLaunch=False of "


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


def set_by_others(group: Mapping[str, Any], given: Collection[str]) -> tuple[str, ...]:
    """What differs from `USUAL`, as words: ``MaxInstanceLifetime=86400``; and which of the tags *given* to hosts the
    group keeps to itself."""
    live = {name: group.get(name) for name in USUAL}
    if live["HealthCheckGracePeriod"] == GRACE_OF_CONSOLE:
        live["HealthCheckGracePeriod"] = None
    kept = sorted(one["Key"] for one in group.get("Tags", []) if one.get("PropagateAtLaunch") is False)
    return (
        *(f"{name}={_word(value)}" for name, value in live.items() if value is not None and value != USUAL[name]),
        *(f"{UNGIVEN}{key}" for key in kept if key in given),
    )


def put_back(others: Iterable[str]) -> dict[str, Any]:
    """The request that takes *others* off a group, tags aside."""
    return {name: USUAL[name] for name in (one.partition("=")[0] for one in others) if name in USUAL}


def _word(value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(str(one) for one in value.values())
    return ",".join(value) if isinstance(value, list) else str(value)


def halted_by_others(group: Mapping[str, Any], ours: Collection[str]) -> tuple[str, ...]:
    """A note of the processes that are suspended, and not by us."""
    halted = sorted({one["ProcessName"] for one in group.get("SuspendedProcesses", [])} - {*ours})
    return (f"suspended by others: {', '.join(halted)}; left so until they resume it",) if halted else ()
