"""For every comparable field of every kind, something else it could be. The contract fails where one is missing.

A sample is a value, or a function of the world and the desired state: it may make what it needs by hand (a third
subnet, another revision), and answers the edited desired state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from controller.aws.client import Aws
from controller.aws.containers import HealthCheck as HealthCommand
from controller.aws.containers import Sidecar
from controller.aws.containers import Volume as TaskVolume
from controller.aws.mixes import Mix
from controller.base.keys import NAME_TAG, OWNER_TAG, Key
from controller.engine.reconciler import Observed
from controller.resources import internet_gateway
from controller.resources.capacity_provider import ManagedScaling
from controller.resources.launch_template import Volume
from controller.resources.listener import Answer
from controller.resources.listener_rule import Balancing, Forward, Stickiness
from controller.resources.load_balancer import AccessLogs
from controller.resources.repository import Lifecycle
from controller.resources.role import Grant
from controller.resources.scalable_target import DIMENSION
from controller.resources.scaling_policy import Tracking
from controller.resources.security_group import EVERYTHING_OUT, Rule
from controller.resources.service_shape import Share
from controller.resources.target_group import HealthCheck
from controller.spec.types import TLS_POLICY
from tests.resources.stacks import World, certify

Make = Callable[[World, Any], Any]
ALL_ALLOWED = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'

SUBJECTS = {  # which resource of the rich stack is edited
    "auto_scaling_group": "main",
    "capacity_provider": "edge",
    "cluster": "main",
    "codedeploy_application": "main",
    "codedeploy_deployment": "turn",
    "codedeploy_deployment_group": "turn",
    "cluster_capacity_providers": "main",
    "elastic_ip": "public-1",
    "instance_profile": "hosts-main",
    "internet_gateway": "sample",
    "launch_template": "main",
    "lifecycle_hook": "edge-warm",
    "listener": "admin",
    "listener_rule": "web",
    "load_balancer": "main",
    "log_group": "web",
    "nat_gateway": "public-2",
    "repository": "shop",
    "role": "task-float",
    "route_table": "public",
    "scaling_policy": "main-cpu",
    "scheduled_action": "spare-night",
    "scalable_target": "admin",
    "service_scaling_policy": "admin-requests",
    "security_group": "load-balancer",
    "service": "float",
    "subnet": "public-1",
    "target_group": "web-blue",
    "task_definition": "worker",
    "vpc": "main",
    "vpc_endpoint": "logs",
}


def subject(world: World, kind: str, wanted: Mapping[Key, Any]) -> tuple[Key, Any]:
    """The resource to edit and what it should be. A gateway in use cannot move: that one gets a stack of its own."""
    key = Key(kind, SUBJECTS[kind])
    if kind != "internet_gateway":
        return key, wanted[key]
    born = tuple((k, str(key) if k == NAME_TAG else v) for k, v in wanted[Key(kind, "main")].tags)
    desired = internet_gateway.InternetGateway(_vpc(world), born)
    internet_gateway.KIND.create(world.aws, key, desired)
    return key, desired


def _vpc(world: World) -> str:
    return world.aws.ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]


def _subnet(world: World) -> str:
    """A third subnet of the stack's VPC, made by hand in a zone of its own."""
    vpc = world.see("vpc")[Key("vpc", "main")].outputs["id"]
    found = world.aws.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    by_hand = [one["SubnetId"] for one in found if one["CidrBlock"] == "10.60.9.0/24"]
    if by_hand:
        return by_hand[0]
    zone = "us-east-1f"
    made = world.aws.ec2.create_subnet(VpcId=vpc, CidrBlock="10.60.9.0/24", AvailabilityZone=zone)
    return made["Subnet"]["SubnetId"]


def _gateway(world: World) -> str:
    return world.aws.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]


def _with(field: str, make: Callable[[World], Any]) -> Make:
    return lambda world, desired: replace(desired, **{field: make(world)})


def _added(field: str, make: Callable[[World], Any]) -> Make:
    return lambda world, desired: replace(desired, **{field: (*getattr(desired, field), make(world))})


def _output(key: Key, name: str) -> Callable[[World], str]:
    return lambda world: world.see(key.kind)[key].outputs[name]


def _version(world: World) -> str:
    """A version made by hand."""
    for name in ("rich-main", "rich-spare"):
        made = world.aws.ec2.create_launch_template_version(
            LaunchTemplateName=name, SourceVersion="1", LaunchTemplateData={"InstanceType": "t3.large"}
        )
    return str(made["LaunchTemplateVersion"]["VersionNumber"])


def _secured(**more: Any) -> Make:
    """HTTPS, which comes with a certificate and a policy; *more* differs as well."""
    own = {"certificate": "arn:aws:iam::123456789012:server-certificate/rich-a", "policy": TLS_POLICY}
    return lambda _, desired: replace(desired, protocol="HTTPS", **own | more)


def _suspended(world: World, desired: Any) -> Any:
    """Somebody switched scaling in off; the spec knows no such thing."""
    state: Any = {"DynamicScalingInSuspended": True}
    call = world.aws.applicationautoscaling.register_scalable_target
    call(
        ServiceNamespace="ecs", ResourceId="service/rich/rich-admin", ScalableDimension=DIMENSION, SuspendedState=state
    )
    return desired


def _outside(world: World, desired: Any) -> Any:
    """Somebody set the count beyond the bounds."""
    world.aws.ecs.update_service(cluster="rich", service="rich-admin", desiredCount=9)
    return desired


def _disabled(world: World, desired: Any) -> Any:
    """Somebody switched it off."""
    place: Any = {"AutoScalingGroupName": desired.place}
    (live,) = world.aws.autoscaling.describe_policies(**place, PolicyNames=[desired.name])["ScalingPolicies"]
    kept: Any = {name: live[name] for name in ("PolicyType", "TargetTrackingConfiguration", "EstimatedInstanceWarmup")}
    world.aws.autoscaling.put_scaling_policy(**place, PolicyName=desired.name, Enabled=False, **kept)
    return desired


def _aging(world: World, desired: Any) -> Any:
    """Somebody had its hosts replaced every day, behind the rollout's back."""
    world.aws.autoscaling.update_auto_scaling_group(AutoScalingGroupName=desired.name, MaxInstanceLifetime=86400)
    return desired


def _first_version(world: World, desired: Any) -> Any:
    """Somebody has it speak HTTP/1.1 only."""
    (live,) = world.aws.elbv2.describe_load_balancers(Names=[desired.name])["LoadBalancers"]
    attributes: Any = [{"Key": "routing.http2.enabled", "Value": "false"}]
    world.aws.elbv2.modify_load_balancer_attributes(LoadBalancerArn=live["LoadBalancerArn"], Attributes=attributes)
    return desired


def _apart(world: World, desired: Any) -> Any:
    """Somebody has each zone send to its own targets only."""
    (live,) = world.aws.elbv2.describe_target_groups(Names=[desired.name])["TargetGroups"]
    attributes: Any = [{"Key": "load_balancing.cross_zone.enabled", "Value": "false"}]
    world.aws.elbv2.modify_target_group_attributes(TargetGroupArn=live["TargetGroupArn"], Attributes=attributes)
    return desired


def _narrowed(world: World, desired: Any) -> Any:
    """Somebody has an endpoint let through nobody."""
    ident = world.see("vpc_endpoint")[Key("vpc_endpoint", "logs")].outputs["endpoint"]
    world.aws.ec2.modify_vpc_endpoint(VpcEndpointId=ident, PolicyDocument=ALL_ALLOWED.replace("Allow", "Deny"))
    return desired


def _ending(world: World, desired: Any) -> Any:
    """Somebody had it end next year."""
    end, put = world.sim.now() + timedelta(days=365), world.aws.autoscaling.put_scheduled_update_group_action
    put(AutoScalingGroupName=desired.place, ScheduledActionName=desired.name, EndTime=end)
    return desired


def _rooted(world: World, desired: Any) -> Any:
    """Somebody registered the newest revision once more, with a user that no spec can say, and our tags on it."""
    ecs: Any = world.aws.ecs
    answer = ecs.describe_task_definition(taskDefinition=desired.name, include=["TAGS"])
    live: dict[str, Any] = answer["taskDefinition"]
    kept = ("family", "networkMode", "executionRoleArn", "requiresCompatibilities")
    containers = [{**one, "user": "root"} for one in live["containerDefinitions"]]
    same: Any = {name: live[name] for name in kept}
    ecs.register_task_definition(**same, containerDefinitions=containers, tags=answer["tags"])
    return desired


def _optimized(world: World, desired: Any) -> Any:
    """Somebody made a version on top of ours, as if it were ours."""
    ec2: Any = world.aws.ec2
    found = ec2.describe_launch_template_versions(LaunchTemplateName=desired.name)["LaunchTemplateVersions"]
    newest = max(found, key=lambda one: one["VersionNumber"])
    ec2.create_launch_template_version(
        LaunchTemplateName=desired.name,
        VersionDescription=newest["VersionDescription"],
        LaunchTemplateData={**newest["LaunchTemplateData"], "EbsOptimized": True},
    )
    return desired


def _written_into(world: World, desired: Any) -> Any:
    """Somebody wrote a policy into a role that is the spec's alone."""
    world.aws.iam.put_role_policy(RoleName=desired.name, PolicyName="theirs", PolicyDocument=ALL_ALLOWED)
    return desired


def _bare(world: World, desired: Any) -> Any:
    """Somebody took the tags off a rule that the spec asks for."""
    ec2, named = world.aws.ec2, [{"Name": "group-name", "Values": [desired.name]}]
    (group,) = ec2.describe_security_groups(Filters=named)["SecurityGroups"]
    asked: Any = [{"Name": "group-id", "Values": [group["GroupId"]]}]
    rules = ec2.describe_security_group_rules(Filters=asked)["SecurityGroupRules"]
    bare = [one["SecurityGroupRuleId"] for one in rules if not one["IsEgress"]]
    ec2.delete_tags(Resources=bare, Tags=[{"Key": OWNER_TAG}])
    return desired


def _definition(world: World, runs_on: str = "FARGATE") -> str:
    """A task definition made by hand, that listens on two ports."""
    ports: Any = [{"containerPort": 80}, {"containerPort": 90}]
    container: Any = {"name": "app", "image": "nginx:1", "memory": 64, "portMappings": ports}
    more: Any = {"cpu": "256", "memory": "512", "requiresCompatibilities": [runs_on]}
    made = world.aws.ecs.register_task_definition(
        family="by-hand", networkMode="awsvpc", containerDefinitions=[container], **more
    )
    return made["taskDefinition"]["taskDefinitionArn"]


def _bridged(world: World) -> str:
    """A task definition made by hand, like that of the service it is for."""
    ports: Any = [{"containerPort": 80}]
    container: Any = {"name": "app", "image": "nginx:1", "cpu": 64, "memory": 64, "portMappings": ports}
    made = world.aws.ecs.register_task_definition(family="by-hand", containerDefinitions=[container])
    return made["taskDefinition"]["taskDefinitionArn"]


def _elsewhere(world: World, desired: Any) -> Any:
    """Another service of CodeDeploy's, in a cluster of its own."""
    ecs: Any = world.aws.ecs
    ecs.create_cluster(clusterName="elsewhere")
    groups = world.see("target_group")
    behind = {"targetGroupArn": groups[Key("target_group", "turn-blue")].outputs["arn"]}
    ecs.create_service(
        cluster="elsewhere",
        serviceName="elsewhere",
        taskDefinition=_bridged(world),
        desiredCount=0,
        clientToken="elsewhere",
        loadBalancers=[{**behind, "containerName": "app", "containerPort": 80}],
        deploymentController={"type": "CODE_DEPLOY"},
    )
    return replace(desired, cluster="elsewhere", service="elsewhere")


def _forwarding(world: World) -> str:
    """Another listener of the same load balancer that leads to one of its groups."""
    live: Any = world.see("listener", "target_group")
    other = live[Key("listener", "admin")].outputs["arn"]
    group = live[Key("target_group", "turn-blue")].outputs["arn"]
    world.aws.elbv2.create_rule(
        ListenerArn=other,
        Priority=77,
        Conditions=[{"Field": "path-pattern", "Values": ["/x"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    return str(other)


def _on_hosts(world: World, desired: Any) -> Any:
    """The service off Fargate: only hosts can be chosen among."""
    spare = world.see("capacity_provider")[Key("capacity_provider", "spare")].outputs["name"]
    definition = _definition(world, "EC2")
    moved = {"capacity": (Share(spare, 0, 1),), "platform": "", "public_ip": False, "task_definition": definition}
    return replace(desired, **moved)


def _provider(world: World, desired: Any) -> Any:
    """A third provider, with a group of its own."""
    subnet = world.see("subnet")[Key("subnet", "public-1")].outputs["id"]
    template = {"LaunchTemplateName": "rich-main", "Version": "1"}
    call: Any = world.aws.autoscaling.create_auto_scaling_group
    call(AutoScalingGroupName="third", MinSize=0, MaxSize=0, LaunchTemplate=template, VPCZoneIdentifier=subnet)
    found = world.aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=["third"])["AutoScalingGroups"]
    group: Any = {"autoScalingGroupArn": found[0]["AutoScalingGroupARN"]}
    world.aws.ecs.create_capacity_provider(name="third", autoScalingGroupProvider=group)
    return replace(desired, providers=(*desired.providers, "third"), names=(*desired.names, "third"))


TAGS: Make = lambda _, desired: replace(desired, tags=tuple(sorted({**dict(desired.tags), "team": "other"}.items())))  # noqa: E731

SAMPLES: dict[str, dict[str, Any]] = {
    "auto_scaling_group": {
        "template": _with("template", _output(Key("launch_template", "spare"), "id")),
        "version": _with("version", _version),
        "subnets": lambda _, desired: replace(desired, subnets=desired.subnets[:1]),
        "min": 2,
        "max": 5,
        "mix": Mix(("t3.small", "t3.large"), 1, 20, "capacity-optimized"),
        "protect_new": True,
        "maintenance": (),
        "others": _aging,
        "tags": TAGS,
    },
    "capacity_provider": {
        "group": "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:1:autoScalingGroupName/x",
        "managed_draining": False,
        "managed_scaling": ManagedScaling(70, 2, 8, 60),
        "termination_protection": False,
        "tags": TAGS,
    },
    "cluster": {"container_insights": "enhanced", "exec_log": "DEFAULT", "tags": TAGS},
    "cluster_capacity_providers": {"cluster": "other", "providers": _provider},
    "container_image": {"uri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/other"},
    "elastic_ip": {"subnet": _with("subnet", _output(Key("subnet", "public-2"), "id")), "tags": TAGS},
    "image": {},
    "instance_profile": {"role": _with("role", _output(Key("role", "hosts-spare"), "name")), "tags": TAGS},
    "internet_gateway": {"vpc": _with("vpc", _vpc), "tags": TAGS},
    "launch_template": {
        "image": "ami-0123456789abcdef0",
        "instance_type": "t3.large",
        "profile": _with("profile", _output(Key("instance_profile", "hosts-spare"), "name")),
        "security_groups": _added("security_groups", _output(Key("security_group", "load-balancer"), "id")),
        "user_data": "#!/bin/bash\ntrue\n",
        "http_tokens": "optional",
        "hop_limit": 1,
        "public_ip": True,
        "metadata_tags": False,
        "volumes": (Volume("/dev/xvda", 40, "gp3", 4000, 250, True, ""),),
        "ssh_key": "operators",
        "monitoring": False,
        "others": _optimized,
        "tags": TAGS,
    },
    "lifecycle_hook": {"on": "TERMINATING", "heartbeat": 60, "default": "ABANDON"},
    "codedeploy_application": {"platform": "Server", "tags": TAGS},
    "codedeploy_deployment": {"task_definition": _with("task_definition", _bridged)},
    "codedeploy_deployment_group": {
        "application": "other",
        "role": _with("role", _output(Key("role", "hosts-main"), "arn")),
        "config": "CodeDeployDefault.ECSCanary10Percent5Minutes",
        "cluster": _elsewhere,
        "service": _elsewhere,
        "groups": lambda world, desired: replace(
            desired, groups=(desired.groups[0], _output(Key("target_group", "web-green"), "name")(world))
        ),
        "listeners": _added("listeners", _forwarding),
        "on_ready": "STOP_DEPLOYMENT",
        "keep": 10,
        "on_success": "KEEP_ALIVE",
        "alarms": ("shop-5xx",),
        "rollback": ("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"),
        "tags": TAGS,
    },
    "listener": {
        "load_balancer": "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/x/1",
        "port": 8444,
        "protocol": _secured(),
        "certificate": lambda world, desired: _secured(certificate=certify(world, "x"))(world, desired),
        "certificates": _secured(certificates=("arn:aws:iam::123456789012:server-certificate/rich",)),
        "policy": _secured(policy="ELBSecurityPolicy-TLS13-1-3-2021-06"),
        "default": Answer("503", "text/plain", "come back later"),
        "tags": TAGS,
    },
    "listener_rule": {
        "listener": "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/x/1/2",
        "priority": 300,
        "paths": ("/b",),
        "hosts": (),
        "forwards": lambda _, desired: replace(
            desired, forwards=tuple(Forward(one.group, one.weight // 2) for one in desired.forwards)
        ),
        "balancing": lambda _, desired: replace(  # sticky groups stand alone in their rule
            desired,
            forwards=desired.forwards[:1],
            balancing=Balancing("least_outstanding_requests", 0, Stickiness("AWSALB", 3600)),
        ),
        "tags": TAGS,
    },
    "load_balancer": {
        "subnets": _added("subnets", _subnet),
        "security_groups": _added("security_groups", _output(Key("security_group", "hosts-main"), "id")),
        "idle_timeout": 30,
        "deletion_protection": True,
        "drop_invalid_headers": False,
        "access_logs": AccessLogs(),
        "others": _first_version,
        "scheme": "internal",
        "tags": TAGS,
    },
    "log_group": {"retention_days": 0, "tags": TAGS},
    "nat_gateway": {"subnet": "subnet-0", "address": "eipalloc-0", "tags": TAGS},
    "repository": {
        "scan_on_push": False,
        "immutable": True,
        "lifecycle": Lifecycle(expire_untagged=3),
        "encryption": "KMS",
        "tags": TAGS,
    },
    "role": {
        "trust": "ec2.amazonaws.com",
        "policies": ("arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",),
        "grants": (Grant(("s3:GetObject", "s3:ListBucket"), ("arn:aws:s3:::b", "arn:aws:s3:::b/*")),),
        "inline": _written_into,
        "tags": TAGS,
    },
    "route_table": {
        "gateway": _with("gateway", _gateway),
        "subnets": _added("subnets", _subnet),
        "vpc": "vpc-0",
        "tags": TAGS,
    },
    "scaling_policy": {
        "tracking": Tracking("AWS/ECS CPUReservation Average ClusterName=rich", 55.5, False),
        "steps": lambda _, desired: replace(desired, tracking="", steps=((None, 0.0, -1), (0.0, None, 3))),
        "warmup": 30,
        "others": _disabled,
    },
    "scheduled_action": {
        "schedule": "30 21 * * 1-5",
        "timezone": "UTC",
        "min": -1,
        "max": 3,
        "desired": 0,
        "ends": _ending,
    },
    "scalable_target": {"min": 0, "max": 5, "suspended": _suspended, "within": _outside},
    "service_scaling_policy": {
        "metric": lambda _, desired: replace(
            desired, metric="ECSServiceAverageCPUUtilization", load_balancer="", target_group=""
        ),
        "target": 42.5,
        "scale_in_cooldown": 60,
        "scale_out_cooldown": 0,
        "scales_in": False,
        "load_balancer": "app/other/1",
        "target_group": "targetgroup/other/2",
        "scalable_target": "service/rich/other",
    },
    "security_group": {
        "rules": (
            EVERYTHING_OUT,
            Rule("ingress", "tcp", 80, 90, "10.0.0.0/8"),
            Rule("ingress", "-1", -1, -1, "10.7.0.0/16"),
        ),
        "description": "other words",
        "vpc": "vpc-0",
        "tags": TAGS,
        "untagged": _bare,
    },
    "service": {
        "cluster": "other",
        "scheduling": "DAEMON",
        "own_address": False,
        "controller": "CODE_DEPLOY",
        "task_definition": _with("task_definition", _definition),
        "capacity": (Share("FARGATE", 1, 1), Share("FARGATE_SPOT", 0, 4)),
        "platform": "LATEST",
        "subnets": lambda _, desired: replace(desired, subnets=desired.subnets[:1]),
        "security_groups": _added("security_groups", _output(Key("security_group", "load-balancer"), "id")),
        "public_ip": False,
        "target_group": _with("target_group", _output(Key("target_group", "float-green"), "arn")),
        "port": lambda world, desired: replace(desired, port=90, task_definition=_definition(world)),
        "desired": 3,
        "min_percent": 50,
        "max_percent": 150,
        "circuit_breaker": False,
        "alarms": ("shop-5xx",),
        "alarm_rollback": True,
        "grace": 60,
        "zone_rebalancing": "ENABLED",
        "placement": lambda world, desired: replace(_on_hosts(world, desired), placement=(("binpack", "memory"),)),
        "constraints": lambda world, desired: replace(
            _on_hosts(world, desired), constraints=(("distinctInstance", ""), ("memberOf", "attribute:a == b"))
        ),
        "execute_command": False,
        "propagate_tags": "TASK_DEFINITION",
        "managed_tags": False,
        "tags": TAGS,
    },
    "subnet": {"vpc": "vpc-0", "cidr": "10.60.8.0/24", "tags": TAGS, "zone": "us-east-1a", "public_ip": False},
    "target_group": {
        "vpc": "vpc-0",
        "protocol": "HTTPS",
        "scheme": "internal",
        "target_type": "ip",
        "health": HealthCheck("/up", 30, 6, 4, 5, "200-399", "8081"),
        "deregistration_delay": 120,
        "others": _apart,
        "tags": TAGS,
    },
    "task_definition": {
        "image": "busybox:2",
        "cpu": 64,
        "memory": 200,
        "memory_reservation": 100,
        "port": 9000,
        "environment": (("A", "1"), ("B", "2")),
        "secrets": (("KEY", "arn:aws:ssm:us-east-1:123456789012:parameter/key"),),
        "command": ("true",),
        "depends_on": lambda _, desired: replace(
            desired,
            depends_on=(("migrate", "COMPLETE"),),
            sidecars=(Sidecar("migrate", "busybox:1", memory=16, essential=False),),
        ),
        "health": (HealthCommand(("CMD", "true"), 20, 10, 5, 30),),
        "sidecars": (
            Sidecar("migrate", "busybox:1", 8, 16, False, 0, ("true",)),
            Sidecar("proxy", "nginx:1", 8, 16, True, 81, (), (("KEY", "arn:aws:ssm:us-east-1:1:parameter/k"),)),
        ),
        "volumes": (TaskVolume("data", "/data"), TaskVolume("more", "/more", read_only=True)),
        "task_role": "arn:aws:iam::123456789012:role/theirs",
        "execution_role": _with("execution_role", _output(Key("role", "execution-web"), "arn")),
        "log_group": _with("log_group", _output(Key("log_group", "web"), "name")),
        "stop_timeout": 60,
        "network_mode": "host",
        "runs_on": lambda _, desired: replace(
            desired, runs_on="FARGATE", network_mode="awsvpc", architecture="X86_64", cpu=256, memory=512
        ),
        "architecture": "ARM64",
        "others": _rooted,
        "tags": TAGS,
    },
    "vpc": {"cidr": "10.61.0.0/16", "tags": TAGS, "dns_hostnames": False},
    "vpc_endpoint": {
        "service": "com.amazonaws.us-east-1.sts",
        "type": "Gateway",
        "vpc": "vpc-0",
        "tags": TAGS,
        "places": lambda _, desired: replace(desired, places=desired.places[:1]),
        "security_groups": _added("security_groups", _output(Key("security_group", "hosts-main"), "id")),
        "private_dns": False,
        "others": _narrowed,
    },
}


def retag(aws: Aws, key: Key, have: Observed[Any], lost: str, foreign: tuple[str, str]) -> None:
    """Somebody removes one tag of a resource and adds one of theirs, with the calls of its service."""
    name, arn = have.outputs.get("name", ""), have.outputs.get("arn", "")
    pascal: Any = [{"Key": foreign[0], "Value": foreign[1]}]
    camel: Any = [{"key": foreign[0], "value": foreign[1]}]
    match key.kind:
        case (
            "vpc" | "subnet" | "internet_gateway" | "route_table" | "security_group" | "launch_template"
            | "elastic_ip" | "nat_gateway" | "vpc_endpoint"
        ):  # fmt: skip
            aws.ec2.delete_tags(Resources=[have.outputs["id"]], Tags=[{"Key": lost}])
            aws.ec2.create_tags(Resources=[have.outputs["id"]], Tags=pascal)
        case "load_balancer" | "target_group" | "listener" | "listener_rule":
            aws.elbv2.remove_tags(ResourceArns=[arn], TagKeys=[lost])
            aws.elbv2.add_tags(ResourceArns=[arn], Tags=pascal)
        case "cluster" | "capacity_provider" | "service" | "task_definition":
            aws.ecs.untag_resource(resourceArn=arn, tagKeys=[lost])
            aws.ecs.tag_resource(resourceArn=arn, tags=camel)
        case "role":
            aws.iam.untag_role(RoleName=name, TagKeys=[lost])
            aws.iam.tag_role(RoleName=name, Tags=pascal)
        case "instance_profile":
            aws.iam.untag_instance_profile(InstanceProfileName=name, TagKeys=[lost])
            aws.iam.tag_instance_profile(InstanceProfileName=name, Tags=pascal)
        case "repository":
            aws.ecr.untag_resource(resourceArn=arn, tagKeys=[lost])
            aws.ecr.tag_resource(resourceArn=arn, tags=pascal)
        case "log_group":
            aws.logs.untag_resource(resourceArn=arn, tagKeys=[lost])
            aws.logs.tag_resource(resourceArn=arn, tags=dict([foreign]))
        case "auto_scaling_group":
            place: Any = {"ResourceId": name, "ResourceType": "auto-scaling-group"}
            aws.autoscaling.delete_tags(Tags=[{**place, "Key": lost}])
            tag = {**place, "Key": foreign[0], "Value": foreign[1], "PropagateAtLaunch": False}
            aws.autoscaling.create_or_update_tags(Tags=[tag])
        case "codedeploy_application" | "codedeploy_deployment_group":
            aws.codedeploy.untag_resource(ResourceArn=arn, TagKeys=[lost])
            aws.codedeploy.tag_resource(ResourceArn=arn, Tags=pascal)
        case kind:
            raise AssertionError(f"nobody knows how to untag a {kind}")
