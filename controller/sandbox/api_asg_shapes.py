"""What the parts of the Auto Scaling API share: looking things up, AWS's words when they are not there, pages."""

from __future__ import annotations

from controller.sandbox.world import ApiError, Draft, Group, Json, Member


def validation(message: str) -> ApiError:
    return ApiError("ValidationError", message)


def group_of(draft: Draft, params: Json) -> Group:
    name = params.get("AutoScalingGroupName", "")
    found = draft.groups.get(name)
    if found is None:
        raise validation(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
    return found


def member_of(draft: Draft, name: str) -> Member:
    found = draft.members.get(name)
    if found is None:
        raise validation(f"Instance Id not found - No managed instance found for instance ID: {name}")
    return found


def show_member(member: Member) -> Json:
    return {
        "InstanceId": member.id,
        "InstanceType": member.type,
        "AvailabilityZone": member.zone,
        "LifecycleState": member.lifecycle,
        "HealthStatus": "Healthy" if member.healthy else "Unhealthy",
        "LaunchTemplate": {
            "LaunchTemplateId": member.template_id,
            "LaunchTemplateName": member.template_name,
            "Version": member.version,
        },
        "ProtectedFromScaleIn": member.protected,
    }


def show_tags(group: Group) -> list[Json]:
    return [
        {
            "ResourceId": group.name,
            "ResourceType": "auto-scaling-group",
            "Key": key,
            "Value": value,
            "PropagateAtLaunch": propagate,
        }
        for key, (value, propagate) in sorted(group.tags.items())
    ]


def paged(result: str, rows: list[Json], params: Json, default: int, most: int) -> Json:
    size = int(params.get("MaxRecords") or default)
    if size > most:
        raise validation(f"1 validation error detected: Value '{size}' at 'maxRecords' must be at most {most}")
    start = int(params.get("NextToken") or 0)
    answer: Json = {result: rows[start : start + size]}
    if start + size < len(rows):
        answer["NextToken"] = str(start + size)
    return answer
