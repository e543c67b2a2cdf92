"""Whether costs can be told apart by a stack's tags: what the account that pays has activated. Read, never changed.

A tag shows in bills only from the day it is activated on, and nobody notices until the bill is there. One call, each of
which costs a cent (Cost Explorer's price): commands that somebody waits for make it once, the loop never does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from controller.aws.client import pages
from controller.base.errors import ControllerError

if TYPE_CHECKING:
    from controller.aws.client import Aws

ACTIVATE = "aws ce update-cost-allocation-tags-status --cost-allocation-tags-status"


def unseen(aws: Aws, keys: Sequence[str]) -> tuple[str, ...]:
    """Notes for the reader of a plan about those of *keys* that no bill shows; one note where nobody may ask.

    Source: ce ListCostAllocationTags. A member of an organisation is denied it, whatever its policies say.
    """
    if not keys:
        return ()
    try:
        found = pages(aws.ce.list_cost_allocation_tags, "CostAllocationTags", TagKeys=list(keys), Type="UserDefined")
    except ControllerError as error:  # what it is for goes on without
        return (f"cost-allocation tags were not checked ({', '.join(keys)}): {error}; ask from the account that pays",)
    status = {one["TagKey"]: one["Status"] for one in found}
    inactive = [key for key in keys if status.get(key, "Active") != "Active"]
    unknown = [key for key in keys if key not in status]
    notes = []
    if inactive:
        commands = " ".join(f"TagKey={key},Status=Active" for key in inactive)
        notes.append(f"costs are not told apart by {', '.join(inactive)}: not activated; {ACTIVATE} {commands}")
    if unknown:
        notes.append(
            f"costs are not told apart by {', '.join(unknown)}: billing does not know the tag, which takes up to a day "
            "after its first use; plan again then"
        )
    return tuple(notes)
