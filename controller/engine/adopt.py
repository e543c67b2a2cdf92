"""Taking over what somebody else made: it gets our tags, and nothing else of it changes."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from controller.aws.client import Aws
from controller.base.keys import OWNER_TAG, Key, Tags
from controller.engine.reconciler import Change, Observed, Reconciler
from controller.engine.steps import NOT_OURS, Plan


@dataclass(frozen=True, slots=True)
class Adoption:
    """One resource that nobody owns yet; `tags` are those it gets. A kind without tags goes with what it belongs to."""

    key: Key
    observed: Observed[Any]
    tags: Tags

    @property
    def name(self) -> str:
        """What AWS calls it: its name, else its id."""
        outputs = self.observed.outputs
        return str(getattr(self.observed.as_desired, "name", "") or outputs.get("id") or outputs.get("arn", ""))

    @property
    def changed(self) -> Tags:
        """The tags of the spec that it has with another value, and will lose: (tag, value so far)."""
        new = dict(self.tags)
        return tuple((tag, value) for tag, value in self.observed.as_desired.tags if new.get(tag, value) != value)


def adoptions(plan: Plan) -> tuple[Adoption, ...]:
    """What *plan* found under the names of the spec and nobody owns, parents first. Pure."""
    return tuple(
        Adoption(step.key, step.observed, step.desired.tags)
        for step in plan.steps
        if step.reason == NOT_OURS
        and step.observed is not None
        and step.observed.owner is None
        and _tagged(step.desired)
    )


def held(plan: Plan) -> tuple[str, ...]:
    """What another stack owns of it: nothing is adopted then. Pure."""
    return tuple(
        f"{step.key}: belongs to stack {step.observed.owner}"
        for step in plan.steps
        if step.reason == NOT_OURS and step.observed is not None and step.observed.owner is not None
    )


def adopt(one: Adoption, kind: Reconciler[Any], aws: Aws) -> None:
    """Tag it. Repeated, it changes nothing more. Raises: NotYet, Refused."""
    live = one.observed.as_desired
    if dict(live.tags).get(OWNER_TAG):
        return
    kind.update(aws, one.observed, replace(live, tags=one.tags), (Change("tags", live.tags, one.tags),))


def _tagged(desired: Any) -> bool:
    return any(item.name == "tags" for item in fields(desired))
