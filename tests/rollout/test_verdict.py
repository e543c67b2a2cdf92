"""What became of a deployment, by its identity (peers.md 4.1), and when the next one must wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from controller.rollout.model import Fleet, Resources
from controller.rollout.verdict import (
    Deployment,
    PastDeployment,
    ServiceState,
    hold,
    judge,
    rolled_back,
)
from tests.rollout.builders import NOW, ago, draining, fleet, host, resting, task

OLD, NEW, NEXT = "arn:td/web:1", "arn:td/web:2", "arn:td/web:3"


def deployment(definition: str = NEW, state: str = "COMPLETED", status: str = "PRIMARY", **fields: Any) -> Deployment:
    base = Deployment(f"ecs-svc/{definition[-1]}", status, definition, state, desired=4, running=4, created_at=ago(300))
    return replace(base, **fields)


def past(status: str, definition: str = NEW, at: datetime | None = None, reason: str = "") -> PastDeployment:
    return PastDeployment(definition, status, reason, at or ago(300))


def state(*deployments: Deployment, **fields: Any) -> ServiceState:
    """Four of four run; the wanted definition is web:2."""
    base = ServiceState("web", "shop-web", 4, 4, NEW, deployments)
    return replace(base, **fields)


MOVING = deployment(NEW, "IN_PROGRESS", running=1, pending=2, failed=1)
LEAVING = deployment(OLD, "COMPLETED", "ACTIVE", running=3)
BACK = deployment(OLD, "IN_PROGRESS")
FAILED = deployment(NEW, "FAILED", "ACTIVE", reason="tasks failed to start")

JUDGED = [
    pytest.param(state(), NEW, "in_progress", "no deployment yet", id="nothing yet"),
    pytest.param(state(deployment()), NEW, "succeeded", "web:2: 4 of 4 running", id="primary, completed, alone, whole"),
    pytest.param(state(deployment()), None, "succeeded", "web:2", id="nothing wanted: what runs is judged"),
    pytest.param(state(deployment(running=0), desired=0, running=0), NEW, "succeeded", "0 of 0", id="desired 0"),
    pytest.param(state(deployment(), healthy=4), NEW, "succeeded", "web:2: 4 of 4 running", id="all are healthy"),
    pytest.param(
        state(deployment(), healthy=1), NEW, "in_progress", "web:2: 4 of 4 running, 1 of 4 healthy",
        id="too few targets are healthy",
    ),
    pytest.param(state(deployment(), running=3), NEW, "in_progress", "4 of 4 running", id="short of desired now"),
    pytest.param(state(deployment(pending=1)), NEW, "in_progress", "1 pending", id="one is pending"),
    pytest.param(
        state(deployment(NEW, "IN_PROGRESS", running=3), running=3, events=("was unable to place a task",)), NEW,
        "in_progress", "3 of 4 running, 0 pending; was unable to place a task", id="nothing starts, and ECS says why",
    ),
    pytest.param(
        state(deployment(), LEAVING), NEW, "in_progress", "3 of the old still running", id="completed, but not alone"
    ),
    pytest.param(
        state(MOVING, LEAVING), NEW, "in_progress",
        "web:2: 1 of 4 running, 2 pending, 1 failed, 3 of the old still running", id="in progress, with the numbers",
    ),
    pytest.param(
        state(deployment(state="FAILED", reason="breaker"), events=("no room",)), NEW, "failed",
        "web:2: breaker; last event: no room", id="failed, and nothing to go back to",
    ),
    pytest.param(state(deployment(OLD)), NEW, "in_progress", "web:2 is not deployed yet", id="not deployed yet"),
    pytest.param(
        state(deployment(NEXT), replace(LEAVING, task_definition=NEW)), NEW, "superseded",
        "web:2 was superseded by web:3", id="somebody else deployed another",
    ),
    pytest.param(state(deployment(OLD), FAILED), NEW, "rolled_back", "tasks failed to start", id="its failed entry"),
    pytest.param(
        state(deployment(OLD), history=(past("ROLLBACK_SUCCESSFUL", reason="breaker"),)), NEW, "rolled_back", "breaker",
        id="the history says rolled back, though the service is stable",
    ),
    pytest.param(
        state(BACK, FAILED, history=(past("ROLLBACK_IN_PROGRESS"),)), NEW, "in_progress", "is being rolled back",
        id="while it is being rolled back the end is not known",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("service", "wanted", "expected", "words"), JUDGED)
def test_a_verdict_is_by_identity(service: ServiceState, wanted: str | None, expected: str, words: str) -> None:
    """Promise 7: rolled back, superseded, failed and unfinished are told apart; "stable" is none of them."""
    verdict = judge(service, wanted)

    assert expected == verdict.state
    assert words in verdict.why
    assert verdict.service == "web"


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        pytest.param(state(history=(past("ROLLBACK_SUCCESSFUL"),)), "rolled_back", id="rolled back"),
        pytest.param(state(history=(past("ROLLBACK_FAILED"),)), "rolled_back", id="the rollback failed too"),
        pytest.param(state(history=(past("STOPPED"),)), "rolled_back", id="stopped"),
        pytest.param(state(history=(past("ROLLBACK_REQUESTED"),)), "in_progress", id="a rollback was asked for"),
        pytest.param(state(history=(past("STOP_REQUESTED"),)), "in_progress", id="a stop was asked for"),
        pytest.param(state(history=(past("SUCCESSFUL"),)), None, id="it went well"),
        pytest.param(state(history=(past("IN_PROGRESS"),)), None, id="it is on its way"),
        pytest.param(state(history=(past("STOPPED", OLD),)), None, id="another definition was stopped"),
        pytest.param(
            state(history=(past("STOPPED", at=ago(900)), past("SUCCESSFUL", at=ago(100)))),
            None,
            id="well since",
        ),
        pytest.param(
            state(history=(past("SUCCESSFUL", at=ago(900)), past("STOPPED", at=ago(100)))),
            "rolled_back",
            id="bad since",
        ),
        pytest.param(state(FAILED, history=(past("SUCCESSFUL"),)), None, id="the history has the last word"),
        pytest.param(state(FAILED), "rolled_back", id="without a history, the failed entry"),
        pytest.param(state(replace(FAILED, status="PRIMARY")), None, id="a failed primary has not gone back"),
        pytest.param(state(deployment(OLD, "FAILED", "ACTIVE")), None, id="another definition failed"),
        pytest.param(state(), None, id="it was never tried"),
    ],
)
def test_the_past_of_a_definition(service: ServiceState, expected: str | None) -> None:
    """R1: raw statuses, the newest try; the loop must not deploy again what was rolled back."""
    found = rolled_back(service, NEW)

    assert expected == (found.state if found else None)


LARGE = host("large", current=True, registered=Resources(4096, 8192))
SMALL = host(registered=Resources(2048, 2048), tasks=(task("shop-web"),))
REST = resting((SMALL,), size=1)
ROLLING = fleet((SMALL,))
BIG = state(deployment(), task_cpu=256, task_memory=4096, pools=("main",))
TRIED = state(deployment(OLD), history=(past("STOPPED"),))


@pytest.mark.parametrize(
    ("service", "fleets", "by_person", "started", "hosts_change", "words", "outcome"),
    [
        pytest.param(state(deployment(OLD)), (REST,), False, NOW, True, None, "", id="services first"),
        pytest.param(TRIED, (REST,), False, NOW, False, "was rolled back", "rolled_back", id="the loop never retries"),
        pytest.param(TRIED, (REST,), True, NOW, False, None, "", id="a person's later apply does"),
        pytest.param(TRIED, (REST,), True, ago(400), False, "was rolled back", "rolled_back", id="but only once"),
        pytest.param(
            replace(TRIED, history=(past("ROLLBACK_IN_PROGRESS"),)), (REST,), True, NOW, False, "being rolled back", "",
            id="nobody deploys into a rollback",
        ),
        pytest.param(
            state(deployment(OLD)), (fleet((draining(tasks=(task("shop-web"),)),)),), True, NOW, False,
            "i-1 drain tasks of web", "", id="rule 11: not while its tasks are being drained",
        ),
        pytest.param(
            state(deployment(OLD)), (fleet((draining(tasks=(task("other"),)),)),), True, NOW, False, None, "",
            id="another service's drain is no reason",
        ),
        pytest.param(BIG, (REST,), True, NOW, True, "hosts first", "", id="rule 1: it fits only the hosts to come"),
        pytest.param(BIG, (ROLLING,), True, NOW, False, "hosts first", "", id="rule 1: and while they come"),
        pytest.param(
            BIG, (replace(ROLLING, hosts=(*ROLLING.hosts, LARGE)),), True, NOW, False, "hosts first", "",
            id="rule 1: and until the last that is too small has left, or all tasks crowd onto the first new one",
        ),
        pytest.param(
            BIG, (resting((replace(SMALL, current=True),), size=1),), True, NOW, False, None, "",
            id="no host is to come: ECS says what does not fit",
        ),
        pytest.param(
            BIG, (replace(ROLLING, pool="other"),), True, NOW, True, None, "", id="another pool's hosts do not matter"
        ),
        pytest.param(replace(BIG, task_memory=2048), (ROLLING,), True, NOW, True, None, "", id="it fits the old too"),
    ],
)  # fmt: skip
def test_a_deployment_waits_for_its_reason(
    service: ServiceState,
    fleets: tuple[Fleet, ...],
    by_person: bool,
    started: datetime,
    hosts_change: bool,
    words: str | None,
    outcome: str,
) -> None:
    """A step that waits says why; `outcome` only where waiting does not help."""
    found = hold(service, NEW, fleets, by_person=by_person, started=started, hosts_change=hosts_change)

    assert (words is None) == (found is None)
    assert (words or "") in (found.why if found else "")
    assert outcome == (found.outcome if found else "")
