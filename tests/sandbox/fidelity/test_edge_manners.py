"""What any client may meet at the edge: unknown operations, counts of calls, faults on request, read-back shapes."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from controller.sandbox.simulated import Simulated

from .stack import Aws, Stack, refused


@pytest.mark.parametrize(
    ("service", "call", "params"),
    [
        pytest.param("ecs", "start_task", {"cluster": "web", "containerInstances": ["x"], "taskDefinition": "web"},
                     id="known to moto only"),
        pytest.param("ecs", "execute_command", {"cluster": "web", "command": "ls", "interactive": True, "task": "t"},
                     id="JSON"),
        pytest.param("autoscaling", "attach_traffic_sources", {"AutoScalingGroupName": "web", "TrafficSources": []},
                     id="query"),
        pytest.param("ec2", "create_fpga_image", {"InputStorageLocation": {"Bucket": "b"}}, id="EC2's query"),
        pytest.param("elbv2", "describe_trust_stores", {}, id="query of the balancers"),
    ],
)  # fmt: skip
def test_an_operation_the_sandbox_does_not_know_is_a_clean_refusal(
    stack: Stack, service: str, call: str, params: dict[str, object]
) -> None:
    """In the protocol of the call, and never a 500, which clients send again (reference/moto.md 0)."""
    words = refused("UnknownOperationException", getattr(getattr(stack.aws, service), call), **params)

    assert "not in the sandbox" in words


def test_calls_are_counted_by_operation(stack: Stack) -> None:
    """One for each request, those that are refused included."""
    stack.sim.door("POST", "reset-calls")
    stack.aws.ecs.list_clusters()
    stack.aws.ecs.list_clusters()
    stack.aws.ec2.describe_vpcs()
    refused("ClusterNotFoundException", stack.aws.ecs.list_tasks, cluster="none")

    assert stack.sim.door("GET", "calls") == {"ecs:ListClusters": 2, "ec2:DescribeVpcs": 1, "ecs:ListTasks": 1}


def test_a_fault_on_request_is_answered_as_often_as_asked_and_changes_nothing(stack: Stack) -> None:
    """Throttling, in the service's own code (aws.md 6.1)."""
    stack.sim.door("POST", "fault", service="ecs", action="CreateCluster", code="AccessDeniedException", status=400)

    refused("AccessDeniedException", stack.aws.ecs.create_cluster, clusterName="web")
    assert stack.aws.ecs.list_clusters()["clusterArns"] == []
    assert stack.aws.ecs.create_cluster(clusterName="web")["cluster"]["status"] == "ACTIVE"


def test_a_reply_can_be_lost_after_the_deed(stack: Stack) -> None:
    """The call was made all the same (aws.md 5.1)."""
    lost = {"code": "InternalFailure", "status": 400, "after": True}
    stack.sim.door("POST", "fault", service="ecs", action="CreateCluster", **lost)

    with pytest.raises(ClientError):
        stack.aws.ecs.create_cluster(clusterName="web")

    assert len(stack.aws.ecs.list_clusters()["clusterArns"]) == 1


def test_a_group_reads_back_what_it_was_given_and_every_default(stack: Stack) -> None:
    """aws.md 9.5."""
    stack.group(
        0, wait=False, HealthCheckGracePeriod=30, DefaultInstanceWarmup=60, TerminationPolicies=["OldestInstance"]
    )

    shown = stack.described()
    assert (shown["HealthCheckGracePeriod"], shown["DefaultInstanceWarmup"]) == (30, 60)
    assert (shown["TerminationPolicies"], shown["DefaultCooldown"]) == (["OldestInstance"], 300)
    assert (shown["HealthCheckType"], shown["NewInstancesProtectedFromScaleIn"]) == ("EC2", False)
    assert (shown["SuspendedProcesses"], shown["TargetGroupARNs"], shown["TrafficSources"]) == ([], [], [])
    assert sorted(shown["VPCZoneIdentifier"].split(",")) == sorted(stack.subnets)
    assert shown["AvailabilityZones"] == ["us-east-1a", "us-east-1b"]
    assert shown["LaunchTemplate"].keys() == {"LaunchTemplateId", "LaunchTemplateName", "Version"}
    assert "Status" not in shown


def test_what_other_clients_ask_of_a_group_is_answered(stack: Stack) -> None:
    """Policies, refreshes, schedules, warm pools, metrics: none, but said properly (reference/speed.md)."""
    stack.group(0, wait=False)
    client, named = stack.aws.autoscaling, {"AutoScalingGroupName": "web"}

    assert client.describe_policies(**named)["ScalingPolicies"] == []
    assert client.describe_instance_refreshes(**named)["InstanceRefreshes"] == []
    assert client.describe_scheduled_actions(**named)["ScheduledUpdateGroupActions"] == []
    assert client.describe_traffic_sources(**named)["TrafficSources"] == []
    assert client.describe_warm_pool(**named)["Instances"] == []
    client.enable_metrics_collection(**named, Granularity="1Minute")
    client.disable_metrics_collection(**named)
    refused("ValidationError", client.disable_metrics_collection, AutoScalingGroupName="none")


def test_an_instance_refresh_is_refused_rather_than_faked(stack: Stack) -> None:
    """The sandbox runs none (README, limits)."""
    stack.group(0, wait=False)

    refused("UnknownOperationException", stack.aws.autoscaling.start_instance_refresh, AutoScalingGroupName="web")


def test_the_same_history_has_the_same_ids(stack: Stack) -> None:
    """What failed once can be looked at again; the second sandbox takes the place of the first."""
    stack.group(2)
    first = stack.ids()

    sim = Simulated()
    again = Stack(sim, Aws(sim)).network().group(2)

    assert again.ids() == first
