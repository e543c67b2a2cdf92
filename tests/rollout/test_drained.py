"""A host is drained on evidence only: every task stopped, every target unused, every service whole elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.base.crumbs import AwayCrumb, BaselineCrumb
from controller.rollout import drained
from controller.rollout.model import Host, Policy, Service, Task
from tests.rollout.builders import NOW, ROLL, ago, away, draining, fleet, host, policy, service, target, task

DEAD = {"healthy": False, "dead": True}
GONE = task(status="STOPPED")
SHORT = service(running=1, healthy=1, baseline=BaselineCrumb(1, 4, 1, ROLL.started))

BLOCKED = [
    *[
        pytest.param(draining(tasks=(task(status=status),)), (service(),), policy(), status, id=f"a task {status}")
        for status in ("PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING")
    ],
    *[
        pytest.param(draining(targets=(target(state),)), (), policy(), state, id=f"a target {state}")
        for state in ("initial", "healthy", "unhealthy", "unhealthy.draining", "draining", "unavailable")
    ],
    pytest.param(draining(tasks=(task(None),)), (), policy(), "standalone RUNNING", id="a standalone task"),
    pytest.param(
        draining(tasks=(task("log", "STOPPING", daemon=True),)), (), policy(), "1 daemon task", id="a daemon"
    ),
    pytest.param(
        draining(tasks=(GONE,)), (service(running=3),), policy(), "web runs 3, floor 4", id="a task not yet elsewhere"
    ),
    pytest.param(
        draining(tasks=(GONE,)), (service(healthy=3),), policy(), "3 healthy targets, floor 4", id="a target short"
    ),
    pytest.param(
        draining(**DEAD, targets=(target(),)), (), policy(), "may still serve (healthy)", id="lost, yet it answers"
    ),
    pytest.param(
        draining(**DEAD, tasks=(task(),)), (service(running=2),), policy(), "floor 4", id="lost, services short"
    ),
    pytest.param(
        draining(healthy=False, tasks=(task(status="DEACTIVATING"),), targets=(target("draining"),)), (service(),),
        policy(), "1 task left", id="the group calls it unhealthy, and it runs on",
    ),
    pytest.param(
        draining(**away(301), tasks=(task(status="DEACTIVATING"),), targets=(target("draining"),)),
        (service(),), policy(), "may still serve (draining)", id="lost, its machine runs: requests may be in flight",
    ),
    pytest.param(
        draining(since=900, **away(299), tasks=(task(),)), (service(),), policy(), "1 task left",
        id="away for less than five minutes is not lost",
    ),
]  # fmt: skip

FREE = [
    pytest.param(draining(), (), policy(), id="nothing was there"),
    pytest.param(draining(tasks=(GONE,)), (service(),), policy(), id="stopped, and whole elsewhere"),
    pytest.param(draining(targets=(target("unused"),)), (), policy(), id="a target that is unused"),
    pytest.param(draining(tasks=(task(None),)), (), policy(standalone="ignore"), id="a standalone task, ignored"),
    pytest.param(draining(tasks=(task("log", daemon=True),)), (), policy(), id="a daemon that still may run"),
    pytest.param(draining(tasks=(GONE,)), (service(running=0, daemon=True),), policy(), id="daemon service"),
    pytest.param(draining(), (service(running=0),), policy(), id="a service that had nothing here"),
    pytest.param(draining(**DEAD, tasks=(task(),)), (service(),), policy(), id="lost: its tasks cannot stop"),
    pytest.param(
        draining(**DEAD, targets=(target("draining"),)), (), policy(), id="dead: nothing is in flight"
    ),
    pytest.param(
        draining(**DEAD, targets=(target("unhealthy"),)), (), policy(), id="lost: no target serves"
    ),
    pytest.param(
        draining(**away(301), tasks=(task(),)), (service(),), policy(), id="away for long: lost"
    ),
    pytest.param(
        draining(tasks=(GONE,)), (service(desired=2, running=2, healthy=2),), policy(), id="scaled in since"
    ),
    pytest.param(
        draining(tasks=(GONE,)), (SHORT,), policy(),
        id="a service that was short at the start need not be whole",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("one", "services", "allowed", "words"), BLOCKED)
def test_what_blocks_is_named(one: Host, services: tuple[Service, ...], allowed: Policy, words: str) -> None:
    """Rule 5: `runningTasksCount` and desired RUNNING are no evidence; lastStatus and target states are."""
    seen = fleet((one,), services=services)

    assert words in (drained.blocking(one, seen, allowed, NOW) or "drained")


@pytest.mark.parametrize(("one", "services", "allowed"), FREE)
def test_drained_is_none(one: Host, services: tuple[Service, ...], allowed: Policy) -> None:
    """What can never be fulfilled must not be waited for."""
    assert drained.blocking(one, fleet((one,), services=services), allowed, NOW) is None


def test_a_standalone_task_is_stopped_once() -> None:
    """One that was told to stop is waited for, not told again every tick."""
    one = draining(tasks=(task(None), task(None, "STOPPING"), task()))

    assert drained.standalone(one) == ("arn:task/None-RUNNING",)


@pytest.mark.parametrize(
    ("one", "found"),
    [
        pytest.param(draining(targets=(target(port=80),)), [80], id="nobody's"),
        pytest.param(draining(tasks=(GONE,), targets=(target("unhealthy"),)), [32768], id="left behind"),
        pytest.param(draining(targets=(target("draining"), target("unused", 80))), [], id="deregistered already"),
        pytest.param(draining(tasks=(task(),), targets=(target(port=80),)), [], id="a task is left"),
        pytest.param(
            draining(**DEAD, tasks=(task(ports=(32768,)),), targets=(target(), target(port=80))), [80],
            id="lost: all but what its tasks registered",
        ),
    ],
)  # fmt: skip
def test_a_stray_target_has_no_task_behind_it(one: Host, found: list[int]) -> None:
    """It would be waited for in vain; a task's own is taken out by ECS."""
    assert [stray.port for stray in drained.strays(one, policy(), NOW)] == found


@pytest.mark.parametrize(
    ("tasks", "state", "stray"),
    [
        pytest.param((task(addresses=("10.0.0.9",)),), "healthy", False, id="a task is left"),
        pytest.param((task(status="STOPPED", addresses=("10.0.0.9",)),), "healthy", True, id="left behind"),
        pytest.param((task(status="STOPPED", addresses=("10.0.0.9",)),), "draining", False, id="deregistered already"),
    ],
)
def test_the_address_of_a_task_is_a_target_of_its_host(tasks: tuple[Task, ...], state: str, stray: bool) -> None:
    """Rule 5: by whatever it is registered, it must be gone or unused before the host goes."""
    here = replace(target(state, 8080), address="10.0.0.9")
    one = draining(tasks=tasks, targets=(here,))

    assert drained.blocking(one, fleet((one,)), policy(), NOW) is not None
    assert bool(drained.strays(one, policy(), NOW)) == stray
    assert here.id == "10.0.0.9"


def test_a_lost_host_keeps_what_its_tasks_still_answer_at() -> None:
    """Addresses, ports it took, and ports its task definition fixes are theirs; the rest is nobody's."""
    running = (task(addresses=("10.0.0.9",), static_ports=(9100,)),)
    targets = (replace(target(port=8080), address="10.0.0.9"), target(port=9100), replace(target(), address="10.0.0.7"))
    one = draining(**DEAD, tasks=running, targets=targets)

    assert [stray.id for stray in drained.strays(one, policy(), NOW)] == ["10.0.0.7"]


def test_last_words_are_those_of_services_with_a_task_there() -> None:
    """Rule 8: the service that blocks, and no other."""
    one = draining(tasks=(task(),))
    seen = fleet((one,), services=(service(last_event="no room"), service("api", last_event="fine")))

    assert drained.last_words(one, seen) == "; web: no room"


@pytest.mark.parametrize(
    ("hosts", "found"),
    [
        pytest.param([away(301), {}, {}], ["i-1"], id="one of three"),
        pytest.param([away(301)], ["i-1"], id="the only one"),
        pytest.param([away(301), away(301), {}, {}], ["i-1", "i-2"], id="half"),
        pytest.param([away(301), away(301), {}], [], id="most: it is not the hosts"),
        pytest.param([away(301), away(10), {}], [], id="most are away, though not for long"),
        pytest.param([away(299), {}, {}], [], id="not for long enough"),
        pytest.param([{"agent_connected": False, "away": AwayCrumb(ago(900), ago(121))}, {}], [], id="an old note"),
        pytest.param([away(301) | {"dead": True}, {}], [], id="a dead machine is the group's to replace"),
        pytest.param([{"away": AwayCrumb(ago(301), ago(1))}, {}], [], id="back"),
    ],
)
def test_hosts_are_given_up_when_few_of_them_are_lost(hosts: list[dict[str, Any]], found: list[str]) -> None:
    """Nobody may be replaced for what is ECS's doing, nor on a note that nobody kept."""
    there = [host(f"i-{number}", **fields) for number, fields in enumerate(hosts, 1)]

    assert found == [one.id for one in drained.lost_agents(there, NOW)]
