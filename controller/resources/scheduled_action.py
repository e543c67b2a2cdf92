"""What sets a group's sizes at given times. Named, told apart and read like scaling policies.

The bounds such an action sets are no drift of the group's: `auto_scaling_group` knows them.
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
from controller.spec.pools import Scheduled

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack

UNSET = -1  # a size that the action leaves as it is
SIZES = {"min": "MinSize", "max": "MaxSize", "desired": "DesiredCapacity"}


@dataclass(frozen=True, slots=True)
class ScheduledAction:
    group: str | Ref = spec(compare=False, names="auto_scaling_group")
    schedule: str = spec()  # cron
    timezone: str = spec()
    min: int = spec()
    max: int = spec()
    desired: int = spec()
    name: str = spec(compare=False)
    place: str = spec(compare=False)
    ends: str = spec(default="")  # when it ceases: ours never do


class ScheduledActionKind:
    kind = "scheduled_action"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, ScheduledAction]]:
        for pool in stack.pools:
            group = Key("auto_scaling_group", pool.name)
            for one in pool.scaling_policies:
                if not isinstance(one, Scheduled):
                    continue
                key = Key(self.kind, f"{pool.name}-{one.name}")
                low, high, desired = (UNSET if size is None else size for size in (one.min, one.max, one.desired))
                name, place = live_name(stack, key), live_name(stack, group)
                action = ScheduledAction(
                    Ref(group, "name"), one.schedule, one.timezone, low, high, desired, name, place
                )
                yield key, action

    def observe(
        self, reads: Reads, wanted: Mapping[Key, ScheduledAction], owner: str
    ) -> Mapping[Key, Observed[ScheduledAction]]:
        found = {}
        for group, prefix in asked_for(reads.groups(), self.kind, owner, wanted):
            place = group["AutoScalingGroupName"]
            for item in reads.scheduled_actions(place):
                if item["ScheduledActionName"].startswith(prefix):
                    name = item["ScheduledActionName"].removeprefix(f"{owner}-")
                    found[part_key(self.kind, name, place, wanted, reads.groups())] = parse_action(item, owner)
        return found

    def create(self, aws: Aws, key: Key, desired: ScheduledAction) -> Mapping[str, str]:
        sizes = {"MinSize": desired.min, "MaxSize": desired.max, "DesiredCapacity": desired.desired}
        request: Any = {name: size for name, size in sizes.items() if size != UNSET}
        aws.autoscaling.put_scheduled_update_group_action(
            AutoScalingGroupName=str(desired.group),
            ScheduledActionName=desired.name,
            Recurrence=desired.schedule,
            TimeZone=desired.timezone,
            **request,
        )
        return _outputs(str(desired.group), desired.name)

    def update(
        self, aws: Aws, observed: Observed[ScheduledAction], desired: ScheduledAction, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        """What is left out of the call stays as it is: to set a size, or an end, no more the action is made anew."""
        if any(change.field == "ends" or (change.field in SIZES and change.after == UNSET) for change in changes):
            self.delete(aws, observed)
        return self.create(aws, Key(self.kind, desired.name), desired)

    def delete(self, aws: Aws, observed: Observed[ScheduledAction]) -> None:
        one = observed.as_desired
        try:
            aws.autoscaling.delete_scheduled_action(AutoScalingGroupName=one.place, ScheduledActionName=one.name)
        except Gone:
            return


def parse_action(item: Mapping[str, Any], owner: str) -> Observed[ScheduledAction]:
    group, name = item["AutoScalingGroupName"], item["ScheduledActionName"]
    sizes = {field: int(item[member]) if member in item else UNSET for field, member in SIZES.items()}
    schedule, zone = str(item.get("Recurrence", "")), str(item.get("TimeZone") or "UTC")
    ends = str(item.get("EndTime", ""))
    as_desired = ScheduledAction(group, schedule, zone, sizes["min"], sizes["max"], sizes["desired"], name, group, ends)
    return Observed(as_desired, _outputs(group, name), owner)


def _outputs(group: str, name: str) -> dict[str, str]:
    return {"id": f"{group}/{name}", "name": name}


KIND = ScheduledActionKind()
