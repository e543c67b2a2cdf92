"""Cost-allocation tags, which moto's Cost Explorer lacks: what bills can be told apart by (aws ce).

Every key that a resource carries is listed, inactive until the account that pays activates it. AWS takes up to a day to
list a key and another one to activate it; nobody waits for either here. The account pays for itself: it is no member
of an organisation, which would be denied both.
"""

from __future__ import annotations

import json
from typing import Any

from moto.backends import get_backend
from moto.ce.models import CostExplorerBackend
from moto.ce.responses import CostExplorerResponse

PAGE = 100  # MaxResults, unless asked for


def install() -> None:
    def listed(self: CostExplorerResponse) -> str:
        asked = json.loads(self.body)
        active = _active(self.ce_backend)
        rows = [
            {"TagKey": key, "Type": "UserDefined", "Status": "Active" if key in active else "Inactive"}
            for key in sorted(_used(self.current_account) | active)
            if key in asked.get("TagKeys", [key])
        ]
        wanted = [
            row
            for row in rows
            if row["Status"] == asked.get("Status", row["Status"]) and row["Type"] == asked.get("Type", row["Type"])
        ]
        start, size = int(asked.get("NextToken") or 0), int(asked.get("MaxResults") or PAGE)
        rest = {"NextToken": str(start + size)} if len(wanted) > start + size else {}
        return json.dumps({"CostAllocationTags": wanted[start : start + size], **rest})

    def updated(self: CostExplorerResponse) -> str:
        active, known = _active(self.ce_backend), _used(self.current_account)
        errors = []
        for one in json.loads(self.body)["CostAllocationTagsStatus"]:
            key = one["TagKey"]
            if key not in known | active:
                errors.append({"TagKey": key, "Code": "TagKeyNotFound", "Message": f"Tag keys not found: {key}"})
            elif one["Status"] == "Active":
                active.add(key)
            else:
                active.discard(key)
        return json.dumps({"Errors": errors})

    CostExplorerResponse.list_cost_allocation_tags = listed
    CostExplorerResponse.update_cost_allocation_tags_status = updated


def _active(backend: CostExplorerBackend) -> set[str]:
    keys: set[str] = backend.__dict__.setdefault("active_tag_keys", set())
    return keys


def _used(account: str) -> set[str]:
    """The keys on what is there, in every region that something was asked of."""
    tagged: dict[str, Any] = get_backend("resourcegroupstaggingapi")[account]
    return {
        key
        for region in list(get_backend("ec2")[account])
        for one in tagged[region]._get_resources_generator()
        for key in one.tags
        if not key.startswith("aws:")
    }
