"""Checks of where a service runs: on a pool, several, or Fargate; its network, its place, its size there."""

from __future__ import annotations

from datetime import timedelta

from controller.base.words import plural
from controller.spec.check import Check, spell
from controller.spec.places import Path
from controller.spec.schema import near
from controller.spec.types import FARGATE, FARGATE_SPOT, Pool, Service, Stack

SERVERLESS = (FARGATE, FARGATE_SPOT)
RESERVED_PORTS = {22, 2375, 2376, 51678, 51679, 51680}  # aws.md 7.3: of the host itself and its agents
FARGATE_STOP_MAX = timedelta(seconds=120)  # aws.md 1.3
SIZES = {
    # CPU units: (least MiB, most, step), the pairs that Fargate has (ECS developer guide, "Task size")
    256: (512, 2048, 512),  # 1536 is none of them: see `_memories`
    512: (1024, 4096, 1024),
    1024: (2048, 8192, 1024),
    2048: (4096, 16384, 1024),
    4096: (8192, 30720, 1024),
    8192: (16384, 61440, 4096),
    16384: (32768, 122880, 8192),
}


def check_compute(stack: Stack, service: Service, one: Check) -> tuple[Pool, ...]:
    """Check where *service* runs; the pools whose hosts it runs on, those that exist."""
    path: Path = ("services", service.name)
    pools = {pool.name: pool for pool in stack.pools}
    _where(service, pools, one, path)
    if service.fargate is not None:
        _fargate(stack, service, one, path)
    else:
        _on_hosts(service, one, path)
    _count(service, one, path)
    mine = tuple(pools[name] for name in service.pools if name in pools)
    _crowd(service, mine, one, path)
    _scaling(service, one, (*path, "scaling"))
    return mine


def _where(service: Service, pools: dict[str, Pool], one: Check, path: Path) -> None:
    given = [key for key in ("pool", "fargate", "capacity") if one.given((*path, key)) is not None]
    if len(given) > 1:
        one.fail((*path, given[1]), f"beside {given[0]}: a service runs in one place", "pool, fargate or capacity")
    elif not given and len(pools) > 1:
        one.fail((*path, "pool"), "is missing", f"with several pools each service names one of {', '.join(pools)}")
    elif not given and not pools and one.entries_known("hosts"):
        one.fail((*path, "pool"), "is missing: there are no hosts", "add hosts, or fargate: {}", (("hosts",),))
    elif given == ["pool"] and service.pool not in pools:
        hint = near(service.pool, pools) or (f"there are {', '.join(pools)}" if pools else "there are no hosts")
        one.fail((*path, "pool"), f"there is no pool {service.pool}", hint, (("hosts", service.pool),))
    if given == ["capacity"]:
        _strategy(service, pools, one, (*path, "capacity"))


def _strategy(service: Service, pools: dict[str, Pool], one: Check, path: Path) -> None:
    shares = service.capacity
    serverless = [share.provider for share in shares if share.provider in SERVERLESS]
    hosts = [share.provider for share in shares if share.provider not in SERVERLESS]
    if serverless and hosts:
        one.fail(path, f"mixes {serverless[0]} with pool {hosts[0]}, which AWS refuses: a service runs on hosts or on "
                 "Fargate", "two services, one on each")  # fmt: skip
    for place, share in enumerate(shares):
        at: Path = (*path, place, "provider")
        if share.provider not in {*pools, *SERVERLESS}:
            hint = near(share.provider, [*pools, *SERVERLESS]) or f"there are {', '.join([*pools, *SERVERLESS])}"
            one.fail(at, f"there is no pool {share.provider}", hint, (("hosts", share.provider),))
        if share.provider in [before.provider for before in shares[:place]]:
            one.fail(at, f"{share.provider} is given twice")
    if len([share for share in shares if share.base]) > 1:
        one.fail(path, "several providers have a base; AWS takes one")
    if not any(share.weight for share in shares):
        one.fail(path, "no provider has a weight above 0: no task above the base could run")


def _count(service: Service, one: Check, path: Path) -> None:
    desired = one.given((*path, "desired"))
    if not service.daemon:
        if desired is None:
            one.fail((*path, "desired"), "is missing", "How many tasks; not for a daemon")
        return
    if desired is not None:
        one.fail((*path, "desired"), "means nothing for a daemon: it has one task per host", "leave it out")
    if service.fargate is not None:
        one.fail((*path, "daemon"), "Fargate has no hosts to run one task on each")
    if service.placement.strategies is not None:
        one.fail((*path, "placement", "strategies"), "a daemon runs on every host: it has no strategies")
    if service.deployment.max_percent != 100:
        one.fail((*path, "deployment", "max_percent"),
                 f"{service.deployment.max_percent}: AWS takes only 100 for a daemon, whose tasks stop before new ones "
                 "start", "leave it out")  # fmt: skip
    if service.route is not None:
        one.warn((*path, "daemon"), "requests can be lost: ECS stops a daemon's tasks before their successors start, "
                 "and on a draining host without deregistering them first; a service with placement: {constraints: "
                 "[distinctInstance]} is drained")  # fmt: skip


def _scaling(service: Service, one: Check, path: Path) -> None:
    scaling = service.scaling
    if scaling is None:
        return
    if service.daemon:
        one.fail(path, "means nothing for a daemon: it has one task per host", "leave it out")
    if scaling.min > scaling.max:
        one.fail((*path, "max"), f"expected at least min {scaling.min}, got {scaling.max}", "", ((*path, "min"),))
    elif not scaling.min <= service.desired <= scaling.max:
        one.fail((*path[:2], "desired"), f"{service.desired} is not between scaling.min {scaling.min} and scaling.max "
                 f"{scaling.max}", "a number that scaling may keep", ((*path, "min"), (*path, "max")))  # fmt: skip
    if not scaling.targets:
        one.fail(path, "has no target: nothing would ever move the number", "target_cpu: 60")
    if scaling.target_requests is not None and service.route is None:
        one.fail((*path, "target_requests"), "no load balancer counts its requests", "a route, or another target",
                 ((*path[:2], "route"),))  # fmt: skip
    for name in ("scale_in_cooldown", "scale_out_cooldown"):
        one.between((*path, name), getattr(scaling, name), 0, 86400)


# ------------------------------------------------------------------------------------------------ Fargate
def _fargate(stack: Stack, service: Service, one: Check, path: Path) -> None:
    if service.network_mode != "awsvpc":
        one.fail((*path, "network_mode"), f"{service.network_mode}, but tasks on Fargate have addresses of their own",
                 "awsvpc, or leave it out", ((*path, "fargate"),))  # fmt: skip
    for key in ("memory_reservation", "placement"):
        if one.given((*path, key)) is not None:
            one.fail((*path, key), "there are no hosts on Fargate", "leave it out", ((*path, "fargate"),))
    if service.stop_timeout > FARGATE_STOP_MAX:
        one.fail((*path, "stop_timeout"), f"expected at most {spell(FARGATE_STOP_MAX)} on Fargate, got "
                 f"{spell(service.stop_timeout)}", "", ((*path, "fargate"),))  # fmt: skip
    for volume in service.volumes:
        if volume.host_path is not None:
            one.fail((*path, "volumes", volume.name, "host_path"), "there is no host on Fargate",
                     "leave it out: the volume then lives as long as the task")  # fmt: skip
    assert service.fargate is not None
    if service.fargate.subnets == "private" and not stack.network.private_subnets:
        one.fail((*path, "fargate", "subnets"), "the network has no private subnets", "public",
                 (("network",),))  # fmt: skip
    elif service.fargate.subnets == "public" and not service.fargate.addressed:
        one.warn((*path, "fargate", "public_ip"), "without a public address its tasks reach nothing outside the VPC, "
                 "and pull no image unless endpoints let them")  # fmt: skip
    _size(service, one, path)


def _size(service: Service, one: Check, path: Path) -> None:
    """Fargate has only some pairs of cpu and memory."""
    reads: tuple[Path, ...] = ((*path, "memory"), (*path, "fargate"))
    if service.cpu not in SIZES:
        one.fail((*path, "cpu"), f"Fargate has no tasks of {service.cpu} CPU units",
                 f"one of {', '.join(str(cpu) for cpu in SIZES)}", reads[1:])  # fmt: skip
    elif service.memory not in _memories(service.cpu):
        least, most, step = SIZES[service.cpu]
        legal = "512, 1024 or 2048 MiB" if service.cpu == 256 else f"{least} to {most} MiB in steps of {step}"
        one.fail((*path, "memory"), f"Fargate has no tasks of {service.cpu} CPU units and {service.memory} MiB",
                 f"with {service.cpu}: {legal}", ((*path, "cpu"), *reads[1:]))  # fmt: skip
    cpu = sum(sidecar.cpu for sidecar in service.sidecars)
    memory = sum(sidecar.memory for sidecar in service.sidecars)
    if cpu >= service.cpu or memory >= service.memory:
        one.fail((*path, "sidecars"), f"take {cpu} CPU units and {memory} MiB of the task's {service.cpu} and "
                 f"{service.memory}: nothing is left for {service.name}", "a bigger task, or smaller sidecars",
                 ((*path, "cpu"), *reads))  # fmt: skip


def _memories(cpu: int) -> set[int]:
    least, most, step = SIZES[cpu]
    return {512, 1024, 2048} if cpu == 256 else set(range(least, most + 1, step))


# ------------------------------------------------------------------------------------------------ hosts
def _on_hosts(service: Service, one: Check, path: Path) -> None:
    if service.memory_reservation is not None and service.memory_reservation > service.memory:
        one.fail((*path, "memory_reservation"), f"{service.memory_reservation} MiB are more than the limit: memory "
                 f"{service.memory}", "", ((*path, "memory"),))  # fmt: skip
    for sidecar in service.sidecars:
        if not sidecar.memory:
            one.fail((*path, "sidecars", sidecar.name, "memory"), "is missing", "on hosts every container has a limit")
    for port in service.static_ports:
        if port in RESERVED_PORTS:
            one.fail((*path, "port"), f"{port} is taken on every host: it is of the system or of the agent", "another",
                     ((*path, "network_mode"),))  # fmt: skip


def _crowd(service: Service, pools: tuple[Pool, ...], one: Check, path: Path) -> None:
    """Tasks of which a host takes one only."""
    room = sum(pool.size.desired for pool in pools)
    alone = ("distinctInstance", "") in service.placement.constraints
    most = service.scaling.max if service.scaling is not None else service.desired
    if not pools or not (alone or service.static_ports) or most <= room:
        return
    why = "placement" if alone else "network_mode"
    words = "distinctInstance" if alone else f"host port {service.static_ports[0]}"
    reads = ((*path, "desired"), (*path, "scaling"), *(("hosts", pool.name, "size", "desired") for pool in pools))
    one.fail((*path, why), f"{words} allows one task per host: {plural(most, 'task')} on "
             f"{plural(room, 'host')}", "more hosts, or fewer tasks", reads)  # fmt: skip


def check_host_ports(stack: Stack, one: Check) -> None:
    """No two services take the same port of the same host."""
    taken: dict[tuple[str, int], str] = {}
    for service in stack.services:
        for pool in service.pools:
            for port in service.static_ports:
                other = taken.setdefault((pool, port), service.name)
                if other != service.name:
                    reads: tuple[Path, ...] = (("services", other, "port"), ("services", other, "network_mode"))
                    one.fail(("services", service.name, "port"),
                             f"{port} is that of service {other} on hosts of {pool}", "another", reads)  # fmt: skip
