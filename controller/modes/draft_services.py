"""The part of a drafted spec that is one service. Pure."""

from __future__ import annotations

import re
from typing import Any

from controller.aws.survey import Item, Survey
from controller.aws.task_sets import CONTROLLER, of_codedeploy
from controller.modes.draft_model import Draft
from controller.modes.draft_places import place_of
from controller.modes.draft_roles import executed
from controller.modes.draft_scaling import scaled
from controller.modes.draft_tasks import amounts, as_ours, inside
from controller.modes.draft_traffic import tell_settings, traffic
from controller.resources.codedeploy_deployment_group import ON_ALARM, parse_deployment_group
from controller.resources.service import SPREAD
from controller.resources.service_shape import Service, parse_service
from controller.resources.task_definition import parse_definition


def service_of(
    found: Survey, item: Item, name: str, pools: dict[str, str], listeners: dict[str, str], into: Draft
) -> dict[str, Any]:
    """What the spec says of *item*; *pools* by capacity provider, *listeners* by arn."""
    live = parse_service(item).as_desired
    raw = as_ours(found.definitions[item["taskDefinition"]], item, name, into)
    task = parse_definition(raw, item["serviceName"]).as_desired
    into.names |= {f"service/{name}": item["serviceName"], f"task_definition/{name}": task.name}
    said: dict[str, Any] = {
        **place_of(found, item, live, task, name, pools, into),
        "image": _image(found, str(task.image)),
    }
    said |= amounts(task, name, into)
    if live.scheduling == "DAEMON":
        said["daemon"] = True
    else:
        said["desired"] = int(item["desiredCount"])
    if task.port > 0:
        said["port"] = task.port
    if task.runs_on != "FARGATE" and task.network_mode != "bridge":
        said["network_mode"] = task.network_mode
    said |= inside(task, name, into)
    said["stop_timeout"] = f"{task.stop_timeout}s"
    if task.task_role:
        said["task_role"] = str(task.task_role)
    if task.execution_role:
        executed(found, str(task.execution_role).rsplit("/", 1)[-1], name, into)
    _log(found, name, str(task.log_group), said, into)
    traffic(found, item, name, listeners, said, into)
    if of_codedeploy(item):
        _deployed(found.deploys.get(item["serviceName"]), item, name, said, into)
    else:
        said["deployment"] = _rolling(live, name, into)
    tell_settings(found, name, into)
    said |= _placement(live)
    if live.execute_command:
        said["execute_command"] = True
    scaled(found, item, name, said, into)
    into.notes += [f"service {name}: its {what} stays as it is: no spec can say it" for what in _unsayable(item)]
    controller = item.get("deploymentController", {}).get("type", "ECS")
    if controller not in {"ECS", CONTROLLER}:
        into.notes.append(
            f"service {name} is deployed by {controller}: set its deployment controller to ECS before apply"
        )
    return said


def _rolling(live: Service, name: str, into: Draft) -> dict[str, Any]:
    """How ECS deploys it."""
    said: dict[str, Any] = {"min_percent": live.min_percent, "max_percent": live.max_percent}
    said["circuit_breaker"] = bool(live.circuit_breaker)
    if live.circuit_breaker is None:
        into.notes.append(f"service {name}: one half of its circuit breaker is on: apply switches it off, too")
    if live.alarms:
        said["alarms"] = {"names": list(live.alarms), "rollback": live.alarm_rollback}
    return said


def _unsayable(item: Item) -> list[str]:
    """What of a service nobody but its owner changes (`resources/service.py`)."""
    strategy = item.get("deploymentConfiguration", {}).get("strategy", "ROLLING")
    current: Any = next(iter(item.get("deployments", [])), {})
    connected = current.get("serviceConnectConfiguration", {}).get("enabled")
    found = {
        f"strategy {strategy}": strategy != "ROLLING",
        "serviceRegistries": item.get("serviceRegistries"),
        "serviceConnectConfiguration": connected,
        "volumeConfigurations": current.get("volumeConfigurations"),
    }
    return [what for what, there in found.items() if there]


def _placement(live: Service) -> dict[str, Any]:
    """Where it is not ours; a service without strategies gets ours, and the plan says so."""
    said: dict[str, Any] = {}
    if live.placement and live.placement != SPREAD:
        said["strategies"] = [":".join(part for part in one if part) for one in live.placement]
    if live.constraints:
        said["constraints"] = [":".join(part for part in one if part) for one in live.constraints]
    return {"placement": said} if said else {}


def _deployed(group: Item | None, item: Item, name: str, said: dict[str, Any], into: Draft) -> None:
    """How CodeDeploy deploys it. Where its tasks run nothing but a deployment changes: that stays as it is."""
    said["deployment"] = {"strategy": "codedeploy"}
    if not item.get("capacityProviderStrategy"):
        into.document.setdefault("drift", {})[f"service/{name}.capacity"] = "warn"
    if group is None:
        into.notes.append(
            f"service {name} is deployed by CodeDeploy, and no deployment group is for it: apply makes one"
        )
        return
    live = parse_deployment_group(group, {}, "").as_desired
    said["deployment"] |= {"config": live.config, "keep": f"{live.keep}m"}
    if live.alarms:
        said["deployment"]["alarms"] = {"names": sorted(live.alarms), "rollback": ON_ALARM in live.rollback}
    into.names |= {
        "codedeploy_application/main": str(live.application),
        f"codedeploy_deployment_group/{name}": live.name,
        "role/codedeploy": str(live.role).rsplit("/", 1)[-1],
    }
    groups = [str(one) for one in live.groups]
    serving = into.names.get(f"target_group/{name}-blue", "")
    if serving in groups and len(groups) == 2:
        into.names[f"target_group/{name}-green"] = next(one for one in groups if one != serving)


def _image(found: Survey, image: str) -> Any:
    """A tag of a repository of the spec, or the reference as it is."""
    host, _, path = image.partition("/")
    repository, _, tag = path.partition(":")
    known = {one["repositoryName"]: one for one in found.repositories}
    if host.startswith(f"{found.account}.dkr.ecr.{found.region}.") and repository in known and tag and "@" not in image:
        return {"repository": spec_name(repository), "tag": tag}
    return image


def spec_name(repository: str) -> str:
    """What the spec calls a repository."""
    return re.sub("[^a-z0-9]+", "-", repository.rsplit("/", 1)[-1].lower())[:24].strip("-")


def _log(found: Survey, name: str, group: str, said: dict[str, Any], into: Draft) -> None:
    live = next((one for one in found.log_groups if one["logGroupName"] == group), None)
    if live is None:
        return
    into.names[f"log_group/{name}"] = group
    if days := live.get("retentionInDays"):
        said["log_retention"] = f"{days}d"
