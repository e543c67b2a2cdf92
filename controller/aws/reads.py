"""The reads of one pass: wide, shallow, each made once.

Kinds run side by side and ask for the same things (every kind of the load balancer wants its tags). `Reads` makes
each call once, for the whole stack, batched to AWS's page limits, and hands everybody the answer. Chains stay at most
four calls deep (load balancer, listeners, rules, tags) however large the stack; nothing grows with the account:
EC2 is asked by owner tag, everything else by deterministic name.

Answers are AWS's own dictionaries: they go straight into a kind's ``parse_*``, nowhere else. Callers must not
change them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar, cast

from controller.aws.client import Aws, pages
from controller.base.errors import Gone, Refused
from controller.base.keys import OWNER_TAG

T = TypeVar("T")
Item = dict[str, Any]

DESCRIBE_SERVICES_MAX = 10  # names per call (aws.md 6.3), and so on below
DESCRIBE_TASKS_MAX = 100
DESCRIBE_CONTAINER_INSTANCES_MAX = 100
ELB_TAGS_MAX = 20
ELB_NAMES_MAX = 20
SSM_PARAMETERS_MAX = 10
ALARMS_MAX = 100

VERSION_MARK = "theseus "  # begins the description of every launch template version we make


class Reads:
    """One pass's view of AWS. Make a new one for every pass.

    owner   the stack: value of the owner tag
    names   kind -> live names wanted in this pass (``{"service": ("shop-web",), ...}``)
    destroying   the pass removes things: what they hold is asked for too
    """

    def __init__(
        self,
        aws: Aws,
        owner: str,
        names: Mapping[str, Sequence[str]],
        pool: ThreadPoolExecutor,
        *,
        destroying: bool = False,
    ) -> None:
        self.aws = aws
        self.owner = owner
        self.names = names
        self.destroying = destroying
        self._pool = pool
        self._memo: dict[object, Future[Any]] = {}
        self._lock = threading.Lock()

    # ------------------------------------------------------------------------------------------------ mechanics
    def once(self, key: object, ask: Callable[[], T]) -> T:
        """The answer of *ask*, asked once per pass however many threads want it; its error likewise."""
        with self._lock:
            future = self._memo.get(key)
            mine = future is None
            if future is None:
                future = self._memo[key] = Future()
        if mine:
            try:
                future.set_result(ask())
            except BaseException as error:
                future.set_exception(error)
        return cast("T", future.result())

    def spread(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """The answers of *calls*, made side by side. They must not use `spread` themselves."""
        if len(calls) < 2:
            return [call() for call in calls]
        return [future.result() for future in [self._pool.submit(call) for call in calls]]

    def _tagged(self) -> list[Any]:
        return [{"Name": f"tag:{OWNER_TAG}", "Values": [self.owner]}]

    def wanted(self, kind: str) -> list[str]:
        return list(self.names.get(kind, ()))

    # ------------------------------------------------------------------------------------------------ identity
    def identity(self) -> Item:
        """sts GetCallerIdentity."""
        return self.once("identity", lambda: cast("Item", self.aws.sts.get_caller_identity()))

    # ------------------------------------------------------------------------------------------------ ec2, by tag
    def vpcs(self) -> list[Item]:
        return self.once("vpcs", lambda: pages(self.aws.ec2.describe_vpcs, "Vpcs", Filters=self._tagged()))

    def vpc_dns_hostnames(self, vpc: str) -> bool:
        """Whether hosts of *vpc* get DNS names (an attribute that DescribeVpcs does not show)."""

        def ask() -> bool:
            answer = self.aws.ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
            return bool(answer["EnableDnsHostnames"]["Value"])

        return self.once(("vpc_dns_hostnames", vpc), ask)

    def subnets(self) -> list[Item]:
        return self.once("subnets", lambda: pages(self.aws.ec2.describe_subnets, "Subnets", Filters=self._tagged()))

    def internet_gateways(self) -> list[Item]:
        ask = self.aws.ec2.describe_internet_gateways
        return self.once("igws", lambda: pages(ask, "InternetGateways", Filters=self._tagged()))

    def route_tables(self) -> list[Item]:
        ask = self.aws.ec2.describe_route_tables
        return self.once("route_tables", lambda: pages(ask, "RouteTables", Filters=self._tagged()))

    def security_groups(self) -> list[Item]:
        ask = self.aws.ec2.describe_security_groups
        return self.once("security_groups", lambda: pages(ask, "SecurityGroups", Filters=self._tagged()))

    def security_group_rules(self) -> list[Item]:
        """Every rule of our groups, foreign ones included (they carry no tag of ours): asked by group id."""

        def ask() -> list[Item]:
            ids = [group["GroupId"] for group in self.security_groups()]
            if not ids:
                return []
            filters: Any = [{"Name": "group-id", "Values": ids}]
            return pages(self.aws.ec2.describe_security_group_rules, "SecurityGroupRules", Filters=filters)

        return self.once("security_group_rules", ask)

    def launch_templates(self) -> list[Item]:
        ask = self.aws.ec2.describe_launch_templates
        return self.once("launch_templates", lambda: pages(ask, "LaunchTemplates", Filters=self._tagged()))

    def launch_template_versions(self, name: str) -> list[Item]:
        """Every version of one template, by its name; [] when there is no such template."""

        def ask() -> list[Item]:
            try:
                return pages(
                    self.aws.ec2.describe_launch_template_versions,
                    "LaunchTemplateVersions",
                    LaunchTemplateName=name,
                )
            except Gone:
                return []

        return self.once(("launch_template_versions", name), ask)

    def newest_version(self, template: str) -> Item | None:
        """The newest version of a template that we made (its description says so); one made by hand beside it,
        which no group uses, is nobody's drift."""
        versions = sorted(self.launch_template_versions(template), key=lambda item: int(item["VersionNumber"]))
        ours = [item for item in versions if str(item.get("VersionDescription", "")).startswith(VERSION_MARK)]
        return (ours or versions)[-1] if versions else None

    def instances(self) -> list[Item]:
        """Our hosts in every state but terminated."""

        def ask() -> list[Item]:
            states = ["pending", "running", "shutting-down", "stopping", "stopped"]
            return self._machines([*self._tagged(), {"Name": "instance-state-name", "Values": states}])

        return self.once("instances", ask)

    def instances_by_id(self, ids: Sequence[str]) -> list[Item]:
        """Those of *ids*, whatever their tags: members of our groups that somebody attached or untagged."""
        filters = [{"Name": "instance-id", "Values": list(ids)}]
        return self.once(("instances", tuple(ids)), lambda: self._machines(filters))

    def _machines(self, filters: Any) -> list[Item]:
        found = pages(self.aws.ec2.describe_instances, "Reservations", Filters=filters)
        return [instance for reservation in found for instance in reservation["Instances"]]

    def instance_types(self, types: Iterable[str]) -> dict[str, Item]:
        """EC2's description of each type, by name."""
        wanted = sorted(set(types))

        def ask() -> dict[str, Item]:
            request: Any = {"InstanceTypes": wanted}
            found = pages(self.aws.ec2.describe_instance_types, "InstanceTypes", **request) if wanted else []
            return {item["InstanceType"]: item for item in found}

        return self.once(("instance_types", tuple(wanted)), ask)

    # ------------------------------------------------------------------------------------------------ ssm
    def parameter(self, name: str) -> str | None:
        """The value of one SSM parameter. All those in ``names["parameter"]`` are asked together."""

        def ask() -> dict[str, str]:
            wanted = sorted({*self.wanted("parameter"), name})
            found: dict[str, str] = {}
            for start in range(0, len(wanted), SSM_PARAMETERS_MAX):
                answer = self.aws.ssm.get_parameters(Names=wanted[start : start + SSM_PARAMETERS_MAX])
                found |= {item["Name"]: item["Value"] for item in answer["Parameters"]}
            return found

        known = self.once("parameters", ask)
        if name in known or name in self.wanted("parameter"):
            return known.get(name)
        return self.once(("parameter", name), lambda: ask().get(name))

    # ------------------------------------------------------------------------------------------------ autoscaling
    def groups(self) -> list[Item]:
        """The groups of the wanted names, instances included; a missing one is simply not there."""

        def ask() -> list[Item]:
            names = self.wanted("auto_scaling_group")
            if not names:
                return []
            call = self.aws.autoscaling.describe_auto_scaling_groups
            return pages(call, "AutoScalingGroups", AutoScalingGroupNames=names)

        return self.once("groups", ask)

    def activities(self, group: str) -> list[Item]:
        """The newest scaling activities of one group (one page is enough to explain a launch failure)."""

        def ask() -> list[Item]:
            answer = self.aws.autoscaling.describe_scaling_activities(AutoScalingGroupName=group, MaxRecords=20)
            return cast("list[Item]", answer["Activities"])

        return self.once(("activities", group), ask)

    def instance_refreshes(self, group: str) -> list[Item]:
        """The newest instance refreshes of one group."""

        def ask() -> list[Item]:
            answer = self.aws.autoscaling.describe_instance_refreshes(AutoScalingGroupName=group, MaxRecords=5)
            return cast("list[Item]", answer["InstanceRefreshes"])

        return self.once(("instance_refreshes", group), ask)

    # ------------------------------------------------------------------------------------------------ ecs
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
        def ask() -> list[Item]:
            names = self.wanted("capacity_provider")
            if not names:
                return []
            request: Any = {"capacityProviders": names, "include": ["TAGS"]}
            found = pages(self.aws.ecs.describe_capacity_providers, "capacityProviders", "nextToken", **request)
            return [item for item in found if item.get("status") != "INACTIVE"]

        return self.once("capacity_providers", ask)

    def services(self) -> list[Item]:
        """The wanted services in every status AWS shows (ACTIVE, DRAINING, INACTIVE); MISSING ones are not there."""

        def ask() -> list[Item]:
            cluster, names = self._cluster_name(), self.wanted("service")
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

    # ------------------------------------------------------------------------------------------------ elbv2
    def load_balancers(self) -> list[Item]:
        ask = self.aws.elbv2.describe_load_balancers
        return self.once("load_balancers", lambda: self._by_names(ask, "LoadBalancers", "load_balancer"))

    def target_groups(self) -> list[Item]:
        ask = self.aws.elbv2.describe_target_groups
        return self.once("target_groups", lambda: self._by_names(ask, "TargetGroups", "target_group"))

    def _by_names(self, call: Callable[..., Any], result: str, kind: str) -> list[Item]:
        """The ones that exist: AWS refuses a whole list for one missing name, so a refused list is asked singly."""
        names = self.wanted(kind)
        found: list[Item] = []
        for start in range(0, len(names), ELB_NAMES_MAX):
            batch = names[start : start + ELB_NAMES_MAX]
            try:
                found += call(Names=batch)[result]
            except Gone:
                if len(batch) > 1:
                    found += [item for name in batch for item in _or_none(call, result, name)]
        return found

    def listeners(self) -> list[Item]:
        """The listeners of our load balancers."""

        def ask() -> list[Item]:
            call = self.aws.elbv2.describe_listeners
            arns = [balancer["LoadBalancerArn"] for balancer in self.load_balancers()]
            calls = [lambda a=arn: pages(call, "Listeners", "Marker", LoadBalancerArn=a) for arn in arns]
            return [item for part in self.spread(calls) for item in part]

        return self.once("listeners", ask)

    def rules(self) -> list[Item]:
        """The rules of our listeners, each with its ``ListenerArn`` added."""

        def ask() -> list[Item]:
            call = self.aws.elbv2.describe_rules

            def one(arn: str) -> list[Item]:
                return [{**rule, "ListenerArn": arn} for rule in pages(call, "Rules", "Marker", ListenerArn=arn)]

            arns = [str(listener["ListenerArn"]) for listener in self.listeners()]
            return [item for part in self.spread([lambda a=arn: one(a) for arn in arns]) for item in part]  # type: ignore[misc]

        return self.once("rules", ask)

    def elb_tags(self) -> dict[str, dict[str, str]]:
        """The tags of our load balancers, target groups, listeners and rules, by arn: one round at depth four."""

        def ask() -> dict[str, dict[str, str]]:
            rules = [rule["RuleArn"] for rule in self.rules() if not rule["IsDefault"]]
            arns = [
                *(item["LoadBalancerArn"] for item in self.load_balancers()),
                *(item["TargetGroupArn"] for item in self.target_groups()),
                *(item["ListenerArn"] for item in self.listeners()),
                *rules,
            ]
            batches = [arns[i : i + ELB_TAGS_MAX] for i in range(0, len(arns), ELB_TAGS_MAX)]

            def one(batch: list[str]) -> list[Item]:
                return cast("list[Item]", self.aws.elbv2.describe_tags(ResourceArns=batch)["TagDescriptions"])

            found = [item for part in self.spread([lambda b=b: one(b) for b in batches]) for item in part]  # type: ignore[misc]
            return {item["ResourceArn"]: {t["Key"]: t["Value"] for t in item.get("Tags", [])} for item in found}

        return self.once("elb_tags", ask)

    def load_balancer_attributes(self, arn: str) -> dict[str, str]:
        def ask() -> dict[str, str]:
            answer = self.aws.elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)
            return {item["Key"]: item["Value"] for item in answer["Attributes"]}

        return self.once(("load_balancer_attributes", arn), ask)

    def target_group_attributes(self, arn: str) -> dict[str, str]:
        def ask() -> dict[str, str]:
            answer = self.aws.elbv2.describe_target_group_attributes(TargetGroupArn=arn)
            return {item["Key"]: item["Value"] for item in answer["Attributes"]}

        return self.once(("target_group_attributes", arn), ask)

    def target_health(self) -> dict[str, list[Item]]:
        """The targets of each of our target groups with their health, by group arn (one call per group)."""

        def ask() -> dict[str, list[Item]]:
            arns = [str(group["TargetGroupArn"]) for group in self.target_groups()]

            def one(arn: str) -> list[Item]:
                try:
                    answer = self.aws.elbv2.describe_target_health(TargetGroupArn=arn)
                except Gone:
                    return []
                return cast("list[Item]", answer["TargetHealthDescriptions"])

            return dict(zip(arns, self.spread([lambda a=arn: one(a) for arn in arns]), strict=True))  # type: ignore[misc]

        return self.once("target_health", ask)

    # ------------------------------------------------------------------------------------------------ iam
    def role(self, name: str) -> Item | None:
        """iam GetRole, tags included."""
        return self._or_gone(("role", name), lambda: cast("Item", self.aws.iam.get_role(RoleName=name)["Role"]))

    def attached_policies(self, role: str) -> list[str]:
        """The arns of the managed policies attached to a role."""

        def ask() -> list[str]:
            answer = self.aws.iam.list_attached_role_policies(RoleName=role)
            return [item["PolicyArn"] for item in answer["AttachedPolicies"]]

        return self._or_gone(("attached_policies", role), ask) or []

    def inline_policy(self, role: str, policy: str) -> Any:
        """One inline policy document of a role, decoded; None when there is none."""
        call = self.aws.iam.get_role_policy
        return self._or_gone(
            ("inline_policy", role, policy), lambda: call(RoleName=role, PolicyName=policy)["PolicyDocument"]
        )

    def instance_profile(self, name: str) -> Item | None:
        """iam GetInstanceProfile, roles and tags included."""
        call = self.aws.iam.get_instance_profile
        return self._or_gone(
            ("instance_profile", name), lambda: cast("Item", call(InstanceProfileName=name)["InstanceProfile"])
        )

    # ------------------------------------------------------------------------------------------------ logs, ecr
    def log_group(self, name: str) -> Item | None:
        """The log group of that name: the first of those that begin with it, as CloudWatch sorts them by name."""

        def ask() -> Item | None:
            found = self.aws.logs.describe_log_groups(logGroupNamePrefix=name, limit=1)["logGroups"]
            return cast("Item", found[0]) if found and found[0]["logGroupName"] == name else None

        return self.once(("log_group", name), ask)

    def has_log_streams(self, name: str) -> bool:
        """Whether something was logged to a group (asked only before it might be deleted)."""
        call = self.aws.logs.describe_log_streams
        return self.once(("log_streams", name), lambda: bool(call(logGroupName=name, limit=1)["logStreams"]))

    def log_group_tags(self, arn: str) -> dict[str, str]:
        """The tags of one log group, by its arn without the trailing ``:*``."""
        call = self.aws.logs.list_tags_for_resource
        return self.once(("log_group_tags", arn), lambda: dict(call(resourceArn=arn).get("tags", {})))

    def repository(self, name: str) -> Item | None:
        call = self.aws.ecr.describe_repositories
        return self._or_gone(("repository", name), lambda: _first(call(repositoryNames=[name])["repositories"]))

    def repository_tags(self, arn: str) -> dict[str, str]:
        def ask() -> dict[str, str]:
            answer = self.aws.ecr.list_tags_for_resource(resourceArn=arn)
            return {item["Key"]: item["Value"] for item in answer["tags"]}

        return self.once(("repository_tags", arn), ask)

    def lifecycle_policy(self, repository: str) -> str | None:
        call = self.aws.ecr.get_lifecycle_policy
        return self._or_gone(
            ("lifecycle_policy", repository), lambda: str(call(repositoryName=repository)["lifecyclePolicyText"])
        )

    def image_count(self, repository: str) -> int:
        """How many images a repository holds (asked only before it might be deleted)."""
        call = self.aws.ecr.describe_images
        return self.once(
            ("image_count", repository),
            lambda: len(pages(call, "imageDetails", "nextToken", repositoryName=repository)),
        )

    def image(self, repository: str, tag: str) -> Item | None:
        """The image a tag names; None when it was not pushed yet."""
        call = self.aws.ecr.describe_images
        return self._or_gone(
            ("image", repository, tag),
            lambda: _first(call(repositoryName=repository, imageIds=[{"imageTag": tag}])["imageDetails"]),
        )

    # ------------------------------------------------------------------------------------------------ cloudwatch
    def alarms(self, names: Sequence[str]) -> dict[str, Item]:
        """The wanted alarms by name; a missing one is not there."""

        def ask() -> dict[str, Item]:
            found: list[Item] = []
            for start in range(0, len(names), ALARMS_MAX):
                part = list(names[start : start + ALARMS_MAX])
                found += pages(self.aws.cloudwatch.describe_alarms, "MetricAlarms", AlarmNames=part)
            return {item["AlarmName"]: item for item in found}

        return self.once(("alarms", tuple(names)), ask)

    def _or_gone(self, key: object, ask: Callable[[], T]) -> T | None:
        def guarded() -> T | None:
            try:
                return ask()
            except Gone:
                return None

        return self.once(key, guarded)


def _arns(call: Callable[..., Any], result: str, **request: Any) -> list[str]:
    """All arns of a paged ECS list."""
    found: list[str] = []
    while True:
        answer = call(**request)
        found += answer[result]
        if not answer.get("nextToken"):
            return found
        request["nextToken"] = answer["nextToken"]


def _first(items: Sequence[Any]) -> Item | None:
    """The one item that was asked for by name; None when the list is empty instead of the call refused."""
    return cast("Item", items[0]) if items else None


def _or_none(call: Callable[..., Any], result: str, name: str) -> list[Item]:
    try:
        return cast("list[Item]", call(Names=[name])[result])
    except Gone:
        return []
