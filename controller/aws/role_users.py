"""Who still needs a role."""

from __future__ import annotations

from controller.aws.client import Aws
from controller.aws.running import open_tasks


def tasks_with(aws: Aws, cluster: str, role: str) -> int:
    """How many tasks run with a role (arn), as what their application or their agent is allowed."""
    if not cluster:
        return 0
    running = [task["taskDefinitionArn"] for task in open_tasks(aws, cluster)]
    theirs = set()
    for arn in sorted(set(running)):
        definition = aws.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        if role in {definition.get("taskRoleArn"), definition.get("executionRoleArn")}:
            theirs.add(arn)
    return sum(arn in theirs for arn in running)
