"""What there is of a stack that others made: found from its cluster along the references, whatever its tags are.

Reads only. Of groups, load balancers and roles those count that the cluster's services and capacity providers lead to,
or whose names begin with the words of the prefix; other accounts' habits of naming are not guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from controller.aws.client import Aws, pages
from controller.aws.survey_parts import Parts, parts_of
from controller.aws.task_sets import of_codedeploy
from controller.aws.tasks import services_of
from controller.base.errors import Gone, Refused

Item = dict[str, Any]
GROUPS_MAX = 100  # names per BatchGetDeploymentGroups
CLUSTERS_MAX = 100  # arns per DescribeClusters (aws.md 6.3)


@dataclass(slots=True)
class Survey:
    """Answers of AWS, as they came. `definitions` by arn, `templates` by group name, `attributes` by arn."""

    prefix: str
    region: str
    account: str
    cluster: Item
    services: list[Item] = field(default_factory=list)
    definitions: dict[str, Item] = field(default_factory=dict)
    deploys: dict[str, Item] = field(default_factory=dict)  # by service name: its deployment group at CodeDeploy
    providers: list[Item] = field(default_factory=list)
    groups: list[Item] = field(default_factory=list)
    templates: dict[str, Item] = field(default_factory=dict)
    balancer: Item | None = None
    listeners: list[Item] = field(default_factory=list)
    rules: list[Item] = field(default_factory=list)
    certificates: dict[str, list[str]] = field(default_factory=dict)  # further ones of a listener
    target_groups: list[Item] = field(default_factory=list)
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    vpc: Item | None = None
    dns_hostnames: bool = True
    subnets: list[Item] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)  # what else lives in the VPC
    route_tables: list[Item] = field(default_factory=list)
    gateways: list[Item] = field(default_factory=list)
    security_groups: dict[str, Item] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)  # instance profile -> its role
    policies: dict[str, list[str]] = field(default_factory=dict)  # role -> arns of managed policies attached to it
    inline: dict[str, list[str]] = field(default_factory=dict)  # execution role -> names of its inline policies
    users: dict[str, list[str]] = field(default_factory=dict)  # execution role -> services of other clusters with it
    repositories: list[Item] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)  # repositories of the prefix whose images no service runs
    log_groups: list[Item] = field(default_factory=list)
    parts: Parts = field(default_factory=Parts)


def survey(aws: Aws, prefix: str) -> Survey:
    """Raises Refused when not exactly one cluster's name begins with *prefix*."""
    account = aws.sts.get_caller_identity()["Account"]
    found = Survey(prefix, aws.region, account, _cluster(aws, prefix))
    _services(aws, found)
    _hosts(aws, found)
    _balancer(aws, found)
    _network(aws, found)
    _roles(aws, found)
    _execution_roles(aws, found)
    _images_and_logs(aws, found)
    found.parts = parts_of(
        aws,
        found.cluster["clusterName"],
        [one["serviceName"] for one in found.services],
        [one["AutoScalingGroupName"] for one in found.groups],
        [one["repositoryName"] for one in found.repositories],
    )
    return found


def begins(name: str, prefix: str) -> bool:
    """Whether the first words of *name* are *prefix*: ``shop`` begins shop-web, and not shop2-web of the neighbours."""
    rest = name.removeprefix(prefix)
    return name.startswith(prefix) and not (prefix[-1:].isalnum() and rest[:1].isalnum())


def _cluster(aws: Aws, prefix: str) -> Item:
    names = sorted(_clusters(aws))
    mine = [name for name in names if name == prefix] or [name for name in names if begins(name, prefix)]
    if len(mine) != 1:
        there = f"there are {', '.join(names)}" if names else f"there is none in {aws.region}"
        words = f"the clusters {', '.join(mine)} begin" if mine else "no cluster begins"
        raise Refused(f"{words} with {prefix}: give the prefix of exactly one ({there})")
    return dict(aws.ecs.describe_clusters(clusters=mine, include=["CONFIGURATIONS", "SETTINGS", "TAGS"])["clusters"][0])


def _clusters(aws: Aws) -> set[str]:
    """The names of all there are."""
    arns: list[Any] = pages(aws.ecs.list_clusters, "clusterArns", "nextToken")
    return {arn.rsplit("/", 1)[-1] for arn in arns}


def _services(aws: Aws, found: Survey) -> None:
    found.services = [one for one in services_of(aws, found.cluster["clusterName"]) if one["status"] == "ACTIVE"]
    found.services.sort(key=lambda one: str(one["serviceName"]))
    if any(of_codedeploy(one) for one in found.services):
        _deploys(aws, found)
    for arn in sorted({one["taskDefinition"] for one in found.services}):
        found.definitions[arn] = dict(aws.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"])


def _deploys(aws: Aws, found: Survey) -> None:
    """Every deployment group of the account: none says by its name which service it is for."""
    cluster = found.cluster["clusterName"]
    for application in pages(aws.codedeploy.list_applications, "applications", "nextToken"):
        asked: Any = {"applicationName": application}
        names = pages(aws.codedeploy.list_deployment_groups, "deploymentGroups", "nextToken", **asked)
        for start in range(0, len(names), GROUPS_MAX):
            part: Any = names[start : start + GROUPS_MAX]
            answer = aws.codedeploy.batch_get_deployment_groups(**asked, deploymentGroupNames=part)
            for group in answer["deploymentGroupsInfo"]:
                for one in group.get("ecsServices") or []:
                    if one["clusterName"] == cluster:
                        found.deploys[one["serviceName"]] = dict(group)


def _hosts(aws: Aws, found: Survey) -> None:
    names = [name for name in found.cluster.get("capacityProviders", []) if not name.startswith("FARGATE")]
    if names:
        described: Any = aws.ecs.describe_capacity_providers(capacityProviders=names)
        found.providers = list(described["capacityProviders"])
    behind = {one["autoScalingGroupProvider"]["autoScalingGroupArn"] for one in found.providers}
    listed = pages(aws.autoscaling.describe_auto_scaling_groups, "AutoScalingGroups", "NextToken")
    found.groups = [
        one
        for one in listed
        if one["AutoScalingGroupARN"] in behind or begins(one["AutoScalingGroupName"], found.prefix)
    ]
    found.groups.sort(key=lambda one: str(one["AutoScalingGroupName"]))
    for group in found.groups:
        chosen = group.get("LaunchTemplate") or (
            group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {}).get("LaunchTemplateSpecification")
        )
        if chosen:
            wanted: Any = [chosen.get("Version") or "$Default"]
            versions = aws.ec2.describe_launch_template_versions(
                LaunchTemplateId=chosen["LaunchTemplateId"], Versions=wanted
            )["LaunchTemplateVersions"]
            found.templates[group["AutoScalingGroupName"]] = dict(versions[0])


def _balancer(aws: Aws, found: Survey) -> None:
    elbv2 = aws.elbv2
    used = {
        one["targetGroupArn"] for s in found.services for one in s.get("loadBalancers", []) if "targetGroupArn" in one
    }
    every = pages(elbv2.describe_target_groups, "TargetGroups", "Marker")
    mine = [one for one in every if one["TargetGroupArn"] in used or begins(one["TargetGroupName"], found.prefix)]
    arns = sorted({arn for one in mine if one["TargetGroupArn"] in used for arn in one["LoadBalancerArns"]})
    balancers = pages(elbv2.describe_load_balancers, "LoadBalancers", "Marker")
    chosen = [one for one in balancers if one["LoadBalancerArn"] in arns] or [
        one for one in balancers if begins(one["LoadBalancerName"], found.prefix) and one["Type"] == "application"
    ]
    if len(chosen) > 1:
        raise Refused(f"{', '.join(one['LoadBalancerName'] for one in chosen)}: one stack has one load balancer")
    found.target_groups = sorted(mine, key=lambda one: str(one["TargetGroupName"]))
    for one in found.target_groups:
        answer = elbv2.describe_target_group_attributes(TargetGroupArn=one["TargetGroupArn"])
        found.attributes[one["TargetGroupArn"]] = {a["Key"]: a["Value"] for a in answer["Attributes"]}
    for balancer in chosen:
        arn = balancer["LoadBalancerArn"]
        found.balancer = balancer
        answer_of = elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)
        found.attributes[arn] = {a["Key"]: a["Value"] for a in answer_of["Attributes"]}
        found.listeners = pages(elbv2.describe_listeners, "Listeners", "Marker", LoadBalancerArn=arn)
        found.listeners.sort(key=lambda one: int(one["Port"]))
        for listener in found.listeners:
            rules = pages(elbv2.describe_rules, "Rules", "Marker", ListenerArn=listener["ListenerArn"])
            if listener["Protocol"] == "HTTPS":
                arn_of = listener["ListenerArn"]
                listed = pages(elbv2.describe_listener_certificates, "Certificates", "Marker", ListenerArn=arn_of)
                further = sorted(one["CertificateArn"] for one in listed if not one.get("IsDefault"))
                found.certificates[arn_of] = further
            found.rules += [{**rule, "ListenerArn": listener["ListenerArn"]} for rule in rules]


def _network(aws: Aws, found: Survey) -> None:
    ec2 = aws.ec2
    ids = set[str]()
    groups = set[str]()
    if found.balancer is not None:
        ids |= {zone["SubnetId"] for zone in found.balancer["AvailabilityZones"]}
        groups |= set(found.balancer.get("SecurityGroups", []))
    for group in found.groups:
        ids |= {part for part in group.get("VPCZoneIdentifier", "").split(",") if part}
    for service in found.services:
        placed = service.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
        ids |= set(placed.get("subnets", []))
        groups |= set(placed.get("securityGroups", []))
    for version in found.templates.values():
        data = version["LaunchTemplateData"]
        first: Any = next(iter(data.get("NetworkInterfaces", [])), {})
        groups |= set(data.get("SecurityGroupIds") or first.get("Groups", []))
    found.subnets = _listed(ec2.describe_subnets, "Subnets", "subnet-id", ids)
    found.subnets.sort(key=lambda one: (str(one["AvailabilityZone"]), str(one["CidrBlock"])))
    vpcs = {one["VpcId"] for one in found.subnets}
    if len(vpcs) > 1:
        raise Refused(f"{', '.join(sorted(vpcs))}: one stack lives in one VPC")
    for vpc in vpcs:
        found.vpc = _listed(ec2.describe_vpcs, "Vpcs", "vpc-id", [vpc])[0]
        answer = ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
        found.dns_hostnames = bool(answer["EnableDnsHostnames"]["Value"])
        found.route_tables = _listed(ec2.describe_route_tables, "RouteTables", "vpc-id", [vpc])
        found.gateways = _listed(ec2.describe_internet_gateways, "InternetGateways", "attachment.vpc-id", [vpc])
        found.strangers = _strangers(aws, found, vpc, groups)
    described = _listed(ec2.describe_security_groups, "SecurityGroups", "group-id", groups)
    found.security_groups = {one["GroupId"]: one for one in described}


def _strangers(aws: Aws, found: Survey, vpc: str, groups: Set[str]) -> list[str]:
    """Subnets and network interfaces of *vpc* that belong to none of what was found; those of tasks are told by their
    security *groups*."""
    mine = {one["SubnetId"] for one in found.subnets}
    subnets = [one["SubnetId"] for one in _listed(aws.ec2.describe_subnets, "Subnets", "vpc-id", [vpc])]
    members = {one["InstanceId"] for group in found.groups for one in group["Instances"]}
    balancer = f"ELB app/{found.balancer['LoadBalancerName']}/" if found.balancer is not None else "none"
    interfaces = [
        one["NetworkInterfaceId"]
        for one in _listed(aws.ec2.describe_network_interfaces, "NetworkInterfaces", "vpc-id", [vpc])
        if one.get("Attachment", {}).get("InstanceId") not in members
        and not str(one.get("Description", "")).startswith(balancer)
        and not (
            str(one.get("Description", "")).startswith("arn:aws:ecs:")
            and groups >= {group["GroupId"] for group in one.get("Groups", [])}
        )
    ]
    return sorted({*subnets} - mine) + sorted(interfaces)


def _roles(aws: Aws, found: Survey) -> None:
    for version in found.templates.values():
        given = version["LaunchTemplateData"].get("IamInstanceProfile", {})
        name = given.get("Name") or str(given.get("Arn", "")).rsplit("/", 1)[-1]
        if not name:
            continue
        try:
            roles = aws.iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]
        except Gone:
            continue
        for role in roles:
            found.roles[name] = role["RoleName"]
            found.policies[role["RoleName"]] = _attached(aws, role["RoleName"])


def _attached(aws: Aws, role: str) -> list[str]:
    attached = pages(aws.iam.list_attached_role_policies, "AttachedPolicies", "Marker", RoleName=role)
    return sorted(one["PolicyArn"] for one in attached)


def _execution_roles(aws: Aws, found: Survey) -> None:
    """What they allow, and who else has his tasks started with them: a role of the account is not one stack's."""
    arns = {arn for one in found.definitions.values() if (arn := str(one.get("executionRoleArn") or ""))}
    for role in sorted(arn.rsplit("/", 1)[-1] for arn in arns):
        try:
            found.policies[role] = _attached(aws, role)
            names = pages(aws.iam.list_role_policies, "PolicyNames", "Marker", RoleName=role)
        except Gone:
            continue
        found.inline[role] = sorted(str(name) for name in names)
    if not any(begins(arn.rsplit("/", 1)[-1], found.prefix) for arn in arns):
        return
    known: dict[str, set[str]] = {}  # the roles of a task definition
    for cluster in sorted(_clusters(aws) - {found.cluster["clusterName"]}):
        for service in services_of(aws, cluster):
            arn = str(service.get("taskDefinition") or "")
            if arn and arn not in known:
                one = aws.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
                known[arn] = {str(one.get("executionRoleArn")), str(one.get("taskRoleArn"))}
            for role in sorted(known.get(arn, set()) & arns):
                found.users.setdefault(role.rsplit("/", 1)[-1], []).append(f"{cluster}/{service['serviceName']}")


def _images_and_logs(aws: Aws, found: Survey) -> None:
    containers = [one for definition in found.definitions.values() for one in definition["containerDefinitions"]]
    images = {str(one.get("image", "")).partition("/")[2].partition(":")[0] for one in containers}
    listed = pages(aws.ecr.describe_repositories, "repositories", "nextToken")
    found.repositories = [one for one in listed if one["repositoryName"] in images]
    others = {one["repositoryName"] for one in listed} - images
    found.idle = sorted(name for name in others if begins(name, found.prefix))
    options = [one.get("logConfiguration", {}).get("options", {}) for one in containers]
    for name in sorted({one["awslogs-group"] for one in options if "awslogs-group" in one}):
        answer = aws.logs.describe_log_groups(logGroupNamePrefix=name, limit=1)["logGroups"]
        found.log_groups += [dict(one) for one in answer if one["logGroupName"] == name]


def _listed(call: Callable[..., Any], result: str, name: str, values: Iterable[str]) -> list[Item]:
    wanted: Sequence[str] = sorted(values)
    return pages(call, result, Filters=[{"Name": name, "Values": list(wanted)}]) if wanted else []
