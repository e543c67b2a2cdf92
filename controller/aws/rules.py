"""What AWS says of the rules of one listener: which there are, and which of them can answer (`places.py` decides)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from controller.aws import tags
from controller.aws.client import Aws, pages
from controller.aws.forwarding import parse_forwards
from controller.aws.places import CLOSED, Conditions, Route, Rule, conditions, holds, moves
from controller.aws.task_sets import deployments
from controller.aws.tasks import behind, failed
from controller.base.errors import Stale, Stuck
from controller.base.keys import NAME_TAG, OWNER_TAG

TAGS_MAX = 20  # resources of one DescribeTags


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


@dataclass(frozen=True, slots=True)
class Readiness:
    """Of a listener's rules: what those of ours that cannot answer yet lack, by address; those of them that never will;
    and the arns of all that have a target which answers."""

    late: Mapping[str, str]
    lost: frozenset[str]
    answering: frozenset[str]


def readiness(aws: Aws, cluster: str, rules: Collection[Rule], routes: Iterable[Route]) -> Readiness:
    """How far *rules* are, of which those of *routes* shall answer."""
    tasks = {one.rule: one.tasks for one in routes}
    late: dict[str, str] = {}
    lost = set[str]()
    for rule in rules:
        if rule.name not in tasks:
            continue
        try:
            if why := lacking(aws, cluster, rule.groups, tasks[rule.name]):
                late[rule.name] = why
        except Stuck as failure:
            late[rule.name] = str(failure)
            lost.add(rule.name)
    return Readiness(late, frozenset(lost), frozenset(rule.arn for rule in rules if answers(aws, [rule])))


@dataclass(frozen=True, slots=True)
class Waits:
    """Why a rule is not as it shall be yet, and for which rules; false when it is."""

    why: str = ""
    names: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.why)


def turn(
    arn: str, wanted: Mapping[str, int], leaving: Collection[str], rules: Collection[Rule], ready: Readiness
) -> tuple[Mapping[str, int], Waits]:
    """The places, by arn, of all that may go where *wanted*, if the rule *arn* is one of them; else why not. Pure."""
    own = next((rule for rule in rules if rule.arn == arn), None)
    if own is None:
        raise Stale(f"rule {arn} is gone")
    found = moves(rules, wanted, leaving, ready.late, ready.answering)
    if name := found.held.get(arn):
        lacks = f": {ready.late[name]}" if name in ready.late else ""
        who = "it can answer" if name == own.name else f"{name} {'can answer' if lacks else 'makes room'}"
        return {}, Waits(f"requests go where they went, until {who}{lacks}", frozenset({name}))
    return found.places if arn in found.places else {}, Waits()


def conditions_now(
    arn: str, wish: Route, routes: Collection[Route], rules: Collection[Rule], ready: Readiness
) -> Conditions:
    """What the rule *arn*, which is to be as *wish* says, may match by now. Pure."""
    own = next((rule for rule in rules if rule.arn == arn), None)
    if own is None:
        return Conditions(frozenset(wish.paths), frozenset(wish.hosts))
    asleep = CLOSED in own.hosts
    gains = asleep or not (holds(own.paths, wish.paths) and holds(own.hosts, wish.hosts))
    if gains and (asleep or ready.answering - {arn}) and own.name in ready.late:
        return Conditions(own.paths, own.hosts, (own.name,), ready.late[own.name])
    able = {rule.name for rule in rules if rule.name} - ready.late.keys()
    return conditions(own, wish, rules, routes, able)


def _healthy(aws: Aws, group: str) -> int:
    found = aws.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return sum(one["TargetHealth"]["State"] == "healthy" for one in found)
