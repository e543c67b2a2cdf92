"""A service that CodeDeploy deploys has task sets in place of deployments (aws.md 4.5): seen as such, all else that
looks at services need not know the difference. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

CONTROLLER = "CODE_DEPLOY"
RUNNING = ("Created", "Queued", "InProgress", "Baking", "Ready")
ENDED = {"Succeeded", "Failed", "Stopped"}
LEFT = "LEFT_AS_IT_WAS"  # ended before its time, and nothing was taken back
Item = Mapping[str, Any]


def of_codedeploy(item: Item) -> bool:
    """Whether CodeDeploy deploys the service *item* (DescribeServices)."""
    return bool(item.get("deploymentController", {}).get("type") == CONTROLLER)


def deployments(item: Item, under_way: Item | None = None) -> list[dict[str, Any]]:
    """The `deployments` of a service. Of task sets, the one that a deployment *under_way* (GetDeployment) brings is the
    PRIMARY: it is what is wanted, whoever gets the requests meanwhile."""
    if not of_codedeploy(item):
        return list(item.get("deployments", []))
    sets = [one for one in item.get("taskSets", []) if one["status"] != "DRAINING" or one["runningCount"]]
    if under_way is None:
        left = [one["id"] for one in sets if one["status"] == "ACTIVE"]
        return [_shown(one, *_standing(one, left, alone=len(sets) == 1)) for one in sets]
    brought = next((one for one in sets if one.get("externalId") == under_way["deploymentId"]), None)
    found = [_shown(one, "PRIMARY" if one is brought else "ACTIVE") for one in sets]
    return found if brought is not None else [_begun(under_way), *found]


def _standing(one: Item, left: list[str], *, alone: bool) -> tuple[str, str, str]:
    """(status, rolloutState, its reason) of a task set where no deployment is under way."""
    if one["status"] != "PRIMARY":
        return "ACTIVE", "IN_PROGRESS", ""
    if left:
        return "PRIMARY", "FAILED", f"{', '.join(left)} is left of a deployment that ended: delete that task set"
    return "PRIMARY", "COMPLETED" if alone and one["stabilityStatus"] == "STEADY_STATE" else "IN_PROGRESS", ""


def target(item: Item, under_way: Item | None) -> str:
    """The arn of the task definition that the service runs, or is just being led to."""
    return next((str(one["taskDefinition"]) for one in deployments(item, under_way) if one["status"] == "PRIMARY"), "")


def history(ended: Iterable[Item]) -> list[dict[str, Any]]:
    """Deployments of CodeDeploy as ECS's own history has them. Ours say in their description what they brought: of the
    AppSpec nothing is read back (aws.md 9.5)."""
    return [
        {
            "taskDefinition": one.get("description", ""),
            "status": _outcome(one),
            "statusReason": one.get("errorInformation", {}).get("message", one["status"].lower()),
            "createdAt": one.get("createTime"),
        }
        for one in ended
        if one["status"] in ENDED
    ]


def _outcome(one: Item) -> str:
    if one["status"] == "Succeeded":
        return "SUCCESSFUL"
    return "ROLLBACK_SUCCESSFUL" if one.get("rollbackInfo", {}).get("rollbackDeploymentId") else LEFT


def _shown(one: Item, status: str, state: str = "IN_PROGRESS", reason: str = "") -> dict[str, Any]:
    return {
        "id": one["id"],
        "status": status,
        "taskDefinition": one["taskDefinition"],
        "rolloutState": state,
        "rolloutStateReason": reason,
        "desiredCount": one.get("computedDesiredCount", 0),
        "runningCount": one.get("runningCount", 0),
        "pendingCount": one.get("pendingCount", 0),
        "createdAt": one.get("createdAt"),
    }


def _begun(under_way: Item) -> dict[str, Any]:
    """A deployment that has no task set yet."""
    return {
        "id": under_way["deploymentId"],
        "status": "PRIMARY",
        "taskDefinition": under_way.get("description", ""),
        "rolloutState": "IN_PROGRESS",
        "createdAt": under_way.get("createTime"),
    }
