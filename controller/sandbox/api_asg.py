"""The Auto Scaling API in front of the world: which action is served by what; AWS's words for what there is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from controller.sandbox import api_asg_groups as groups
from controller.sandbox import api_asg_hooks as hooks
from controller.sandbox import api_asg_members as members
from controller.sandbox import api_asg_policies as policies
from controller.sandbox import api_asg_settings as settings
from controller.sandbox.api_asg_shapes import group_of
from controller.sandbox.world import ApiError, Draft, Json


def _empty(result: str) -> Callable[[Draft, Json], Json]:
    """A feature these groups never have: the answer is an empty list (other clients ask; reference/speed.md)."""

    def answer(draft: Draft, params: Json) -> Json:
        if params.get("AutoScalingGroupName"):
            group_of(draft, params)
        return {result: []}

    return answer


def _accepted(draft: Draft, params: Json) -> Json:
    group_of(draft, params)
    return {}


def start_instance_refresh(draft: Draft, params: Json) -> Json:
    group_of(draft, params)
    raise ApiError("UnknownOperationException", "the sandbox runs no instance refresh; see README, limits")


ACTIONS: Mapping[str, Callable[[Draft, Json], Any]] = {
    "CreateAutoScalingGroup": groups.create_auto_scaling_group,
    "UpdateAutoScalingGroup": groups.update_auto_scaling_group,
    "DeleteAutoScalingGroup": groups.delete_auto_scaling_group,
    "DescribeAutoScalingGroups": groups.describe_auto_scaling_groups,
    "SetDesiredCapacity": groups.set_desired_capacity,
    "TerminateInstanceInAutoScalingGroup": members.terminate_instance_in_auto_scaling_group,
    "DescribeAutoScalingInstances": members.describe_auto_scaling_instances,
    "DescribeScalingActivities": members.describe_scaling_activities,
    "SuspendProcesses": settings.suspend_processes,
    "ResumeProcesses": settings.resume_processes,
    "SetInstanceProtection": members.set_instance_protection,
    "SetInstanceHealth": members.set_instance_health,
    "CreateOrUpdateTags": settings.create_or_update_tags,
    "DeleteTags": settings.delete_tags,
    "DescribeTags": settings.describe_tags,
    "PutLifecycleHook": hooks.put_lifecycle_hook,
    "DescribeLifecycleHooks": hooks.describe_lifecycle_hooks,
    "DeleteLifecycleHook": hooks.delete_lifecycle_hook,
    "CompleteLifecycleAction": hooks.complete_lifecycle_action,
    "RecordLifecycleActionHeartbeat": hooks.record_lifecycle_action_heartbeat,
    "PutScalingPolicy": policies.put_scaling_policy,
    "DescribePolicies": policies.describe_policies,
    "DeletePolicy": policies.delete_policy,
    "PutScheduledUpdateGroupAction": policies.put_scheduled_update_group_action,
    "DescribeScheduledActions": policies.describe_scheduled_actions,
    "DeleteScheduledAction": policies.delete_scheduled_action,
    "DescribeInstanceRefreshes": _empty("InstanceRefreshes"),
    "DescribeNotificationConfigurations": _empty("NotificationConfigurations"),
    "DescribeTrafficSources": _empty("TrafficSources"),
    "DescribeLoadBalancerTargetGroups": _empty("LoadBalancerTargetGroups"),
    "DescribeLoadBalancers": _empty("LoadBalancers"),
    "DescribeWarmPool": _empty("Instances"),
    "EnableMetricsCollection": _accepted,
    "DisableMetricsCollection": _accepted,
    "StartInstanceRefresh": start_instance_refresh,
}
