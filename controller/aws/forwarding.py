"""Which target groups get requests, and how the requests move from one to another."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from controller.aws import tags
from controller.aws.client import Aws, pages
from controller.aws.places import CLOSED
from controller.aws.tasks import behind
from controller.base.errors import Gone
from controller.base.keys import OWNER_TAG, Ref
from controller.base.words import plural


@dataclass(frozen=True, slots=True)
class Forward:
    """A target group (arn) and its relative weight."""

    group: str | Ref
    weight: int


def parse_forwards(actions: list[Mapping[str, Any]]) -> tuple[Forward, ...]:
    action = next((one for one in actions if one["Type"] == "forward"), {})
    groups = action.get("ForwardConfig", {}).get("TargetGroups") or (
        [{"TargetGroupArn": action["TargetGroupArn"]}] if action.get("TargetGroupArn") else []
    )
    return tuple(
        sorted(
            (Forward(one["TargetGroupArn"], int(one.get("Weight", 1))) for one in groups), key=lambda f: str(f.group)
        )
    )


def staged(
    live: tuple[Forward, ...],
    wanted: tuple[Forward, ...],
    healthy: Mapping[str, int],
    left: Mapping[str, int],
    shall: Mapping[str, int],
) -> tuple[tuple[Forward, ...], str]:
    """The forwards to set now on the way from *live* to *wanted*, and what the rest of the way waits for. Pure.

    A group that takes over from another is added with weight 0 first, so that its targets are checked (aws.md 2.1).
    All traffic moves to it in one call, once it has as many healthy targets as the busiest one had, or as its
    service *shall* have in all. The other one stays with weight 0 while it has targets *left*: a group that no rule
    uses has no deregistration delay, and what is in flight there would be cut off.
    """
    serving = {str(one.group) for one in live if one.weight}
    new = sorted(str(one.group) for one in wanted if one.weight and str(one.group) not in serving)
    most = max((healthy.get(group, 0) for group in serving), default=0)
    enough = {group: min(most, shall.get(group, most)) for group in new}
    present = {str(one.group) for one in live}
    late = [group for group in new if group not in present or healthy.get(group, 0) < enough[group]]
    if not (late and serving):
        asked = {str(one.group) for one in wanted}
        draining = [one for one in live if str(one.group) not in asked and left.get(str(one.group))]
        if not draining:
            return wanted, ""
        name, count = str(draining[0].group).rsplit("/", 2)[-2], left[str(draining[0].group)]
        kept = tuple(Forward(one.group, 0) for one in draining)
        return wanted + kept, f"{name} is let go when its last target is gone ({count} now)"
    added = tuple(Forward(one.group, 0) for one in wanted if str(one.group) not in present)
    name, ready = late[0].rsplit("/", 2)[-2], healthy.get(late[0], 0)
    need = plural(enough[late[0]], "healthy target")
    return live + added, f"traffic moves to {name} when it has {need} ({ready} now)"


def targets_of(
    aws: Aws, live: tuple[Forward, ...], wanted: tuple[Forward, ...], cluster: str
) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """How many healthy targets each group has, how many at all, and how many the service behind it shall have; nothing
    where the same groups serve as before."""
    serves, shall = ({str(one.group) for one in some if one.weight} for some in (live, wanted))
    gone = {str(one.group) for one in live} - {str(one.group) for one in wanted}
    asked = sorted(gone | (set() if shall <= serves else serves | shall))
    states = {
        group: [
            one["TargetHealth"]["State"]
            for one in aws.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        ]
        for group in asked
    }
    healthy = {group: found.count("healthy") for group, found in states.items()}
    sizes = {group: len(found) for group, found in states.items()}
    waited = {} if shall <= serves else behind(aws, cluster, shall - serves)
    # a daemon of which ECS has counted no host yet says nothing: to wait for none would send all requests nowhere
    known = {g: one for g, one in waited.items() if one["desiredCount"] or one.get("schedulingStrategy") != "DAEMON"}
    return healthy, sizes, {group: int(one["desiredCount"]) for group, one in known.items()}


def release(aws: Aws, groups: Collection[str], cluster: str, owner: str) -> None:
    """Let the targets go of those of *groups* that get no requests any more, are *owner*'s, and have no service behind
    them: only a person could have put them there, and nobody else takes them out."""
    if not groups:
        return
    described = aws.elbv2.describe_tags(ResourceArns=list(groups))["TagDescriptions"]
    ours = [one["ResourceArn"] for one in described if tags.read(one.get("Tags")).get(OWNER_TAG) == owner]
    served = behind(aws, cluster, ours) if ours else {}
    for group in ours:
        if group in served:
            continue
        found = aws.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        if left := [one["Target"] for one in found if one["TargetHealth"]["State"] != "draining"]:
            targets: Any = [{"Id": one["Id"], "Port": one["Port"]} for one in left]
            aws.elbv2.deregister_targets(TargetGroupArn=group, Targets=targets)


def _balancers_of(aws: Aws, group: str) -> list[str]:
    """The load balancers that use a target group; none of one that was deleted under its service."""
    try:
        found = aws.elbv2.describe_target_groups(TargetGroupArns=[group])["TargetGroups"]
    except Gone:
        return []
    return [arn for one in found for arn in one["LoadBalancerArns"]]


def led_to(aws: Aws, groups: Collection[str]) -> list[str]:
    """Those of *groups* (arns) that a rule sends requests to; one with weight 0 gets none, nor does a closed rule."""
    asked = [one for rule in rules_near(aws, groups) if not _closed(rule) for one in forwards_of(rule)]
    return sorted({str(to.group) for to in asked if to.weight} & set(groups))


def rules_near(aws: Aws, groups: Collection[str], besides: str = "") -> list[Any]:
    """The rules of all load balancers that use one of *groups*."""
    balancers = sorted({arn for group in groups for arn in _balancers_of(aws, group)})
    listeners = [
        listener["ListenerArn"]
        for arn in balancers
        for listener in pages(aws.elbv2.describe_listeners, "Listeners", "Marker", LoadBalancerArn=arn)
    ]
    rules = [rule for arn in listeners for rule in pages(aws.elbv2.describe_rules, "Rules", "Marker", ListenerArn=arn)]
    return [rule for rule in rules if rule["RuleArn"] != besides]


def forwards_of(rule: Any) -> tuple[Forward, ...]:
    return parse_forwards(list(rule.get("Actions", [])))


def _closed(rule: Any) -> bool:
    hosts = [one.get("HostHeaderConfig", {}).get("Values") or one.get("Values", []) for one in rule["Conditions"]]
    return any(CLOSED in values for values in hosts)
