"""Tags in the spellings of AWS's services, both ways."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from controller.base.keys import NAME_TAG, OWNER_TAG, Key, Tags, key_of


def pascal(tags: Tags) -> list[Any]:
    """``[{"Key": ..., "Value": ...}]``: EC2, elbv2, IAM, Auto Scaling, ECR."""
    return [{"Key": key, "Value": value} for key, value in tags]


def camel(tags: Tags) -> list[Any]:
    """``[{"key": ..., "value": ...}]``: ECS."""
    return [{"key": key, "value": value} for key, value in tags]


def specification(resource_type: str, tags: Tags) -> list[Any]:
    """EC2's TagSpecifications for one created resource."""
    return [{"ResourceType": resource_type, "Tags": pascal(tags)}]


def read(items: Iterable[Mapping[str, Any]] | None) -> dict[str, str]:
    """Tags of any answer as a dictionary, whichever spelling AWS used."""
    return {str(t.get("Key", t.get("key"))): str(t.get("Value", t.get("value"))) for t in items or ()}


def owned(
    items: Iterable[Mapping[str, Any]], kind: str, ident: str
) -> Iterator[tuple[Key, Mapping[str, Any], dict[str, str], tuple[str, ...]]]:
    """Each item that was born with a key of *kind*: the key, the item, its tags, and notes for the reader of a plan.

    *ident* names the member that holds an item's id. Two items of one key are a duplicate born of a lost answer: the
    lowest id is ours, by agreement (aws.md 5.1), and the others are named.
    """
    by_key: dict[Key, list[Mapping[str, Any]]] = {}
    for item in sorted(items, key=lambda one: str(one[ident])):
        if key := key_of(read(item.get("Tags")), kind):
            by_key.setdefault(key, []).append(item)
    for key, (item, *others) in by_key.items():
        notes = tuple(f"duplicate {one[ident]} of the same name: remove it when empty" for one in others)
        yield key, item, read(item.get("Tags")), notes


def born(
    items: Iterable[Mapping[str, Any]], kind: str, ident: str
) -> Iterator[tuple[Key, Mapping[str, Any], dict[str, str]]]:
    """The same for a kind that has successors: of several born with one key, all but the one of the lowest id have
    their id with it."""
    by_key: dict[Key, Mapping[str, Any]] = {}
    for item in sorted(items, key=lambda one: str(one[ident])):
        if key := key_of(read(item.get("Tags")), kind):
            by_key[key if key not in by_key else Key(kind, f"{key.name}@{item[ident]}")] = item
    for key, item in by_key.items():
        yield key, item, read(item.get("Tags"))


def filters(pairs: Tags) -> list[Any]:
    """EC2 filters for what was born with the owner tags among *pairs*: how a create finds what it made before."""
    return [{"Name": f"tag:{key}", "Values": [value]} for key, value in pairs if key in {OWNER_TAG, NAME_TAG}]
