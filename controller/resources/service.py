"""ECS services on capacity providers: those of pools, or Fargate's. Only what differs is sent: an equal parameter may
still deploy, and what the spec cannot say (registries, Service Connect) stays as others set it, or goes over to a
successor (`aws/attached.py`).

What happens to a deployment is judged elsewhere (`rollout/verdict.py`), by its identity; this kind starts it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from controller.aws import attached, tags
from controller.aws.forwarding import led_to, parse_forwards
from controller.aws.reads import keyed, label_of
from controller.aws.running import open_tasks
from controller.aws.task_sets import CONTROLLER, of_codedeploy
from controller.aws.tasks import groups_of, settled, settling
from controller.base.errors import Gone, NotYet, Refused, Stale, Underway
from controller.base.keys import HAS_PREFIX, NAME_TAG, OWNER_TAG, Key, Ref, Tags, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec import network
from controller.spec.names import CONTAINER, born_tags, live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Fargate, Stack
    from controller.spec.types import Service as Spec

SPREAD = (("spread", "attribute:ecs.availability-zone"), ("spread", "instanceId"))
ANEW = (
    "declare another service beside it, with a route of a later priority; when that serves, take this one out in a "
    "second apply"
)
NEWEST = "1.4.0"  # the platform version of Fargate that LATEST means; services read back with either


@dataclass(frozen=True, slots=True)
class Share:
    """One provider of the strategy: so many tasks first, then so large a share."""

    provider: str | Ref
    base: int
    weight: int


@dataclass(frozen=True, slots=True)
class First:
    """What a service begins with that CodeDeploy deploys, and moves from then on."""

    task_definition: str | Ref
    target_group: str | Ref
    port: int


@dataclass(frozen=True, slots=True)
class Service:
    """`target_group` "" when no load balancer serves it; percentages and `grace` (seconds) as in ECS.

    own_address   its tasks have interfaces of their own: `subnets`, `security_groups` and `public_ip` are theirs
    desired       None for a daemon, whose hosts ECS counts, and where scaling moves it; `birth` is then what it begins
                  with. Where others scale it, or a target of ours was left, what is there is no difference either
    """

    cluster: str | Ref = spec(immutable=True, names="cluster")
    scheduling: str = spec(immutable=True)  # REPLICA DAEMON
    own_address: bool = spec(immutable=True)  # no call takes a network configuration away again
    controller: str = spec(forever=f"ECS moves no service to CodeDeploy, and theseus none back; {ANEW}")
    task_definition: str | Ref | None = spec(risk="new_deployment")
    capacity: tuple[Share, ...] = spec(risk="new_deployment", unordered=True, names="capacity_provider")
    platform: str = spec(risk="new_deployment")  # "" on hosts
    subnets: tuple[str | Ref, ...] = spec(risk="new_deployment", unordered=True)
    security_groups: tuple[str | Ref, ...] = spec(risk="new_deployment", unordered=True)
    public_ip: bool = spec(risk="new_deployment")
    target_group: str | Ref | None = spec(risk="new_deployment")
    port: int | None = spec(risk="new_deployment")
    desired: int | None = spec()
    min_percent: int = spec()
    max_percent: int = spec()
    circuit_breaker: bool | None = spec()  # both its halves, stop and roll back; live None: only one of them
    alarms: tuple[str, ...] = spec()
    alarm_rollback: bool = spec()
    grace: int = spec()
    zone_rebalancing: str = spec()
    placement: tuple[tuple[str, str], ...] = spec()
    constraints: tuple[tuple[str, str], ...] = spec()
    execute_command: bool = spec(risk="new_deployment")
    propagate_tags: str = spec(risk="cosmetic")  # whose tags its tasks get: SERVICE TASK_DEFINITION NONE
    managed_tags: bool = spec(risk="cosmetic")  # those of ECS, too; both for tasks that start from then on (aws.md 4.3)
    after: tuple[str | Ref, ...] = spec(compare=False)  # a rule must use the target group, the cluster the provider
    name: str = spec(compare=False)
    tags: Tags = spec(subset=True, risk="cosmetic")
    birth: int = spec(compare=False, default=0)
    first: First | None = spec(compare=False, default=None)
    front: str = spec(compare=False, default="")  # the scheme of the load balancer that serves it
    beside: tuple[str, ...] = spec(compare=False, default=())  # groups behind one that it replaced, which stay
    listens: tuple[tuple[str, int], ...] = spec(compare=False, default=())  # (container, port) of its tasks
    attached: Tags = spec(compare=False, secret=True, default=())  # by others


class ServiceKind:
    kind = "service"
    goes_last = True
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, Service]]:
        for service in stack.services:
            key = Key(self.kind, service.name)
            yield key, self._service(stack, key, service)

    def _service(self, stack: Stack, key: Key, service: Spec) -> Service:
        routed = service.route is not None
        after = [Ref(Key("cluster_capacity_providers", "main"))]
        if routed:
            after.append(Ref(Key("listener_rule", service.name), "arn"))
        name = live_name(stack, key)
        fargate, alarms = service.fargate, service.deployment.alarms
        first = First(
            Ref(Key("task_definition", service.name), "arn"),
            Ref(Key("target_group", f"{service.name}-blue"), "arn") if routed else "",
            (service.port or 0) if routed else 0,
        )
        default, asked = SPREAD if fargate is None and not service.daemon else (), service.placement.strategies
        return Service(
            cluster=Ref(Key("cluster", "main"), "name"),
            scheduling="DAEMON" if service.daemon else "REPLICA",
            own_address=service.own_address,
            controller=CONTROLLER if service.by_codedeploy else "ECS",
            task_definition=None if service.by_codedeploy else first.task_definition,
            capacity=tuple(
                Share(
                    one.provider if fargate is not None else Ref(Key("capacity_provider", one.provider), "name"),
                    one.base,
                    one.weight,
                )
                for one in service.shares
            ),
            platform="" if fargate is None else _platform(fargate.platform),
            subnets=_subnets(stack, fargate) if service.own_address else (),
            security_groups=(Ref(Key("security_group", f"tasks-{service.name}")),) if service.own_address else (),
            public_ip=fargate is not None and fargate.addressed,
            target_group=None if service.by_codedeploy else first.target_group,
            port=None if service.by_codedeploy else first.port,
            desired=None if service.daemon or service.scaling is not None else service.desired,
            min_percent=service.deployment.min_percent,
            max_percent=service.deployment.max_percent,
            circuit_breaker=service.deployment.circuit_breaker,
            alarms=() if service.by_codedeploy else alarms.names,  # those are then the deployment group's
            alarm_rollback=not service.by_codedeploy and bool(alarms.names) and alarms.rollback,
            grace=int(service.health.grace.total_seconds()) if routed else 0,
            zone_rebalancing="DISABLED",  # it would move tasks behind a roll's back (DESIGN.md 5, rule 9)
            placement=default if asked is None else tuple(_strategy(*one) for one in asked),
            constraints=service.placement.constraints,
            execute_command=service.execute_command,
            propagate_tags="SERVICE",  # bills tell costs apart by the tags of tasks
            managed_tags=True,
            after=tuple(after),
            name=name,
            tags=tuple(sorted((*born_tags(stack, key), *_has(service)))),
            birth=service.desired,
            first=first if service.by_codedeploy else None,
            front=stack.load_balancer.scheme if stack.load_balancer is not None else "",
            listens=tuple(
                (name, port)
                for name, port in ((CONTAINER, service.port), *((one.name, one.port) for one in service.sidecars))
                if port is not None
            ),
        )

    def observe(self, reads: Reads, wanted: Mapping[Key, Service], owner: str) -> Mapping[Key, Observed[Service]]:
        named = ((item["serviceName"], tags.read(item.get("tags")), item) for item in reads.services())
        items, found = keyed(self.kind, wanted, named), {}
        counts = ((wanted[key].desired, item["desiredCount"]) for key, item in items.items() if key in wanted)
        differs = any(said not in {None, live} for said, live in counts)
        theirs = {one["ResourceId"] for one in reads.scalable_targets()} if differs else set()
        for key, item in items.items():
            if item["status"] == "INACTIVE" and not any(_open(task, item["serviceName"]) for task in reads.tasks()):
                continue  # INACTIVE alone does not mean its tasks have stopped (aws.md 5.3)
            one = parse_service(item, _elsewhere(item, wanted.get(key), reads))
            if key in wanted and (wanted[key].desired is None or _scaled(item) in theirs):
                # somebody else moves it: what it is now says nothing about the service
                notes = _stays(one, wanted[key].desired)
                one = replace(one, as_desired=replace(one.as_desired, desired=wanted[key].desired), notes=notes)
            more = _led(item, owner, reads)
            if key not in wanted:
                more["heirs"] = " ".join(map(str, sorted(wanted)))
            found[key] = replace(one, outputs={**one.outputs, **more})
        return found

    def create(self, aws: Aws, key: Key, desired: Service) -> Mapping[str, str]:
        begins = _begins(desired)
        token = f"{desired.cluster}/{desired.name}/{begins.task_definition}"
        request: dict[str, Any] = {
            "cluster": str(desired.cluster),
            "serviceName": desired.name,
            "taskDefinition": str(begins.task_definition),
            "deploymentController": {"type": desired.controller},
            "capacityProviderStrategy": _shares(desired),
            "deploymentConfiguration": _deployment(desired),
            "availabilityZoneRebalancing": desired.zone_rebalancing,
            "placementStrategy": _placement(desired.placement, "field"),
            "placementConstraints": _placement(desired.constraints, "expression"),
            "schedulingStrategy": desired.scheduling,
            "enableECSManagedTags": desired.managed_tags,
            "enableExecuteCommand": desired.execute_command,
            "propagateTags": desired.propagate_tags,
            "clientToken": hashlib.sha256(token.encode()).hexdigest()[:36],
            "tags": tags.camel(desired.tags),
            **attached.request(desired.attached),
        }
        if desired.scheduling == "REPLICA":
            request["desiredCount"] = desired.birth if desired.desired is None else desired.desired
        if desired.platform:
            request["platformVersion"] = desired.platform
        if desired.own_address:
            request["networkConfiguration"] = _interfaces(desired)
        if begins.target_group:
            request |= {"loadBalancers": _balancers(begins), "healthCheckGracePeriodSeconds": desired.grace}
        try:
            return _outputs(aws.ecs.create_service(**request)["service"])
        except Refused as refusal:  # ECS says both in words only (aws.md 5.2)
            if "still Draining" in str(refusal):
                raise NotYet(f"service {desired.name}: the last one of that name is still draining") from refusal
            if "not idempotent" in str(refusal):
                raise Stale(str(refusal)) from refusal
            raise

    def update(
        self, aws: Aws, observed: Observed[Service], desired: Service, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        fields = {change.field for change in changes}
        if "target_group" in fields and not desired.target_group:
            _let_go(aws, desired)
        beside = observed.as_desired.beside
        request = {name: value for names, name, value in _settings(desired, beside) if fields & names}
        if (
            fields & {"capacity", "execute_command"} and desired.controller != CONTROLLER
        ):  # neither starts a deployment by itself (aws.md 4.3)
            request["forceNewDeployment"] = True
        if request:
            aws.ecs.update_service(cluster=str(desired.cluster), service=desired.name, **request)
        if "tags" in fields:
            aws.ecs.tag_resource(resourceArn=observed.outputs["arn"], tags=tags.camel(desired.tags))
        return {}

    def refuses(self, desired: Service, changes: tuple[Change, ...], observed: Observed[Service]) -> str:
        both = observed.as_desired.beside and observed.as_desired.target_group
        if both and any(change.replaces for change in changes):
            return (
                "another service would have to take its place behind two load balancers: first let the old one go "
                "(apply --prune), or leave the scheme as it is"
            )
        fields = sorted({change.field for change in changes} & NEEDS_DEPLOYMENT)
        if desired.controller == CONTROLLER and fields:
            return f"{', '.join(fields)}: of a service that CodeDeploy deploys ECS changes no such thing; {ANEW}"
        others = observed.as_desired.attached if any(change.replaces for change in changes) else ()
        held = attached.held(others, desired.listens, addressed=desired.own_address)
        fixed = ", ".join(change.field for change in changes if change.replaces)
        return f"{held}, or leave {fixed} as it is" if held else ""

    def joint(
        self,
        wanted: Mapping[Key, tuple[Service, Observed[Any] | None]],
        going: Mapping[Key, str | None],
        observed: Mapping[Key, Observed[Any]],
    ) -> tuple[Mapping[Key, Service], list[str]]:
        """None gives up its targets, or goes, while a rule that stays leads requests to them."""
        rules = {key: one for key, one in observed.items() if key.kind == "listener_rule" and key not in going}
        bare = {key: have for key, (one, have) in wanted.items() if have is not None and one.target_group == ""}
        gone = {key: observed[key] for key, heir in going.items() if key.kind == self.kind and heir == ""}
        problems = []
        for key, have in {**bare, **gone}.items():
            groups = {*have.outputs["groups"].split()}
            led = [
                str(rule) for rule, live in rules.items() if groups & {str(to.group) for to in live.as_desired.forwards}
            ]
            what = f"{key}: it {'has no route any more' if key in bare else 'goes'}, and"
            if led:
                problems.append(
                    f"{what} {', '.join(led)} stays and would lead to nobody: take that out in the same command "
                    "(apply --prune)"
                )
            if strange := have.outputs["strange"]:
                problems.append(f"{what} a rule that others made leads to it: delete that first ({strange})")
        return {}, problems

    def inherit(self, aws: Aws, desired: Service, observed: Observed[Service]) -> Service:
        """As many tasks as scaling has made of them by now, and what others attached."""
        desired = replace(desired, attached=observed.as_desired.attached)
        if desired.desired is not None or desired.scheduling == "DAEMON":
            return desired
        live = observed.as_desired
        found = aws.ecs.describe_services(cluster=str(live.cluster), services=[live.name])["services"]
        return replace(desired, birth=max([desired.birth, *(one["desiredCount"] for one in found)]))

    def still_serves(self, aws: Aws, observed: Observed[Service], heir: str) -> str:
        """Its successor runs what it shall, and no rule leads to its own target groups any more. One that the spec has
        no more serves until the others have settled: it may have got another name."""
        cluster, live = str(observed.as_desired.cluster), observed.as_desired
        heirs = observed.outputs.get("heirs", "").split()
        if not heir:
            settled(aws, cluster, str(observed.owner), heirs, live.name)
        elif waits := settling(aws, cluster, heir):
            return waits
        shared = set(groups_of(aws, cluster, heir)) if heir else set()  # it serves there beside this one
        groups = set(groups_of(aws, cluster, live.name)) - shared
        if led := led_to(aws, groups):
            return f"{led[0].rsplit('/', 2)[-2]} still gets requests"
        return "some node of the load balancer may still send it requests" if aws.lately.turning(groups) else ""

    def delete(self, aws: Aws, observed: Observed[Service]) -> None:
        """Delete it and wait until its tasks have stopped: until then they answer requests and hold target groups."""
        cluster, name = str(observed.as_desired.cluster), observed.as_desired.name
        try:
            if not observed.gone:
                aws.ecs.delete_service(cluster=cluster, service=name, force=True)
        except Gone:
            pass
        if left := sum(_open(task, name) for task in open_tasks(aws, cluster)):
            raise NotYet(f"service {name}: {left} tasks are stopping")


def _led(item: Mapping[str, Any], owner: str, reads: Reads) -> dict[str, str]:
    """The target groups that a service registers its tasks in, and the rules of others that send requests there."""
    parts = (item, *item.get("taskSets", ()))
    groups = {to["targetGroupArn"] for one in parts for to in one.get("loadBalancers", ()) if to.get("targetGroupArn")}
    strange = [
        rule["RuleArn"]
        for rule in (reads.rules() if groups else ())
        if not rule["IsDefault"]
        and reads.elb_tags().get(rule["RuleArn"], {}).get(OWNER_TAG) != owner
        and groups & {str(to.group) for to in parse_forwards(rule["Actions"]) if to.weight}
    ]
    return {"groups": " ".join(sorted(groups)), "strange": ", ".join(sorted(strange))}


def _let_go(aws: Aws, desired: Service) -> None:
    """Raises Underway while its rule stands, or some node of the load balancer may not know that it is gone."""
    groups = set(groups_of(aws, str(desired.cluster), desired.name))
    if led_to(aws, groups) or aws.lately.turning(groups):
        rule = dict(desired.tags)[NAME_TAG].replace("service/", "listener_rule/", 1)
        raise Underway(f"it keeps its targets until no rule leads to them: {rule} goes first", awaits=[rule])


def _elsewhere(item: Mapping[str, Any], wish: Service | None, reads: Reads) -> tuple[str, ...]:
    """The groups it registers its tasks in behind a load balancer of another scheme: clients may still ask that one."""
    mine = [one["targetGroupArn"] for one in item.get("loadBalancers", []) if one.get("targetGroupArn")]
    if wish is None or wish.target_group is None or not mine:
        return ()
    fronts = {group["TargetGroupArn"]: reads.balancer_of(group) for group in reads.target_groups()}
    others = {arn: front for arn in mine if (front := fronts.get(arn)) is not None and front["Scheme"] != wish.front}
    there = len(others) < len(mine)  # it serves behind the wanted one, too
    return tuple(
        sorted(
            arn
            for arn, front in others.items()
            if not (there and reads.parting) or reads.requests(label_of(front["LoadBalancerArn"]))
        )
    )


def parse_service(item: Mapping[str, Any], beside: tuple[str, ...] = ()) -> Observed[Service]:
    live = tags.read(item.get("tags"))
    config = item.get("deploymentConfiguration", {})
    breaker, alarms = config.get("deploymentCircuitBreaker", {}), config.get("alarms", {})
    breaks = (bool(breaker.get("enable")), bool(breaker.get("rollback")))
    watched = tuple(sorted(alarms.get("alarmNames", []))) if alarms.get("enable") else ()
    balancers = item.get("loadBalancers", [])
    groups = [one.get("targetGroupArn", "") for one in balancers]
    placed = item.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
    daemon = item.get("schedulingStrategy") == "DAEMON"
    shifted = of_codedeploy(item)  # from one task set to the next: that is `codedeploy_deployment`'s
    capacity = _capacity(item)
    serverless = any(str(one.provider).startswith("FARGATE") for one in capacity)
    as_desired = Service(
        cluster=item["clusterArn"].rsplit("/", 1)[-1],
        scheduling=item.get("schedulingStrategy", "REPLICA"),
        own_address=bool(placed),
        controller=item.get("deploymentController", {}).get("type", "ECS"),
        task_definition=None if shifted else item["taskDefinition"],
        capacity=capacity,
        platform=_platform(item.get("platformVersion", "LATEST")) if serverless else "",
        subnets=tuple(sorted(placed.get("subnets", []))),
        security_groups=tuple(sorted(placed.get("securityGroups", []))),
        public_ip=placed.get("assignPublicIp") == "ENABLED",
        target_group=None if shifted else ",".join(one for one in groups if one not in beside),
        port=None if shifted else int(balancers[0].get("containerPort", 0)) if balancers else 0,
        desired=None if daemon else int(item["desiredCount"]),
        min_percent=int(config.get("minimumHealthyPercent", 0 if daemon else 100)),
        max_percent=int(config.get("maximumPercent", 100 if daemon else 200)),
        circuit_breaker=breaks[0] if breaks[0] == breaks[1] else None,
        alarms=watched,
        alarm_rollback=bool(watched) and bool(alarms.get("rollback")),
        grace=int(item.get("healthCheckGracePeriodSeconds", 0)) if balancers else 0,
        zone_rebalancing=item.get("availabilityZoneRebalancing", "DISABLED"),
        placement=tuple(_strategy(one["type"], one.get("field", "")) for one in item.get("placementStrategy", [])),
        constraints=tuple(
            sorted((one["type"], one.get("expression", "")) for one in item.get("placementConstraints", []))
        ),
        execute_command=bool(item.get("enableExecuteCommand")),
        propagate_tags=item.get("propagateTags", "NONE"),
        managed_tags=bool(item.get("enableECSManagedTags")),
        after=(),
        name=item["serviceName"],
        tags=lasting_tags(live),
        beside=beside,
        attached=attached.attached_in(item),
    )
    return Observed(as_desired, _outputs(item), live.get(OWNER_TAG), gone=item["status"] != "ACTIVE")


def _capacity(item: Mapping[str, Any]) -> tuple[Share, ...]:
    """The strategy; a launch type, which others chose, is a provider of that name without a weight."""
    strategy = item.get("capacityProviderStrategy", [])
    shares = tuple(Share(one["capacityProvider"], one.get("base", 0), one.get("weight", 0)) for one in strategy)
    return shares or ((Share(item["launchType"], 0, 0),) if item.get("launchType") else ())


def _scaled(item: Mapping[str, Any]) -> str:
    """What Application Auto Scaling calls it."""
    return str("service/" + item["serviceArn"].split(":service/")[-1])


def _stays(have: Observed[Service], desired: int | None) -> tuple[str, ...]:
    """Told where a target of ours, of which the spec has no more, keeps a count from becoming what the spec says."""
    live, left = have.as_desired.desired, dict(have.as_desired.tags).get(f"{HAS_PREFIX}scalable_target")
    if desired is None or live == desired or not left:
        return ()
    return (f"its count stays {live}: what an earlier spec scaled it by is there until apply --prune",)


def _open(task: Mapping[str, Any], service: str) -> bool:
    return bool(task.get("group") == f"service:{service}" and task["lastStatus"] != "STOPPED")


def _settings(desired: Service, beside: Iterable[str] = ()) -> tuple[tuple[set[str], str, Any], ...]:
    """(fields, parameter of UpdateService, its value): what is sent when one of the fields changed."""
    begins = _begins(desired)
    balancers = _balancers(begins, beside) if begins.target_group else []
    found: list[tuple[set[str], str, Any]] = [
        ({"task_definition"}, "taskDefinition", str(desired.task_definition)),
        ({"desired"}, "desiredCount", desired.desired),
        ({"capacity"}, "capacityProviderStrategy", _shares(desired)),
        ({"target_group", "port"}, "loadBalancers", balancers),
        (DEPLOYMENT, "deploymentConfiguration", _deployment(desired)),
        ({"zone_rebalancing"}, "availabilityZoneRebalancing", desired.zone_rebalancing),
        ({"placement"}, "placementStrategy", _placement(desired.placement, "field")),
        ({"constraints"}, "placementConstraints", _placement(desired.constraints, "expression")),
        ({"execute_command"}, "enableExecuteCommand", desired.execute_command),
        ({"propagate_tags"}, "propagateTags", desired.propagate_tags),
        ({"managed_tags"}, "enableECSManagedTags", desired.managed_tags),
    ]
    if desired.platform:
        found.append(({"platform"}, "platformVersion", desired.platform))
    if desired.own_address:
        found.append(({"subnets", "security_groups", "public_ip"}, "networkConfiguration", _interfaces(desired)))
    if balancers:  # AWS knows no grace without a load balancer
        found.append(({"grace"}, "healthCheckGracePeriodSeconds", desired.grace))
    return tuple(found)


def _shares(desired: Service) -> list[Any]:
    return [{"capacityProvider": str(one.provider), "weight": one.weight, "base": one.base} for one in desired.capacity]


NEEDS_DEPLOYMENT = {  # of CodeDeploy (aws.md 4.3); the first two another service, behind the same two target groups
    "own_address", "scheduling", "capacity", "platform", "subnets", "security_groups", "public_ip"
}  # fmt: skip
DEPLOYMENT = {"min_percent", "max_percent", "circuit_breaker", "alarms", "alarm_rollback"}


def _deployment(desired: Service) -> Any:
    breaker = {"enable": desired.circuit_breaker, "rollback": desired.circuit_breaker}
    watched = bool(desired.alarms)
    if desired.controller == CONTROLLER:  # which knows neither breaker nor alarms of ECS
        return {"minimumHealthyPercent": desired.min_percent, "maximumPercent": desired.max_percent}
    return {
        "minimumHealthyPercent": desired.min_percent,
        "maximumPercent": desired.max_percent,
        # None: only one of its halves is on, and that is left so (`drift:`)
        **({} if desired.circuit_breaker is None else {"deploymentCircuitBreaker": breaker}),
        "alarms": {"alarmNames": list(desired.alarms), "enable": watched, "rollback": desired.alarm_rollback},
    }


def _placement(parts: tuple[tuple[str, str], ...], what: str) -> list[Any]:
    return [{"type": kind, **({what: text} if text else {})} for kind, text in parts]


def _strategy(kind: str, field: str) -> tuple[str, str]:
    """ECS takes and shows more than one spelling: host is instanceId, CPU is cpu."""
    return kind, "instanceId" if field == "host" else field.lower() if kind == "binpack" else field


def _interfaces(desired: Service) -> Any:
    return {
        "awsvpcConfiguration": {
            "subnets": [str(one) for one in desired.subnets],
            "securityGroups": [str(one) for one in desired.security_groups],
            "assignPublicIp": "ENABLED" if desired.public_ip else "DISABLED",
        }
    }


def _subnets(stack: Stack, fargate: Fargate | None) -> tuple[Ref, ...]:
    """Where tasks with addresses of their own get them: on hosts, where those live."""
    if fargate is None:
        return network.host_subnets(stack)
    return network.private_subnets(stack) if fargate.subnets == "private" else network.public_subnets(stack)


def _platform(version: str) -> str:
    return "LATEST" if version == NEWEST else version


def _has(service: Spec) -> Tags:
    """What the service is marked to have: a scalable target shows no tags, and may be somebody else's."""
    return ((f"{HAS_PREFIX}scalable_target", "yes"),) if service.scaling is not None else ()


def _begins(desired: Service) -> First:
    """What it begins with; all through its life, where ECS deploys it."""
    if desired.task_definition is None or desired.target_group is None or desired.port is None:
        return desired.first or First("", "", 0)  # nothing, of one that is only tagged (adopt)
    return First(desired.task_definition, desired.target_group, desired.port)


def _balancers(begins: First, beside: Iterable[str] = ()) -> list[Any]:
    return [
        {"targetGroupArn": group, "containerName": CONTAINER, "containerPort": begins.port}
        for group in (str(begins.target_group), *beside)
    ]


def _outputs(item: Mapping[str, Any]) -> dict[str, str]:
    return {"name": item["serviceName"], "arn": item["serviceArn"]}


KIND = ServiceKind()
