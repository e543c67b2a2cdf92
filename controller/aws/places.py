"""The rules of one listener together: which of them answers a request, and how they change places without a gap.

AWS asks the rules by priority and takes the first that matches. A rule whose targets are not healthy yet must not stand
before one that answers the same requests today: it waits behind all others, where nobody asks it first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from controller.aws import tags
from controller.aws.client import Aws, pages
from controller.aws.forwarding import parse_forwards
from controller.aws.task_sets import deployments
from controller.aws.tasks import behind, failed
from controller.base.errors import Stuck
from controller.base.keys import NAME_TAG, OWNER_TAG

LAST = 50_000  # the highest priority there is (aws.md 2.4)
CLOSED = "nobody.invalid"  # the host of a rule that nobody is led to yet (RFC 2606)
WAITING = 49_000  # from here on rules wait for their targets
TAGS_MAX = 20  # resources of one DescribeTags
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


def rules_of(aws: Aws, listener: str, owner: str) -> list[Rule]:
    """The rules of *listener* but for the default one, first asked first."""
    found = [one for one in pages(aws.elbv2.describe_rules, "Rules", "Marker", ListenerArn=listener)
             if not one["IsDefault"]]  # fmt: skip
    names: dict[str, str] = {}
    for start in range(0, len(found), TAGS_MAX):
        part = [str(one["RuleArn"]) for one in found[start : start + TAGS_MAX]]
        for item in aws.elbv2.describe_tags(ResourceArns=part)["TagDescriptions"]:
            live = tags.read(item.get("Tags"))
            names[item["ResourceArn"]] = live.get(NAME_TAG, "") if live.get(OWNER_TAG) == owner else ""
    rules = []
    for one in found:
        values = {
            condition["Field"]: frozenset(
                (condition.get("PathPatternConfig") or condition.get("HostHeaderConfig") or condition).get("Values", ())
            )
            for condition in one.get("Conditions", ())
        }
        paths, hosts = (values.get(field, frozenset()) for field in ("path-pattern", "host-header"))
        groups = tuple(str(to.group) for to in parse_forwards(list(one.get("Actions", ()))) if to.weight)
        arn = str(one["RuleArn"])
        rules.append(Rule(arn, int(one["Priority"]), names.get(arn, ""), paths, hosts, groups))
    return sorted(rules, key=lambda rule: rule.priority)


def lacking(aws: Aws, cluster: str, groups: Collection[str], least: int) -> str:
    """What *groups* lack to answer: as many healthy targets as the services behind them have to have; one at least
    where they shall have *least* of them, and none yet; "" for nothing.

    Raises Stuck where a deployment has failed: they will not come.
    """
    healthy = sum(_healthy(aws, group) for group in groups)
    served = behind(aws, cluster, groups) if cluster else {}
    if lost := [str(one["serviceName"]) for one in served.values() if failed(one)]:
        if healthy:
            return ""  # those of the version before
        raise Stuck(f"requests go where they went before: the deployment of {', '.join(lost)} has failed")
    shall = sum(
        max(int(one["desiredCount"]), int(one.get("schedulingStrategy") == "DAEMON")) for one in served.values()
    )
    shall = max(shall, min(1, least))
    if not served:
        return "" if healthy else "no service is behind it yet"
    if healthy and all([d.get("rolloutState") for d in deployments(one)] == ["COMPLETED"] for one in served.values()):
        return ""  # it has come as far as it will for now
    return f"{healthy} of {shall} targets healthy" if healthy < shall else ""


def answers(aws: Aws, rules: Iterable[Rule]) -> bool:
    """Whether one of *rules* has a target that answers."""
    return any(_healthy(aws, group) for rule in rules for group in rule.groups)


def default_answers(aws: Aws, listener: str) -> bool:
    """Whether what no rule of *listener* matches is answered, by a redirect or by targets."""
    found: Any = aws.elbv2.describe_listeners(ListenerArns=[listener])["Listeners"][0]
    actions = found.get("DefaultActions", [])
    redirects = any(action["Type"] == "redirect" for action in actions)
    return redirects or any(_healthy(aws, str(to.group)) for to in parse_forwards(actions))


def waiting_place(rules: Collection[Rule], routes: Collection[Route]) -> int:
    """The last priority that nobody has, behind all who answer; 0 where somebody stands so far back for good. Pure."""
    strangers = [rule.priority for rule in rules if not rule.name]
    if any(place >= WAITING for place in (*strangers, *(one.priority for one in routes))):
        return 0
    taken = {rule.priority for rule in rules}
    return next((place for place in range(LAST, WAITING - 1, -1) if place not in taken), 0)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a rule is to match now; `waits`: for whom it matches more than the spec says, or what it did before."""

    paths: frozenset[str]
    hosts: frozenset[str]
    waits: tuple[str, ...] = ()


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


def moves(rules: Collection[Rule], routes: Iterable[Route], mine: str) -> dict[str, int]:
    """The place of every rule of ours that stands elsewhere than it should, by arn: *mine*, and with it all others but
    those that wait for their targets; who holds a place without one in the spec gets that of *mine*. Pure."""
    wanted = {one.rule: one.priority for one in routes}
    found = {
        rule.arn: wanted[rule.name]
        for rule in rules
        if rule.name in wanted
        and rule.priority != wanted[rule.name]
        and (rule.name == mine or not rule.priority >= WAITING > wanted[rule.name])
    }
    own = next((rule for rule in rules if rule.name == mine), None)
    holder = next((rule for rule in rules if rule.priority == wanted.get(mine) and rule.arn not in found), None)
    if own is not None and holder is not None and holder.name and own.arn in found:
        found[holder.arn] = own.priority
    return found


def _healthy(aws: Aws, group: str) -> int:
    found = aws.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return sum(one["TargetHealth"]["State"] == "healthy" for one in found)
