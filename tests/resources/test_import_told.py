"""What others made and no spec, or another name, can say: import keeps what it can, and tells the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from controller.aws.survey import survey
from controller.base.keys import Key
from controller.modes.draft import draft
from controller.modes.draft_model import Draft
from controller.modes.draft_services import _unsayable
from controller.modes.draft_traffic import allowed
from tests.resources.imports import BEHIND, OPEN, SMALL, TASK, again, differing, stack_in, strip
from tests.resources.stacks import converge

WHEN = "which stays as it is: delete it when the other is there"
ALARM = ", and its alarm names that one"


def test_hosts_keep_their_disks_and_what_others_call_their_own_is_told(tmp_path: Path) -> None:
    """A policy of another name gets one of ours beside it; a hook would have nobody who answers it, and is left."""
    disk = {"device": "/dev/xvda", "size": 30, "type": "gp3", "iops": 6000, "throughput": 500}
    ours = {"cpu": {"target": 60, "metric": "cpu_utilization"}}
    pool = {
        **SMALL,
        "block_devices": [disk],
        "scaling_policies": ours,
        "lifecycle_hooks": {"bye": {"on": "terminating"}},
    }
    world = stack_in(tmp_path, network=OPEN, hosts={"main": pool})
    scaling = world.aws.autoscaling
    group: Any = {"AutoScalingGroupName": "imp-main"}
    steps: Any = [
        {"MetricIntervalLowerBound": 20.0, "ScalingAdjustment": 2},
        {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 20.0, "ScalingAdjustment": 1},
    ]
    stepped: Any = {"PolicyType": "StepScaling", "AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps}
    scaling.put_scaling_policy(**group, PolicyName="Team.Burst", EstimatedInstanceWarmup=60, **stepped)
    exact: Any = {**stepped, "AdjustmentType": "ExactCapacity"}
    scaling.put_scaling_policy(**group, PolicyName="exact", **exact)
    scaling.put_scheduled_update_group_action(
        **group, ScheduledActionName="night", Recurrence="0 20 * * *", TimeZone="Europe/Oslo", MinSize=0
    )
    launching: Any = "autoscaling:EC2_INSTANCE_LAUNCHING"
    scaling.put_lifecycle_hook(**group, LifecycleHookName="warm", LifecycleTransition=launching, HeartbeatTimeout=60)
    strip(world)

    notes = again(world, tmp_path)

    (live,) = world.stack.pools
    assert {one.name: type(one).__name__ for one in live.scaling_policies} == {
        "cpu": "TargetTracking", "team-burst": "StepScaling", "night": "Scheduled"
    }  # fmt: skip
    assert [one.name for one in live.lifecycle_hooks] == ["bye"]
    assert [note for note in notes if note.startswith("pool main")] == [
        f"pool main: apply makes a scaling policy imp-main-team-burst beside Team.Burst, {WHEN}{ALARM}",
        "pool main: the scaling policy exact is not written, and stays as it is: no spec can say it",
        f"pool main: apply makes a scheduled action imp-main-night beside night, {WHEN}",
        "pool main: the lifecycle hook warm is not written, and stays as it is",
    ]
    assert differing(world) == {"scaling_policy/main-team-burst": ["create"], "scheduled_action/main-night": ["create"]}


def test_where_ecs_moves_the_hosts_the_policies_of_others_are_left(tmp_path: Path) -> None:
    """And ECS's own are not worth a word."""
    pool = {**SMALL, "scaling": {"warmup": "60s"}}
    world = stack_in(tmp_path, network=OPEN, hosts={"main": pool})
    tracked: Any = {
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"}, "TargetValue": 50.0
    }  # fmt: skip
    world.aws.autoscaling.put_scaling_policy(
        AutoScalingGroupName="imp-main",
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration=tracked,
    )
    strip(world)

    notes = again(world, tmp_path)

    assert notes == [
        "pool main: the scaling policy cpu is not written, and stays as it is: ECS moves the size of the group"
    ]
    assert differing(world) == {}


def test_scaling_of_others_names_is_kept_and_what_none_can_say_is_told(tmp_path: Path) -> None:
    world = stack_in(
        tmp_path,
        network=OPEN,
        services={"web": {**TASK, "fargate": {}}, "odd": {**TASK, "fargate": {}}},
    )
    scaling = world.aws.applicationautoscaling
    for name, metric in (("web", "ECSServiceAverageMemoryUtilization"), ("odd", "ECSServiceAverageCPUUtilization")):
        place: Any = {
            "ServiceNamespace": "ecs",
            "ResourceId": f"service/imp/imp-{name}",
            "ScalableDimension": "ecs:service:DesiredCount",
        }
        scaling.register_scalable_target(**place, MinCapacity=1, MaxCapacity=3)
        follows: Any = {
            "TargetValue": 55.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
            "ScaleOutCooldown": 90,
            "DisableScaleIn": name == "odd",
        }
        scaling.put_scaling_policy(
            **place,
            PolicyName=f"Theirs-{name}",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=follows,
        )
    strip(world)

    notes = again(world, tmp_path)

    odd, web = world.stack.services
    assert odd.scaling is None
    assert web.scaling is not None
    assert web.scaling.targets == (("memory", 55.0),)
    assert ("service_scaling_policy/web-memory", "Theirs-web") in world.stack.names
    assert notes == [
        "service odd: the scaling policy Theirs-odd is not written, and stays as it is",
        "service odd is scaled by others from 1 to 3: write `scaling` to take that over, or the count stays theirs",
    ]
    assert differing(world) == {}


def test_containers_of_others_are_written_whatever_they_are_called(tmp_path: Path) -> None:
    """The own one is that which gets the requests, or without which there is no task."""
    world = stack_in(
        tmp_path,
        network=OPEN,
        services={"web": {**TASK, "fargate": {}}},
    )
    ecs = world.aws.ecs
    live: Any = ecs.describe_task_definition(taskDefinition="imp-web")["taskDefinition"]
    (own,) = live["containerDefinitions"]
    init: Any = {"name": "init", "image": "busybox:1", "essential": False, "memory": 64}
    init |= {"logConfiguration": own["logConfiguration"]}
    odd: Any = {**init, "name": "Odd_One"}
    after: Any = [{"containerName": "init", "condition": "SUCCESS"}]
    mount: Any = [{"sourceVolume": "shared", "containerPath": "/shared", "readOnly": False}]
    kept = ("family", "networkMode", "cpu", "memory", "executionRoleArn", "requiresCompatibilities", "runtimePlatform")
    made = ecs.register_task_definition(
        **{name: live[name] for name in kept},
        containerDefinitions=[init, odd, {**own, "name": "shop", "dependsOn": after, "mountPoints": mount}],
        volumes=[{"name": "shared", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}],
    )["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster="imp", service="imp-web", taskDefinition=made)
    world.restart()

    one = draft(survey(world.aws, "imp"))

    said = one.document["services"]["web"]
    assert (said["image"], said["depends_on"], said["sidecars"]) == (
        "nginx:1.27", {"init": "success"}, {"init": {"image": "busybox:1", "essential": False, "memory": 64}}
    )  # fmt: skip
    assert one.notes == [
        "service web: its container is called shop: deploy one called app before apply",
        "service web: apply takes the containers Odd_One off its tasks: no spec can call one so",
        "service web: apply takes the volume shared (efsVolumeConfiguration) off its tasks: no spec can say it",
    ]


def test_rules_for_images_and_a_log_of_sessions_that_no_spec_can_say_are_told(tmp_path: Path) -> None:
    image = {"repository": "shop", "tag": "v1"}
    world = stack_in(
        tmp_path,
        network=OPEN,
        registry={"shop": {"keep_images": 30, "expire_untagged": "14d"}, "idle": {}},
        services={"web": {**TASK, "image": image, "fargate": {}}},
    )
    assert draft(survey(world.aws, "imp")).document["registry"]["shop"] == {
        "scan_on_push": True, "keep_images": 30, "expire_untagged": "14d"
    }  # fmt: skip
    rule = {"rulePriority": 1, "action": {"type": "expire"}}
    rule["selection"] = {
        "tagStatus": "tagged",
        "tagPrefixList": ["v"],
        "countType": "imageCountMoreThan",
        "countNumber": 3,
    }
    world.aws.ecr.put_lifecycle_policy(repositoryName="imp/shop", lifecyclePolicyText=json.dumps({"rules": [rule]}))
    logging: Any = {"logging": "OVERRIDE", "logConfiguration": {"cloudWatchLogGroupName": "/sessions"}}
    world.aws.ecs.update_cluster(cluster="imp", configuration={"executeCommandConfiguration": logging})
    world.restart()

    notes = draft(survey(world.aws, "imp")).notes

    assert notes == [
        "apply takes the lifecycle policy off imp/shop: no spec can say its rules",
        "no service runs images of the repository imp/idle: it is left out",
        "apply sets the log of execute-command to the task's own: no spec can say OVERRIDE",
    ]


def test_how_a_service_is_served_and_deployed_is_written(tmp_path: Path) -> None:
    """What it is asked by is told: a spec knows no other port than that of its targets."""
    route = {"listener": "http", "path": "/*", "priority": 1}
    ways = {
        "stickiness": {"duration": "1h", "cookie": "SESSION"},
        "algorithm": "least_outstanding_requests",
        "execute_command": True,
        "placement": {"strategies": ["binpack:memory"], "constraints": ["distinctInstance"]},
        "deployment": {"alarms": {"names": ["late"], "rollback": False}},
        "volumes": {"logs": {"mount": "/logs", "host_path": "/var/log", "read_only": True}},
    }
    world = stack_in(
        tmp_path,
        network=OPEN,
        load_balancer={"listeners": {"http": {"port": 80}}},
        hosts={"main": SMALL},
        services={
            "web": {**TASK, **ways, "pool": "main", "port": 80, "route": route},
            "slow": {**TASK, "pool": "main", "port": 80, "slow_start": "1m", "route": {**route, "priority": 2}},
        },
    )
    built = world.stack.services
    (group,) = world.aws.elbv2.describe_target_groups(Names=["imp-web-blue"])["TargetGroups"]
    world.aws.elbv2.modify_target_group(TargetGroupArn=group["TargetGroupArn"], HealthCheckPort="9000")
    strip(world)

    notes = again(world, tmp_path)

    for before, after in zip(built, world.stack.services, strict=True):
        for field in ("stickiness", "algorithm", "slow_start", "execute_command", "placement", "volumes"):
            assert getattr(after, field) == getattr(before, field), field
        assert after.deployment == before.deployment
    assert notes == ["service web: apply has its targets asked at their own port by HTTP, not at 9000 by HTTP"]
    assert differing(world) == {"target_group/web-blue": ["health"]}


def test_hosts_that_would_move_to_the_subnets_of_tasks_are_told(tmp_path: Path) -> None:
    """A spec has its hosts in the private subnets where it has any."""
    route = {"listener": "http", "path": "/*", "priority": 1}
    world = stack_in(
        tmp_path,
        network={**BEHIND, "nat": "single"},
        load_balancer={"listeners": {"http": {"port": 80}}},
        hosts={"main": SMALL},
        services={"web": {**TASK, "fargate": {"subnets": "private"}, "port": 80, "route": route}},
    )
    (balancer,) = world.aws.elbv2.describe_load_balancers()["LoadBalancers"]
    public = sorted(zone["SubnetId"] for zone in balancer["AvailabilityZones"])
    world.aws.autoscaling.update_auto_scaling_group(
        AutoScalingGroupName="imp-main", VPCZoneIdentifier=",".join(public), NewInstancesProtectedFromScaleIn=False
    )
    world.restart()

    one = draft(survey(world.aws, "imp"))

    private = ", ".join(one.document["network"]["private_subnets"])
    words = f"pool main: apply starts its hosts in the private subnets {private}, not in {', '.join(public)}"
    assert words in one.notes


def test_what_stays_with_a_service_is_told() -> None:
    """ECS is never sent these."""
    connected = {"serviceConnectConfiguration": {"enabled": True}}
    item = {
        "deploymentConfiguration": {"strategy": "BLUE_GREEN"},
        "serviceRegistries": [{"registryArn": "arn:registry"}],
        "deployments": [connected],
    }

    assert _unsayable(item) == ["strategy BLUE_GREEN", "serviceRegistries", "serviceConnectConfiguration"]
    assert _unsayable({"deployments": [{}]}) == []


def test_what_is_not_written_and_is_called_as_ours_are_is_told_to_go_with_prune(tmp_path: Path) -> None:
    """It has no tags: by its name it is a part of the stack that the spec has no more."""
    pool = {**SMALL, "scaling_policies": {"cpu": {"target": 60, "metric": "cpu_utilization"}}}
    scaling = {"min": 1, "max": 3, "target_cpu": 50, "target_memory": 60}
    world = stack_in(
        tmp_path, network=OPEN, hosts={"main": pool}, services={"web": {**TASK, "pool": "main", "scaling": scaling}}
    )
    ecs, asg = world.aws.applicationautoscaling, world.aws.autoscaling
    (cpu,) = [
        one
        for one in ecs.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
        if one["PolicyName"] == "imp-web-cpu"
    ]
    same: Any = {
        name: cpu[name] for name in ("PolicyName", "ServiceNamespace", "ResourceId", "ScalableDimension", "PolicyType")
    }
    never: Any = {**cpu["TargetTrackingScalingPolicyConfiguration"], "DisableScaleIn": True}
    ecs.put_scaling_policy(**same, TargetTrackingScalingPolicyConfiguration=never)
    exact: Any = {"PolicyType": "StepScaling", "AdjustmentType": "ExactCapacity"}
    exact["StepAdjustments"] = [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}]
    asg.put_scaling_policy(AutoScalingGroupName="imp-main", PolicyName="imp-main-exact", **exact)
    strip(world)

    notes = again(world, tmp_path)

    until = "is not written, and stays until `apply --prune` deletes it, as its name begins with"
    assert notes == [
        f"pool main: the scaling policy imp-main-exact {until} imp-main-: no spec can say it",
        f"service web: the scaling policy imp-web-cpu {until} imp-",
    ]
    assert {str(key) for key in world.tick().plan.orphans} == {
        "scaling_policy/main-exact", "service_scaling_policy/web-cpu"
    }  # fmt: skip


def test_settings_of_others_that_apply_puts_back_are_told(tmp_path: Path) -> None:
    route = {"listener": "http", "path": "/*", "priority": 1}
    world = stack_in(
        tmp_path,
        network=OPEN,
        load_balancer={"listeners": {"http": {"port": 80}}},
        hosts={"main": SMALL},
        services={"web": {**TASK, "pool": "main", "port": 80, "route": route}},
    )
    elb = world.aws.elbv2
    world.aws.autoscaling.update_auto_scaling_group(
        AutoScalingGroupName="imp-main", HealthCheckType="ELB", MaxInstanceLifetime=604800
    )
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    kept: Any = [{"Key": "client_keep_alive.seconds", "Value": "7200"}]
    elb.modify_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"], Attributes=kept)
    (group,) = elb.describe_target_groups(Names=["imp-web-green"])["TargetGroups"]
    apart: Any = [{"Key": "load_balancing.cross_zone.enabled", "Value": "false"}]
    elb.modify_target_group_attributes(TargetGroupArn=group["TargetGroupArn"], Attributes=apart)
    strip(world)

    notes = again(world, tmp_path)

    say = "no spec can say it"
    assert notes == [
        "apply takes client_keep_alive.seconds=7200 off the load balancer: no spec can say it",
        "pool main: apply takes HealthCheckType=ELB, MaxInstanceLifetime=604800 off its group: no spec can say it",
        f"service web: apply takes load_balancing.cross_zone.enabled=false off its target group imp-web-green: {say}",
    ]
    assert differing(world) == {
        "auto_scaling_group/main": ["others"], "load_balancer/main": ["others"], "target_group/web-green": ["others"]
    }  # fmt: skip


def test_who_may_connect_is_not_opened_where_no_spec_can_say_who(tmp_path: Path) -> None:
    """Left out, `allow` would be everybody; what it cannot say stays."""
    world = stack_in(tmp_path, network=OPEN, load_balancer={"listeners": {"http": {"port": 80}}}, hosts={"main": SMALL})
    ec2 = world.aws.ec2
    group = world.see("security_group")[Key("security_group", "load-balancer")].outputs["id"]

    def inward() -> list[Any]:
        asked: Any = [{"Name": "group-id", "Values": [group]}]
        rules = ec2.describe_security_group_rules(Filters=asked)["SecurityGroupRules"]
        return [one for one in rules if not one["IsEgress"]]

    ec2.revoke_security_group_ingress(
        GroupId=group, SecurityGroupRuleIds=[one["SecurityGroupRuleId"] for one in inward()]
    )
    six: Any = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "Ipv6Ranges": [{"CidrIpv6": "2001:db8::/32"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[six])
    strip(world)

    notes = again(world, tmp_path)

    assert world.stack.load_balancer is not None
    assert world.stack.load_balancer.allow == ("127.0.0.1/32",)
    assert notes == [
        "the load balancer lets in 2001:db8::/32 (ports 80-80): `allow` cannot say it, it stays as rules of others",
        "the load balancer lets in no IPv4 block: `allow` needs one, and has 127.0.0.1/32, which is nobody",
    ]
    converge(world)
    assert sorted(one.get("CidrIpv4") or one["CidrIpv6"] for one in inward()) == ["127.0.0.1/32", "2001:db8::/32"]


def test_blocks_of_one_port_that_apply_opens_at_another_are_told() -> None:
    one = Draft()
    ranges = {80: ["10.0.0.0/8"], 443: ["0.0.0.0/0", "10.0.0.0/8"], 22: ["192.0.2.0/24"]}
    live: Any = [
        {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": block} for block in blocks]}
        for port, blocks in ranges.items()
    ]

    assert allowed(live, [80, 443], one) == ["0.0.0.0/0", "10.0.0.0/8"]
    assert one.notes == ["apply lets 0.0.0.0/0 in at port 80 of the load balancer, too: `allow` is of all its ports"]


def test_tasks_without_limits_get_some_and_it_is_told(tmp_path: Path) -> None:
    """Twice what is set aside: a limit of just that would kill what lived with a soft one."""
    world = stack_in(tmp_path, network=OPEN, hosts={"main": SMALL}, services={"web": {**TASK, "pool": "main"}})
    ecs = world.aws.ecs
    live: Any = ecs.describe_task_definition(taskDefinition="imp-web")["taskDefinition"]
    (own,) = live["containerDefinitions"]
    soft: Any = {name: value for name, value in own.items() if name not in {"cpu", "memory"}}
    made = ecs.register_task_definition(
        **{name: live[name] for name in ("family", "networkMode", "executionRoleArn", "requiresCompatibilities")},
        containerDefinitions=[{**soft, "memoryReservation": 128}],
    )["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster="imp", service="imp-web", taskDefinition=made)
    strip(world)

    notes = again(world, tmp_path)

    (web,) = world.stack.services
    assert (web.cpu, web.memory, web.memory_reservation) == (256, 256, 128)
    kills = "apply kills what takes more than 256 MiB, write a `memory` that is enough"
    assert notes == [
        "service web: its tasks ask for no cpu: apply gives them 256 units",
        f"service web: its tasks have 128 MiB set aside and no limit of memory: {kills}",
    ]


def test_what_is_set_aside_on_fargate_is_not_written_and_told(tmp_path: Path) -> None:
    """A spec would not load with it."""
    world = stack_in(tmp_path, network=OPEN, services={"web": {**TASK, "fargate": {}}})
    ecs = world.aws.ecs
    live: Any = ecs.describe_task_definition(taskDefinition="imp-web")["taskDefinition"]
    (own,) = live["containerDefinitions"]
    kept = ("family", "networkMode", "cpu", "memory", "executionRoleArn", "requiresCompatibilities", "runtimePlatform")
    made = ecs.register_task_definition(
        **{name: live[name] for name in kept}, containerDefinitions=[{**own, "memoryReservation": 128}]
    )["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster="imp", service="imp-web", taskDefinition=made)
    strip(world)

    assert again(world, tmp_path) == [
        "service web: apply takes memoryReservation=128 off its tasks: there are no hosts"
    ]
    assert differing(world)["task_definition/web"] == ["memory_reservation"]
