"""The load balancer: internet-facing, application, one node in every zone of its subnets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.reads import keyed
from controller.base.keys import OWNER_TAG, Key, Ref, Tags, birth_tags, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack

IDLE_TIMEOUT = "idle_timeout.timeout_seconds"


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    subnets: tuple[str | Ref, ...] = spec(unordered=True)
    security_groups: tuple[str | Ref, ...] = spec(unordered=True)
    idle_timeout: int = spec()  # seconds
    scheme: str = spec(immutable=True)
    name: str = spec(compare=False)
    tags: Tags = spec(subset=True, risk="cosmetic")
    after: tuple[str | Ref, ...] = spec(compare=False, default=())  # the way in: clients reach it over it


class LoadBalancerKind:
    kind = "load_balancer"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, LoadBalancer]]:
        if stack.load_balancer is None:
            return
        key = Key(self.kind, "main")
        name = live_name(stack, key)
        subnets = tuple(Ref(Key("subnet", f"public-{i + 1}")) for i in range(len(stack.network.public_subnets)))
        yield (
            key,
            LoadBalancer(
                subnets,
                (Ref(Key("security_group", "load-balancer")),),
                int(stack.load_balancer.idle_timeout.total_seconds()),
                "internet-facing",
                name,
                birth_tags(stack.name, key, name, stack.tags),
                after=(Ref(Key("route_table", "public")),),
            ),
        )

    def observe(
        self, reads: Reads, wanted: Mapping[Key, LoadBalancer], owner: str
    ) -> Mapping[Key, Observed[LoadBalancer]]:
        born = reads.tagged()
        named = ((i["LoadBalancerName"], born.get(i["LoadBalancerArn"], {}), i) for i in reads.load_balancers())
        return {
            key: parse_balancer(
                item,
                reads.load_balancer_attributes(item["LoadBalancerArn"]),
                reads.elb_tags().get(item["LoadBalancerArn"], {}),
            )
            for key, item in keyed(self.kind, wanted, named).items()
        }

    def create(self, aws: Aws, key: Key, desired: LoadBalancer) -> Mapping[str, str]:
        made = aws.elbv2.create_load_balancer(  # repeated with the same settings it returns the same one (aws.md 5.2)
            Name=desired.name,
            Subnets=[str(subnet) for subnet in desired.subnets],
            SecurityGroups=[str(group) for group in desired.security_groups],
            Scheme=desired.scheme,  # type: ignore[arg-type]
            Type="application",
            Tags=tags.pascal(desired.tags),
        )["LoadBalancers"][0]
        _set_idle_timeout(aws, made["LoadBalancerArn"], desired)
        return _outputs(made)

    def update(
        self, aws: Aws, observed: Observed[LoadBalancer], desired: LoadBalancer, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        arn = observed.outputs["arn"]
        for change in changes:
            match change.field:
                case "subnets":
                    aws.elbv2.set_subnets(LoadBalancerArn=arn, Subnets=[str(one) for one in desired.subnets])
                case "security_groups":
                    groups = [str(one) for one in desired.security_groups]
                    aws.elbv2.set_security_groups(LoadBalancerArn=arn, SecurityGroups=groups)
                case "idle_timeout":
                    _set_idle_timeout(aws, arn, desired)
                case "tags":
                    aws.elbv2.add_tags(ResourceArns=[arn], Tags=tags.pascal(desired.tags))
        return {}

    def delete(self, aws: Aws, observed: Observed[LoadBalancer]) -> None:
        aws.elbv2.delete_load_balancer(LoadBalancerArn=observed.outputs["arn"])


def parse_balancer(
    item: Mapping[str, Any], attributes: Mapping[str, str], live: Mapping[str, str]
) -> Observed[LoadBalancer]:
    as_desired = LoadBalancer(
        tuple(sorted(zone["SubnetId"] for zone in item.get("AvailabilityZones", []))),
        tuple(sorted(item.get("SecurityGroups", []))),
        int(attributes.get(IDLE_TIMEOUT, 60)),
        item["Scheme"],
        item["LoadBalancerName"],
        lasting_tags(live),
    )
    state = item.get("State", {}).get("Code", "active")
    busy = "" if state in {"active", "active_impaired"} else state
    return Observed(as_desired, _outputs(item), live.get(OWNER_TAG), busy=busy)


def _set_idle_timeout(aws: Aws, arn: str, desired: LoadBalancer) -> None:
    attributes: Any = [{"Key": IDLE_TIMEOUT, "Value": str(desired.idle_timeout)}]
    aws.elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes)


def _outputs(item: Mapping[str, Any]) -> dict[str, str]:
    arn = item["LoadBalancerArn"]
    return {"arn": arn, "dns_name": item["DNSName"], "label": arn.partition(":loadbalancer/")[2]}


KIND = LoadBalancerKind()
