"""The group that keeps a pool's hosts. Its version is always a number; its `desired` is only a birth value here.

While a roll is under way the bounds may be raised; the breadcrumb on the group holds those to restore, so the
recorded ones are what gets compared. Lowering MaxSize below the live desired count would let AWS choose and kill
hosts without draining them: it waits until the rollout has shrunk the fleet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.groups import empty
from controller.aws.reads import keyed
from controller.base.crumbs import RollCrumb
from controller.base.errors import Gone, NotYet, Refused
from controller.base.keys import OWNER_TAG, ROLL_TAG, Key, Ref, Tags, birth_tags, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec import network
from controller.spec.names import live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack


@dataclass(frozen=True, slots=True)
class AutoScalingGroup:
    template: str | Ref = spec(risk="host_roll")
    version: str | Ref = spec(risk="host_roll")
    subnets: tuple[str | Ref, ...] = spec(unordered=True)
    min: int = spec()
    max: int = spec()
    desired: int = spec(compare=False)
    name: str = spec(compare=False)
    tags: Tags = spec(subset=True, risk="cosmetic")
    after: tuple[str | Ref, ...] = spec(compare=False, default=())  # the way out: agents reach ECS over it, to the end


class AutoScalingGroupKind:
    kind = "auto_scaling_group"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, AutoScalingGroup]]:
        for pool in stack.pools:
            key = Key(self.kind, pool.name)
            template = Key("launch_template", pool.name)
            name, size = live_name(stack, key), pool.size
            born = birth_tags(stack.name, key, f"{stack.name}-{pool.name}-host", stack.tags)
            yield (
                key,
                AutoScalingGroup(
                    Ref(template),
                    Ref(template, "version"),
                    network.host_subnets(stack),
                    size.min,
                    size.max,
                    size.desired,
                    name,
                    born,
                    after=network.way_out(stack),
                ),
            )

    def observe(
        self, reads: Reads, wanted: Mapping[Key, AutoScalingGroup], owner: str
    ) -> Mapping[Key, Observed[AutoScalingGroup]]:
        named = ((item["AutoScalingGroupName"], tags.read(item.get("Tags")), item) for item in reads.groups())
        return {key: parse_group(item) for key, item in keyed(self.kind, wanted, named).items()}

    def create(self, aws: Aws, key: Key, desired: AutoScalingGroup) -> Mapping[str, str]:
        aws.autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=desired.name,
            LaunchTemplate=_template(desired),
            MinSize=desired.min,
            MaxSize=desired.max,
            DesiredCapacity=desired.desired,
            VPCZoneIdentifier=_zones(desired),
            HealthCheckType="EC2",  # ECS registers targets itself (aws.md 3.1)
            NewInstancesProtectedFromScaleIn=False,
            Tags=_tags(desired.name, desired.tags),
        )
        return _outputs(_live(aws, desired.name))

    def update(
        self, aws: Aws, observed: Observed[AutoScalingGroup], desired: AutoScalingGroup, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        fields = {change.field for change in changes}
        live = _live(aws, desired.name)
        request: dict[str, Any] = {}
        if fields & {"template", "version"}:
            request["LaunchTemplate"] = _template(desired)
        if "subnets" in fields:
            request["VPCZoneIdentifier"] = _zones(desired)
        crumb = RollCrumb.parse(tags.read(live.get("Tags")).get(ROLL_TAG))
        waiting = ""
        if fields & {"min", "max"}:
            bounds, waiting = _bounds(live, desired, rolling=crumb is not None)
            request |= bounds
        if crumb is not None and fields & {"min", "max"}:
            text = replace(crumb, min=desired.min, max=desired.max).text()
            aws.autoscaling.create_or_update_tags(Tags=_tags(desired.name, ((ROLL_TAG, text),), propagate=False))
        if request:
            aws.autoscaling.update_auto_scaling_group(AutoScalingGroupName=desired.name, **request)
        if "tags" in fields:
            aws.autoscaling.create_or_update_tags(Tags=_tags(desired.name, desired.tags))
        if waiting and not request and "tags" not in fields:
            raise NotYet(waiting)
        return {}

    def delete(self, aws: Aws, observed: Observed[AutoScalingGroup]) -> None:
        name = observed.as_desired.name
        live = _live(aws, name)
        empty(aws, [live])
        if not live.get("Status"):
            aws.autoscaling.delete_auto_scaling_group(AutoScalingGroupName=name)
        raise_until_gone(aws, name)


def raise_until_gone(aws: Aws, name: str) -> None:
    if aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]:
        raise NotYet(f"{name}: being deleted")


def parse_group(item: Mapping[str, Any]) -> Observed[AutoScalingGroup]:
    live = tags.read(item.get("Tags"))
    crumb = RollCrumb.parse(live.get(ROLL_TAG))
    template = item.get("LaunchTemplate") or {}
    as_desired = AutoScalingGroup(
        str(template.get("LaunchTemplateId", "")),
        str(template.get("Version", "")),
        tuple(sorted(part for part in item.get("VPCZoneIdentifier", "").split(",") if part)),
        crumb.min if crumb else int(item["MinSize"]),
        crumb.max if crumb else int(item["MaxSize"]),
        int(item["DesiredCapacity"]),
        item["AutoScalingGroupName"],
        lasting_tags(live),
    )
    return Observed(as_desired, _outputs(item), live.get(OWNER_TAG), gone=bool(item.get("Status")))


def _bounds(live: Mapping[str, Any], desired: AutoScalingGroup, *, rolling: bool) -> tuple[dict[str, int], str]:
    """The bounds that may be set now, and what the others wait for."""
    count, low, high = int(live["DesiredCapacity"]), int(live["MinSize"]), int(live["MaxSize"])
    most = max(desired.max, count)
    least = min(desired.min, count) if rolling else desired.min
    waiting = (
        f"{desired.name}: MaxSize {desired.max} once surplus hosts have left ({count} now)"
        if most > desired.max
        else ""
    )
    bounds = {}
    if least != low:
        bounds["MinSize"] = least
    if most != high:
        bounds["MaxSize"] = most
    return bounds, waiting


def _live(aws: Aws, name: str) -> dict[str, Any]:
    found = aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    if not found:
        raise Gone(f"{name} does not exist")
    return dict(found[0])


def _template(desired: AutoScalingGroup) -> Any:
    version = str(desired.version)
    if not version.isdigit():
        raise Refused(f"{desired.name}: launch template version {version} is not a number")
    return {"LaunchTemplateId": str(desired.template), "Version": version}


def _zones(desired: AutoScalingGroup) -> str:
    return ",".join(str(subnet) for subnet in desired.subnets)


def _tags(group: str, pairs: Tags, *, propagate: bool = True) -> Any:
    return [
        {
            "ResourceId": group,
            "ResourceType": "auto-scaling-group",
            "Key": key,
            "Value": value,
            "PropagateAtLaunch": propagate,
        }
        for key, value in pairs
    ]


def _outputs(item: Mapping[str, Any]) -> dict[str, str]:
    return {"name": item["AutoScalingGroupName"], "arn": item["AutoScalingGroupARN"]}


KIND = AutoScalingGroupKind()
