"""How a rule of a listener is taken out of use, so that what it sent to its targets is answered."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from controller.aws import tags
from controller.aws.client import Aws
from controller.aws.forwarding import forwards_of, rules_near
from controller.aws.lately import SPREAD
from controller.base.keys import Tags

DELAY = "deregistration_delay.timeout_seconds"


def in_flight(aws: Aws, rule: str, groups: Collection[str], kin: Tags, *, closed: bool) -> str:
    """Why *rule* (arn), which leads to *groups*, is not deleted yet: a group that no rule names has no deregistration
    delay, and what is in flight there would be cut off (aws.md 2.2). It may once they have no targets, or another rule
    names them; else it has to be *closed* first, and has nobody left after the delay.

    *kin*: rules with these tags leave as well, and count for none.
    """
    near = {one["RuleArn"]: {str(to.group) for to in forwards_of(one)} for one in rules_near(aws, groups, rule)}
    naming = [arn for arn, named in near.items() if named & set(groups)]
    described = aws.elbv2.describe_tags(ResourceArns=naming)["TagDescriptions"] if naming and kin else []
    leaving = {one["ResourceArn"] for one in described if kin and set(kin) <= set(tags.read(one.get("Tags")).items())}
    alone = set(groups).difference(*(near[arn] for arn in naming if arn not in leaving))
    states = [
        one["TargetHealth"]["State"]
        for group in sorted(alone)
        for one in aws.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    ]
    if not states:
        return ""
    if not closed:
        return "requests in flight are answered first"
    delay = timedelta(seconds=max(_delay(aws, group) for group in alone))
    late = aws.lately.turning(alone, SPREAD + delay, unknown=True)
    return "its last requests may still be in flight" if late else ""


def _delay(aws: Aws, group: str) -> int:
    found = aws.elbv2.describe_target_group_attributes(TargetGroupArn=group)["Attributes"]
    return next((int(one["Value"]) for one in found if one["Key"] == DELAY), 0)
