"""The part of a drafted spec that is one service. Pure."""

from __future__ import annotations

import re
from typing import Any

from controller.aws.forwarding import parse_forwards
from controller.aws.survey import Item, Survey
from controller.aws.task_sets import CONTROLLER, of_codedeploy
from controller.modes.draft_model import Draft
from controller.modes.draft_places import place_of
from controller.resources.codedeploy_deployment_group import ON_ALARM, parse_deployment_group
from controller.resources.listener_rule import parse_rule
from controller.resources.service import parse_service
from controller.resources.target_group import parse_group
from controller.resources.task_definition import parse_definition
from controller.spec.names import CONTAINER

LAST = 50000  # the priority of the rule that takes the place of a listener's default action


def service_of(
    found: Survey, item: Item, name: str, pools: dict[str, str], listeners: dict[str, str], into: Draft
) -> dict[str, Any]:
    """What the spec says of *item*; *pools* by capacity provider, *listeners* by arn."""
    live = parse_service(item).as_desired
    raw = found.definitions[item["taskDefinition"]]
    task = parse_definition(raw, item["serviceName"]).as_desired
    into.names |= {f"service/{name}": item["serviceName"], f"task_definition/{name}": task.name}
    said: dict[str, Any] = {
        **place_of(found, item, live, task, name, pools, into),
        "image": _image(found, str(task.image)),
    }
    said |= {"cpu": task.cpu or 256, "memory": task.memory or task.memory_reservation or 512}
    if task.memory_reservation and task.memory:
        said["memory_reservation"] = task.memory_reservation
    if live.scheduling == "DAEMON":
        said["daemon"] = True
    else:
        said["desired"] = int(item["desiredCount"])
    if task.port > 0:
        said["port"] = task.port
    if task.runs_on != "FARGATE" and task.network_mode != "bridge":
        said["network_mode"] = task.network_mode
    own = {variable: value for variable, value in task.environment if "/" not in variable}
    said |= {"environment": own} if own else {}
    said |= {"secrets": dict(task.secrets)} if task.secrets else {}
    said |= {"command": list(task.command)} if task.command else {}
    said["stop_timeout"] = f"{task.stop_timeout}s"
    if task.task_role:
        said["task_role"] = str(task.task_role)
    if task.execution_role:
        into.names[f"role/execution-{name}"] = str(task.execution_role).rsplit("/", 1)[-1]
    _log(found, name, str(task.log_group), said, into)
    _traffic(found, item, name, listeners, said, into)
    if of_codedeploy(item):
        _deployed(found.deploys.get(item["serviceName"]), item, name, said, into)
    elif not said.get("daemon"):
        said["deployment"] = {
            "min_percent": live.min_percent,
            "max_percent": live.max_percent,
            "circuit_breaker": bool(live.circuit_breaker),
        }
    if task.others:
        into.notes.append(f"service {name}: apply takes {', '.join(task.others)} off its tasks: no spec can say it")
    others = [one["name"] for one in raw["containerDefinitions"] if one["name"] != CONTAINER]
    if others and len(raw["containerDefinitions"]) > 1:
        into.notes.append(
            f"service {name}: beside its own container there are {', '.join(others)}: write them as sidecars"
        )
    elif others:
        into.notes.append(
            f"service {name}: its container is called {others[0]}: deploy one called {CONTAINER} before apply"
        )
    if scaled := found.scaled.get(item["serviceName"]):
        low, high = scaled["MinCapacity"], scaled["MaxCapacity"]
        into.notes.append(
            f"service {name} is scaled by others from {low} to {high}: write `scaling`, or apply sets `desired`"
        )
    controller = item.get("deploymentController", {}).get("type", "ECS")
    if controller not in {"ECS", CONTROLLER}:
        into.notes.append(
            f"service {name} is deployed by {controller}: set its deployment controller to ECS before apply"
        )
    return said


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


def groups_of(item: Item) -> list[str]:
    """The target groups of a service, by arn."""
    return [one["targetGroupArn"] for one in item.get("loadBalancers", []) if one.get("targetGroupArn")]


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


def _traffic(
    found: Survey, item: Item, name: str, listeners: dict[str, str], said: dict[str, Any], into: Draft
) -> None:
    arns = groups_of(item)
    groups = {one["TargetGroupArn"]: one for one in found.target_groups}
    if not arns or arns[0] not in groups:
        return
    serving = groups[arns[0]]
    attributes = found.attributes[arns[0]]
    live = parse_group(serving, attributes, {}).as_desired
    into.names[f"target_group/{name}-blue"] = serving["TargetGroupName"]
    if other := _pair(serving["TargetGroupName"], [one["TargetGroupName"] for one in found.target_groups]):
        into.names[f"target_group/{name}-green"] = other
    said["health"] = {
        "path": live.health.path,
        "interval": f"{live.health.interval}s",
        "timeout": f"{live.health.timeout}s",
        "healthy": live.health.healthy,
        "unhealthy": live.health.unhealthy,
        "matcher": live.health.matcher,
        "grace": f"{int(item.get('healthCheckGracePeriodSeconds') or 0)}s",
    }
    said["deregistration_delay"] = f"{live.deregistration_delay}s"
    routes = _routes(found, arns[0], listeners, into)
    route = routes[0] if routes else None
    if len(routes) > 1:
        into.notes.append(
            f"service {name} has {len(routes)} ways in, the spec one: {routes[1:]} stay as they are, of others"
        )
    if route is None:
        into.notes.append(f"service {name}: no listener leads to {serving['TargetGroupName']}; give it a route")
    else:
        said["route"] = route


def _pair(name: str, others: list[str]) -> str:
    """The group that stands beside *name*, told by its colour."""
    for mine, other in (("blue", "green"), ("green", "blue")):
        if mine in name and name.replace(mine, other) in others:
            return name.replace(mine, other)
    return ""


def _routes(found: Survey, group: str, listeners: dict[str, str], into: Draft) -> list[dict[str, Any]]:
    """The rules that lead to *group*, what takes everything first: such a rule takes the place of a default action."""
    said: list[dict[str, Any]] = []
    for item in sorted(found.rules, key=lambda one: not one["IsDefault"]):
        if group not in {str(one.group) for one in parse_forwards(item.get("Actions", []))}:
            continue
        listener = listeners[item["ListenerArn"]]
        if item["IsDefault"]:
            said.append({"listener": listener, "path": "/*", "priority": LAST})
            continue
        rule = parse_rule(item, {}).as_desired
        if strange := [path for path in rule.paths if path.startswith("and ")]:
            into.notes.append(
                f"rule {rule.priority} of {listener} matches {', '.join(strange)}, too: write its route by hand"
            )
            continue
        one: dict[str, Any] = {"listener": listener, "priority": rule.priority}
        one |= {"path": list(rule.paths)} if rule.paths else {}
        said.append(one | ({"host": list(rule.hosts)} if rule.hosts else {}))
    return said
