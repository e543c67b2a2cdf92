"""What became of a service's deployment: judged by its identity, never by "the service is stable". Pure.

A service is stable after a rollback too, and before an update became visible (peers.md 4.1). So success is: the
PRIMARY deployment runs the wanted task definition, its rolloutState is COMPLETED, it is alone, it runs what is desired
now, and as many targets are healthy: of tasks that no deployment brought (another count) ECS judges none. A wanted task
definition whose deployment was rolled back is remembered by AWS itself, in the service's deployment history.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from controller.aws.task_sets import LEFT
from controller.rollout.model import Fleet, Host

DEPLOYS = ("service", "codedeploy_deployment")  # kinds whose steps start a deployment of the service of their name
State = Literal["succeeded", "in_progress", "rolled_back", "superseded", "failed"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """One entry of DescribeServices' `deployments`."""

    id: str
    status: str  # PRIMARY ACTIVE INACTIVE
    task_definition: str
    rollout_state: str  # IN_PROGRESS COMPLETED FAILED
    reason: str = ""
    desired: int = 0
    running: int = 0
    pending: int = 0
    failed: int = 0
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PastDeployment:
    """One entry of the service's deployment history (ListServiceDeployments)."""

    task_definition: str
    status: str  # SUCCESSFUL ROLLBACK_SUCCESSFUL STOPPED ...
    reason: str = ""
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ServiceState:
    """A service as its deployments show it; `healthy` targets, None where no load balancer serves it."""

    name: str  # logical
    live_name: str
    desired: int
    running: int
    task_definition: str
    deployments: tuple[Deployment, ...]
    history: tuple[PastDeployment, ...] = ()
    events: tuple[str, ...] = ()
    task_cpu: int = 0
    task_memory: int = 0
    pools: tuple[str, ...] | None = None  # whose hosts it runs on; None when that is not known
    healthy: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`state` with words and numbers; `since` is when the judged deployment began; `ailing`: all that is missing is
    targets that are healthy."""

    service: str
    state: State
    why: str
    since: datetime | None = None
    ailing: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """A plan step that must wait, and why; `outcome` when waiting will not help (``rolled_back``)."""

    why: str
    outcome: State | Literal[""] = ""


def judge(service: ServiceState, wanted: str | None) -> Verdict:
    """The verdict on *service* with respect to the task definition *wanted* (an arn; None: not known yet)."""
    primary = next((d for d in service.deployments if d.status == "PRIMARY"), None)
    if primary is None:
        return Verdict(service.name, "in_progress", "no deployment yet")
    if wanted is not None and primary.task_definition != wanted:
        return _not_primary(service, primary, wanted)
    revision = _short(primary.task_definition)
    if primary.rollout_state == "FAILED":
        return Verdict(
            service.name,
            "failed",
            f"{revision}: {primary.reason or 'failed'}{_last_event(service)}",
            primary.created_at,
        )
    others = len(service.deployments) - 1
    if (
        primary.rollout_state == "COMPLETED"
        and not others
        and service.running >= service.desired
        and not primary.pending
    ):
        runs = f"{revision}: {service.running} of {service.desired} running"
        if service.healthy is not None and service.healthy < service.desired:
            why = f"{runs}, {service.healthy} of {service.desired} healthy"
            return Verdict(service.name, "in_progress", why, primary.created_at, ailing=True)
        return Verdict(service.name, "succeeded", runs, primary.created_at)
    counts = f"{primary.running} of {service.desired} running, {primary.pending} pending"
    failed = f", {primary.failed} failed" if primary.failed else ""
    older = (
        f", {sum(d.running for d in service.deployments if d is not primary)} of the old still running"
        if others
        else ""
    )
    stuck = _why_stuck(service) if not primary.pending and primary.running < service.desired else ""
    return Verdict(service.name, "in_progress", f"{revision}: {counts}{failed}{older}{stuck}", primary.created_at)


ROLLING_BACK = {"ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS", "STOP_REQUESTED"}
ROLLED_BACK = {"ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED", "STOPPED"}


def rolled_back(service: ServiceState, wanted: str | None) -> Verdict | None:
    """The verdict that *wanted* was tried and is rolled back, or is just being; None when it was not, or went well
    since. AWS's history has the last word; without one, a failed deployment that another one replaces."""
    tried = [past for past in service.history if past.task_definition == wanted]
    newest = max(tried, key=lambda past: past.created_at.timestamp() if past.created_at else 0, default=None)
    if newest is not None and newest.status == LEFT:
        why = f"{_short(newest.task_definition)}: its deployment ended, and nothing was rolled back: {newest.reason}"
        return Verdict(service.name, "failed", why, newest.created_at)
    if newest is not None:
        why = f"{_short(newest.task_definition)} was rolled back: {newest.reason or newest.status}"
        if newest.status in ROLLING_BACK:
            why = f"{_short(newest.task_definition)} is being rolled back: {newest.reason or newest.status}"
            return Verdict(service.name, "in_progress", why, newest.created_at)
        return Verdict(service.name, "rolled_back", why, newest.created_at) if newest.status in ROLLED_BACK else None
    for one in service.deployments:
        if one.task_definition == wanted and one.rollout_state == "FAILED" and one.status != "PRIMARY":
            why = f"{_short(one.task_definition)} was rolled back: {one.reason or 'failed'}"
            return Verdict(service.name, "rolled_back", why, one.created_at)
    return None


def hold(
    service: ServiceState,
    wanted: str | None,
    fleets: Iterable[Fleet],
    *,
    by_person: bool,
    started: datetime,
    hosts_change: bool,
) -> Hold | None:
    """Why the step that would deploy *service* must wait now; None when it may go.

    hosts_change   the plan still changes launch templates or groups: new hosts are coming
    """
    if (past := rolled_back(service, wanted)) is not None:
        if past.state == "in_progress":
            return Hold(past.why)
        retry = by_person and past.since is not None and past.since < started
        if not retry:
            return Hold(f"{past.why}; a new revision or a person's apply tries again", past.state)
    for fleet in fleets:
        draining = [
            host.id
            for host in fleet.live
            if host.cordoned and any(task.service == service.live_name for task in host.open_tasks)
        ]
        if draining:
            return Hold(f"{', '.join(draining)} drain tasks of {service.name}: one at a time")
        if service.pools is not None and fleet.pool not in service.pools:
            continue
        if why := _too_small(service, fleet.live if hosts_change else fleet.old):
            return Hold(why)
    return None


def _too_small(service: ServiceState, leaving: Iterable[Host]) -> str:
    """Hosts first: why a new task does not fit a host that is to be replaced; "" when it fits all of them.

    Let go earlier, with one big host there, all new tasks would crowd onto it, and deployment and roll would wait for
    each other for ever.
    """
    for host in leaving:
        size = host.registered
        if size.memory and (service.task_memory > size.memory or service.task_cpu > size.cpu):
            return (
                f"hosts first: a task of {service.task_cpu} cpu/{service.task_memory} MiB does not fit {host.id} with "
                f"{size.cpu} cpu/{size.memory} MiB, which is to be replaced"
            )
    return ""


def _not_primary(service: ServiceState, primary: Deployment, wanted: str) -> Verdict:
    if (past := rolled_back(service, wanted)) is not None:
        return past
    seen = any(d.task_definition == wanted for d in service.deployments)
    if seen:
        why = f"{_short(wanted)} was superseded by {_short(primary.task_definition)}, which somebody else deployed"
        return Verdict(service.name, "superseded", why, primary.created_at)
    return Verdict(service.name, "in_progress", f"{_short(wanted)} is not deployed yet", primary.created_at)


def _short(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]


def _why_stuck(service: ServiceState) -> str:
    """What ECS says when nothing starts: its newest event, when it is about placing or starting tasks."""
    newest = service.events[0] if service.events else ""
    return f"; {newest}" if "unable to" in newest else ""


def _last_event(service: ServiceState) -> str:
    return f"; last event: {service.events[0]}" if service.events else ""
