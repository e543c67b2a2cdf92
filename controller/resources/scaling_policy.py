"""What moves a group's desired capacity by a metric: target tracking, and steps for an alarm of somebody else's.

A policy carries no tags: one in a group of ours whose name begins as ours do is ours. ECS's own for managed scaling
(``ECSManaged...``) and policies of others are left alone. The alarms of target tracking are AWS's, and go with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.aws.parts import asked_for, part_key
from controller.base.errors import Gone
from controller.base.keys import Key, Ref
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import live_name
from controller.spec.pools import Scheduled, StepScaling, TargetTracking

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack

TRACKING, STEPS = "TargetTrackingScaling", "StepScaling"
PREDEFINED = "ASGAverageCPUUtilization"
OF_CLUSTER = {"cpu_reservation": "CPUReservation", "memory_reservation": "MemoryReservation"}  # namespace AWS/ECS
USUAL: Mapping[str, Any] = {  # what ours say, or leave out: putting a policy takes the rest off it (aws.md 5.2)
    "AdjustmentType": "ChangeInCapacity",
    "MetricAggregationType": "Average",
    "MinAdjustmentMagnitude": None,
    "Enabled": True,
}
NOTHING = ""
Bounds = tuple[float | None, float | None, int]


@dataclass(frozen=True, slots=True)
class Tracking:
    """`metric` names one of the group's, or one of CloudWatch in a line: namespace, name, statistic, dimensions."""

    metric: str
    target: float
    scale_in: bool


@dataclass(frozen=True, slots=True)
class ScalingPolicy:
    """What it tracks, or its steps; `NOTHING` and () where it is the other.

    steps   (lower end, upper end, hosts to add), in order; an end that is None is open
    others  what somebody else set in it, ``AdjustmentType=ExactCapacity``; none is ours
    """

    group: str | Ref = spec(compare=False, names="auto_scaling_group")
    tracking: Tracking | str = spec()
    steps: tuple[Bounds, ...] = spec(unordered=True)
    warmup: int = spec()  # seconds
    name: str = spec(compare=False)
    place: str = spec(compare=False)
    others: tuple[str, ...] = spec(default=())


class ScalingPolicyKind:
    kind = "scaling_policy"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, ScalingPolicy]]:
        cluster = live_name(stack, Key("cluster", "main"))
        for pool in stack.pools:
            group = Key("auto_scaling_group", pool.name)
            for policy in pool.scaling_policies:
                if isinstance(policy, Scheduled):
                    continue
                key = Key(self.kind, f"{pool.name}-{policy.name}")
                yield key, _policy(Ref(group, "name"), policy, cluster, live_name(stack, key), live_name(stack, group))

    def observe(
        self, reads: Reads, wanted: Mapping[Key, ScalingPolicy], owner: str
    ) -> Mapping[Key, Observed[ScalingPolicy]]:
        found = {}
        for group, prefix in asked_for(reads.groups(), self.kind, owner, wanted):
            place = group["AutoScalingGroupName"]
            for item in reads.scaling_policies(place):
                if item["PolicyName"].startswith(prefix):
                    name = item["PolicyName"].removeprefix(f"{owner}-")
                    found[part_key(self.kind, name, place, wanted, reads.groups())] = parse_policy(item, owner)
        return found

    def create(self, aws: Aws, key: Key, desired: ScalingPolicy) -> Mapping[str, str]:
        made = aws.autoscaling.put_scaling_policy(
            AutoScalingGroupName=str(desired.group),
            PolicyName=desired.name,
            EstimatedInstanceWarmup=desired.warmup,
            **(_tracked(desired.tracking) if isinstance(desired.tracking, Tracking) else _adjustments(desired)),
        )
        return {"arn": made["PolicyARN"], "name": desired.name}

    def update(
        self, aws: Aws, observed: Observed[ScalingPolicy], desired: ScalingPolicy, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        return self.create(aws, Key(self.kind, desired.name), desired)

    def delete(self, aws: Aws, observed: Observed[ScalingPolicy]) -> None:
        one = observed.as_desired
        try:
            aws.autoscaling.delete_policy(AutoScalingGroupName=one.place, PolicyName=one.name)
        except Gone:
            return


def parse_policy(item: Mapping[str, Any], owner: str) -> Observed[ScalingPolicy]:
    group = item["AutoScalingGroupName"]
    steps = tuple(
        (_end(one, "MetricIntervalLowerBound"), _end(one, "MetricIntervalUpperBound"), int(one["ScalingAdjustment"]))
        for one in item.get("StepAdjustments", [])
    )
    as_desired = ScalingPolicy(
        group,
        parse_tracking(item.get("TargetTrackingConfiguration", {})),
        tuple(sorted(steps, key=repr)),
        int(item.get("EstimatedInstanceWarmup", 0)),
        item["PolicyName"],
        group,
        _others(item),
    )
    return Observed(as_desired, {"arn": item["PolicyARN"], "name": item["PolicyName"]}, owner)


def _others(item: Mapping[str, Any]) -> tuple[str, ...]:
    stepping = item.get("PolicyType") == STEPS
    said = {name: item.get(name) for name in USUAL if stepping or name == "Enabled"}
    return tuple(f"{name}={value}" for name, value in said.items() if value not in (None, USUAL[name]))


def parse_tracking(config: Mapping[str, Any]) -> Tracking | str:
    if not config:
        return NOTHING
    return Tracking(parse_metric(config), float(config.get("TargetValue", 0)), not config.get("DisableScaleIn", False))


def parse_metric(tracking: Mapping[str, Any]) -> str:
    """The metric in a line."""
    if given := tracking.get("PredefinedMetricSpecification"):
        return str(given.get("PredefinedMetricType", ""))
    given = tracking.get("CustomizedMetricSpecification") or {}
    dimensions = sorted(f"{one['Name']}={one['Value']}" for one in given.get("Dimensions", []))
    return " ".join(
        [*(str(given[key]) for key in ("Namespace", "MetricName", "Statistic") if key in given), *dimensions]
    )


def _policy(group: Ref, policy: TargetTracking | StepScaling, cluster: str, name: str, place: str) -> ScalingPolicy:
    warmup = int(policy.warmup.total_seconds())
    if isinstance(policy, StepScaling):
        steps = tuple(sorted(((one.low, one.high, one.add) for one in policy.steps), key=repr))
        return ScalingPolicy(group, NOTHING, steps, warmup, name, place)
    of_cluster = OF_CLUSTER.get(policy.metric)
    metric = f"AWS/ECS {of_cluster} Average ClusterName={cluster}" if of_cluster else PREDEFINED
    tracking = Tracking(metric, float(policy.target), policy.scale_in)
    return ScalingPolicy(group, tracking, (), warmup, name, place)


def _tracked(tracking: Tracking) -> Any:
    metric: dict[str, Any] = {"PredefinedMetricSpecification": {"PredefinedMetricType": tracking.metric}}
    if tracking.metric != PREDEFINED:
        namespace, name, statistic, *dimensions = tracking.metric.split(" ")
        pairs = [one.split("=", 1) for one in dimensions]
        metric = {
            "CustomizedMetricSpecification": {
                "Namespace": namespace,
                "MetricName": name,
                "Statistic": statistic,
                "Dimensions": [{"Name": key, "Value": value} for key, value in pairs],
            }
        }
    shape = {**metric, "TargetValue": tracking.target, "DisableScaleIn": not tracking.scale_in}
    return {"PolicyType": TRACKING, "TargetTrackingConfiguration": shape}


def _adjustments(desired: ScalingPolicy) -> Any:
    steps = []
    for low, high, add in desired.steps:
        ends = {"MetricIntervalLowerBound": low, "MetricIntervalUpperBound": high}
        steps.append({"ScalingAdjustment": add, **{key: end for key, end in ends.items() if end is not None}})
    return {
        "PolicyType": STEPS,
        "AdjustmentType": USUAL["AdjustmentType"],
        "MetricAggregationType": USUAL["MetricAggregationType"],
        "StepAdjustments": steps,
    }


def _end(step: Mapping[str, Any], name: str) -> float | None:
    return float(step[name]) if name in step else None


KIND = ScalingPolicyKind()
