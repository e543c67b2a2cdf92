"""The parts of a task definition, as ECS is told them and as it says them back, in one canonical form (aws.md 9.1).

What ECS fills in (tcp, host ports of awsvpc and host mode, 30/5/3 of a health check) is left out on the way back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.base.keys import Tags
from controller.spec.names import CONTAINER

if TYPE_CHECKING:
    from controller.spec.types import ContainerHealth
    from controller.spec.types import Sidecar as Spec

CONDITIONS = {"started": "START", "healthy": "HEALTHY", "complete": "COMPLETE", "success": "SUCCESS"}
AWSLOGS = "awslogs"
LOG_OPTIONS = {  # the last says nothing of a group that is there
    "awslogs-group",
    "awslogs-region",
    "awslogs-stream-prefix",
    "awslogs-create-group",
}
OF_TASKS = (  # what RegisterTaskDefinition takes and we never say; a member of tomorrow is none, lest ECS fills it in
    "enableFaultInjection",
    "ephemeralStorage",
    "inferenceAccelerators",
    "ipcMode",
    "pidMode",
    "placementConstraints",
    "proxyConfiguration",
)
OF_CONTAINERS = (
    "credentialSpecs",
    "disableNetworking",
    "dnsSearchDomains",
    "dnsServers",
    "dockerLabels",
    "dockerSecurityOptions",
    "entryPoint",
    "environmentFiles",
    "extraHosts",
    "firelensConfiguration",
    "hostname",
    "interactive",
    "links",
    "linuxParameters",
    "privileged",
    "pseudoTerminal",
    "readonlyRootFilesystem",
    "repositoryCredentials",
    "resourceRequirements",
    "startTimeout",
    "systemControls",
    "ulimits",
    "user",
    "volumesFrom",
    "workingDirectory",
)
OURS_ALONE = ("healthCheck", "memoryReservation", "mountPoints", "stopTimeout")  # a sidecar of ours has none
TOLD = {  # whose values are no secrets
    "appProtocol",
    "entryPoint",
    "hostname",
    "ipcMode",
    "links",
    "operatingSystemFamily",
    "pidMode",
    "privileged",
    "readonlyRootFilesystem",
    "stopTimeout",
    "user",
    "workingDirectory",
}


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Seconds."""

    command: tuple[str, ...]
    interval: int = 30
    timeout: int = 5
    retries: int = 3
    start_period: int = 0


@dataclass(frozen=True, slots=True)
class Sidecar:
    """One container beside the service's own; 0 and () for what it has not."""

    name: str
    image: str
    cpu: int = 0
    memory: int = 0
    essential: bool = True
    port: int = 0
    command: tuple[str, ...] = ()
    secrets: Tags = ()
    depends_on: Tags = ()


@dataclass(frozen=True, slots=True)
class Volume:
    """What the service's own container sees at `mount`; `host_path` "": as long as the task lives."""

    name: str
    mount: str
    host_path: str = ""
    read_only: bool = False


# ------------------------------------------------------------------------------------------------ from the spec
def conditions(wanted: Tags, service: str) -> Tags:
    """(container, condition) in ECS's words; the service's name means its own container."""
    return tuple(sorted((CONTAINER if name == service else name, CONDITIONS[word]) for name, word in wanted))


def health_of(health: ContainerHealth) -> tuple[HealthCheck, ...]:
    if not health.command:
        return ()
    seconds = [int(one.total_seconds()) for one in (health.interval, health.timeout, health.start_period)]
    return (HealthCheck(health.command, seconds[0], seconds[1], health.retries, seconds[2]),)


def sidecar_of(one: Spec, service: str) -> Sidecar:
    secrets, after = tuple(sorted(one.secrets)), conditions(one.depends_on, service)
    return Sidecar(one.name, one.image, one.cpu, one.memory, one.essential, one.port or 0, one.command, secrets, after)


# ------------------------------------------------------------------------------------------------ as ECS says them
def port_in(container: Mapping[str, Any], mode: str) -> int:
    """The one port, mapped as the network mode maps it; 0 for none, less for a shape of somebody else's."""
    mappings = container.get("portMappings", [])
    ours = [
        int(one["containerPort"])
        for one in mappings
        if one.get("protocol", "tcp") == "tcp"
        and "containerPort" in one  # a range has none
        and int(one.get("hostPort", 0)) in ({0} if mode == "bridge" else {0, int(one["containerPort"])})
    ]
    return ours[0] if len(ours) == len(mappings) == 1 else -len(mappings)


def variables_in(container: Mapping[str, Any]) -> Tags:
    """Those with a name that a spec can say (none has a slash); the others are among `others_in`. So are secrets."""
    return tuple((one["name"], one["value"]) for one in container.get("environment", []) if "/" not in one["name"])


def secrets_in(container: Mapping[str, Any]) -> Tags:
    found = [one for one in container.get("secrets", []) if "/" not in one["name"]]
    return tuple(sorted((one["name"], one["valueFrom"]) for one in found))


def conditions_in(container: Mapping[str, Any]) -> Tags:
    return tuple(sorted((one["containerName"], one["condition"]) for one in container.get("dependsOn", [])))


def health_in(container: Mapping[str, Any]) -> tuple[HealthCheck, ...]:
    one = container.get("healthCheck")
    if not one or list(one.get("command", [])) == ["NONE"]:
        return ()
    return (
        HealthCheck(
            tuple(one["command"]),
            int(one.get("interval", 30)),
            int(one.get("timeout", 5)),
            int(one.get("retries", 3)),
            int(one.get("startPeriod", 0)),
        ),
    )


def sidecar_in(one: Mapping[str, Any], mode: str) -> Sidecar:
    return Sidecar(
        one["name"],
        one.get("image", ""),
        int(one.get("cpu", 0)),
        int(one.get("memory", 0)),
        bool(one.get("essential", True)),
        port_in(one, mode),
        tuple(one.get("command", [])),
        secrets_in(one),
        conditions_in(one),
    )


def volumes_in(volumes: Sequence[Mapping[str, Any]], container: Mapping[str, Any]) -> tuple[Volume, ...]:
    """A volume nobody mounts, or of another sort (EFS, a driver), has no mount of ours and so differs."""
    mounts = {one.get("sourceVolume", ""): one for one in container.get("mountPoints", [])}
    found = []
    for one in volumes:
        mounted = mounts.get(one["name"], {})
        foreign = sorted(key for key, value in one.items() if value and key not in {"name", "host"})
        path = one.get("host", {}).get("sourcePath", "")
        where = mounted.get("containerPath", "") if not foreign else ", ".join(foreign)
        found.append(Volume(one["name"], where, path, bool(mounted.get("readOnly"))))
    return tuple(sorted(found, key=lambda one: one.name))


def others_in(item: Mapping[str, Any], own: Mapping[str, Any], beside: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Settings of the task *item*, its *own* container and those *beside* it that we never write, in words.

    What ECS fills in is none. A value is shown where it is no secret and says something: ``user=root``.
    """
    group = _log_options(own).get("awslogs-group", "")
    found = [_word(name, item[name]) for name in OF_TASKS if item.get(name)]
    system = item.get("runtimePlatform", {}).get("operatingSystemFamily", "LINUX")
    found += [_word("operatingSystemFamily", system)] if system != "LINUX" else []
    found += _strange(own, ()) if own else []
    found += ["essential=False"] if own.get("essential") is False else []
    for one in beside:
        words = _strange(one, OURS_ALONE)
        words += ["awslogs-group"] if group and _log_options(one).get("awslogs-group", group) != group else []
        found += [f"{one.get('name', '')}/{word}" for word in words]
    return tuple(sorted(found))


def _strange(container: Mapping[str, Any], more: tuple[str, ...]) -> list[str]:
    """The words for a container; *more* are members that this one has none of."""
    words = [_word(name, container[name]) for name in (*OF_CONTAINERS, *more) if container.get(name)]
    if container.get("restartPolicy", {}).get("enabled"):
        words.append("restartPolicy")
    for what in ("environment", "secrets"):
        words += [f"{what} {one['name']}" for one in container.get(what, []) if "/" in one["name"]]
    for port in container.get("portMappings", []):
        words += [_word(name, port[name]) for name in ("name", "appProtocol", "containerPortRange") if port.get(name)]
    sink = container.get("logConfiguration", {})
    driver = sink.get("logDriver", AWSLOGS)
    strange = sink.get("options", {}).keys() - LOG_OPTIONS if driver == AWSLOGS else ()
    words += [f"logDriver={driver}"] if driver != AWSLOGS else []
    return words + sorted(strange) + (["log secretOptions"] if sink.get("secretOptions") else [])


def _log_options(container: Mapping[str, Any]) -> Mapping[str, str]:
    options: Mapping[str, str] = container.get("logConfiguration", {}).get("options", {})
    return options


def _word(name: str, value: Any) -> str:
    """A setting in a word, its value where that is no secret."""
    if name == "environmentFiles":
        return f"{name}={', '.join(str(one.get('value', '')) for one in value)}"
    return f"{name}={value}" if name in TOLD else name


# ------------------------------------------------------------------------------------------------ as ECS is told them
def common(port: int, mode: str, secrets: Tags, command: tuple[str, ...], after: Tags) -> dict[str, Any]:
    """What every container has or leaves out alike."""
    found: dict[str, Any] = {}
    if port:
        found["portMappings"] = [
            {"containerPort": port, "hostPort": 0 if mode == "bridge" else port, "protocol": "tcp"}
        ]
    if secrets:
        found["secrets"] = [{"name": name, "valueFrom": arn} for name, arn in secrets]
    if command:
        found["command"] = list(command)
    if after:
        found["dependsOn"] = [{"containerName": name, "condition": condition} for name, condition in after]
    return found


def log(group: str, region: str, prefix: str) -> dict[str, Any]:
    options = {"awslogs-group": group, "awslogs-region": region, "awslogs-stream-prefix": prefix}
    return {"logDriver": AWSLOGS, "options": options}


def health_check(one: HealthCheck) -> dict[str, Any]:
    return {
        "command": list(one.command),
        "interval": one.interval,
        "timeout": one.timeout,
        "retries": one.retries,
        "startPeriod": one.start_period,
    }


def volume(one: Volume) -> dict[str, Any]:
    return {"name": one.name, "host": {"sourcePath": one.host_path} if one.host_path else {}}


def mount(one: Volume) -> dict[str, Any]:
    return {"sourceVolume": one.name, "containerPath": one.mount, "readOnly": one.read_only}
