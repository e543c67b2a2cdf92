"""The CodeDeploy API in front of the world: deployments of ECS services, from an AppSpec to their end (aws.md 4.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import yaml

from controller.sandbox import codedeploy
from controller.sandbox.api_codedeploy import CONFIGS, group_named
from controller.sandbox.api_ecs import limit
from controller.sandbox.codedeploy_model import ACTIVE, Rollout
from controller.sandbox.world import ApiError, Draft, Json


def create_deployment(draft: Draft, params: Json) -> Json:
    group = group_named(draft, params["applicationName"], params.get("deploymentGroupName", ""))
    if running := next(codedeploy.active(draft, group.application, group.name), None):
        words = f"The Deployment Group '{group.name}' already has an active Deployment '{running.id}'"
        raise ApiError("DeploymentLimitExceededException", words)
    definition, container, port, extra = _app_spec(draft, params.get("revision") or {})
    config = params.get("deploymentConfigName") or group.given["deploymentConfigName"]
    if config not in CONFIGS:
        raise ApiError("DeploymentConfigDoesNotExistException", f"No Deployment Configuration found for name: {config}")
    made = Rollout(
        f"d-{draft.fresh(9).upper()}",
        group.application,
        group.name,
        config,
        definition,
        container,
        port,
        draft.now,
        params.get("description") or "",
        extra=extra,
    )
    draft.rollouts[made.id] = made
    return {"deploymentId": made.id}


def _app_spec(draft: Draft, revision: Json) -> tuple[str, str, int, Json]:
    """(task definition, container, port, the rest) of an AppSpec in JSON or YAML."""
    text = (revision.get("appSpecContent") or revision.get("string") or {}).get("content")
    if revision.get("revisionType") not in {"AppSpecContent", "String"} or not text:
        raise ApiError("RevisionRequiredException", "The revision must hold an AppSpec.")
    try:
        (resource,) = yaml.safe_load(text)["Resources"]
        (target,) = resource.values()
        wants = target["Properties"]
        balancer = wants["LoadBalancerInfo"]
        name, port = str(balancer["ContainerName"]), int(balancer["ContainerPort"])
        arn = str(wants["TaskDefinition"])
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ApiError("InvalidRevisionException", f"The AppSpec cannot be read: {error!r}") from error
    definition = draft.definitions.get(arn)
    if definition is None or definition["status"] != "ACTIVE":
        raise ApiError("InvalidRevisionException", f"The task definition {arn} is not there.")
    if name not in {one["name"] for one in definition["containerDefinitions"]}:
        raise ApiError("InvalidRevisionException", f"The container {name} is not in the task definition.")
    return arn, name, port, {key: wants[key] for key in wants if key not in {"TaskDefinition", "LoadBalancerInfo"}}


def get_deployment(draft: Draft, params: Json) -> Json:
    return {"deploymentInfo": _shown(draft, _rollout(draft, params["deploymentId"]))}


def batch_get_deployments(draft: Draft, params: Json) -> Json:
    limit(params["deploymentIds"], 25, "deploymentIds")
    found = [draft.rollouts.get(ident) for ident in params["deploymentIds"]]
    return {"deploymentsInfo": [_shown(draft, one) for one in found if one is not None]}


def list_deployments(draft: Draft, params: Json) -> Json:
    """Newest first."""
    group = group_named(draft, params["applicationName"], params.get("deploymentGroupName", ""))
    statuses = set(params.get("includeOnlyStatuses") or ())
    found = [
        one
        for one in sorted(draft.rollouts.values(), key=lambda one: one.created, reverse=True)
        if (one.application, one.group) == (group.application, group.name) and (not statuses or one.status in statuses)
    ]
    return {"deployments": [one.id for one in found]}


def stop_deployment(draft: Draft, params: Json) -> Json:
    one = _rollout(draft, params["deploymentId"])
    if one.status not in ACTIVE:
        raise ApiError("DeploymentAlreadyCompletedException", f"The deployment {one.id} is completed.")
    group = codedeploy.group_of(draft, one)
    asked = params.get("autoRollbackEnabled")
    rollback = bool(asked) if asked is not None else bool(group and group.rolls_back("DEPLOYMENT_STOP_ON_REQUEST"))
    codedeploy.stop(draft, one, ("MANUAL_STOP", "The deployment was stopped."), rollback=rollback)
    return {"status": "Succeeded", "statusMessage": "Deployment was stopped"}


def continue_deployment(draft: Draft, params: Json) -> Json:
    """READY_WAIT lets it reroute; TERMINATION_WAIT ends the original at once."""
    one = _rollout(draft, params["deploymentId"])
    if one.status not in ACTIVE:
        raise ApiError("DeploymentAlreadyCompletedException", f"The deployment {one.id} is completed.")
    if params.get("deploymentWaitType", "READY_WAIT") == "TERMINATION_WAIT":
        if one.shifted < 100:
            raise ApiError("DeploymentIsNotInReadyStateException", f"{one.id} does not wait for that")
        draft.rollouts[one.id] = replace(one, hurried=True)
    elif one.status != "Ready":
        raise ApiError("DeploymentIsNotInReadyStateException", f"{one.id} does not wait for that")
    else:
        draft.rollouts[one.id] = replace(one, asked=True)
    return {}


def _shown(draft: Draft, one: Rollout) -> Json:
    """As GetDeployment reads back: without the content of the AppSpec (aws.md 9.5)."""
    group = codedeploy.group_of(draft, one)
    shown: Json = {
        "applicationName": one.application,
        "deploymentGroupName": one.group,
        "deploymentConfigName": one.config,
        "deploymentId": one.id,
        "revision": {"revisionType": "AppSpecContent", "appSpecContent": {}},
        "status": one.status,
        "createTime": one.created,
        "description": one.description,
        "creator": "user",
        "computePlatform": "ECS",
        "instanceTerminationWaitTimeStarted": one.shifted == 100,
        **({"startTime": one.started} if one.started else {}),
        **({"completeTime": one.completed} if one.completed else {}),
    }
    if group is not None:
        shown |= {k: group.given[k] for k in ("deploymentStyle", "loadBalancerInfo") if k in group.given}
    if one.error[0]:
        shown["errorInformation"] = {"code": one.error[0], "message": one.error[1]}
    if one.rolled_back:
        words = f"Deployment {one.id} was rolled back."
        shown["rollbackInfo"] = {"rollbackDeploymentId": one.rolled_back, "rollbackMessage": words}
    return shown


def _rollout(draft: Draft, ident: str) -> Rollout:
    if ident not in draft.rollouts:
        raise ApiError("DeploymentDoesNotExistException", f"The deployment {ident} could not be found")
    return draft.rollouts[ident]


ACTIONS: Mapping[str, Callable[[Draft, Json], Any]] = {
    "CreateDeployment": create_deployment,
    "GetDeployment": get_deployment,
    "BatchGetDeployments": batch_get_deployments,
    "ListDeployments": list_deployments,
    "StopDeployment": stop_deployment,
    "ContinueDeployment": continue_deployment,
}
