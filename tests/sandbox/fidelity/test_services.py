"""Services as the API keeps them: creating, reading, changing and deleting, and what each is refused."""

from __future__ import annotations

from typing import Any

import pytest

from .stack import Stack, refused


@pytest.fixture
def hosts(stack: Stack) -> Stack:
    return stack.group(2).cluster().joined(2)


def test_the_same_token_returns_the_service_and_another_one_is_refused(hosts: Stack) -> None:
    """ "Creation of service was not idempotent." (aws.md 5.2)."""
    create = hosts.aws.ecs.create_service
    params = {"cluster": "web", "serviceName": "web", "taskDefinition": hosts.definition(), "desiredCount": 1}
    first = create(**params, clientToken="one")["service"]

    again = create(**params, clientToken="one")["service"]
    words = refused("InvalidParameterException", create, **params, clientToken="two")

    assert again["createdAt"] == first["createdAt"]
    assert words == "Creation of service was not idempotent."


def test_a_deleted_service_drains_then_is_inactive_and_its_name_free(hosts: Stack) -> None:
    """DRAINING, hidden from ListServices; INACTIVE once its tasks are stopping (aws.md 5.2, 5.3)."""
    hosts.front(delay=10).service(2)
    ecs = hosts.aws.ecs
    named = {"cluster": "web", "service": "web"}
    refused("InvalidParameterException", ecs.delete_service, **named)

    ecs.delete_service(**named, force=True)
    hosts.sleep(2)
    create = {"cluster": "web", "serviceName": "web", "taskDefinition": "web"}
    assert (hosts.shown()["status"], ecs.list_services(cluster="web")["serviceArns"]) == ("DRAINING", [])
    assert hosts.states() == ["draining", "draining"]
    assert "still Draining" in refused("InvalidParameterException", ecs.create_service, **create)
    refused("ServiceNotActiveException", ecs.update_service, **named, desiredCount=1)
    hosts.until(lambda: hosts.shown()["status"] == "INACTIVE")
    assert ecs.create_service(**create)["service"]["status"] == "ACTIVE"


def test_inactive_does_not_mean_that_no_task_is_left(hosts: Stack) -> None:
    """STOPPING is enough: the trap of aws.md 5.3."""
    hosts.service(1)
    task = hosts.tasks("RUNNING")[0]["taskArn"]
    hosts.sim.machine.signal = lambda _task, *, kill: None  # type: ignore[method-assign]

    hosts.aws.ecs.delete_service(cluster="web", service="web", force=True)
    hosts.until(lambda: hosts.shown()["status"] == "INACTIVE")

    assert [(one["taskArn"], one["lastStatus"]) for one in hosts.tasks()] == [(task, "STOPPING")]


def test_unknown_services_are_failures_to_readers_and_errors_to_writers(hosts: Stack) -> None:
    """failures[] with MISSING; ServiceNotFoundException, with its suffix: ecs speaks JSON (aws.md 5.2, 5.3)."""
    ecs = hosts.aws.ecs

    answer = ecs.describe_services(cluster="web", services=["none"])

    arn = "arn:aws:ecs:us-east-1:123456789012:service/web/none"
    assert (answer["services"], answer["failures"]) == ([], [{"arn": arn, "reason": "MISSING"}])
    refused("ServiceNotFoundException", ecs.update_service, cluster="web", service="none", desiredCount=1)
    refused("ServiceNotFoundException", ecs.delete_service, cluster="web", service="none")
    refused("ClusterNotFoundException", ecs.describe_services, cluster="none", services=["none"])


def test_ten_services_are_described_at_once_and_ten_listed_by_default(hosts: Stack) -> None:
    """Eleven are refused; pages of ten unless asked otherwise (aws.md 6.3)."""
    hosts.definition()
    names = [f"s{n:02}" for n in range(11)]
    for name in names:
        hosts.aws.ecs.create_service(cluster="web", serviceName=name, taskDefinition="web", desiredCount=0)
    ecs = hosts.aws.ecs

    refused("InvalidParameterException", ecs.describe_services, cluster="web", services=names)
    first = ecs.list_services(cluster="web")
    rest = ecs.list_services(cluster="web", nextToken=first["nextToken"])
    assert (len(first["serviceArns"]), len(rest["serviceArns"]), "nextToken" in rest) == (10, 1, False)
    assert len(ecs.describe_services(cluster="web", services=first["serviceArns"])["services"]) == 10
    refused("InvalidParameterException", ecs.list_services, cluster="web", maxResults=101)


def test_tags_are_shown_only_when_asked_for(hosts: Stack) -> None:
    """include=["TAGS"] (aws.md 9.2)."""
    tags = [{"key": "owner", "value": "me"}]
    hosts.service(1, tags=tags)
    ecs = hosts.aws.ecs

    plain = ecs.describe_services(cluster="web", services=["web"])["services"][0]
    asked = ecs.describe_services(cluster="web", services=["web"], include=["TAGS"])["services"][0]

    assert ("tags" in plain, asked["tags"]) == (False, tags)
    ecs.tag_resource(resourceArn=plain["serviceArn"], tags=[{"key": "more", "value": "1"}])
    ecs.untag_resource(resourceArn=plain["serviceArn"], tagKeys=["owner"])
    assert ecs.list_tags_for_resource(resourceArn=plain["serviceArn"])["tags"] == [{"key": "more", "value": "1"}]


def test_everything_given_is_read_back(hosts: Stack) -> None:
    """All of it echoed, and no networkConfiguration in bridge mode (reference/speed.md, aws.md 9.2)."""
    hosts.front().service(
        1,
        capacityProviderStrategy=[{"capacityProvider": "pool", "weight": 1}],
        deploymentConfiguration={
            "minimumHealthyPercent": 50,
            "maximumPercent": 150,
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        },
        healthCheckGracePeriodSeconds=30,
        availabilityZoneRebalancing="DISABLED",
        placementStrategy=[{"type": "spread", "field": "instanceId"}],
        enableExecuteCommand=True,
        propagateTags="SERVICE",
    )

    shown = hosts.shown()
    configuration = shown["deploymentConfiguration"]
    assert (configuration["minimumHealthyPercent"], configuration["maximumPercent"]) == (50, 150)
    assert configuration["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert configuration["strategy"] == "ROLLING"
    assert shown["capacityProviderStrategy"] == [{"capacityProvider": "pool", "weight": 1, "base": 0}]
    assert shown["deployments"][0]["capacityProviderStrategy"] == shown["capacityProviderStrategy"]
    assert (shown["healthCheckGracePeriodSeconds"], shown["availabilityZoneRebalancing"]) == (30, "DISABLED")
    assert shown["placementStrategy"] == [{"type": "spread", "field": "instanceId"}]
    assert (shown["enableExecuteCommand"], shown["propagateTags"]) == (True, "SERVICE")
    assert shown["loadBalancers"] == [hosts.behind(hosts.target_group)]
    assert shown["taskDefinition"].startswith("arn:aws:ecs:us-east-1:123456789012:task-definition/web:")
    assert not {"networkConfiguration", "launchType", "platformVersion"} & set(shown)


def test_a_registry_is_told_the_port_of_a_container(hosts: Stack) -> None:
    """Unless tasks have addresses of their own (ecs ServiceRegistry)."""
    registry: Any = {"registryArn": "arn:aws:servicediscovery:us-east-1:123456789012:service/srv-1"}
    by_port = {**registry, "containerName": "web", "containerPort": 8080}
    hosts.service(1, serviceRegistries=[by_port])

    assert hosts.shown()["serviceRegistries"] == [by_port]
    for wrong in (
        registry,
        {**registry, "port": 8080},
        {**by_port, "containerPort": 1},
        {**by_port, "containerName": "x"},
    ):
        again: Any = {"cluster": "web", "service": "web", "serviceRegistries": [wrong]}
        refused("InvalidParameterException", hosts.aws.ecs.update_service, **again)


def test_what_was_not_given_reads_back_as_its_default(hosts: Stack) -> None:
    """aws.md 9.2; a new service rebalances over zones (4.3)."""
    hosts.service(1)

    shown = hosts.shown()
    assert shown["deploymentConfiguration"] == {
        "deploymentCircuitBreaker": {"enable": False, "rollback": False},
        "maximumPercent": 200,
        "minimumHealthyPercent": 100,
        "alarms": {"alarmNames": [], "enable": False, "rollback": False},
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
    }
    assert (shown["launchType"], shown["schedulingStrategy"], shown["availabilityZoneRebalancing"]) == (
        "EC2",
        "REPLICA",
        "ENABLED",
    )
    assert (shown["deploymentController"], shown["propagateTags"]) == ({"type": "ECS"}, "NONE")
    assert (shown["healthCheckGracePeriodSeconds"], shown["enableECSManagedTags"]) == (0, False)
    assert "capacityProviderStrategy" not in shown


def test_the_cluster_s_default_strategy_is_copied_in(hosts: Stack) -> None:
    """When neither strategy nor launch type is given (aws.md 9.2); an empty list returns to the launch type (4.3)."""
    strategy = [{"capacityProvider": "pool", "weight": 1, "base": 2}]
    hosts.aws.ecs.put_cluster_capacity_providers(
        cluster="web", capacityProviders=["pool"], defaultCapacityProviderStrategy=strategy
    )
    hosts.service(1)
    copied = hosts.shown()["capacityProviderStrategy"]

    hosts.aws.ecs.update_service(cluster="web", service="web", capacityProviderStrategy=[], forceNewDeployment=True)

    assert copied == strategy
    assert (hosts.shown()["launchType"], "capacityProviderStrategy" in hosts.shown()) == ("EC2", False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(
            {"launchType": "EC2", "capacityProviderStrategy": [{"capacityProvider": "pool"}]},
            "both a launch type and capacity provider strategy",
            id="launch type and strategy",
        ),
        pytest.param(
            {"capacityProviderStrategy": [{"capacityProvider": "none"}]}, "not associated", id="unknown provider"
        ),
        pytest.param(
            {"loadBalancers": [{"targetGroupArn": "?", "containerName": "other", "containerPort": 8080}]},
            "does not exist in the task definition",
            id="unknown container",
        ),
        pytest.param(
            {"loadBalancers": [{"targetGroupArn": "?", "containerName": "web", "containerPort": 81}]},
            "did not have a container port 81 defined",
            id="unknown port",
        ),
    ],
)
def test_a_service_that_cannot_work_is_refused(hosts: Stack, change: dict[str, object], words: str) -> None:
    """InvalidParameterException, with what is wrong (aws.md 4.3, 5.3)."""
    hosts.front()
    given = hosts.definition()
    for one in change.get("loadBalancers", []):  # type: ignore[attr-defined]
        one["targetGroupArn"] = hosts.target_group

    said = refused(
        "InvalidParameterException",
        hosts.aws.ecs.create_service,
        cluster="web",
        serviceName="web",
        taskDefinition=given,
        **change,
    )

    assert words in said


def test_a_target_group_no_listener_names_is_refused_until_one_does(hosts: Stack) -> None:
    """ "does not have an associated load balancer" (aws.md 5.3)."""
    hosts.front()
    green = hosts.make_target_group("green")
    params = {
        "cluster": "web",
        "serviceName": "web",
        "taskDefinition": hosts.definition(),
        "loadBalancers": [hosts.behind(green)],
    }

    words = refused("InvalidParameterException", hosts.aws.ecs.create_service, **params)
    actions = [{"Type": "forward", "TargetGroupArn": green}]
    conditions = [{"Field": "path-pattern", "Values": ["/green"]}]
    hosts.aws.elbv2.create_rule(ListenerArn=hosts.listener, Priority=1, Conditions=conditions, Actions=actions)

    assert "does not have an associated load balancer" in words
    assert hosts.aws.ecs.create_service(**params)["service"]["status"] == "ACTIVE"


def test_scaling_a_service_down_takes_from_the_fullest_host(hosts: Stack) -> None:
    """A changed count keeps the deployment and its zones in balance (aws.md 4.3)."""
    hosts.service(4)
    deployment = hosts.shown()["deployments"][0]["id"]

    hosts.aws.ecs.update_service(cluster="web", service="web", desiredCount=2)
    hosts.until(hosts.completed)

    assert hosts.shown()["deployments"][0]["id"] == deployment
    assert len({task["containerInstanceArn"] for task in hosts.tasks("RUNNING")}) == 2
