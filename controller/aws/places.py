"""The rules of one listener together: which of them answers a request, and how they change places without a gap.

AWS asks the rules by priority and takes the first that matches. A rule whose targets are not healthy yet must not stand
before one that answers the same requests today: it waits behind all others, where nobody asks it first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from controller.aws import tags
from controller.aws.client import Aws, pages
from controller.aws.tasks import behind, failed
from controller.base.errors import Refused
from controller.base.keys import NAME_TAG, OWNER_TAG

LAST = 50_000  # the highest priority there is (aws.md 2.4)
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


@dataclass(frozen=True, slots=True)
class Rule:
    """One that is there. `name`: its address, "" for one of others; `groups`: those it sends requests to, arns."""

    arn: str
    priority: int
    name: str
    paths: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    groups: tuple[str, ...] = field(default=())


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
        groups = tuple(
            str(group["TargetGroupArn"])
            for action in one.get("Actions", ())
            for group in (action.get("ForwardConfig") or {}).get("TargetGroups") or [action]
            if group.get("TargetGroupArn") and int(group.get("Weight", 1))
        )
        arn, paths, hosts = (
            str(one["RuleArn"]),
            values.get("path-pattern", frozenset()),
            values.get("host-header", frozenset()),
        )
        rules.append(Rule(arn, int(one["Priority"]), names.get(arn, ""), paths, hosts, groups))
    return sorted(rules, key=lambda rule: rule.priority)


def lacking(aws: Aws, cluster: str, groups: Collection[str]) -> str:
    """What *groups* lack to answer: as many healthy targets as the services behind them shall have; "" for nothing.

    Raises Refused where a deployment has failed: they will not come.
    """
    healthy = sum(_healthy(aws, group) for group in groups)
    served = behind(aws, cluster, groups) if cluster else {}
    if lost := [str(one["serviceName"]) for one in served.values() if failed(one)]:
        raise Refused(f"requests go where they went before: the deployment of {', '.join(lost)} has failed")
    shall = sum(
        max(int(one["desiredCount"]), int(one.get("schedulingStrategy") == "DAEMON")) for one in served.values()
    )
    if not served:
        return "" if healthy else "no service is behind it yet"
    return f"{healthy} of {shall} targets healthy" if healthy < shall else ""


def answers(aws: Aws, rules: Iterable[Rule]) -> bool:
    """Whether one of *rules* has a target that answers."""
    return any(_healthy(aws, group) for rule in rules for group in rule.groups)


def waiting_place(rules: Collection[Rule], routes: Collection[Route]) -> int:
    """The last priority that nobody has, behind all who answer; 0 where somebody stands so far back for good. Pure."""
    strangers = [rule.priority for rule in rules if not rule.name]
    if any(place >= WAITING for place in (*strangers, *(one.priority for one in routes))):
        return 0
    taken = {rule.priority for rule in rules}
    return next((place for place in range(LAST, WAITING - 1, -1) if place not in taken), 0)


def kept(rule: Rule, wish: Route, rules: Iterable[Rule], routes: Iterable[Route], ready: Collection[str]) -> set[str]:
    """The paths that *rule* gives up, and which others of *rules* are to answer but do not yet. Pure.

    *ready*: the addresses of rules that could answer if they matched.
    """
    if rule.hosts != frozenset(wish.hosts):
        return set()
    there = {one.name: one for one in rules}
    left = set()
    for path in rule.paths - set(wish.paths):
        heirs = [one for one in routes if one.rule != wish.rule and path in one.paths and {*one.hosts} == rule.hosts]
        late = [
            one for one in heirs if one.rule not in there or path not in there[one.rule].paths or one.rule not in ready
        ]
        left |= {path} if late else set()
    return left if len(left | set(wish.paths)) + len(wish.hosts) <= VALUES_MAX else set()


def moves(rules: Collection[Rule], routes: Iterable[Route], mine: str) -> dict[str, int]:
    """The place of every rule of ours that stands elsewhere than it should, by arn: *mine*, and with it all others but
    those that wait for their targets; who holds a place without one in the spec gets that of *mine*. Pure."""
    wanted = {one.rule: one.priority for one in routes}
    found = {
        rule.arn: wanted[rule.name]
        for rule in rules
        if rule.name in wanted and rule.priority != wanted[rule.name] and (rule.name == mine or rule.priority < WAITING)
    }
    own = next((rule for rule in rules if rule.name == mine), None)
    holder = next((rule for rule in rules if rule.priority == wanted.get(mine) and rule.arn not in found), None)
    if own is not None and holder is not None and holder.name and own.arn in found:
        found[holder.arn] = own.priority
    return found


def _healthy(aws: Aws, group: str) -> int:
    found = aws.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return sum(one["TargetHealth"]["State"] == "healthy" for one in found)
