"""How one balancer node spreads the requests to a group over its targets: algorithms, slow start, stickiness.

AWS's rules: aws.md 2.3; elb-ug edit-target-group-attributes ("Routing algorithm", "Slow start mode"), sticky-sessions.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from controller.sandbox import stickiness
from controller.sandbox.health import View
from controller.sandbox.routing import Group, Place, Target

LEAST_SHARE = 0.001  # of a target whose slow start has just begun


class Spreading:
    """What a node remembers about it. Times are the loop's, in seconds."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._turn: Counter[str] = Counter()
        self._starting: dict[Place, float] = {}

    def saw(
        self, place: Place, view: View | None, views: Mapping[Place, View], group: Group | None, now: float
    ) -> None:
        """The health of a target changes from what it is in *views*.

        One that turns healthy starts slowly when another one is healthy and at full speed; a sick one starts anew.
        """
        before = views.get(place)
        if view is None or view.state != "healthy":
            self._starting.pop(place, None)
        elif group is not None and group.slow_start and (before is None or before.state != "healthy"):
            healthy = {other for other, one in views.items() if other[0] == place[0] and one.state == "healthy"}
            if healthy - self._starting.keys():
                self._starting[place] = now

    def choose(
        self, arn: str, group: Group, usable: Sequence[Target], busy: Callable[[Place], int], now: float
    ) -> Target:
        """One of *usable*, of which there is one at least; *busy* says how many requests a target has in flight."""
        self._turn[arn] += 1
        turn = self._turn[arn]
        if group.algorithm == "least_outstanding_requests":
            return usable[least([busy(one.place) for one in usable], turn)]
        if group.algorithm == "weighted_random":
            return self._rng.choice(usable)
        if not self._starting.keys() & {one.place for one in usable}:
            return usable[turn % len(usable)]
        shares = [share(self._starting.get(one.place), now, group.slow_start) for one in usable]
        for target, part in zip(usable, shares, strict=True):
            if part >= 1:
                self._starting.pop(target.place, None)
        return self._rng.choices(usable, shares)[0]


def same_target(group: Group, usable: Sequence[Target], value: str, now: float, key: str) -> Target | None:
    """The target that a cookie is bound to, while it can be used."""
    if group.sticky is None or not value:
        return None
    names = {str(target.place): target for target in usable}
    return names.get(stickiness.bound(value, list(names), now, group.sticky.duration, key) or "")


def least(outstanding: Sequence[int], turn: int) -> int:
    """The place of the fewest requests in flight; among equals in turn.

    >>> [least([2, 1, 1], turn) for turn in range(3)]
    [1, 2, 1]
    """
    fewest = min(outstanding)
    equal = [place for place, number in enumerate(outstanding) if number == fewest]
    return equal[turn % len(equal)]


def share(since: float | None, now: float, duration: float) -> float:
    """The part of its fair share that a target gets: 1 when it is not starting slowly, else growing linearly.

    >>> share(None, 50, 30), share(40, 55, 30), share(10, 55, 30)
    (1.0, 0.5, 1.0)
    """
    if since is None or duration <= 0:
        return 1.0
    return min(1.0, max(LEAST_SHARE, (now - since) / duration))
