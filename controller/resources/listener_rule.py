"""One rule per routed service, and how its groups spread the requests over their targets.

It forwards to both target groups, 100 to 0: a group with weight 0 is in use too, so its targets are health-checked
before any traffic is shifted to it (aws.md 2.1). A sticky service forwards to one group alone. AWS judges rule and
groups together: a rule of several groups refuses sticky ones unless it keeps clients in their group, which no shift of
weights could then move, and the application's cookie does not work there at all (aws.md 2.4). So the attributes that
belong together are written here, where their order with the rule can be kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.balancing import OWN_COOKIE, Balancing, Stickiness, parse_balancing, spread
from controller.aws.forwarding import Forward, parse_forwards, release, staged, targets_of
from controller.aws.parting import in_flight
from controller.aws.places import CLOSED, Route, Rule, holds, waiting_place
from controller.aws.reads import apart
from controller.aws.rules import (
    Readiness,
    Waits,
    answers,
    conditions_now,
    default_answers,
    lacking,
    readiness,
    rules_of,
    turn,
)
from controller.aws.tasks import behind, deploying, groups_of, settled
from controller.base.errors import NotYet, Refused, Stuck, Underway
from controller.base.keys import NAME_TAG, OWNER_TAG, Key, Ref, Tags, key_of, lasting_tags
from controller.engine.reconciler import Change, Observed, born_as, spec
from controller.spec.names import COLOURS, born_tags, live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Service, Stack


@dataclass(frozen=True, slots=True)
class ListenerRule:
    listener: str | Ref = spec(immutable=True)
    priority: int = spec()
    paths: tuple[str, ...] = spec()
    hosts: tuple[str, ...] = spec()
    forwards: tuple[Forward, ...] = spec(unordered=True)
    balancing: Balancing = spec()
    tags: Tags = spec(subset=True, risk="cosmetic")
    groups: tuple[str | Ref, ...] = spec(compare=False, default=())  # those `balancing` is for; live: that lack it
    port: int = spec(compare=False, default=0)  # of the listener
    cluster: str | Ref = spec(compare=False, default="")  # where the services run that it leads to
    shifted: str = spec(compare=False, default="")  # the service that CodeDeploy moves from one group to the other
    routes: tuple[Route, ...] = spec(compare=False, default=())  # of its listener, its own among them
    front: str = spec(compare=False, default="")  # the scheme of the load balancer
    routed: tuple[str, ...] = spec(compare=False, default=())  # the rules of all listeners
    moving: tuple[tuple[str, int], ...] = spec(compare=False, default=())  # those that change places by a plan, and to
    leaving: tuple[str, ...] = spec(compare=False, default=())  # those that a plan deletes

    @property
    def own(self) -> Route | None:
        """The route that it is to be."""
        mine = dict(self.tags).get(NAME_TAG, "")
        return next((one for one in self.routes if one.rule == mine), None)

    @property
    def least(self) -> int:
        return self.own.tasks if self.own is not None else 0


class ListenerRuleKind:
    kind = "listener_rule"
    goes_last = True
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, ListenerRule]]:
        ports = {one.name: one.port for one in stack.load_balancer.listeners} if stack.load_balancer else {}
        routes: dict[str, list[Route]] = {}
        for service in stack.services:
            if (one := service.route) is not None:
                route = Route(f"{self.kind}/{service.name}", one.priority, one.path, one.host, service.least)
                routes.setdefault(one.listener, []).append(route)
        routed = tuple(sorted(route.rule for several in routes.values() for route in several))
        for service in stack.services:
            if service.route is None:
                continue
            key = Key(self.kind, service.name)
            groups = tuple(Ref(group, "arn") for group in _groups(service.name))
            forwards = (Forward(groups[0], 100), Forward(groups[1], 0))
            yield (
                key,
                ListenerRule(
                    Ref(Key("listener", service.route.listener), "arn"),
                    service.route.priority,
                    tuple(sorted(service.route.path)),
                    tuple(sorted(service.route.host)),
                    forwards if service.stickiness is None else forwards[:1],
                    _balancing(service),
                    born_tags(stack, key),
                    groups,
                    ports.get(service.route.listener, 0),
                    Ref(Key("cluster", "main"), "name"),
                    live_name(stack, Key("service", service.name)) if service.by_codedeploy else "",
                    tuple(routes[service.route.listener]),
                    stack.load_balancer.scheme if stack.load_balancer is not None else "",
                    routed,
                ),
            )

    def observe(
        self, reads: Reads, wanted: Mapping[Key, ListenerRule], owner: str
    ) -> Mapping[Key, Observed[ListenerRule]]:
        arns: dict[Key | None, list[str]] = {}  # several of one key while one takes over from the other
        fronts: dict[str, tuple[str, ...]] = {}  # what each is behind
        for group in reads.target_groups():
            live = reads.elb_tags().get(group["TargetGroupArn"], {})
            arns.setdefault(key_of(live, "target_group"), []).append(group["TargetGroupArn"])
            fronts[group["TargetGroupArn"]] = tuple(group.get("LoadBalancerArns") or ())
        balancers = {one["ListenerArn"]: one["LoadBalancerArn"] for one in reads.listeners()}
        schemes = {one["LoadBalancerArn"]: str(one["Scheme"]) for one in reads.load_balancers()}
        places = {one["ListenerArn"]: (int(one["Port"]), schemes[one["LoadBalancerArn"]]) for one in reads.listeners()}
        groups = {key: [arn for one in _groups(key.name) for arn in arns.get(one, ())] for key in wanted}
        every = [arn for several in groups.values() for arn in several]
        reads.spread([partial(reads.target_group_attributes, arn) for arn in every])  # side by side, then from memory
        found = []
        for item in reads.rules():
            live = reads.elb_tags().get(item["RuleArn"], {})
            if not item["IsDefault"] and (key := key_of(live, self.kind) or _at(item, live, wanted, reads)):
                arn = item["ListenerArn"]
                mine = balancers[arn]  # a group that is behind another one has another rule
                spread = {
                    arn: parse_balancing(reads.target_group_attributes(arn))
                    for arn in groups.get(key, ())
                    if not fronts[arn] or mine in fronts[arn]
                }
                asked = wanted[key].balancing if key in wanted else Balancing()
                rule = parse_rule(item, live, asked, {arn: one for arn, one in spread.items() if one != asked})
                if key in wanted and wanted[key].shifted:
                    rule = _led_by_codedeploy(rule, groups[key], wanted[key].shifted, reads)
                moved = key in wanted and (wanted[key].port, wanted[key].front) != places[arn]
                aside = "yes" if key in wanted and wanted[key].front != places[arn][1] else ""
                shall = {one: wish for one, wish in wanted.items() if moved and (wish.port, wish.front) == places[arn]}
                coming = sorted((str(one), wish.least, wish.paths, wish.hosts) for one, wish in shall.items())
                more = {"cluster": reads.cluster() or "", "service": key.name, "coming": json.dumps(coming)}
                more["aside"] = aside
                more["heirs"] = " ".join(f"service/{one.name}" for one in sorted(wanted))
                rule = replace(rule, outputs={**rule.outputs, **more})
                found.append((key, item["RuleArn"], rule))
        return apart(found)

    def create(self, aws: Aws, key: Key, desired: ListenerRule) -> Mapping[str, str]:
        desired = _where_it_serves(aws, desired)
        rules = rules_of(aws, str(desired.listener), dict(desired.tags)[OWNER_TAG])
        if made := _made(rules, key):
            return {"arn": made}
        place = _place(aws, key, desired, rules)
        if default_answers(aws, str(desired.listener)) and _lacks(aws, desired, _led(desired), desired.least):
            desired = replace(desired, hosts=(CLOSED,))  # no place is behind that of the default action
        try:
            made = _create(aws, desired, place)
        except Refused as refusal:
            if refusal.code == "InvalidLoadBalancerAction":  # a group is sticky from earlier days
                spread(aws, desired.balancing, desired.groups)
                made = _create(aws, desired, place)
            elif refusal.code == "PriorityInUse":
                rules = rules_of(aws, str(desired.listener), dict(desired.tags)[OWNER_TAG])
                made = _made(rules, key)
                if not made and all(rule.priority != place for rule in rules):
                    raise NotYet(f"place {place} is taken, and AWS does not show yet by what") from refusal
            if not made:
                raise
        if desired.balancing != Balancing():  # groups are born with the defaults
            with suppress(Underway):  # the next pass finds what is left to do
                spread(aws, desired.balancing, desired.groups)
        return {"arn": made}

    def update(
        self, aws: Aws, observed: Observed[ListenerRule], desired: ListenerRule, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        arn = observed.outputs["arn"]
        fields = {change.field for change in changes}
        request: dict[str, Any] = {}
        waits = Waits()
        together = fields & {"paths", "hosts", "priority"}
        rules = rules_of(aws, str(desired.listener), str(observed.owner)) if together else []
        ready = readiness(aws, str(desired.cluster), rules, desired.routes)
        if fields & {"paths", "hosts"}:
            whole, waits = _conditions_now(arn, desired, rules, ready)
            if (whole.paths, whole.hosts) != (observed.as_desired.paths, observed.as_desired.hosts):
                request["Conditions"] = _conditions(whole)
        differing = observed.as_desired.groups if "balancing" in fields else ()
        if "forwards" in fields and desired.shifted:
            request["Actions"] = _actions(_where_it_serves(aws, desired).forwards, desired.balancing)
        elif "forwards" in fields:
            live = observed.as_desired.forwards
            now, late = staged(live, desired.forwards, *targets_of(aws, live, desired.forwards, str(desired.cluster)))
            waits = Waits(late) if late else waits
            asked = {str(one.group) for one in desired.forwards}
            out = {str(one.group) for one in live if not one.weight} - asked
            release(aws, out, str(desired.cluster), str(observed.owner))
            if set(now) != set(live) or differing:
                request["Actions"] = _actions(now, desired.balancing)
        if desired.balancing.stickiness is None:  # before the rule may have several groups again
            spread(aws, desired.balancing, differing)
        if request:
            if "Actions" in request:  # whether or not the answer is lost
                aws.lately.turn({*_led(observed.as_desired)} - _weighed(request["Actions"]))
            aws.elbv2.modify_rule(RuleArn=arn, **request)
        if desired.balancing.stickiness is not None:  # once it has one group alone
            spread(aws, desired.balancing, differing)
        if "priority" in fields:
            here = {route.rule for route in desired.routes}
            leaving = {*desired.leaving, *desired.routed} - here
            own = {one: place for one, place in desired.moving if one in here}
            own = own or {dict(desired.tags).get(NAME_TAG, ""): desired.priority}
            places, held = turn(arn, own, leaving, rules, ready)
            if places:
                wanted: Any = [{"RuleArn": rule, "Priority": place} for rule, place in sorted(places.items())]
                aws.elbv2.set_rule_priorities(RulePriorities=wanted)
            waits = held or waits
        if "tags" in fields:
            aws.elbv2.add_tags(ResourceArns=[arn], Tags=tags.pascal(desired.tags))
        if waits:
            services = {name.replace(f"{self.kind}/", "service/", 1) for name in waits.names}
            stuck = ready.lost & waits.names
            raise Stuck(waits.why) if stuck else Underway(waits.why, awaits=waits.names | services)
        return {}

    def joint(
        self,
        wanted: Mapping[Key, tuple[ListenerRule, Observed[Any] | None]],
        going: Mapping[Key, str | None],
        observed: Mapping[Key, Observed[Any]],
    ) -> tuple[Mapping[Key, ListenerRule], list[str]]:
        """They change places in one call, and only those whose steps say so; one that stays keeps its place."""
        moving = {
            key: one.priority
            for key, (one, have) in wanted.items()
            if have is not None and have.as_desired.priority != one.priority
        }
        routed = {name for one, _ in wanted.values() for name in one.routed}
        leaving = tuple(sorted({str(born_as(key)) for key in going if key.kind == self.kind} - routed))
        told = tuple(sorted((str(key), place) for key, place in moving.items()))
        on_the_move = {id(have) for key, (_, have) in wanted.items() if key in moving}
        stay = {
            (have.as_desired.listener, have.as_desired.priority): (key, have)
            for key, have in observed.items()
            if key.kind == self.kind
            and key not in going
            and id(have) not in on_the_move
            and have.owner
            and not have.gone
        }
        problems = []
        for key, (one, mine) in wanted.items():
            ref = one.listener
            at = observed[ref.key].outputs.get(ref.output) if isinstance(ref, Ref) and ref.key in observed else ref
            holder, have = stay.get((at, one.priority), (key, mine))
            anew = isinstance(ref, Ref) and ref.key in going  # in a listener that comes nobody has a place yet
            if have is not mine and not anew:
                problems.append(_held(key, one, holder, there=str(holder) in routed))
        return {key: replace(one, moving=told, leaving=leaving) for key, (one, _) in wanted.items()}, problems

    def still_serves(self, aws: Aws, observed: Observed[ListenerRule], heir: str) -> str:
        """What a route of the spec has no more is for another from now on, once that serves. One that was replaced goes
        before its groups are used by no rule any more: tasks that are registered there would count as unhealthy."""
        cluster = observed.outputs["cluster"]
        if not cluster:
            return ""
        if not heir:
            settled(aws, cluster, str(observed.owner), observed.outputs["heirs"].split(), "")
            return ""
        if observed.outputs["aside"]:
            return _registered(aws, cluster, observed)
        return _alone(aws, cluster, observed)

    def part(self, aws: Aws, observed: Observed[ListenerRule], heir: str) -> str:
        """Closed first, it leads nobody to its groups, and they keep their deregistration delay. Of several rules of a
        service that goes each is closed; one that was replaced leaves the groups to the one in its place."""
        arn, rule = observed.outputs["arn"], observed.as_desired
        closed = CLOSED in rule.hosts
        kin = () if heir else tuple(one for one in rule.tags if one[0] in {OWNER_TAG, NAME_TAG})
        why = in_flight(aws, arn, [str(one.group) for one in rule.forwards], kin, closed=closed)
        if why and not closed:
            aws.lately.turn(_led(rule))
            aws.elbv2.modify_rule(RuleArn=arn, Conditions=_conditions(replace(rule, paths=(), hosts=(CLOSED,))))
        return why

    def delete(self, aws: Aws, observed: Observed[ListenerRule]) -> None:
        if CLOSED not in observed.as_desired.hosts:
            aws.lately.turn(_led(observed.as_desired))
        aws.elbv2.delete_rule(RuleArn=observed.outputs["arn"])


def parse_rule(
    item: Mapping[str, Any],
    live: Mapping[str, str],
    asked: Balancing | None = None,
    differing: Mapping[str, Balancing] | None = None,
) -> Observed[ListenerRule]:
    """Canonical form (aws.md 9.4): ForwardConfig with weights, the ``*Config`` of conditions, values as sets.

    *differing* are those of its groups, by arn, that do not spread requests as it was *asked*.
    """
    others = differing or {}
    conditions = {one["Field"]: one for one in item.get("Conditions", [])}
    narrower = tuple(f"and {name}" for name in sorted(conditions.keys() - {"path-pattern", "host-header"}))
    as_desired = ListenerRule(
        item["ListenerArn"],
        int(item["Priority"]),
        (*_values(conditions.get("path-pattern"), "PathPatternConfig"), *narrower),
        _values(conditions.get("host-header"), "HostHeaderConfig"),
        parse_forwards(item.get("Actions", [])),
        next(iter(others.values()), asked or Balancing()),
        lasting_tags(live),
        tuple(sorted(others)),
    )
    return Observed(as_desired, {"arn": item["RuleArn"]}, live.get(OWNER_TAG))


def _alone(aws: Aws, cluster: str, observed: Observed[ListenerRule]) -> str:
    """Which rules shall be on its listener and cannot answer there yet: the one in its place answers elsewhere."""
    rules = rules_of(aws, str(observed.as_desired.listener), str(observed.owner))
    there = {rule.name: rule for rule in rules}
    for name, tasks, paths, hosts in json.loads(observed.outputs["coming"]):
        rule = there.get(name)
        if rule is None:
            return f"{name} is not there yet"
        if not (holds(rule.paths, paths) and holds(rule.hosts, hosts)):
            awaits = [name, name.replace("listener_rule/", "service/", 1)]
            raise NotYet(f"{name} does not match yet what it shall", awaits=awaits)
        if why := lacking(aws, cluster, rule.groups, int(tasks)):
            return f"{name} cannot answer yet: {why}"
    return ""


def _registered(aws: Aws, cluster: str, observed: Observed[ListenerRule]) -> str:
    """Which tasks are still registered in its groups, and behind another load balancer as well."""
    for group in _led(observed.as_desired):
        service = behind(aws, cluster, [group]).get(group)
        if service is not None and len(service["loadBalancers"]) > 1:
            return f"{service['serviceName']} registers its tasks behind both"
        if service is None and (waits := deploying(aws, cluster, str(observed.owner), observed.outputs["service"])):
            return waits
    return ""


def _led_by_codedeploy(
    rule: Observed[ListenerRule], pair: Sequence[str], service: str, reads: Reads
) -> Observed[ListenerRule]:
    """*rule* as it began (blue, green of *pair* at 100 and 0) where all it does is CodeDeploy's: a deployment is under
    way, or all requests go where the *service* serves. What it leads elsewhere differs (peers.md R15)."""
    weights = {str(one.group): one.weight for one in rule.as_desired.forwards}
    if len(pair) != len(COLOURS) or not weights or not weights.keys() <= {*pair}:
        return rule
    item = next((one for one in reads.services() if one["serviceName"] == service), None)
    serving = {one.get("targetGroupArn") for one in item.get("loadBalancers", [])} if item is not None else set()
    blue, green = pair
    if item is None or not serving & {*pair}:
        return rule
    first, second = (blue, green) if blue in serving else (green, blue)
    led = (weights.get(first, 0), weights.get(second, 0))
    calm = bool(led[0]) and not led[1]
    now = (100, 0) if calm or reads.deploy_under_way(service) is not None else led
    begun = (Forward(blue, now[0]), Forward(green, now[1]))
    return replace(rule, as_desired=replace(rule.as_desired, forwards=begun))


def _where_it_serves(aws: Aws, desired: ListenerRule) -> ListenerRule:
    """*desired* with all requests led to the group in which the service's tasks are: CodeDeploy may have moved them."""
    if not desired.shifted:
        return desired
    serving = {*groups_of(aws, str(desired.cluster), desired.shifted)}
    if not serving & {str(one.group) for one in desired.forwards}:
        return desired
    led = tuple(Forward(one.group, 100 if str(one.group) in serving else 0) for one in desired.forwards)
    return replace(desired, forwards=led)


def _at(
    item: Mapping[str, Any], live: Mapping[str, str], wanted: Mapping[Key, ListenerRule], reads: Reads
) -> Key | None:
    """The key of the wanted rule whose place one of nobody has."""
    if OWNER_TAG in live:
        return None
    ports = {one["ListenerArn"]: int(one["Port"]) for one in reads.listeners()}
    place = ports.get(item["ListenerArn"]), int(item["Priority"])
    return next((key for key, one in wanted.items() if (one.port, one.priority) == place), None)


def _balancing(service: Service) -> Balancing:
    sticky = service.stickiness
    return Balancing(
        service.algorithm,
        int(service.slow_start.total_seconds()),
        Stickiness(sticky.cookie or OWN_COOKIE, int(sticky.duration.total_seconds())) if sticky is not None else None,
    )


def _groups(service: str) -> tuple[Key, ...]:
    return tuple(Key("target_group", f"{service}-{colour}") for colour in COLOURS)


def _held(key: Key, desired: ListenerRule, holder: Key | str, *, there: bool) -> str:
    """Why a rule cannot have its place, which *holder* keeps: one that the spec has, too, or none."""
    what = "take that in as well" if there else f"take it out (apply --prune), or give {key.name} a later priority"
    stays = "stays where it is" if there else "the spec has no more and which stays"
    return f"{key}: priority {desired.priority} is that of {holder}, which {stays}: {what}"


def _made(rules: Iterable[Rule], key: Key) -> str:
    """The arn of the rule that an earlier try made, whose answer was lost; "" when there is none."""
    return next((rule.arn for rule in rules if rule.name == str(key)), "")


def _led(desired: ListenerRule) -> list[str]:
    return [str(one.group) for one in desired.forwards if one.weight]


def _weighed(actions: list[Any]) -> set[str]:
    return {str(one.group) for one in parse_forwards(actions) if one.weight}


def _place(aws: Aws, key: Key, desired: ListenerRule, rules: Sequence[Rule]) -> int:
    """Where it is born: not before a rule that answers the same requests now, as long as its own targets do not."""
    holder = next((rule for rule in rules if rule.priority == desired.priority), None)
    if holder is not None and holder.name:
        place = waiting_place(rules, desired.routes)
        if holder.name not in {*desired.routed, *desired.leaving} or not place:
            raise Refused(_held(key, desired, holder.name, there=holder.name in desired.routed), code="PriorityInUse")
        return place
    later = [rule for rule in rules if rule.priority > desired.priority]
    if later and answers(aws, later) and _lacks(aws, desired, _led(desired), desired.least):
        return waiting_place(rules, desired.routes) or desired.priority
    return desired.priority


def _lacks(aws: Aws, desired: ListenerRule, groups: Sequence[str], least: int) -> str:
    try:
        return lacking(aws, str(desired.cluster), groups, least)
    except Refused as refusal:
        return str(refusal)


def _conditions_now(
    arn: str, desired: ListenerRule, rules: Sequence[Rule], ready: Readiness
) -> tuple[ListenerRule, Waits]:
    """*desired* with the conditions it may have now, and what the others wait for."""
    if (own := desired.own) is None:
        return desired, Waits()
    wish = replace(own, paths=desired.paths, hosts=desired.hosts)
    now = conditions_now(arn, wish, desired.routes, rules, ready)
    whole = replace(desired, paths=tuple(sorted(now.paths)), hosts=tuple(sorted(now.hosts)))
    return whole, Waits(now.why, frozenset(now.waits))


def _create(aws: Aws, desired: ListenerRule, place: int) -> str:
    made = aws.elbv2.create_rule(
        ListenerArn=str(desired.listener),
        Priority=place,
        Conditions=_conditions(desired),
        Actions=_actions(desired.forwards, desired.balancing),
        Tags=tags.pascal(desired.tags),
    )["Rules"][0]
    return str(made["RuleArn"])


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


def _actions(forwards: tuple[Forward, ...], balancing: Balancing) -> list[Any]:
    """Sticky groups that take over from each other stand beside each other for a while, which AWS takes of a rule that
    keeps clients in their group: as shortly as there is."""
    groups = [{"TargetGroupArn": str(one.group), "Weight": one.weight} for one in forwards]
    beside = len(groups) > 1 and balancing.stickiness is not None
    stickiness = {"Enabled": True, "DurationSeconds": 1} if beside else {"Enabled": False}
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups, "TargetGroupStickinessConfig": stickiness}}]


KIND = ListenerRuleKind()
