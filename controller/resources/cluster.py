"""The ECS cluster. Breadcrumb tags live on it and are never compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.base.errors import NotYet
from controller.base.keys import OWNER_TAG, SPEC_TAG, Key, Tags, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import born_tags, live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack


@dataclass(frozen=True, slots=True)
class Cluster:
    """`container_insights` as ECS has it: enabled, disabled, enhanced; `exec_log` likewise: DEFAULT, NONE ..."""

    container_insights: str
    exec_log: str
    name: str = spec(compare=False)
    tags: Tags = spec(subset=True, risk="cosmetic")


class ClusterKind:
    kind = "cluster"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, Cluster]]:
        key = Key(self.kind, "main")
        name = live_name(stack, key)
        insights = stack.cluster.container_insights
        word = insights if isinstance(insights, str) else "enabled" if insights else "disabled"
        born = born_tags(stack, key)
        yield key, Cluster(word, stack.cluster.exec_log.upper(), name, born)

    def observe(self, reads: Reads, wanted: Mapping[Key, Cluster], owner: str) -> Mapping[Key, Observed[Cluster]]:
        by_name = {item["clusterName"]: item for item in reads.clusters()}
        return {key: parse_cluster(by_name[one.name]) for key, one in wanted.items() if one.name in by_name}

    def create(self, aws: Aws, key: Key, desired: Cluster) -> Mapping[str, str]:
        made = aws.ecs.create_cluster(  # an existing name returns the cluster (aws.md 5.2)
            clusterName=desired.name,
            settings=_settings(desired),
            configuration=_configuration(desired),
            tags=tags.camel(desired.tags),
        )
        return _outputs(made["cluster"])

    def update(
        self, aws: Aws, observed: Observed[Cluster], desired: Cluster, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        fields = {change.field for change in changes}
        sent: dict[str, Any] = {"settings": _settings(desired)} if "container_insights" in fields else {}
        if "exec_log" in fields:
            sent["configuration"] = _beside(aws, desired)
        if sent:
            aws.ecs.update_cluster(cluster=desired.name, **sent)
        if "tags" in fields:
            aws.ecs.tag_resource(resourceArn=observed.outputs["arn"], tags=tags.camel(desired.tags))
        return {}

    def delete(self, aws: Aws, observed: Observed[Cluster]) -> None:
        """Deregister what hosts left behind (only those that can no longer answer), then delete."""
        name = observed.as_desired.name
        arns = aws.ecs.list_container_instances(cluster=name)["containerInstanceArns"]
        if arns:
            found = aws.ecs.describe_container_instances(cluster=name, containerInstances=arns)
            connected = [item for item in found["containerInstances"] if item.get("agentConnected")]
            if connected:
                raise NotYet(f"cluster {name}: {len(connected)} hosts are still registered")
            for arn in arns:
                aws.ecs.deregister_container_instance(cluster=name, containerInstance=arn, force=True)
        aws.ecs.delete_cluster(cluster=name)


def parse_cluster(item: Mapping[str, Any]) -> Observed[Cluster]:
    live = tags.read(item.get("tags"))
    settings = {one["name"]: one["value"] for one in item.get("settings", [])}
    shell = item.get("configuration", {}).get("executeCommandConfiguration", {})
    as_desired = Cluster(
        settings.get("containerInsights", "disabled"),
        shell.get("logging", "DEFAULT"),
        item["clusterName"],
        lasting_tags(live),
    )
    outputs = {**_outputs(item), "record": live.get(SPEC_TAG, "")}
    return Observed(as_desired, outputs, live.get(OWNER_TAG))


def _settings(desired: Cluster) -> list[Any]:
    return [{"name": "containerInsights", "value": desired.container_insights}]


def _configuration(desired: Cluster) -> Any:
    return {"executeCommandConfiguration": {"logging": desired.exec_log}}


def _beside(aws: Aws, desired: Cluster) -> Any:
    """The configuration as it is but for what the spec says: ECS forgets what is not sent, and keys that others set
    encrypt sessions and disks. Where to log goes with the logging it is for (OVERRIDE)."""
    found = aws.ecs.describe_clusters(clusters=[desired.name], include=["CONFIGURATIONS"])["clusters"]
    live: Any = found[0].get("configuration", {}) if found else {}
    shell = {key: value for key, value in live.get("executeCommandConfiguration", {}).items() if key == "kmsKeyId"}
    return {**live, "executeCommandConfiguration": {**shell, **_configuration(desired)["executeCommandConfiguration"]}}


def _outputs(item: Mapping[str, Any]) -> dict[str, str]:
    return {"name": item["clusterName"], "arn": item["clusterArn"]}


KIND = ClusterKind()
