"""EC2 and IAM without kindness: names taken once, nothing deleted that is in use, everything unknown refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from .stack import Stack, refused

TRUST = '{"Version":"2012-10-17","Statement":[]}'


def gateway(stack: Stack) -> str:
    made = stack.aws.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    stack.aws.ec2.attach_internet_gateway(InternetGatewayId=made, VpcId=stack.vpc)
    return str(made)


def test_the_parts_of_a_network_are_deleted_from_the_inside_out(stack: Stack) -> None:
    """DependencyViolation for all that still holds something (aws.md 5.4)."""
    ec2 = stack.aws.ec2
    internet = gateway(stack)

    refused("DependencyViolation", ec2.delete_vpc, VpcId=stack.vpc)
    refused("DependencyViolation", ec2.delete_internet_gateway, InternetGatewayId=internet)
    ec2.detach_internet_gateway(InternetGatewayId=internet, VpcId=stack.vpc)
    ec2.delete_internet_gateway(InternetGatewayId=internet)
    refused("DependencyViolation", ec2.delete_vpc, VpcId=stack.vpc)
    ec2.delete_security_group(GroupId=stack.security_group)
    refused("DependencyViolation", ec2.delete_vpc, VpcId=stack.vpc)
    for subnet in stack.subnets:
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=stack.vpc)
    refused("InvalidVpcID.NotFound", ec2.describe_vpcs, VpcIds=[stack.vpc])


def test_hosts_hold_their_subnet_security_group_and_gateway(stack: Stack) -> None:
    """Until they are terminated (aws.md 5.4)."""
    internet = gateway(stack)
    stack.group(2)
    ec2 = stack.aws.ec2
    detach = {"InternetGatewayId": internet, "VpcId": stack.vpc}

    refused("DependencyViolation", ec2.delete_subnet, SubnetId=stack.subnets[0])
    refused("DependencyViolation", ec2.delete_security_group, GroupId=stack.security_group)
    words = refused("DependencyViolation", ec2.detach_internet_gateway, **detach)
    stack.aws.autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=0)
    stack.until(lambda: stack.ids() == [])

    assert "has some mapped public address(es)" in words
    ec2.delete_subnet(SubnetId=stack.subnets[0])
    ec2.delete_security_group(GroupId=stack.security_group)
    ec2.detach_internet_gateway(**detach)


def test_a_load_balancer_s_interfaces_linger_after_it(stack: Stack) -> None:
    """Its security group cannot be deleted for a while (aws.md 5.4, 11.17)."""
    stack.front()
    delete = stack.aws.ec2.delete_security_group

    stack.aws.elbv2.delete_load_balancer(LoadBalancerArn=stack.balancer)

    refused("DependencyViolation", delete, GroupId=stack.security_group)
    stack.sleep(4)
    delete(GroupId=stack.security_group)


def test_a_security_group_named_by_another_stays(stack: Stack) -> None:
    """Revoke the reference first (aws.md 5.4)."""
    ec2 = stack.aws.ec2
    other = ec2.create_security_group(VpcId=stack.vpc, GroupName="balancer", Description="other")["GroupId"]
    pairs = [{"GroupId": other}]
    rule = [{"IpProtocol": "tcp", "FromPort": 32768, "ToPort": 60999, "UserIdGroupPairs": pairs}]
    ec2.authorize_security_group_ingress(GroupId=stack.security_group, IpPermissions=rule)

    refused("DependencyViolation", ec2.delete_security_group, GroupId=other)
    ec2.revoke_security_group_ingress(GroupId=stack.security_group, IpPermissions=rule)
    ec2.delete_security_group(GroupId=other)


@pytest.mark.parametrize("block", ["pl-63a5400a", "10.0.0.0", "10.0.0.0/40"])
def test_a_block_that_is_none_is_refused_before_anything_is_looked_up(stack: Stack, block: str) -> None:
    """moto says of a revoke that there is no such rule."""
    ec2 = stack.aws.ec2
    rule = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": block}]}]

    for call in (
        ec2.authorize_security_group_egress,
        ec2.authorize_security_group_ingress,
        ec2.revoke_security_group_egress,
        ec2.revoke_security_group_ingress,
    ):
        refused("InvalidParameterValue", call, GroupId=stack.security_group, IpPermissions=rule)


def test_what_exists_already_is_refused_with_the_code_of_its_kind(stack: Stack) -> None:
    """aws.md 5.2: each in the spelling of its service."""
    ec2, iam = stack.aws.ec2, stack.aws.iam
    stack.template()
    iam.create_role(RoleName="hosts", AssumeRolePolicyDocument=TRUST)
    iam.create_instance_profile(InstanceProfileName="hosts")
    stack.aws.ecr.create_repository(repositoryName="shop")
    stack.aws.logs.create_log_group(logGroupName="/shop")
    data = {"LaunchTemplateName": "web", "LaunchTemplateData": {"InstanceType": "t3.small"}}
    rule = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}]
    ec2.authorize_security_group_ingress(GroupId=stack.security_group, IpPermissions=rule)
    subnet = {"VpcId": stack.vpc, "CidrBlock": "10.0.0.0/24"}
    group = {"VpcId": stack.vpc, "GroupName": "hosts", "Description": "again"}

    refused("InvalidGroup.Duplicate", ec2.create_security_group, **group)
    refused(
        "InvalidPermission.Duplicate",
        ec2.authorize_security_group_ingress,
        GroupId=stack.security_group,
        IpPermissions=rule,
    )
    refused("InvalidSubnet.Conflict", ec2.create_subnet, **subnet)
    refused("InvalidLaunchTemplateName.AlreadyExistsException", ec2.create_launch_template, **data)
    refused("EntityAlreadyExists", iam.create_role, RoleName="hosts", AssumeRolePolicyDocument=TRUST)
    refused("EntityAlreadyExists", iam.create_instance_profile, InstanceProfileName="hosts")
    refused("RepositoryAlreadyExistsException", stack.aws.ecr.create_repository, repositoryName="shop")
    refused("ResourceAlreadyExistsException", stack.aws.logs.create_log_group, logGroupName="/shop")


def test_a_vpc_takes_one_internet_gateway(stack: Stack) -> None:
    """moto takes any number (reference/moto.md 4)."""
    gateway(stack)
    second = stack.aws.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]

    refused("InvalidParameterValue", stack.aws.ec2.attach_internet_gateway, InternetGatewayId=second, VpcId=stack.vpc)


@pytest.mark.parametrize(
    ("code", "call", "params"),
    [
        pytest.param("InvalidVpcID.NotFound", "describe_vpcs", {"VpcIds": ["vpc-0123456789abcdef0"]}, id="vpc"),
        pytest.param(
            "InvalidSubnetID.NotFound", "describe_subnets", {"SubnetIds": ["subnet-0123456789abcdef0"]}, id="subnet"
        ),
        pytest.param(
            "InvalidGroup.NotFound", "describe_security_groups", {"GroupIds": ["sg-0123456789abcdef0"]}, id="group"
        ),
        pytest.param(
            "InvalidInstanceID.NotFound", "describe_instances", {"InstanceIds": ["i-0123456789abcdef0"]}, id="instance"
        ),
        pytest.param(
            "InvalidLaunchTemplateId.NotFound",
            "describe_launch_templates",
            {"LaunchTemplateIds": ["lt-0123456789abcdef0"]},
            id="template by id",
        ),
        pytest.param(
            "InvalidLaunchTemplateName.NotFoundException",
            "describe_launch_template_versions",
            {"LaunchTemplateName": "none"},
            id="template by name",
        ),
        pytest.param("InvalidVpcID.NotFound", "delete_vpc", {"VpcId": "vpc-0123456789abcdef0"}, id="deleting"),
    ],
)
def test_unknown_ids_fail_the_whole_call(stack: Stack, code: str, call: str, params: dict[str, Any]) -> None:
    """Describe by id: one unknown one is enough (aws.md 5.3)."""
    refused(code, getattr(stack.aws.ec2, call), **params)


def test_launch_template_versions_are_numbered_kept_as_given_and_paged(stack: Stack) -> None:
    """All of them, newest first, none of the template's own tags in the data (aws.md 3.2, reference/speed.md)."""
    ec2 = stack.aws.ec2
    data = {"InstanceType": "t3.small", "UserData": base64.b64encode(b"#!/bin/bash\n").decode()}
    tags = [{"ResourceType": "launch-template", "Tags": [{"Key": "owner", "Value": "me"}]}]
    made = ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=data, TagSpecifications=tags)
    for number in range(2, 19):
        ec2.create_launch_template_version(
            LaunchTemplateName="web",
            LaunchTemplateData={**data, "InstanceType": "t3.large"},
            VersionDescription=str(number),
        )

    pages = ec2.get_paginator("describe_launch_template_versions").paginate(
        LaunchTemplateName="web", PaginationConfig={"PageSize": 5}
    )
    rows = [row for page in pages for row in page["LaunchTemplateVersions"]]
    assert [row["VersionNumber"] for row in rows] == list(range(18, 0, -1))
    assert rows[-1]["LaunchTemplateData"] == data
    assert [row["DefaultVersion"] for row in rows].index(True) == 17
    assert (rows[0]["VersionDescription"], rows[0]["LaunchTemplateData"]["InstanceType"]) == ("18", "t3.large")
    assert made["LaunchTemplate"]["Tags"] == [{"Key": "owner", "Value": "me"}]
    latest = ec2.describe_launch_template_versions(LaunchTemplateName="web", Versions=["$Latest", "$Default"])
    assert [row["VersionNumber"] for row in latest["LaunchTemplateVersions"]] == [18, 1]


def test_a_replayed_client_token_makes_nothing_new(stack: Stack) -> None:
    """Templates and versions (aws.md 5.1)."""
    ec2 = stack.aws.ec2
    data = {"LaunchTemplateName": "web", "LaunchTemplateData": {"InstanceType": "t3.small"}}

    first = ec2.create_launch_template(**data, ClientToken="one")["LaunchTemplate"]
    again = ec2.create_launch_template(**data, ClientToken="one")["LaunchTemplate"]
    versions = [
        ec2.create_launch_template_version(**data, ClientToken=token)["LaunchTemplateVersion"]["VersionNumber"]
        for token in ("two", "two", "three")
    ]

    assert again["LaunchTemplateId"] == first["LaunchTemplateId"]
    assert versions == [2, 2, 3]


def test_a_replayed_token_is_compared_with_what_was_sent(stack: Stack) -> None:
    """Not with what became of it since."""
    ec2 = stack.aws.ec2
    tables = [ec2.create_route_table(VpcId=stack.vpc)["RouteTable"]["RouteTableId"] for _ in range(2)]
    asked = {"VpcId": stack.vpc, "ServiceName": "com.amazonaws.us-east-1.s3", "VpcEndpointType": "Gateway"}
    first = ec2.create_vpc_endpoint(**asked, RouteTableIds=tables[:1], ClientToken="one")["VpcEndpoint"]
    ec2.modify_vpc_endpoint(VpcEndpointId=first["VpcEndpointId"], AddRouteTableIds=tables[1:])

    again = ec2.create_vpc_endpoint(**asked, RouteTableIds=tables[:1], ClientToken="one")["VpcEndpoint"]

    assert again["VpcEndpointId"] == first["VpcEndpointId"]


def test_a_version_from_a_source_inherits_what_it_does_not_change(stack: Stack) -> None:
    """Only with SourceVersion (aws.md 9.3)."""
    ec2 = stack.aws.ec2
    ec2.create_launch_template(
        LaunchTemplateName="web", LaunchTemplateData={"InstanceType": "t3.small", "KeyName": "key"}
    )

    def changed(**more: str) -> dict[str, Any]:
        made = ec2.create_launch_template_version(
            LaunchTemplateName="web", LaunchTemplateData={"InstanceType": "t3.large"}, **more
        )
        data: dict[str, Any] = made["LaunchTemplateVersion"]["LaunchTemplateData"]
        return data

    assert changed(SourceVersion="1") == {"InstanceType": "t3.large", "KeyName": "key"}
    assert changed() == {"InstanceType": "t3.large"}


def test_lists_come_in_pages_when_asked_for(stack: Stack) -> None:
    """MaxResults and NextToken, also where moto shows everything at once (aws.md 6.3)."""
    for number in range(6):
        stack.aws.ec2.create_security_group(VpcId=stack.vpc, GroupName=f"g{number}", Description="one of many")
    in_vpc = [{"Name": "vpc-id", "Values": [stack.vpc]}]
    ec2 = stack.aws.ec2

    first = ec2.describe_security_groups(Filters=in_vpc, MaxResults=5)
    rest = ec2.describe_security_groups(Filters=in_vpc, MaxResults=5, NextToken=first["NextToken"])
    pages = ec2.get_paginator("describe_subnets").paginate(PaginationConfig={"PageSize": 5})
    subnets = [one["SubnetId"] for page in pages for one in page["Subnets"]]

    assert (len(first["SecurityGroups"]), len(rest["SecurityGroups"])) == (5, 3)
    assert "NextToken" not in rest
    assert len(subnets) == len(set(subnets))
    assert set(stack.subnets) <= set(subnets)
    for number in range(17):
        ec2.create_launch_template(LaunchTemplateName=f"t{number}", LaunchTemplateData={"InstanceType": "t3.small"})
    assert len(ec2.describe_launch_templates()["LaunchTemplates"]) == 17
    templates = ec2.get_paginator("describe_launch_templates").paginate(PaginationConfig={"PageSize": 10})
    assert [len(page["LaunchTemplates"]) for page in templates] == [10, 7]


def test_instances_come_in_pages_too(stack: Stack) -> None:
    """By reservation (aws.md 6.3)."""
    stack.group(6)
    instances = stack.aws.ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5})
    assert sum(len(page["Reservations"]) for page in instances) == 6


def test_a_fresh_instance_profile_is_unknown_to_auto_scaling_for_a_while(stack: Stack) -> None:
    """IAM is eventually consistent (aws.md 5.3, 11.1)."""
    stack.aws.iam.create_role(RoleName="hosts", AssumeRolePolicyDocument=TRUST)
    stack.aws.iam.create_instance_profile(InstanceProfileName="hosts")
    stack.aws.iam.add_role_to_instance_profile(InstanceProfileName="hosts", RoleName="hosts")
    stack.template(IamInstanceProfile={"Name": "hosts"})
    params = {
        "AutoScalingGroupName": "web",
        "MinSize": 0,
        "MaxSize": 1,
        "VPCZoneIdentifier": stack.subnets[0],
        "LaunchTemplate": {"LaunchTemplateName": "web", "Version": "1"},
    }

    words = refused("ValidationError", stack.aws.autoscaling.create_auto_scaling_group, **params)
    stack.sleep(1.5)
    stack.aws.autoscaling.create_auto_scaling_group(**params)

    assert words.startswith("You must use a valid fully-formed launch template.")
    assert "Invalid IAM Instance Profile name" in words


def test_iam_refuses_bad_names_bad_policies_and_deletes_nothing_in_use(stack: Stack) -> None:
    """aws.md 5.3, 5.4, 9.5."""
    iam = stack.aws.iam
    iam.create_role(RoleName="hosts", AssumeRolePolicyDocument=TRUST)
    iam.create_instance_profile(InstanceProfileName="hosts")
    iam.add_role_to_instance_profile(InstanceProfileName="hosts", RoleName="hosts")
    policy = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
    iam.attach_role_policy(RoleName="hosts", PolicyArn=policy)

    refused("ValidationError", iam.create_role, RoleName="no/such", AssumeRolePolicyDocument=TRUST)
    refused("MalformedPolicyDocument", iam.create_role, RoleName="other", AssumeRolePolicyDocument="{")
    refused("NoSuchEntity", iam.get_role, RoleName="none")
    refused("NoSuchEntity", iam.get_instance_profile, InstanceProfileName="none")
    refused("DeleteConflict", iam.delete_role, RoleName="hosts")
    refused("DeleteConflict", iam.delete_instance_profile, InstanceProfileName="hosts")
    iam.detach_role_policy(RoleName="hosts", PolicyArn=policy)
    iam.remove_role_from_instance_profile(InstanceProfileName="hosts", RoleName="hosts")
    iam.delete_instance_profile(InstanceProfileName="hosts")
    iam.delete_role(RoleName="hosts")
