"""One node of the load balancer: what it knows, whom it sends a request to, and how every request ends.

No kindness: a request is sent once, to one target, and whatever happens to it there is what the client gets. Nothing
is tried again and nothing is waited for, because the real one does neither, and a rollout that needs it is not safe.

Every request that was accepted ends in exactly one of: answered (by a target or by us), aborted by its client, or cut
(the response had begun and could not go on). The connections themselves are in `wire.py`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from controller.sandbox import stickiness
from controller.sandbox.health import View
from controller.sandbox.routing import Config, Fixed, LateKey, LatePart, Place, Rule, Target, choose, location
from controller.sandbox.spreading import Spreading, same_target

if TYPE_CHECKING:
    from controller.sandbox.http1 import Framing, Request, Response
    from controller.sandbox.wire import Client, Upstream

SWEEP = 1.0  # seconds between two looks for idle connections, at most

BAD_GATEWAY = Fixed(502, "text/html", "<h1>502 Bad Gateway</h1>\n")
UNAVAILABLE = Fixed(503, "text/html", "<h1>503 Service Temporarily Unavailable</h1>\n")
TIMED_OUT = Fixed(504, "text/html", "<h1>504 Gateway Time-out</h1>\n")
MOVED = {
    301: Fixed(301, "text/html", "<h1>301 Moved Permanently</h1>\n"),
    302: Fixed(302, "text/html", "<h1>302 Found</h1>\n"),
}
CLIENT_SLOW = Fixed(408, "text/html", "<h1>408 Request Time-out</h1>\n")


@dataclass
class Counts:
    """Every request, by how it ended. accepted = answered + aborted_by_client + cut + in_flight."""

    accepted: int = 0
    answered: int = 0
    aborted_by_client: int = 0
    cut: int = 0
    forwarded: int = 0
    in_flight: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    by_target_status: Counter[str] = field(default_factory=Counter)
    elb_5xx: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        return {name: dict(value) if isinstance(value, Counter) else value for name, value in vars(self).items()}


@dataclass(eq=False, slots=True)
class Exchange:
    """One request from its head to its end. *over*: its end was counted, only its body may still be coming; *bound*: it
    came with a cookie of stickiness."""

    client: Client
    request: Request
    body: Framing
    target: Target | None = None
    upstream: Upstream | None = None
    started: bool = False
    bound: bool = False
    over: bool = False


class Node:
    """Routing, pools and counts of one process. Loop-bound: every method is called on the event loop's thread."""

    def __init__(self, rng: random.Random) -> None:
        self.counts = Counts()
        self.clients: set[Client] = set()
        self.config = Config(0.0, 60.0, 10.0, {}, {}, (), ())
        self.views: dict[Place, View] = {}
        self._loop = asyncio.get_running_loop()
        self._rng = rng
        self._rules: dict[str, list[Rule]] = {}
        self._targets: dict[str, dict[Place, Target]] = {}
        self._usable: dict[str, list[Target]] = {}
        self._spreading = Spreading(rng)
        self._pools: dict[Place, list[Upstream]] = {}
        self._busy: dict[Place, set[Exchange]] = {}
        self._connecting: set[asyncio.Task[None]] = set()
        self._ends: dict[Place, asyncio.TimerHandle] = {}

    # What it was told

    def apply(self, key: LateKey, part: LatePart | None) -> None:
        """A rule or registration has reached this node; None takes it away."""
        if key[0] == "rule":
            kept = [rule for rule in self._rules.get(key[1], []) if rule.priority != key[2]]
            added = [part] if isinstance(part, Rule) else []
            self._rules[key[1]] = sorted([*kept, *added], key=lambda rule: rule.priority)
            return
        place = (key[1], str(key[2]), key[3])
        group = self._targets.setdefault(key[1], {})
        self._usable.pop(key[1], None)
        if isinstance(part, Target):
            group[place] = part
            self._end_at(place, part.draining)
        else:
            group.pop(place, None)
            self._cut(place)
        if part is None or (isinstance(part, Target) and part.draining is not None):
            for idle in self._pools.pop(place, []):
                idle.transport.close()

    def checked(self) -> dict[Place, Target]:
        """The targets this node has to check: registered, not draining, of a group in use."""
        return {
            place: target
            for group in self.config.in_use & self.config.groups.keys()
            for place, target in self._targets.get(group, {}).items()
            if target.draining is None
        }

    def saw(self, place: Place, view: View | None) -> None:
        """The health checks changed their mind about a target; None forgets it."""
        self._usable.pop(place[0], None)
        self._spreading.saw(place, view, self.views, self.config.groups.get(place[0]), self._loop.time())
        if view is None:
            self.views.pop(place, None)
        else:
            self.views[place] = view

    def _end_at(self, place: Place, draining: float | None) -> None:
        """Requests in flight on a draining target are cut when its delay is over, not before (aws.md 2.2)."""
        timer = self._ends.pop(place, None)
        if timer is not None:
            timer.cancel()
        if draining is not None:
            group = self.config.groups.get(place[0])
            left = draining + (group.delay if group else 0.0) - time.time()
            self._ends[place] = self._loop.call_later(max(0.0, left), self._cut, place)

    def _cut(self, place: Place) -> None:
        timer = self._ends.pop(place, None)
        if timer is not None:
            timer.cancel()
        for exchange in tuple(self._busy.get(place, ())):
            self.fail(exchange, BAD_GATEWAY)

    # One request

    def begin(self, client: Client, request: Request) -> Exchange:
        """Accept a request and send it on, or answer it here."""
        self.counts.accepted += 1
        self.counts.in_flight += 1
        exchange = Exchange(client, request, request.framing())
        client.exchange = exchange
        rule = choose(self._rules.get(client.listener, []), request.host, request.path)
        if rule is not None and rule.redirect is not None:
            target = request.target.decode("latin-1")
            where = location(rule.redirect, client.protocol, request.host, client.port, target)
            client.respond(exchange, replace(MOVED[rule.redirect.status], location=where))
        elif rule is None or (rule.fixed is None and not rule.forward):
            client.respond(exchange, UNAVAILABLE)
        elif rule.fixed is not None:
            client.respond(exchange, rule.fixed)
        else:
            self._forward(exchange, rule)
        return exchange

    def refuse(self, status: int) -> None:
        """Count a request that could not be read and was told so."""
        self.counts.accepted += 1
        self.counts.answered += 1
        self.counts.by_status[str(status)] += 1

    def _forward(self, exchange: Exchange, rule: Rule) -> None:
        target = self._pick(rule, exchange)
        if target is None:
            self.fail(exchange, UNAVAILABLE)
            return
        self.counts.forwarded += 1
        exchange.target = target
        self._busy.setdefault(target.place, set()).add(exchange)
        pool = self._pools.get(target.place)
        if pool:
            pool.pop().send(exchange)
            return
        task = self._loop.create_task(self._connect(exchange, target))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def _pick(self, rule: Rule, exchange: Exchange) -> Target | None:
        """A group by weight, then one of its targets. An empty group does not fall back on another (aws.md 2.4)."""
        arns = [arn for arn, weight in rule.forward if weight > 0]
        if not arns:
            return None
        weights = [weight for _, weight in rule.forward if weight > 0]
        arn = arns[0] if len(arns) == 1 else self._rng.choices(arns, weights)[0]
        usable = self._usable.get(arn)
        if usable is None:
            usable = self._usable[arn] = self._usable_of(arn)
        if not usable:
            return None
        group = self.config.groups.get(arn)
        if group is None:
            return usable[0]
        if group.sticky is not None:
            value = stickiness.asked(group.sticky, stickiness.cookies(exchange.request.lines))
            exchange.bound = bool(value)
            if (same := same_target(group, usable, value, time.time(), self.config.key)) is not None:
                return same
        return self._spreading.choose(
            arn, group, usable, lambda place: len(self._busy.get(place, ())), self._loop.time()
        )

    def cookies(self, exchange: Exchange, response: Response) -> list[bytes]:
        """What a response is given so that its client comes back to the same target."""
        target = exchange.target
        group = self.config.groups.get(target.group) if target is not None else None
        if target is None or group is None or group.sticky is None:
            return []
        cookie = group.sticky.cookie
        if cookie and not exchange.bound and not stickiness.sets(response.lines, cookie):
            return []
        now = time.time()
        value = stickiness.seal(str(target.place), now, self.config.key)
        return stickiness.headers(group.sticky, value, now, secure=exchange.client.protocol == "HTTPS")

    def _usable_of(self, arn: str) -> list[Target]:
        """The healthy ones; when there is none, all that are not draining: fail-open (aws.md 2.3)."""
        present = [target for target in self._targets.get(arn, {}).values() if target.draining is None]
        views = self.views
        return [t for t in present if t.place in views and views[t.place].state == "healthy"] or present

    async def _connect(self, exchange: Exchange, target: Target) -> None:
        from controller.sandbox.wire import Upstream

        upstream = Upstream(self, target)
        try:
            async with asyncio.timeout(self.config.connect_timeout):
                await self._loop.create_connection(lambda: upstream, target.address, target.port)
        except TimeoutError:
            self.fail(exchange, TIMED_OUT)
            return
        except OSError:
            self.fail(exchange, BAD_GATEWAY)
            return
        if exchange.over:
            upstream.transport.close()
        elif not upstream.transport.is_closing():
            upstream.send(exchange)
        else:
            self.fail(exchange, BAD_GATEWAY)

    # How it ends

    def fail(self, exchange: Exchange, answer: Fixed) -> None:
        """The request cannot be completed: *answer* it when the response has not begun, else cut the connection."""
        if exchange.over:
            return
        upstream = exchange.upstream
        if upstream is not None:
            upstream.exchange = None
            upstream.transport.abort()
        if exchange.started:
            self._over(exchange)
            self.counts.cut += 1
            exchange.client.transport.close()
            return
        if answer.status >= 500:
            self.counts.elb_5xx[str(answer.status)] += 1
        exchange.client.respond(exchange, answer)

    def answered(self, exchange: Exchange, status: int) -> None:
        self._over(exchange)
        self.counts.answered += 1
        self.counts.by_status[str(status)] += 1

    def aborted(self, exchange: Exchange) -> None:
        """The client has gone; the target is told by a closed connection."""
        if exchange.over:
            return
        self._over(exchange)
        self.counts.aborted_by_client += 1
        if exchange.upstream is not None:
            exchange.upstream.exchange = None
            exchange.upstream.transport.abort()

    def _over(self, exchange: Exchange) -> None:
        exchange.over = True
        self.counts.in_flight -= 1
        if exchange.target is not None:
            self._busy[exchange.target.place].discard(exchange)

    # Connections

    def keep(self, upstream: Upstream) -> None:
        """A connection is free again: it is used for the next request, unless its target is not."""
        place = upstream.target.place
        target = self._targets.get(place[0], {}).get(place)
        if target is None or target.draining is not None or target.address != upstream.target.address:
            upstream.transport.close()
        else:
            self._pools.setdefault(place, []).append(upstream)

    def drop(self, upstream: Upstream) -> None:
        pool = self._pools.get(upstream.target.place, [])
        if upstream in pool:
            pool.remove(upstream)

    def sweep(self) -> None:
        """Close what was idle too long, on both sides, and look again."""
        before = self._loop.time() - self.config.idle_timeout
        for client in [client for client in self.clients if client.last < before]:
            client.expire()
        for upstream in [idle for pool in self._pools.values() for idle in pool if idle.last < before]:
            upstream.transport.close()
        self._loop.call_later(min(SWEEP, self.config.idle_timeout / 4), self.sweep)

    def hang_up(self, listener: str) -> None:
        """The listener is gone: its connections end, busy ones after their answer."""
        for client in [client for client in self.clients if client.listener == listener]:
            client.hang_up()


Announce = Callable[[dict[str, Any]], None]
