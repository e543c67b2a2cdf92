"""Daemon services: one task per host, first to come and last to go; and what bounds where other tasks go."""

from __future__ import annotations

from typing import Any

import pytest

from .stack import Stack, refused

DAEMON = {"schedulingStrategy": "DAEMON", "launchType": "EC2"}


def daemon(stack: Stack, name: str = "agent", **more: Any) -> Stack:
    own = stack.definition(family=name, cpu=32, memory=32)
    settings: dict[str, Any] = {**DAEMON, "taskDefinition": own, **more}
    stack.aws.ecs.create_service(cluster="web", serviceName=name, **settings)
    stack.until(lambda: stack.completed(name))
    return stack


def nodes_of(stack: Stack, service: str, *statuses: str) -> list[str]:
    """The nodes its tasks that have not stopped are on."""
    tasks = stack.tasks(serviceName=service)
    return sorted(one["containerInstanceArn"] for one in tasks if one["lastStatus"] in (statuses or ("RUNNING",)))


@pytest.fixture
def hosts(stack: Stack) -> Stack:
    return stack.group(2).cluster().joined(2)


def test_one_task_on_every_host_and_on_those_that_come(hosts: Stack) -> None:
    """aws.md 1.4: ECS counts hosts; nobody else may."""
    daemon(hosts)

    assert nodes_of(hosts, "agent") == sorted(one["containerInstanceArn"] for one in hosts.nodes())
    shown = hosts.shown("agent")
    assert (shown["schedulingStrategy"], shown["desiredCount"]) == ("DAEMON", 2)
    percents = [shown["deploymentConfiguration"][f"m{which}Percent"] for which in ("inimumHealthy", "aximum")]
    assert percents == [0, 100]
    hosts.aws.autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=3)
    hosts.until(lambda: len(nodes_of(hosts, "agent")) == 3)


def test_a_daemon_is_last_to_leave_a_draining_host(hosts: Stack) -> None:
    """aws.md 1.4: not before the other tasks of its host have left RUNNING."""
    daemon(hosts)
    hosts.service(2)
    node = hosts.nodes()[0]["containerInstanceArn"]
    hosts.drain(node)
    seen: list[tuple[int, int]] = []

    def gone() -> bool:
        seen.append((nodes_of(hosts, "web").count(node), nodes_of(hosts, "agent").count(node)))
        return seen[-1] == (0, 0)

    hosts.until(gone)
    assert all(agents for others, agents in seen if others)
    hosts.until(lambda: hosts.on(node) == [])
    assert hosts.shown("agent")["desiredCount"] == 1


def test_a_new_revision_stops_the_old_task_of_a_host_first(hosts: Stack) -> None:
    """aws.md 1.4: maximumPercent is 100."""
    daemon(hosts)
    hosts.aws.ecs.update_service(
        cluster="web", service="agent", taskDefinition=hosts.definition(family="agent", cpu=64, memory=32)
    )
    most = 0

    def over() -> bool:
        nonlocal most
        opened = nodes_of(
            hosts, "agent", "PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING"
        )
        most = max(most, *(opened.count(node) for node in opened), 0)
        return hosts.completed("agent")

    hosts.until(over)
    assert most == 1


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"desiredCount": 2}, "does not support a desired count"),
        ({"placementStrategy": [{"type": "random"}]}, "does not support placement strategies"),
        ({"deploymentConfiguration": {"maximumPercent": 200}}, "only a maximumPercent of 100"),
    ],
)
def test_what_a_daemon_cannot_have(hosts: Stack, more: dict[str, Any], words: str) -> None:
    settings: dict[str, Any] = {**DAEMON, "taskDefinition": hosts.definition(), **more}
    call = hosts.aws.ecs.create_service

    assert words in refused("InvalidParameterException", call, cluster="web", serviceName="x", **settings)


def test_constraints_choose_hosts(hosts: Stack) -> None:
    """aws.md 4.3: distinctInstance, and ECS's query language."""
    zone = hosts.nodes()[0]["attributes"]
    mine = next(one["value"] for one in zone if one["name"] == "ecs.availability-zone")
    hosts.service(
        1,
        "one",
        placementConstraints=[{"type": "memberOf", "expression": f"attribute:ecs.availability-zone == {mine}"}],
    )
    hosts.service(3, "apart", wait=False, placementConstraints=[{"type": "distinctInstance"}])
    hosts.until(lambda: any("unable to place" in words for words in hosts.events("apart")))

    assert {one["availabilityZone"] for one in hosts.tasks(serviceName="one")} == {mine}
    assert len(set(nodes_of(hosts, "apart", "PROVISIONING", "PENDING", "ACTIVATING", "RUNNING"))) == 2


def test_an_alarm_that_goes_off_ends_the_deployment(hosts: Stack) -> None:
    """aws.md 4.2: one that rang before it began is ignored; with rollback the last good one comes back."""
    watch: dict[str, Any] = {"MetricName": "m", "Namespace": "n", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1}
    for name in ("old", "new"):
        hosts.aws.cloudwatch.put_metric_alarm(
            AlarmName=name, ComparisonOperator="GreaterThanThreshold", Statistic="Sum", **watch
        )
    hosts.aws.cloudwatch.set_alarm_state(AlarmName="old", StateValue="ALARM", StateReason="x")
    alarms = {"alarmNames": ["old", "new"], "enable": True, "rollback": True}
    hosts.service(1, deploymentConfiguration={"alarms": alarms})
    first = hosts.shown()["taskDefinition"]

    hosts.aws.ecs.update_service(cluster="web", service="web", taskDefinition=hosts.definition(cpu=128))
    hosts.sleep(1)
    hosts.aws.cloudwatch.set_alarm_state(AlarmName="new", StateValue="ALARM", StateReason="x")
    hosts.until(lambda: hosts.completed() and hosts.shown()["taskDefinition"] == first)

    assert any("due to alarm: new" in words for words in hosts.events())


def test_a_health_command_holds_a_task_back_until_it_ran(hosts: Stack) -> None:
    """aws.md 1.1: without a load balancer a task counts when its container is HEALTHY."""
    check = {"command": ["CMD", "true"], "interval": 20}
    own = hosts.definition(healthCheck=check)
    hosts.service(1, wait=False, taskDefinition=own)
    hosts.until(lambda: any(one["lastStatus"] == "RUNNING" for one in hosts.tasks()))
    hosts.sleep(10)

    assert (hosts.completed(), hosts.tasks()[0]["healthStatus"]) == (False, "UNKNOWN")
    hosts.until(hosts.completed, limit=15)
    assert hosts.tasks()[0]["healthStatus"] == "HEALTHY"
