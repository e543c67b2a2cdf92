"""What AWS says of the rules of one listener: which there are, and which of them can answer (`places.py` decides)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from controller.aws import tags
from controller.aws.client import Aws, pages
from controller.aws.forwarding import parse_forwards
from controller.aws.places import Route, Rule
from controller.aws.task_sets import deployments
from controller.aws.tasks import behind, failed
from controller.base.errors import Stuck
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


def _healthy(aws: Aws, group: str) -> int:
    found = aws.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return sum(one["TargetHealth"]["State"] == "healthy" for one in found)
