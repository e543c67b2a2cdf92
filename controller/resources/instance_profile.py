"""What lets an EC2 instance carry a role; it holds exactly one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.reads import keyed
from controller.base.errors import Gone, Refused, Stale
from controller.base.keys import OWNER_TAG, Key, Ref, Tags, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import born_tags, live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack


@dataclass(frozen=True, slots=True)
class InstanceProfile:
    role: str | Ref = spec(names="role")
    name: str = spec(compare=False)
    tags: Tags = spec(subset=True, risk="cosmetic")


class InstanceProfileKind:
    kind = "instance_profile"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, InstanceProfile]]:
        for pool in stack.pools:
            key = Key(self.kind, f"hosts-{pool.name}")
            name = live_name(stack, key)
            born = born_tags(stack, key)
            yield key, InstanceProfile(Ref(Key("role", f"hosts-{pool.name}"), "name"), name, born)

    def observe(
        self, reads: Reads, wanted: Mapping[Key, InstanceProfile], owner: str
    ) -> Mapping[Key, Observed[InstanceProfile]]:
        items = [reads.instance_profile(name) for name in [one.name for one in wanted.values()]]
        items += [reads.instance_profile(name) for name in reads.unnamed_profiles()]
        there = [item for item in items if item is not None]
        named = ((item["InstanceProfileName"], tags.read(item.get("Tags")), item) for item in there)
        return {
            key: one
            for key, item in keyed(self.kind, wanted, named).items()
            if (one := parse_profile(item)).owner == owner or key in wanted
        }

    def create(self, aws: Aws, key: Key, desired: InstanceProfile) -> Mapping[str, str]:
        made = aws.iam.create_instance_profile(InstanceProfileName=desired.name, Tags=tags.pascal(desired.tags))
        _add(aws, desired)
        return _outputs(made["InstanceProfile"])

    def update(
        self, aws: Aws, observed: Observed[InstanceProfile], desired: InstanceProfile, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        for change in changes:
            if change.field == "role":
                if change.before:
                    _remove(aws, desired.name, str(change.before))
                _add(aws, desired)
            if change.field == "tags":
                aws.iam.tag_instance_profile(InstanceProfileName=desired.name, Tags=tags.pascal(desired.tags))
        return {}

    def delete(self, aws: Aws, observed: Observed[InstanceProfile]) -> None:
        if observed.as_desired.role:
            _remove(aws, observed.as_desired.name, str(observed.as_desired.role))
        aws.iam.delete_instance_profile(InstanceProfileName=observed.as_desired.name)


def parse_profile(item: Mapping[str, Any]) -> Observed[InstanceProfile]:
    live = tags.read(item.get("Tags"))
    roles = [role["RoleName"] for role in item.get("Roles", [])]
    as_desired = InstanceProfile(roles[0] if roles else "", item["InstanceProfileName"], lasting_tags(live))
    return Observed(as_desired, _outputs(item), live.get(OWNER_TAG))


def _add(aws: Aws, desired: InstanceProfile) -> None:
    """Put the role in. A profile that has one already refuses a second, also when it is the same (a lost answer)."""
    try:
        aws.iam.add_role_to_instance_profile(InstanceProfileName=desired.name, RoleName=str(desired.role))
    except Refused as refusal:
        if refusal.code != "LimitExceeded":
            raise
        raise Stale(str(refusal)) from refusal


def _remove(aws: Aws, profile: str, role: str) -> None:
    try:
        aws.iam.remove_role_from_instance_profile(InstanceProfileName=profile, RoleName=role)
    except Gone:
        return


def _outputs(item: Mapping[str, Any]) -> dict[str, str]:
    created = item["CreateDate"].isoformat()
    return {"name": item["InstanceProfileName"], "arn": item["Arn"], "created_at": created}


KIND = InstanceProfileKind()
