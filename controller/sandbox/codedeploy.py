"""CodeDeploy's blue/green deployments of ECS services (aws.md 4.5). Pure; the listeners are moved by an effect.

A replacement task set is started behind the target group that is not in use; when all its tasks are healthy there the
traffic is moved, in the steps of the deployment configuration; the original is kept for a while, then ended. Until then
a stop that rolls back, or an alarm, leads the traffic back at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from controller.sandbox import task_sets
from controller.sandbox.codedeploy_model import ACTIVE, DeploymentGroup, Rollout
from controller.sandbox.world import Deployment, Draft, Service, Shift

STEPS = re.compile(r"CodeDeployDefault\.ECS(Linear|Canary)(\d+)Percent(?:Every)?(\d+)Minutes")


def steps(config: str) -> tuple[tuple[int, ...], timedelta]:
    """(percent at the replacement after each step, time between them) of a predefined configuration.

    >>> steps("CodeDeployDefault.ECSCanary10Percent5Minutes")
    ((10, 100), datetime.timedelta(seconds=300))
    """
    found = STEPS.fullmatch(config)
    if found is None:
        return (100,), timedelta()
    share, pause = int(found[2]), timedelta(minutes=int(found[3]))
    if found[1] == "Canary":
        return (share, 100), pause
    return tuple(min(100, share * n) for n in range(1, -(-100 // share) + 1)), pause


def group_of(draft: Draft, one: Rollout) -> DeploymentGroup | None:
    return draft.deployment_groups.get((one.application, one.group))


def advance(draft: Draft) -> None:
    for one in [one for one in draft.rollouts.values() if one.status in ACTIVE]:
        group = group_of(draft, one)
        service = draft.services.get(group.service) if group else None
        if group is None or service is None or service.status != "ACTIVE":
            _end(draft, one, "Failed", ("ECS_SERVICE_NOT_ACTIVE", "The ECS service is not there."))
            continue
        _advance(draft, one, group, service)


def _advance(draft: Draft, one: Rollout, group: DeploymentGroup, service: Service) -> None:
    ringing = set(draft.catalog.alarms(group.alarms))
    if one.ringing is None:
        one = _keep(draft, replace(one, ringing=tuple(sorted(ringing))))
    elif fresh := sorted(ringing - set(one.ringing)):
        words = f"One or more alarms have been activated: {', '.join(fresh)}"
        stop(draft, one, ("ALARM_ACTIVE", words), rollback=group.rolls_back("DEPLOYMENT_STOP_ON_ALARM"))
        return
    if not one.replacement:
        _begin(draft, one, group, service)
    elif one.steady is None:
        _install(draft, one, group, service)
    elif one.shifted < 100:
        _shift(draft, one, group, service)
    elif one.hurried or (one.since is not None and draft.now - one.since >= group.keeps):
        _finish(draft, one, service)


def _begin(draft: Draft, one: Rollout, group: DeploymentGroup, service: Service) -> None:
    """The replacement task set, behind the other target group, which is put into use without a request: else nobody
    would check its targets (aws.md 2.1). How AWS does that no page says."""
    live = service.primary
    used = {arn.rsplit("/", 2)[-2] for arn, _ in service.target_groups}
    other = next(name for name in group.groups if name not in used)
    arn = draft.catalog.group_named(other)
    balancer = {"targetGroupArn": arn, "containerName": one.container, "containerPort": one.port}
    fresh = task_sets.born(draft, service, one.definition, (balancer,), one.id)
    draft.services[service.cluster, service.name] = replace(service, deployments=(*service.deployments, fresh))
    one = _keep(draft, replace(one, status="InProgress", started=draft.now, original=live.id, replacement=fresh.id))
    _lead(draft, one, group, draft.services[service.cluster, service.name], 0)


def _install(draft: Draft, one: Rollout, group: DeploymentGroup, service: Service) -> None:
    assert one.started is not None
    if task_sets.steady(draft, service, one.replacement):
        _keep(draft, replace(one, steady=draft.now, since=draft.now, status="Ready" if group.asks else one.status))
    elif draft.now - one.started >= draft.timings.task_set:
        words = "The deployment timed out while waiting for the replacement task set to become healthy."
        stop(draft, one, ("TIMEOUT", words), rollback=group.rolls_back("DEPLOYMENT_FAILURE"), status="Failed")


def _shift(draft: Draft, one: Rollout, group: DeploymentGroup, service: Service) -> None:
    """The next step; with the last one the replacement is the service."""
    assert one.since is not None
    if group.asks is not None and not one.asked and not one.shifted:
        if draft.now - one.since >= group.asks:
            words = "The deployment timed out while waiting to be continued."
            stop(draft, one, ("TIMEOUT", words), rollback=group.rolls_back("DEPLOYMENT_FAILURE"))
        return
    shares, pause = steps(one.config)
    if one.shifted and draft.now - one.since < pause:
        return
    share = next(percent for percent in shares if percent > one.shifted)
    one = _keep(draft, replace(one, shifted=share, since=draft.now, status="InProgress"))
    _lead(draft, one, group, service, share)
    if share == 100:
        draft.services[service.cluster, service.name] = task_sets.promoted(service, one.replacement)


def _finish(draft: Draft, one: Rollout, service: Service) -> None:
    """The original task set is drained and ended; the deployment is over when nothing is left of it."""
    if any(d.id == one.original and d.status != "DRAINING" for d in service.deployments):
        draft.services[service.cluster, service.name] = task_sets.leaving(service, one.original)
    elif not any(d.id == one.original for d in service.deployments):
        _end(draft, one, "Succeeded", ("", ""))


def stop(draft: Draft, one: Rollout, error: tuple[str, str], *, rollback: bool, status: str = "Stopped") -> None:
    """End it before its time. With *rollback* all traffic goes back to the original, and the replacement is ended;
    without, everything stays as it is."""
    group = group_of(draft, one)
    service = draft.services.get(group.service) if group else None
    if rollback and group is not None and service is not None and one.replacement:
        _lead(draft, one, group, service, 0)
        service = task_sets.leaving(task_sets.promoted(service, one.original), one.replacement)
        draft.services[service.cluster, service.name] = service
        one = replace(one, rolled_back=f"d-{draft.fresh(9).upper()}")
    _end(draft, one, status, error)


def _lead(draft: Draft, one: Rollout, group: DeploymentGroup, service: Service, share: int) -> None:
    """*share* percent of the requests to the replacement's target group, the rest to the original's."""
    sets = {d.id: d for d in service.deployments}
    pairs = [(_arn(sets[one.replacement]), share), (_arn(sets[one.original]), 100 - share)]
    draft.effects.append(Shift(group.listeners, tuple(pairs)))


def _arn(one: Deployment) -> str:
    return str(one.balancers[0]["targetGroupArn"])


def _end(draft: Draft, one: Rollout, status: str, error: tuple[str, str]) -> None:
    _keep(draft, replace(one, status=status, error=error, completed=draft.now))


def _keep(draft: Draft, one: Rollout) -> Rollout:
    draft.rollouts[one.id] = one
    return one


def active(draft: Draft, application: str, group: str) -> Iterator[Rollout]:
    """The deployments of a group that have not ended: at most one."""
    return (
        one
        for one in draft.rollouts.values()
        if (one.application, one.group) == (application, group) and one.status in ACTIVE
    )
