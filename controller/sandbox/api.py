"""Which actions the world serves, and the one door to them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from controller.sandbox import api_asg, api_codedeploy, api_deployments, api_ecs, api_services, api_tasks, targets
from controller.sandbox.timings import Timings
from controller.sandbox.world import ApiError, Catalog, Draft, Effect, Json, World


def _register_targets(draft: Draft, params: Json) -> Json:
    """Instances must be running; one may be there on many ports (aws.md 2.1)."""
    arn = params["TargetGroupArn"]
    settings = draft.catalog.target_group(arn)
    _check_type(settings.type, params["Targets"])
    for one in params["Targets"]:
        if one["Id"].startswith("i-") and not draft.catalog.instance_runs(one["Id"]):
            words = f"The following targets are not in a running state and cannot be registered: '{one['Id']}'"
            raise ApiError("InvalidTarget", words)
    targets.register(draft, arn, [(one["Id"], int(one.get("Port") or settings.port)) for one in params["Targets"]])
    return {}


def _check_type(wanted: str, given: list[Json]) -> None:
    """An instance is no address, and an address is no instance."""
    for one in given:
        if one["Id"].startswith("i-") == (wanted == "ip"):
            raise ApiError("ValidationError", f"The target id '{one['Id']}' is not of the target type {wanted}")


def _deregister_targets(draft: Draft, params: Json) -> Json:
    """Without a port, the group's own is meant: one that was overridden must be named (aws.md 2.2)."""
    arn = params["TargetGroupArn"]
    settings = draft.catalog.target_group(arn)
    _check_type(settings.type, params["Targets"])
    pairs = [(one["Id"], int(one.get("Port") or settings.port)) for one in params["Targets"]]
    targets.deregister(draft, arn, pairs)
    return {}


def _describe_target_health(draft: Draft, params: Json) -> Json:
    """Unfiltered: what is registered; asked for by name, one that is not there is unused (aws.md 2.2)."""
    arn = params["TargetGroupArn"]
    settings = draft.catalog.target_group(arn)
    wanted = params.get("Targets") or []
    rows = []
    for target in draft.targets.values():
        asked = not wanted or any(
            w["Id"] == target.id and int(w.get("Port") or target.port) == target.port for w in wanted
        )
        if target.group == arn and asked:
            state, reason, words = targets.health(target, settings, alive=targets.alive(draft, target.id))
            rows.append(_health_row(target.id, target.port, state, reason, words))
    there = {(row["Target"]["Id"], row["Target"]["Port"]) for row in rows}
    for one in wanted:
        port = int(one.get("Port") or settings.port)
        if not any(i == one["Id"] and (p == port or not one.get("Port")) for i, p in there):
            words = "Target is not registered to the target group"
            rows.append(_health_row(one["Id"], port, "unused", "Target.NotRegistered", words))
    return {"TargetHealthDescriptions": rows}


def _health_row(instance: str, port: int, state: str, reason: str, words: str) -> Json:
    health = {"State": state} | ({"Reason": reason, "Description": words} if reason else {})
    return {"Target": {"Id": instance, "Port": port}, "HealthCheckPort": str(port), "TargetHealth": health}


ACTIONS: Mapping[str, Mapping[str, Callable[[Draft, Json], Any]]] = {
    "autoscaling": api_asg.ACTIONS,
    "codedeploy": {**api_codedeploy.ACTIONS, **api_deployments.ACTIONS},
    "ecs": {**api_ecs.ACTIONS, **api_services.ACTIONS, **api_tasks.ACTIONS},
    "elbv2": {
        "RegisterTargets": _register_targets,
        "DeregisterTargets": _deregister_targets,
        "DescribeTargetHealth": _describe_target_health,
    },
}


def call(
    world: World, service: str, action: str, params: Json, now: datetime, catalog: Catalog, timings: Timings
) -> tuple[World, Json, tuple[Effect, ...]]:
    """*world* after one API call, the answer, and what the machine must do. Raises ApiError as AWS would."""
    draft = Draft(world, now, catalog, timings)
    answer = ACTIONS[service][action](draft, params)
    return draft.freeze(), answer, tuple(draft.effects)
