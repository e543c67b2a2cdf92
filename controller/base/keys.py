"""Names for resources inside one stack, and the tags that make a live resource ours.

A `Key` is what the spec calls a resource (``subnet/public-1``); a `Ref` is "the id of vpc/main", not known yet.
The owner tags hold the stack and the key, so that AWS alone is enough to find what is ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, total_ordering
from typing import Any

OWNER_TAG = "theseus:stack"
NAME_TAG = "theseus:name"
SPEC_TAG = "theseus:spec"
ROLL_TAG = "theseus:roll"
SUSPENDED_TAG = "theseus:suspended"
REBALANCE = "AZRebalance"  # the one process of a group that is ever suspended
HALTED_TAG = "theseus:halted"
PAUSED_TAG = "theseus:paused"
READY_TAG = "theseus:ready-since"  # or NOT_READY: it was, and is not any more
NOT_READY = "-"
CORDONED_TAG = "theseus:cordoned-at"
AWAY_TAG = "theseus:away-since"  # its agent is not connected
BASELINE_TAG = "theseus:baseline"
IMAGE_TAG = "theseus:image"  # what a template's image is by: a parameter, or an id; long ones as a hash
POLICIES_TAG = "theseus:policies"  # the managed policies of a role that a spec asked for, as hashes
HAS_PREFIX = "theseus:has-"  # and a kind: a group has, or had, such parts of ours, which carry no tags

Tags = tuple[tuple[str, str], ...]
"""Tag pairs, sorted by key; the breadcrumbs and the tags of AWS itself are never among them."""


@total_ordering
@dataclass(frozen=True, slots=True)
class Key:
    """``kind/name`` inside one stack; also the resource's address on the command line."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    def __lt__(self, other: Key) -> bool:
        return (self.kind, self.name) < (other.kind, other.name)

    @staticmethod
    def parse(text: str) -> Key | None:
        """The key that *text* spells, None when it spells none."""
        kind, slash, name = text.partition("/")
        return Key(kind, name) if slash and kind and name else None


@dataclass(frozen=True, slots=True)
class Ref:
    """One output of another resource of the stack, by default its ``id``."""

    key: Key
    output: str = "id"

    def __str__(self) -> str:
        return f"(known after {self.key})"


def refs(value: object) -> Iterator[Ref]:
    """Yield every `Ref` inside *value*, however deeply dataclasses and tuples nest."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from refs(item)
    else:
        for name in field_names(value):
            yield from refs(getattr(value, name))


def field_names(value: object) -> tuple[str, ...]:
    """The names of the fields of a dataclass; of anything else, none."""
    kind: Any = type(value)
    return _field_names(kind)


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind)) if is_dataclass(kind) else ()


def owner_tags(owner: str, key: Key) -> dict[str, str]:
    """The two tags every resource of ours is born with."""
    return {OWNER_TAG: owner, NAME_TAG: str(key)}


def birth_tags(owner: str, key: Key, name: str, extra: Tags = ()) -> Tags:
    """Every tag a resource is born with: the owner tags, its ``Name``, and those of the spec."""
    return tuple(sorted({"Name": name, **dict(extra), **owner_tags(owner, key)}.items()))


def lasting_tags(live: Mapping[str, str]) -> Tags:
    """The tags of a live resource that are worth comparing: neither AWS's own nor breadcrumbs."""
    return tuple(
        sorted(
            (k, v)
            for k, v in live.items()
            if k in {OWNER_TAG, NAME_TAG, IMAGE_TAG, POLICIES_TAG}
            or k.startswith(HAS_PREFIX)
            or not k.startswith(("aws:", "theseus:", "AmazonECSManaged"))
        )
    )


def key_of(live: Mapping[str, str], kind: str) -> Key | None:
    """The key a live resource of *kind* was born with, from its name tag; None when it says nothing of the kind."""
    key = Key.parse(live.get(NAME_TAG, ""))
    return key if key is not None and key.kind == kind else None
