"""A small stack made with plain boto3, and the reads these tests need."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

import botocore.session
import pytest
from botocore.exceptions import ClientError

from controller.sandbox.simulated import Simulated

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
IMAGE_PARAMETER = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
IMAGES: list[str] = []


class Aws:
    """One client per service, by name, all of them talking to the newest simulated sandbox.

    Clients are made once for all tests: parsing their models takes longer than a test.
    """

    _clients: ClassVar[dict[str, Any]] = {}
    _session: ClassVar[Any] = None
    _sim: ClassVar[Simulated]

    def __init__(self, sim: Simulated) -> None:
        Aws._sim = sim
        if Aws._session is None:
            Aws._session = botocore.session.Session()
            Aws._session.set_credentials("sandbox", "sandbox")
            Aws._session.set_config_variable("region", "us-east-1")
            Aws._session.register("before-send", lambda request, **more: Aws._sim._send(request, **more))

    def __getattr__(self, service: str) -> Any:
        if service not in Aws._clients:
            Aws._clients[service] = Aws._session.create_client(service)
        return Aws._clients[service]


def refused(code: str, call: Callable[..., Any], **params: Any) -> str:
    """The words AWS refuses *call* with; its code must be *code*, and the status a 4xx that nobody retries."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    answer: Any = caught.value.response
    assert answer["Error"]["Code"] == code, answer["Error"]
    assert 400 <= answer["ResponseMetadata"]["HTTPStatusCode"] < 500
    assert answer["ResponseMetadata"]["RetryAttempts"] == 0
    return str(answer["Error"]["Message"])


@dataclass
class Stack:
    """What is made here is named ``web``; every part can be made with other settings."""

    sim: Simulated
    aws: Aws
    vpc: str = ""
    subnets: list[str] = field(default_factory=list)
    security_group: str = ""
    balancer: str = ""
    listener: str = ""
    target_group: str = ""

    # Making

    def network(self, zones: int = 2) -> Stack:
        ec2 = self.aws.ec2
        self.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        for number, zone in enumerate(ZONES[:zones]):
            made = ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=zone)
            self.subnets.append(made["Subnet"]["SubnetId"])
        made = ec2.create_security_group(VpcId=self.vpc, GroupName="hosts", Description="hosts")
        self.security_group = made["GroupId"]
        return self

    def template(
        self, user_data: str = "#!/bin/bash\necho ECS_CLUSTER=web >> /etc/ecs/ecs.config\n", **data: Any
    ) -> str:
        """A launch template, or one more version of it; the answer is its number."""
        content = {
            "ImageId": self.image(),
            "InstanceType": "t3.small",
            "SecurityGroupIds": [self.security_group],
            "UserData": base64.b64encode(user_data.encode()).decode(),
            **data,
        }
        ec2 = self.aws.ec2
        if ec2.describe_launch_templates()["LaunchTemplates"]:
            made = ec2.create_launch_template_version(LaunchTemplateName="web", LaunchTemplateData=content)
            return str(made["LaunchTemplateVersion"]["VersionNumber"])
        ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=content)
        return "1"

    def group(self, size: int = 2, low: int = 0, high: int = 10, *, wait: bool = True, **more: Any) -> Stack:
        """The auto scaling group, on version 1 unless told otherwise; waited for until every host is InService."""
        if not self.aws.ec2.describe_launch_templates()["LaunchTemplates"]:
            self.template()
        settings = {
            "LaunchTemplate": {"LaunchTemplateName": "web", "Version": "1"},
            "VPCZoneIdentifier": ",".join(self.subnets),
            **more,
        }
        self.aws.autoscaling.create_auto_scaling_group(
            AutoScalingGroupName="web", MinSize=low, MaxSize=high, DesiredCapacity=size, **settings
        )
        if wait:
            self.until(lambda: self.lifecycles() == ["InService"] * size)
        return self

    def cluster(self, *, provider: bool = True, **settings: Any) -> Stack:
        """The cluster and its capacity provider on the group; managed draining off unless *settings* say otherwise."""
        ecs = self.aws.ecs
        ecs.create_cluster(clusterName="web")
        if provider:
            arn = self.described()["AutoScalingGroupARN"]
            chosen = {"autoScalingGroupArn": arn, "managedDraining": "DISABLED", **settings}
            ecs.create_capacity_provider(name="pool", autoScalingGroupProvider=chosen)
            ecs.put_cluster_capacity_providers(
                cluster="web", capacityProviders=["pool"], defaultCapacityProviderStrategy=[]
            )
        return self

    def joined(self, count: int) -> Stack:
        self.until(lambda: len(self.nodes()) == count)
        return self

    def front(self, delay: int = 5, **settings: Any) -> Stack:
        """A load balancer with one listener that forwards to one target group."""
        elb = self.aws.elbv2
        made = elb.create_load_balancer(Name="web", Subnets=self.subnets, SecurityGroups=[self.security_group])
        self.balancer = made["LoadBalancers"][0]["LoadBalancerArn"]
        self.target_group = self.make_target_group("blue", delay, **settings)
        actions = [{"Type": "forward", "TargetGroupArn": self.target_group}]
        made = elb.create_listener(LoadBalancerArn=self.balancer, Protocol="HTTP", Port=80, DefaultActions=actions)
        self.listener = made["Listeners"][0]["ListenerArn"]
        self.sleep(6.5)  # its provisioning
        assert self.balancer_state() == "active"
        return self

    def make_target_group(self, name: str, delay: int = 5, **settings: Any) -> str:
        checks = {
            "HealthCheckIntervalSeconds": 5,
            "HealthCheckTimeoutSeconds": 2,
            "HealthyThresholdCount": 3,
            **settings,
        }
        made = self.aws.elbv2.create_target_group(
            Name=name, Protocol="HTTP", Port=8080, VpcId=self.vpc, UnhealthyThresholdCount=2, **checks
        )
        arn = str(made["TargetGroups"][0]["TargetGroupArn"])
        attribute = {"Key": "deregistration_delay.timeout_seconds", "Value": str(delay)}
        self.aws.elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[attribute])
        return arn

    def definition(self, cpu: int = 256, memory: int = 128, port: int = 0, family: str = "web", **more: Any) -> str:
        container = {
            "name": "web",
            "image": "example.org/web:1",
            "cpu": cpu,
            "memory": memory,
            "portMappings": [{"containerPort": 8080, "hostPort": port}],
            "stopTimeout": 3,
            **more,
        }
        made = self.aws.ecs.register_task_definition(family=family, containerDefinitions=[container])
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def service(self, count: int = 2, name: str = "web", *, wait: bool = True, **more: Any) -> Stack:
        """A service of *count* tasks, behind the target group if there is one; waited for until it is whole."""
        if "taskDefinition" not in more:
            more["taskDefinition"] = self.definition()
        if self.target_group and "loadBalancers" not in more:
            more["loadBalancers"] = [self.behind(self.target_group)]
        self.aws.ecs.create_service(cluster="web", serviceName=name, desiredCount=count, **more)
        if wait:
            self.until(lambda: self.completed(name))
        return self

    def behind(self, target_group: str) -> dict[str, Any]:
        return {"targetGroupArn": target_group, "containerName": "web", "containerPort": 8080}

    # Reading

    def image(self) -> str:
        """The recommended ECS image; looked up once, for it is the same in every sandbox, and the look-up is slow."""
        if not IMAGES:
            IMAGES.append(self.aws.ssm.get_parameter(Name=IMAGE_PARAMETER)["Parameter"]["Value"])
        return IMAGES[0]

    def until(self, true: Callable[[], bool], limit: float = 300) -> None:
        self.sim.until(true, timedelta(seconds=limit))

    def sleep(self, seconds: float) -> None:
        self.sim.sleep(timedelta(seconds=seconds))

    def described(self) -> dict[str, Any]:
        found: dict[str, Any] = self.aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=["web"])
        group: dict[str, Any] = found["AutoScalingGroups"][0]
        return group

    def instances(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.described()["Instances"]
        return rows

    def ids(self) -> list[str]:
        return [one["InstanceId"] for one in self.instances()]

    def lifecycles(self) -> list[str]:
        return sorted(one["LifecycleState"] for one in self.instances())

    def zones(self) -> dict[str, int]:
        return dict(Counter(one["AvailabilityZone"][-1] for one in self.instances()))

    def activities(self) -> list[dict[str, Any]]:
        """Newest first."""
        found = self.aws.autoscaling.describe_scaling_activities(AutoScalingGroupName="web")
        rows: list[dict[str, Any]] = found["Activities"]
        return rows

    def nodes(self, status: str = "", cluster: str = "web") -> list[dict[str, Any]]:
        """The container instances, all but the INACTIVE ones unless a status is asked for."""
        chosen = {"status": status} if status else {}
        arns = self.aws.ecs.list_container_instances(cluster=cluster, **chosen)["containerInstanceArns"]
        if not arns:
            return []
        found = self.aws.ecs.describe_container_instances(cluster=cluster, containerInstances=arns)
        rows: list[dict[str, Any]] = found["containerInstances"]
        return rows

    def node_of(self, instance: str) -> dict[str, Any]:
        return next(one for one in self.nodes() if one["ec2InstanceId"] == instance)

    def drain(self, *nodes: str, status: str = "DRAINING") -> dict[str, Any]:
        call = self.aws.ecs.update_container_instances_state
        answer: dict[str, Any] = call(cluster="web", containerInstances=list(nodes), status=status)
        return answer

    def tasks(self, *statuses: str, **filters: Any) -> list[dict[str, Any]]:
        """Tasks by desiredStatus; those that are to run and those that are to stop, when none is named."""
        arns = []
        for status in statuses or ("RUNNING", "STOPPED"):
            arns += self.aws.ecs.list_tasks(cluster="web", desiredStatus=status, **filters)["taskArns"]
        if not arns:
            return []
        rows: list[dict[str, Any]] = self.aws.ecs.describe_tasks(cluster="web", tasks=arns)["tasks"]
        return rows

    def on(self, node: str) -> list[str]:
        """lastStatus of the tasks on one container instance that have not stopped."""
        here = [one for one in self.tasks(containerInstance=node) if one["lastStatus"] != "STOPPED"]
        return sorted(one["lastStatus"] for one in here)

    def shown(self, name: str = "web") -> dict[str, Any]:
        service: dict[str, Any] = self.aws.ecs.describe_services(cluster="web", services=[name])["services"][0]
        return service

    def completed(self, name: str = "web") -> bool:
        service = self.shown(name)
        states = [one["rolloutState"] for one in service["deployments"]]
        return states == ["COMPLETED"] and service["runningCount"] == service["desiredCount"]

    def events(self, name: str = "web") -> list[str]:
        return [one["message"] for one in self.shown(name)["events"]]

    def balancer_state(self) -> str:
        found = self.aws.elbv2.describe_load_balancers(LoadBalancerArns=[self.balancer])
        return str(found["LoadBalancers"][0]["State"]["Code"])

    def health(self, group: str = "", **targets: Any) -> dict[tuple[str, int], tuple[str, str]]:
        """(instance, port) -> (state, reason)."""
        found = self.aws.elbv2.describe_target_health(TargetGroupArn=group or self.target_group, **targets)
        return {
            (row["Target"]["Id"], row["Target"]["Port"]): (
                row["TargetHealth"]["State"],
                row["TargetHealth"].get("Reason", ""),
            )
            for row in found["TargetHealthDescriptions"]
        }

    def states(self, group: str = "") -> list[str]:
        return sorted(state for state, _ in self.health(group).values())
