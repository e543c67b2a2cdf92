"""The rules of one listener together: which of them answers a request, and how they change places without a gap. Pure;
what is asked of AWS for it is in `rules.py`.

AWS asks the rules by priority and takes the first that matches. A rule whose targets are not healthy yet must not stand
before one that answers the same requests today: it waits behind all others, where nobody asks it first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

LAST = 50_000  # the highest priority there is (aws.md 2.4)
CLOSED = "nobody.invalid"  # the host of a rule that nobody is led to yet (RFC 2606)
WAITING = 49_000  # from here on rules wait for their targets
VALUES_MAX = 5  # of all conditions of a rule


@dataclass(frozen=True, slots=True)
class Route:
    """What the spec wants of one rule: its address, its place, and what it matches."""

    rule: str
    priority: int
    paths: tuple[str, ...]
    hosts: tuple[str, ...]
    tasks: int = 0  # how many its service shall have at least


@dataclass(frozen=True, slots=True)
class Rule:
    """One that is there. `name`: its address, "" for one of others; `groups`: those it sends requests to, arns."""

    arn: str
    priority: int
    name: str
    paths: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()


def waiting_place(rules: Collection[Rule], routes: Collection[Route]) -> int:
    """The last priority that nobody has, behind all who answer; 0 where somebody stands so far back for good. Pure."""
    strangers = [rule.priority for rule in rules if not rule.name]
    if any(place >= WAITING for place in (*strangers, *(one.priority for one in routes))):
        return 0
    taken = {rule.priority for rule in rules}
    return next((place for place in range(LAST, WAITING - 1, -1) if place not in taken), 0)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a rule is to match now; `waits`: for whom it matches more than the spec says, or what it did before; `why`,
    where that is its own fault."""

    paths: frozenset[str]
    hosts: frozenset[str]
    waits: tuple[str, ...] = ()
    lacks: str = ""

    @property
    def why(self) -> str:
        if self.lacks:
            return f"nobody more is led to it yet: {self.lacks}"
        return f"answers as before until {', '.join(self.waits)} can" if self.waits else ""


def conditions(
    rule: Rule, wish: Route, rules: Iterable[Rule], routes: Iterable[Route], ready: Collection[str]
) -> Conditions:
    """The next conditions of *rule* on the way to its *wish*. Pure.

    A request that it answers today, and that another of *routes* is to answer, is answered here until that one can:
    its rule is there, in its place, and among those that are *ready*. Then both match what goes over for a moment;
    where five values do not hold both, or paths and hosts change together, the rule stays as it is.
    """
    wanted = Conditions(frozenset(wish.paths), frozenset(wish.hosts))
    there = {one.name: one for one in rules}
    late, settled = [], True
    for heir in routes:
        if heir.rule == wish.rule or not _takes_over(rule, wanted, heir):
            continue
        live = there.get(heir.rule)
        if live is None or live.priority >= WAITING > heir.priority or heir.rule not in ready:
            late.append(heir.rule)
            settled = False
        elif not (holds(live.paths, heir.paths) and holds(live.hosts, heir.hosts)):
            late.append(heir.rule)
    if not late:
        return wanted
    alike = [wanted.hosts == rule.hosts, wanted.paths == rule.paths]
    paths = wanted.paths | rule.paths if wanted.paths and rule.paths else frozenset[str]()  # none is any
    hosts = wanted.hosts | rule.hosts if wanted.hosts and rule.hosts else frozenset[str]()
    both = Conditions(paths, hosts, tuple(sorted(late)))
    if any(alike) and len(both.paths) + len(both.hosts) <= VALUES_MAX:
        return both
    # one that is there and answers may wait for this one: neither would move
    return wanted if settled else Conditions(rule.paths, rule.hosts, both.waits)


def holds(live: Collection[str], asked: Collection[str]) -> bool:
    """Whether a condition lets through all that it shall; none lets everything through."""
    return not live or (bool(asked) and {*asked} <= {*live})


def _takes_over(rule: Rule, wanted: Conditions, heir: Route) -> bool:
    """Whether *heir* is to answer something that *rule* matches, and no more when it is as *wanted*."""
    paths = [one for one in rule.paths or {"*"} if wanted.paths and one not in wanted.paths]
    hosts = [one for one in rule.hosts or {"*"} if wanted.hosts and one not in wanted.hosts]
    if not paths and not hosts:
        return False
    meets = any(overlap(one, other) for one in rule.paths or {"*"} for other in heir.paths or ("*",))
    at = any(overlap(one.lower(), other.lower()) for one in rule.hosts or {"*"} for other in heir.hosts or ("*",))
    lost = any(overlap(one, other) for one in paths for other in heir.paths or ("*",)) and at
    return lost or (meets and any(overlap(o.lower(), h.lower()) for o in hosts for h in heir.hosts or ("*",)))


def overlap(one: str, other: str) -> bool:
    """Whether some text matches both patterns (``*`` any, ``?`` one character).

    >>> overlap("/*", "/api/*"), overlap("/web/*", "/api/*"), overlap("/a?c", "/ab*")
    (True, False, True)
    """
    reached = {(0, 0)}
    seen: set[tuple[int, int]] = set()
    while reached:
        i, j = reached.pop()
        if (i, j) in seen:
            continue
        seen.add((i, j))
        if i == len(one) and j == len(other):
            return True
        a, b = one[i : i + 1], other[j : j + 1]
        if a == "*":
            reached |= {(i + 1, j)} | ({(i, j + 1)} if b else set())
        if b == "*":
            reached |= {(i, j + 1)} | ({(i + 1, j)} if a else set())
        if a and b and "*" not in {a, b} and (a == b or "?" in {a, b}):
            reached.add((i + 1, j + 1))
    return False


@dataclass(frozen=True, slots=True)
class Moves:
    """The place of every rule that moves now, by arn; and for whom each of the others waits, by arn."""

    places: Mapping[str, int]
    held: Mapping[str, str]


def moves(
    rules: Collection[Rule],
    wanted: Mapping[str, int],
    leaving: Collection[str],
    late: Collection[str],
    answering: Collection[str],
) -> Moves:
    """Which rules of a listener go to their *wanted* places (by address) now, all at once. Pure.

    Whoever is *late*, having no targets yet, comes before none of those *answering* (arns) whose requests it would
    take, by no move of either; nobody takes the place of one that stays. One that is *leaving* makes room: it stays
    before all that it was before, or else goes behind who takes its place.
    """
    going = {rule.arn: wanted[rule.name] for rule in rules if wanted.get(rule.name, rule.priority) != rule.priority}
    held: dict[str, str] = {}
    while True:
        room = _room(rules, going, leaving)
        found = _held(rules, {**going, **room}, wanted, late, answering)
        if found is None:
            return Moves({**going, **room}, held)
        arn, name = found
        if arn in room:  # it would make room and fall behind who cannot answer: nobody takes its place yet
            place = next(rule.priority for rule in rules if rule.arn == arn)
            arn = next(taker for taker, to in going.items() if to == place)
        held[arn] = name
        del going[arn]


def _room(rules: Collection[Rule], going: Mapping[str, int], leaving: Collection[str]) -> dict[str, int]:
    """Where those who are *leaving* go, by arn, as others take their places."""
    taken = {going.get(rule.arn, rule.priority) for rule in rules}
    found: dict[str, int] = {}
    for rule in rules:
        if rule.name in leaving and rule.arn not in going and rule.priority in going.values():
            found[rule.arn] = _aside(rule.priority, taken)
            taken.add(found[rule.arn])
    return found


def _held(
    rules: Collection[Rule],
    going: Mapping[str, int],
    wanted: Mapping[str, int],
    late: Collection[str],
    answering: Collection[str],
) -> tuple[str, str] | None:
    """One of those *going* (by arn) that must not yet, and for whom it waits; None when all may."""
    after = {rule.arn: going.get(rule.arn, rule.priority) for rule in rules}
    for one in rules:
        if one.name not in late:
            continue
        for first in rules:
            passed = first.priority < one.priority and after[first.arn] > after[one.arn]
            if passed and first.arn in answering and meet(first, one):
                return (one.arn if one.arn in going else first.arn), one.name
    places = {place: arn for arn, place in going.items()}
    for one in rules:
        if one.arn not in going and one.name in wanted and one.priority in places:
            return places[one.priority], one.name
    return None


def meet(one: Rule, other: Rule) -> bool:
    """Whether some request matches both. A rule that nobody is led to yet meets none."""
    if CLOSED in one.hosts | other.hosts:
        return False
    paths = any(overlap(a, b) for a in one.paths or {"*"} for b in other.paths or {"*"})
    return paths and any(overlap(a.lower(), b.lower()) for a in one.hosts or {"*"} for b in other.hosts or {"*"})


def _aside(place: int, taken: Collection[int]) -> int:
    """A free place: just before *place*, else the next one behind it, else before it."""
    ways = [place - 1, *range(place + 1, WAITING), *range(place - 2, 0, -1)]
    free: int = next(one for one in ways if one > 0 and one not in taken)
    return free
