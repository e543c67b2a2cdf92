"""What others put into a network of ours holds up its end: it is named, and nothing waits for it (promises 5 and 8)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from controller.base.errors import Refused
from controller.base.keys import Key
from controller.engine.scope import Scope
from tests.resources.stacks import SPECS, World, built, converge, stack_of


def test_destroy_names_what_is_in_the_way_and_ends_and_goes_on_when_it_is_gone() -> None:
    world = built(SPECS / "minimal.yaml")
    vpc = world.see("vpc")[Key("vpc", "main")].outputs["id"]
    group = world.aws.ec2.create_security_group(GroupName="theirs", Description="x", VpcId=vpc)["GroupId"]

    seen = None
    for _ in range(100):
        seen = world.tick("destroy", act=True)
        if any(isinstance(error, Refused) for error in seen.failed.values()):
            break
        world.sim.sleep(seen.requeue_after)

    assert seen is not None
    assert str(seen.failed[Key("vpc", "main")]) == (
        f"{vpc}: not ours, in the way: security group {group} (theirs); it can be deleted once they are gone"
    )
    world.aws.ec2.delete_security_group(GroupId=group)
    assert converge(world, "destroy").plan.pending == ()


def refusals(world: World) -> dict[str, str]:
    """Destroys until all that is left was refused for good."""
    for _ in range(100):
        seen = world.tick("destroy", act=True)
        if seen.failed and not seen.done and all(isinstance(error, Refused) for error in seen.failed.values()):
            return {str(key): str(error) for key, error in seen.failed.items()}
        world.sim.sleep(max(seen.requeue_after, timedelta(seconds=2)))
    raise AssertionError(seen.failed)


def test_destroy_ends_and_tells_what_holds_hosts_that_nothing_of_ours_frees() -> None:
    world = built(SPECS / "minimal.yaml")
    ecs, group = world.aws.ecs, {"AutoScalingGroupName": "tiny-main", "ScalingProcesses": ["Terminate"]}
    batch: Any = [{"name": "x", "image": "busybox", "memory": 16}]
    ecs.register_task_definition(family="theirs", containerDefinitions=batch)
    run: Any = ecs.run_task
    task = run(cluster="tiny", taskDefinition="theirs")["tasks"][0]["taskArn"]
    world.aws.autoscaling.suspend_processes(**group)

    running = refusals(world)
    ecs.stop_task(cluster="tiny", task=task)
    suspended = refusals(world)
    world.aws.autoscaling.resume_processes(**group)

    assert running == {
        "cluster_capacity_providers/main": f"on the hosts of tiny-main run task {task.rpartition('/')[2]} (theirs:1), "
        "which no service started: stop them first"
    }
    assert "tiny-main ends no host while its process Terminate is suspended" in str(suspended)
    assert converge(world, "destroy").plan.pending == ()


def test_destroy_ends_and_names_whoever_stands_in_what_it_deletes() -> None:
    """A host and a NAT gateway in a subnet, a rule about a group, an instance profile around a role."""
    world = built(SPECS / "minimal.yaml")
    ec2: Any = world.aws.ec2
    iam: Any = world.aws.iam
    live = {str(key): one.outputs.get("id", "") for key, one in world.see("vpc", "subnet", "security_group").items()}
    subnet, ours = live["subnet/public-1"], live["security_group/hosts-main"]
    image = ec2.describe_images()["Images"][0]["ImageId"]
    place: Any = {"SubnetId": subnet, "SecurityGroupIds": [ours], "InstanceType": "t3.small"}
    host = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, **place)["Instances"][0]["InstanceId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
    theirs = ec2.create_security_group(GroupName="theirs", Description="x", VpcId=live["vpc/main"])["GroupId"]
    rule: Any = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": [{"GroupId": ours}]}]
    ec2.authorize_security_group_ingress(GroupId=theirs, IpPermissions=rule)
    profile = {"InstanceProfileName": "theirs"}
    iam.create_instance_profile(**profile)
    iam.add_role_to_instance_profile(**profile, RoleName="tiny-hosts-main")

    told = refusals(world)

    gateway = next(words.partition(":")[0] for key, words in told.items() if key.startswith("internet_gateway/"))
    held = {
        "internet_gateway/main": (gateway, f"instance {host}, NAT gateway {nat}"),
        "role/hosts-main": ("tiny-hosts-main", "instance profile theirs, which holds it"),
        "security_group/hosts-main": (
            ours, f"a rule of security group {theirs} (theirs) that refers to it, instance {host}"
        ),
        "subnet/public-1": (subnet, f"instance {host}, NAT gateway {nat}"),
    }  # fmt: skip
    words = "not ours, in the way"
    assert told == {
        key: f"{one}: {words}: {who}; it can be deleted once they are gone" for key, (one, who) in held.items()
    }

    ec2.terminate_instances(InstanceIds=[host])
    ec2.delete_nat_gateway(NatGatewayId=nat)
    ec2.delete_security_group(GroupId=theirs)
    iam.remove_role_from_instance_profile(**profile, RoleName="tiny-hosts-main")
    assert converge(world, "destroy").plan.pending == ()


def test_who_else_scales_a_service_of_ours_is_left_to_it() -> None:
    """A scalable target shows no tags in lists: the service is marked to have one of ours. Where it goes on scaling
    although the spec has no scaling any more, every plan says so."""
    demo, scaled = SPECS / "demo.yaml", "services.web.scaling={min: 2, max: 6, target_cpu: 60}"
    world = built(demo)
    scaling: Any = world.aws.applicationautoscaling
    place = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
    theirs = {**place, "ResourceId": "service/demo/demo-web"}
    scaling.register_scalable_target(**theirs, MinCapacity=1, MaxCapacity=9)

    def bounds() -> list[tuple[int, int]]:
        found = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
        return [(one["MinCapacity"], one["MaxCapacity"]) for one in found]

    seen = converge(world, scope=Scope(prune=True))
    assert (seen.plan.pending, seen.plan.orphans, bounds()) == ((), (), [(1, 9)])

    world.stack = stack_of(demo, scaled)
    converge(world)
    assert bounds() == [(2, 6)]
    world.stack = stack_of(demo)
    assert [str(key) for key in world.tick().plan.orphans] == ["scalable_target/web", "service_scaling_policy/web-cpu"]
    converge(world, scope=Scope(prune=True))
    assert bounds() == []
