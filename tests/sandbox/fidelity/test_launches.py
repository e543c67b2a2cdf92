"""What a group launches: mixed types and spot, architectures, keys, the form of user data, maintenance policies."""

from __future__ import annotations

import base64
from collections import Counter
from typing import Any

import pytest

from .stack import Stack, refused

ARM = "/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id"
ROCKET = "/aws/service/bottlerocket/aws-ecs-2/x86_64/latest/image_id"
SETTINGS = '[settings.ecs]\ncluster = "web"\n'


def policy(*types: str, version: str = "1", **shares: Any) -> dict[str, Any]:
    """A MixedInstancesPolicy."""
    return {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": {"LaunchTemplateName": "web", "Version": version},
            "Overrides": [{"InstanceType": one} for one in types],
        },
        "InstancesDistribution": shares,
    }


def mixed(stack: Stack, size: int, *types: str, wait: bool = True, **shares: Any) -> Stack:
    stack.template()
    stack.aws.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="web",
        MinSize=0,
        MaxSize=10,
        DesiredCapacity=size,
        MixedInstancesPolicy=policy(*types, **shares),
        VPCZoneIdentifier=",".join(stack.subnets),
    )
    if wait:
        stack.until(lambda: stack.lifecycles() == ["InService"] * size)
    return stack


def types(stack: Stack) -> dict[str, int]:
    return dict(Counter(one["InstanceType"] for one in stack.instances()))


def value(stack: Stack, parameter: str) -> str:
    return str(stack.aws.ssm.get_parameter(Name=parameter)["Parameter"]["Value"])


def test_a_mixed_group_reads_back_with_its_defaults(stack: Stack) -> None:
    """prioritized, base 0, 100 percent on demand, lowest-price over two pools (peers.md 4.9)."""
    mixed(stack, 0, "t3.small", "t3a.small", wait=False)

    shown = stack.described()

    assert "LaunchTemplate" not in shown
    assert shown["MixedInstancesPolicy"]["InstancesDistribution"] == {
        "OnDemandAllocationStrategy": "prioritized",
        "OnDemandBaseCapacity": 0,
        "OnDemandPercentageAboveBaseCapacity": 100,
        "SpotAllocationStrategy": "lowest-price",
        "SpotInstancePools": 2,
    }
    launch = shown["MixedInstancesPolicy"]["LaunchTemplate"]
    assert launch["Overrides"] == [{"InstanceType": "t3.small"}, {"InstanceType": "t3a.small"}]
    assert launch["LaunchTemplateSpecification"]["Version"] == "1"


def test_on_demand_goes_by_the_order_of_types_and_spot_spreads(stack: Stack) -> None:
    """One on demand of the first type, the rest spot (autoscaling InstancesDistribution)."""
    spot = {"OnDemandPercentageAboveBaseCapacity": 0, "SpotAllocationStrategy": "price-capacity-optimized"}
    mixed(stack, 4, "t3.small", "t3a.small", OnDemandBaseCapacity=1, **spot)

    assert types(stack) == {"t3.small": 2, "t3a.small": 2}
    versions = {one["LaunchTemplate"]["Version"] for one in stack.instances()}
    machines = stack.aws.ec2.describe_instances(InstanceIds=stack.ids())["Reservations"]
    assert versions == {"1"}
    assert Counter(m["InstanceType"] for r in machines for m in r["Instances"]) == types(stack)


def test_one_form_takes_the_place_of_the_other_and_touches_no_host(stack: Stack) -> None:
    """A group launches a template or a mix; updates affect new launches only (aws.md 3.1)."""
    stack.group(1)
    update = stack.aws.autoscaling.update_auto_scaling_group

    update(AutoScalingGroupName="web", MixedInstancesPolicy=policy("t3a.small"))
    stack.sleep(10)
    assert ("LaunchTemplate" in stack.described(), types(stack)) == (False, {"t3.small": 1})
    stack.aws.autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)
    stack.until(lambda: stack.lifecycles() == ["InService"] * 2)
    assert types(stack) == {"t3.small": 1, "t3a.small": 1}

    update(AutoScalingGroupName="web", LaunchTemplate={"LaunchTemplateName": "web", "Version": "1"})
    assert ("LaunchTemplate" in stack.described(), "MixedInstancesPolicy" in stack.described()) == (True, False)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"MixedInstancesPolicy": policy("t3.small", "t3.small")}, id="a type twice"),
        pytest.param(
            {"MixedInstancesPolicy": policy("t3.small", SpotAllocationStrategy="best")}, id="no such strategy"
        ),
        pytest.param(
            {"MixedInstancesPolicy": policy("t3.small", OnDemandPercentageAboveBaseCapacity=101)}, id="101 percent"
        ),
        pytest.param(
            {
                "MixedInstancesPolicy": policy(
                    "t3.small", SpotAllocationStrategy="capacity-optimized", SpotInstancePools=3
                )
            },
            id="pools that belong to lowest-price",
        ),
        pytest.param({"MixedInstancesPolicy": policy("t4g.small")}, id="a type the image does not run on"),
        pytest.param(
            {"MixedInstancesPolicy": policy("t3.small"), "LaunchTemplate": {"LaunchTemplateName": "web"}},
            id="both forms",
        ),
    ],
)
def test_a_mix_that_makes_no_sense_is_refused(stack: Stack, given: dict[str, Any]) -> None:
    """ValidationError, and the group stays as it is (aws.md 3.2)."""
    stack.group(0, wait=False)

    refused("ValidationError", stack.aws.autoscaling.update_auto_scaling_group, AutoScalingGroupName="web", **given)

    assert stack.described()["LaunchTemplate"]["Version"] == "1"


def test_an_image_of_another_architecture_is_refused_with_both(stack: Stack) -> None:
    """The group checks the template when it is given one (aws.md 3.2, section 8)."""
    stack.template(ImageId=value(stack, ARM))

    words = refused(
        "ValidationError",
        stack.aws.autoscaling.create_auto_scaling_group,
        AutoScalingGroupName="web",
        MinSize=0,
        MaxSize=1,
        LaunchTemplate={"LaunchTemplateName": "web", "Version": "1"},
        VPCZoneIdentifier=stack.subnets[0],
    )

    assert "'x86_64' of the specified instance type does not match the architecture 'arm64'" in words


def test_a_key_pair_that_is_not_there_is_refused(stack: Stack) -> None:
    """aws.md 3.4."""
    stack.template()
    stack.template(KeyName="operators")
    stack.group(0, wait=False)
    given = {"LaunchTemplate": {"LaunchTemplateName": "web", "Version": "2"}, "AutoScalingGroupName": "web"}

    words = refused("ValidationError", stack.aws.autoscaling.update_auto_scaling_group, **given)
    stack.aws.ec2.create_key_pair(KeyName="operators")
    stack.aws.autoscaling.update_auto_scaling_group(**given)

    assert "The key pair 'operators' does not exist" in words


@pytest.mark.parametrize(
    ("image", "user_data", "joined"),
    [
        pytest.param(ROCKET, SETTINGS, 1, id="settings for bottlerocket"),
        pytest.param(ROCKET, "#!/bin/bash\necho ECS_CLUSTER=web >> /etc/ecs/ecs.config\n", 0, id="a script for it"),
        pytest.param(None, SETTINGS, 0, id="settings for amazon linux"),
    ],
)
def test_a_host_joins_only_by_user_data_its_system_understands(
    stack: Stack, image: str | None, user_data: str, joined: int
) -> None:
    """Bottlerocket reads TOML and nothing else, Amazon Linux runs a script (aws.md section 8)."""
    data = {"ImageId": value(stack, image)} if image else {}
    stack.template(user_data, **data)
    stack.group(1).cluster()
    stack.sleep(20)

    assert len(stack.nodes()) == joined


def test_bottlerocket_images_are_their_own_by_architecture(stack: Stack) -> None:
    """One parameter per architecture (aws.md section 8)."""
    found = {one: value(stack, ROCKET.replace("x86_64", one)) for one in ("x86_64", "arm64")}

    images = stack.aws.ec2.describe_images(ImageIds=sorted(found.values()))["Images"]

    assert {one["ImageId"]: one["Architecture"] for one in images} == {ami: arch for arch, ami in found.items()}


def test_a_maintenance_policy_is_kept_within_bounds_and_cleared(stack: Stack) -> None:
    """0-100, 100-200, at most 100 apart; -1 and -1 clear it (aws.md 3.1)."""
    stack.group(0, wait=False)

    def put(least: int, most: int) -> Any:
        given = {"MinHealthyPercentage": least, "MaxHealthyPercentage": most}
        request = {"AutoScalingGroupName": "web", "InstanceMaintenancePolicy": given}
        return stack.aws.autoscaling.update_auto_scaling_group(**request)

    put(90, 120)
    kept = stack.described()["InstanceMaintenancePolicy"]
    for least, most in [(101, 150), (90, 90), (50, 160), (-1, 120)]:
        refused("ValidationError", put, least=least, most=most)
    put(-1, -1)

    assert kept == {"MinHealthyPercentage": 90, "MaxHealthyPercentage": 120}
    assert "InstanceMaintenancePolicy" not in stack.described()


def test_user_data_of_a_template_is_base64(stack: Stack) -> None:
    """What is read back is what was given (aws.md 9.3)."""
    stack.template(SETTINGS)

    found = stack.aws.ec2.describe_launch_template_versions(LaunchTemplateName="web")["LaunchTemplateVersions"][0]

    assert base64.b64decode(found["LaunchTemplateData"]["UserData"]).decode() == SETTINGS
