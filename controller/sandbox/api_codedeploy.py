"""The CodeDeploy API in front of the world: for ECS services, and nothing else (aws.md 4.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from controller.sandbox import codedeploy
from controller.sandbox.api_ecs import limit
from controller.sandbox.codedeploy_model import Application, DeploymentGroup
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
    have = group_named(draft, *key)
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
        "deploymentGroupInfo": _shown_group(
            group_named(draft, params["applicationName"], params["deploymentGroupName"])
        )
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
    return group_named(draft, *name.split("/", 1))


def _tags(given: Any) -> dict[str, str]:
    return {one["Key"]: one.get("Value", "") for one in given or ()}


def _ident(draft: Draft) -> str:
    raw = draft.fresh(32)
    return "-".join((raw[:8], raw[8:12], raw[12:16], raw[16:20], raw[20:]))


def _application(draft: Draft, name: str) -> Application:
    if name not in draft.applications:
        raise ApiError("ApplicationDoesNotExistException", f"No application found for name: {name}")
    return draft.applications[name]


def group_named(draft: Draft, application: str, name: str) -> DeploymentGroup:
    _application(draft, application)
    if (application, name) not in draft.deployment_groups:
        raise ApiError("DeploymentGroupDoesNotExistException", f"No Deployment Group found for name: {name}")
    return draft.deployment_groups[application, name]


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
    "ListTagsForResource": list_tags_for_resource,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
}
