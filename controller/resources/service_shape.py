"""What an ECS service is: as it is wanted, as DescribeServices tells it, as CreateService and UpdateService take it. No
calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from controller.aws import attached, tags
from controller.aws.task_sets import CONTROLLER, of_codedeploy
from controller.base.keys import OWNER_TAG, Ref, Tags, lasting_tags
from controller.engine.reconciler import Observed, spec
from controller.spec.names import CONTAINER

ANEW = (
    "declare another service beside it, with a route of a later priority; when that serves, take this one out in a "
    "second apply"
)
NEWEST = "1.4.0"  # the platform version of Fargate that LATEST means; services read back with either
NEEDS_DEPLOYMENT = {  # of CodeDeploy (aws.md 4.3); the first two another service, behind the same two target groups
    "own_address", "scheduling", "capacity", "platform", "subnets", "security_groups", "public_ip"
}  # fmt: skip
DEPLOYMENT = {"min_percent", "max_percent", "circuit_breaker", "alarms", "alarm_rollback"}


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
        platform=platform_of(item.get("platformVersion", "LATEST")) if serverless else "",
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
        placement=tuple(strategy_of(one["type"], one.get("field", "")) for one in item.get("placementStrategy", [])),
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
    return Observed(as_desired, outputs_of(item), live.get(OWNER_TAG), gone=item["status"] != "ACTIVE")


def _capacity(item: Mapping[str, Any]) -> tuple[Share, ...]:
    """The strategy; a launch type, which others chose, is a provider of that name without a weight."""
    strategy = item.get("capacityProviderStrategy", [])
    shares = tuple(Share(one["capacityProvider"], one.get("base", 0), one.get("weight", 0)) for one in strategy)
    return shares or ((Share(item["launchType"], 0, 0),) if item.get("launchType") else ())


def settings_of(desired: Service, beside: Iterable[str] = ()) -> tuple[tuple[set[str], str, Any], ...]:
    """(fields, parameter of UpdateService, its value): what is sent when one of the fields changed."""
    begins = begins_with(desired)
    balancers = balancers_of(begins, beside) if begins.target_group else []
    found: list[tuple[set[str], str, Any]] = [
        ({"task_definition"}, "taskDefinition", str(desired.task_definition)),
        ({"desired"}, "desiredCount", desired.desired),
        ({"capacity"}, "capacityProviderStrategy", shares_of(desired)),
        ({"target_group", "port"}, "loadBalancers", balancers),
        (DEPLOYMENT, "deploymentConfiguration", deployment_of(desired)),
        ({"zone_rebalancing"}, "availabilityZoneRebalancing", desired.zone_rebalancing),
        ({"placement"}, "placementStrategy", placement_of(desired.placement, "field")),
        ({"constraints"}, "placementConstraints", placement_of(desired.constraints, "expression")),
        ({"execute_command"}, "enableExecuteCommand", desired.execute_command),
        ({"propagate_tags"}, "propagateTags", desired.propagate_tags),
        ({"managed_tags"}, "enableECSManagedTags", desired.managed_tags),
    ]
    if desired.platform:
        found.append(({"platform"}, "platformVersion", desired.platform))
    if desired.own_address:
        found.append(({"subnets", "security_groups", "public_ip"}, "networkConfiguration", interfaces_of(desired)))
    if balancers:  # AWS knows no grace without a load balancer
        found.append(({"grace"}, "healthCheckGracePeriodSeconds", desired.grace))
    return tuple(found)


def shares_of(desired: Service) -> list[Any]:
    return [{"capacityProvider": str(one.provider), "weight": one.weight, "base": one.base} for one in desired.capacity]


def deployment_of(desired: Service) -> Any:
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


def placement_of(parts: tuple[tuple[str, str], ...], what: str) -> list[Any]:
    return [{"type": kind, **({what: text} if text else {})} for kind, text in parts]


def strategy_of(kind: str, field: str) -> tuple[str, str]:
    """ECS takes and shows more than one spelling: host is instanceId, CPU is cpu."""
    return kind, "instanceId" if field == "host" else field.lower() if kind == "binpack" else field


def interfaces_of(desired: Service) -> Any:
    return {
        "awsvpcConfiguration": {
            "subnets": [str(one) for one in desired.subnets],
            "securityGroups": [str(one) for one in desired.security_groups],
            "assignPublicIp": "ENABLED" if desired.public_ip else "DISABLED",
        }
    }


def platform_of(version: str) -> str:
    return "LATEST" if version == NEWEST else version


def begins_with(desired: Service) -> First:
    """What it begins with; all through its life, where ECS deploys it."""
    if desired.task_definition is None or desired.target_group is None or desired.port is None:
        return desired.first or First("", "", 0)  # nothing, of one that is only tagged (adopt)
    return First(desired.task_definition, desired.target_group, desired.port)


def balancers_of(begins: First, beside: Iterable[str] = ()) -> list[Any]:
    return [
        {"targetGroupArn": group, "containerName": CONTAINER, "containerPort": begins.port}
        for group in (str(begins.target_group), *beside)
    ]


def outputs_of(item: Mapping[str, Any]) -> dict[str, str]:
    return {"name": item["serviceName"], "arn": item["serviceArn"]}
