"""Which part of a stack a pass may act on, and what the rest keeps alive. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import Any

from controller.base.keys import Key
from controller.engine.reconciler import Observed, born_as

PARTS = {"codedeploy_deployment": "service", "codedeploy_deployment_group": "service"}  # what a kind is a part of
OUT_OF_SCOPE = "out of scope"  # how every note begins that tells what --target and --exclude leave as it is

Live = Mapping[Key, Observed[Any]]


@dataclass(frozen=True, slots=True)
class Scope:
    """What the caller allows: replacements by address, deletion of orphans, and a part of the stack.

    `only` and `exclude` are addresses; `only` takes what its resources depend on with them.
    """

    replace: frozenset[str] = frozenset()
    prune: bool = False
    only: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()
    judged: bool = False  # every address was found in an earlier pass: what it names may be deleted by now

    def names(self, key: Key) -> bool:
        """Whether *key* itself is meant, what others depend on aside. A bare kind means all of that kind."""
        return self.takes(key) and not self.leaves(key)

    def parts(self, key: Key) -> bool:
        """Whether what *key* took the place of may go although people may count on it: a word of its own says so. It
        goes whole or not at all: without its rules, or without its targets, it would answer nobody."""
        return self.prune and self.whole and str(key) not in self.replace

    @property
    def whole(self) -> bool:
        return not self.only and not self.exclude

    def takes(self, key: Key) -> bool:
        return not self.only or not self.only.isdisjoint(_addresses(key))

    def leaves(self, key: Key) -> bool:
        return not self.exclude.isdisjoint(_addresses(key))


def _addresses(key: Key) -> tuple[str, ...]:
    """What a person may call it: a further resource of one key is meant by that key, too."""
    born = born_as(key)
    whole = PARTS.get(key.kind)
    return str(key), str(born), key.kind, *((f"{whole}/{born.name}", whole) if whole else ())


def in_scope(graph: Mapping[Key, set[Key]], scope: Scope) -> set[Key]:
    keys = {key for key in graph if scope.takes(key)}
    frontier = set(keys) if scope.only else set()
    while frontier:
        frontier = {parent for key in frontier for parent in graph[key]} - keys
        keys |= frontier
    return {key for key in keys if not scope.leaves(key)}


def nowhere(scope: Scope, keys: Iterable[Key]) -> list[str]:
    """The addresses of *scope* that name nothing: taken silently, a slip of the pen would leave everything out."""
    there = {name for key in keys for name in (str(key), key.kind)}
    found = []
    asked = frozenset[str]() if scope.judged else scope.only | scope.exclude | scope.replace
    for address in sorted(asked - there):
        close = get_close_matches(address, sorted(there), 1)
        hint = f"; did you mean {close[0]}?" if close else ""
        found.append(f"{address}: no such resource in the spec or in AWS{hint}")
    return found


def held(going: Live, observed: Live, users: Mapping[Key, set[Key]], allowed: Set[Key]) -> dict[Key, Observed[Any]]:
    """*going*, some of it kept: what something uses that is out of scope, or stays itself; and what would end with it
    something that stays."""
    after = dict(going)
    while True:
        stays = {key for key in observed if key not in after or after[key].kept}
        why = {}
        for key, have in after.items():
            if have.kept:
                continue
            using = {one for one in users[key] if one in stays and (one in after or born_as(one) not in allowed)}
            ended = {one for one in users if key in users[one] and one in stays} if _ends(have) else set()
            if using:
                why[key] = f"{_listed(using)} still uses it, and {_stay(using, allowed)}"
            elif ended:
                why[key] = f"it would end the hosts of {_listed(ended)}, which {_stay(ended, allowed)}"
        if not why:
            return after
        after |= {key: replace(after[key], kept=text) for key, text in why.items()}


def _ends(have: Observed[Any]) -> bool:
    return any(item.metadata.get("ends") for item in fields(have.as_desired))


def _listed(keys: Iterable[Key]) -> str:
    return ", ".join(map(str, sorted(keys)))


def _stay(keys: Iterable[Key], allowed: Set[Key]) -> str:
    return "stays" if all(born_as(key) in allowed for key in keys) else f"is {OUT_OF_SCOPE}"
