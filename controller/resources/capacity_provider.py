"""What ties a pool's group to ECS. Without managed scaling the size of a pool is the spec's, and the rollout's; with it
ECS owns the group's desired capacity inside the bounds of the spec.

Managed draining is on unless the spec gives it up: it covers every termination that is not ours (aws.md 1.6).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.providers import detach, tasks_on
from controller.aws.reads import keyed
from controller.base.errors import NotYet, Refused
from controller.base.keys import OWNER_TAG, Key, Ref, Tags, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import born_tags, live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Pool, Stack


@dataclass(frozen=True, slots=True)
class ManagedScaling:
    """On, with its numbers (AWS's defaults, aws.md 1.7). One that is off has none: `OFF`."""

    target: int = 100  # percent
    min_step: int = 1
    max_step: int = 10000
    warmup: int = 300  # seconds


OFF = "off"


@dataclass(frozen=True, slots=True)
class CapacityProvider:
    group: str | Ref = spec(immutable=True, ends=True)  # arn
    managed_draining: bool = spec()
    managed_scaling: ManagedScaling | str = spec()
    termination_protection: bool = spec()
    name: str = spec(compare=False)
    tags: Tags = spec(subset=True, risk="cosmetic")
    after: tuple[str | Ref, ...] = spec(compare=False, default=())  # the group's hooks: hosts meet them, to the end


class CapacityProviderKind:
    kind = "capacity_provider"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, CapacityProvider]]:
        for pool in stack.pools:
            key = Key(self.kind, pool.name)
            name = live_name(stack, key)
            group = Ref(Key("auto_scaling_group", pool.name), "arn")
            born = born_tags(stack, key)
            protects = pool.scaling is not None and pool.scaling.termination_protection
            hooks = tuple(Ref(Key("lifecycle_hook", f"{pool.name}-{one.name}")) for one in pool.lifecycle_hooks)
            yield key, CapacityProvider(group, pool.managed_draining, _scaling(pool), protects, name, born, hooks)

    def observe(
        self, reads: Reads, wanted: Mapping[Key, CapacityProvider], owner: str
    ) -> Mapping[Key, Observed[CapacityProvider]]:
        named = ((item["name"], tags.read(item.get("tags")), item) for item in reads.capacity_providers())
        clusters = {
            name: item["clusterName"] for item in reads.clusters() for name in item.get("capacityProviders", [])
        }
        found = {}
        for key, item in keyed(self.kind, wanted, named).items():
            one = parse_provider(item, clusters.get(item["name"], ""))
            found[key] = replace(one, idle=not reads.group_lives(str(one.as_desired.group)))
        return found

    def create(self, aws: Aws, key: Key, desired: CapacityProvider) -> Mapping[str, str]:
        try:
            made: Any = aws.ecs.create_capacity_provider(
                name=desired.name,
                autoScalingGroupProvider=_settings(desired) | {"autoScalingGroupArn": str(desired.group)},
                tags=tags.camel(desired.tags),
            )["capacityProvider"]
        except Refused as refusal:
            if "already exists" not in str(refusal):  # ECS has no code of its own for it (aws.md 5.2)
                raise
            found = aws.ecs.describe_capacity_providers(capacityProviders=[desired.name], include=["TAGS"])
            made = (found["capacityProviders"] or [{}])[0]
            have = parse_provider(made) if made else None
            if have is None or have.gone:
                raise NotYet(f"capacity provider {desired.name}: the last one of that name is being deleted") from None
            if have.as_desired.group != desired.group:
                raise
        return _outputs(made)

    def update(
        self, aws: Aws, observed: Observed[CapacityProvider], desired: CapacityProvider, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        fields = {change.field for change in changes}
        if fields & {"managed_draining", "managed_scaling", "termination_protection"}:
            aws.ecs.update_capacity_provider(name=desired.name, autoScalingGroupProvider=_settings(desired))
        if "tags" in fields:
            aws.ecs.tag_resource(resourceArn=observed.outputs["arn"], tags=tags.camel(desired.tags))
        return {}

    def still_serves(self, aws: Aws, observed: Observed[CapacityProvider], heir: str) -> str:
        live = observed.as_desired
        return tasks_on(aws, observed.outputs["cluster"], str(live.group), live.name)

    def delete(self, aws: Aws, observed: Observed[CapacityProvider]) -> None:
        """Off the cluster first, which ends its hosts; then it goes, and its group after it."""
        name, cluster = observed.as_desired.name, observed.outputs["cluster"]
        if cluster:
            detach(aws, cluster, [name], observed.owner)
        try:
            if not observed.gone:
                aws.ecs.delete_capacity_provider(capacityProvider=name)
        except Refused as refusal:
            if "does not exist" not in str(refusal):  # ECS says so in words only
                raise
        found = aws.ecs.describe_capacity_providers(capacityProviders=[name])["capacityProviders"]
        for item in found:
            if item.get("status") != "INACTIVE":
                reason = f": {item.get('updateStatusReason')}" if item.get("updateStatus") == "DELETE_FAILED" else ""
                raise NotYet(f"capacity provider {name}: being deleted{reason}")


def parse_provider(item: Mapping[str, Any], cluster: str = "") -> Observed[CapacityProvider]:
    """*cluster*: the name of the one it is attached to, where it is."""
    live = tags.read(item.get("tags"))
    group = item.get("autoScalingGroupProvider", {})
    as_desired = CapacityProvider(
        group.get("autoScalingGroupArn", ""),
        group.get("managedDraining", "ENABLED") == "ENABLED",
        parse_scaling(group.get("managedScaling", {})),
        group.get("managedTerminationProtection", "DISABLED") == "ENABLED",
        item["name"],
        lasting_tags(live),
    )
    leaving = item.get("status") == "INACTIVE" or item.get("updateStatus") in {"DELETE_IN_PROGRESS", "DELETE_COMPLETE"}
    return Observed(as_desired, {**_outputs(item), "cluster": cluster}, live.get(OWNER_TAG), gone=leaving)


def parse_scaling(item: Mapping[str, Any]) -> ManagedScaling | str:
    """ECS fills in what was not given; of one that is off it may show anything."""
    if item.get("status", "DISABLED") != "ENABLED":
        return OFF
    usual = ManagedScaling()
    return ManagedScaling(
        int(item.get("targetCapacity", usual.target)),
        int(item.get("minimumScalingStepSize", usual.min_step)),
        int(item.get("maximumScalingStepSize", usual.max_step)),
        int(item.get("instanceWarmupPeriod", usual.warmup)),
    )


def _scaling(pool: Pool) -> ManagedScaling | str:
    one = pool.scaling
    if one is None:
        return OFF
    return ManagedScaling(one.target_capacity, one.min_step, one.max_step, int(one.warmup.total_seconds()))


def _settings(desired: CapacityProvider) -> Any:
    scaling: dict[str, Any] = {"status": "DISABLED"}
    if isinstance(desired.managed_scaling, ManagedScaling):
        scaling = {
            "status": "ENABLED",
            "targetCapacity": desired.managed_scaling.target,
            "minimumScalingStepSize": desired.managed_scaling.min_step,
            "maximumScalingStepSize": desired.managed_scaling.max_step,
            "instanceWarmupPeriod": desired.managed_scaling.warmup,
        }
    return {
        "managedScaling": scaling,
        "managedTerminationProtection": "ENABLED" if desired.termination_protection else "DISABLED",
        "managedDraining": "ENABLED" if desired.managed_draining else "DISABLED",
    }


def _outputs(item: Mapping[str, Any]) -> dict[str, str]:
    return {"name": item["name"], "arn": item["capacityProviderArn"]}


KIND = CapacityProviderKind()
