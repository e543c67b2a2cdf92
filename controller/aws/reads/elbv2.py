"""What the load balancers tell, by name, and by tag where a spec names them no longer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from controller.aws.client import pages
from controller.aws.reads.base import Item
from controller.aws.reads.ours import OwnedReads
from controller.base.errors import Gone

ELB_TAGS_MAX = 20
ELB_NAMES_MAX = 20


def label_of(balancer: str) -> str:
    """What metrics call the load balancer of that arn.

    >>> label_of("arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/shop/1a2b")
    'app/shop/1a2b'
    """
    return balancer.partition(":loadbalancer/")[2]


class ElbReads(OwnedReads):
    """ELBv2."""

    def load_balancers(self) -> list[Item]:
        ask = self.aws.elbv2.describe_load_balancers
        return self.once("load_balancers", lambda: self._ours(ask, "LoadBalancers", "LoadBalancerArn", "load_balancer"))

    def target_groups(self) -> list[Item]:
        ask = self.aws.elbv2.describe_target_groups
        return self.once("target_groups", lambda: self._ours(ask, "TargetGroups", "TargetGroupArn", "target_group"))

    def balancer_of(self, group: Item) -> Item | None:
        """The load balancer of ours that a target group is behind."""
        arns = group.get("LoadBalancerArns") or ()
        return next((one for one in self.load_balancers() if one["LoadBalancerArn"] in arns), None)

    def _ours(self, call: Callable[..., Any], result: str, ident: str, kind: str) -> list[Item]:
        """Those of the wanted names, and those that only carry our tag."""
        named = self._by_names(call, result, kind)
        parts = [lambda a=arn: _or_none(call, result, f"{ident}s", a) for arn in self.unnamed(kind)]
        return [*named, *(item for part in self.spread(parts) for item in part)]

    def _by_names(self, call: Callable[..., Any], result: str, kind: str) -> list[Item]:
        """The ones that exist: AWS refuses a whole list for one missing name, so a refused list is asked singly."""
        names = self.wanted(kind)
        found: list[Item] = []
        for start in range(0, len(names), ELB_NAMES_MAX):
            batch = names[start : start + ELB_NAMES_MAX]
            try:
                found += call(Names=batch)[result]
            except Gone:
                if len(batch) > 1:
                    found += [item for name in batch for item in _or_none(call, result, "Names", name)]
        return found

    def listeners(self) -> list[Item]:
        """The listeners of our load balancers."""

        def ask() -> list[Item]:
            call = self.aws.elbv2.describe_listeners
            arns = [balancer["LoadBalancerArn"] for balancer in self.load_balancers()]
            calls = [lambda a=arn: pages(call, "Listeners", "Marker", LoadBalancerArn=a) for arn in arns]
            return [item for part in self.spread(calls) for item in part]

        return self.once("listeners", ask)

    def listener_certificates(self, arn: str) -> list[Item]:
        """The certificates of one HTTPS listener: the default one (``IsDefault``) and those chosen by name."""

        def ask() -> list[Item]:
            call = self.aws.elbv2.describe_listener_certificates
            return list(pages(call, "Certificates", "Marker", ListenerArn=arn))

        return self.once(("listener_certificates", arn), ask)

    def rules(self) -> list[Item]:
        """The rules of our listeners, each with its ``ListenerArn`` added."""

        def ask() -> list[Item]:
            call = self.aws.elbv2.describe_rules

            def one(arn: str) -> list[Item]:
                return [{**rule, "ListenerArn": arn} for rule in pages(call, "Rules", "Marker", ListenerArn=arn)]

            arns = [str(listener["ListenerArn"]) for listener in self.listeners()]
            return [item for part in self.spread([lambda a=arn: one(a) for arn in arns]) for item in part]  # type: ignore[misc]

        return self.once("rules", ask)

    def elb_tags(self) -> dict[str, dict[str, str]]:
        """The tags of our load balancers, target groups, listeners and rules, by arn: one round at depth four."""

        def ask() -> dict[str, dict[str, str]]:
            rules = [rule["RuleArn"] for rule in self.rules() if not rule["IsDefault"]]
            arns = [
                *(item["LoadBalancerArn"] for item in self.load_balancers()),
                *(item["TargetGroupArn"] for item in self.target_groups()),
                *(item["ListenerArn"] for item in self.listeners()),
                *rules,
            ]
            batches = [arns[i : i + ELB_TAGS_MAX] for i in range(0, len(arns), ELB_TAGS_MAX)]

            def one(batch: list[str]) -> list[Item]:
                return cast("list[Item]", self.aws.elbv2.describe_tags(ResourceArns=batch)["TagDescriptions"])

            found = [item for part in self.spread([lambda b=b: one(b) for b in batches]) for item in part]  # type: ignore[misc]
            return {item["ResourceArn"]: {t["Key"]: t["Value"] for t in item.get("Tags", [])} for item in found}

        return self.once("elb_tags", ask)

    def load_balancer_attributes(self, arn: str) -> dict[str, str]:
        def ask() -> dict[str, str]:
            answer = self.aws.elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)
            return {item["Key"]: item["Value"] for item in answer["Attributes"]}

        return self.once(("load_balancer_attributes", arn), ask)

    def target_group_attributes(self, arn: str) -> dict[str, str]:
        def ask() -> dict[str, str]:
            answer = self.aws.elbv2.describe_target_group_attributes(TargetGroupArn=arn)
            return {item["Key"]: item["Value"] for item in answer["Attributes"]}

        return self.once(("target_group_attributes", arn), ask)

    def target_health(self) -> dict[str, list[Item]]:
        """The targets of each of our target groups with their health, by group arn (one call per group)."""

        def ask() -> dict[str, list[Item]]:
            arns = [str(group["TargetGroupArn"]) for group in self.target_groups()]

            def one(arn: str) -> list[Item]:
                try:
                    answer = self.aws.elbv2.describe_target_health(TargetGroupArn=arn)
                except Gone:
                    return []
                return cast("list[Item]", answer["TargetHealthDescriptions"])

            return dict(zip(arns, self.spread([lambda a=arn: one(a) for arn in arns]), strict=True))  # type: ignore[misc]

        return self.once("target_health", ask)


def _or_none(call: Callable[..., Any], result: str, member: str, one: str) -> list[Item]:
    try:
        return cast("list[Item]", call(**{member: [one]})[result])
    except Gone:
        return []
