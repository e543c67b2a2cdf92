"""Two target groups per routed service, blue and green; ECS registers what is in them: hosts by port, or the addresses
of tasks that have their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.attributes import put_back, set_by_others
from controller.aws.reads import keyed
from controller.aws.tasks import behind, deploying
from controller.base.keys import OWNER_TAG, Key, Ref, Tags, lasting_tags
from controller.base.words import plural
from controller.engine.reconciler import Change, Observed, born_as, spec
from controller.spec.names import COLOURS, born_tags, live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Service, Stack

DELAY = "deregistration_delay.timeout_seconds"
HEALTHY = "minimum_healthy_targets"
USUAL: Mapping[str, str] = {  # what one has that was given none of it (aws.md 2.3); what chooses a target is the rule's
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    f"target_group_health.dns_failover.{HEALTHY}.count": "1",
    f"target_group_health.dns_failover.{HEALTHY}.percentage": "off",
    f"target_group_health.unhealthy_state_routing.{HEALTHY}.count": "1",
    f"target_group_health.unhealthy_state_routing.{HEALTHY}.percentage": "off",
}


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Seconds; `matcher` as elbv2 writes it (``200``, ``200,202``, ``200-399``); `port` and `protocol` are those that
    follow the target itself."""

    path: str
    interval: int
    timeout: int
    healthy: int
    unhealthy: int
    matcher: str
    port: str = "traffic-port"
    protocol: str = "HTTP"


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """`others`: the attributes that somebody else set, ``load_balancing.cross_zone.enabled=false``; none is ours."""

    vpc: str | Ref = spec(immutable=True)
    port: int = spec(compare=False)  # AWS asks for one at birth; ECS registers every target with a port of its own
    protocol: str = spec(immutable=True)
    target_type: str = spec(immutable=True)
    scheme: str | Ref = spec(immutable=True)  # of the load balancer it is behind: it can be behind one only
    health: HealthCheck = spec()
    deregistration_delay: int = spec()
    name: str = spec(compare=False)
    tags: Tags = spec(subset=True, risk="cosmetic")
    front: str = spec(compare=False, default="")  # `scheme`, as the spec says it
    others: tuple[str, ...] = spec(default=())


class TargetGroupKind:
    kind = "target_group"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, TargetGroup]]:
        for service in stack.services:
            if service.route is None or service.port is None:
                continue
            for colour in COLOURS:
                key = Key(self.kind, f"{service.name}-{colour}")
                yield key, self._group(stack, key, service, service.port)

    def _group(self, stack: Stack, key: Key, service: Service, port: int) -> TargetGroup:
        name = live_name(stack, key)
        check = service.health
        health = HealthCheck(
            check.path,
            int(check.interval.total_seconds()),
            int(check.timeout.total_seconds()),
            check.healthy,
            check.unhealthy,
            check.matcher,
        )
        delay = int(service.deregistration_delay.total_seconds())
        born = born_tags(stack, key)
        targets = "ip" if service.own_address else "instance"  # aws.md 4.3
        scheme, front = Ref(Key("load_balancer", "main"), "scheme"), stack.load_balancer
        shown = front.scheme if front is not None else ""
        return TargetGroup(Ref(Key("vpc", "main")), port, "HTTP", targets, scheme, health, delay, name, born, shown)

    def observe(
        self, reads: Reads, wanted: Mapping[Key, TargetGroup], owner: str
    ) -> Mapping[Key, Observed[TargetGroup]]:
        born = reads.tagged()
        named = ((i["TargetGroupName"], born.get(i["TargetGroupArn"], {}), i) for i in reads.target_groups())
        present = keyed(self.kind, wanted, named)
        arns = [item["TargetGroupArn"] for item in present.values()]
        reads.spread([partial(reads.target_group_attributes, arn) for arn in arns])  # side by side, then from memory
        fronts = {key: reads.balancer_of(item) for key, item in present.items()}
        schemes = {key: str(front["Scheme"]) if front is not None else "" for key, front in fronts.items()}
        found = {}
        for key, item in present.items():
            wish = wanted.get(own := born_as(key))
            front = wish.front if wish is not None else ""
            there = any(scheme == front for other, scheme in schemes.items() if born_as(other) == own)
            one = parse_group(
                item,
                reads.target_group_attributes(item["TargetGroupArn"]),
                reads.elb_tags().get(item["TargetGroupArn"], {}),
                schemes[key] or ("" if there else front),  # behind none: behind any, where another is not already
            )
            beside = [
                str(present[other]["TargetGroupArn"])
                for other, scheme in sorted(schemes.items())
                if born_as(other) == own and other != key and scheme and scheme != front and schemes[key] != scheme
            ]
            more = {"cluster": reads.cluster() or "", "key": str(own), "beside": " ".join(beside)}
            found[key] = replace(one, outputs={**one.outputs, **more})
        return found

    def create(self, aws: Aws, key: Key, desired: TargetGroup) -> Mapping[str, str]:
        made = aws.elbv2.create_target_group(  # repeated with the same settings it returns the same one (aws.md 5.2)
            Name=desired.name,
            Protocol=desired.protocol,  # type: ignore[arg-type]
            Port=desired.port,
            VpcId=str(desired.vpc),
            TargetType=desired.target_type,  # type: ignore[arg-type]
            Tags=tags.pascal(desired.tags),
            **_health(desired.health),
        )["TargetGroups"][0]
        _set_delay(aws, made["TargetGroupArn"], desired)
        return _outputs(made)

    def update(
        self, aws: Aws, observed: Observed[TargetGroup], desired: TargetGroup, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        arn = observed.outputs["arn"]
        beside = observed.outputs.get("beside", "").split()  # the same tasks are registered there, and judged
        for change in changes:
            match change.field:
                case "health":
                    for group in (arn, *beside):
                        aws.elbv2.modify_target_group(TargetGroupArn=group, **_health(desired.health))
                case "deregistration_delay":
                    for group in (arn, *beside):
                        _set_delay(aws, group, desired)
                case "others":
                    back: Any = put_back(observed.as_desired.others, USUAL)
                    aws.elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=back)
                case "tags":
                    aws.elbv2.add_tags(ResourceArns=[arn], Tags=tags.pascal(desired.tags))
        return {}

    def still_serves(self, aws: Aws, observed: Observed[TargetGroup], heir: str) -> str:
        found = aws.elbv2.describe_target_health(TargetGroupArn=observed.outputs["arn"])["TargetHealthDescriptions"]
        if left := [one for one in found if one["TargetHealth"]["State"] != "unused"]:
            return f"{plural(len(left), 'target')} not gone yet"
        cluster, arn = observed.outputs["cluster"], observed.outputs["arn"]
        service = behind(aws, cluster, [arn]).get(arn) if cluster else None
        if service is not None:
            return f"{service['serviceName']} still registers its tasks in it"
        born = Key.parse(observed.outputs["key"])
        name = born.name.rpartition("-")[0] if born is not None else ""
        return deploying(aws, cluster, str(observed.owner), name) if found and cluster else ""

    def delete(self, aws: Aws, observed: Observed[TargetGroup]) -> None:
        aws.elbv2.delete_target_group(TargetGroupArn=observed.outputs["arn"])


def parse_group(
    item: Mapping[str, Any], attributes: Mapping[str, str], live: Mapping[str, str], scheme: str = ""
) -> Observed[TargetGroup]:
    health = HealthCheck(
        item.get("HealthCheckPath", ""),
        int(item.get("HealthCheckIntervalSeconds", 0)),
        int(item.get("HealthCheckTimeoutSeconds", 0)),
        int(item.get("HealthyThresholdCount", 0)),
        int(item.get("UnhealthyThresholdCount", 0)),
        item.get("Matcher", {}).get("HttpCode", ""),
        item.get("HealthCheckPort", "traffic-port"),
        item.get("HealthCheckProtocol", "HTTP"),
    )
    as_desired = TargetGroup(
        item.get("VpcId", ""),
        int(item.get("Port", 0)),
        item.get("Protocol", ""),
        item.get("TargetType", ""),
        scheme,
        health,
        int(attributes.get(DELAY, 300)),
        item["TargetGroupName"],
        lasting_tags(live),
        others=set_by_others(attributes, USUAL),
    )
    return Observed(as_desired, _outputs(item), live.get(OWNER_TAG))


def _health(check: HealthCheck) -> Any:
    """Every health setting, explicitly: AWS's documents disagree about the defaults (aws.md section 10)."""
    return {
        "HealthCheckProtocol": check.protocol,
        "HealthCheckPort": check.port,
        "HealthCheckPath": check.path,
        "HealthCheckIntervalSeconds": check.interval,
        "HealthCheckTimeoutSeconds": check.timeout,
        "HealthyThresholdCount": check.healthy,
        "UnhealthyThresholdCount": check.unhealthy,
        "Matcher": {"HttpCode": check.matcher},
    }


def _set_delay(aws: Aws, arn: str, desired: TargetGroup) -> None:
    attributes: Any = [{"Key": DELAY, "Value": str(desired.deregistration_delay)}]
    aws.elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=attributes)


def _outputs(item: Mapping[str, Any]) -> dict[str, str]:
    arn = item["TargetGroupArn"]
    return {"arn": arn, "name": item["TargetGroupName"], "label": arn.rpartition(":")[2]}


KIND = TargetGroupKind()
