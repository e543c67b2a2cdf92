"""A new version that CodeDeploy brings, and one that is stopped when all the traffic is at it and rolled back."""

from __future__ import annotations

import time
from functools import partial

from controller.rehearsal.changes import Change, Scene, change
from controller.rehearsal.drill import Ended

PATIENCE = 120.0  # seconds until the traffic must have moved


def new_version(scene: Scene) -> Change:
    return change(scene, "CodeDeploy: a new version", scene.apply)


def rolled_back(scene: Scene) -> Change:
    """Somebody sees something and stops it: `apply` must say so, and no request may notice."""
    return change(scene, "CodeDeploy: stopped and rolled back", partial(_stopped, scene), expect="rolled_back")


def _stopped(scene: Scene) -> Ended:
    before = set(_deployments(scene))
    apply = scene.drill.start("apply", scene.spec, "--yes", "-o", "json")
    end = time.monotonic() + PATIENCE
    codedeploy = scene.drill.client("codedeploy")
    while True:
        fresh = [one for one in _deployments(scene) if one not in before]
        if fresh and codedeploy.get_deployment(deploymentId=fresh[0])["deploymentInfo"].get(
            "instanceTerminationWaitTimeStarted"
        ):
            break
        if time.monotonic() > end:
            raise TimeoutError(f"no traffic moved within {PATIENCE:g} s")
        time.sleep(0.3)
    codedeploy.stop_deployment(deploymentId=fresh[0], autoRollbackEnabled=True)
    return apply.wait(600)


def _deployments(scene: Scene) -> list[str]:
    stack = scene.group.removesuffix("-main")
    found = scene.drill.client("codedeploy").list_deployments(applicationName=stack, deploymentGroupName=scene.service)
    return list(found["deployments"])
