"""What a plan says about hosts before anything moves: the forecast of each roll, and whether the tasks fit at all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from controller.aws.reads import Reads
from controller.base.keys import Key
from controller.engine.steps import Plan, Step
from controller.rollout import sight
from controller.rollout.counts import LAUNCH, suspended
from controller.rollout.fit import Need, deploy_misfit, needs_of, pool_misfit
from controller.rollout.forecast import Forecast, forecast, stated
from controller.rollout.members import interfaces_of
from controller.rollout.model import Fleet, Resources, Service, policy_of
from controller.rollout.verdict import DEPLOYS
from controller.spec.names import live_name
from controller.spec.types import Pool, Stack
from controller.spec.types import Service as Spec

# What system and agent keep of the memory EC2 states for a type, firmware and kernel included. Hosts register a little
# more than what is left: about 1910 of 2048 MiB, 3840 of 4096, 7750 of 8192.
KEPT_SHARE = 0.075
KEPT_LEAST = 128  # MiB
GROUP = "auto_scaling_group"
ON_THE_WAY = {"load_balancer", "listener", "listener_rule", "target_group", "service"}  # of a request


def outlook(stack: Stack, fleets: Iterable[Fleet], rolling: Collection[str], reads: Reads) -> tuple[Forecast, ...]:
    """One forecast per pool that has hosts to replace, add or remove. *rolling*: pools whose template will change."""
    by_pool = {fleet.pool: fleet for fleet in fleets}
    found = []
    for pool in stack.pools:
        fleet = by_pool.get(pool.name)
        if fleet is None:
            continue
        live = len(fleet.live)
        old = live if pool.name in rolling else _leaving(pool, fleet)
        if not old and (live == fleet.size or (fleet.elastic and live <= pool.most)):
            continue
        capacity, offer = _capacity(stack, pool, fleet, reads)
        found.append(
            forecast(
                pool.name,
                live=live,
                old=old,
                size=fleet.size,
                policy=policy_of(stack, pool.name),
                services=_services(stack, pool, fleet),
                capacity=capacity,
                move=_slowest_move(stack, pool),
                most=pool.size.max,
                zones=1 if fleet.elastic else len(fleet.zones),
                offer=offer,
            )
        )
    return tuple(found)


def _leaving(pool: Pool, fleet: Fleet) -> int:
    """How many hosts are to be replaced: the old ones, and those of a type the spec has no more."""
    unlisted = pool.instance_types and [host for host in fleet.new if host.instance_type not in pool.types]
    return len(fleet.old) + len(unlisted or ())


def misfits(
    stack: Stack, fleets: Iterable[Fleet], todo: Plan, forecasts: Iterable[Forecast], reads: Reads
) -> tuple[str, ...]:
    """Rule 1, for what the pending steps of *todo* would start: why it has no room, one sentence per pool.

    A pool is judged only where a step makes its group, replaces its hosts or starts tasks on them: a pass with nothing
    to do asks EC2 for nothing. Where hosts leave, their forecast has judged what it ends at; what is deployed after
    them is judged here. The hosts counted on are those of `size.desired`, which nothing makes more of by itself; where
    ECS scales the pool, those of `size.max`.
    """
    by_pool = {fleet.pool: fleet for fleet in fleets}
    judged = {one.pool: one for one in forecasts if one.hosts}
    found = []
    for pool in stack.pools:
        steps = _steps(stack, pool, todo)
        if not steps:
            continue
        leaving = judged.get(pool.name)
        why = leaving.infeasible if leaving is not None else None
        if why is None:
            why = _misfit(stack, pool, by_pool.get(pool.name), todo, steps, reads, leaving=leaving is not None)
        found += [f"{Key(GROUP, pool.name)}: {why}"] if why else []
    return tuple(found)


def moved_out(fleet: Fleet, todo: Plan) -> Fleet:
    """*fleet* once the step for its group is done: who is in a subnet that it gives up is to be replaced."""
    left: set[str] = set()
    for step in todo.pending:
        for change in step.changes if step.key == Key(GROUP, fleet.pool) else ():
            if change.field == "subnets":
                before, after = cast("tuple[str, ...]", change.before), cast("tuple[object, ...]", change.after)
                left |= {one for one in before if one not in after}
    if not left:
        return fleet
    return replace(fleet, hosts=tuple(replace(h, current=h.current and h.subnet not in left) for h in fleet.hosts))


def unready(
    stack: Stack, fleets: Iterable[Fleet], todo: Plan, forecasts: Iterable[Forecast], reads: Reads
) -> tuple[str, ...]:
    """Why a roll that has not begun must not begin: nobody would see it go wrong, or no host could come (rule 7).

    Once begun it waits instead, for it may be about to mend that itself. What the probe asks for may not be there yet:
    a pass that has made it will tell.
    """
    due = {one.pool: one for one in forecasts}
    built = not any(step.key.kind in ON_THE_WAY and step.action in {"create", "replace"} for step in todo.pending)
    found = []
    for fleet in fleets:
        if fleet.pool not in due or fleet.roll is not None:
            continue
        address = Key(GROUP, fleet.pool)
        if LAUNCH in fleet.suspended and LAUNCH not in fleet.suspended_by_us:
            found.append(f"{address}: no host can come: {suspended(fleet)}")
        if built and due[fleet.pool].hosts and (probe := sight.probe(reads, stack)).ok is False:
            found.append(f"{address}: the probe fails already, and could tell nothing about the roll: {probe.detail}")
    return tuple(found)


def _steps(stack: Stack, pool: Pool, todo: Plan) -> tuple[Step, ...]:
    """The pending steps that make the group, replace its hosts, or start tasks on them."""
    services = {service.name for service in stack.services if pool.name in service.pools}
    return tuple(step for step in todo.pending if _brings_hosts(step, pool) or _starts_tasks(step, services))


def _brings_hosts(step: Step, pool: Pool) -> bool:
    mine = step.key.name == pool.name
    return mine and (step.risk == "host_roll" or (step.key.kind == GROUP and step.action != "update"))


def _starts_tasks(step: Step, services: Collection[str]) -> bool:
    if step.key.kind not in DEPLOYS or step.key.name not in services or step.action == "delete":
        return False
    grows = any(change.field == "desired" for change in step.changes)
    return step.action != "update" or step.risk == "new_deployment" or grows


def _misfit(
    stack: Stack, pool: Pool, fleet: Fleet | None, todo: Plan, steps: Sequence[Step], reads: Reads, *, leaving: bool
) -> str | None:
    there = {step.key for step in todo.steps if step.action != "none" or step.observed is not None}
    services = [one for name, one in _named(stack, pool, fleet) if Key("service", name) in there]
    if not services:
        return None
    size = pool.size.max if pool.scaling is not None else pool.size.desired
    capacity, offer = _capacity(stack, pool, fleet, reads)
    if Key(GROUP, pool.name) in todo.left_out:  # its hosts stay as they are, whatever the spec says
        registered = [host.registered for host in fleet.live if host.registered.memory] if fleet is not None else []
        size, capacity, offer = len(registered), next(iter(registered), None), "out of scope, as they are"
    if capacity is None:
        return None
    why = None if leaving else pool_misfit(size, capacity, services)
    if why is None and fleet is not None:
        deploying = {s.key.name for s in steps if s.key.kind in DEPLOYS and s.risk == "new_deployment"}
        changing = {live_name(stack, Key("service", name)) for name in deploying}
        deployed = [s for s in services if s.name in changing and (not leaving or _hosts_first(s, fleet))]
        whys = (deploy_misfit(size, capacity, services, one, _live(one, fleet)) for one in deployed)
        why = next((why for why in whys if why), None)
    if why is None:
        return None
    return f"the tasks do not fit on {stated(size, capacity, offer)}: {why}; more or bigger hosts, or less of the tasks"


def _hosts_first(service: Service, fleet: Fleet) -> bool:
    """The new tasks are too big for hosts there now, so they come when the roll is over and its surge is gone."""
    sizes = [host.registered for host in fleet.live if host.registered.memory]
    return any(service.memory > size.memory or service.cpu > size.cpu for size in sizes)


def _live(service: Service, fleet: Fleet) -> list[Need]:
    return needs_of(task for host in fleet.live for task in host.tasks if task.service == service.name)


def _services(stack: Stack, pool: Pool, fleet: Fleet | None) -> list[Service]:
    return [service for _, service in _named(stack, pool, fleet)]


def _named(stack: Stack, pool: Pool, fleet: Fleet | None) -> list[tuple[str, Service]]:
    """The pool's services by logical name as the spec wants them: sizes and percentages. Live is only the number of
    one that scales."""
    live = {one.name: one.desired for one in fleet.services} if fleet is not None else {}
    return [
        (
            service.name,
            Service(
                name := live_name(stack, Key("service", service.name)),
                count := _count(service, live.get(name)).tasks_on(pool.name),
                count,
                min_percent=service.deployment.min_percent,
                max_percent=service.deployment.max_percent,
                daemon=service.daemon,
                cpu=service.reserved[0],
                memory=service.reserved[1],
                static_ports=service.static_ports,
                interfaces=int(service.own_address),
                alone=("distinctInstance", "") in service.placement.constraints,
                twice=service.by_codedeploy,
            ),
        )
        for service in stack.services
        if pool.name in service.pools
    ]


def _count(service: Spec, live: int | None) -> Spec:
    """*service* with as many tasks as it has now, where scaling moves them and more than at birth are there."""
    return service if service.scaling is None or live is None else replace(service, desired=max(live, service.desired))


def _capacity(stack: Stack, pool: Pool, fleet: Fleet | None, reads: Reads) -> tuple[Resources | None, str]:
    """What one host of the wanted types offers to tasks that may go anywhere, its daemons placed, and where that is
    from; None when nobody tells."""
    capacity, offer = _whole(pool, fleet, reads)
    mine = _services(stack, pool, fleet)
    if capacity is None:
        return None, offer
    if any(one.interfaces for one in mine) and capacity.interfaces is None:
        most = interfaces_of(reads, list(pool.types))
        counts = [most.get(one) for one in pool.types]
        known = [count for count in counts if count is not None]
        capacity = replace(capacity, interfaces=min(known) if len(known) == len(counts) else None)
    for one in mine:
        if one.daemon:
            left = None if capacity.interfaces is None else capacity.interfaces - one.interfaces
            capacity = Resources(capacity.cpu - one.cpu, capacity.memory - one.memory, left)
            offer += f"{', ' if offer else ''}less its {one.name}"
    return capacity, offer


def _whole(pool: Pool, fleet: Fleet | None, reads: Reads) -> tuple[Resources | None, str]:
    """What one host of the wanted types offers at least, and where that is from; None when nothing tells."""
    known = {h.instance_type: h.registered for h in (fleet.hosts if fleet is not None else ()) if h.registered.memory}
    unknown = [one for one in pool.types if one not in known]
    items = reads.instance_types(unknown) if unknown else {}
    offers = [_offer(one, known.get(one), items.get(one)) for one in pool.types if one in known or one in items]
    if len(offers) < len(pool.types):
        return None, ""
    if len(offers) == 1:
        return offers[0]
    least = Resources(min(size.cpu for size, _ in offers), min(size.memory for size, _ in offers))
    return least, f"the least of {', '.join(pool.types)}: any may be launched"


def _offer(kind: str, registered: Resources | None, item: Any) -> tuple[Resources, str]:
    """What a host of a type offers: what one registered, else what EC2 says less what system and agent keep."""
    if registered is not None:
        return registered, f"as a {kind} registered"
    memory = int(item["MemoryInfo"]["SizeInMiB"])
    kept = max(KEPT_LEAST, round(memory * KEPT_SHARE))
    offer = f"a {kind} has {memory} MiB, of which system and agent keep about {kept}"
    return Resources(int(item["VCpuInfo"]["DefaultVCpus"]) * 1024, memory - kept), offer


def _slowest_move(stack: Stack, pool: Pool) -> timedelta:
    """The longest a task of the pool takes to be healthy elsewhere and leave."""
    times = [
        service.health.interval * (service.health.healthy + 1) + service.deregistration_delay
        for service in stack.services
        if pool.name in service.pools
    ]
    return max(times, default=timedelta())
