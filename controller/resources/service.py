"""ECS services on capacity providers: those of pools, or Fargate's. Only what differs is sent: an equal parameter may
still deploy, and what the spec cannot say (registries, Service Connect) stays as others set it, or goes over to a
successor (`aws/attached.py`).

What happens to a deployment is judged elsewhere (`rollout/verdict.py`), by its identity; this kind starts it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from controller.aws import attached, tags
from controller.aws.forwarding import led_to, parse_forwards
from controller.aws.reads import keyed, label_of
from controller.aws.running import open_tasks
from controller.aws.task_sets import CONTROLLER
from controller.aws.tasks import groups_of, settled, settling
from controller.base.errors import Gone, NotYet, Refused, Stale, Underway
from controller.base.keys import HAS_PREFIX, NAME_TAG, OWNER_TAG, Key, Ref, Tags
from controller.engine.reconciler import Change, Observed
from controller.resources.service_shape import (
    ANEW,
    NEEDS_DEPLOYMENT,
    First,
    Service,
    Share,
    balancers_of,
    begins_with,
    deployment_of,
    interfaces_of,
    outputs_of,
    parse_service,
    placement_of,
    platform_of,
    settings_of,
    shares_of,
    strategy_of,
)
from controller.spec import network
from controller.spec.names import CONTAINER, born_tags, live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Fargate, Stack
    from controller.spec.types import Service as Spec

SCALED = (
    "others scale it, and what they registered does not go over to the service that takes its place: let them "
    "deregister that (aws application-autoscaling deregister-scalable-target), or write `scaling`"
)
SPREAD = (("spread", "attribute:ecs.availability-zone"), ("spread", "instanceId"))


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
            platform="" if fargate is None else platform_of(fargate.platform),
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
            placement=default if asked is None else tuple(strategy_of(*one) for one in asked),
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
            more = _led(item, owner, reads) if key not in wanted or wanted[key].target_group == "" else {}
            if _scaled(item) in theirs and f"{HAS_PREFIX}scalable_target" not in dict(one.as_desired.tags):
                more["scaled"] = "by others"
            if key not in wanted:
                more["heirs"] = " ".join(map(str, sorted(wanted)))
            found[key] = replace(one, outputs={**one.outputs, **more})
        return found

    def create(self, aws: Aws, key: Key, desired: Service) -> Mapping[str, str]:
        begins = begins_with(desired)
        token = f"{desired.cluster}/{desired.name}/{begins.task_definition}"
        request: dict[str, Any] = {
            "cluster": str(desired.cluster),
            "serviceName": desired.name,
            "taskDefinition": str(begins.task_definition),
            "deploymentController": {"type": desired.controller},
            "capacityProviderStrategy": shares_of(desired),
            "deploymentConfiguration": deployment_of(desired),
            "availabilityZoneRebalancing": desired.zone_rebalancing,
            "placementStrategy": placement_of(desired.placement, "field"),
            "placementConstraints": placement_of(desired.constraints, "expression"),
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
            request["networkConfiguration"] = interfaces_of(desired)
        if begins.target_group:
            request |= {"loadBalancers": balancers_of(begins), "healthCheckGracePeriodSeconds": desired.grace}
        try:
            return outputs_of(aws.ecs.create_service(**request)["service"])
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
        request = {name: value for names, name, value in settings_of(desired, beside) if fields & names}
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
        fixed = ", ".join(change.field for change in changes if change.replaces)
        others = observed.as_desired.attached if fixed else ()
        held = attached.held(others, desired.listens, addressed=desired.own_address)
        if fixed and observed.outputs.get("scaled"):
            held = held or SCALED
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
            led = [str(rule) for rule, at in rules.items() if groups & {str(to.group) for to in at.as_desired.forwards}]
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


def _subnets(stack: Stack, fargate: Fargate | None) -> tuple[Ref, ...]:
    """Where tasks with addresses of their own get them: on hosts, where those live."""
    if fargate is None:
        return network.host_subnets(stack)
    return network.private_subnets(stack) if fargate.subnets == "private" else network.public_subnets(stack)


def _has(service: Spec) -> Tags:
    """What the service is marked to have: a scalable target shows no tags, and may be somebody else's."""
    return ((f"{HAS_PREFIX}scalable_target", "yes"),) if service.scaling is not None else ()


KIND = ServiceKind()
