"""What must hold before a host is cordoned or terminated: each gate, closed and open."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controller.rollout import gates
from controller.rollout.model import Fleet, Policy, Probe
from tests.rollout.builders import NOW, ROLL, ago, booting, fleet, fresh, host, olds, policy, service, target, task

WITH_WEB = olds(3, tasks=(task(),), targets=(target(),))

CLOSED = [
    pytest.param(fleet(refresh="ir-1"), policy(), "instance refresh ir-1", id="somebody's instance refresh"),
    pytest.param(
        fleet(WITH_WEB, services=(service(deploying=True),)), policy(), "deployment of web", id="a deployment"
    ),
    pytest.param(fleet(alarms=("5xx", "p99")), policy(), "alarm 5xx, p99 is in ALARM", id="alarms that ring"),
    pytest.param(
        fleet(no_data=("5xx",), no_data_since=(("5xx", ago(60)),)), policy(), "alarm 5xx has no data", id="data lost"
    ),
    pytest.param(
        fleet(no_data=("5xx",), no_data_since=(("5xx", ago(500)),)), policy(), "no data",
        id="data lost for too long stays closed where it halts",
    ),
    pytest.param(fleet(probe=Probe(None)), policy(probe=True), "probe: no answer yet", id="a probe without an answer"),
    pytest.param(fleet(probe=Probe(False, "502")), policy(probe=True), "probe: 502", id="a probe that fails"),
    pytest.param(
        fleet((*olds(3), fresh(agent_connected=False))), policy(), "new host i-9", id="a new host whose agent went away"
    ),
    pytest.param(
        fleet((*olds(3), fresh(healthy=False))), policy(), "new host i-9", id="a new host the group calls unhealthy"
    ),
    pytest.param(
        fleet(WITH_WEB, services=(service(running=3),)), policy(), "web: 3 running, floor 4", id="a task short"
    ),
    pytest.param(
        fleet(WITH_WEB, services=(service(healthy=3),)), policy(), "web: 3 healthy targets, floor 4", id="target short"
    ),
    pytest.param(
        fleet(olds(3, tasks=(task(status="STOPPED"),)), services=(service(running=0),)), policy(), "0 running, floor 4",
        id="a service that lost its last task",
    ),
    pytest.param(
        fleet(WITH_WEB, services=(service(baseline=None, running=3),)), policy(), "floor 4",
        id="without a baseline the floor is desired",
    ),
]  # fmt: skip

OPEN = [
    pytest.param(fleet(WITH_WEB, services=(service(),)), policy(), id="all is well"),
    pytest.param(fleet(services=(service(deploying=True, running=0),)), policy(), id="a service of another pool"),
    pytest.param(
        fleet(olds(3, tasks=(task(status="STOPPED"),)), services=(service(deploying=True),)), policy(),
        id="a service that left this pool",
    ),
    pytest.param(
        fleet(no_data=("5xx",), no_data_since=(("5xx", ago(601)),)), policy(), id="no data since before the roll"
    ),
    pytest.param(
        fleet(no_data=("5xx",), no_data_since=(("5xx", ago(120)),)), policy(no_data_then="pass"),
        id="data lost for long, and the spec lets that pass",
    ),
    pytest.param(fleet(probe=Probe(False, "502")), policy(), id="no probe is asked for"),
    pytest.param(fleet(probe=Probe(True)), policy(probe=True), id="a probe that is answered"),
    pytest.param(fleet((*olds(3), booting())), policy(), id="a new host that boots is nothing bad"),
    pytest.param(fleet(WITH_WEB, services=(service(desired=2, running=2, healthy=2),)), policy(), id="scaled in since"),
    pytest.param(fleet(WITH_WEB, services=(service(desired=9),)), policy(), id="scaled out since: the baseline counts"),
    pytest.param(fleet(WITH_WEB, services=(service(healthy=None),)), policy(), id="no load balancer"),
    pytest.param(fleet(WITH_WEB, services=(service(daemon=True, running=0),)), policy(), id="a daemon service"),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "allowed", "words"), CLOSED)
def test_a_closed_gate_says_why(seen: Fleet, allowed: Policy, words: str) -> None:
    """Rules 1 and 7: nothing is cordoned while one of them is closed."""
    assert words in (gates.closed(seen, allowed, NOW) or "open")


@pytest.mark.parametrize(("seen", "allowed"), OPEN)
def test_an_open_gate_is_none(seen: Fleet, allowed: Policy) -> None:
    """A gate that never opens is a livelock."""
    assert gates.closed(seen, allowed, NOW) is None


@pytest.mark.parametrize(
    ("seen", "open_"),
    [
        pytest.param(fleet(alarms=("5xx",)), False, id="an alarm"),
        pytest.param(fleet(refresh="ir-1"), False, id="a refresh"),
        pytest.param(fleet(WITH_WEB, services=(service(deploying=True),)), False, id="a deployment"),
        pytest.param(fleet(WITH_WEB, services=(service(running=3),)), True, id="services: the drain judged"),
    ],
)
def test_terminating_waits_for_what_it_could_hide(seen: Fleet, open_: bool) -> None:
    """Rule 1: cordon *and* terminate wait for deployments in flight and for alarms."""
    assert open_ == (gates.before_terminating(seen, policy(), NOW) is None)


def test_an_alarm_silent_since_before_the_roll_is_a_warning() -> None:
    """Rule 7: it passes, and every cordon says so."""
    seen = fleet(no_data=("old", "new"), no_data_since=(("old", ago(9999)), ("new", ago(30))))

    assert "alarm old has had no data since before the roll" in gates.without_data(seen)
    assert gates.without_data(fleet()) == ""


def test_an_alarm_that_does_not_exist_counts_from_the_start() -> None:
    """Nobody knows since when it is silent, so it is not excused."""
    just = policy(no_data_wait=NOW - ROLL.started)

    assert gates.silent(fleet(no_data=("gone",)), just, NOW) == ("gone",)
    assert gates.silent(fleet(no_data=("gone",)), just, NOW - timedelta(seconds=1)) == ()


@pytest.mark.parametrize(
    ("moved", "shown", "outcome"),
    [
        pytest.param("DRAINING", {"agent_status": "ACTIVE"}, "shows it ACTIVE", id="cordoned, and shown as active"),
        pytest.param("ACTIVE", {"agent_status": "DRAINING"}, "shows it DRAINING", id="taken back, and shown draining"),
        pytest.param(
            "leaving", {"agent_status": "DRAINING"}, "is leaving by now", id="terminated, and shown in service"
        ),
        pytest.param("DRAINING", {"agent_status": "DRAINING"}, "", id="cordoned, and shown so"),
        pytest.param("DRAINING", {"agent_status": None}, "", id="cordoned, and its agent is gone"),
        pytest.param("leaving", {"lifecycle": "Terminating"}, "", id="terminated, and shown so"),
    ],
)
def test_nothing_is_decided_by_a_picture_from_before_our_own_moves(
    moved: str, shown: dict[str, Any], outcome: str
) -> None:
    """AWS may show for seconds what was before: another host would go in the place of one that just went."""
    seen = fleet((host("i-1", **shown), host("i-2")))

    why = gates.unseen(seen, {"i-1": moved, "i-7": "leaving"})

    assert (outcome in why, bool(why)) == (True, bool(outcome))
