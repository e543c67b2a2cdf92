"""What CodeDeploy tells of our services. Asked only where one is deployed by it, or was."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from controller.aws import tags
from controller.aws.client import pages
from controller.aws.reads.base import Item
from controller.aws.reads.scaling import ScalingReads
from controller.aws.task_sets import RUNNING
from controller.base.errors import Gone

BATCH_MAX = 25  # deployments per call (aws.md 6.3)
APPLICATION, GROUP = "codedeploy_application", "codedeploy_deployment_group"


class CodeDeployReads(ScalingReads):
    """CodeDeploy."""

    def deploy_application(self, name: str) -> Item | None:
        def ask() -> Item:
            return cast("Item", self.aws.codedeploy.get_application(applicationName=name)["application"])

        return self._or_gone(("deploy_application", name), ask)

    def deployment_groups(self) -> list[Item]:
        """Those of the wanted names, and those that only carry our tag."""

        def ask() -> list[Item]:
            wanted = {(self._application(), name) for name in self.wanted(GROUP)}
            left = [arn.split(":deploymentgroup:")[-1].partition("/") for arn in self.unnamed(GROUP)]
            by_application: dict[str, list[str]] = {}
            for application, name in sorted(wanted | {(one[0], one[2]) for one in left}):
                by_application.setdefault(application, []).append(name)
            found: list[Item] = []
            for application, names in by_application.items():
                call = self.aws.codedeploy.batch_get_deployment_groups
                try:
                    answer = call(applicationName=application, deploymentGroupNames=names)
                except Gone:
                    continue
                found += [cast("Item", one) for one in answer["deploymentGroupsInfo"]]
            return found

        return self.once("deployment_groups", ask)

    def _application(self) -> str:
        return next(iter(self.wanted(APPLICATION)), "")

    def deploy_tags(self, what: str, name: str) -> dict[str, str]:
        """The tags of an application (``application``, its name) or a group (``deploymentgroup``, app/group)."""

        def ask() -> dict[str, str]:
            arn = self.deploy_arn(what, name)
            return tags.read(cast("Any", self.aws.codedeploy.list_tags_for_resource(ResourceArn=arn)["Tags"]))

        return self._or_gone(("deploy_tags", what, name), ask) or {}

    def deploy_arn(self, what: str, name: str) -> str:
        """Its arn. Nothing of CodeDeploy reads back with one: the cluster says of whom and where, or what is tagged."""
        known = next((arn for arn in self.tagged() if arn.endswith(f":{what}:{name}")), "")
        if known:
            return known
        cluster = next((str(one["clusterArn"]) for one in self.clusters()), f"arn:aws:ecs:{self.aws.region}::")
        _, partition, _, region, account, *_ = cluster.split(":")
        return f"arn:{partition}:codedeploy:{region}:{account}:{what}:{name}"

    def deploy_under_way(self, service: str) -> Item | None:
        """The deployment of a service (live name) that has not ended; there is one at most."""
        found = self._deployments(service, RUNNING)
        return found[0] if found else None

    def deploy_history(self, service: str) -> list[Item]:
        """The newest deployments of it that have ended."""
        return self._deployments(service, ("Succeeded", "Failed", "Stopped"))

    def _deployments(self, service: str, statuses: tuple[str, ...]) -> list[Item]:
        def ask() -> list[Item]:
            group = next((one for one in self.deployment_groups() if service in _services(one)), None)
            if group is None:
                return []
            named = {name: group[name] for name in ("applicationName", "deploymentGroupName")}
            wanted: Any = {**named, "includeOnlyStatuses": list(statuses)}
            listed: Any = partial(self.aws.codedeploy.list_deployments, **wanted)
            names = [str(one) for one in pages(listed, "deployments", "nextToken")]
            call: Any = self.aws.codedeploy.batch_get_deployments
            found: list[Item] = []
            for start in range(0, len(names), BATCH_MAX):
                found += call(deploymentIds=names[start : start + BATCH_MAX])["deploymentsInfo"]
            return sorted(found, key=lambda one: one["createTime"], reverse=True)

        return self.once(("deployments", service, statuses), ask)


def _services(group: Item) -> set[str]:
    return {str(one["serviceName"]) for one in group.get("ecsServices", [])}
