"""What holds a host up when its group launches or terminates it, until something of the user's answers (aws.md 1.11).

A hook carries no tags: one in a group of ours whose name begins as ours do is ours. ECS's own for managed draining, and
hooks of others, are left alone. At birth the group makes its hooks itself, so that its first hosts meet them.
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

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack

TRANSITION = "autoscaling:EC2_INSTANCE_"


@dataclass(frozen=True, slots=True)
class LifecycleHook:
    """`on` LAUNCHING or TERMINATING, `default` CONTINUE or ABANDON; `place` is the group's name, known before it is."""

    group: str | Ref = spec(compare=False, names="auto_scaling_group")
    on: str = spec()
    heartbeat: int = spec()  # seconds
    default: str = spec()
    name: str = spec(compare=False)
    place: str = spec(compare=False)


class LifecycleHookKind:
    kind = "lifecycle_hook"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, LifecycleHook]]:
        for pool in stack.pools:
            group = Key("auto_scaling_group", pool.name)
            for hook in pool.lifecycle_hooks:
                key = Key(self.kind, f"{pool.name}-{hook.name}")
                yield (
                    key,
                    LifecycleHook(
                        Ref(group, "name"),
                        hook.on.upper(),
                        int(hook.heartbeat.total_seconds()),
                        hook.default.upper(),
                        live_name(stack, key),
                        live_name(stack, group),
                    ),
                )

    def observe(
        self, reads: Reads, wanted: Mapping[Key, LifecycleHook], owner: str
    ) -> Mapping[Key, Observed[LifecycleHook]]:
        found = {}
        for group, prefix in asked_for(reads.groups(), self.kind, owner, wanted):
            place = group["AutoScalingGroupName"]
            for item in reads.lifecycle_hooks(place):
                if item["LifecycleHookName"].startswith(prefix):
                    name = item["LifecycleHookName"].removeprefix(f"{owner}-")
                    found[part_key(self.kind, name, place, wanted, reads.groups())] = parse_hook(item, owner)
        return found

    def create(self, aws: Aws, key: Key, desired: LifecycleHook) -> Mapping[str, str]:
        request: Any = {
            "LifecycleTransition": f"{TRANSITION}{desired.on}",
            "HeartbeatTimeout": desired.heartbeat,
            "DefaultResult": desired.default,
        }
        aws.autoscaling.put_lifecycle_hook(
            AutoScalingGroupName=str(desired.group), LifecycleHookName=desired.name, **request
        )
        return _outputs(str(desired.group), desired.name)

    def update(
        self, aws: Aws, observed: Observed[LifecycleHook], desired: LifecycleHook, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        return self.create(aws, Key(self.kind, desired.name), desired)

    def delete(self, aws: Aws, observed: Observed[LifecycleHook]) -> None:
        """What it holds goes on: launches are abandoned, terminations continue."""
        one = observed.as_desired
        try:
            aws.autoscaling.delete_lifecycle_hook(AutoScalingGroupName=one.place, LifecycleHookName=one.name)
        except Gone:
            return


def parse_hook(item: Mapping[str, Any], owner: str) -> Observed[LifecycleHook]:
    group, name = item["AutoScalingGroupName"], item["LifecycleHookName"]
    as_desired = LifecycleHook(
        group,
        str(item["LifecycleTransition"]).removeprefix(TRANSITION),
        int(item.get("HeartbeatTimeout", 3600)),
        str(item.get("DefaultResult", "ABANDON")),
        name,
        group,
    )
    return Observed(as_desired, _outputs(group, name), owner)


def _outputs(group: str, name: str) -> dict[str, str]:
    return {"id": f"{group}/{name}", "name": name}


KIND = LifecycleHookKind()
