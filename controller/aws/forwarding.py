"""Which target groups get requests: asked where a group must get none any more before what it leads to may go."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from controller.aws.client import Aws, pages


def led_to(aws: Aws, groups: Collection[str]) -> list[str]:
    """Those of *groups* (arns) that a rule sends requests to; one with weight 0 gets none."""
    if not groups:
        return []
    asked: Any = list(groups)
    found = aws.elbv2.describe_target_groups(TargetGroupArns=asked)["TargetGroups"]
    balancers = sorted({arn for one in found for arn in one["LoadBalancerArns"]})
    listeners = [
        listener["ListenerArn"]
        for arn in balancers
        for listener in pages(aws.elbv2.describe_listeners, "Listeners", "Marker", LoadBalancerArn=arn)
    ]
    rules = [rule for arn in listeners for rule in pages(aws.elbv2.describe_rules, "Rules", "Marker", ListenerArn=arn)]
    weighed = {
        one["TargetGroupArn"]
        for rule in rules
        for action in rule.get("Actions", [])
        for one in action.get("ForwardConfig", {}).get("TargetGroups") or [action]
        if one.get("TargetGroupArn") and int(one.get("Weight", 1))
    }
    return sorted(weighed & set(groups))
