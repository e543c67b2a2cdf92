"""Answers in another order every time: a client must not rely on an order that AWS does not promise (aws.md 11.18)."""

from __future__ import annotations

import json
import random
import xml.etree.ElementTree as ElementTree
from typing import Any

READS = ("Describe", "List", "Get", "BatchGet")
ORDERED = frozenset(
    {  # lists whose order says something, or is promised: commands, strategies, newest first
        "Actions",
        "Activities",
        "InstanceRefreshes",
        "Overrides",
        "command",
        "deployments",
        "entryPoint",
        "events",
        "placementStrategy",
        "rules",
        "serviceDeployments",
    }
)
COMMAS = frozenset({"VPCZoneIdentifier"})  # a list in one string
ITEMS = frozenset({"member", "item"})  # how a list's members are called in XML


def shuffled(data: bytes, dice: random.Random) -> bytes:
    """The same answer, JSON or XML, with every list that has no order of its own in another one."""
    if data.lstrip()[:1] == b"{":
        return json.dumps(reordered(json.loads(data), dice)).encode()
    if data.lstrip()[:1] == b"<":
        root = ElementTree.fromstring(data)
        _xml(root, dice)
        return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
    return data


def reordered(value: Any, dice: random.Random, name: str = "") -> Any:
    """The same for an answer as a client reads it. *name*: of the member that holds *value*."""
    if isinstance(value, dict):
        return {key: reordered(one, dice, key) for key, one in value.items()}
    if isinstance(value, list):
        found = [reordered(one, dice) for one in value]
        return found if name in ORDERED or len(found) < 2 else dice.sample(found, len(found))
    if name in COMMAS and isinstance(value, str):
        return ",".join(dice.sample(parts := value.split(","), len(parts)))
    return value


def _xml(node: ElementTree.Element, dice: random.Random) -> None:
    name = _plain(node.tag)
    children = list(node)
    for child in children:
        _xml(child, dice)
    if name in COMMAS and node.text:
        parts = node.text.split(",")
        node.text = ",".join(dice.sample(parts, len(parts)))
    if len(children) > 1 and name not in ORDERED and {_plain(child.tag) for child in children} <= ITEMS:
        node[:] = dice.sample(children, len(children))


def _plain(tag: str) -> str:
    """Without its namespace."""
    return tag.rpartition("}")[2]
