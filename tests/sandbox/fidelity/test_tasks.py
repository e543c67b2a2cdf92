"""The life of a task, from PROVISIONING to STOPPED, and what is told about it on the way."""

from __future__ import annotations

from typing import Any

import pytest

from .stack import Stack, refused


@pytest.fixture
def hosts(stack: Stack) -> Stack:
    return stack.group(2).cluster().joined(2)


def lived(stack: Stack, until: str, limit: float = 60) -> list[str]:
    """The distinct lastStatus values of the only task, in order, up to *until*; looked at often."""
    seen: list[str] = []
    for _ in range(int(limit / 0.05)):
        rows = stack.tasks()
        if rows and (not seen or seen[-1] != rows[0]["lastStatus"]):
            seen.append(rows[0]["lastStatus"])
        if seen and seen[-1] == until:
            return seen
        stack.sleep(0.05)
    raise AssertionError(f"{seen} within {limit} s")


def test_a_task_starts_state_by_state(hosts: Stack) -> None:
    """PROVISIONING, PENDING, ACTIVATING, RUNNING (aws.md 1.3); ports are bound once it runs."""
    hosts.service(1, wait=False)

    assert lived(hosts, "RUNNING") in (
        ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING"],
        ["PROVISIONING", "PENDING", "RUNNING"],  # ACTIVATING ends with the process's first sign of life
    )
    task = hosts.tasks("RUNNING")[0]
    assert (task["desiredStatus"], task["connectivity"], task["group"]) == ("RUNNING", "CONNECTED", "service:web")
    assert task["startedAt"] >= task["createdAt"]
    assert task["startedBy"] == hosts.shown()["deployments"][0]["id"]


def test_the_scheduler_stops_a_task_behind_a_balancer_in_order(hosts: Stack) -> None:
    """DEACTIVATING for the whole delay, then STOPPING, then STOPPED (aws.md 1.3, 11.10)."""
    hosts.front(delay=8).service(1)
    started = hosts.sim.now()
    hosts.aws.ecs.update_service(cluster="web", service="web", desiredCount=0)

    assert lived(hosts, "STOPPED")[-3:] in (
        ["DEACTIVATING", "STOPPING", "STOPPED"],
        ["RUNNING", "DEACTIVATING", "STOPPED"],  # a process that ends at once is hardly ever seen STOPPING
    )
    assert 8 <= (hosts.sim.now() - started).total_seconds() <= 10
    task = hosts.tasks("STOPPED")[0]
    assert task["stopCode"] == "ServiceSchedulerInitiated"
    assert task["stoppedAt"] > task["stoppingAt"]


def test_the_process_gets_its_signal_only_after_the_target_is_gone(hosts: Stack) -> None:
    """Deregistration first, SIGTERM later (aws.md 1.3)."""
    hosts.front(delay=8).service(1)
    task = hosts.tasks("RUNNING")[0]["taskArn"]
    hosts.aws.ecs.update_service(cluster="web", service="web", desiredCount=0)
    hosts.sleep(7)

    assert (task in hosts.sim.machine.running, hosts.states()) == (True, ["draining"])
    hosts.sleep(2)
    assert (task in hosts.sim.machine.running, hosts.states()) == (False, [])


def test_a_process_that_ignores_its_signal_is_killed_after_its_stop_timeout(hosts: Stack) -> None:
    """SIGTERM, stopTimeout, SIGKILL (aws.md 1.3)."""
    hosts.service(1)
    signals: list[tuple[float, bool]] = []
    deliver = hosts.sim.machine.signal
    start = hosts.sim.now()

    def deaf(task: str, *, kill: bool) -> None:
        signals.append(((hosts.sim.now() - start).total_seconds(), kill))
        if kill:
            deliver(task, kill=True)

    hosts.sim.machine.signal = deaf  # type: ignore[method-assign]
    hosts.aws.ecs.update_service(cluster="web", service="web", desiredCount=0)
    hosts.until(lambda: [one["lastStatus"] for one in hosts.tasks()] == ["STOPPED"])

    assert [kill for _, kill in signals] == [False, True]
    assert 3 <= signals[1][0] - signals[0][0] <= 4
    assert hosts.tasks()[0]["containers"][0]["exitCode"] == 137


def test_stop_task_signals_before_the_target_is_deregistered(hosts: Stack) -> None:
    """The trap: no DEACTIVATING, the process goes while its target drains: 502s (aws.md 1.3)."""
    hosts.front(delay=8).service(1)
    task = hosts.tasks("RUNNING")[0]["taskArn"]

    answer = hosts.aws.ecs.stop_task(cluster="web", task=task, reason="by hand")
    hosts.sleep(0.5)

    assert answer["task"]["lastStatus"] == "STOPPING"
    assert task not in hosts.sim.machine.running
    assert "draining" in hosts.states()
    stopped = hosts.tasks("STOPPED")[0]
    assert (stopped["stopCode"], stopped["stoppedReason"]) == ("UserInitiated", "by hand")
    hosts.until(hosts.completed)


def test_a_task_that_ends_by_itself_is_replaced(hosts: Stack) -> None:
    """An essential container exited (aws.md 1.3); its target drains only from then on."""
    hosts.front(delay=8).service(1)
    task = hosts.tasks("RUNNING")[0]["taskArn"]

    hosts.sim.machine.signal(task, kill=True)
    hosts.sleep(0.5)

    stopped = hosts.tasks("STOPPED")[0]
    assert (stopped["taskArn"], stopped["stopCode"]) == (task, "EssentialContainerExited")
    assert "draining" in hosts.states()
    hosts.until(hosts.completed)


def test_an_image_that_is_not_there_never_runs(hosts: Stack) -> None:
    """CannotPullContainerError (aws.md 4.1)."""
    hosts.aws.ecr.create_repository(repositoryName="shop")
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:v1"
    hosts.service(1, wait=False, taskDefinition=hosts.definition(image=image))
    hosts.until(lambda: len(hosts.tasks("STOPPED")) > 0)

    task = hosts.tasks("STOPPED")[0]
    assert (task["stopCode"], "startedAt" in task) == ("TaskFailedToStart", False)
    assert task["stoppedReason"].startswith("CannotPullContainerError")
    hosts.sim.door("POST", "image", repository="shop", tag="v1")
    hosts.until(hosts.completed)


def test_tasks_are_listed_by_the_status_they_should_have(hosts: Stack) -> None:
    """RUNNING unless asked otherwise; PENDING finds nothing, ever (aws.md 1.2)."""
    hosts.service(2)
    list_tasks = hosts.aws.ecs.list_tasks
    hosts.aws.ecs.stop_task(cluster="web", task=hosts.tasks("RUNNING")[0]["taskArn"])

    assert len(list_tasks(cluster="web")["taskArns"]) == 1
    assert len(list_tasks(cluster="web", desiredStatus="STOPPED")["taskArns"]) == 1
    assert list_tasks(cluster="web", desiredStatus="PENDING")["taskArns"] == []


def test_stopped_tasks_stay_visible_for_an_hour(hosts: Stack) -> None:
    """aws.md 1.2; then they are missing."""
    hosts.service(1)
    task = hosts.tasks("RUNNING")[0]["taskArn"]
    hosts.aws.ecs.update_service(cluster="web", service="web", desiredCount=0)
    hosts.sleep(3500)
    kept = hosts.tasks("STOPPED")

    hosts.sleep(200)

    assert [one["taskArn"] for one in kept] == [task]
    answer = hosts.aws.ecs.describe_tasks(cluster="web", tasks=[task])
    assert (answer["tasks"], answer["failures"]) == ([], [{"arn": task, "reason": "MISSING"}])


def test_tasks_are_listed_by_service_host_family_and_starter(hosts: Stack) -> None:
    """Every filter of ListTasks; an unknown service is an error (aws.md 1.2)."""
    hosts.service(2)
    other = hosts.definition(family="other")
    made = hosts.aws.ecs.run_task(cluster="web", taskDefinition=other, startedBy="me")["tasks"][0]["taskArn"]
    hosts.sleep(3)
    node = hosts.nodes()[0]["containerInstanceArn"]
    deployment = hosts.shown()["deployments"][0]["id"]

    def arns(**filters: str) -> list[str]:
        found: list[str] = hosts.aws.ecs.list_tasks(cluster="web", **filters)["taskArns"]
        return found

    assert len(arns(serviceName="web")) == len(arns(startedBy=deployment)) == len(arns(family="web")) == 2
    assert arns(startedBy="me") == arns(family="other") == [made]
    here = {one["taskArn"] for one in hosts.tasks() if one["containerInstanceArn"] == node}
    assert set(arns(containerInstance=node)) == here
    refused("ServiceNotFoundException", hosts.aws.ecs.list_tasks, cluster="web", serviceName="none")


def test_standalone_tasks_run_until_somebody_stops_them(hosts: Stack) -> None:
    """RunTask: no service, no replacement (aws.md 1.1); what does not fit is a failure."""
    definition = hosts.definition(memory=1500)
    answer = hosts.aws.ecs.run_task(cluster="web", taskDefinition=definition, count=3, group="batch")
    hosts.sleep(3)

    assert (len(answer["tasks"]), [one["reason"] for one in answer["failures"]]) == (2, ["RESOURCE:MEMORY"])
    assert {(one["group"], one["lastStatus"]) for one in hosts.tasks("RUNNING")} == {("batch", "RUNNING")}
    hosts.aws.ecs.stop_task(cluster="web", task=answer["tasks"][0]["taskArn"])
    hosts.sleep(10)
    assert len(hosts.tasks("RUNNING")) == 1


def test_a_standalone_task_goes_to_the_hosts_of_the_provider_it_names(hosts: Stack) -> None:
    """RunTask's capacityProviderStrategy, for providers of the cluster only (aws.md 4.3, 9.2)."""
    ecs, empty = hosts.aws.ecs, {**hosts.described(), "AutoScalingGroupName": "empty"}
    fresh: Any = {key: empty[key] for key in ("AutoScalingGroupName", "LaunchTemplate", "VPCZoneIdentifier")}
    hosts.aws.autoscaling.create_auto_scaling_group(MinSize=0, MaxSize=1, DesiredCapacity=0, **fresh)
    groups = hosts.aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=["empty"])["AutoScalingGroups"]
    behind: Any = {"autoScalingGroupArn": groups[0]["AutoScalingGroupARN"], "managedDraining": "DISABLED"}
    ecs.create_capacity_provider(name="empty", autoScalingGroupProvider=behind)
    attached = {"capacityProviders": ["pool", "empty"], "defaultCapacityProviderStrategy": []}
    ecs.put_cluster_capacity_providers(cluster="web", **attached)
    definition = hosts.definition()

    def run(provider: str) -> Any:
        strategy: Any = [{"capacityProvider": provider, "weight": 1}]
        return ecs.run_task(cluster="web", taskDefinition=definition, capacityProviderStrategy=strategy)

    assert [one["capacityProviderName"] for one in run("pool")["tasks"]] == ["pool"]
    assert (run("empty")["tasks"], len(run("empty")["failures"])) == ([], 1)
    refused("InvalidParameterException", run, provider="none")


@pytest.mark.parametrize("count", [0, 101])
def test_describing_tasks_takes_one_to_a_hundred(hosts: Stack, count: int) -> None:
    """aws.md 6.3."""
    names = [f"{n:032x}" for n in range(count)]

    refused("InvalidParameterException", hosts.aws.ecs.describe_tasks, cluster="web", tasks=names)


def test_unknown_tasks_are_failures_to_readers_and_an_error_to_stop(hosts: Stack) -> None:
    """aws.md 5.3."""
    answer = hosts.aws.ecs.describe_tasks(cluster="web", tasks=["0" * 32])

    assert [one["reason"] for one in answer["failures"]] == ["MISSING"]
    refused("InvalidParameterException", hosts.aws.ecs.stop_task, cluster="web", task="0" * 32)


def test_task_definitions_are_numbered_and_keep_what_they_were_given(hosts: Stack) -> None:
    """Always a new revision, even of equal content; defaults filled in (aws.md 5.1, 9.1)."""
    first, second = hosts.definition(), hosts.definition()
    describe = hosts.aws.ecs.describe_task_definition

    shown = describe(taskDefinition="web", include=["TAGS"])
    container = shown["taskDefinition"]["containerDefinitions"][0]
    assert (first.rsplit(":", 1)[1], second.rsplit(":", 1)[1]) == ("1", "2")
    assert shown["taskDefinition"]["taskDefinitionArn"] == second
    assert container["portMappings"] == [{"containerPort": 8080, "hostPort": 0, "protocol": "tcp"}]
    assert (container["essential"], container["environment"], container["mountPoints"]) == (True, [], [])
    assert shown["tags"] == []
    assert "tags" not in describe(taskDefinition=first)
    assert describe(taskDefinition="web:1")["taskDefinition"]["revision"] == 1


def test_a_deregistered_task_definition_starts_nothing_new(hosts: Stack) -> None:
    """INACTIVE: existing services go on, new ones are refused (aws.md 5.3)."""
    hosts.service(1)
    arn = hosts.shown()["taskDefinition"]

    hosts.aws.ecs.deregister_task_definition(taskDefinition=arn)

    refused("ClientException", hosts.aws.ecs.create_service, cluster="web", serviceName="two", taskDefinition=arn)
    hosts.aws.ecs.update_service(cluster="web", service="web", desiredCount=2)
    hosts.until(hosts.completed)
    assert hosts.aws.ecs.list_task_definitions(familyPrefix="web")["taskDefinitionArns"] == []
    assert hosts.aws.ecs.list_task_definitions(familyPrefix="web", status="INACTIVE")["taskDefinitionArns"] == [arn]
    refused("ClientException", hosts.aws.ecs.describe_task_definition, taskDefinition="none")
