"""What an account holds of a stack, with everything masked that says only which copy of it this is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from controller.base.keys import Key
from controller.engine.reconciler import AT, Observed, born_as
from tests.resources.stacks import World

SUCCESSOR = re.compile(r"-[0-9a-f]{6}(?![0-9a-f])")
UNCOUNTED = {"task_definition", "repository", "log_group"}  # revisions of before, and what holds data, stay
BIRTH = {  # chosen once, by what was there at birth, or never compared: not what a spec asks for
    "auto_scaling_group": {"version"},
    "subnet": {"zone", "types", "turn", "taken"},
    "launch_template": {"image"},
}


def picture(world: World) -> dict[str, Any]:
    """Each resource's compared fields, by key, and how many of each kind exist in the account, ours or not."""
    seen = world.see(thorough=True)
    live = {key if born_as(key) in seen else born_as(key): one for key, one in seen.items()}  # heirs stand alone
    masks = _masks(live)
    assert not [str(key) for key in live if AT in key.name], "a predecessor was left behind"
    found: dict[str, Any] = {
        str(key): _shown(key, one, masks) for key, one in sorted(live.items()) if not (_passing(key) or one.kept)
    }
    counted = {kind: len(names) for kind, names in world.left().items()}
    owned = UNCOUNTED | _moved(world, found)
    return found | {"counts": {kind: count for kind, count in counted.items() if kind not in owned}}


def _moved(world: World, found: dict[str, Any]) -> set[str]:
    """What somebody else owns the number of: it is as many as there were, inside the bounds."""
    scaled = [service.name for service in world.stack.services if service.scaling is not None]
    for name in scaled:
        found[f"service/{name}"].pop("desired")
    elastic = any(pool.elastic for pool in world.stack.pools)
    daemons = any(service.daemon for service in world.stack.services)  # one on each host
    return ({"instance"} if elastic else set()) | ({"task"} if scaled or (elastic and daemons) else set())


def _passing(key: Key) -> bool:
    return key.kind in {"image", "container_image"}


def _masks(live: Mapping[Key, Observed[Any]]) -> dict[str, str]:
    masks = {}
    for key, one in sorted(live.items()):
        for name, value in one.outputs.items():
            if name in {"id", "arn", "version", "dns_name", "uri", "stream_arn", "label"} and len(value) > 3:
                masks[value] = f"<{key} {name}>"
    return dict(sorted(masks.items(), key=lambda pair: -len(pair[0])))


def _shown(key: Key, one: Observed[Any], masks: Mapping[str, str]) -> Any:
    left_out = BIRTH.get(key.kind, set())
    return {
        item.name: _plain(getattr(one.as_desired, item.name), masks)
        for item in fields(one.as_desired)
        if item.metadata.get("compare", True) and item.name not in left_out and not item.metadata.get("subset")
    }


def _plain(value: Any, masks: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for text, mask in masks.items():
            value = value.replace(text, mask)
        return SUCCESSOR.sub("", value)
    if isinstance(value, tuple):
        return sorted((_plain(item, masks) for item in value), key=repr)
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name), masks) for item in fields(value)}
    return value
