"""Checks of ``drift:``: what a rule is about must be something that plans compare. Pure.

Whether the spec has a resource of that name is for the plan to say: only what the spec declares tells.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.base.keys import Key
from controller.spec.check import Check
from controller.spec.fields import ANY, COMPARED
from controller.spec.places import Path
from controller.spec.schema import near
from controller.spec.types import Stack


def check_drift(stack: Stack, one: Check) -> None:
    for address, _ in stack.drift:
        path: Path = ("drift", address)
        who, dot, name = address.rpartition(".")
        key = Key.parse(who)
        if not dot or not name or key is None:
            one.fail(path, "expected kind/name.field", "as in log_group/web.retention_days; * for every name or field")
        elif key.kind not in COMPARED:
            one.fail(path, f"there is no kind {key.kind}", near(key.kind, list(COMPARED)) or f"kinds: {_all(COMPARED)}")
        elif name != ANY and name not in (fields := COMPARED[key.kind].split()):
            one.fail(path, f"{key.kind} has no field {name} that is compared", near(name, fields) or _all(fields))


def _all(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))
