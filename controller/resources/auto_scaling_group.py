"""The group that keeps a pool's hosts. Its version is always a number; its `desired` is only a birth value here.

While a roll is under way the bounds may be raised; the breadcrumb on the group holds those to restore, so the
recorded ones are what gets compared. Where somebody else owns the number of hosts (managed scaling, scaling policies),
`min` and `max` are all that is said about it. Lowering MaxSize below the live desired count would let AWS choose and
kill hosts without draining them: it waits until the rollout has shrunk the fleet.

What no spec can say is put back: a health check of the load balancer or a lifetime of instances ends hosts behind the
rollout's back, undrained.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.groups import UNGIVEN, halted_by_others, protected_of, put_back, set_by_others, unprotect
from controller.aws.mixes import Mix, mix_of, policy_of, template_of
from controller.aws.providers import end_hosts, tasks_on
from controller.aws.reads import keyed
from controller.base.crumbs import RollCrumb
from controller.base.errors import Gone, NotYet, Refused
from controller.base.keys import HAS_PREFIX, OWNER_TAG, REBALANCE, ROLL_TAG, SUSPENDED_TAG, Key, Ref, Tags, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec import network
from controller.spec.names import born_tags, live_name
from controller.spec.pools import Hook, Scheduled

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Pool, Stack

CLEARED = -1  # a bound of a maintenance policy that is not set any more (aws.md 3.1)


@dataclass(frozen=True, slots=True)
class AutoScalingGroup:
    """`others`: what somebody else set in it, ``MaxInstanceLifetime=86400``; none is ours."""

    template: str | Ref = spec(risk="host_roll")
    version: str | Ref = spec(risk="host_roll")
    subnets: tuple[str | Ref, ...] = spec(unordered=True)
    min: int = spec()
    max: int = spec()
    desired: int = spec(compare=False)
    name: str = spec(compare=False)
    tags: Tags = spec(subset=True, risk="cosmetic")
    mix: Mix | str = spec(default="")  # "": what the template says
    protect_new: bool = spec(default=False)  # what managed termination protection rests on (aws.md 1.7)
    maintenance: tuple[int, ...] = spec(default=())  # percent healthy: least, most; (): AWS's own ways
    after: tuple[str | Ref, ...] = spec(compare=False, default=())  # the way out: agents reach ECS over it, to the end
    hooks: tuple[tuple[str, str, int, str], ...] = spec(compare=False, default=())  # (name, on, heartbeat, default)
    mins: tuple[int, ...] = spec(compare=False, default=())  # other bounds that scheduled actions set
    maxs: tuple[int, ...] = spec(compare=False, default=())
    others: tuple[str, ...] = spec(default=())


class AutoScalingGroupKind:
    kind = "auto_scaling_group"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, AutoScalingGroup]]:
        for pool in stack.pools:
            key = Key(self.kind, pool.name)
            template = Key("launch_template", pool.name)
            name, size = live_name(stack, key), pool.size
            born = (*born_tags(stack, key, f"{stack.name}-{pool.name}-host"), *_has(pool))
            scheduled = [one for one in pool.scaling_policies if isinstance(one, Scheduled)]
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
                    tuple(sorted(born)),
                    mix=_mix(pool),
                    protect_new=pool.scaling is not None and pool.scaling.termination_protection,
                    maintenance=_maintenance(pool),
                    after=network.way_out(stack),
                    hooks=tuple(_hook(stack, pool, one) for one in pool.lifecycle_hooks),
                    mins=tuple(one.min for one in scheduled if one.min is not None),
                    maxs=tuple(one.max for one in scheduled if one.max is not None),
                ),
            )

    def observe(
        self, reads: Reads, wanted: Mapping[Key, AutoScalingGroup], owner: str
    ) -> Mapping[Key, Observed[AutoScalingGroup]]:
        named = ((item["AutoScalingGroupName"], tags.read(item.get("Tags")), item) for item in reads.groups())
        found = keyed(self.kind, wanted, named)
        return {key: parse_group(item, wanted.get(key), reads.cluster() or "") for key, item in found.items()}

    def create(self, aws: Aws, key: Key, desired: AutoScalingGroup) -> Mapping[str, str]:
        more: dict[str, Any] = _bearable(desired) if desired.maintenance else {}
        if desired.hooks:
            more["LifecycleHookSpecificationList"] = [_specified(one) for one in desired.hooks]
        aws.autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=desired.name,
            **_launches(desired),
            MinSize=desired.min,
            MaxSize=desired.max,
            DesiredCapacity=desired.desired,
            VPCZoneIdentifier=_zones(desired),
            HealthCheckType="EC2",  # ECS registers targets itself (aws.md 3.1)
            NewInstancesProtectedFromScaleIn=desired.protect_new,
            Tags=_tags(desired.name, desired.tags),
            **more,
        )
        return _outputs(_live(aws, desired.name))

    def update(
        self, aws: Aws, observed: Observed[AutoScalingGroup], desired: AutoScalingGroup, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        fields = {change.field for change in changes}
        live = _live(aws, desired.name)
        request: dict[str, Any] = {}
        if fields & {"template", "version", "mix"}:
            request |= _launches(desired, observed.as_desired.mix)
        if "protect_new" in fields:
            request["NewInstancesProtectedFromScaleIn"] = desired.protect_new
        if "maintenance" in fields:
            request |= _bearable(desired)
        if "others" in fields:
            request |= put_back(observed.as_desired.others)
        if "subnets" in fields:
            request["VPCZoneIdentifier"] = _zones(desired)
            if set(observed.as_desired.subnets) - set(desired.subnets):
                _hold_still(aws, live)
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
        if "protect_new" in fields and not desired.protect_new:  # nobody else takes it off again (aws.md 1.7)
            unprotect(aws, desired.name, protected_of(live))
        tagged = "tags" in fields or ("others" in fields and any(UNGIVEN in one for one in observed.as_desired.others))
        if tagged:
            aws.autoscaling.create_or_update_tags(Tags=_tags(desired.name, desired.tags))
        if waiting and not request and not tagged:
            raise NotYet(waiting)
        return {}

    def still_serves(self, aws: Aws, observed: Observed[AutoScalingGroup], heir: str) -> str:
        return tasks_on(aws, observed.outputs["cluster"], observed.outputs["arn"])

    def delete(self, aws: Aws, observed: Observed[AutoScalingGroup]) -> None:
        name = observed.as_desired.name
        live = _live(aws, name)
        end_hosts(aws, observed.outputs["cluster"], [live])
        if not live.get("Status"):
            aws.autoscaling.delete_auto_scaling_group(AutoScalingGroupName=name)
        raise_until_gone(aws, name)


def raise_until_gone(aws: Aws, name: str) -> None:
    if aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]:
        raise NotYet(f"{name}: being deleted")


def parse_group(
    item: Mapping[str, Any], wanted: AutoScalingGroup | None = None, cluster: str = ""
) -> Observed[AutoScalingGroup]:
    """*cluster*: that its hosts join. A bound that a scheduled action of *wanted* sets is as good as the one it wants:
    the action owns it."""
    live = tags.read(item.get("Tags"))
    crumb = RollCrumb.parse(live.get(ROLL_TAG))
    low = crumb.min if crumb else int(item["MinSize"])
    high = crumb.max if crumb else int(item["MaxSize"])
    if wanted is not None:
        low = wanted.min if low in wanted.mins else low
        high = wanted.max if high in wanted.maxs else high
    warm = ("a warm pool is attached to it: left alone",) if item.get("WarmPoolConfiguration") else ()
    halted = halted_by_others(item, live.get(SUSPENDED_TAG, "").split(","))
    given = {key for key, _ in wanted.tags if not key.startswith(HAS_PREFIX)} if wanted is not None else set()
    template, version = template_of(item)
    policy = item.get("InstanceMaintenancePolicy") or {}
    upkeep = tuple(int(policy.get(key, CLEARED)) for key in ("MinHealthyPercentage", "MaxHealthyPercentage"))
    as_desired = AutoScalingGroup(
        template,
        version,
        tuple(sorted(part for part in item.get("VPCZoneIdentifier", "").split(",") if part)),
        low,
        high,
        int(item["DesiredCapacity"]),
        item["AutoScalingGroupName"],
        lasting_tags(live),
        mix_of(item) or "",
        bool(item.get("NewInstancesProtectedFromScaleIn")),
        () if CLEARED in upkeep else upkeep,
        others=set_by_others(item, given),
    )
    outputs = {**_outputs(item), "cluster": cluster}
    return Observed(as_desired, outputs, live.get(OWNER_TAG), gone=bool(item.get("Status")), notes=(*warm, *halted))


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


def _hold_still(aws: Aws, live: Mapping[str, Any]) -> None:
    """AZRebalance would move hosts out of a subnet at once, before others serve in their place: the roll does it, and
    resumes it (DESIGN.md 5, rule 9)."""
    if REBALANCE in {one["ProcessName"] for one in live.get("SuspendedProcesses", [])}:
        return
    name = str(live["AutoScalingGroupName"])
    aws.autoscaling.create_or_update_tags(Tags=_tags(name, ((SUSPENDED_TAG, REBALANCE),), propagate=False))
    aws.autoscaling.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=[REBALANCE])


def _live(aws: Aws, name: str) -> dict[str, Any]:
    found = aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    if not found:
        raise Gone(f"{name} does not exist")
    return dict(found[0])


def _launches(desired: AutoScalingGroup, live: Mix | str = "") -> Any:
    """What the group launches: the template, or the template in a mix. Either takes the place of the other."""
    version = str(desired.version)
    if not version.isdigit():
        raise Refused(f"{desired.name}: launch template version {version} is not a number")
    template = {"LaunchTemplateId": str(desired.template), "Version": version}
    if isinstance(desired.mix, Mix):
        return {"MixedInstancesPolicy": policy_of(desired.mix, template, live)}
    return {"LaunchTemplate": template}


def _bearable(desired: AutoScalingGroup) -> Any:
    least, most = desired.maintenance or (CLEARED, CLEARED)
    return {"InstanceMaintenancePolicy": {"MinHealthyPercentage": least, "MaxHealthyPercentage": most}}


def _has(pool: Pool) -> Tags:
    """What the group is marked to have: parts that no tag of their own can find (`aws/parts.py`)."""
    scheduled = [isinstance(one, Scheduled) for one in pool.scaling_policies]
    has = {
        "lifecycle_hook": bool(pool.lifecycle_hooks),
        "scaling_policy": not all(scheduled),
        "scheduled_action": any(scheduled),
    }
    return tuple((f"{HAS_PREFIX}{kind}", "yes") for kind, some in has.items() if some)


def _hook(stack: Stack, pool: Pool, one: Hook) -> tuple[str, str, int, str]:
    name = live_name(stack, Key("lifecycle_hook", f"{pool.name}-{one.name}"))
    return name, one.on.upper(), int(one.heartbeat.total_seconds()), one.default.upper()


def _specified(hook: tuple[str, str, int, str]) -> Any:
    name, on, heartbeat, default = hook
    return {
        "LifecycleHookName": name,
        "LifecycleTransition": f"autoscaling:EC2_INSTANCE_{on}",
        "HeartbeatTimeout": heartbeat,
        "DefaultResult": default,
    }


def _mix(pool: Pool) -> Mix | str:
    if not pool.instance_types:
        return ""
    if pool.spot is None:
        return Mix(pool.instance_types)
    return Mix(pool.instance_types, pool.spot.on_demand_base, pool.spot.on_demand_percent, pool.spot.strategy)


def _maintenance(pool: Pool) -> tuple[int, ...]:
    one = pool.maintenance
    return (one.min_healthy, one.max_healthy) if one is not None else ()


def _zones(desired: AutoScalingGroup) -> str:
    return ",".join(str(subnet) for subnet in desired.subnets)


def _tags(group: str, pairs: Tags, *, propagate: bool = True) -> Any:
    return [
        {
            "ResourceId": group,
            "ResourceType": "auto-scaling-group",
            "Key": key,
            "Value": value,
            "PropagateAtLaunch": propagate and not key.startswith(HAS_PREFIX),
        }
        for key, value in pairs
    ]


def _outputs(item: Mapping[str, Any]) -> dict[str, str]:
    return {"name": item["AutoScalingGroupName"], "arn": item["AutoScalingGroupARN"]}


KIND = AutoScalingGroupKind()
