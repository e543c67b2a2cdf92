"""Everything that an account holds, as AWS describes it: to be compared before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from controller.aws.client import Aws, pages
from controller.base.errors import Gone

Found = Iterator[tuple[str, Any]]
EC2 = {
    "vpcs": ("Vpcs", "VpcId"),
    "subnets": ("Subnets", "SubnetId"),
    "internet_gateways": ("InternetGateways", "InternetGatewayId"),
    "nat_gateways": ("NatGateways", "NatGatewayId"),
    "addresses": ("Addresses", "AllocationId"),
    "vpc_endpoints": ("VpcEndpoints", "VpcEndpointId"),
    "route_tables": ("RouteTables", "RouteTableId"),
    "security_groups": ("SecurityGroups", "GroupId"),
    "security_group_rules": ("SecurityGroupRules", "SecurityGroupRuleId"),
    "launch_templates": ("LaunchTemplates", "LaunchTemplateId"),
}
GROUPS = {
    "auto_scaling_groups": ("AutoScalingGroups", "AutoScalingGroupARN"),
    "policies": ("ScalingPolicies", "PolicyARN"),
    "scheduled_actions": ("ScheduledUpdateGroupActions", "ScheduledActionARN"),
}


def account(aws: Aws) -> dict[str, Any]:
    """All there is, by a name of our own; answers are as AWS gives them, but that every list is sorted."""
    parts = (_ec2, _groups, _ecs, _balancing, _iam, _others)
    return {name: _steady(one) for part in parts for name, one in part(aws)}


def _ec2(aws: Aws) -> Found:
    for what, (result, ident) in EC2.items():
        for one in pages(getattr(aws.ec2, f"describe_{what}"), result):
            if one.get("State") != "deleted":  # shown for an hour all the same
                yield f"{what} {one[ident]}", one
    for one in pages(aws.ec2.describe_vpcs, "Vpcs"):
        for name in ("enableDnsHostnames", "enableDnsSupport"):
            yield f"{name} {one['VpcId']}", _attribute(aws, one["VpcId"], name)
    for template in pages(aws.ec2.describe_launch_templates, "LaunchTemplates"):
        for one in pages(
            aws.ec2.describe_launch_template_versions,
            "LaunchTemplateVersions",
            LaunchTemplateId=template["LaunchTemplateId"],
        ):
            yield f"version {one['LaunchTemplateId']} {one['VersionNumber']}", one
    for several in pages(aws.ec2.describe_instances, "Reservations"):
        for one in several["Instances"]:
            if one["State"]["Name"] != "terminated":
                yield f"instance {one['InstanceId']}", one


def _attribute(aws: Aws, vpc: str, name: Any) -> Any:
    return aws.ec2.describe_vpc_attribute(VpcId=vpc, Attribute=name)


def _groups(aws: Aws) -> Found:
    for what, (result, ident) in GROUPS.items():
        for one in pages(getattr(aws.autoscaling, f"describe_{what}"), result):
            yield f"{what} {one[ident]}", one
    for group in pages(aws.autoscaling.describe_auto_scaling_groups, "AutoScalingGroups"):
        name = group["AutoScalingGroupName"]
        yield f"hooks {name}", aws.autoscaling.describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]


def _ecs(aws: Aws) -> Found:
    ecs: Any = aws.ecs
    for cluster in _strings(ecs.list_clusters, "clusterArns"):
        (one,) = ecs.describe_clusters(clusters=[cluster], include=["TAGS", "SETTINGS", "CONFIGURATIONS"])["clusters"]
        yield f"cluster {cluster}", one
        for service in _strings(ecs.list_services, "serviceArns", cluster=cluster):
            (one,) = ecs.describe_services(cluster=cluster, services=[service], include=["TAGS"])["services"]
            yield f"service {service}", one
        for host in _strings(ecs.list_container_instances, "containerInstanceArns", cluster=cluster):
            asked = ecs.describe_container_instances(cluster=cluster, containerInstances=[host], include=["TAGS"])
            yield f"host {host}", asked["containerInstances"]
        for task in _strings(ecs.list_tasks, "taskArns", cluster=cluster):
            yield f"task {task}", ecs.describe_tasks(cluster=cluster, tasks=[task], include=["TAGS"])["tasks"]
    for arn in _strings(ecs.list_task_definitions, "taskDefinitionArns"):
        yield f"task definition {arn}", ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
    for one in ecs.describe_capacity_providers(include=["TAGS"])["capacityProviders"]:
        yield f"capacity provider {one['name']}", one


def _balancing(aws: Aws) -> Found:
    elb: Any = aws.elbv2
    for balancer in pages(elb.describe_load_balancers, "LoadBalancers", "Marker"):
        arn = balancer["LoadBalancerArn"]
        yield f"balancer {arn}", (balancer, elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"])
        for listener in pages(elb.describe_listeners, "Listeners", "Marker", LoadBalancerArn=arn):
            at = listener["ListenerArn"]
            yield f"listener {at}", (listener, elb.describe_listener_certificates(ListenerArn=at)["Certificates"])
            rules = pages(elb.describe_rules, "Rules", "Marker", ListenerArn=at)
            yield f"rules of {at}", [rule["RuleArn"] for rule in rules]
            for rule in rules:
                yield f"rule {rule['RuleArn']}", (rule, _elb_tags(elb, rule["RuleArn"]))
            yield f"tags {at}", _elb_tags(elb, at)
        yield f"tags {arn}", _elb_tags(elb, arn)
    for group in pages(elb.describe_target_groups, "TargetGroups", "Marker"):
        arn = group["TargetGroupArn"]
        targets = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        yield f"target group {arn}", (group, elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"])
        yield f"targets {arn}", sorted(targets, key=repr)
        yield f"tags {arn}", _elb_tags(elb, arn)


def _elb_tags(elb: Any, arn: str) -> Any:
    return elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]


def _iam(aws: Aws) -> Found:
    iam: Any = aws.iam
    for role in pages(iam.list_roles, "Roles", "Marker"):
        name = role["RoleName"]
        yield f"role {name}", iam.get_role(RoleName=name)["Role"]
        yield f"attached {name}", iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        yield f"policies of {name}", (names := iam.list_role_policies(RoleName=name)["PolicyNames"])
        for policy in names:
            yield f"policy {name} {policy}", iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
    for profile in pages(iam.list_instance_profiles, "InstanceProfiles", "Marker"):
        yield f"profile {profile['InstanceProfileName']}", profile
    for one in pages(iam.list_server_certificates, "ServerCertificateMetadataList", "Marker"):
        yield f"certificate {one['ServerCertificateName']}", one


def _others(aws: Aws) -> Found:
    for one in pages(aws.logs.describe_log_groups, "logGroups", "nextToken"):
        tags = aws.logs.list_tags_for_resource(resourceArn=one["arn"].removesuffix(":*"))["tags"]
        yield f"log group {one['logGroupName']}", (one, tags)
    for repository in pages(aws.ecr.describe_repositories, "repositories", "nextToken"):
        tagged = aws.ecr.list_tags_for_resource(resourceArn=repository["repositoryArn"])["tags"]
        name = repository["repositoryName"]
        images = pages(aws.ecr.describe_images, "imageDetails", "nextToken", repositoryName=name)
        yield f"repository {name}", (repository, tagged, [one.get("imageTags") for one in images], _expiry(aws, name))
    scaling: Any = aws.applicationautoscaling
    for call, result in (
        (scaling.describe_scalable_targets, "ScalableTargets"),
        (scaling.describe_scaling_policies, "ScalingPolicies"),
    ):
        for one in pages(call, result, ServiceNamespace="ecs"):
            yield f"{result} {one['ResourceId']} {one.get('PolicyName', '')}", one


def _expiry(aws: Aws, repository: str) -> str:
    try:
        return aws.ecr.get_lifecycle_policy(repositoryName=repository)["lifecyclePolicyText"]
    except Gone:
        return ""


def _strings(call: Callable[..., Any], result: str, **request: Any) -> list[str]:
    found: list[Any] = pages(call, result, "nextToken", **request)
    return found


def _steady(value: Any) -> Any:
    """*value* without what comes in any order, and without the answer's own number."""
    if isinstance(value, dict):
        return {name: _steady(one) for name, one in value.items() if name != "ResponseMetadata"}
    if isinstance(value, list | tuple):
        return sorted((_steady(one) for one in value), key=repr)
    return value
