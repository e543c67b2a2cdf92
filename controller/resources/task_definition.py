"""Task definitions: immutable revisions, compared in canonical form (aws.md 9.1); a difference registers a new one.

RegisterTaskDefinition makes a new revision even for equal content, so the newest revision is compared first. One that
somebody registered by hand is not ours to follow: the revision our service runs is compared instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.client import pages
from controller.aws.reads import keyed
from controller.base.errors import Refused
from controller.base.keys import OWNER_TAG, Key, Ref, Tags, birth_tags, lasting_tags
from controller.engine.compare import compare
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import CONTAINER, live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Service, Stack


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """One container in bridge mode on a dynamic host port. Amounts as in ECS; `stop_timeout` in seconds."""

    image: str | Ref = spec(risk="new_deployment")
    cpu: int = spec(risk="new_deployment")
    memory: int = spec(risk="new_deployment")
    port: int = spec(risk="new_deployment")  # 0: none
    environment: Tags = spec(risk="new_deployment", secret=True)
    secrets: Tags = spec(risk="new_deployment")
    command: tuple[str, ...] = spec(risk="new_deployment")
    execution_role: str | Ref = spec(risk="new_deployment")
    log_group: str | Ref = spec(risk="new_deployment")
    stop_timeout: int = spec(risk="new_deployment")
    network_mode: str = spec(risk="new_deployment")
    name: str = spec(compare=False)
    service: str = spec(compare=False)  # live name of the service that runs it
    tags: Tags = spec(subset=True, risk="cosmetic")


class TaskDefinitionKind:
    kind = "task_definition"
    volatile: tuple[str, ...] = ("arn",)
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, TaskDefinition]]:
        for service in stack.services:
            key = Key(self.kind, service.name)
            yield key, self._definition(stack, key, service)

    def _definition(self, stack: Stack, key: Key, service: Service) -> TaskDefinition:
        name = live_name(stack, key)
        return TaskDefinition(
            Ref(Key("container_image", service.name), "reference"),
            service.cpu,
            service.memory,
            service.port or 0,
            tuple(sorted(service.environment)),
            tuple(sorted(service.secrets)),
            service.command,
            Ref(Key("role", f"execution-{service.name}"), "arn"),
            Ref(Key("log_group", service.name), "name"),
            int(service.stop_timeout.total_seconds()),
            "bridge",
            name,
            live_name(stack, Key("service", service.name)),
            birth_tags(stack.name, key, name, stack.tags),
        )

    def observe(
        self, reads: Reads, wanted: Mapping[Key, TaskDefinition], owner: str
    ) -> Mapping[Key, Observed[TaskDefinition]]:
        found = {}
        for key, desired in wanted.items():
            item = reads.task_definition(desired.name)
            if item is not None and tags.read(item["tags"]).get(OWNER_TAG) != owner:
                item = _running(reads, desired, owner) or item
            if item is not None:
                found[key] = parse_definition(item, desired.service)
        families = [item for name in reads.unnamed_families() if (item := reads.task_definition(name)) is not None]
        ours = [item for item in families if tags.read(item["tags"]).get(OWNER_TAG) == owner]
        left = keyed(self.kind, wanted, ((item["family"], tags.read(item["tags"]), item) for item in ours))
        return found | {key: parse_definition(item, "") for key, item in left.items()}

    def create(self, aws: Aws, key: Key, desired: TaskDefinition) -> Mapping[str, str]:
        if again := _registered(aws, desired):
            return again
        made = aws.ecs.register_task_definition(
            family=desired.name,
            networkMode=desired.network_mode,  # type: ignore[arg-type]
            requiresCompatibilities=["EC2"],
            executionRoleArn=str(desired.execution_role),
            containerDefinitions=[_container(desired, aws.region)],
            tags=tags.camel(desired.tags),
        )["taskDefinition"]
        return {"arn": made["taskDefinitionArn"]}

    def update(
        self, aws: Aws, observed: Observed[TaskDefinition], desired: TaskDefinition, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        if all(change.field == "tags" for change in changes):
            aws.ecs.tag_resource(resourceArn=observed.outputs["arn"], tags=tags.camel(desired.tags))
            return {}
        return self.create(aws, Key(self.kind, desired.name), desired)

    def delete(self, aws: Aws, observed: Observed[TaskDefinition]) -> None:
        """Deregister every ACTIVE revision of the family that we made; AWS has no way to remove the family itself."""
        family = observed.as_desired.name
        request: Any = {"familyPrefix": family, "status": "ACTIVE"}
        for arn in pages(aws.ecs.list_task_definitions, "taskDefinitionArns", "nextToken", **request):
            revision: Any = arn
            if revision.rsplit("/", 1)[-1].split(":")[0] != family:
                continue
            answer = aws.ecs.describe_task_definition(taskDefinition=revision, include=["TAGS"])
            if tags.read(answer.get("tags")).get(OWNER_TAG) == observed.owner:
                aws.ecs.deregister_task_definition(taskDefinition=revision)


def parse_definition(item: Mapping[str, Any], service: str) -> Observed[TaskDefinition]:
    """Canonical form: what ECS fills in is left out; a foreign shape (more containers) differs in `image`."""
    containers = item.get("containerDefinitions", [])
    one = containers[0] if containers else {}
    image = one.get("image", "") if len(containers) == 1 else f"{len(containers)} containers"
    mappings = one.get("portMappings", [])
    dynamic = [p["containerPort"] for p in mappings if not p.get("hostPort") and p.get("protocol", "tcp") == "tcp"]
    live = tags.read(item.get("tags"))
    as_desired = TaskDefinition(
        image,
        int(one.get("cpu", 0)),
        int(one.get("memory", 0)),
        int(dynamic[0]) if len(dynamic) == len(mappings) == 1 else -len(mappings),
        tuple(sorted((e["name"], e["value"]) for e in one.get("environment", []))),
        tuple(sorted((s["name"], s["valueFrom"]) for s in one.get("secrets", []))),
        tuple(one.get("command", [])),
        item.get("executionRoleArn", ""),
        one.get("logConfiguration", {}).get("options", {}).get("awslogs-group", ""),
        int(one.get("stopTimeout", 30)),
        item.get("networkMode", "bridge"),
        item["family"],
        service,
        lasting_tags(live),
    )
    return Observed(as_desired, {"arn": item["taskDefinitionArn"]}, live.get(OWNER_TAG))


def _running(reads: Reads, desired: TaskDefinition, owner: str) -> dict[str, Any] | None:
    """The revision our service runs, when it is ours."""
    for item in reads.services():
        if item["serviceName"] == desired.service and item["status"] == "ACTIVE":
            running = reads.task_definition(item["taskDefinition"])
            if running is not None and tags.read(running["tags"]).get(OWNER_TAG) == owner:
                return running
    return None


def _registered(aws: Aws, desired: TaskDefinition) -> Mapping[str, str] | None:
    """The newest revision when it is ours and says the same: an earlier try whose answer was lost."""
    try:
        answer = aws.ecs.describe_task_definition(taskDefinition=desired.name, include=["TAGS"])
    except Refused as refusal:
        if refusal.code != "ClientException":  # ECS has no code of its own for a family that it does not know
            raise
        return None
    newest = parse_definition({**answer["taskDefinition"], "tags": answer.get("tags", [])}, desired.service)
    same = newest.owner == dict(desired.tags).get(OWNER_TAG) and not compare(desired, newest.as_desired)
    return newest.outputs if same else None


def _container(desired: TaskDefinition, region: str) -> Any:
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": str(desired.image),
        "cpu": desired.cpu,
        "memory": desired.memory,
        "essential": True,
        "environment": [{"name": name, "value": value} for name, value in desired.environment],
        "stopTimeout": desired.stop_timeout,
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": str(desired.log_group),
                "awslogs-region": region,
                "awslogs-stream-prefix": CONTAINER,
            },
        },
    }
    if desired.port:
        container["portMappings"] = [{"containerPort": desired.port, "hostPort": 0, "protocol": "tcp"}]
    if desired.secrets:
        container["secrets"] = [{"name": name, "valueFrom": arn} for name, arn in desired.secrets]
    if desired.command:
        container["command"] = list(desired.command)
    return container


KIND = TaskDefinitionKind()
