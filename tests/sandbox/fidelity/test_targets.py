"""Targets: who they are, how they become healthy and sick, and how long they take to go."""

from __future__ import annotations

import pytest

from .stack import Stack, refused


@pytest.fixture
def front(stack: Stack) -> Stack:
    """Two hosts and a load balancer; nothing is registered yet. Checks every 5 s, 3 passes cure, 2 fails condemn."""
    return stack.group(2).front(delay=10)


def register(stack: Stack, *pairs: tuple[str, int], group: str = "") -> None:
    targets = [{"Id": instance, "Port": port} for instance, port in pairs]
    stack.aws.elbv2.register_targets(TargetGroupArn=group or stack.target_group, Targets=targets)


def deregister(stack: Stack, *pairs: tuple[str, int]) -> None:
    targets = [{"Id": instance, "Port": port} if port else {"Id": instance} for instance, port in pairs]
    stack.aws.elbv2.deregister_targets(TargetGroupArn=stack.target_group, Targets=targets)


def weigh(stack: Stack, *weights: tuple[str, int]) -> None:
    """Let the listener forward to these groups."""
    forward = {"TargetGroups": [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights]}
    actions = [{"Type": "forward", "ForwardConfig": forward}]
    stack.aws.elbv2.modify_listener(ListenerArn=stack.listener, DefaultActions=actions)


def test_a_new_target_is_initial_and_healthy_after_one_pass(front: Stack) -> None:
    """HealthyThresholdCount is for the sick (aws.md 2.1)."""
    host = front.ids()[0]
    register(front, (host, 8080))
    at_once = front.health()

    front.sleep(5)

    assert at_once == {(host, 8080): ("initial", "Elb.InitialHealthChecking")}
    assert front.health() == {(host, 8080): ("healthy", "")}


def test_a_target_is_an_instance_and_a_port(front: Stack) -> None:
    """One instance many times, each with a health and an end of its own (aws.md 2.1)."""
    host = front.ids()[0]
    front.sim.balancers.sick.add((host, 32769))
    register(front, (host, 32768), (host, 32769))
    front.sleep(15)
    together = front.health()
    deregister(front, (host, 32769))
    front.sleep(1)

    assert {port: state for (_, port), (state, _) in together.items()} == {32768: "healthy", 32769: "unhealthy"}
    assert {port: state for (_, port), (state, _) in front.health().items()} == {32768: "healthy", 32769: "draining"}


def test_a_target_falls_after_two_fails_and_is_cured_after_three_passes(front: Stack) -> None:
    """UnhealthyThresholdCount and HealthyThresholdCount, one check per interval (aws.md 2.1)."""
    target = (front.ids()[0], 8080)
    register(front, target)
    front.sleep(5)
    history = []

    def watch(seconds: int) -> None:
        for _ in range(seconds):
            front.sleep(1)
            history.append(front.states()[0])

    front.sim.balancers.sick.add(target)
    watch(12)
    fallen, reason = history.index("unhealthy"), front.health()[target][1]
    front.sim.balancers.sick.clear()
    watch(20)
    cured = history.index("healthy", 12)

    assert 4 <= fallen <= 11
    assert 10 <= cured - 12 <= 16
    assert reason == "Target.FailedHealthChecks"


def test_a_new_target_that_fails_from_the_start_is_unhealthy_after_two(front: Stack) -> None:
    """initial, unhealthy, never healthy in between (aws.md 2.1)."""
    target = (front.ids()[0], 8080)
    front.sim.balancers.sick.add(target)
    register(front, target)
    seen = []
    for _ in range(12):
        front.sleep(1)
        seen.append(front.states()[0])

    assert (seen[0], seen[-1], "healthy" in seen) == ("initial", "unhealthy", False)


def test_a_group_no_rule_names_is_unused_and_weight_0_is_a_name(front: Stack) -> None:
    """Checks start once a listener or rule refers to the group (aws.md 2.1)."""
    green = front.make_target_group("green")
    host = front.ids()[0]
    register(front, (host, 8080), group=green)
    front.sleep(30)
    before = front.health(green)

    weigh(front, (front.target_group, 100), (green, 0))
    front.sleep(6)

    assert before == {(host, 8080): ("unused", "Target.NotInUse")}
    assert front.states(green) == ["healthy"]


def test_a_rule_names_a_group_as_well_as_a_default_action(front: Stack) -> None:
    """And when the rule is gone the group is unused again (aws.md 2.1)."""
    green = front.make_target_group("green")
    register(front, (front.ids()[0], 8080), group=green)
    conditions = [{"Field": "path-pattern", "Values": ["/green"]}]
    actions = [{"Type": "forward", "TargetGroupArn": green}]
    made = front.aws.elbv2.create_rule(ListenerArn=front.listener, Priority=1, Conditions=conditions, Actions=actions)
    front.sleep(6)
    ruled = front.states(green)

    front.aws.elbv2.delete_rule(RuleArn=made["Rules"][0]["RuleArn"])
    front.sleep(1)

    assert (ruled, front.states(green)) == (["healthy"], ["unused"])


def test_a_target_outside_the_balancer_s_zones_is_unused(stack: Stack) -> None:
    """The zone of the target must be enabled (aws.md 2.1)."""
    third = stack.aws.ec2.create_subnet(VpcId=stack.vpc, CidrBlock="10.0.9.0/24", AvailabilityZone="us-east-1c")
    stack.front().group(1, VPCZoneIdentifier=third["Subnet"]["SubnetId"])
    register(stack, (stack.ids()[0], 8080))
    stack.sleep(10)

    assert stack.health() == {(stack.ids()[0], 8080): ("unused", "Target.NotInUse")}


def test_a_deregistered_target_drains_for_the_whole_delay_and_is_gone(front: Stack) -> None:
    """Idle or not (aws.md 2.2, 11.11); asked for by name it is unused, NotRegistered."""
    target = (front.ids()[0], 8080)
    register(front, target)
    front.sleep(5)
    deregister(front, target)
    front.sleep(9)
    late = front.health()
    front.sleep(2)

    assert late == {target: ("draining", "Target.DeregistrationInProgress")}
    assert front.health() == {}
    asked = front.health(Targets=[{"Id": target[0], "Port": target[1]}])
    assert asked == {target: ("unused", "Target.NotRegistered")}
    front.aws.elbv2.get_waiter("target_deregistered").wait(
        TargetGroupArn=front.target_group, Targets=[{"Id": target[0], "Port": target[1]}]
    )


def test_a_draining_target_registered_again_starts_anew(front: Stack) -> None:
    """initial, then healthy (aws.md 2.1)."""
    target = (front.ids()[0], 8080)
    register(front, target)
    front.sleep(5)
    deregister(front, target)
    front.sleep(2)

    register(front, target)

    assert front.states() == ["initial"]
    front.sleep(12)
    assert front.states() == ["healthy"]


def test_deregistering_what_is_not_there_succeeds(front: Stack) -> None:
    """Idempotent; without a port only the group's own port is meant (aws.md 2.2)."""
    host = front.ids()[0]
    deregister(front, ("i-0123456789abcdef0", 8080), (host, 1))
    register(front, (host, 8080), (host, 32768))
    front.sleep(5)

    deregister(front, (host, 0))

    states = {port: state for (_, port), (state, _) in front.health().items()}
    assert states == {8080: "draining", 32768: "healthy"}


def test_only_running_instances_are_registered(stack: Stack) -> None:
    """InvalidTarget, without a suffix, for unknown ones and for those that boot (aws.md 2.1, 5.2)."""
    stack.front().group(1, wait=False)
    stack.sleep(0.5)

    for instance in ("i-0123456789abcdef0", stack.ids()[0]):
        words = refused(
            "InvalidTarget",
            stack.aws.elbv2.register_targets,
            TargetGroupArn=stack.target_group,
            Targets=[{"Id": instance}],
        )
        assert instance in words


def test_the_target_of_an_ended_instance_stays_healthy_until_it_is_noticed(front: Stack) -> None:
    """Then it is unused, Target.InvalidState, or unhealthy before that (aws.md 2.1, 2.5)."""
    target = (front.ids()[0], 8080)
    register(front, target)
    front.sleep(5)

    front.aws.ec2.terminate_instances(InstanceIds=[target[0]])
    front.sleep(0.5)
    at_once = front.health()
    front.until(lambda: target[0] not in front.ids())

    assert at_once == {target: ("healthy", "")}


def test_an_unknown_target_group_is_an_error_to_all(front: Stack) -> None:
    """TargetGroupNotFound (aws.md 5.2)."""
    arn = front.target_group[:-1] + ("1" if front.target_group.endswith("0") else "0")
    elb = front.aws.elbv2

    refused("TargetGroupNotFound", elb.describe_target_health, TargetGroupArn=arn)
    refused("TargetGroupNotFound", elb.register_targets, TargetGroupArn=arn, Targets=[{"Id": "i-1"}])
    refused("TargetGroupNotFound", elb.deregister_targets, TargetGroupArn=arn, Targets=[{"Id": "i-1"}])


def test_ecs_registers_tasks_in_every_target_group_under_their_dynamic_port(stack: Stack) -> None:
    """(instance, host port), in each group the service names (aws.md 4.6, 11.7)."""
    stack.front()
    green = stack.make_target_group("green")
    weigh(stack, (stack.target_group, 1), (green, 0))
    stack.group(2).cluster().joined(2)
    balancers = [stack.behind(stack.target_group), stack.behind(green)]
    stack.service(2, loadBalancers=balancers)

    expected = {
        (node["ec2InstanceId"], task["containers"][0]["networkBindings"][0]["hostPort"])
        for task in stack.tasks("RUNNING")
        for node in stack.nodes()
        if node["containerInstanceArn"] == task["containerInstanceArn"]
    }
    assert len(expected) == 2
    assert set(stack.health()) == set(stack.health(green)) == expected
    assert {port >= 32768 for _, port in expected} == {True}


def test_a_zone_that_is_enabled_later_does_not_make_healthy_targets_new(front: Stack) -> None:
    """Its node judges them before clients are led there; a target that is registered then is judged by all."""
    elbv2 = front.aws.elbv2
    host, other = front.ids()
    register(front, (host, 8080))
    front.sleep(5)
    (balancer,) = elbv2.describe_load_balancers()["LoadBalancers"]
    here = [one["SubnetId"] for one in balancer["AvailabilityZones"]]
    third = front.aws.ec2.create_subnet(VpcId=front.vpc, CidrBlock="10.0.9.0/24", AvailabilityZone="us-east-1f")[
        "Subnet"
    ]["SubnetId"]

    elbv2.set_subnets(LoadBalancerArn=balancer["LoadBalancerArn"], Subnets=[*here, third])
    register(front, (other, 8080))

    assert front.health() == {
        (host, 8080): ("healthy", ""),
        (other, 8080): ("initial", "Elb.InitialHealthChecking"),
    }
    front.sleep(5)
    assert {state for state, _ in front.health().values()} == {"healthy"}
