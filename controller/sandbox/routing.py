"""What one balancer node was told: listeners, rules, groups and targets, and which rule a request meets. Pure.

The configuration comes whole each time. Listeners and health settings hold at once; rules and registrations reach a
node late, each at its own time (`late_parts`), which is how two nodes come to disagree for a while.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from controller.sandbox.health import Settings
from controller.sandbox.stickiness import Sticky

Place = tuple[str, str, int]
"""A target: (group, id, port). The same host is there many times, with different ports (aws.md 2.1)."""

LAST = 1 << 30  # the default rule's place in the order


@dataclass(frozen=True, slots=True)
class Fixed:
    """An answer of the balancer itself."""

    status: int
    type: str
    body: str
    location: str = ""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where a request is sent on to; what it keeps is spelled ``#{host}`` and the like."""

    status: int
    protocol: str
    host: str
    port: str
    path: str
    query: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM, and the host names it is for."""

    names: tuple[str, ...]
    chain: str
    key: str


@dataclass(frozen=True, slots=True)
class Secure:
    """What an HTTPS listener serves; the first certificate is the one of whoever asks for no name of the others."""

    policy: str
    certificates: tuple[Certificate, ...]


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a listener listens; *secure* None: in plain HTTP."""

    host: str
    port: int
    secure: Secure | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Conditions, of which each kind must match, and what to do. *forward* holds (group, weight)."""

    listener: str
    priority: int
    paths: tuple[str, ...]
    hosts: tuple[str, ...]
    forward: tuple[tuple[str, int], ...]
    fixed: Fixed | None
    redirect: Redirect | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A registration. *draining* is when it was taken back, in seconds since 1970."""

    group: str
    id: str
    port: int
    address: str
    draining: float | None

    @property
    def place(self) -> Place:
        return (self.group, self.id, self.port)


@dataclass(frozen=True, slots=True)
class Group:
    """How a target group is checked (*path* and *settings*), how long its targets drain, and how one is chosen."""

    path: str
    settings: Settings
    delay: float
    algorithm: str = "round_robin"
    slow_start: float = 0.0
    sticky: Sticky | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a node was told. Times in seconds; *key* is that of its cookies."""

    lag_max: float
    idle_timeout: float
    connect_timeout: float
    listeners: Mapping[str, Listening]
    groups: Mapping[str, Group]
    rules: Sequence[Rule]
    targets: Sequence[Target]
    drop_invalid: bool = False
    key: str = ""

    @property
    def in_use(self) -> frozenset[str]:
        """Groups that some rule names, a weight of 0 included; others are not checked (aws.md 2.1)."""
        return frozenset(group for rule in self.rules for group, _ in rule.forward)


LateKey = tuple[str, str, str | int, int]
LatePart = Rule | Target


def late_parts(config: Config) -> dict[LateKey, LatePart]:
    """What reaches a node late, by what it is."""
    parts: dict[LateKey, LatePart] = {("rule", rule.listener, rule.priority, 0): rule for rule in config.rules}
    for target in config.targets:
        parts["target", target.group, target.id, target.port] = target
    return parts


def choose(rules: Sequence[Rule], host: str, path: str) -> Rule | None:
    """The first of *rules*, ordered by priority, that a request for *path* at *host* meets."""
    for rule in rules:
        if (not rule.paths or any(_matches(pattern, path) for pattern in rule.paths)) and (
            not rule.hosts or any(_matches(pattern.lower(), host) for pattern in rule.hosts)
        ):
            return rule
    return None


def chosen(certificates: Sequence[Certificate], name: str) -> int:
    """The place of the certificate for *name*: its own, else one with a wildcard for it, else the first."""
    exact, wild = name.lower(), "*." + name.lower().partition(".")[2]
    for wanted in (exact, wild):
        for place, certificate in enumerate(certificates):
            if wanted in certificate.names:
                return place
    return 0


def location(redirect: Redirect, protocol: str, host: str, port: int, target: str) -> str:
    """The Location that a request is answered with (bc elbv2:RedirectActionConfig). *target* is that of its head."""
    path, _, query = target.partition("?")
    if "://" in path[:8]:
        path = "/" + path.partition("://")[2].partition("/")[2]
    known = {"protocol": protocol, "host": host, "port": str(port), "path": path.removeprefix("/"), "query": query}

    def filled(text: str) -> str:
        return re.sub(r"#\{(\w+)\}", lambda part: known.get(part[1], part[0]), text)

    asked = filled(redirect.query)
    where = f"{filled(redirect.protocol).lower()}://{filled(redirect.host)}:{filled(redirect.port)}"
    return where + filled(redirect.path) + (f"?{asked}" if asked else "")


def read(document: Mapping[str, Any]) -> Config:
    """The configuration a JSON document states. Raises: KeyError, TypeError or ValueError, for one that does not."""
    listeners = document.get("listeners", [])
    groups = document.get("groups", {})
    return Config(
        lag_max=float(document.get("lag_max", 2.0)),
        idle_timeout=float(document.get("idle_timeout", 60.0)),
        connect_timeout=float(document.get("connect_timeout", 10.0)),  # aws.md 2.5, "504"
        listeners={listener["arn"]: _listening(listener) for listener in listeners},
        groups={arn: _group(group) for arn, group in groups.items()},
        rules=[_rule(listener["arn"], rule) for listener in listeners for rule in listener.get("rules", [])],
        targets=[_target(arn, target) for arn, group in groups.items() for target in group.get("targets", [])],
        drop_invalid=bool(document.get("drop_invalid", False)),
        key=str(document.get("key", "")),
    )


def _listening(listener: Mapping[str, Any]) -> Listening:
    secure = listener.get("secure")
    certificates = [
        Certificate(tuple(one["names"]), one["chain"], one["key"]) for one in (secure or {}).get("certificates", ())
    ]
    return Listening(
        str(listener["host"]),
        int(listener["port"]),
        Secure(secure["policy"], tuple(certificates)) if secure is not None else None,
    )


def _group(group: Mapping[str, Any]) -> Group:
    settings = Settings(
        interval=float(group["interval"]),
        timeout=float(group["timeout"]),
        healthy=int(group["healthy"]),
        unhealthy=int(group["unhealthy"]),
        matcher=str(group["matcher"]),
    )
    sticky = group.get("sticky")
    return Group(
        str(group["path"]),
        settings,
        float(group["delay"]),
        str(group.get("algorithm", "round_robin")),
        float(group.get("slow_start", 0.0)),
        Sticky(float(sticky["duration"]), str(sticky.get("cookie", ""))) if sticky is not None else None,
    )


def _rule(listener: str, rule: Mapping[str, Any]) -> Rule:
    priority, fixed, redirect = rule.get("priority"), rule.get("fixed"), rule.get("redirect")
    return Rule(
        listener=listener,
        priority=LAST if priority is None else int(priority),
        paths=tuple(rule.get("path") or ()),
        hosts=tuple(rule.get("host") or ()),
        forward=tuple((str(group), int(weight)) for group, weight in rule.get("forward") or ()),
        fixed=None if fixed is None else Fixed(int(fixed["status"]), str(fixed["type"]), str(fixed["body"])),
        redirect=None if redirect is None else Redirect(**redirect),
    )


def _target(group: str, target: Mapping[str, Any]) -> Target:
    since = target.get("draining_since")
    return Target(group, target["id"], int(target["port"]), target["address"], None if since is None else float(since))


def _matches(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    """``*`` is any run of characters, ``?`` exactly one; nothing else is special."""
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)
