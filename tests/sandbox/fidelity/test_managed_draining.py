"""Managed draining: ECS's own terminating hook on the group of a capacity provider."""

from __future__ import annotations

from typing import Any

from .stack import Stack

HOOK = "ecs-managed-draining-termination-hook"


def managed(stack: Stack, size: int = 2, **settings: str) -> Stack:
    return stack.group(size).cluster(managedDraining="ENABLED", **settings).joined(size)


def hooks(stack: Stack) -> list[dict[str, object]]:
    found = stack.aws.autoscaling.describe_lifecycle_hooks(AutoScalingGroupName="web")
    rows: list[dict[str, object]] = found["LifecycleHooks"]
    return rows


def leave(stack: Stack, instance: str) -> None:
    stack.aws.autoscaling.terminate_instance_in_auto_scaling_group(
        InstanceId=instance, ShouldDecrementDesiredCapacity=True
    )


def test_a_capacity_provider_installs_its_hook_and_tags_its_group(stack: Stack) -> None:
    """On by default: an hour, CONTINUE, and the tag AmazonECSManaged (aws.md 1.6)."""
    stack.group(0, wait=False)
    arn = stack.described()["AutoScalingGroupARN"]
    made = stack.aws.ecs.create_capacity_provider(name="pool", autoScalingGroupProvider={"autoScalingGroupArn": arn})

    hook = hooks(stack)[0]
    assert made["capacityProvider"]["autoScalingGroupProvider"]["managedDraining"] == "ENABLED"
    assert (hook["LifecycleHookName"], hook["LifecycleTransition"]) == (HOOK, "autoscaling:EC2_INSTANCE_TERMINATING")
    assert (hook["HeartbeatTimeout"], hook["DefaultResult"]) == (3600, "CONTINUE")
    assert [tag["Key"] for tag in stack.described()["Tags"]] == ["AmazonECSManaged"]


def test_the_tag_of_a_group_that_has_one_is_left_alone(stack: Stack) -> None:
    """Terraform users declare it with the value true, and see no drift (aws.md 1.6)."""
    stack.group(0, wait=False)
    group = stack.described()
    tag: Any = {"ResourceId": group["AutoScalingGroupName"], "ResourceType": "auto-scaling-group"}
    tag |= {"Key": "AmazonECSManaged", "Value": "true", "PropagateAtLaunch": True}
    stack.aws.autoscaling.create_or_update_tags(Tags=[tag])
    provider: Any = {"autoScalingGroupArn": group["AutoScalingGroupARN"]}
    stack.aws.ecs.create_capacity_provider(name="pool", autoScalingGroupProvider=provider)

    assert [(one["Key"], one["Value"]) for one in stack.described()["Tags"]] == [("AmazonECSManaged", "true")]


def test_a_terminating_host_is_held_drained_and_let_go(stack: Stack) -> None:
    """Terminating:Wait, DRAINING, empty, gone: and never too few healthy targets (aws.md 1.6)."""
    managed(stack, 4).front(delay=6).service(2)
    victim = next(one for one in stack.ids() if stack.on(stack.node_of(one)["containerInstanceArn"]) == ["RUNNING"])
    node = stack.node_of(victim)["containerInstanceArn"]
    leave(stack, victim)
    stack.until(lambda: stack.node_of(victim)["status"] == "DRAINING")
    held, fewest = stack.lifecycles(), 2
    while victim in stack.ids():
        fewest = min(fewest, stack.states().count("healthy"))
        busy = bool(stack.on(node))
        if busy:
            assert "Terminating:Wait" in stack.lifecycles()
        stack.sleep(0.5)

    assert held == ["InService", "InService", "InService", "Terminating:Wait"]
    assert fewest == 2
    assert stack.shown()["runningCount"] == 2


def test_a_host_without_tasks_is_let_go_soon(stack: Stack) -> None:
    """The hook ends by itself when nothing is left (aws.md 1.6)."""
    managed(stack, 1)

    leave(stack, stack.ids()[0])

    stack.until(lambda: stack.ids() == [], limit=10)


def test_scale_in_drains_too(stack: Stack) -> None:
    """Not only terminations by name (aws.md 1.6)."""
    managed(stack).front(delay=6).service(2)
    fewest = 2
    stack.aws.autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=1)
    for _ in range(80):
        stack.sleep(0.5)
        fewest = min(fewest, stack.states().count("healthy"))

    assert (len(stack.ids()), fewest, stack.shown()["runningCount"]) == (1, 2, 2)


def test_switched_off_tasks_die_with_their_host(stack: Stack) -> None:
    """No hook, no drain: targets stay healthy until the host is gone: errors (aws.md 1.8)."""
    stack.group(2).cluster(managedDraining="DISABLED").joined(2).front(delay=6).service(2)
    victim = stack.ids()[0]
    leave(stack, victim)
    states = set()
    while victim in stack.ids():
        states |= {state for (instance, _), (state, _) in stack.health().items() if instance == victim}
        stack.sleep(0.5)
    stack.sleep(1)

    lost = stack.tasks("STOPPED")
    assert hooks(stack) == []
    assert states == {"healthy"}
    assert [one["stoppedReason"] for one in lost] == [f"Host EC2 (instance {victim}) terminated."]


def test_it_can_be_switched_off_and_on_again(stack: Stack) -> None:
    """UpdateCapacityProvider; switching off lets go whom the hook holds (aws.md 1.6, 1.11)."""
    managed(stack, 1)
    stack.aws.ecs.run_task(cluster="web", taskDefinition=stack.definition())
    stack.sleep(3)
    leave(stack, stack.ids()[0])
    stack.sleep(60)
    held = stack.lifecycles()

    def set_draining(value: str) -> None:
        settings = {"managedDraining": value}
        stack.aws.ecs.update_capacity_provider(name="pool", autoScalingGroupProvider=settings)

    set_draining("DISABLED")
    assert hooks(stack) == []
    stack.until(lambda: stack.ids() == [])
    set_draining("ENABLED")
    assert [one["LifecycleHookName"] for one in hooks(stack)] == [HOOK]
    assert held == ["Terminating:Wait"]


def test_when_its_provider_is_gone_the_hook_waits_for_somebody(stack: Stack) -> None:
    """Detached before the hosts are gone: it hangs, for an hour or until completed (aws.md 1.6)."""
    managed(stack, 1)
    stack.aws.ecs.put_cluster_capacity_providers(
        cluster="web", capacityProviders=[], defaultCapacityProviderStrategy=[]
    )
    victim = stack.ids()[0]
    leave(stack, victim)
    stack.sleep(600)
    held = stack.lifecycles()

    stack.aws.autoscaling.complete_lifecycle_action(
        AutoScalingGroupName="web", LifecycleHookName=HOOK, InstanceId=victim, LifecycleActionResult="CONTINUE"
    )

    stack.until(lambda: stack.ids() == [])
    assert held == ["Terminating:Wait"]


def test_ended_in_ec2_nothing_is_drained(stack: Stack) -> None:
    """ec2:TerminateInstances skips the hook (aws.md 1.6)."""
    managed(stack).service(2)
    victim = stack.ids()[0]
    node = stack.node_of(victim)["containerInstanceArn"]
    statuses = set()

    stack.aws.ec2.terminate_instances(InstanceIds=[victim])
    for _ in range(40):
        stack.sleep(0.5)
        statuses |= {one["status"] for one in stack.nodes() if one["containerInstanceArn"] == node}

    assert statuses == {"ACTIVE"}
    stack.until(stack.completed)


def test_the_cluster_shows_the_attachment(stack: Stack) -> None:
    """managed_draining among the attachments, on request (aws.md 1.6)."""
    managed(stack, 1)

    plain = stack.aws.ecs.describe_clusters(clusters=["web"])["clusters"][0]
    asked = stack.aws.ecs.describe_clusters(clusters=["web"], include=["ATTACHMENTS"])["clusters"][0]

    assert "attachments" not in plain
    assert [one["type"] for one in asked["attachments"]] == ["managed_draining"]
    assert asked["attachmentsStatus"] == "UPDATE_COMPLETE"
