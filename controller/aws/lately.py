"""What this process did a moment ago, where it does harm to believe what AWS shows.

For some seconds after a create AWS may not show what it made (aws.md 5.3), so that the next pass finds nothing and asks
for it once more. Where a client token or a name makes that the same wish, AWS sees to it; for the calls of `ONCE` this
does: whoever repeats one is given the answer it had. Nor may hosts be chosen by a picture in which one that was just
drained or terminated still serves. It is no state, only a doubt that is over after `LATELY`: a process that dies
forgets it, and the lease it leaves behind lasts longer than AWS takes to show everything.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from controller.aws.tags import read
from controller.base.errors import NotYet
from controller.base.keys import NAME_TAG, OWNER_TAG

# Calls that make another one each time, because nothing tells AWS that it is the same wish again (aws.md 5.1): they
# are sent once. A lost answer is NotYet, and a later look finds what was made by its tags.
ONCE = {
    "allocate_address", "create_vpc", "create_subnet", "create_internet_gateway", "create_route_table",
    "register_task_definition",
}  # fmt: skip
IDENT = re.compile(r"arn:|[a-z]+-[0-9a-f]{8,}$")  # no name: every answer holds that of its stack
REMOVALS = ("delete_", "deregister_", "release_")
LATELY = timedelta(seconds=30)  # AWS shows most of it within five seconds
SPREAD = timedelta(seconds=5)  # until every node of a load balancer knows where a rule leads by now
LONGEST = timedelta(hours=2)  # and until what one sent before is answered: a deregistration delay is an hour at most
State = Literal["ACTIVE", "DRAINING", "leaving"]


@dataclass(frozen=True, slots=True)
class _Made:
    request: Mapping[str, Any]
    answer: Any  # None: it was lost, and nobody knows whether there is one
    at: datetime


class Lately:
    """The last call of `ONCE` for each resource of ours, with what became of it; time stands still within a pass."""

    def __init__(self) -> None:
        self._now: datetime | None = None
        self._made: dict[tuple[str, str, str], _Made] = {}
        self._moved: dict[str, tuple[State, datetime]] = {}
        self._turned: dict[str, datetime | None] = {}  # None: in this pass, which may take a while
        self._lock = threading.Lock()

    def begin(self, now: datetime) -> None:
        """A pass begins: what was done too long ago is forgotten."""
        with self._lock:
            self._now = now
            self._made = {whose: one for whose, one in self._made.items() if now - one.at < LATELY}
            self._moved = {host: one for host, one in self._moved.items() if now - one[1] < LATELY}
            turned = {group: at or now for group, at in self._turned.items()}
            self._turned = {group: at for group, at in turned.items() if now - at < LONGEST}

    def answer(self, name: str, request: Mapping[str, Any]) -> Any:
        """What the same call was answered; None when it was not made. Raises NotYet while AWS may not show what came of
        one whose answer was lost."""
        with self._lock:
            made = self._made.get(_whose(name, request))
        if made is None or made.request != request:
            return None
        if made.answer is None:
            raise NotYet(f"{name}: the answer of the last try was lost, and AWS may not show yet what came of it")
        return made.answer

    def note(self, name: str, request: Mapping[str, Any], answer: Any) -> None:
        """A call was made; *answer* None: nobody knows with what result."""
        with self._lock:
            if self._now is not None and name in ONCE and all((whose := _whose(name, request))[1:]):
                self._made[whose] = _Made(request, answer, self._now)
            elif name.startswith(REMOVALS):
                self._forget([value for value in request.values() if isinstance(value, str) and IDENT.match(value)])

    def seen(self, ident: str) -> None:
        """AWS shows what has the id *ident*: whoever makes its like by now wishes for another one, a successor."""
        with self._lock:
            self._forget([ident])

    def _forget(self, idents: list[str]) -> None:
        self._made = {
            whose: one for whose, one in self._made.items() if not any(ident in str(one.answer) for ident in idents)
        }

    def move(self, host: str, state: State) -> None:
        """We have put *host* into *state*, whatever AWS shows."""
        if self._now is not None:
            self._moved[host] = (state, self._now)

    def turn(self, groups: Iterable[str]) -> None:
        """Requests go to *groups* (arns) no more; some node of the load balancer may send one still."""
        with self._lock:
            self._turned |= dict.fromkeys(groups)

    def turning(self, groups: Iterable[str], within: timedelta = SPREAD, *, unknown: bool = False) -> bool:
        """Whether one of *groups* was sent requests *within* that time, although no rule leads there any more. With
        *unknown* one of which nobody knows since when is taken to be sent none since now."""
        with self._lock:
            if unknown:
                self._turned = dict.fromkeys(groups) | self._turned
            since = [self._turned[group] for group in groups if group in self._turned]
            return any(at is None or self._now is None or self._now - at < within for at in since)

    @property
    def moved(self) -> dict[str, State]:
        """The hosts we have moved, and the state each should be in by now."""
        return {host: state for host, (state, _) in self._moved.items()}


def _whose(name: str, request: Mapping[str, Any]) -> tuple[str, str, str]:
    """(call, stack, key) by the tags that it is born with; empty for what is not ours."""
    listed = request.get("tags") or [tag for one in request.get("TagSpecifications", ()) for tag in one["Tags"]]
    tags = read(listed)
    return name, tags.get(OWNER_TAG, ""), tags.get(NAME_TAG, "")
