"""Canonical forms of what launches and scales hosts: AWS's defaults and order are no difference, changes are one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.aws.mixes import Mix, mix_of, template_of
from controller.aws.parts import asked_for, part_key
from controller.base.keys import Key
from controller.resources import (
    auto_scaling_group,
    capacity_provider,
    launch_template,
    lifecycle_hook,
    scaling_policy,
    scheduled_action,
)
from controller.resources.capacity_provider import OFF, ManagedScaling
from controller.resources.lifecycle_hook import LifecycleHook

SPEC = {"LaunchTemplateId": "lt-1", "LaunchTemplateName": "web", "Version": "3"}
TYPES = [{"InstanceType": "t3.small"}, {"InstanceType": "t3a.small"}]
OWNER = [{"Key": "theseus:stack", "Value": "shop"}, {"Key": "theseus:name", "Value": "auto_scaling_group/main"}]


def mixed(*, overrides: Any = (), **shares: Any) -> dict[str, Any]:
    """A group with a mixed instances policy."""
    launch = {"LaunchTemplateSpecification": SPEC, "Overrides": [*overrides]}
    return {"MixedInstancesPolicy": {"LaunchTemplate": launch, "InstancesDistribution": shares}}


def template(**data: Any) -> Any:
    version = {"LaunchTemplateId": "lt-1", "LaunchTemplateName": "n", "VersionNumber": 1, "LaunchTemplateData": data}
    return launch_template.parse_template(version, {}).as_desired


def volume(**ebs: Any) -> Any:
    return template(BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30, **ebs}}])


def group(**more: Any) -> Any:
    item = {"AutoScalingGroupName": "g", "AutoScalingGroupARN": "a", "MinSize": 1, "MaxSize": 4, "DesiredCapacity": 1}
    return {**item, **more}


def steps(**more: Any) -> Any:
    usual = {"AdjustmentType": "ChangeInCapacity", "MetricAggregationType": "Average", "Enabled": True}
    names = {"AutoScalingGroupName": "g", "PolicyName": "p", "PolicyARN": "a", "PolicyType": "StepScaling"}
    adjustments = [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 3}]
    return scaling_policy.parse_policy({**usual, **names, "StepAdjustments": adjustments, **more}, "shop").as_desired


def action(**more: Any) -> Any:
    item = {"AutoScalingGroupName": "g", "ScheduledActionName": "n", "Recurrence": "0 1 * * *", "MaxSize": 2, **more}
    return scheduled_action.parse_action(item, "shop").as_desired


def provider(**settings: Any) -> Any:
    item = {"name": "p", "capacityProviderArn": "a", "autoScalingGroupProvider": settings}
    return capacity_provider.parse_provider(item).as_desired


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            volume(VolumeType="gp3", Iops=3000, Throughput=125), volume(VolumeType="gp3"), id="what gp3 comes with"
        ),
        pytest.param(volume(), volume(VolumeType="gp2", Encrypted=False), id="a volume of no type"),
        pytest.param(
            template(MetadataOptions={"HttpTokens": "optional", "HttpPutResponseHopLimit": 1,
                                      "InstanceMetadataTags": "disabled"}, Monitoring={"Enabled": False}),
            template(), id="metadata and monitoring as they come",
        ),
        pytest.param(mix_of(mixed(overrides=TYPES)), replace(Mix(("t3.small", "t3a.small")), strategy="lowest-price"),
                     id="a distribution that nobody gave"),
        pytest.param(mix_of({"LaunchTemplate": SPEC}), None, id="no mix"),
        pytest.param(template_of(mixed(overrides=TYPES)), template_of({"LaunchTemplate": SPEC}), id="a mixed template"),
        pytest.param(
            provider(managedScaling={"status": "DISABLED", "targetCapacity": 100, "instanceWarmupPeriod": 300}),
            provider(), id="managed scaling off, with numbers",
        ),
        pytest.param(provider(managedScaling={"status": "ENABLED"}).managed_scaling, ManagedScaling(),
                     id="managed scaling on, without"),
        pytest.param(provider().managed_scaling, OFF, id="no managed scaling"),
        pytest.param(
            auto_scaling_group.parse_group(group(InstanceMaintenancePolicy={"MinHealthyPercentage": -1,
                                                                            "MaxHealthyPercentage": -1})).as_desired,
            auto_scaling_group.parse_group(group()).as_desired, id="a maintenance policy that was cleared",
        ),
        pytest.param(
            auto_scaling_group.parse_group(group(HealthCheckType="EC2", HealthCheckGracePeriod=300,
                                                 TerminationPolicies=["Default"], DefaultCooldown=300,
                                                 CapacityRebalance=False, MaxInstanceLifetime=0)).as_desired,
            auto_scaling_group.parse_group(group()).as_desired, id="a group as the console makes it",
        ),
    ],
)  # fmt: skip
def test_what_aws_fills_in_is_equal(one: Any, other: Any) -> None:
    assert one == other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(volume(VolumeType="gp3", Iops=4000), volume(VolumeType="gp3"), id="more iops"),
        pytest.param(mix_of(mixed(overrides=TYPES)), mix_of(mixed(overrides=TYPES[::-1])), id="another order of types"),
        pytest.param(mix_of(mixed(overrides=TYPES)), mix_of(mixed(overrides=TYPES, OnDemandBaseCapacity=1)), id="base"),
        pytest.param(mix_of(mixed(overrides=TYPES)), mix_of(mixed(overrides=TYPES, SpotMaxPrice="0.01")), id="a price"),
        pytest.param(mix_of(mixed(overrides=TYPES)), mix_of(mixed(overrides=[{**TYPES[0], "WeightedCapacity": "2"},
                     TYPES[1]])), id="a weight"),
        pytest.param(mix_of(mixed(overrides=TYPES)),
                     mix_of(mixed(overrides=TYPES, OnDemandAllocationStrategy="lowest-price")), id="the cheapest"),
        pytest.param(steps(), steps(AdjustmentType="ExactCapacity"), id="steps that set the count"),
        pytest.param(steps(), steps(MetricAggregationType="Maximum"), id="the highest value of the metric"),
        pytest.param(steps(), steps(MinAdjustmentMagnitude=2), id="two hosts at least"),
        pytest.param(action(), action(EndTime=datetime(2030, 1, 1, tzinfo=UTC)), id="an end"),
        pytest.param(provider(managedScaling={"status": "ENABLED", "targetCapacity": 90}),
                     provider(managedScaling={"status": "ENABLED"}), id="another target"),
    ],
)  # fmt: skip
def test_what_others_changed_differs(one: Any, other: Any) -> None:
    assert one != other


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        pytest.param(1, 4, (1, 4), id="as the spec says"),
        pytest.param(0, 4, (1, 4), id="as the night says"),
        pytest.param(0, 2, (1, 4), id="both bounds as the night says"),
        pytest.param(3, 4, (3, 4), id="as somebody says"),
    ],
)
def test_bounds_that_a_schedule_sets_are_no_drift(low: int, high: int, shown: tuple[int, int]) -> None:
    wanted = replace(auto_scaling_group.parse_group(group()).as_desired, mins=(0,), maxs=(2,))

    found = auto_scaling_group.parse_group(group(MinSize=low, MaxSize=high), wanted).as_desired

    assert (found.min, found.max) == shown


def test_a_warm_pool_is_told_and_left_alone() -> None:
    assert auto_scaling_group.parse_group(group(WarmPoolConfiguration={"MinSize": 1})).notes
    assert not auto_scaling_group.parse_group(group()).notes


OTHERS = [{"Key": "theseus:stack", "Value": "other"}, OWNER[1]]
HOOK = Key("lifecycle_hook", "main-warm")


@pytest.mark.parametrize(
    ("wanted", "more", "found"),
    [
        pytest.param({HOOK}, {"Tags": OWNER}, ["shop-main-"], id="parts are wanted there"),
        pytest.param(set(), {"Tags": OWNER}, [], id="none are and none were"),
        pytest.param(set(), {"Tags": [*OWNER, {"Key": "theseus:has-lifecycle_hook", "Value": "yes"}]}, ["shop-main-"],
                     id="none are any more"),
        pytest.param({HOOK}, {"Tags": OTHERS}, [], id="another stack's"),
        pytest.param({HOOK}, {}, [], id="nobody's"),
        pytest.param({HOOK}, {"Tags": OWNER, "Status": "Delete in progress"}, [], id="on its way out"),
    ],
)  # fmt: skip
def test_groups_are_asked_for_parts_only_where_there_may_be_some(
    wanted: set[Key], more: dict[str, Any], found: list[str]
) -> None:
    """No call is made for what a stack does not use."""
    hooks = {key: LifecycleHook("g", "LAUNCHING", 60, "CONTINUE", "shop-main-warm", "g") for key in wanted}

    assert [prefix for _, prefix in asked_for([group(**more)], "lifecycle_hook", "shop", hooks)] == found


def test_parts_of_a_group_of_before_are_told_apart_from_those_of_the_wanted_one() -> None:
    """The group has another name by now: the hook is wanted there, and the old one is an orphan of its own."""
    wanted = {HOOK: LifecycleHook("g", "LAUNCHING", 60, "CONTINUE", "shop-main-warm", "g")}

    there = [{"AutoScalingGroupName": name} for name in ("g", "old")]
    keys = [part_key("lifecycle_hook", name, place, wanted, there) for name, place in
            (("main-warm", "g"), ("main-warm", "old"), ("main-late", "g"))]  # fmt: skip

    assert [one.name for one in keys] == ["main-warm", "main-warm~old", "main-late"]


def test_a_metric_is_one_line_in_any_order_of_its_dimensions() -> None:
    dimensions = [{"Name": "B", "Value": "2"}, {"Name": "A", "Value": "1"}]
    metric = {"Namespace": "N", "MetricName": "M", "Statistic": "Average", "Dimensions": dimensions}

    assert scaling_policy.parse_metric({"CustomizedMetricSpecification": metric}) == "N M Average A=1 B=2"
    assert scaling_policy.parse_metric({}) == ""


def test_a_hook_reads_with_awss_defaults() -> None:
    """An hour, and ABANDON (aws.md 1.11)."""
    item = {"AutoScalingGroupName": "g", "LifecycleHookName": "shop-main-warm",
            "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"}  # fmt: skip

    found = lifecycle_hook.parse_hook(item, "shop").as_desired

    assert (found.on, found.heartbeat, found.default) == ("LAUNCHING", 3600, "ABANDON")
