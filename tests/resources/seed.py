"""The stack that this project replaces, made with plain boto3 under the names of its terraform: nothing of it is ours.

Kept as it was, faults included: hosts accept port 8080 only although tasks get dynamic ports, the listener forwards by
its default action, the group follows ``$Latest``, the service runs nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

IMAGE = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
USER_DATA = "#!/bin/bash\necho ECS_CLUSTER=mercor-demo-cluster >> /etc/ecs/ecs.config\n"
PREFIX = "mercor-demo"
ANYONE = "0.0.0.0/0"


def seed(aws: Any, pause: Callable[[], None], *, desired: int = 0, codedeploy: bool = False) -> None:
    """Make it. *aws* has a client per service, as `controller.aws.client.Aws` does; *pause* lets a profile spread.
    *codedeploy*: its service is deployed by that, which its terraform prepares."""
    vpc, subnets = _network(aws)
    aws.ecr.create_repository(repositoryName="mercor-ecs-demo", imageScanningConfiguration={"scanOnPush": True})
    front, hosts = _security_groups(aws, vpc)
    blue = _traffic(aws, vpc, subnets, front)
    insights = [{"name": "containerInsights", "value": "enabled"}]
    aws.ecs.create_cluster(clusterName=f"{PREFIX}-cluster", settings=insights)
    aws.logs.create_log_group(logGroupName=f"/ecs/{PREFIX}")
    aws.logs.put_retention_policy(logGroupName=f"/ecs/{PREFIX}", retentionInDays=7)
    _hosts(aws, subnets, hosts, pause)
    _service(aws, blue, desired, **({"deploymentController": {"type": "CODE_DEPLOY"}} if codedeploy else {}))
    if codedeploy:
        _codedeploy(aws)


def _tag(kind: str, name: str) -> Any:
    return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": f"{PREFIX}-{name}"}]}]


def _network(aws: Any) -> tuple[str, list[str]]:
    ec2 = aws.ec2
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16", TagSpecifications=_tag("vpc", "vpc"))["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsSupport={"Value": True})
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    gateway = ec2.create_internet_gateway(TagSpecifications=_tag("internet-gateway", "igw"))["InternetGateway"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=_tag("route-table", "public-rt"))["RouteTable"]
    route = {"RouteTableId": table["RouteTableId"], "DestinationCidrBlock": ANYONE}
    ec2.create_route(**route, GatewayId=gateway["InternetGatewayId"])
    subnets = []
    for block, zone in (("10.20.1.0/24", "us-east-1a"), ("10.20.2.0/24", "us-east-1b")):
        tagged = _tag("subnet", f"public-{block}")
        made = ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zone, TagSpecifications=tagged)["Subnet"]
        ec2.modify_subnet_attribute(SubnetId=made["SubnetId"], MapPublicIpOnLaunch={"Value": True})
        ec2.associate_route_table(RouteTableId=table["RouteTableId"], SubnetId=made["SubnetId"])
        subnets.append(made["SubnetId"])
    return vpc, subnets


def _security_groups(aws: Any, vpc: str) -> tuple[str, str]:
    groups = []
    for name, port, peer in (("alb-sg", 80, None), ("ecs-hosts-sg", 8080, "alb-sg")):
        made = aws.ec2.create_security_group(GroupName=f"{PREFIX}-{name}", Description=f"the {name}", VpcId=vpc)
        rule: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
        rule |= {"UserIdGroupPairs": [{"GroupId": groups[0]}]} if peer else {"IpRanges": [{"CidrIp": ANYONE}]}
        aws.ec2.authorize_security_group_ingress(GroupId=made["GroupId"], IpPermissions=[rule])
        groups.append(made["GroupId"])
    return groups[0], groups[1]


def _traffic(aws: Any, vpc: str, subnets: list[str], front: str) -> str:
    elb, arns = aws.elbv2, []
    for colour in ("blue", "green"):
        check = {"HealthCheckPath": "/", "HealthCheckIntervalSeconds": 10, "Matcher": {"HttpCode": "200-399"}}
        counts = {"HealthyThresholdCount": 2, "UnhealthyThresholdCount": 3}
        made = elb.create_target_group(
            Name=f"{PREFIX}-tg-{colour}",
            Protocol="HTTP",
            Port=8080,
            VpcId=vpc,
            TargetType="instance",
            **check,
            **counts,
        )
        arns.append(made["TargetGroups"][0]["TargetGroupArn"])
    (balancer,) = elb.create_load_balancer(Name=f"{PREFIX}-alb", Subnets=subnets, SecurityGroups=[front])[
        "LoadBalancers"
    ]
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Port=80,
        Protocol="HTTP",
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arns[0]}],
    )
    return str(arns[0])


def _role(aws: Any, name: str, service: str, *policies: str) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    made = aws.iam.create_role(RoleName=f"{PREFIX}-{name}", AssumeRolePolicyDocument=document)["Role"]
    for policy in policies:
        aws.iam.attach_role_policy(RoleName=f"{PREFIX}-{name}", PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
    return str(made["Arn"])


def _hosts(aws: Any, subnets: list[str], group: str, pause: Callable[[], None]) -> None:
    ecs = "service-role/AmazonEC2ContainerServiceforEC2Role"
    _role(aws, "ecs-instance-role", "ec2.amazonaws.com", ecs, "AmazonSSMManagedInstanceCore")
    profile = f"{PREFIX}-ecs-instance-profile"
    aws.iam.create_instance_profile(InstanceProfileName=profile)
    aws.iam.add_role_to_instance_profile(InstanceProfileName=profile, RoleName=f"{PREFIX}-ecs-instance-role")
    arn = aws.iam.get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]["Arn"]
    pause()
    data = {
        "ImageId": aws.ssm.get_parameters(Names=[IMAGE])["Parameters"][0]["Value"],
        "InstanceType": "t3.small",
        "IamInstanceProfile": {"Arn": arn},
        "SecurityGroupIds": [group],
        "UserData": base64.b64encode(USER_DATA.encode()).decode(),
    }
    template = f"{PREFIX}-lt-20260101"
    aws.ec2.create_launch_template(LaunchTemplateName=template, LaunchTemplateData=data)
    name = f"{PREFIX}-ecs-asg"
    tag = {"ResourceId": name, "ResourceType": "auto-scaling-group", "Key": "Name", "PropagateAtLaunch": True}
    aws.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchTemplate={"LaunchTemplateName": template, "Version": "$Latest"},
        MinSize=1,
        MaxSize=6,
        DesiredCapacity=2,
        VPCZoneIdentifier=",".join(subnets),
        HealthCheckType="EC2",
        Tags=[{**tag, "Value": f"{PREFIX}-ecs-host"}],
    )
    (made,) = aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    scaling = {"status": "ENABLED", "targetCapacity": 80}
    provider = {"autoScalingGroupArn": made["AutoScalingGroupARN"], "managedScaling": scaling}
    aws.ecs.create_capacity_provider(name=f"{PREFIX}-cp", autoScalingGroupProvider=provider)
    strategy = [{"capacityProvider": f"{PREFIX}-cp", "weight": 1, "base": 0}]
    attached = {"capacityProviders": [f"{PREFIX}-cp"], "defaultCapacityProviderStrategy": strategy}
    aws.ecs.put_cluster_capacity_providers(cluster=f"{PREFIX}-cluster", **attached)


def _service(aws: Any, blue: str, desired: int, **more: Any) -> None:
    execution = _role(aws, "task-exec", "ecs-tasks.amazonaws.com", "service-role/AmazonECSTaskExecutionRolePolicy")
    account = execution.split(":")[4]
    log = {"awslogs-group": f"/ecs/{PREFIX}", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "app"}
    container = {
        "name": "app",
        "image": f"{account}.dkr.ecr.us-east-1.amazonaws.com/mercor-ecs-demo:latest",
        "essential": True,
        "portMappings": [{"containerPort": 8080, "hostPort": 0, "protocol": "tcp"}],
        "environment": [{"name": "APP_MSG", "value": "hello"}],
        "logConfiguration": {"logDriver": "awslogs", "options": log},
    }
    aws.ecs.register_task_definition(
        family=f"{PREFIX}-task",
        networkMode="bridge",
        requiresCompatibilities=["EC2"],
        cpu="256",
        memory="512",
        executionRoleArn=execution,
        containerDefinitions=[container],
    )
    aws.ecs.create_service(
        cluster=f"{PREFIX}-cluster",
        serviceName=f"{PREFIX}-svc",
        taskDefinition=f"{PREFIX}-task",
        desiredCount=desired,
        launchType="EC2",
        loadBalancers=[{"targetGroupArn": blue, "containerName": "app", "containerPort": 8080}],
        **more,
    )


def _codedeploy(aws: Any) -> None:
    """All at once, blue kept for a minute."""
    role = _role(aws, "codedeploy-role", "codedeploy.amazonaws.com", "AWSCodeDeployRoleForECS")
    aws.codedeploy.create_application(applicationName=f"{PREFIX}-cd-app", computePlatform="ECS")
    (balancer,) = aws.elbv2.describe_load_balancers(Names=[f"{PREFIX}-alb"])["LoadBalancers"]
    (listener,) = aws.elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    pair = {
        "targetGroups": [{"name": f"{PREFIX}-tg-{colour}"} for colour in ("blue", "green")],
        "prodTrafficRoute": {"listenerArns": [listener["ListenerArn"]]},
    }
    aws.codedeploy.create_deployment_group(
        applicationName=f"{PREFIX}-cd-app",
        deploymentGroupName=f"{PREFIX}-dg",
        serviceRoleArn=role,
        deploymentConfigName="CodeDeployDefault.ECSAllAtOnce",
        deploymentStyle={"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
        blueGreenDeploymentConfiguration={
            "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 1},
            "deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT"},
        },
        loadBalancerInfo={"targetGroupPairInfoList": [pair]},
        ecsServices=[{"clusterName": f"{PREFIX}-cluster", "serviceName": f"{PREFIX}-svc"}],
    )
