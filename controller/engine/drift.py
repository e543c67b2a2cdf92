"""Differences that a spec wants left as they are: its ``drift:``. Pure.

A rule is about a field, whoever changed it: what is left is not put right when somebody changes it in AWS, and not
changed when the spec does. A resource that is made, or made anew, takes a field it leaves from the one before it, and
from the spec where there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from typing import Any, Literal

from controller.base.keys import IMAGE_TAG, NAME_TAG, OWNER_TAG, POLICIES_TAG, Key, Tags, refs
from controller.engine.compare import compare
from controller.engine.reconciler import Change, Observed, born_as
from controller.spec.fields import ANY

Policy = Literal["correct", "warn", "ignore"]
OURS = (OWNER_TAG, NAME_TAG, IMAGE_TAG, POLICIES_TAG)


@dataclass(frozen=True, slots=True)
class Drift:
    """What becomes of a difference, by ``kind/name.field``; ``*`` for a name or a field means every one.

    The narrowest rule holds: a name goes before a field.
    """

    rules: Mapping[str, str] = field(default_factory=dict)

    def policy(self, key: Key, name: str) -> str:
        """What becomes of a difference in the field *name* of *key*.

        >>> drift = Drift({"log_group/*.retention_days": "warn", "log_group/web.*": "correct"})
        >>> [drift.policy(Key("log_group", one), "retention_days") for one in ("web", "api")]
        ['correct', 'warn']
        """
        born = born_as(key)
        for who, what in ((born.name, name), (born.name, ANY), (ANY, name), (ANY, ANY)):
            if found := self.rules.get(f"{born.kind}/{who}.{what}"):
                return found
        return "correct"

    def leaves(self, key: Key, desired: Any) -> frozenset[str]:
        """The fields of *key* that stay as they are."""
        if not self.rules:
            return frozenset()
        return frozenset(one.name for one in fields(desired) if self.policy(key, one.name) != "correct")

    def blind(self, key: Key, desired: Any) -> Any:
        """*desired* without what it leaves: which live resource is meant does not hang on it."""
        return replace(desired, **dict.fromkeys(self.leaves(key, desired))) if self.leaves(key, desired) else desired

    def settled(self, key: Key, desired: Any, known: Any, have: Observed[Any] | None) -> tuple[Any, tuple[Change, ...]]:
        """*desired* with what it leaves as it is in *have*, and the differences in it that a reader shall be told.

        *known* is *desired* with its refs replaced, as far as they are known.
        """
        leaves = self.leaves(key, desired) if have is not None else frozenset()
        if not leaves or have is None:
            return desired, ()
        differs = [one for one in compare(known, have.as_desired) if one.field in leaves]
        live = {one.field: _live(desired, have.as_desired, one.field) for one in differs}
        told = tuple(one for one in differs if self.policy(key, one.field) == "warn")
        return (replace(desired, **live) if live else desired), told

    def nowhere(self, keys: Iterable[Key]) -> list[str]:
        """Rules about what the spec does not have: a slip of the pen would put right what was to be left."""
        there = {f"{key.kind}/{name}" for key in keys for name in (key.name, ANY)}
        found = []
        for address in sorted({rule.rpartition(".")[0] for rule in self.rules} - there):
            close = get_close_matches(address, sorted(there), 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            found.append(f"drift: {address}: no such resource in the spec{hint}")
        return found


def unreached(
    asked: Mapping[Key, Any], settled: Mapping[Key, Any], volatile: Mapping[str, tuple[str, ...]]
) -> set[Key]:
    """The keys whose new outputs (the next version of a launch template) nobody takes up any more, for all that did
    leave them: changing such a resource changes nothing that runs."""

    def followed(desired: Mapping[Key, Any]) -> set[Key]:
        found = (ref for one in desired.values() for ref in refs(one))
        return {ref.key for ref in found if ref.output in volatile[ref.key.kind]}

    return followed(asked) - followed(settled) if settled is not asked else set()


def _live(desired: Any, have: Any, name: str) -> Any:
    """What is live of a field. Of tags only those the spec asks for, and never ours: owning is not drift."""
    value = getattr(have, name)
    meta = {one.name: one.metadata for one in fields(desired)}[name]
    if not meta.get("subset"):
        return value
    live = dict(value)
    asked: Tags = getattr(desired, name)
    return tuple((key, one if key in OURS else live[key]) for key, one in asked if key in live or key in OURS)
