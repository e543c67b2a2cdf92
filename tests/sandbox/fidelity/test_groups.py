"""Auto scaling groups: sizes, zones, launch template versions, answers for what is not there."""

from __future__ import annotations

from typing import Any

import pytest

from .stack import Stack, refused


def test_a_launch_is_pending_then_in_service_and_told_as_an_activity(stack: Stack) -> None:
    """Pending, InService, and an activity that ends Successful (aws.md 1.11, 3.4)."""
    stack.group(1, wait=False)
    stack.sleep(0.5)
    before = (stack.lifecycles(), stack.activities()[0]["StatusCode"])
    stack.until(lambda: stack.lifecycles() == ["InService"])

    activity = stack.activities()[0]
    assert before == (["Pending"], "InProgress")
    assert activity["StatusCode"] == "Successful"
    assert activity["EndTime"] > activity["StartTime"]
    assert stack.ids()[0] in activity["Description"]


def test_instances_are_running_in_ec2_only_after_their_boot(stack: Stack) -> None:
    """What the group shows is an EC2 instance with the same id, type, image and tags (aws.md 3.2, 9.3)."""
    tags = [{"Key": "team", "Value": "blue", "PropagateAtLaunch": True}, {"Key": "own", "PropagateAtLaunch": False}]
    stack.group(1, wait=False, Tags=tags)
    stack.sleep(0.5)

    def seen() -> dict[str, Any]:
        reservations = stack.aws.ec2.describe_instances(InstanceIds=stack.ids())["Reservations"]
        instance: dict[str, Any] = reservations[0]["Instances"][0]
        return instance

    assert seen()["State"]["Name"] == "pending"
    stack.until(lambda: stack.lifecycles() == ["InService"])
    instance = seen()
    shown = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
    assert (instance["State"]["Name"], instance["InstanceType"]) == ("running", "t3.small")
    assert (shown["team"], shown["aws:autoscaling:groupName"]) == ("blue", "web")
    assert shown["aws:ec2launchtemplate:version"] == "1"
    assert "own" not in shown


@pytest.mark.parametrize(
    ("low", "high", "desired"),
    [
        pytest.param(1, 3, 4, id="above max"),
        pytest.param(2, 3, 1, id="below min"),
        pytest.param(3, 2, 2, id="min above max"),
    ],
)
def test_sizes_out_of_bounds_are_refused_at_create_and_update(stack: Stack, low: int, high: int, desired: int) -> None:
    """DesiredCapacity must lie within the bounds: ValidationError (aws.md 3.1)."""
    stack.template()
    sizes = {"MinSize": low, "MaxSize": high, "DesiredCapacity": desired}
    template = {"LaunchTemplateName": "web", "Version": "1"}
    where = {"AutoScalingGroupName": "web", "VPCZoneIdentifier": stack.subnets[0]}

    refused(
        "ValidationError", stack.aws.autoscaling.create_auto_scaling_group, LaunchTemplate=template, **where, **sizes
    )
    stack.group(2, 1, 3, wait=False)
    refused("ValidationError", stack.aws.autoscaling.update_auto_scaling_group, AutoScalingGroupName="web", **sizes)
    assert (stack.described()["MinSize"], stack.described()["MaxSize"]) == (1, 3)


def test_set_desired_capacity_outside_the_bounds_is_refused_with_the_bound(stack: Stack) -> None:
    """Neither above max nor below min (aws.md 3.1)."""
    stack.group(2, 1, 3, wait=False)
    set_desired = stack.aws.autoscaling.set_desired_capacity

    above = refused("ValidationError", set_desired, AutoScalingGroupName="web", DesiredCapacity=4)
    below = refused("ValidationError", set_desired, AutoScalingGroupName="web", DesiredCapacity=0)

    assert "above max value 3" in above
    assert "below min value 1" in below
    assert stack.described()["DesiredCapacity"] == 2


def test_a_bound_that_passes_desired_takes_it_along(stack: Stack) -> None:
    """New MinSize above current raises desired; new MaxSize below lowers it (aws.md 3.1)."""
    stack.group(2, 1, 5)
    update = stack.aws.autoscaling.update_auto_scaling_group

    update(AutoScalingGroupName="web", MinSize=3)
    stack.until(lambda: stack.lifecycles() == ["InService"] * 3)
    update(AutoScalingGroupName="web", MinSize=0, MaxSize=1)
    stack.until(lambda: stack.lifecycles() == ["InService"])

    assert stack.described()["DesiredCapacity"] == 1


def test_hosts_are_spread_over_the_zones(stack: Stack) -> None:
    """Launches go to the least populated zone, scale-in takes from the most crowded one (aws.md 1.8)."""
    stack.group(5)
    grown = stack.zones()
    stack.aws.autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)
    stack.until(lambda: stack.lifecycles() == ["InService"] * 2)

    assert sorted(grown.values()) == [2, 3]
    assert stack.zones() == {"a": 1, "b": 1}


def test_the_template_version_of_a_host_is_frozen_at_launch(stack: Stack) -> None:
    """$Latest is resolved at every launch and read back per instance as a number (aws.md 3.2)."""
    stack.group(1, LaunchTemplate={"LaunchTemplateName": "web", "Version": "$Latest"})
    stack.template(InstanceType="t3.large")
    stack.aws.autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)
    stack.until(lambda: stack.lifecycles() == ["InService"] * 2)

    shown = sorted((one["LaunchTemplate"]["Version"], one["InstanceType"]) for one in stack.instances())
    assert shown == [("1", "t3.small"), ("2", "t3.large")]
    assert stack.described()["LaunchTemplate"]["Version"] == "$Latest"


def test_a_new_template_version_on_the_group_touches_no_host_that_is_there(stack: Stack) -> None:
    """An update affects new launches only (aws.md 3.1), also where hosts are asked for one by one."""
    stack.group(1)
    stack.template(InstanceType="t3.large")
    template = {"LaunchTemplateName": "web", "Version": "2"}
    stack.aws.autoscaling.update_auto_scaling_group(AutoScalingGroupName="web", LaunchTemplate=template)
    stack.sleep(20)

    rows = stack.aws.autoscaling.describe_auto_scaling_instances(InstanceIds=stack.ids())["AutoScalingInstances"]
    assert [(row["LaunchTemplate"]["Version"], row["LifecycleState"]) for row in rows] == [("1", "InService")]
    assert stack.described()["LaunchTemplate"]["Version"] == "2"


def test_a_name_is_taken_once(stack: Stack) -> None:
    """AlreadyExists, without a suffix: autoscaling is a query service (aws.md 5.2)."""
    stack.group(0, wait=False)

    refused(
        "AlreadyExists",
        stack.aws.autoscaling.create_auto_scaling_group,
        AutoScalingGroupName="web",
        MinSize=0,
        MaxSize=1,
        LaunchTemplate={"LaunchTemplateName": "web"},
        VPCZoneIdentifier=stack.subnets[0],
    )


@pytest.mark.parametrize(
    "template",
    [
        pytest.param({"LaunchTemplateName": "none", "Version": "1"}, id="no such template"),
        pytest.param({"LaunchTemplateName": "web", "Version": "7"}, id="no such version"),
        pytest.param({"LaunchTemplateName": "web", "Version": "2"}, id="its security group is not there"),
        pytest.param({"LaunchTemplateName": "web", "Version": "3"}, id="its image is not there"),
    ],
)
def test_a_template_that_cannot_be_launched_is_refused_at_once(stack: Stack, template: dict[str, str]) -> None:
    """The group checks the template when it is given one (aws.md 3.2)."""
    stack.template()
    stack.template(SecurityGroupIds=["sg-0123456789abcdef0"])
    stack.template(ImageId="ami-0123456789abcdef0")
    stack.group(0, wait=False)

    words = refused(
        "ValidationError",
        stack.aws.autoscaling.update_auto_scaling_group,
        AutoScalingGroupName="web",
        LaunchTemplate=template,
    )

    assert words.startswith("You must use a valid fully-formed launch template.")


def test_a_launch_that_fails_is_an_activity_with_its_reason_and_is_tried_again(stack: Stack) -> None:
    """Failures appear only in the scaling activities; the group goes on trying (aws.md 3.4)."""
    made = stack.aws.ec2.create_security_group(VpcId=stack.vpc, GroupName="extra", Description="extra")
    stack.template()
    stack.template(SecurityGroupIds=[made["GroupId"]])
    stack.group(0, wait=False, LaunchTemplate={"LaunchTemplateName": "web", "Version": "2"})
    stack.aws.ec2.delete_security_group(GroupId=made["GroupId"])
    stack.aws.autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)
    stack.sleep(10)

    failed = stack.activities()
    assert {one["StatusCode"] for one in failed} == {"Failed"}
    assert failed[0]["StatusMessage"] == f"The security group '{made['GroupId']}' does not exist"
    assert len(failed) > 2
    assert stack.instances() == []
    assert stack.described()["DesiredCapacity"] == 2


def test_activities_can_be_asked_for_by_status(stack: Stack) -> None:
    """Newest first, filtered on request (aws.md 3.4)."""
    stack.group(2)
    terminate = stack.aws.autoscaling.terminate_instance_in_auto_scaling_group
    terminate(InstanceId=stack.ids()[0], ShouldDecrementDesiredCapacity=True)

    def asked(status: str) -> list[str]:
        found = stack.aws.autoscaling.describe_scaling_activities(
            AutoScalingGroupName="web", Filters=[{"Name": "Status", "Values": [status]}]
        )
        return [one["Description"].split(":")[0] for one in found["Activities"]]

    assert asked("Successful") == ["Launching a new EC2 instance"] * 2
    assert asked("InProgress") == ["Terminating EC2 instance"]
    starts = [one["StartTime"] for one in stack.activities()]
    assert starts == sorted(starts, reverse=True)


def test_what_is_not_there_is_an_empty_list_to_readers_and_an_error_to_writers(stack: Stack) -> None:
    """Describe answers nothing; writes say not found (aws.md 5.2)."""
    client = stack.aws.autoscaling

    assert client.describe_auto_scaling_groups(AutoScalingGroupNames=["none"])["AutoScalingGroups"] == []
    assert client.describe_auto_scaling_instances(InstanceIds=["i-0"])["AutoScalingInstances"] == []
    name = {"AutoScalingGroupName": "none"}
    for call, params in [
        (client.update_auto_scaling_group, {**name, "MinSize": 1}),
        (client.set_desired_capacity, {**name, "DesiredCapacity": 1}),
        (client.suspend_processes, name),
        (client.delete_auto_scaling_group, name),
        (client.put_lifecycle_hook, {**name, "LifecycleHookName": "hook"}),
        (client.create_or_update_tags, {"Tags": [{"ResourceId": "none", "Key": "a"}]}),
    ]:
        assert "not found" in refused("ValidationError", call, **params)


def test_a_group_with_hosts_is_deleted_only_by_force(stack: Stack) -> None:
    """ResourceInUse; forced, it shows Delete in progress until the last host is gone (aws.md 5.4)."""
    stack.group(2)
    delete = stack.aws.autoscaling.delete_auto_scaling_group
    refused("ResourceInUse", delete, AutoScalingGroupName="web")

    delete(AutoScalingGroupName="web", ForceDelete=True)

    assert stack.described()["Status"] == "Delete in progress"
    found = stack.aws.autoscaling.describe_auto_scaling_groups
    stack.until(lambda: found(AutoScalingGroupNames=["web"])["AutoScalingGroups"] == [])
    assert stack.aws.autoscaling.describe_auto_scaling_instances()["AutoScalingInstances"] == []


def test_a_forced_delete_waits_for_no_hook_and_no_suspended_process(stack: Stack) -> None:
    """It deletes outstanding lifecycle actions: nothing drains (aws.md 5.4)."""
    stack.group(1)
    client = stack.aws.autoscaling
    client.put_lifecycle_hook(
        AutoScalingGroupName="web",
        LifecycleHookName="hook",
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
    )
    client.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["Terminate"])

    client.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)

    stack.until(lambda: client.describe_auto_scaling_groups()["AutoScalingGroups"] == [], limit=30)


def test_pages_and_batches_have_their_limits(stack: Stack) -> None:
    """MaxRecords 100 for groups, 50 for instances; protection of at most 50 at once (aws.md 6.3)."""
    stack.group(3)
    client = stack.aws.autoscaling

    refused("ValidationError", client.describe_auto_scaling_groups, MaxRecords=101)
    refused("ValidationError", client.describe_auto_scaling_instances, MaxRecords=51)
    many = {"AutoScalingGroupName": "web", "InstanceIds": [f"i-{n:017x}" for n in range(51)]}
    refused("ValidationError", client.set_instance_protection, **many, ProtectedFromScaleIn=True)
    first = client.describe_auto_scaling_instances(MaxRecords=2)
    rest = client.describe_auto_scaling_instances(MaxRecords=2, NextToken=first["NextToken"])
    rows = first["AutoScalingInstances"] + rest["AutoScalingInstances"]
    assert sorted(row["InstanceId"] for row in rows) == sorted(stack.ids())
    assert "NextToken" not in rest


def test_a_group_can_be_read_without_its_instances(stack: Stack) -> None:
    """IncludeInstances=False is the lighter read (aws.md 3.1)."""
    stack.group(1)

    found = stack.aws.autoscaling.describe_auto_scaling_groups(IncludeInstances=False)["AutoScalingGroups"]

    assert (found[0]["Instances"], found[0]["DesiredCapacity"]) == ([], 1)


def test_tags_are_upserted_found_by_filter_and_carry_their_group(stack: Stack) -> None:
    """Key, value, propagation, and the group they belong to (aws.md 9.5)."""
    stack.group(0, wait=False)
    client = stack.aws.autoscaling
    tag = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": "owner", "PropagateAtLaunch": True}

    client.create_or_update_tags(Tags=[{**tag, "Value": "one"}])
    client.create_or_update_tags(Tags=[{**tag, "Value": "two"}])

    by_tag = {"Filters": [{"Name": "tag:owner", "Values": ["two"]}]}
    assert [g["AutoScalingGroupName"] for g in client.describe_auto_scaling_groups(**by_tag)["AutoScalingGroups"]] == [
        "web"
    ]
    assert stack.described()["Tags"] == [{**tag, "Value": "two"}]
    client.delete_tags(Tags=[{"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": "owner"}])
    assert client.describe_auto_scaling_groups(**by_tag)["AutoScalingGroups"] == []
