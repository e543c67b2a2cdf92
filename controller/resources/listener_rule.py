"""One rule per routed service. It forwards to both target groups, 100 to 0: a group with weight 0 is in use too, so
its targets are health-checked before any traffic is shifted to it (aws.md 2.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.client import pages
from controller.base.errors import Refused
from controller.base.keys import NAME_TAG, OWNER_TAG, Key, Ref, Tags, birth_tags, key_of, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack


@dataclass(frozen=True, slots=True)
class Forward:
    """A target group (arn) and its relative weight."""

    group: str | Ref
    weight: int


@dataclass(frozen=True, slots=True)
class ListenerRule:
    listener: str | Ref = spec(immutable=True)
    priority: int = spec()
    paths: tuple[str, ...] = spec()
    hosts: tuple[str, ...] = spec()
    forwards: tuple[Forward, ...] = spec(unordered=True)
    tags: Tags = spec(subset=True, risk="cosmetic")


class ListenerRuleKind:
    kind = "listener_rule"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, ListenerRule]]:
        for service in stack.services:
            if service.route is None:
                continue
            key = Key(self.kind, service.name)
            groups = [Ref(Key("target_group", f"{service.name}-{colour}"), "arn") for colour in ("blue", "green")]
            yield (
                key,
                ListenerRule(
                    Ref(Key("listener", service.route.listener), "arn"),
                    service.route.priority,
                    tuple(sorted(service.route.path)),
                    tuple(sorted(service.route.host)),
                    (Forward(groups[0], 100), Forward(groups[1], 0)),
                    birth_tags(stack.name, key, live_name(stack, key), stack.tags),
                ),
            )

    def observe(
        self, reads: Reads, wanted: Mapping[Key, ListenerRule], owner: str
    ) -> Mapping[Key, Observed[ListenerRule]]:
        found = {}
        for item in reads.rules():
            live = reads.elb_tags().get(item["RuleArn"], {})
            if not item["IsDefault"] and (key := key_of(live, self.kind)):
                found[key] = parse_rule(item, live)
        return found

    def create(self, aws: Aws, key: Key, desired: ListenerRule) -> Mapping[str, str]:
        try:
            made: Any = aws.elbv2.create_rule(
                ListenerArn=str(desired.listener),
                Priority=desired.priority,
                Conditions=_conditions(desired),
                Actions=_actions(desired),
                Tags=tags.pascal(desired.tags),
            )["Rules"][0]
        except Refused as refusal:
            if refusal.code != "PriorityInUse":
                raise
            made, live = _holder(aws, str(desired.listener), desired.priority, refusal)
            if not {pair for pair in desired.tags if pair[0] in {OWNER_TAG, NAME_TAG}} <= set(live.items()):
                raise  # not an earlier try of ours whose answer was lost
        return {"arn": made["RuleArn"]}

    def update(
        self, aws: Aws, observed: Observed[ListenerRule], desired: ListenerRule, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        arn = observed.outputs["arn"]
        fields = {change.field for change in changes}
        request: dict[str, Any] = {}
        if fields & {"paths", "hosts"}:
            request["Conditions"] = _conditions(desired)
        if "forwards" in fields:
            request["Actions"] = _actions(desired)
        if request:
            aws.elbv2.modify_rule(RuleArn=arn, **request)
        if "priority" in fields:
            _set_priority(aws, observed, desired)
        if "tags" in fields:
            aws.elbv2.add_tags(ResourceArns=[arn], Tags=tags.pascal(desired.tags))
        return {}

    def delete(self, aws: Aws, observed: Observed[ListenerRule]) -> None:
        aws.elbv2.delete_rule(RuleArn=observed.outputs["arn"])


def parse_rule(item: Mapping[str, Any], live: Mapping[str, str]) -> Observed[ListenerRule]:
    """Canonical form (aws.md 9.4): ForwardConfig with weights, the ``*Config`` of conditions, values as sets."""
    conditions = {one["Field"]: one for one in item.get("Conditions", [])}
    narrower = tuple(f"and {name}" for name in sorted(conditions.keys() - {"path-pattern", "host-header"}))
    as_desired = ListenerRule(
        item["ListenerArn"],
        int(item["Priority"]),
        (*_values(conditions.get("path-pattern"), "PathPatternConfig"), *narrower),
        _values(conditions.get("host-header"), "HostHeaderConfig"),
        parse_forwards(item.get("Actions", [])),
        lasting_tags(live),
    )
    return Observed(as_desired, {"arn": item["RuleArn"]}, live.get(OWNER_TAG))


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


def _set_priority(aws: Aws, observed: Observed[ListenerRule], desired: ListenerRule) -> None:
    """Take the wanted place; when another rule of ours holds it, that one takes ours in the same call."""
    arn, listener = observed.outputs["arn"], str(desired.listener)
    wanted: list[Any] = [{"RuleArn": arn, "Priority": desired.priority}]
    try:
        aws.elbv2.set_rule_priorities(RulePriorities=wanted)
    except Refused as refusal:
        if refusal.code != "PriorityInUse":
            raise
        holder, live = _holder(aws, listener, desired.priority, refusal)
        if live.get(OWNER_TAG) != observed.owner:
            raise
        swapped: Any = {"RuleArn": holder["RuleArn"], "Priority": observed.as_desired.priority}
        aws.elbv2.set_rule_priorities(RulePriorities=[*wanted, swapped])


def _holder(aws: Aws, listener: str, priority: int, refusal: Refused) -> tuple[dict[str, Any], dict[str, str]]:
    """The rule that holds *priority*, and its tags. Raises *refusal* when it holds it no longer."""
    for rule in pages(aws.elbv2.describe_rules, "Rules", "Marker", ListenerArn=listener):
        if rule["Priority"] == str(priority):
            described = aws.elbv2.describe_tags(ResourceArns=[rule["RuleArn"]])["TagDescriptions"]
            return rule, tags.read(described[0].get("Tags"))
    raise refusal


def _values(condition: Mapping[str, Any] | None, config: str) -> tuple[str, ...]:
    if condition is None:
        return ()
    return tuple(sorted(condition.get(config, {}).get("Values") or condition.get("Values", [])))


def _conditions(desired: ListenerRule) -> list[Any]:
    found: list[Any] = []
    if desired.paths:
        found.append({"Field": "path-pattern", "PathPatternConfig": {"Values": list(desired.paths)}})
    if desired.hosts:
        found.append({"Field": "host-header", "HostHeaderConfig": {"Values": list(desired.hosts)}})
    return found


def _actions(desired: ListenerRule) -> list[Any]:
    groups = [{"TargetGroupArn": str(one.group), "Weight": one.weight} for one in desired.forwards]
    stickiness = {"Enabled": False}
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups, "TargetGroupStickinessConfig": stickiness}}]


KIND = ListenerRuleKind()
