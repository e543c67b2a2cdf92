"""What lets Application Auto Scaling move a service's count between two bounds. The count itself is then its own.

A target has no owner tag that a list would show: where the spec has none, it is ours if the service is marked to have
one of ours (`theseus:has-scalable_target`), and somebody else's otherwise. A deleted service takes
its target along without a word (peers.md 4.8, R14), so it is compared in every pass like any other resource.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from controller.aws import tags
from controller.base.keys import HAS_PREFIX, OWNER_TAG, Key, Ref, key_of
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack

DIMENSION: Final = "ecs:service:DesiredCount"


@dataclass(frozen=True, slots=True)
class ScalableTarget:
    """`within`: the service's count lies between the bounds; registering again moves it there (aws.md 3.5).

    suspended   what somebody switched off: "" for nothing
    """

    min: int
    max: int
    suspended: str
    within: bool
    cluster: str | Ref = spec(compare=False, names="cluster")
    service: str | Ref = spec(compare=False, names="service")
    name: str = spec(compare=False)  # of the service at birth: that there is one is a reason to ask at all


class ScalableTargetKind:
    kind = "scalable_target"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, ScalableTarget]]:
        cluster = Ref(Key("cluster", "main"), "name")
        for service in stack.services:
            if service.scaling is not None:
                key, scaling = Key("service", service.name), service.scaling
                name = live_name(stack, key)
                target = ScalableTarget(scaling.min, scaling.max, "", True, cluster, Ref(key, "name"), name)
                yield Key(self.kind, service.name), target

    def observe(
        self, reads: Reads, wanted: Mapping[Key, ScalableTarget], owner: str
    ) -> Mapping[Key, Observed[ScalableTarget]]:
        targets = reads.our_scalable_targets()
        services = {item["serviceName"]: item for item in reads.services() if item["status"] == "ACTIVE"}
        found = {}
        for item in sorted(targets, key=lambda one: str(one["ResourceId"])):
            service = services.get(item["ResourceId"].rsplit("/", 1)[-1])
            born = key_of(tags.read(service.get("tags")), "service") if service is not None else None
            if service is None or born is None:
                continue
            found[Key(self.kind, born.name)] = parse_target(item, service)
        return found

    def create(self, aws: Aws, key: Key, desired: ScalableTarget) -> Mapping[str, str]:
        """Registering is an upsert (aws.md 3.5)."""
        aws.applicationautoscaling.register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId=(resource := f"service/{desired.cluster}/{desired.service}"),
            ScalableDimension=DIMENSION,
            MinCapacity=desired.min,
            MaxCapacity=desired.max,
            SuspendedState={
                "DynamicScalingInSuspended": False,
                "DynamicScalingOutSuspended": False,
                "ScheduledScalingSuspended": False,
            },
        )
        return {"id": resource}

    def update(
        self, aws: Aws, observed: Observed[ScalableTarget], desired: ScalableTarget, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        self.create(aws, Key(self.kind, desired.name), desired)
        return {}

    def delete(self, aws: Aws, observed: Observed[ScalableTarget]) -> None:
        aws.applicationautoscaling.deregister_scalable_target(
            ServiceNamespace="ecs", ResourceId=observed.outputs["id"], ScalableDimension=DIMENSION
        )  # whose target comes there next is no business of ours
        aws.ecs.untag_resource(resourceArn=observed.outputs["service"], tagKeys=[f"{HAS_PREFIX}{self.kind}"])


def parse_target(item: Mapping[str, Any], service: Mapping[str, Any]) -> Observed[ScalableTarget]:
    least, most = int(item["MinCapacity"]), int(item["MaxCapacity"])
    state = item.get("SuspendedState") or {}
    off = sorted(name.removesuffix("Suspended") for name, value in state.items() if value is True)
    within = least <= int(service["desiredCount"]) <= most
    _, cluster, name = item["ResourceId"].split("/")
    as_desired = ScalableTarget(least, most, ", ".join(off), within, cluster, name, name)
    owner = tags.read(service.get("tags")).get(OWNER_TAG)
    return Observed(as_desired, {"id": item["ResourceId"], "service": service["serviceArn"]}, owner)


KIND = ScalableTargetKind()
