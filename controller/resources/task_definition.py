"""Task definitions: immutable revisions, compared in canonical form (aws.md 9.1); a difference registers a new one.

RegisterTaskDefinition makes a new revision even for equal content, so the newest revision is compared first. One that
somebody registered by hand is not ours to follow: the revision our service runs is compared instead, and where that is
not ours either, one of ours takes its place. What ECS is told and what it says are in `aws/containers.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from controller.aws import containers, tags
from controller.aws.client import pages
from controller.aws.containers import HealthCheck, Sidecar, Volume
from controller.aws.reads import keyed
from controller.base.errors import Refused
from controller.base.keys import OWNER_TAG, Key, Ref, Tags, lasting_tags
from controller.engine.compare import compare
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import CONTAINER, born_tags, live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Service, Stack


NOT_OURS = "no revision of ours"


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """Amounts as in ECS, 0 where there is none: of the service's own container on hosts, of the task on Fargate.

    `stop_timeout` in seconds; `health` () for none; `environment` of a sidecar stands under ``sidecar/NAME``. `others`
    are settings that no spec can say, as words (``user=root``): of the next revision they are no part.
    """

    image: str | Ref = spec(risk="new_deployment")
    cpu: int = spec(risk="new_deployment")
    memory: int = spec(risk="new_deployment")
    memory_reservation: int = spec(risk="new_deployment")
    port: int = spec(risk="new_deployment")  # 0: none
    environment: Tags = spec(risk="new_deployment", secret=True)
    secrets: Tags = spec(risk="new_deployment")
    command: tuple[str, ...] = spec(risk="new_deployment")
    depends_on: Tags = spec(risk="new_deployment")
    health: tuple[HealthCheck, ...] = spec(risk="new_deployment")
    sidecars: tuple[Sidecar, ...] = spec(risk="new_deployment")
    volumes: tuple[Volume, ...] = spec(risk="new_deployment")
    execution_role: str | Ref = spec(risk="new_deployment")
    task_role: str | Ref = spec(risk="new_deployment")  # "": none
    log_group: str | Ref = spec(risk="new_deployment", names="log_group")
    stop_timeout: int = spec(risk="new_deployment")
    network_mode: str = spec(risk="new_deployment")
    runs_on: str = spec(risk="new_deployment")  # EC2 FARGATE
    architecture: str = spec(risk="new_deployment")  # X86_64 ARM64; "": that of the host
    name: str = spec(compare=False)
    service: str = spec(compare=False)  # live name of the service that runs it
    tags: Tags = spec(subset=True, risk="cosmetic")
    others: tuple[str, ...] = spec(risk="new_deployment", default=())


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
        own = [(variable, value) for variable, value in service.environment]
        theirs = [(f"{one.name}/{variable}", value) for one in service.sidecars for variable, value in one.environment]
        serverless = service.fargate
        return TaskDefinition(
            image=Ref(Key("container_image", service.name), "reference"),
            cpu=service.cpu,
            memory=service.memory,
            memory_reservation=service.memory_reservation or 0,
            port=service.port or 0,
            environment=tuple(sorted([*own, *theirs])),
            secrets=tuple(sorted(service.secrets)),
            command=service.command,
            depends_on=containers.conditions(service.depends_on, service.name),
            health=containers.health_of(service.container_health),
            sidecars=tuple(containers.sidecar_of(one, service.name) for one in service.sidecars),
            volumes=tuple(Volume(one.name, one.mount, one.host_path or "", one.read_only) for one in service.volumes),
            execution_role=Ref(Key("role", f"execution-{service.name}"), "arn"),
            task_role=_task_role(service),
            log_group=Ref(Key("log_group", service.name), "name"),
            stop_timeout=int(service.stop_timeout.total_seconds()),
            network_mode=service.network_mode,
            runs_on="EC2" if serverless is None else "FARGATE",
            architecture="" if serverless is None else serverless.architecture.upper(),
            name=name,
            service=live_name(stack, Key("service", service.name)),
            tags=born_tags(stack, key),
        )

    def observe(
        self, reads: Reads, wanted: Mapping[Key, TaskDefinition], owner: str
    ) -> Mapping[Key, Observed[TaskDefinition]]:
        found = {}
        for key, desired in wanted.items():
            item = reads.task_definition(desired.name)
            running = None
            if item is not None and tags.read(item["tags"]).get(OWNER_TAG) != owner:
                running = _running(reads, desired, owner)
            if item is not None:
                one = parse_definition(running or item, desired.service)
                found[key] = _ours(one, owner) if running is not None else one
        families = [item for name in reads.unnamed_families() if (item := reads.task_definition(name)) is not None]
        ours = [item for item in families if tags.read(item["tags"]).get(OWNER_TAG) == owner]
        left = keyed(self.kind, wanted, ((item["family"], tags.read(item["tags"]), item) for item in ours))
        return found | {key: parse_definition(item, "") for key, item in left.items()}

    def create(self, aws: Aws, key: Key, desired: TaskDefinition) -> Mapping[str, str]:
        if again := _registered(aws, desired):
            return again
        made = aws.ecs.register_task_definition(**_request(desired, aws.region))["taskDefinition"]
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
    """Canonical form: what ECS fills in is left out, containers are told apart by name, whatever their order; of a
    foreign shape (no container of ours) the image says what there is."""
    all_ = {one.get("name", CONTAINER): one for one in item.get("containerDefinitions", [])}
    one = all_.pop(CONTAINER, {}) or (all_.popitem()[1] if len(all_) == 1 else {})
    mode = item.get("networkMode", "bridge")
    serverless = item.get("requiresCompatibilities") == ["FARGATE"]
    amounts: Mapping[str, Any] = item if serverless or "cpu" in item else one
    live = tags.read(item.get("tags"))
    as_desired = TaskDefinition(
        image=one.get("image", "") or f"{len(all_)} containers, none of them {CONTAINER}",
        cpu=int(amounts.get("cpu", 0)),
        memory=int(amounts.get("memory", 0)),
        memory_reservation=int(one.get("memoryReservation", 0)),
        port=containers.port_in(one, mode),
        environment=tuple(
            sorted(
                (name if each is one else f"{each['name']}/{name}", value)
                for each in (one, *all_.values())
                for name, value in containers.variables_in(each)
            )
        ),
        secrets=containers.secrets_in(one),
        command=tuple(one.get("command", [])),
        depends_on=containers.conditions_in(one),
        health=containers.health_in(one),
        sidecars=tuple(containers.sidecar_in(all_[name], mode) for name in sorted(all_)),
        volumes=containers.volumes_in(item.get("volumes", []), one),
        execution_role=item.get("executionRoleArn", ""),
        task_role=item.get("taskRoleArn", ""),
        log_group=one.get("logConfiguration", {}).get("options", {}).get("awslogs-group", ""),
        stop_timeout=int(one.get("stopTimeout", 30)),
        network_mode=mode,
        runs_on="FARGATE" if serverless else "EC2",
        architecture=item.get("runtimePlatform", {}).get("cpuArchitecture", "X86_64" if serverless else ""),
        name=item["family"],
        service=service,
        tags=lasting_tags(live),
        others=containers.others_in(item, one, [all_[name] for name in sorted(all_)]),
    )
    return Observed(as_desired, {"arn": item["taskDefinitionArn"]}, live.get(OWNER_TAG))


def _task_role(service: Service) -> str | Ref:
    return Ref(Key("role", f"task-{service.name}"), "arn") if service.own_role else service.task_role.arn or ""


def _running(reads: Reads, desired: TaskDefinition, owner: str) -> dict[str, Any] | None:
    """The revision our service runs; one that others registered, or that lost its tag, is followed by one of ours."""
    for item in reads.services():
        ours = tags.read(item.get("tags")).get(OWNER_TAG) == owner
        if item["serviceName"] == desired.service and item["status"] == "ACTIVE" and ours:
            return reads.task_definition(item["taskDefinition"])
    return None


def _ours(one: Observed[TaskDefinition], owner: str) -> Observed[TaskDefinition]:
    """What a service of ours runs: to be followed by a revision of ours, whatever it says, when it is none."""
    if one.owner == owner:
        return one
    others = (*one.as_desired.others, NOT_OURS)
    return replace(one, owner=owner, as_desired=replace(one.as_desired, others=others))


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


def _request(desired: TaskDefinition, region: str) -> Any:
    serverless = desired.runs_on == "FARGATE"
    request: dict[str, Any] = {
        "family": desired.name,
        "networkMode": desired.network_mode,
        "requiresCompatibilities": [desired.runs_on],
        "executionRoleArn": str(desired.execution_role),
        "containerDefinitions": [_container(desired, region), *_beside(desired, region)],
        "tags": tags.camel(desired.tags),
    }
    if serverless:
        request |= {"cpu": str(desired.cpu), "memory": str(desired.memory)}
    if desired.architecture:
        request["runtimePlatform"] = {"cpuArchitecture": desired.architecture, "operatingSystemFamily": "LINUX"}
    if desired.task_role:
        request["taskRoleArn"] = str(desired.task_role)
    if desired.volumes:
        request["volumes"] = [containers.volume(one) for one in desired.volumes]
    return request


def _container(desired: TaskDefinition, region: str) -> Any:
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": str(desired.image),
        "essential": True,
        "environment": [{"name": name, "value": value} for name, value in desired.environment if "/" not in name],
        "stopTimeout": desired.stop_timeout,
        "logConfiguration": containers.log(str(desired.log_group), region, CONTAINER),
    }
    if desired.runs_on == "EC2":
        container |= {"cpu": desired.cpu, "memory": desired.memory}
    if desired.memory_reservation:
        container["memoryReservation"] = desired.memory_reservation
    if desired.volumes:
        container["mountPoints"] = [containers.mount(one) for one in desired.volumes]
    if desired.health:
        container["healthCheck"] = containers.health_check(desired.health[0])
    return container | containers.common(
        desired.port, desired.network_mode, desired.secrets, desired.command, desired.depends_on
    )


def _beside(desired: TaskDefinition, region: str) -> list[Any]:
    made = []
    for one in desired.sidecars:
        mine = [pair for pair in desired.environment if pair[0].startswith(f"{one.name}/")]
        environment = [{"name": name.partition("/")[2], "value": value} for name, value in mine]
        container: dict[str, Any] = {
            "name": one.name,
            "image": one.image,
            "cpu": one.cpu,
            "essential": one.essential,
            "environment": environment,
            "logConfiguration": containers.log(str(desired.log_group), region, one.name),
        }
        if one.memory:
            container["memory"] = one.memory
        made.append(
            container | containers.common(one.port, desired.network_mode, one.secrets, one.command, one.depends_on)
        )
    return made


KIND = TaskDefinitionKind()
