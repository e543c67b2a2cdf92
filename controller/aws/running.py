"""The tasks of a cluster that have not stopped, asked for outside a pass's `Reads`."""

from __future__ import annotations

from typing import Any

from controller.aws.client import Aws, pages
from controller.base.errors import Gone

DESCRIBE_MAX = 100  # arns of tasks or hosts per call (aws.md 6.3)


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
