"""Application Auto Scaling beside ECS: targets and policies live and die with their service, and counts obey bounds."""

from __future__ import annotations

from typing import Any

import pytest

from .stack import Stack, refused

TARGET = {"ServiceNamespace": "ecs", "ResourceId": "service/web/web", "ScalableDimension": "ecs:service:DesiredCount"}
TRACKING: dict[str, Any] = {
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 50,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
    },
}


@pytest.fixture
def serving(stack: Stack) -> Stack:
    return stack.group(1).cluster().joined(1).service(1)


def client(stack: Stack) -> Any:
    return getattr(stack.aws, "application-autoscaling")


def test_registering_moves_the_count_between_the_bounds_at_once(serving: Stack) -> None:
    """aws.md 3.5."""
    client(serving).register_scalable_target(**TARGET, MinCapacity=2, MaxCapacity=4)
    assert serving.shown()["desiredCount"] == 2

    client(serving).register_scalable_target(**TARGET, MinCapacity=0, MaxCapacity=1)
    assert serving.shown()["desiredCount"] == 1


def test_a_deleted_service_takes_its_target_and_policies_along(serving: Stack) -> None:
    """peers.md 4.8: without a word; whoever makes the service again must make them again."""
    client(serving).register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=4)
    client(serving).put_scaling_policy(PolicyName="cpu", **TARGET, **TRACKING)
    serving.aws.ecs.delete_service(cluster="web", service="web", force=True)

    assert client(serving).describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"] == []
    assert client(serving).describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"] == []


def test_deregistering_takes_the_policies_along(serving: Stack) -> None:
    """aws.md 3.5; what is gone already says so with a code of its own."""
    client(serving).register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=4)
    client(serving).put_scaling_policy(PolicyName="cpu", **TARGET, **TRACKING)
    client(serving).deregister_scalable_target(**TARGET)

    assert client(serving).describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"] == []
    code = "ObjectNotFoundException"
    refused(code, client(serving).deregister_scalable_target, **TARGET)
    refused(code, client(serving).delete_scaling_policy, PolicyName="cpu", **TARGET)
    refused(code, client(serving).put_scaling_policy, PolicyName="cpu", **TARGET, **TRACKING)


def test_there_must_be_a_service(stack: Stack) -> None:
    call = client(stack).register_scalable_target

    assert "doesn't exist" in refused("ValidationException", call, **TARGET, MinCapacity=1, MaxCapacity=2)
