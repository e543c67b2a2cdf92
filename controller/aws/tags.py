"""Tags in the spellings of AWS's services, both ways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from controller.base.keys import Tags


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
