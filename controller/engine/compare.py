"""Diff only what the spec asks for: ``None`` means "AWS may choose" and never drifts."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from controller.base.keys import Ref, refs
from controller.engine.reconciler import Change, Risk


def compare(desired: Any, have: Any) -> tuple[Change, ...]:
    """The fields of *desired* that differ from *have*, in the order they are declared.

    A field that still holds a `Ref` cannot equal anything live: it is a change "known after" its target.
    """
    changes = []
    for item in fields(desired):
        meta = item.metadata
        after = getattr(desired, item.name)
        if after is None or not meta.get("compare", True):
            continue
        before = getattr(have, item.name)
        if meta.get("subset", False):
            asked = {key for key, _ in after}
            before = tuple(pair for pair in before if pair[0] in asked)
        if meta.get("unordered", False):
            before, after = (tuple(sorted(side, key=repr)) for side in (before, after))
        if meta.get("more", False) and set(after) <= set(before):
            continue
        if before != after or any(isinstance(ref, Ref) for ref in refs(after)):
            immutable = bool(meta.get("immutable", False))
            risk: Risk = "replace" if immutable else meta.get("risk", "in_place")
            changes.append(
                Change(
                    item.name, before, after, immutable, risk, bool(meta.get("secret", False)), meta.get("forever", "")
                )
            )
    return tuple(changes)
