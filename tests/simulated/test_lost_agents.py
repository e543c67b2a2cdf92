"""Hosts whose agent is gone while their machine runs on, or that never joined: replaced, waited for, or a halt."""

from __future__ import annotations

from datetime import timedelta

from controller.rollout.model import LOST_AFTER
from controller.spec.types import Stack
from tests.simulated.driving import cordoned, instance_type, leave, look_rarely, members, until
from tests.simulated.stack import Simulation


def test_a_host_whose_agent_is_lost_after_its_cordon_is_let_go(stage: Simulation, other: Stack) -> None:
    """Managed draining would hold it for an hour, waiting for an agent that does not answer (aws.md 1.5, 1.6)."""
    lost = cordoned(until(stage, other, cordoned))[0].id
    leave(stage, lost)
    began = stage.sim.now()
    look_rarely(stage, other)

    assert stage.apply(other) == "succeeded"

    assert any(f"{lost}: the agent is lost" in line for line in stage.lines), stage.lines
    assert stage.sim.now() - began < timedelta(minutes=9)
    left = stage.aws.ecs.list_container_instances(cluster="demo")["containerInstanceArns"]
    assert len(left) == 3


def test_a_host_at_rest_whose_agent_is_lost_is_replaced(stage: Simulation) -> None:
    """Its machine runs on, so the group sees nothing; ECS places nothing there any more (rule 5)."""
    as_is = stage.stack(f"hosts.main.instance_type={instance_type(stage)}")
    stage.sim.sleep(timedelta(minutes=20))
    [host] = leave(stage, members(stage)[0])
    mark, began = stage.sim.door("POST", "mark")["at"], stage.sim.now()
    look_rarely(stage, as_is)
    assert host in members(stage)

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
    stack = stage.stack(f"hosts.main.instance_type={instance_type(stage)}", f"services.web.environment.APP_MSG={host}")
    look_rarely(stage, stack)

    assert stage.apply(stack) == "succeeded"

    assert host not in members(stage)
    assert stage.sim.door("POST", "since", at=mark)["healthy"]["demo-web"] >= 4


def test_agents_that_come_back_from_an_outage_find_their_hosts_serving(stage: Simulation, other: Stack) -> None:
    """Most of the pool away is no fault of the hosts: none is drained for it, so the floor holds when they are back."""
    until(stage, other, lambda seen: any(h.current and h.ready_since for h in seen.fleets[0].hosts))
    old = [host.id for host in until(stage, other, lambda _: True).fleets[0].old]
    leave(stage, *old)
    look_rarely(stage, other, 2 * LOST_AFTER)
    leave(stage, *old, action="back")
    mark = stage.sim.door("POST", "mark")["at"]

    assert stage.apply(other) == "succeeded"

    assert stage.sim.door("POST", "since", at=mark)["hosts"]["demo-main"] >= 3


def test_a_person_goes_on_where_a_host_never_joined(stage: Simulation) -> None:
    """The group's own replacement failed once: no surge pays for its removal, so a person's apply replaces it."""
    as_is = stage.stack(f"hosts.main.instance_type={instance_type(stage)}")
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
    leave(stage, new)
    look_rarely(stage, other)

    assert stage.apply(other) == "halted"
    assert new in members(stage), stage.lines
    assert len(members(stage)) == 4
    assert any(f"{new} joined and lost its agent" in line for line in stage.lines), stage.lines

    assert stage.apply(other) == "succeeded"
    assert new not in members(stage)
