"""Parts of auto scaling groups that carry no tags: lifecycle hooks, scaling policies, scheduled actions. No calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from controller.base.keys import HAS_PREFIX, OWNER_TAG, Key, key_of


def asked_for(
    groups: Iterable[Mapping[str, Any]], kind: str, owner: str, wanted: Mapping[Key, Any]
) -> list[tuple[Mapping[str, Any], str]]:
    """The groups whose parts of *kind* (hooks, policies) are worth asking for, and how the names of ours begin there.

    Parts carry no tags. A group of *owner* is asked when such a part is wanted there (its `place`), or when its own
    tags say that it had one: nobody else's groups, and none that never had any.
    """
    places = {one.place for one in wanted.values()}
    found = []
    for group in groups:
        tags = {tag["Key"]: tag.get("Value", "") for tag in group.get("Tags", [])}
        key = key_of(tags, "auto_scaling_group")
        asked = group["AutoScalingGroupName"] in places or f"{HAS_PREFIX}{kind}" in tags
        if key is not None and tags.get(OWNER_TAG) == owner and asked and not group.get("Status"):
            found.append((group, f"{owner}-{key.name}-"))
    return found


def part_key(kind: str, name: str, group: str, wanted: Mapping[Key, Any], groups: Iterable[Mapping[str, Any]]) -> Key:
    """The key of a part of *group*: that of the wanted part of its name, if that belongs there; else one that tells
    them apart. Where none of *groups* has the name that the spec says, its group is the one that there is: a name is
    never compared."""
    key = Key(kind, name)
    if key not in wanted or wanted[key].place == group:
        return key
    elsewhere = any(one["AutoScalingGroupName"] == wanted[key].place for one in groups)
    return Key(kind, f"{name}~{group}") if elsewhere else key
