"""A roll while people and AWS do their worst: it ends, within the floor, and leaves no trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from controller.rollout.model import LOST_AFTER
from controller.spec.types import Stack
from controller.tick import Options, tick
from tests.simulated.stack import Simulation

TYPES = ("t3.large", "t3.small")
WRITES = (
    ("autoscaling", "SetDesiredCapacity"),
    ("autoscaling", "TerminateInstanceInAutoScalingGroup"),
    ("autoscaling", "SuspendProcesses"),
    ("autoscaling", "CreateOrUpdateTags"),
    ("ecs", "UpdateContainerInstancesState"),
    ("ec2", "CreateTags"),
)


@pytest.fixture
def stage(born: Simulation) -> Simulation:
    return born


@pytest.fixture
def other(stage: Simulation) -> Iterator[Stack]:
    """The same stack with hosts of another type; afterwards nothing of a roll may be left."""
    now = stage.aws.ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])
    types = {i["InstanceType"] for r in now["Reservations"] for i in r["Instances"]}
    stage.lines.clear()
    yield stage.stack(f"hosts.main.instance_type={next(t for t in TYPES if t not in types)}")
    left = stage.settings("demo-main")
    assert (left["suspended"], left["crumbs"], left["protected"]) == ([], [], [False] * 3)


def until(stage: Simulation, stack: Stack, true: Callable[[Any], bool]) -> Any:
    """Drive the roll until a pass has seen what *true* asks for; that pass."""
    options = Options(by_person=True, started=stage.sim.now())
    for _ in range(900):
        seen = tick(stack, stage.aws, stage.sim, act=True, options=options)
        stage.lines += stage.journal.add(seen)
        if true(seen):
            return seen
        stage.sim.sleep(seen.requeue_after)
    raise AssertionError(stage.lines[-20:])


def leave(stage: Simulation, *hosts: str, action: str = "lost") -> tuple[str, ...]:
    """Their agents go, or are back; the world has noticed."""
    for host in hosts:
        stage.sim.door("POST", "host", id=host, action=action)
    stage.sim.sleep(timedelta(seconds=1))
    return hosts


def cordoned(seen: Any) -> list[Any]:
    return [host for fleet in seen.fleets for host in fleet.hosts if host.cordoned and host.cordoned_at]


def members(stage: Simulation) -> list[str]:
    return [one["InstanceId"] for one in stage.group("demo-main")["Instances"]]


def blue(stage: Simulation) -> str:
    found = stage.aws.elbv2.describe_target_groups(Names=["demo-web-blue"])["TargetGroups"]
    return str(found[0]["TargetGroupArn"])


def test_a_target_somebody_registered_by_hand_is_deregistered_and_let_finish(stage: Simulation, other: Stack) -> None:
    """Rule 5: no task of the host will ever take it out, so it is not waited for in vain."""
    host = members(stage)[0]
    stage.aws.elbv2.register_targets(TargetGroupArn=blue(stage), Targets=[{"Id": host, "Port": 9999}])

    assert stage.apply(other) == "succeeded"

    told = [line for line in stage.lines if f"no task stands behind {host}:9999" in line]
    assert len(told) == 1, stage.lines
    assert host not in members(stage)


def test_a_host_whose_agent_is_lost_after_its_cordon_is_let_go(stage: Simulation, other: Stack) -> None:
    """Managed draining would hold it for an hour, waiting for an agent that does not answer (aws.md 1.5, 1.6)."""
    lost = cordoned(until(stage, other, cordoned))[0].id
    stage.sim.door("POST", "host", id=lost, action="lost")
    began = stage.sim.now()

    assert stage.apply(other) == "succeeded"

    assert any(f"{lost}: the agent is lost" in line for line in stage.lines), stage.lines
    assert stage.sim.now() - began < timedelta(minutes=9)
    left = stage.aws.ecs.list_container_instances(cluster="demo")["containerInstanceArns"]
    assert len(left) == 3


def test_a_host_at_rest_whose_agent_is_lost_is_replaced(stage: Simulation) -> None:
    """Its machine runs on, so the group sees nothing; ECS places nothing there any more (rule 5)."""
    as_is = stage.stack(f"hosts.main.instance_type={_now(stage)}")
    stage.sim.sleep(timedelta(minutes=20))
    [host] = leave(stage, members(stage)[0])
    mark, began = stage.sim.door("POST", "mark")["at"], stage.sim.now()

    assert stage.apply(as_is) == "succeeded"

    assert host not in members(stage), stage.lines
    assert LOST_AFTER < stage.sim.now() - began < LOST_AFTER + timedelta(minutes=4)
    assert sum(f"host {host}: its agent is not connected" in line for line in stage.lines) == 1
    figures = stage.sim.door("POST", "since", at=mark)
    assert (figures["hosts"]["demo-main"], figures["healthy"]["demo-web"] >= 4) == (2, True)
    left = stage.settings("demo-main")
    assert (left["suspended"], left["crumbs"], left["protected"]) == ([], [], [False] * 3)


def test_a_deployment_does_not_wait_for_ever_for_a_task_on_a_lost_host(stage: Simulation) -> None:
    """The task there cannot stop, so the deployment ends only when the host is gone: rule 11 does not hold that up."""
    stage.sim.sleep(timedelta(minutes=20))
    [host] = leave(stage, members(stage)[0])
    mark = stage.sim.door("POST", "mark")["at"]
    stack = stage.stack(f"hosts.main.instance_type={_now(stage)}", f"services.web.environment.APP_MSG={host}")

    assert stage.apply(stack) == "succeeded"

    assert host not in members(stage)
    assert stage.sim.door("POST", "since", at=mark)["healthy"]["demo-web"] >= 4


def test_agents_that_come_back_from_an_outage_find_their_hosts_serving(stage: Simulation, other: Stack) -> None:
    """Most of the pool away is no fault of the hosts: none is drained for it, so the floor holds when they are back."""
    until(stage, other, lambda seen: any(h.current and h.ready_since for h in seen.fleets[0].hosts))
    old = [host.id for host in until(stage, other, lambda _: True).fleets[0].old]
    leave(stage, *old)
    end = stage.sim.now() + 2 * LOST_AFTER
    until(stage, other, lambda _: stage.sim.now() >= end)
    leave(stage, *old, action="back")
    mark = stage.sim.door("POST", "mark")["at"]

    assert stage.apply(other) == "succeeded"

    assert stage.sim.door("POST", "since", at=mark)["hosts"]["demo-main"] >= 3


def test_a_person_goes_on_where_a_host_never_joined(stage: Simulation) -> None:
    """The group's own replacement failed once: no surge pays for its removal, so a person's apply replaces it."""
    as_is = stage.stack(f"hosts.main.instance_type={_now(stage)}")
    first = members(stage)
    found = stage.aws.ec2.describe_instances(InstanceIds=first[:1])["Reservations"][0]
    moods = stage.sim.cloud.catalog((found["OwnerId"], "us-east-1")).moods
    image = found["Instances"][0]["ImageId"]
    moods[image] = "never"
    stage.sim.door("POST", "host", id=first[0], action="kill")
    until(stage, as_is, lambda _: set(members(stage)) - set(first))
    [late] = set(members(stage)) - set(first)
    del moods[image]

    assert stage.apply(as_is) == "halted"
    assert late in members(stage)
    assert stage.apply(as_is) == "succeeded"
    assert late not in members(stage)


def test_a_new_host_that_loses_its_agent_halts_the_roll_and_a_person_goes_on(stage: Simulation, other: Stack) -> None:
    """Rule 12: the version may be bad, so no second host is launched for it until somebody says so."""
    seen = until(stage, other, lambda seen: any(h.current and h.ready_since for h in seen.fleets[0].hosts))
    new = next(host.id for host in seen.fleets[0].hosts if host.current)
    stage.sim.door("POST", "host", id=new, action="lost")

    assert stage.apply(other) == "halted"
    assert new in members(stage), stage.lines
    assert len(members(stage)) == 4
    assert any(f"{new} joined and lost its agent" in line for line in stage.lines), stage.lines

    assert stage.apply(other) == "succeeded"
    assert new not in members(stage)


def test_a_host_that_somebody_untagged_is_a_member_like_any_other(stage: Simulation, other: Stack) -> None:
    """Its agent is away for a moment: it is not taken for one that is gone. The roll reads its crumbs all the same."""
    host = members(stage)[0]
    stage.aws.ec2.delete_tags(Resources=[host], Tags=[{"Key": "theseus:stack"}, {"Key": "theseus:name"}])
    stage.sim.door("POST", "host", id=host, action="lost")
    tick(stage.stack(f"hosts.main.instance_type={_now(stage)}"), stage.aws, stage.sim, act=True)
    stage.sim.door("POST", "host", id=host, action="back")
    mark = stage.sim.door("POST", "mark")["at"]

    assert stage.apply(other) == "succeeded"

    assert host not in members(stage)
    assert sum(f"{host} draining" in line for line in stage.lines) >= 1
    figures = stage.sim.door("POST", "since", at=mark)
    assert (figures["hosts"]["demo-main"], figures["healthy"]["demo-web"] >= 4) == (3, True)


def test_one_called_unhealthy_is_drained_to_the_end_though_its_agent_is_away_for_a_moment(stage: Simulation) -> None:
    """The ordinary way to have a host recycled: managed draining lets its requests finish, and so do we."""
    as_is = stage.stack(f"hosts.main.instance_type={_now(stage)}", "services.web.deregistration_delay=30s")
    assert stage.apply(as_is) == "succeeded"
    host = members(stage)[0]
    stage.aws.autoscaling.set_instance_health(InstanceId=host, HealthStatus="Unhealthy")
    until(stage, as_is, lambda seen: any(h.id == host and h.cordoned for h in seen.fleets[0].hosts))
    stage.sim.door("POST", "host", id=host, action="lost")
    tick(as_is, stage.aws, stage.sim, act=True)
    nodes = stage.aws.ecs.list_container_instances(cluster="demo")["containerInstanceArns"]
    stage.sim.door("POST", "host", id=host, action="back")

    seen = stage.aws.ecs.describe_container_instances(cluster="demo", containerInstances=nodes)["containerInstances"]
    assert host in {one["ec2InstanceId"] for one in seen if one["status"] == "DRAINING"}
    assert stage.apply(as_is) == "succeeded"
    assert stage.apply(stage.stack(f"hosts.main.instance_type={_now(stage)}")) == "succeeded"


def test_a_host_that_dies_while_it_drains_is_no_halt(stage: Simulation, other: Stack) -> None:
    """Its tasks are lost with it, by nobody's hand of ours; the roll goes on."""
    dead = cordoned(until(stage, other, cordoned))[0].id
    stage.sim.door("POST", "host", id=dead, action="kill")

    assert stage.apply(other) == "succeeded"
    assert dead not in members(stage)


def test_a_person_drains_an_old_host_of_a_roll(stage: Simulation, other: Stack) -> None:
    """It does not serve any more, so the floor holds the others back until it is replaced; then all are."""
    seen = until(stage, other, lambda seen: any(fleet.roll for fleet in seen.fleets))
    one = seen.fleets[0].old[0]
    stage.aws.ecs.update_container_instances_state(
        cluster="demo", containerInstances=[one.container_instance], status="DRAINING"
    )

    assert stage.apply(other) == "succeeded"
    assert one.id not in members(stage)


def test_protection_that_the_group_gives_at_birth_outlives_the_roll(stage: Simulation) -> None:
    """Somebody set it on the group: it was never ours, and what the roll launched keeps it."""
    stack = stage.stack(f"hosts.main.instance_type={next(t for t in TYPES if t != _now(stage))}")
    asg = stage.aws.autoscaling
    asg.update_auto_scaling_group(AutoScalingGroupName="demo-main", NewInstancesProtectedFromScaleIn=True)
    try:
        assert stage.apply(stack) == "succeeded"
        assert stage.settings("demo-main")["protected"] == [True] * 3
    finally:
        asg.update_auto_scaling_group(AutoScalingGroupName="demo-main", NewInstancesProtectedFromScaleIn=False)
        asg.set_instance_protection(
            AutoScalingGroupName="demo-main", InstanceIds=members(stage), ProtectedFromScaleIn=False
        )


@pytest.mark.parametrize(
    ("surge", "unavailable", "peak", "floor"),
    [pytest.param(0, 1, 3, 2, id="max_surge 0"), pytest.param(3, 0, 6, 3, id="max_surge 3")],
)
def test_surge_bounds_the_peak(
    stage: Simulation, other: Stack, surge: int, unavailable: int, peak: int, floor: int
) -> None:
    """By the world's own count, and the services never fall below what they were."""
    kind = other.pools[0].instance_type
    stack = stage.stack(
        f"hosts.main.instance_type={kind}",
        f"hosts.main.rollout.max_surge={surge}",
        f"hosts.main.rollout.max_unavailable={unavailable}",
        "hosts.main.size.max=8",
    )
    assert stage.apply(stage.stack("hosts.main.size.max=8", f"hosts.main.instance_type={_now(stage)}")) == "succeeded"
    mark = stage.sim.door("POST", "mark")["at"]

    assert stage.apply(stack) == "succeeded"

    figures = stage.sim.door("POST", "since", at=mark)
    assert figures["peak"]["demo-main"] <= peak
    assert figures["hosts"]["demo-main"] >= floor
    assert figures["healthy"]["demo-web"] >= 4


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([("ThrottlingException", 400, False), ("InternalFailure", 500, False)], id="refused"),
        pytest.param([("InternalFailure", 500, True)] * 2, id="done, and the reply lost"),
    ],
)
def test_every_write_of_a_roll_fails_twice(
    stage: Simulation, other: Stack, faults: list[tuple[str, int, bool]]
) -> None:
    """What was refused is tried again, what was done is not done twice: floor and peak hold."""
    for service, action in WRITES:
        for code, status, after in faults:
            stage.sim.door("POST", "fault", service=service, action=action, code=code, status=status, after=after)
    mark = stage.sim.door("POST", "mark")["at"]

    assert stage.apply(other) == "succeeded"

    figures = stage.sim.door("POST", "since", at=mark)
    assert figures["peak"]["demo-main"] <= 4
    assert figures["hosts"]["demo-main"] >= 3
    assert figures["healthy"]["demo-web"] >= 4
    assert not stage.sim.edge.faults


def _now(stage: Simulation) -> str:
    """The instance type the hosts have."""
    found = stage.aws.ec2.describe_instances(InstanceIds=members(stage)[:1])["Reservations"]
    return str(found[0]["Instances"][0]["InstanceType"])
