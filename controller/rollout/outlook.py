"""The rollout section of a plan: what each pool's hosts will go through, forecast from the spec and the live fleet."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

from controller.aws.reads import Reads
from controller.base.keys import Key
from controller.rollout.forecast import Forecast, forecast
from controller.rollout.model import Fleet, Resources, Service, policy_of
from controller.spec.names import live_name
from controller.spec.types import Pool, Stack

AGENT_MEMORY = 128  # MiB the OS and the agent keep from a host's memory beyond what EC2 states; ECS's own advice


def outlook(stack: Stack, fleets: Iterable[Fleet], rolling: Collection[str], reads: Reads) -> tuple[Forecast, ...]:
    """One forecast per pool that has hosts to replace, add or remove. *rolling*: pools whose template will change."""
    by_pool = {fleet.pool: fleet for fleet in fleets}
    found = []
    for pool in stack.pools:
        fleet = by_pool.get(pool.name)
        if fleet is None:
            continue
        live = len(fleet.live)
        old = live if pool.name in rolling else len(fleet.old)
        if not old and live == pool.size.desired:
            continue
        found.append(
            forecast(
                pool.name,
                live=live,
                old=old,
                size=pool.size.desired,
                policy=policy_of(stack, pool.name),
                services=_services(stack, pool),
                capacity=_capacity(pool, fleet, reads),
                move=_slowest_move(stack, pool),
                most=pool.size.max,
                zones=len(fleet.zones),
            )
        )
    return tuple(found)


def _services(stack: Stack, pool: Pool) -> list[Service]:
    """The pool's services as the spec wants them: sizes and percentages, nothing live."""
    return [
        Service(
            live_name(stack, Key("service", service.name)),
            service.desired,
            service.desired,
            min_percent=service.deployment.min_percent,
            max_percent=service.deployment.max_percent,
            cpu=service.cpu,
            memory=service.memory,
        )
        for service in stack.services
        if service.pool == pool.name
    ]


def _capacity(pool: Pool, fleet: Fleet, reads: Reads) -> Resources | None:
    """What one host of the wanted type offers: what one registered, else what EC2 says less the agent's reserve."""
    known = [h.registered for h in fleet.hosts if h.instance_type == pool.instance_type and h.registered.memory]
    if known:
        return known[0]
    item: Any = reads.instance_types([pool.instance_type]).get(pool.instance_type)
    if item is None:
        return None
    memory = int(item["MemoryInfo"]["SizeInMiB"])
    return Resources(int(item["VCpuInfo"]["DefaultVCpus"]) * 1024, memory - AGENT_MEMORY)


def _slowest_move(stack: Stack, pool: Pool) -> timedelta:
    """The longest a task of the pool takes to be healthy elsewhere and leave."""
    times = [
        service.health.interval * (service.health.healthy + 1) + service.deregistration_delay
        for service in stack.services
        if service.pool == pool.name
    ]
    return max(times, default=timedelta())
