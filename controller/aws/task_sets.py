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
    wanted = [one for one in sets if under_way is not None and one.get("externalId") == under_way["deploymentId"]]
    serving = [one for one in sets if one["status"] == "PRIMARY"]
    chosen = wanted[0] if wanted else serving[0] if serving and under_way is None else None
    found = [_shown(one, "PRIMARY" if one is chosen else "ACTIVE", "IN_PROGRESS") for one in sets]
    if under_way is None and chosen is not None:
        going = {one["id"] for one in sets if one["status"] == "DRAINING"}
        left = [one["id"] for one in sets if one is not chosen and one["id"] not in going]
        state = "COMPLETED" if chosen["stabilityStatus"] == "STEADY_STATE" and len(sets) == 1 else "IN_PROGRESS"
        found = [
            one
            if one["status"] != "PRIMARY"
            else {
                **one,
                "rolloutState": "FAILED" if left else state,
                "rolloutStateReason": f"{', '.join(left)} is left of a deployment that ended: delete that task set"
                if left
                else "",
            }
            for one in found
        ]
    if chosen is None and under_way is not None:
        found.insert(0, _begun(under_way))
    return found


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


def _shown(one: Item, status: str, state: str) -> dict[str, Any]:
    return {
        "id": one["id"],
        "status": status,
        "taskDefinition": one["taskDefinition"],
        "rolloutState": state,
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
