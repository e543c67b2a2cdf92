"""How a rule of a listener is taken out of use, so that what it sent to its targets is answered."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from controller.aws.client import Aws
from controller.aws.forwarding import forwards_of, rules_near
from controller.aws.lately import SPREAD

DELAY = "deregistration_delay.timeout_seconds"


def in_flight(aws: Aws, rule: str, groups: Collection[str], *, closed: bool) -> str:
    """Why *rule* (arn), which leads to *groups*, is not deleted yet: a group that no rule names has no deregistration
    delay, and what is in flight there would be cut off (aws.md 2.2). It may once they have no targets, or another rule
    names them; else it has to be *closed* first, and has nobody left after the delay."""
    alone = set(groups) - {str(to.group) for one in rules_near(aws, groups, rule) for to in forwards_of(one)}
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
    return "its last requests may still be in flight" if late or "draining" in states else ""


def _delay(aws: Aws, group: str) -> int:
    found = aws.elbv2.describe_target_group_attributes(TargetGroupArn=group)["Attributes"]
    return next((int(one["Value"]) for one in found if one["Key"] == DELAY), 0)
