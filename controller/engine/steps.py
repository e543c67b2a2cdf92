"""What a plan consists of: one step per resource, in an order. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from controller.base.keys import Key, refs
from controller.engine.reconciler import Change, Observed, Reconciler, Risk

Action = Literal["none", "read", "create", "update", "replace", "delete"]
Desired = Mapping[Key, Any]
Live = Mapping[Key, Observed[Any]]
Kinds = Mapping[str, Reconciler[Any]]
NOT_OURS = "not ours"
BRINGING: frozenset[Risk] = frozenset({"new_deployment", "replace"})  # the risks of steps that may bring new tasks


@dataclass(frozen=True, slots=True)
class Step:
    """What one resource needs. `desired` still holds its refs; `changes` are against what is live."""

    key: Key
    action: Action
    desired: Any
    observed: Observed[Any] | None
    changes: tuple[Change, ...] = ()
    risk: Risk = "cosmetic"
    reason: str = ""
    heir: str | None = None  # of a deletion in a stack that lives on: the live name of what takes its place, "" if none
    later: str = ""  # of a deletion: why it is not due in the pass of this plan
    awaits: frozenset[str] = frozenset()  # and the addresses of those it comes after
    early: bool = False  # what depends on it brings new tasks by this plan: nothing is taken from those of before
    left: tuple[Change, ...] = ()  # differences that `drift: warn` leaves as they are


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps for every key, parents first (children first when destroying), those that need nothing included.

    orphans    ours, live, and no longer in the spec; deleted only by a step of this plan (`--prune`)
    problems   why the plan cannot be applied as it stands: foreign resources, replacements nobody allowed
    notes      what the reader should know although nothing is done about it
    resting    what was replaced and stays, because clients may still ask it, and what to do (`notes` have it, too)
    left_out   what --target or --exclude leave as it is: nobody acts on it, waits for it or judges by it
    differs    what of that is not as the spec says, and stays so
    """

    steps: tuple[Step, ...]
    before: Mapping[Key, frozenset[Key]]
    orphans: tuple[Key, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: frozenset[Key] = frozenset()
    resting: tuple[str, ...] = ()
    differs: frozenset[Key] = frozenset()

    def live_name(self, key: Key, born: str) -> str:
        """The name of what stands for *key* now: *born* until a successor of another name has taken over."""
        have = next((step.observed for step in self.steps if step.key == key and step.observed is not None), None)
        return getattr(have.as_desired, "name", born) if have is not None else born

    @property
    def pending(self) -> tuple[Step, ...]:
        """The steps that act."""
        return tuple(step for step in self.steps if step.action not in {"none", "read"})

    @property
    def busy(self) -> tuple[str, ...]:
        """Resources in scope that exist and are not ready yet, with why."""
        ours = (step for step in self.steps if step.key not in self.left_out)
        return tuple(f"{s.key}: {s.observed.busy}" for s in ours if s.observed is not None and s.observed.busy)


def waits_for(step: Step) -> tuple[Key, ...]:
    """The resources whose outputs *step* uses, for reports."""
    return tuple(sorted({ref.key for ref in refs(step.desired)})) if step.desired is not None else ()
