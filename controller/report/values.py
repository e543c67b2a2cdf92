"""Resource values as reports may show them: plain JSON shapes, secrets masked, what is not known yet kept apart. Pure.

A kind marks a field ``secret``; nothing of such a field but the names in it is ever shown, whether it changed or not.
Values that come from AWS or a spec may hold control characters: those are escaped before a terminal sees them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass
from datetime import timedelta
from typing import Any

from controller.base.keys import Ref
from controller.engine.steps import Step

MASK = "(sensitive)"


def before(step: Step) -> dict[str, Any] | None:
    """What is live of the resource of *step*, by field; None when nothing is.

    Of fields in which only some keys are ours (tags) only those are shown: the others are left alone.
    """
    if step.observed is None or (step.observed.gone and step.action == "create"):
        return None
    have = step.observed.as_desired
    return {item.name: plain(_asked(item, have, step.desired), item) for item in _shown(have)}


def after(step: Step) -> dict[str, Any] | None:
    """What the resource of *step* will be, by field; None when it will not be. What is not known yet is left out."""
    if step.desired is None:
        return before(step) if step.action == "none" else None
    have = before(step)
    if step.action in {"none", "update"} and have is not None:
        changed = {change.field: change.after for change in step.changes}
        known = {item.name: plain(changed[item.name], item) for item in fields(step.desired) if item.name in changed}
        return {name: known.get(name, value) for name, value in have.items() if unknown(changed.get(name)) is not True}
    return {
        item.name: plain(value, item)
        for item in fields(step.desired)
        if (value := getattr(step.desired, item.name)) is not None and not isinstance(value, Ref)
    }


def after_unknown(step: Step) -> dict[str, Any]:
    """Terraform's shape: True for each value that only another step can tell."""
    if step.desired is None or step.action == "none":
        return {}
    if step.action == "update":
        found = {change.field: unknown(change.after) for change in step.changes}
    else:
        values = {item.name: getattr(step.desired, item.name) for item in fields(step.desired)}
        found = {name: True if value is None else unknown(value) for name, value in values.items()}
    return {name: what for name, what in found.items() if what}


def sensitive(step: Step) -> dict[str, bool]:
    """The fields whose values are masked."""
    shape = step.desired if step.desired is not None else step.observed.as_desired if step.observed else None
    return {item.name: True for item in fields(shape) if item.metadata.get("secret")} if shape is not None else {}


def changed_paths(step: Step) -> list[str]:
    """What differs, as ``field`` or ``field.key``: with masked values this is all a reader can be told."""
    found: list[str] = []
    for change in step.changes:
        if _pairs(change.before) and _pairs(change.after):
            found += [f"{change.field}.{key}" for key in differing(change.before, change.after)]
        else:
            found.append(change.field)
    return found


def differing(one: Any, two: Any) -> list[str]:
    """The keys of two tuples of pairs that are not in both with the same value."""
    first, second = dict(one), dict(two)
    return sorted(key for key in {*first, *second} if first.get(key, MASK) != second.get(key, MASK))


def plain(value: Any, item: Field[Any] | None = None, *, secret: bool = False) -> Any:
    """*value* in JSON's shapes: tags as an object, tuples as lists, durations in seconds; null where not known yet."""
    secret = secret or bool(item is not None and item.metadata.get("secret"))
    if value is None or isinstance(value, Ref):
        return None
    if item is not None and is_mapping(item) and _pairs(value):
        return {key: plain(one, secret=secret) for key, one in value}
    if isinstance(value, tuple):
        return [plain(one, secret=secret) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name), one, secret=secret) for one in fields(value)}
    if secret and value != "":
        return MASK
    return value.total_seconds() if isinstance(value, timedelta) else value


def unknown(value: Any) -> Any:
    """True where *value* is a ref, the same shape as `plain` around it; False when all of it is known."""
    if isinstance(value, Ref):
        return True
    found: Any = False
    if isinstance(value, tuple):
        found = [unknown(one) for one in value]
        return found if any(found) else False
    if is_dataclass(value) and not isinstance(value, type):
        found = {one.name: what for one in fields(value) if (what := unknown(getattr(value, one.name)))}
    return found or False


def is_mapping(item: Field[Any]) -> bool:
    """Whether the field is declared as `Tags`: pairs with a meaning by key."""
    return "Tags" in str(item.type)


def printable(text: str) -> str:
    """*text* without anything that could steer a terminal; line breaks stay."""
    return "".join(one if one == "\n" or one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _shown(have: Any) -> Iterator[Field[Any]]:
    """The fields a live resource can answer for: those that steer us and are not in AWS are left out."""
    for item in fields(have):
        if item.metadata.get("compare", True) or getattr(have, item.name) not in ("", (), None):
            yield item


def _asked(item: Field[Any], have: Any, desired: Any) -> Any:
    value = getattr(have, item.name)
    if desired is None or not item.metadata.get("subset"):
        return value
    asked = {key for key, _ in getattr(desired, item.name) or ()}
    return tuple(pair for pair in value if pair[0] in asked)


def _pairs(value: Any) -> bool:
    """Whether *value* is a tuple of (name, value) pairs, the empty one included."""
    return isinstance(value, tuple) and all(
        isinstance(one, tuple) and len(one) == 2 and isinstance(one[0], str) for one in value
    )
