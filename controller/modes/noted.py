"""What a person who plans should know and no pass of the loop asks for: bills, and what others do to what is ours."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from controller.aws.bystanders import Ours, bystanders
from controller.aws.costs import unseen

if TYPE_CHECKING:
    from controller.base.keys import Key
    from controller.modes.session import Session
    from controller.report.seen import Tick

PARTS = {"lifecycle_hook", "scaling_policy", "scheduled_action", "service_scaling_policy"}


def noted(session: Session, seen: Tick) -> Tick:
    """*seen* with a note about tags of the spec that no bill tells costs apart by, and one for each hook, schedule and
    policy of others."""
    notes = (
        *unseen(session.aws, session.stack.cost_allocation_tags),
        *bystanders(session.aws, _ours(session.stack.name, seen)),
    )
    return replace(seen, plan=replace(seen.plan, notes=(*seen.plan.notes, *notes))) if notes else seen


def _ours(owner: str, seen: Tick) -> Ours:
    """What lives and is wanted; what an earlier spec left is ours, too."""
    live = {step.key: step.observed for step in seen.plan.steps if step.observed is not None and not step.observed.gone}
    left: list[Key] = [key for key in seen.plan.orphans if key.kind in {*PARTS, "scalable_target"}]
    return Ours(
        {have.outputs["name"]: key for key, have in live.items() if key.kind == "auto_scaling_group"},
        {have.outputs["arn"].split(":service/")[-1]: key for key, have in live.items() if key.kind == "service"},
        {key.name for key in (*live, *left) if key.kind == "scalable_target"},
        {
            *(have.outputs["name"] for key, have in live.items() if key.kind in PARTS),
            *(f"{owner}-{key.name.partition('~')[0]}" for key in left),
        },
        {have.outputs["name"]: key for key, have in live.items() if key.kind == "repository"},
    )
