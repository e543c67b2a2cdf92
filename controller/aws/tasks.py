"""Tasks and hosts of a cluster, asked for outside a pass's `Reads`: a delete must know what runs at this moment."""

from __future__ import annotations

from typing import Any

from controller.aws.client import Aws, pages
from controller.base.errors import Gone

DESCRIBE_MAX = 100  # arns of tasks or hosts per call (aws.md 6.3)
STATES_PER_CALL = 10  # ecs UpdateContainerInstancesState (aws.md 1.1)
SERVICES_MAX = 10


def open_tasks(aws: Aws, cluster: str) -> list[dict[str, Any]]:
    """The tasks that have not stopped: one told to stop is listed under STOPPED while it still serves (aws.md 1.2)."""
    found: list[dict[str, Any]] = []
    try:
        for status in ("RUNNING", "STOPPED"):
            listed: Any = {"cluster": cluster, "desiredStatus": status}
            arns = pages(aws.ecs.list_tasks, "taskArns", "nextToken", **listed)
            for start in range(0, len(arns), DESCRIBE_MAX):
                part: Any = arns[start : start + DESCRIBE_MAX]
                found += aws.ecs.describe_tasks(cluster=cluster, tasks=part)["tasks"]  # type: ignore[arg-type]
    except Gone:
        return []
    return [task for task in found if task["lastStatus"] != "STOPPED"]


def nodes_of(aws: Aws, cluster: str) -> list[dict[str, Any]]:
    """The container instances of a cluster, in every status but INACTIVE."""
    found: list[dict[str, Any]] = []
    arns = pages(aws.ecs.list_container_instances, "containerInstanceArns", "nextToken", cluster=cluster)
    for start in range(0, len(arns), DESCRIBE_MAX):
        part: Any = arns[start : start + DESCRIBE_MAX]
        answer: Any = aws.ecs.describe_container_instances(cluster=cluster, containerInstances=part)
        found += answer["containerInstances"]
    return found


def services_of(aws: Aws, cluster: str) -> list[dict[str, Any]]:
    """The services of a cluster, whoever made them, in every status but INACTIVE."""
    found: list[Any] = []
    try:
        arns = pages(aws.ecs.list_services, "serviceArns", "nextToken", cluster=cluster)
        for start in range(0, len(arns), SERVICES_MAX):
            part: Any = arns[start : start + SERVICES_MAX]
            found += aws.ecs.describe_services(cluster=cluster, services=part)["services"]
    except Gone:
        return []
    return [one for one in found if one["status"] != "INACTIVE"]
