"""What a service's count follows: one target-tracking policy per figure. Several agree on less, one is enough for more.

Like the target they hang on, policies carry no owner tag: they are of whoever owns the service, and of our names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from controller.aws import tags
from controller.base.keys import OWNER_TAG, Key, Ref
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack

DIMENSION: Final = "ecs:service:DesiredCount"
TRACKING: Final = "TargetTrackingScaling"
REQUESTS = "ALBRequestCountPerTarget"
METRICS = {
    "cpu": "ECSServiceAverageCPUUtilization",
    "memory": "ECSServiceAverageMemoryUtilization",
    "requests": REQUESTS,
}


@dataclass(frozen=True, slots=True)
class ScalingPolicy:
    """`target` of `metric`; cooldowns in seconds. Of requests, `load_balancer` and `target_group` are their labels."""

    metric: str
    target: float
    scale_in_cooldown: int
    scale_out_cooldown: int
    scales_in: bool
    load_balancer: str | Ref
    target_group: str | Ref
    scalable_target: str | Ref = spec(immutable=True)
    name: str = spec(compare=False)


class ScalingPolicyKind:
    kind = "service_scaling_policy"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, ScalingPolicy]]:
        for service in stack.services:
            if service.scaling is None:
                continue
            scaling, target = service.scaling, Ref(Key("scalable_target", service.name))
            for figure, value in scaling.targets:
                key = Key(self.kind, f"{service.name}-{figure}")
                routed = figure == "requests"
                yield (
                    key,
                    ScalingPolicy(
                        METRICS[figure],
                        float(value),
                        int(scaling.scale_in_cooldown.total_seconds()),
                        int(scaling.scale_out_cooldown.total_seconds()),
                        True,
                        Ref(Key("load_balancer", "main"), "label") if routed else "",
                        Ref(Key("target_group", f"{service.name}-blue"), "label") if routed else "",
                        target,
                        live_name(stack, key),
                    ),
                )

    def observe(
        self, reads: Reads, wanted: Mapping[Key, ScalingPolicy], owner: str
    ) -> Mapping[Key, Observed[ScalingPolicy]]:
        policies = reads.service_scaling_policies()
        services = {item["serviceArn"].split(":service/")[-1]: item for item in reads.services()}
        known = {desired.name: key for key, desired in wanted.items()}
        found = {}
        for item in policies:
            service, name = services.get(item["ResourceId"].removeprefix("service/")), item["PolicyName"]
            key = known.get(name) or (_born_as(name, owner) if item["PolicyType"] == TRACKING else None)
            if key is not None and service is not None:
                found[key] = parse_policy(item, tags.read(service.get("tags")).get(OWNER_TAG))
        return found

    def create(self, aws: Aws, key: Key, desired: ScalingPolicy) -> Mapping[str, str]:
        """Putting is an upsert; every setting is stated."""
        metric: dict[str, Any] = {"PredefinedMetricType": desired.metric}
        if desired.load_balancer:
            metric["ResourceLabel"] = f"{desired.load_balancer}/{desired.target_group}"
        settings: Any = {
            "TargetValue": desired.target,
            "PredefinedMetricSpecification": metric,
            "ScaleInCooldown": desired.scale_in_cooldown,
            "ScaleOutCooldown": desired.scale_out_cooldown,
            "DisableScaleIn": not desired.scales_in,
        }
        aws.applicationautoscaling.put_scaling_policy(
            PolicyName=desired.name,
            ServiceNamespace="ecs",
            ResourceId=str(desired.scalable_target),
            ScalableDimension=DIMENSION,
            PolicyType=TRACKING,
            TargetTrackingScalingPolicyConfiguration=settings,
        )
        return {"name": desired.name}

    def update(
        self, aws: Aws, observed: Observed[ScalingPolicy], desired: ScalingPolicy, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        self.create(aws, Key(self.kind, desired.name), desired)
        return {}

    def delete(self, aws: Aws, observed: Observed[ScalingPolicy]) -> None:
        aws.applicationautoscaling.delete_scaling_policy(
            PolicyName=observed.as_desired.name,
            ServiceNamespace="ecs",
            ResourceId=str(observed.as_desired.scalable_target),
            ScalableDimension=DIMENSION,
        )


def _born_as(name: str, owner: str) -> Key | None:
    """The key of a policy that we named so and the spec has no more; None for somebody else's."""
    figure = name.rpartition("-")[2]
    return (
        Key(KIND.kind, name.removeprefix(f"{owner}-")) if figure in METRICS and name.startswith(f"{owner}-") else None
    )


def parse_policy(item: Mapping[str, Any], owner: str | None) -> Observed[ScalingPolicy]:
    """A policy of another type tracks no metric of ours."""
    settings = item.get("TargetTrackingScalingPolicyConfiguration") or {}
    metric = settings.get("PredefinedMetricSpecification") or {}
    balancer, _, group = metric.get("ResourceLabel", "").partition("/targetgroup/")
    as_desired = ScalingPolicy(
        metric.get("PredefinedMetricType", item.get("PolicyType", "")),
        float(settings.get("TargetValue", 0)),
        int(settings.get("ScaleInCooldown", 300)),
        int(settings.get("ScaleOutCooldown", 300)),
        not settings.get("DisableScaleIn", False),
        balancer,
        f"targetgroup/{group}" if group else "",
        item["ResourceId"],
        item["PolicyName"],
    )
    return Observed(as_desired, {"name": item["PolicyName"]}, owner)


KIND = ScalingPolicyKind()
