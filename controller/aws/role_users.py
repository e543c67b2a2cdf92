"""Who still needs a role."""

from __future__ import annotations

from controller.aws import tags
from controller.aws.client import Aws, pages
from controller.aws.running import open_tasks
from controller.base.errors import Gone
from controller.base.keys import OWNER_TAG


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


def profiles_of_others(aws: Aws, role: str, owner: str | None) -> list[str]:
    """The instance profiles that hold a role and are not *owner*'s. The list has no tags."""
    listed = pages(aws.iam.list_instance_profiles_for_role, "InstanceProfiles", "Marker", RoleName=role)
    return [one for one in (str(item["InstanceProfileName"]) for item in listed) if _of_others(aws, one, owner)]


def _of_others(aws: Aws, profile: str, owner: str | None) -> bool:
    try:
        item = aws.iam.get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]
    except Gone:
        return False
    return tags.read(item.get("Tags")).get(OWNER_TAG) != owner
