"""Host agents: when they register, where, when they do not, and how ECS learns that a host is gone."""

from __future__ import annotations

import pytest

from .stack import IMAGE_PARAMETER, Stack, refused


def test_an_agent_registers_some_time_after_its_host_is_in_service(stack: Stack) -> None:
    """In the cluster its user data names, with the size of its type (aws.md section 8, 11.6)."""
    stack.group(1).cluster()
    at_once = stack.nodes()
    stack.joined(1)

    node = stack.nodes()[0]
    registered = {one["name"]: one.get("integerValue") for one in node["registeredResources"]}
    attributes = {one["name"]: one["value"] for one in node["attributes"]}
    assert at_once == []
    assert (node["status"], node["agentConnected"], node["capacityProviderName"]) == ("ACTIVE", True, "pool")
    assert node["ec2InstanceId"] == stack.ids()[0]
    assert registered["CPU"] == 2048
    assert 1800 < registered["MEMORY"] < 1950
    assert attributes["ecs.availability-zone"] == stack.instances()[0]["AvailabilityZone"]
    assert attributes["ecs.instance-type"] == "t3.small"


def test_without_a_cluster_in_its_user_data_a_host_joins_default(stack: Stack) -> None:
    """Silently the wrong one (aws.md section 8)."""
    stack.template(user_data="#!/bin/bash\nyum update\n")
    stack.group(1).cluster()
    stack.aws.ecs.create_cluster(clusterName="default")

    stack.until(lambda: len(stack.nodes(cluster="default")) == 1)

    assert stack.nodes() == []


def test_a_host_whose_cluster_is_not_there_joins_nothing(stack: Stack) -> None:
    """Until there is one (aws.md section 8)."""
    stack.template(user_data="#!/bin/bash\necho ECS_CLUSTER=later >> /etc/ecs/ecs.config\n")
    stack.group(1).cluster()
    stack.sleep(60)

    stack.aws.ecs.create_cluster(clusterName="later")

    stack.until(lambda: len(stack.nodes(cluster="later")) == 1)
    assert stack.nodes() == []


def test_an_image_whose_agent_never_joins_leaves_a_host_in_service_and_no_container_instance(stack: Stack) -> None:
    """Launched but not in ECS (aws.md 3.4, 11.6)."""
    image = stack.sim.door("POST", "ami", parameter=IMAGE_PARAMETER, joins="never")["image"]
    stack.template(ImageId=image)
    stack.group(1).cluster()

    stack.sleep(120)

    assert stack.lifecycles() == ["InService"]
    assert stack.nodes() == []


def test_container_instances_are_found_by_their_instance(stack: Stack) -> None:
    """filter="ec2InstanceId == i-..." (aws.md 1.2)."""
    stack.group(2).cluster().joined(2)
    wanted = stack.ids()[1]

    arns = stack.aws.ecs.list_container_instances(cluster="web", filter=f"ec2InstanceId == {wanted}")

    assert arns["containerInstanceArns"] == [stack.node_of(wanted)["containerInstanceArn"]]


def test_a_disconnected_agent_keeps_its_tasks_and_gets_no_more(stack: Stack) -> None:
    """Tasks run on; nothing is placed there (aws.md 1.5); once back it takes tasks again."""
    stack.group(1).cluster().joined(1).service(1)
    stack.sim.door("POST", "host", id=stack.ids()[0], action="lost")
    stack.sleep(1)

    stack.aws.ecs.update_service(cluster="web", service="web", desiredCount=2)
    stack.sleep(30)

    assert (stack.nodes()[0]["agentConnected"], stack.nodes()[0]["status"]) == (False, "ACTIVE")
    assert stack.shown()["runningCount"] == 1
    assert any("was unable to place a task" in words for words in stack.events())
    stack.sim.door("POST", "host", id=stack.ids()[0], action="back")
    stack.until(lambda: stack.shown()["runningCount"] == 2)


def test_what_happens_while_an_agent_is_cut_off_is_told_when_it_is_back(stack: Stack) -> None:
    """ECS cannot know before that a task has ended (aws.md 1.5)."""
    stack.group(1).cluster().joined(1).service(1)
    task = stack.tasks("RUNNING")[0]
    stack.sim.door("POST", "host", id=stack.ids()[0], action="lost")
    stack.sleep(1)
    stack.sim.machine.signal(task["taskArn"], kill=True)
    stack.sleep(30)
    believed = [one["lastStatus"] for one in stack.tasks()]

    stack.sim.door("POST", "host", id=stack.ids()[0], action="back")
    stack.sleep(1)

    assert believed == ["RUNNING"]
    stopped = stack.tasks("STOPPED")
    assert [(one["stopCode"], one["containers"][0]["exitCode"]) for one in stopped] == [
        ("EssentialContainerExited", 137)
    ]


def test_a_host_ended_in_ec2_is_noticed_by_ecs_only_later(stack: Stack) -> None:
    """Tasks and targets look well for a while: that is where requests are lost (aws.md 1.5, 2.5)."""
    stack.group(2).cluster().joined(2)
    stack.service(2)
    victim = stack.ids()[0]
    node = stack.node_of(victim)["containerInstanceArn"]

    stack.aws.ec2.terminate_instances(InstanceIds=[victim])
    stack.sleep(0.5)
    at_once = (stack.on(node), stack.node_of(victim)["agentConnected"])
    stack.sleep(1)
    cut_off = (stack.on(node), stack.node_of(victim)["agentConnected"])
    stack.until(lambda: node not in [one["containerInstanceArn"] for one in stack.nodes()])

    assert at_once == (["RUNNING"], True)
    assert cut_off == (["RUNNING"], False)
    lost = stack.tasks("STOPPED")[0]
    assert (lost["containerInstanceArn"], lost["stoppedReason"]) == (node, f"Host EC2 (instance {victim}) terminated.")
    assert stack.nodes("INACTIVE")[0]["containerInstanceArn"] == node
    stack.until(stack.completed)


def test_a_host_taken_out_by_its_group_leaves_the_cluster_by_itself(stack: Stack) -> None:
    """A connected agent's host is deregistered when it is terminated (aws.md 1.5)."""
    stack.group(2).cluster().joined(2)

    stack.aws.autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=1)
    stack.until(lambda: len(stack.ids()) == 1)
    stack.sleep(1)

    assert [one["ec2InstanceId"] for one in stack.nodes()] == stack.ids()


def test_a_disconnected_container_instance_outlives_its_host_until_it_is_forced_out(stack: Stack) -> None:
    """Not deregistered by itself; DeleteCluster fails until somebody does it (aws.md 1.5)."""
    stack.group(1).cluster().joined(1).service(1)
    stack.sim.door("POST", "host", id=stack.ids()[0], action="lost")
    stack.sleep(1)
    stack.aws.autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=0)
    stack.until(lambda: stack.ids() == [])
    stack.sleep(60)

    node = stack.nodes()[0]
    assert (node["status"], node["agentConnected"], node["runningTasksCount"]) == ("ACTIVE", False, 1)
    stack.aws.ecs.deregister_container_instance(
        cluster="web", containerInstance=node["containerInstanceArn"], force=True
    )
    assert stack.nodes() == []
    assert [one["lastStatus"] for one in stack.tasks()] == ["STOPPED"]


def test_deregistering_is_refused_while_tasks_run_unless_forced(stack: Stack) -> None:
    """Forced, service tasks are replaced elsewhere, and the host stays away (aws.md 1.5)."""
    stack.group(2).cluster().joined(2).front().service(2)
    node = stack.nodes()[0]["containerInstanceArn"]
    call = stack.aws.ecs.deregister_container_instance
    words = refused("InvalidParameterException", call, cluster="web", containerInstance=node)

    answer = call(cluster="web", containerInstance=node, force=True)
    stack.until(stack.completed)
    stack.sleep(30)

    assert words == "Found running tasks on the instance."
    assert answer["containerInstance"]["status"] == "INACTIVE"
    assert [one["containerInstanceArn"] for one in stack.nodes()] != [node]
    assert len(stack.nodes()) == 1
    other = stack.nodes()[0]["containerInstanceArn"]
    assert stack.on(other) == ["RUNNING", "RUNNING"]


def test_forced_out_tasks_run_on_unmanaged_until_their_host_ends(stack: Stack) -> None:
    """force orphans the processes (aws.md 1.5); the machine is asked, for ECS no longer knows."""
    stack.group(1).cluster().joined(1).service(1)
    task = stack.tasks("RUNNING")[0]["taskArn"]

    stack.aws.ecs.deregister_container_instance(
        cluster="web", containerInstance=stack.nodes()[0]["containerInstanceArn"], force=True
    )
    stack.sleep(60)
    orphaned = task in stack.sim.machine.running
    stack.aws.autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=0)
    stack.until(lambda: stack.ids() == [])
    stack.sleep(1)

    assert stack.tasks("STOPPED")[0]["lastStatus"] == "STOPPED"
    assert orphaned
    assert task not in stack.sim.machine.running


@pytest.mark.parametrize("count", [0, 101])
def test_describing_container_instances_takes_one_to_a_hundred(stack: Stack, count: int) -> None:
    """aws.md 6.3."""
    stack.aws.ecs.create_cluster(clusterName="web")
    names = [f"{n:032x}" for n in range(count)]

    refused(
        "InvalidParameterException",
        stack.aws.ecs.describe_container_instances,
        cluster="web",
        containerInstances=names,
    )


def test_unknown_container_instances_are_failures(stack: Stack) -> None:
    """HTTP 200 and failures[] (aws.md 1.1, 5.3)."""
    stack.aws.ecs.create_cluster(clusterName="web")

    answer = stack.aws.ecs.describe_container_instances(cluster="web", containerInstances=["0" * 32])

    assert (answer["containerInstances"], [one["reason"] for one in answer["failures"]]) == ([], ["MISSING"])
