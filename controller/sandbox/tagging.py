"""Resource Groups Tagging: what moto leaves out of GetResources (moto.md 6), so that one call finds what is tagged.

Auto scaling groups and IAM roles are not in it, here as on AWS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from moto.backends import get_backend
from moto.core.resource_tagging import TaggedResource
from moto.resourcegroupstaggingapi.models import ResourceGroupsTaggingAPIBackend

from controller.sandbox.strict_network import settle

if TYPE_CHECKING:
    from controller.sandbox.bridge import Backing
    from controller.sandbox.world import World

NETWORK = {"ec2:elastic-ip", "ec2:natgateway", "ec2:vpc-endpoint"}  # moto lists what is deleted, too
SPELLED = {"logs:loggroup": "logs:log-group"}  # moto's word: AWS's


def install(current: Callable[[], Backing]) -> None:
    known = ResourceGroupsTaggingAPIBackend._get_resources_generator

    def found(
        self: ResourceGroupsTaggingAPIBackend,
        tag_filters: list[dict[str, Any]] | None = None,
        resource_type_filters: list[str] | None = None,
        resource_arn_list: list[str] | None = None,
    ) -> Iterator[TaggedResource]:
        where = (self.account_id, self.region_name)
        listed = (
            replace(one, resource_type=SPELLED.get(one.resource_type, one.resource_type))
            for one in known(self, tag_filters)
            if one.resource_type not in NETWORK
        )
        missing = (
            one
            for one in (*_of_ec2(*where, current().now()), *_of_moto(*where), *_of_world(current().world(*where)))
            if one.tags and _tagged(one.tags, tag_filters or [])
        )
        for one in (*listed, *missing):
            asked = not resource_type_filters or not {one.resource_type, one.resource_type.split(":")[0]}.isdisjoint(
                resource_type_filters
            )
            if asked and (not resource_arn_list or one.arn in resource_arn_list):
                yield one

    ResourceGroupsTaggingAPIBackend._get_resources_generator = found


def _of_ec2(account: str, region: str, now: datetime) -> Iterator[TaggedResource]:
    ec2 = get_backend("ec2")[account][region]
    settle(ec2, now)
    gateways = [one for one in ec2.nat_gateways.values() if one.state != "deleted"]
    for kind, several in (
        ("elastic-ip", ec2.addresses),
        ("natgateway", gateways),
        ("vpc-endpoint", ec2.vpc_end_points.values()),
    ):
        for thing in several:
            owned = {tag["key"]: tag["value"] for tag in thing.get_tags()}
            yield TaggedResource(f"arn:aws:ec2:{region}:{account}:{kind}/{thing.id}", owned, f"ec2:{kind}")


def _of_moto(account: str, region: str) -> Iterator[TaggedResource]:
    repositories = get_backend("ecr")[account][region]
    for one in repositories.repositories.values():
        yield TaggedResource(one.arn, repositories.tagger.get_tag_dict_for_resource(one.arn), "ecr:repository")
    balancing = get_backend("elbv2")[account][region]
    of = balancing.tagging_service.get_tag_dict_for_resource
    for balancer in balancing.load_balancers.values():
        for listener in balancer.listeners.values():
            yield TaggedResource(listener.arn, of(listener.arn), "elasticloadbalancing:listener")
            for rule in listener.rules.values():
                yield TaggedResource(rule.arn, of(rule.arn), "elasticloadbalancing:listener-rule")


def _of_world(world: World) -> Iterator[TaggedResource]:
    for cluster in world.clusters.values():
        yield _ecs(cluster.arn, cluster.tags, "cluster", there=cluster.active)
    for provider in world.providers.values():
        yield _ecs(provider.arn, provider.tags, "capacity-provider", there=provider.active)
    for service in world.services.values():
        yield _ecs(service.arn, service.tags, "service", there=service.status != "INACTIVE")
    for task in world.tasks.values():
        yield _ecs(task.arn, task.tags, "task", there=task.open)
    near = f"arn:aws:codedeploy:{world.region}:{world.account}"
    for one in world.applications.values():
        yield TaggedResource(f"{near}:application:{one.name}", dict(one.tags), "codedeploy:application")
    for group in world.deployment_groups.values():
        arn = f"{near}:deploymentgroup:{group.application}/{group.name}"
        yield TaggedResource(arn, dict(group.tags), "codedeploy:deploymentgroup")
    for arn, definition in world.definitions.items():
        yield _ecs(arn, definition["_tags"], "task-definition", there=True)


def _ecs(arn: str, tags: Mapping[str, str], kind: str, *, there: bool) -> TaggedResource:
    return TaggedResource(arn, dict(tags) if there else {}, f"ecs:{kind}")


def _tagged(tags: Mapping[str, str], filters: list[dict[str, Any]]) -> bool:
    """Every filter holds: its key is there, with one of its values when it names any."""
    return all(one["Key"] in tags and (not one.get("Values") or tags[one["Key"]] in one["Values"]) for one in filters)
