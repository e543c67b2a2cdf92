"""The eyes of the random world: a `World` as `rollout/sight.observe` would read it from AWS. Pure."""

from __future__ import annotations

from functools import cache

from controller.base.crumbs import AwayCrumb, BaselineCrumb, HaltCrumb, RollCrumb, moment_or_none
from controller.base.keys import NOT_READY
from controller.rollout.members import judged
from controller.rollout.model import Fleet, Host, Policy, Resources, Service, Target, Task
from tests.rollout.worlds import CPU, NEVER, Box, Job, Svc, World, moment

parse_roll = cache(RollCrumb.parse)  # a history parses the same few crumbs again and again
parse_baseline = cache(BaselineCrumb.parse)


def roll_of(world: World) -> RollCrumb | None:
    return parse_roll(world.tags["theseus:roll"]) if "theseus:roll" in world.tags else None


def fleet_of(world: World, policy: Policy) -> Fleet:
    """The pool as `rollout/sight.observe` would read it."""
    ours = tuple(name for name in world.tags.get("theseus:suspended", "").split(",") if name)
    return Fleet(
        "main",
        "group",
        f"lt-1/{world.generation}",
        world.size,
        world.min,
        world.max,
        world.desired,
        judged(tuple(_host(world, box) for box in world.boxes), roll_of(world), policy, moment(world.now)),
        tuple(_service(world, service) for service in world.services),
        roll_of(world),
        HaltCrumb.parse(world.tags["theseus:halted"]) if "theseus:halted" in world.tags else None,
        suspended=tuple(sorted(world.suspended)),
        suspended_by_us=ours,
        spec_max=world.spec_max,
        elastic=world.elastic,
        alarms=("shop-5xx",) if world.alarm else (),
        no_data=() if world.no_data is None else ("shop-p99",),
        no_data_since=() if world.no_data is None else (("shop-p99", moment(world.no_data)),),
        leftovers=tuple(world.leftovers),
        zones=tuple(world.zones),
    )


def _host(world: World, box: Box) -> Host:
    free = world.free(box)
    return Host(
        box.id,
        box.zone,
        box.generation == world.generation,
        "Terminating:Wait" if box.leaving and box.gone_at == NEVER else box.state,
        not (world.dead(box) or box.sick),
        world.dead(box),
        launched_at=moment(box.born),
        container_instance=f"ci-{box.id}" if box.node else None,
        agent_status=box.node,
        agent_connected=world.connected(box),
        ready_since=moment_or_none(box.ready) if box.ready else None,
        unready=box.ready == NOT_READY,
        cordoned_at=moment_or_none(box.cordoned) if box.cordoned else None,
        away=AwayCrumb.parse(box.away) if box.away else None,
        protected=box.protected,
        tasks=tuple(_task(job) for job in box.jobs if job.arn) if box.node else (),
        targets=tuple(_target(box.id, job.port, job.target) for job in box.jobs if job.target),
        registered=Resources(CPU, CPU),
        free=Resources(free, free),
    )


def _service(world: World, one: Svc) -> Service:
    return Service(
        one.name,
        one.desired,
        world.running(one),
        healthy=world.healthy(one),
        min_percent=one.low,
        max_percent=one.high,
        deploying=one.deploying,
        arn=one.name,
        baseline=parse_baseline(one.baseline) if one.baseline else None,
        cpu=one.cpu,
        memory=one.cpu,
    )


def _task(job: Job) -> Task:
    service = job.service
    name, size, static = (service.name, service.cpu, service.static) if service else (None, 0, 0)
    return _shown(job.arn, name, job.status, job.wanted, job.port, size, static)


@cache
def _shown(arn: str, service: str | None, status: str, wanted: bool, port: int, size: int, static: int) -> Task:
    desired = "RUNNING" if wanted else "STOPPED"
    fixed = (static,) if static else ()
    return Task(arn, service, status, desired, cpu=size, memory=size, ports=(port,), static_ports=fixed)


@cache
def _target(host: str, port: int, state: str) -> Target:
    return Target("tg", host, port, state)
