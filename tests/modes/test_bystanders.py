"""What others put on groups, services, repositories of ours is told to whoever plans, and nothing is done about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.modes.stage import Command, Stage

GROUP, SERVICE = "tiny-main", "service/tiny/tiny-web"
TARGET: Any = {
    "ServiceNamespace": "ecs",
    "ResourceId": SERVICE,
    "ScalableDimension": "ecs:service:DesiredCount",
}
POLICY = "auto_scaling_group/main: scaling policy by-hand, made by others: left alone"
OURS = """
hosts:
  main:
    lifecycle_hooks: {warm: {on: launching, heartbeat: 60s, default: continue}}
    scaling_policies:
      busy: {metric: cpu_utilization, target: 60}
      night: {schedule: "0 22 * * *", size: {min: 1}}
services:
  web:
    scaling: {min: 1, max: 3, target_cpu: 60}
"""


def hook(stage: Stage) -> None:
    stage.own.autoscaling.put_lifecycle_hook(
        AutoScalingGroupName=GROUP,
        LifecycleHookName="by-hand",
        LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
    )


def policy(stage: Stage, name: str = "by-hand") -> None:
    stage.own.autoscaling.put_scaling_policy(
        AutoScalingGroupName=GROUP,
        PolicyName=name,
        PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration={
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
            "TargetValue": 50.0,
        },
    )


def action(stage: Stage) -> None:
    stage.own.autoscaling.put_scheduled_update_group_action(
        AutoScalingGroupName=GROUP, ScheduledActionName="by-hand", Recurrence="0 8 * * *", MinSize=1
    )


def scaled(stage: Stage) -> None:
    scaling: Any = stage.own.applicationautoscaling
    scaling.register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=9)


def service_policy(stage: Stage) -> None:
    scaling: Any = stage.own.applicationautoscaling
    scaling.put_scaling_policy(
        PolicyName="by-hand",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageMemoryUtilization"},
            "TargetValue": 50.0,
        },
        **TARGET,
    )


def service_action(stage: Stage) -> None:
    scaling: Any = stage.own.applicationautoscaling
    scaling.put_scheduled_action(
        ScheduledActionName="by-hand",
        Schedule="cron(0 8 * * ? *)",
        ScalableTargetAction={"MinCapacity": 1, "MaxCapacity": 3},
        **TARGET,
    )


@pytest.fixture
def bare(stage: Stage) -> Iterator[Stage]:
    """The stack, which scales nothing; afterwards nobody else does."""
    yield stage
    scaling: Any = stage.own.applicationautoscaling
    if scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]:
        for one in scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"]:
            scaling.delete_scheduled_action(ScheduledActionName=one["ScheduledActionName"], **TARGET)
        scaling.deregister_scalable_target(**TARGET)
    for one in stage.own.autoscaling.describe_policies(AutoScalingGroupName=GROUP)["ScalingPolicies"]:
        stage.own.autoscaling.delete_policy(AutoScalingGroupName=GROUP, PolicyName=one["PolicyName"])
    for one in stage.own.autoscaling.describe_lifecycle_hooks(AutoScalingGroupName=GROUP)["LifecycleHooks"]:
        stage.own.autoscaling.delete_lifecycle_hook(
            AutoScalingGroupName=GROUP, LifecycleHookName=one["LifecycleHookName"]
        )
    call = stage.own.autoscaling.describe_scheduled_actions
    for one in call(AutoScalingGroupName=GROUP)["ScheduledUpdateGroupActions"]:
        stage.own.autoscaling.delete_scheduled_action(
            AutoScalingGroupName=GROUP, ScheduledActionName=one["ScheduledActionName"]
        )


def notes(stage: Stage, command: Command) -> list[str]:
    ended = command("plan", stage.spec, "-o", "json", "--detailed-exitcode")
    assert ended.code == 0, ended.out  # what others do is no change of ours
    return list(ended.json()["notes"])


def asked(stage: Stage) -> int:
    return sum(aws.calls["applicationautoscaling:DescribeScheduledActions"] for aws in stage.connected)


@pytest.mark.parametrize(
    ("put", "told"),
    [
        (hook, ["auto_scaling_group/main: lifecycle hook by-hand, made by others: left alone"]),
        (
            policy,
            [
                f"{POLICY}, and the number of hosts is its",
            ],
        ),
        (action, ["auto_scaling_group/main: scheduled action by-hand, made by others: left alone"]),
        (
            scaled,
            ["service/web: scaled by others, between 1 and 9 tasks: left alone, and the count is theirs"],
        ),
    ],
)
def test_what_others_put_there_is_told_and_stays(bare: Stage, command: Command, put: Any, told: list[str]) -> None:
    assert notes(bare, command) == []
    put(bare)

    assert notes(bare, command) == told

    assert told[0] in command("apply", bare.spec, "--yes").err
    assert notes(bare, command) == told


def test_hosts_that_a_policy_of_others_brings_stay_as_long_as_it_is_there(bare: Stage, command: Command) -> None:
    def hosts() -> int:
        found = bare.own.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])
        return len(found["AutoScalingGroups"][0]["Instances"])

    before = hosts()
    policy(bare)
    bare.own.autoscaling.set_desired_capacity(AutoScalingGroupName=GROUP, DesiredCapacity=before + 1)
    bare.sim.sleep(timedelta(seconds=30))

    assert len(notes(bare, command)) == 1
    assert command("apply", bare.spec, "--yes").code == 0
    assert hosts() == before + 1

    bare.own.autoscaling.delete_policy(AutoScalingGroupName=GROUP, PolicyName="by-hand")
    assert command("apply", bare.spec, "--yes").code == 0
    assert hosts() == before


def test_what_is_ours_is_no_strangers_nor_what_an_earlier_spec_left(bare: Stage, command: Command) -> None:
    plain = bare.spec
    bare.spec = bare.write(OURS)
    assert command("apply", bare.spec, "--yes").code == 0
    assert notes(bare, command) == []
    policy(bare, "ECSManagedAutoScalingPolicy-1234")  # ECS's own, for managed scaling

    bare.spec = bare.write()
    assert bare.spec == plain
    assert not [note for note in notes(bare, command) if "others" in note]

    assert command("apply", bare.spec, "--yes", "--prune").code == 0
    assert notes(bare, command) == []


def test_what_others_put_on_scaling_of_ours_is_told(bare: Stage, command: Command) -> None:
    bare.spec = bare.write(OURS)
    assert command("apply", bare.spec, "--yes").code == 0
    service_policy(bare)
    service_action(bare)

    assert notes(bare, command) == [
        "service/web: scaling policy by-hand, made by others: left alone",
        "service/web: scheduled action by-hand, made by others: left alone",
    ]

    bare.spec = bare.write()
    assert command("apply", bare.spec, "--yes", "--prune").code == 0


REPOSITORY = "registry: {shop: {keep_images: 10}}"


def let_in(stage: Stage) -> None:
    them: Any = {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::210987654321:root"]}, "Action": "ecr:*"}
    nobody: Any = {"Effect": "Deny", "Principal": "*", "Action": "ecr:DeleteRepository"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [them, nobody]})
    stage.own.ecr.set_repository_policy(repositoryName="tiny/shop", policyText=policy)


def test_whom_others_let_into_a_repository_is_told_and_stays(bare: Stage, command: Command) -> None:
    bare.spec = bare.write(REPOSITORY)
    assert command("apply", bare.spec, "--yes").code == 0
    assert notes(bare, command) == []
    let_in(bare)

    told = "repository/shop: repository policy, made by others: left alone; it lets in arn:aws:iam::210987654321:root"
    assert notes(bare, command) == [told]
    assert told in command("apply", bare.spec, "--yes").err
    assert notes(bare, command) == [told]

    bare.faults("ecr", "GetRepositoryPolicy", "AccessDeniedException")
    [refused] = notes(bare, command)
    assert refused.startswith("repository policies of others were not looked for: ")
    bare.spec = bare.write()
    assert command("apply", bare.spec, "--yes", "--prune").code == 0


def test_the_loop_never_asks_and_who_may_not_ask_is_told_and_goes_on(bare: Stage, command: Command) -> None:
    scaled(bare)
    assert command("run", bare.spec, "--ticks", "2").code == 0
    assert asked(bare) == 0
    bare.faults("application-autoscaling", "DescribeScheduledActions", "AccessDeniedException")

    [told] = notes(bare, command)

    assert told.startswith("hooks and scaling policies of others were not looked for: ")
    assert "DescribeScheduledActions" in told
    assert asked(bare) == 1
