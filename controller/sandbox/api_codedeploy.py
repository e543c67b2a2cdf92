"""The CodeDeploy API in front of the world: for ECS services, and nothing else (aws.md 4.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import yaml

from controller.sandbox import codedeploy
from controller.sandbox.api_ecs import limit
from controller.sandbox.codedeploy_model import ACTIVE, Application, DeploymentGroup, Rollout
from controller.sandbox.world import ApiError, Draft, Json

CONFIGS = frozenset(
    {
        "CodeDeployDefault.ECSAllAtOnce",
        *(f"CodeDeployDefault.ECSLinear10PercentEvery{n}Minutes" for n in (1, 3)),
        *(f"CodeDeployDefault.ECSCanary10Percent{n}Minutes" for n in (5, 15)),
    }
)
SETTINGS = (
    "deploymentConfigName", "serviceRoleArn", "alarmConfiguration", "autoRollbackConfiguration", "deploymentStyle",
    "blueGreenDeploymentConfiguration", "loadBalancerInfo", "ecsServices", "triggerConfigurations",
    "outdatedInstancesStrategy",
)  # fmt: skip
WAIT_MAX = 2880  # minutes (aws.md 4.5)


# ------------------------------------------------------------------------------------------------ applications
def create_application(draft: Draft, params: Json) -> Json:
    name = params["applicationName"]
    if name in draft.applications:
        raise ApiError("ApplicationAlreadyExistsException", f"Application already exists: {name}")
    if params.get("computePlatform") != "ECS":
        raise ApiError("InvalidComputePlatformException", "this sandbox deploys ECS services only")
    made = Application(name, _ident(draft), draft.now, _tags(params.get("tags")))
    draft.applications[name] = made
    return {"applicationId": made.id}


def _shown_application(one: Application) -> Json:
    return {
        "applicationId": one.id,
        "applicationName": one.name,
        "createTime": one.created,
        "linkedToGitHub": False,
        "computePlatform": "ECS",
    }


def get_application(draft: Draft, params: Json) -> Json:
    return {"application": _shown_application(_application(draft, params["applicationName"]))}


def batch_get_applications(draft: Draft, params: Json) -> Json:
    """Those that are there: nothing is said of the others."""
    limit(params["applicationNames"], 100, "applicationNames")
    found = [draft.applications[name] for name in params["applicationNames"] if name in draft.applications]
    return {"applicationsInfo": [_shown_application(one) for one in found]}


def list_applications(draft: Draft, params: Json) -> Json:
    return {"applications": sorted(draft.applications)}


def delete_application(draft: Draft, params: Json) -> Json:
    """Its groups go with it; one that is not there is no error."""
    name = params["applicationName"]
    draft.applications.pop(name, None)
    for key in [key for key in draft.deployment_groups if key[0] == name]:
        _remove(draft, key)
    return {}


# ------------------------------------------------------------------------------------------------ deployment groups
def create_deployment_group(draft: Draft, params: Json) -> Json:
    application = _application(draft, params["applicationName"])
    key = (application.name, params["deploymentGroupName"])
    if key in draft.deployment_groups:
        raise ApiError("DeploymentGroupAlreadyExistsException", f"Deployment group already exists: {key[1]}")
    given = {name: params[name] for name in SETTINGS if params.get(name) is not None}
    made = DeploymentGroup(*key, _ident(draft), given, _tags(params.get("tags")))
    _check(draft, made)
    draft.deployment_groups[key] = made
    return {"deploymentGroupId": made.id}


def update_deployment_group(draft: Draft, params: Json) -> Json:
    """What is given takes the place of what was there; the rest stays."""
    key = (params["applicationName"], params["currentDeploymentGroupName"])
    have = _group(draft, *key)
    given = {name: params[name] for name in SETTINGS if params.get(name) is not None}
    changed = replace(have, given={**have.given, **given})
    _check(draft, changed)
    draft.deployment_groups[key] = changed
    return {"hooksNotCleanedUp": []}


def delete_deployment_group(draft: Draft, params: Json) -> Json:
    _remove(draft, (params["applicationName"], params["deploymentGroupName"]))
    return {"hooksNotCleanedUp": []}


def get_deployment_group(draft: Draft, params: Json) -> Json:
    return {
        "deploymentGroupInfo": _shown_group(_group(draft, params["applicationName"], params["deploymentGroupName"]))
    }


def batch_get_deployment_groups(draft: Draft, params: Json) -> Json:
    application = _application(draft, params["applicationName"]).name
    limit(params["deploymentGroupNames"], 100, "deploymentGroupNames")
    found = [draft.deployment_groups.get((application, name)) for name in params["deploymentGroupNames"]]
    return {"deploymentGroupsInfo": [_shown_group(one) for one in found if one is not None]}


def list_deployment_groups(draft: Draft, params: Json) -> Json:
    application = _application(draft, params["applicationName"]).name
    names = sorted(name for owner, name in draft.deployment_groups if owner == application)
    return {"applicationName": application, "deploymentGroups": names}


def _shown_group(one: DeploymentGroup) -> Json:
    defaults: Json = {
        "ec2TagFilters": [],
        "onPremisesInstanceTagFilters": [],
        "autoScalingGroups": [],
        "triggerConfigurations": [],
        "outdatedInstancesStrategy": "UPDATE",
        "alarmConfiguration": {"enabled": False, "ignorePollAlarmFailure": False, "alarms": []},
        "autoRollbackConfiguration": {"enabled": False, "events": []},
    }
    return {
        "applicationName": one.application,
        "deploymentGroupId": one.id,
        "deploymentGroupName": one.name,
        "computePlatform": "ECS",
        "terminationHookEnabled": False,
        **defaults,
        **one.given,
    }


def _check(draft: Draft, one: DeploymentGroup) -> None:
    """What CodeDeploy refuses: a group without its parts, another one's service, rules that lead elsewhere."""
    style = one.given.get("deploymentStyle") or {}
    if (style.get("deploymentType"), style.get("deploymentOption")) != ("BLUE_GREEN", "WITH_TRAFFIC_CONTROL"):
        words = "For ECS deployment group, deployment type must be BLUE_GREEN with WITH_TRAFFIC_CONTROL."
        raise ApiError("InvalidDeploymentStyleException", words)
    if one.given.get("deploymentConfigName") not in CONFIGS:
        words = f"No Deployment Configuration found for name: {one.given.get('deploymentConfigName')}"
        raise ApiError("DeploymentConfigDoesNotExistException", words)
    if not one.given.get("blueGreenDeploymentConfiguration", {}).get("terminateBlueInstancesOnDeploymentSuccess"):
        raise ApiError("InvalidBlueGreenDeploymentConfigurationException", "The blue/green configuration is missing.")
    if not 0 <= one.keeps.total_seconds() <= WAIT_MAX * 60:
        raise ApiError("InvalidBlueGreenDeploymentConfigurationException", "The termination wait time is too long.")
    if len(one.given.get("ecsServices") or ()) != 1:
        raise ApiError("InvalidECSServiceException", "For ECS deployment group, exactly one ECS service is required.")
    pairs = (one.given.get("loadBalancerInfo") or {}).get("targetGroupPairInfoList") or ()
    if len(pairs) != 1 or len(one.groups) != 2 or not one.listeners:
        raise ApiError("InvalidLoadBalancerInfoException", "Two target groups and a production route are required.")
    service = draft.services.get(one.service)
    if service is None or service.status != "ACTIVE":
        raise ApiError("InvalidECSServiceException", f"ECS service not found: {one.service[1]}")
    if service.controller != "CODE_DEPLOY":
        words = f"The ECS service must be configured for a CODE_DEPLOY deployment controller: {one.service[1]}"
        raise ApiError("InvalidECSServiceException", words)
    arns = {draft.catalog.group_named(name) for name in one.groups}
    for listener in one.listeners:
        if not arns & draft.catalog.leads(listener):
            words = f"The listener {listener} routes to neither target group of the pair."
            raise ApiError("InvalidTargetGroupPairException", words)
    for other in draft.deployment_groups.values():
        if other.service == one.service and (other.application, other.name) != (one.application, one.name):
            words = f"The ECS service {one.service[1]} is used by the deployment group {other.name} already."
            raise ApiError("ECSServiceMappingLimitExceededException", words)


def _remove(draft: Draft, key: tuple[str, str]) -> None:
    """A deployment of it ends as it stands."""
    for one in codedeploy.active(draft, *key):
        draft.rollouts[one.id] = replace(one, status="Stopped", completed=draft.now)
    draft.deployment_groups.pop(key, None)


# ------------------------------------------------------------------------------------------------ deployments
def create_deployment(draft: Draft, params: Json) -> Json:
    group = _group(draft, params["applicationName"], params.get("deploymentGroupName", ""))
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
    group = _group(draft, params["applicationName"], params.get("deploymentGroupName", ""))
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


# ------------------------------------------------------------------------------------------------ tags, look-ups
def list_tags_for_resource(draft: Draft, params: Json) -> Json:
    return {
        "Tags": [
            {"Key": key, "Value": value} for key, value in sorted(_tagged(draft, params["ResourceArn"]).tags.items())
        ]
    }


def tag_resource(draft: Draft, params: Json) -> Json:
    have = _tagged(draft, params["ResourceArn"])
    return _retag(draft, have, {**have.tags, **_tags(params["Tags"])})


def untag_resource(draft: Draft, params: Json) -> Json:
    have = _tagged(draft, params["ResourceArn"])
    return _retag(draft, have, {key: value for key, value in have.tags.items() if key not in params["TagKeys"]})


def _retag(draft: Draft, have: Application | DeploymentGroup, tags: dict[str, str]) -> Json:
    if isinstance(have, Application):
        draft.applications[have.name] = replace(have, tags=tags)
    else:
        draft.deployment_groups[have.application, have.name] = replace(have, tags=tags)
    return {}


def _tagged(draft: Draft, arn: str) -> Application | DeploymentGroup:
    what, _, name = arn.split(":", 5)[5].partition(":")
    if what == "application":
        return _application(draft, name)
    return _group(draft, *name.split("/", 1))


def _tags(given: Any) -> dict[str, str]:
    return {one["Key"]: one.get("Value", "") for one in given or ()}


def _ident(draft: Draft) -> str:
    raw = draft.fresh(32)
    return "-".join((raw[:8], raw[8:12], raw[12:16], raw[16:20], raw[20:]))


def _application(draft: Draft, name: str) -> Application:
    if name not in draft.applications:
        raise ApiError("ApplicationDoesNotExistException", f"No application found for name: {name}")
    return draft.applications[name]


def _group(draft: Draft, application: str, name: str) -> DeploymentGroup:
    _application(draft, application)
    if (application, name) not in draft.deployment_groups:
        raise ApiError("DeploymentGroupDoesNotExistException", f"No Deployment Group found for name: {name}")
    return draft.deployment_groups[application, name]


def _rollout(draft: Draft, ident: str) -> Rollout:
    if ident not in draft.rollouts:
        raise ApiError("DeploymentDoesNotExistException", f"The deployment {ident} could not be found")
    return draft.rollouts[ident]


ACTIONS: Mapping[str, Callable[[Draft, Json], Any]] = {
    "CreateApplication": create_application,
    "GetApplication": get_application,
    "BatchGetApplications": batch_get_applications,
    "ListApplications": list_applications,
    "DeleteApplication": delete_application,
    "CreateDeploymentGroup": create_deployment_group,
    "UpdateDeploymentGroup": update_deployment_group,
    "DeleteDeploymentGroup": delete_deployment_group,
    "GetDeploymentGroup": get_deployment_group,
    "BatchGetDeploymentGroups": batch_get_deployment_groups,
    "ListDeploymentGroups": list_deployment_groups,
    "CreateDeployment": create_deployment,
    "GetDeployment": get_deployment,
    "BatchGetDeployments": batch_get_deployments,
    "ListDeployments": list_deployments,
    "StopDeployment": stop_deployment,
    "ContinueDeployment": continue_deployment,
    "ListTagsForResource": list_tags_for_resource,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
}
