"""Tasks with addresses of their own, on Fargate and on hosts, and what ECS refuses about where tasks run."""

from __future__ import annotations

from typing import Any

import pytest

from .stack import Stack, refused

FARGATE = [{"capacityProvider": "FARGATE", "weight": 1}]


@pytest.fixture
def serverless(stack: Stack) -> Stack:
    """A cluster with Fargate's providers and a load balancer in front of addresses; no host."""
    stack.front(TargetType="ip")
    ecs = stack.aws.ecs
    ecs.create_cluster(clusterName="web")
    ecs.put_cluster_capacity_providers(
        cluster="web", capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=[]
    )
    return stack


def definition(stack: Stack, version: int = 1, **more: Any) -> str:
    container = {"name": "web", "image": f"example.org/web:{version}", "portMappings": [{"containerPort": 8080}]}
    settings: dict[str, Any] = {
        "family": "web",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [{**container, "stopTimeout": 3}],
        **more,
    }
    return str(stack.aws.ecs.register_task_definition(**settings)["taskDefinition"]["taskDefinitionArn"])


def network(stack: Stack, public: str = "ENABLED") -> dict[str, Any]:
    place = {"subnets": stack.subnets, "securityGroups": [stack.security_group], "assignPublicIp": public}
    return {"networkConfiguration": {"awsvpcConfiguration": place}}


def run(stack: Stack, count: int = 2, **more: Any) -> Stack:
    settings = {"capacityProviderStrategy": FARGATE, "taskDefinition": definition(stack), **network(stack), **more}
    return stack.service(count, **settings)


def addresses(stack: Stack) -> dict[str, str]:
    """Address -> lastStatus of every task that is shown."""
    return {
        one["value"]: task["lastStatus"]
        for task in stack.tasks()
        for one in task["attachments"][0]["details"]
        if one["name"] == "privateIPv4Address"
    }


def test_a_task_is_registered_by_its_own_address_and_container_port(serverless: Stack) -> None:
    """aws.md 4.3: awsvpc, IP targets; spread over the zones; no host in sight."""
    run(serverless)

    assert sorted(serverless.health()) == sorted((address, 8080) for address in addresses(serverless))
    assert {state for state, _ in serverless.health().values()} == {"healthy"}
    shown = serverless.tasks()
    assert {task["launchType"] for task in shown} == {"FARGATE"}
    assert {task["availabilityZone"] for task in shown} == {"us-east-1a", "us-east-1b"}
    assert [task.get("containerInstanceArn") for task in shown] == [None, None]
    assert {task["capacityProviderName"] for task in shown} == {"FARGATE"}


def test_a_deployment_gives_every_task_a_new_address_and_drains_the_old(serverless: Stack) -> None:
    """The target drains before SIGTERM, and the interface goes last: DEPROVISIONING (aws.md 1.3)."""
    run(serverless)
    old = set(addresses(serverless))
    serverless.aws.ecs.update_service(cluster="web", service="web", taskDefinition=definition(serverless, 2))
    seen: set[str] = set()

    def over() -> bool:
        seen.update(status for address, status in addresses(serverless).items() if address in old)
        healthy = [key for key, (state, _) in serverless.health().items() if state == "healthy"]
        assert len(healthy) >= 2
        return serverless.completed() and seen >= {"STOPPED"}

    serverless.until(over)

    assert {"DEACTIVATING", "STOPPING", "DEPROVISIONING"} <= seen
    assert not old & {address for address, _ in serverless.health()}


def test_the_platform_and_the_network_read_back_as_they_are(serverless: Stack) -> None:
    run(serverless, wait=False)

    shown = serverless.shown()
    assert (shown["platformVersion"], shown["capacityProviderStrategy"][0]["base"]) == ("LATEST", 0)
    assert shown["networkConfiguration"] == network(serverless)["networkConfiguration"]
    assert "launchType" not in shown


def test_a_strategy_is_filled_by_base_and_weight(serverless: Stack) -> None:
    shares = [
        {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 3},
    ]
    run(serverless, 5, capacityProviderStrategy=shares)

    kinds = sorted(task["capacityProviderName"] for task in serverless.tasks())
    assert kinds == ["FARGATE", "FARGATE", "FARGATE_SPOT", "FARGATE_SPOT", "FARGATE_SPOT"]


def test_security_group_and_subnet_are_in_use_while_a_task_has_them(serverless: Stack) -> None:
    """aws.md 5.4: DependencyViolation while any interface uses it."""
    run(serverless)
    made = serverless.aws.ec2.create_security_group(VpcId=serverless.vpc, GroupName="tasks", Description="tasks")
    place = network(serverless)
    place["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] = [made["GroupId"]]
    serverless.aws.ecs.update_service(cluster="web", service="web", **place)
    serverless.until(serverless.completed)

    refused("DependencyViolation", serverless.aws.ec2.delete_security_group, GroupId=made["GroupId"])
    serverless.aws.ecs.delete_service(cluster="web", service="web", force=True)
    serverless.until(lambda: all(task["lastStatus"] == "STOPPED" for task in serverless.tasks()))
    serverless.aws.ec2.delete_security_group(GroupId=made["GroupId"])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"networkMode": "bridge"}, "Fargate only supports network mode ‘awsvpc’."),
        ({"cpu": ""}, "Fargate requires that 'cpu' be defined at the task level."),
        ({"memory": "600"}, "No Fargate configuration exists for given values: 256 CPU, 600 memory."),
        ({"volumes": [{"name": "x", "host": {"sourcePath": "/x"}}]}, "do not support sourcePath"),
    ],
)
def test_definitions_that_fargate_cannot_run(serverless: Stack, more: dict[str, Any], words: str) -> None:
    """aws.md 4.3."""
    call = serverless.aws.ecs.register_task_definition
    container = {"name": "web", "image": "x", "memory": 64}
    settings = {
        "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "containerDefinitions": [container], **more,
    }  # fmt: skip

    assert words in refused("ClientException", call, **settings)


def test_services_whose_parts_do_not_go_together(serverless: Stack) -> None:
    """aws.md 4.3: network, launch type, target type and definition."""
    aws, own = serverless.aws.ecs.create_service, definition(serverless)
    plain = serverless.definition(family="plain")
    behind = {"loadBalancers": [serverless.behind(serverless.target_group)]}
    base: dict[str, Any] = {"cluster": "web", "serviceName": "x", "desiredCount": 1}
    code = "InvalidParameterException"

    assert "must be provided" in refused(code, aws, **base, taskDefinition=own, launchType="FARGATE")
    assert "not valid for" in refused(code, aws, **base, taskDefinition=plain, **network(serverless))
    assert "launch_type FARGATE" in refused(code, aws, **base, taskDefinition=plain, launchType="FARGATE")
    assert "target type ip" in refused(code, aws, **base, taskDefinition=plain, **behind)
    mixed = [*FARGATE, {"capacityProvider": "FARGATE_SPOT", "base": 1}, {"capacityProvider": "FARGATE", "base": 1}]
    assert "Only one" in refused(
        code, aws, **base, taskDefinition=own, capacityProviderStrategy=mixed, **network(serverless)
    )
    placed = {"placementStrategy": [{"type": "random"}], "capacityProviderStrategy": FARGATE}
    assert "Placement strategies" in refused(code, aws, **base, taskDefinition=own, **placed, **network(serverless))


def test_interfaces_of_a_host_bound_its_tasks_with_addresses(stack: Stack) -> None:
    """aws.md 4.3: awsvpc on EC2 takes an interface of the host; a t3.small has three, its own included."""
    stack.group(1).cluster().joined(1)
    own = definition(stack, requiresCompatibilities=["EC2"], memory="64")
    stack.service(3, wait=False, taskDefinition=own, launchType="EC2", **network(stack, "DISABLED"))
    stack.until(lambda: any("RESOURCE:ENI" in words for words in stack.events()))

    running = [task for task in stack.tasks() if task["lastStatus"] != "STOPPED"]
    assert len(running) == 2
    assert all(task["containerInstanceArn"] for task in running)
    assert all(not one["networkBindings"] for task in running for one in task["containers"])


def test_one_task_of_a_host_port_per_host(stack: Stack) -> None:
    """aws.md 4.3: host mode fixes the port."""
    stack.group(1).cluster().joined(1)
    container = {"name": "web", "image": "x", "memory": 64, "portMappings": [{"containerPort": 8080}]}
    made = stack.aws.ecs.register_task_definition(family="h", networkMode="host", containerDefinitions=[container])
    stack.service(2, wait=False, taskDefinition=made["taskDefinition"]["taskDefinitionArn"])
    stack.until(lambda: any("already using a port" in words for words in stack.events()))

    stack.until(lambda: any(task["lastStatus"] == "RUNNING" for task in stack.tasks()))

    (one,) = stack.tasks()
    assert [b["hostPort"] for b in one["containers"][0]["networkBindings"]] == [8080]
