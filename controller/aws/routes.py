"""Where the route tables of a VPC send what is for nobody inside it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

ANYWHERE = "0.0.0.0/0"


def default_route(tables: Iterable[Mapping[str, Any]], subnet: str) -> str:
    """Where *subnet* sends what is for nobody in its VPC, "" when nowhere: its own table counts, else the main one."""
    held = {
        one.get("SubnetId") or "main": table
        for table in tables
        for one in table.get("Associations", [])
        if one.get("SubnetId") or one.get("Main")
    }
    routes = held.get(subnet, held.get("main", {})).get("Routes", [])
    route: Mapping[str, Any] = next((one for one in routes if one.get("DestinationCidrBlock") == ANYWHERE), {})
    targets = [str(value) for name, value in route.items() if name.endswith(("Id", "Arn")) and value]
    return targets[0] if targets and route.get("State") != "blackhole" else ""
