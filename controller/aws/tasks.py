"""Services and hosts of a cluster, asked for outside a pass's `Reads`: a delete must know what runs at this moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from controller.aws import tags
from controller.aws.client import Aws, pages
from controller.aws.running import DESCRIBE_MAX
from controller.aws.task_sets import deployments, of_codedeploy
from controller.base.errors import Gone, NotYet, Refused
from controller.base.keys import NAME_TAG, OWNER_TAG
from controller.base.words import plural

STATES_PER_CALL = 10  # ecs UpdateContainerInstancesState (aws.md 1.1)
SERVICES_MAX = 10


def nodes_of(aws: Aws, cluster: str) -> list[dict[str, Any]]:
    """The container instances of a cluster, in every status but INACTIVE; none when there is no such cluster."""
    found: list[dict[str, Any]] = []
    try:
        arns = pages(aws.ecs.list_container_instances, "containerInstanceArns", "nextToken", cluster=cluster)
        for start in range(0, len(arns), DESCRIBE_MAX):
            part: Any = arns[start : start + DESCRIBE_MAX]
            answer: Any = aws.ecs.describe_container_instances(cluster=cluster, containerInstances=part)
            found += answer["containerInstances"]
    except Gone:
        return []
    return found


def services_of(aws: Aws, cluster: str) -> list[dict[str, Any]]:
    """The services of a cluster, whoever made them, in every status but INACTIVE."""
    found: list[Any] = []
    try:
        arns = pages(aws.ecs.list_services, "serviceArns", "nextToken", cluster=cluster)
        for start in range(0, len(arns), SERVICES_MAX):
            part: Any = arns[start : start + SERVICES_MAX]
            found += aws.ecs.describe_services(cluster=cluster, services=part, include=["TAGS"])["services"]
    except Gone:
        return []
    return [one for one in found if one["status"] != "INACTIVE"]


def groups_of(aws: Aws, cluster: str, service: str) -> list[str]:
    """The arns of the target groups that a service registers its tasks in."""
    found = aws.ecs.describe_services(cluster=cluster, services=[service])["services"]
    balancers = [balancer for one in found for balancer in one.get("loadBalancers", [])]
    return [balancer["targetGroupArn"] for balancer in balancers if balancer.get("targetGroupArn")]


def behind(aws: Aws, cluster: str, groups: Collection[str]) -> dict[str, dict[str, Any]]:
    """The service that registers its tasks in each of *groups* (arns), where there is one."""
    return {
        balancer["targetGroupArn"]: service
        for service in services_of(aws, cluster)
        for balancer in service.get("loadBalancers", [])
        if balancer.get("targetGroupArn") in groups
    }


def deploying(aws: Aws, cluster: str, owner: str, name: str) -> str:
    """Which deployment of the stack's service of that key is under way: tasks of before are where they were until it is
    over. "" for none, and for one that failed."""
    for item in services_of(aws, cluster):
        live = tags.read(item.get("tags"))
        mine = live.get(OWNER_TAG) == owner and live.get(NAME_TAG) == f"service/{name}" and item["status"] == "ACTIVE"
        if mine and not failed(item) and (waits := _standing(aws, cluster, item)):
            return waits
    return ""


def settled(aws: Aws, cluster: str, owner: str, heirs: Collection[str], apart: str) -> None:
    """Raises NotYet while a service of the stack *owner* may be about to take over what *apart* does.

    *heirs* are the keys of those that the spec has: what it has no more takes over nothing. Raises Refused where one
    has failed to.
    """
    for item in services_of(aws, cluster):
        name, live = item["serviceName"], tags.read(item.get("tags"))
        heir = live.get(OWNER_TAG) == owner and live.get(NAME_TAG) in heirs and name != apart
        if not heir or item["status"] != "ACTIVE" or not (waits := _standing(aws, cluster, item)):
            continue
        if failed(item):
            raise Refused(f"not removed: the deployment of {name} has failed, which may be meant to take over")
        raise NotYet(f"not in the spec any more, {waits}", awaits=[live[NAME_TAG]])


def failed(item: Mapping[str, Any]) -> bool:
    """Whether the deployment of the service *item* has failed. CodeDeploy is not asked here."""
    states = [one.get("rolloutState") for one in deployments(item) if one["status"] == "PRIMARY"]
    return "FAILED" in states and not of_codedeploy(item)


def settling(aws: Aws, cluster: str, heir: str) -> str:
    """Why service *heir* has not taken over yet; "" when it has: it runs what it shall, which may be none."""
    found = aws.ecs.describe_services(cluster=cluster, services=[heir])["services"]
    item = next((one for one in found if one["status"] == "ACTIVE"), None)
    return f"{heir} is not there" if item is None else _standing(aws, cluster, item)


def _standing(aws: Aws, cluster: str, item: Mapping[str, Any]) -> str:
    """What the service *item* still lacks."""
    name = item["serviceName"]
    done = [one.get("rolloutState") for one in deployments(item)] == ["COMPLETED"]
    running, desired = item["runningCount"], item["desiredCount"]
    if not done or running != desired:
        return f"{name} runs {running} of {desired} tasks{'' if done else ', its deployment is under way'}"
    if not running and item.get("schedulingStrategy") == "DAEMON" and not item.get("placementConstraints"):
        names = {one["capacityProvider"] for one in item.get("capacityProviderStrategy", [])}
        ready = [one for one in nodes_of(aws, cluster) if one["status"] == "ACTIVE" and one["agentConnected"]]
        hosts = [one for one in ready if not names or one.get("capacityProviderName") in names]
        if hosts:  # ECS counts them a moment later than it makes the service
            return f"{name} runs on none of {plural(len(hosts), 'host')} yet"
    return ""
