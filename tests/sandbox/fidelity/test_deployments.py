"""Rolling deployments of a service: bounds, states, the circuit breaker, and the records they leave."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from .stack import Stack, refused

BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
REGISTRY = {"registryArn": "arn:aws:servicediscovery:us-east-1:123456789012:service/srv-1"}
STALLING = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}


@pytest.fixture
def hosts(stack: Stack) -> Stack:
    return stack.group(2).cluster().joined(2)


def update(stack: Stack, **params: Any) -> dict[str, Any]:
    answer: dict[str, Any] = stack.aws.ecs.update_service(cluster="web", service="web", **params)["service"]
    return answer


def break_new(stack: Stack, code: int = 1) -> None:
    """From now on every task of a revision above 1 ends as soon as it has started."""
    stack.sim.machine.crash = lambda _task, definition: None if definition["revision"] == 1 else code


def primary(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in stack.shown()["deployments"] if one["status"] == "PRIMARY")
    return found


def records(stack: Stack) -> list[dict[str, Any]]:
    """Service deployments, newest first."""
    brief = stack.aws.ecs.list_service_deployments(cluster="web", service="web")["serviceDeployments"]
    arns = [one["serviceDeploymentArn"] for one in brief]
    described = stack.aws.ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]
    by_arn = {one["serviceDeploymentArn"]: one for one in described}
    return [by_arn[arn] for arn in arns]


def test_a_new_revision_makes_a_new_primary_and_the_old_one_active(hosts: Stack) -> None:
    """PRIMARY IN_PROGRESS beside ACTIVE; alone and COMPLETED in the end (aws.md 4.1)."""
    hosts.service(2)
    before = primary(hosts)["id"]
    update(hosts, taskDefinition=hosts.definition())
    hosts.sleep(0.5)
    between = [(one["status"], one["rolloutState"]) for one in hosts.shown()["deployments"]]
    hosts.until(hosts.completed)

    after = hosts.shown()["deployments"]
    assert between == [("PRIMARY", "IN_PROGRESS"), ("ACTIVE", "COMPLETED")]
    assert [one["id"] for one in after] != [before]
    assert (after[0]["taskDefinition"], after[0]["runningCount"]) == (hosts.shown()["taskDefinition"], 2)
    assert hosts.shown()["taskDefinition"].endswith(":2")
    assert {task["taskDefinitionArn"] for task in hosts.tasks("RUNNING")} == {hosts.shown()["taskDefinition"]}
    assert hosts.events()[0] == "(service web) has reached a steady state."


def test_a_deployment_keeps_within_minimum_and_maximum(hosts: Stack) -> None:
    """100/150 of 2: three tasks at most, two healthy at least (aws.md 1.1, 11.8)."""
    hosts.front(delay=5).service(2, deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 150})
    update(hosts, taskDefinition=hosts.definition())
    most, fewest = 0, 2
    while not hosts.completed():
        hosts.sleep(0.5)
        most = max(most, sum(1 for one in hosts.tasks() if one["lastStatus"] != "STOPPED"))
        fewest = min(fewest, hosts.states().count("healthy"))

    assert (most, fewest) == (3, 2)


def test_a_newer_deployment_takes_over_from_one_under_way(hosts: Stack) -> None:
    """Only one PRIMARY: the older ones become ACTIVE and are scaled down (aws.md 4.1)."""
    hosts.service(2)
    update(hosts, taskDefinition=hosts.definition())
    hosts.sleep(0.5)
    update(hosts, taskDefinition=hosts.definition())
    between = [one["status"] for one in hosts.shown()["deployments"]]
    hosts.until(hosts.completed)

    assert between == ["PRIMARY", "ACTIVE", "ACTIVE"]
    assert hosts.shown()["taskDefinition"].endswith(":3")
    assert [one["status"] for one in records(hosts)] == ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]


@pytest.mark.parametrize(
    ("change", "deploys"),
    [
        pytest.param({"forceNewDeployment": True}, True, id="forceNewDeployment"),
        pytest.param({"loadBalancers": []}, True, id="loadBalancers"),
        pytest.param(
            {"serviceRegistries": [{**REGISTRY, "containerName": "web", "containerPort": 8080}]},
            True,
            id="serviceRegistries",
        ),
        pytest.param({"serviceConnectConfiguration": {"enabled": True}}, True, id="serviceConnectConfiguration"),
        pytest.param({"desiredCount": 3}, False, id="desiredCount"),
        pytest.param({"healthCheckGracePeriodSeconds": 7}, False, id="healthCheckGracePeriodSeconds"),
        pytest.param({"deploymentConfiguration": {"maximumPercent": 150}}, False, id="deploymentConfiguration"),
        pytest.param({"availabilityZoneRebalancing": "DISABLED"}, False, id="availabilityZoneRebalancing"),
        pytest.param({"placementStrategy": [{"type": "random"}]}, False, id="placementStrategy"),
        pytest.param({"enableExecuteCommand": True}, False, id="enableExecuteCommand"),
        pytest.param({"propagateTags": "SERVICE"}, False, id="propagateTags"),
        pytest.param(
            {"capacityProviderStrategy": [{"capacityProvider": "pool", "weight": 1}]},
            False,
            id="capacityProviderStrategy",
        ),
    ],
)
def test_only_some_changes_start_a_deployment(hosts: Stack, change: dict[str, Any], deploys: bool) -> None:
    """The two lists of aws.md 4.3."""
    hosts.front().service(2)
    before = primary(hosts)["id"]

    update(hosts, **change)

    assert (primary(hosts)["id"] != before) == deploys


def test_an_equal_task_definition_is_no_change(hosts: Stack) -> None:
    """Given as family:revision or arn (aws.md 4.3)."""
    hosts.service(1)
    before = primary(hosts)["id"]

    update(hosts, taskDefinition="web:1")

    assert primary(hosts)["id"] == before
    assert hosts.shown()["taskDefinition"].startswith("arn:")


@pytest.mark.parametrize(
    ("desired", "failures"),
    [
        pytest.param(1, 3, id="never less than three"),
        pytest.param(6, 3, id="half of six"),
        pytest.param(9, 5, id="half of nine, rounded up"),
    ],
)
def test_the_circuit_breaker_trips_at_half_the_count(hosts: Stack, desired: int, failures: int) -> None:
    """clamp(ceil(0.5 n), 3, 200) (aws.md 4.2); tasks that fail together may pass it by as many."""
    hosts.service(desired, deploymentConfiguration={**STALLING, "maximumPercent": 100 + 100 // desired + 1})
    break_new(hosts)
    update(hosts, taskDefinition=hosts.definition())

    hosts.until(lambda: primary(hosts)["rolloutState"] == "FAILED")

    assert primary(hosts)["failedTasks"] == failures
    assert "circuit breaker" in primary(hosts)["rolloutStateReason"]


def test_without_rollback_a_failed_deployment_stalls(hosts: Stack) -> None:
    """FAILED, no new tasks, the old ones keep serving (aws.md 4.1, 4.2)."""
    hosts.front().service(2, deploymentConfiguration={**STALLING, "minimumHealthyPercent": 50})
    break_new(hosts)
    update(hosts, taskDefinition=hosts.definition())
    hosts.until(lambda: primary(hosts)["rolloutState"] == "FAILED")
    started, serving = primary(hosts)["failedTasks"], hosts.states().count("healthy")

    hosts.sleep(120)

    assert primary(hosts)["failedTasks"] == started
    assert hosts.states().count("healthy") == serving > 0
    assert hosts.shown()["taskDefinition"].endswith(":2")
    assert records(hosts)[0]["status"] == "STOPPED"


def test_with_rollback_it_returns_to_the_last_completed_deployment(hosts: Stack) -> None:
    """A new PRIMARY of the old revision; ServicesStable would call that a success (aws.md 4.1, 4.2)."""
    hosts.service(2, deploymentConfiguration=BREAKER)
    update(hosts, taskDefinition=hosts.definition(family="web"))
    hosts.until(hosts.completed)
    hosts.sim.machine.crash = lambda _task, definition: 1 if definition["revision"] == 3 else None

    update(hosts, taskDefinition=hosts.definition())
    failed = primary(hosts)["id"]
    hosts.until(lambda: primary(hosts)["id"] != failed)
    hosts.until(hosts.completed)

    assert hosts.shown()["taskDefinition"].endswith(":2")
    assert any(f"(deployment {failed}) deployment failed" in words for words in hosts.events())
    assert any("rolling back to deployment" in words for words in hosts.events())
    assert [one["status"] for one in records(hosts)][:3] == ["SUCCESSFUL", "ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]
    hosts.aws.ecs.get_waiter("services_stable").wait(cluster="web", services=["web"])


def test_with_nothing_to_go_back_to_a_rollback_stalls(hosts: Stack) -> None:
    """If none ever completed the deployment stays FAILED (aws.md 4.2)."""
    hosts.sim.machine.crash = lambda _task, _definition: 1
    hosts.service(1, wait=False, deploymentConfiguration=BREAKER)

    hosts.until(lambda: primary(hosts)["rolloutState"] == "FAILED")
    hosts.sleep(60)

    assert [one["rolloutState"] for one in hosts.shown()["deployments"]] == ["FAILED"]


def test_without_a_breaker_it_tries_for_ever(hosts: Stack) -> None:
    """IN_PROGRESS, and more and more failures (aws.md 4.1)."""
    hosts.service(1)
    break_new(hosts)
    update(hosts, taskDefinition=hosts.definition())
    hosts.sleep(60)

    assert primary(hosts)["rolloutState"] == "IN_PROGRESS"
    assert primary(hosts)["failedTasks"] > 5
    assert hosts.shown()["runningCount"] == 1


def test_tasks_that_never_ran_are_held_back_longer_and_longer(hosts: Stack) -> None:
    """Exponential back-off for those, none for tasks that ran and ended (aws.md 4.1)."""
    hosts.aws.ecr.create_repository(repositoryName="shop")
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:v1"
    hosts.service(1, wait=False, taskDefinition=hosts.definition(image=image))
    hosts.sleep(120)
    made = sorted(task["createdAt"] for task in hosts.tasks("STOPPED"))
    gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(made)]

    assert 5 <= len(made) <= 12
    assert gaps == sorted(gaps)
    assert gaps[-1] > 10 * gaps[0]


def test_failures_are_counted_in_a_row(hosts: Stack) -> None:
    """failedTasks falls back once a task is healthy (aws.md 4.1): two of three fail, and the breaker never trips."""
    hosts.service(4, deploymentConfiguration={**STALLING, "maximumPercent": 125})
    started: list[str] = []

    def crash(task: Any, definition: dict[str, Any]) -> int | None:
        if definition["revision"] == 1:
            return None
        started.append(task.arn)
        return None if len(started) % 3 == 0 else 1

    hosts.sim.machine.crash = crash
    update(hosts, taskDefinition=hosts.definition())

    hosts.until(hosts.completed)
    assert len(started) == 12
    assert (hosts.shown()["taskDefinition"].rsplit(":", 1)[1], primary(hosts)["failedTasks"]) == ("2", 0)


def test_a_task_that_fails_its_health_checks_is_replaced_after_the_grace_period(hosts: Stack) -> None:
    """healthCheckGracePeriodSeconds ignores the balancer at first (aws.md 4.2)."""
    hosts.front(delay=1).service(1, healthCheckGracePeriodSeconds=40)
    target = next(iter(hosts.health()))
    old = hosts.tasks("RUNNING")[0]["taskArn"]
    hosts.sim.balancers.sick.add(target)
    hosts.sleep(20)
    spared = (hosts.states(), [one["taskArn"] for one in hosts.tasks("RUNNING")])
    hosts.until(lambda: old not in [one["taskArn"] for one in hosts.tasks("RUNNING")] and hosts.completed())

    assert spared == (["unhealthy"], [old])
    assert hosts.tasks("STOPPED")[0]["stoppedReason"] == "Task failed ELB health checks"


def test_service_deployments_name_their_revisions(hosts: Stack) -> None:
    """Newest first, at most twenty at once, unknown ones are failures (aws.md 4.1, 6.3)."""
    hosts.service(1)
    update(hosts, taskDefinition=hosts.definition())
    hosts.until(hosts.completed)
    ecs = hosts.aws.ecs

    rows = records(hosts)
    arns = [one["targetServiceRevision"]["arn"] for one in rows]
    revisions = {
        one["serviceRevisionArn"]: one
        for one in ecs.describe_service_revisions(serviceRevisionArns=arns)["serviceRevisions"]
    }
    assert [one["status"] for one in rows] == ["SUCCESSFUL", "SUCCESSFUL"]
    assert [revisions[arn]["taskDefinition"].rsplit(":", 1)[1] for arn in arns] == ["2", "1"]
    assert all(one["finishedAt"] >= one["createdAt"] for one in rows)
    stopped = ecs.list_service_deployments(cluster="web", service="web", status=["STOPPED"])
    assert stopped["serviceDeployments"] == []
    many = [f"{rows[0]['serviceDeploymentArn']}{n}" for n in range(21)]
    refused("InvalidParameterException", ecs.describe_service_deployments, serviceDeploymentArns=many)
    answer = ecs.describe_service_deployments(serviceDeploymentArns=many[:1])
    assert [one["reason"] for one in answer["failures"]] == ["MISSING"]
