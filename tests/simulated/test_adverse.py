"""A roll while people and AWS do their worst: it ends, within the floor, and leaves no trace."""

from __future__ import annotations

import pytest

from controller.spec.types import Stack
from controller.tick import tick
from tests.simulated.driving import TYPES, cordoned, instance_type, members, until
from tests.simulated.stack import Simulation

WRITES = (
    ("autoscaling", "SetDesiredCapacity"),
    ("autoscaling", "TerminateInstanceInAutoScalingGroup"),
    ("autoscaling", "SuspendProcesses"),
    ("autoscaling", "CreateOrUpdateTags"),
    ("ecs", "UpdateContainerInstancesState"),
    ("ec2", "CreateTags"),
)


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


def test_a_host_that_somebody_untagged_is_a_member_like_any_other(stage: Simulation, other: Stack) -> None:
    """Its agent is away for a moment: it is not taken for one that is gone. The roll reads its crumbs all the same."""
    host = members(stage)[0]
    stage.aws.ec2.delete_tags(Resources=[host], Tags=[{"Key": "theseus:stack"}, {"Key": "theseus:name"}])
    stage.sim.door("POST", "host", id=host, action="lost")
    tick(stage.stack(f"hosts.main.instance_type={instance_type(stage)}"), stage.aws, stage.sim, act=True)
    stage.sim.door("POST", "host", id=host, action="back")
    mark = stage.sim.door("POST", "mark")["at"]

    assert stage.apply(other) == "succeeded"

    assert host not in members(stage)
    assert sum(f"{host} draining" in line for line in stage.lines) >= 1
    figures = stage.sim.door("POST", "since", at=mark)
    assert (figures["hosts"]["demo-main"], figures["healthy"]["demo-web"] >= 4) == (3, True)


def test_one_called_unhealthy_is_drained_to_the_end_though_its_agent_is_away_for_a_moment(stage: Simulation) -> None:
    """The ordinary way to have a host recycled: managed draining lets its requests finish, and so do we."""
    as_is = stage.stack(f"hosts.main.instance_type={instance_type(stage)}", "services.web.deregistration_delay=30s")
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
    assert stage.apply(stage.stack(f"hosts.main.instance_type={instance_type(stage)}")) == "succeeded"


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


def test_protection_that_somebody_switched_on_is_put_back_and_a_roll_leaves_none(stage: Simulation) -> None:
    """What new hosts get is the spec's (`termination_protection`): by hand it is drift."""
    stack = stage.stack(f"hosts.main.instance_type={next(t for t in TYPES if t != instance_type(stage))}")
    stage.aws.autoscaling.update_auto_scaling_group(
        AutoScalingGroupName="demo-main", NewInstancesProtectedFromScaleIn=True
    )

    assert stage.apply(stack) == "succeeded"

    (group,) = stage.aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=["demo-main"])[
        "AutoScalingGroups"
    ]
    assert group["NewInstancesProtectedFromScaleIn"] is False
    assert stage.settings("demo-main")["protected"] == [False] * 3


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
    assert (
        stage.apply(stage.stack("hosts.main.size.max=8", f"hosts.main.instance_type={instance_type(stage)}"))
        == "succeeded"
    )
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
