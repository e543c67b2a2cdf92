"""What ECS tells: clusters, services, hosts and tasks, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from controller.aws.client import pages
from controller.aws.reads.base import Item
from controller.aws.reads.ours import OwnedReads
from controller.base.errors import Gone, Refused

DESCRIBE_SERVICES_MAX = 10  # names per call (aws.md 6.3), and so on below
DESCRIBE_TASKS_MAX = 100
DESCRIBE_CONTAINER_INSTANCES_MAX = 100


class EcsReads(OwnedReads):
    """ECS."""

    def clusters(self) -> list[Item]:
        """The wanted clusters, INACTIVE ones left out (aws.md 5.3: they count as absent)."""

        def ask() -> list[Item]:
            names = self.wanted("cluster")
            if not names:
                return []
            include: Any = ["SETTINGS", "CONFIGURATIONS", "ATTACHMENTS", "TAGS"]
            answer = self.aws.ecs.describe_clusters(clusters=names, include=include)
            return [cast("Item", item) for item in answer["clusters"] if item.get("status") != "INACTIVE"]

        return self.once("clusters", ask)

    def cluster(self) -> str | None:
        """The name of our cluster when it exists."""
        found = self.clusters()
        return str(found[0]["clusterName"]) if found else None

    def _cluster_name(self) -> str | None:
        """The name to ask with: no need to wait for DescribeClusters, a missing cluster answers Gone."""
        names = self.wanted("cluster")
        return names[0] if names else None

    def capacity_providers(self) -> list[Item]:
        """Those of the wanted names, and those that only carry our tag; INACTIVE ones are left out."""

        def described(names: list[str]) -> list[Item]:
            if not names:
                return []
            request: Any = {"capacityProviders": names, "include": ["TAGS"]}
            found = pages(self.aws.ecs.describe_capacity_providers, "capacityProviders", "nextToken", **request)
            return [item for item in found if item.get("status") != "INACTIVE"]

        def ask() -> list[Item]:
            named = described(self.wanted("capacity_provider"))
            return [*named, *described(self.unnamed("capacity_provider"))]

        return self.once("capacity_providers", ask)

    def services(self) -> list[Item]:
        """The wanted services, and those that only carry our tag, in every status AWS shows (ACTIVE, DRAINING,
        INACTIVE); MISSING ones are not there."""

        def described(names: list[str]) -> list[Item]:
            cluster = self._cluster_name()
            if cluster is None or not names:
                return []
            batches = [names[i : i + DESCRIBE_SERVICES_MAX] for i in range(0, len(names), DESCRIBE_SERVICES_MAX)]

            def one(batch: list[str]) -> list[Item]:
                try:
                    answer = self.aws.ecs.describe_services(cluster=cluster, services=batch, include=["TAGS"])
                except Gone:
                    return []
                return cast("list[Item]", answer["services"])

            return [item for part in self.spread([lambda b=b: one(b) for b in batches]) for item in part]  # type: ignore[misc]

        def ask() -> list[Item]:
            return [*described(self.wanted("service")), *described(self.unnamed("service"))]

        return self.once("services", ask)

    def task_definition(self, name: str) -> Item | None:
        """One task definition with its tags: the newest ACTIVE revision of a family, or a revision by arn."""

        def ask() -> Item | None:
            try:
                answer = self.aws.ecs.describe_task_definition(taskDefinition=name, include=["TAGS"])
            except Gone:
                return None
            except Refused as refusal:
                # ECS answers a family it does not know with a ClientException, not with a code of its own.
                if refusal.code == "ClientException":
                    return None
                raise
            return {**answer["taskDefinition"], "tags": answer.get("tags", [])}

        return self.once(("task_definition", name), ask)

    def container_instances(self) -> list[Item]:
        """Every container instance of our cluster but INACTIVE ones, whoever registered it."""

        def ask() -> list[Item]:
            cluster = self._cluster_name()
            if cluster is None:
                return []
            try:
                arns = _arns(self.aws.ecs.list_container_instances, "containerInstanceArns", cluster=cluster)
                return self._describe_container_instances(cluster, arns)
            except Gone:
                return []

        return self.once("container_instances", ask)

    def _describe_container_instances(self, cluster: str, arns: list[str]) -> list[Item]:
        step = DESCRIBE_CONTAINER_INSTANCES_MAX

        def one(batch: list[str]) -> list[Item]:
            answer = self.aws.ecs.describe_container_instances(cluster=cluster, containerInstances=batch)
            return cast("list[Item]", answer["containerInstances"])

        batches = [arns[i : i + step] for i in range(0, len(arns), step)]
        return [item for part in self.spread([lambda b=b: one(b) for b in batches]) for item in part]  # type: ignore[misc]

    def tasks(self) -> list[Item]:
        """Every task of the cluster that ECS still shows, stopped ones included.

        Both lists are needed: one told to stop has desiredStatus STOPPED while it still serves (aws.md 1.2).
        """

        def ask() -> list[Item]:
            cluster = self._cluster_name()
            if cluster is None:
                return []
            try:
                running, stopped = self.spread(
                    [
                        lambda: _arns(self.aws.ecs.list_tasks, "taskArns", cluster=cluster, desiredStatus="RUNNING"),
                        lambda: _arns(self.aws.ecs.list_tasks, "taskArns", cluster=cluster, desiredStatus="STOPPED"),
                    ]
                )
            except Gone:
                return []
            arns = [*running, *stopped]
            batches = [arns[i : i + DESCRIBE_TASKS_MAX] for i in range(0, len(arns), DESCRIBE_TASKS_MAX)]

            def one(batch: list[str]) -> list[Item]:
                return cast("list[Item]", self.aws.ecs.describe_tasks(cluster=cluster, tasks=batch)["tasks"])

            return [item for part in self.spread([lambda b=b: one(b) for b in batches]) for item in part]  # type: ignore[misc]

        return self.once("tasks", ask)

    def service_history(self, service: str) -> list[Item]:
        """The newest deployments of one service (live name), each with the ``taskDefinition`` it wanted.

        Three calls; asked only when the wanted task definition is not the one that runs.
        """

        def ask() -> list[Item]:
            cluster = self._cluster_name()
            if cluster is None:
                return []
            ecs = self.aws.ecs
            brief = ecs.list_service_deployments(cluster=cluster, service=service, maxResults=20)["serviceDeployments"]
            if not brief:
                return []
            arns = [item["serviceDeploymentArn"] for item in brief]
            found = ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]
            revisions = sorted(
                {item["targetServiceRevision"]["arn"] for item in found if "targetServiceRevision" in item}
            )
            answer = ecs.describe_service_revisions(serviceRevisionArns=revisions)["serviceRevisions"]
            wanted = {item["serviceRevisionArn"]: item["taskDefinition"] for item in answer}
            return [
                {**item, "taskDefinition": wanted.get(item.get("targetServiceRevision", {}).get("arn", ""), "")}
                for item in found
            ]

        return self.once(("service_history", service), ask)


def _arns(call: Callable[..., Any], result: str, **request: Any) -> list[str]:
    """All arns of a paged ECS list."""
    found: list[str] = []
    while True:
        answer = call(**request)
        found += answer[result]
        if not answer.get("nextToken"):
            return found
        request["nextToken"] = answer["nextToken"]
