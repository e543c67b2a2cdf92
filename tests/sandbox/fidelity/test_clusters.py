"""Clusters and capacity providers: what they are made of, what they replace, and what keeps them from being deleted."""

from __future__ import annotations

import pytest

from .stack import Stack, refused


def attach(stack: Stack, *names: str) -> dict[str, object]:
    answer = stack.aws.ecs.put_cluster_capacity_providers(
        cluster="web", capacityProviders=list(names), defaultCapacityProviderStrategy=[]
    )
    cluster: dict[str, object] = answer["cluster"]
    return cluster


def test_creating_a_cluster_again_returns_the_one_that_is_there(stack: Stack) -> None:
    """aws.md 5.2."""
    first = stack.aws.ecs.create_cluster(clusterName="web", tags=[{"key": "a", "value": "1"}])["cluster"]

    again = stack.aws.ecs.create_cluster(clusterName="web")["cluster"]

    assert again["clusterArn"] == first["clusterArn"]
    assert again["tags"] == [{"key": "a", "value": "1"}]
    assert stack.aws.ecs.list_clusters()["clusterArns"] == [first["clusterArn"]]


def test_an_empty_list_of_capacity_providers_is_shown(stack: Stack) -> None:
    """Other clients fail where it is left out (reference/speed.md)."""
    stack.aws.ecs.create_cluster(clusterName="web")

    shown = stack.aws.ecs.describe_clusters(clusters=["web"])["clusters"][0]

    assert (shown["capacityProviders"], shown["defaultCapacityProviderStrategy"]) == ([], [])


def test_settings_and_tags_are_shown_only_when_asked_for(stack: Stack) -> None:
    """include=["SETTINGS", "TAGS"] (aws.md 9.2)."""
    setting = [{"name": "containerInsights", "value": "enabled"}]
    stack.aws.ecs.create_cluster(clusterName="web", settings=setting, tags=[{"key": "a", "value": "1"}])
    describe = stack.aws.ecs.describe_clusters

    plain = describe(clusters=["web"])["clusters"][0]
    asked = describe(clusters=["web"], include=["SETTINGS", "TAGS"])["clusters"][0]

    assert ("tags" in plain, plain.get("settings", [])) == (False, [])
    assert (asked["settings"], asked["tags"]) == (setting, [{"key": "a", "value": "1"}])


def test_unknown_clusters_are_failures_to_readers_and_errors_to_writers(stack: Stack) -> None:
    """aws.md 5.3."""
    answer = stack.aws.ecs.describe_clusters(clusters=["none"])

    assert [(one["arn"].rsplit("/", 1)[1], one["reason"]) for one in answer["failures"]] == [("none", "MISSING")]
    refused("ClusterNotFoundException", stack.aws.ecs.list_services, cluster="none")
    refused("ClusterNotFoundException", stack.aws.ecs.delete_cluster, cluster="none")


def test_a_cluster_counts_what_it_holds(stack: Stack) -> None:
    """Container instances, tasks, services (aws.md 1.1)."""
    stack.group(2).cluster().joined(2).service(3)

    shown = stack.aws.ecs.describe_clusters(clusters=["web"])["clusters"][0]
    counts = ("registeredContainerInstancesCount", "runningTasksCount", "pendingTasksCount", "activeServicesCount")
    assert [shown[one] for one in counts] == [2, 3, 0, 1]


def test_what_a_cluster_holds_keeps_it_from_being_deleted_one_after_the_other(stack: Stack) -> None:
    """Services, tasks, container instances, capacity providers (aws.md 5.4)."""
    stack.group(1).cluster().joined(1).service(1)
    ecs = stack.aws.ecs
    task = ecs.run_task(cluster="web", taskDefinition="web")["tasks"][0]["taskArn"]
    stack.sleep(3)

    refused("ClusterContainsServicesException", ecs.delete_cluster, cluster="web")
    ecs.delete_service(cluster="web", service="web", force=True)
    stack.until(lambda: stack.shown()["status"] == "INACTIVE")
    refused("ClusterContainsTasksException", ecs.delete_cluster, cluster="web")
    ecs.stop_task(cluster="web", task=task)
    stack.until(lambda: stack.tasks("RUNNING") == [] and {t["lastStatus"] for t in stack.tasks()} == {"STOPPED"})
    refused("ClusterContainsContainerInstancesException", ecs.delete_cluster, cluster="web")
    ecs.deregister_container_instance(cluster="web", containerInstance=stack.nodes()[0]["containerInstanceArn"])
    refused("ClusterContainsCapacityProviderException", ecs.delete_cluster, cluster="web")
    attach(stack)
    assert ecs.delete_cluster(cluster="web")["cluster"]["status"] == "INACTIVE"


def test_a_deleted_cluster_is_inactive_for_a_while_and_takes_nothing(stack: Stack) -> None:
    """Discoverable, not listed, and its name is free (aws.md 5.3)."""
    ecs = stack.aws.ecs
    ecs.create_cluster(clusterName="web")
    ecs.delete_cluster(cluster="web")

    assert ecs.describe_clusters(clusters=["web"])["clusters"][0]["status"] == "INACTIVE"
    assert ecs.list_clusters()["clusterArns"] == []
    refused("ClusterNotFoundException", ecs.list_tasks, cluster="web")
    assert ecs.create_cluster(clusterName="web")["cluster"]["status"] == "ACTIVE"


def test_the_list_of_capacity_providers_is_replaced_whole(stack: Stack) -> None:
    """What is left out is removed; what is unknown is refused (aws.md 5.4)."""
    stack.group(0, wait=False).cluster()
    arn = stack.described()["AutoScalingGroupARN"]
    stack.aws.ecs.create_capacity_provider(name="spare", autoScalingGroupProvider={"autoScalingGroupArn": arn})

    assert attach(stack, "spare")["capacityProviders"] == ["spare"]
    assert attach(stack)["capacityProviders"] == []
    put = stack.aws.ecs.put_cluster_capacity_providers
    empty = {"cluster": "web", "defaultCapacityProviderStrategy": []}
    refused("InvalidParameterException", put, capacityProviders=["none"], **empty)
    strategy = [{"capacityProvider": "pool", "weight": 1}]
    refused(
        "InvalidParameterException",
        put,
        cluster="web",
        capacityProviders=["spare"],
        defaultCapacityProviderStrategy=strategy,
    )


def test_a_capacity_provider_in_use_can_neither_be_removed_nor_deleted(stack: Stack) -> None:
    """Not from the cluster while a service's strategy names it, not at all while a cluster has it (aws.md 5.4)."""
    stack.group(1).cluster().joined(1)
    stack.service(1, capacityProviderStrategy=[{"capacityProvider": "pool", "weight": 1}])
    ecs = stack.aws.ecs
    empty = {"cluster": "web", "capacityProviders": [], "defaultCapacityProviderStrategy": []}

    words = refused("ResourceInUseException", ecs.put_cluster_capacity_providers, **empty)
    refused("ResourceInUseException", ecs.delete_capacity_provider, capacityProvider="pool")
    ecs.delete_service(cluster="web", service="web", force=True)
    stack.until(lambda: not stack.sim.door("GET", "left")["task"])  # tasks use it, too
    ecs.put_cluster_capacity_providers(**empty)
    ecs.delete_capacity_provider(capacityProvider="pool")

    assert "in use and cannot be removed" in words
    answer = ecs.describe_capacity_providers(capacityProviders=["pool"])
    assert [one["reason"] for one in answer["failures"]] == ["MISSING"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("pool", "already exists", id="taken"),
        pytest.param("aws-pool", "must not start with", id="a reserved beginning"),
    ],
)
def test_a_capacity_provider_s_name_is_refused_as_a_client_exception(stack: Stack, name: str, words: str) -> None:
    """ClientException, not AlreadyExists (aws.md 5.2)."""
    stack.group(0, wait=False).cluster()
    settings = {"autoScalingGroupArn": stack.described()["AutoScalingGroupARN"]}

    said = refused(
        "ClientException", stack.aws.ecs.create_capacity_provider, name=name, autoScalingGroupProvider=settings
    )

    assert words in said


def test_a_capacity_provider_needs_a_group_that_is_there(stack: Stack) -> None:
    """By full arn, uuid included: a group made again is another one (aws.md 9.2)."""
    stack.group(0, wait=False)
    arn = stack.described()["AutoScalingGroupARN"]
    stack.aws.autoscaling.delete_auto_scaling_group(AutoScalingGroupName="web")
    stack.sleep(1)
    stack.group(0, wait=False)

    refused(
        "ClientException",
        stack.aws.ecs.create_capacity_provider,
        name="pool",
        autoScalingGroupProvider={"autoScalingGroupArn": arn},
    )
    assert stack.described()["AutoScalingGroupARN"] != arn


def test_managed_scaling_reads_back_with_its_defaults_and_updates_keep_the_rest(stack: Stack) -> None:
    """aws.md 1.7."""
    stack.group(0, wait=False).cluster(managedScaling={"status": "ENABLED", "targetCapacity": 80})
    ecs = stack.aws.ecs

    settings = {"managedScaling": {"targetCapacity": 90}}
    ecs.update_capacity_provider(name="pool", autoScalingGroupProvider=settings)

    shown = ecs.describe_capacity_providers(capacityProviders=["pool"])["capacityProviders"][0]
    assert "tags" not in shown
    assert shown["autoScalingGroupProvider"] == {
        "autoScalingGroupArn": stack.described()["AutoScalingGroupARN"],
        "managedScaling": {
            "status": "ENABLED",
            "targetCapacity": 90,
            "minimumScalingStepSize": 1,
            "maximumScalingStepSize": 10000,
            "instanceWarmupPeriod": 300,
        },
        "managedTerminationProtection": "DISABLED",
        "managedDraining": "DISABLED",
    }


def test_hosts_that_joined_before_their_provider_belong_to_it_all_the_same(stack: Stack) -> None:
    """A provider is found by its group (aws.md 1.7)."""
    stack.group(1).cluster(provider=False).joined(1)
    arn = stack.described()["AutoScalingGroupARN"]
    stack.aws.ecs.create_capacity_provider(name="pool", autoScalingGroupProvider={"autoScalingGroupArn": arn})

    attach(stack, "pool")

    assert [one["capacityProviderName"] for one in stack.nodes()] == ["pool"]
