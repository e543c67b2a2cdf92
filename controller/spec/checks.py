"""Checks across fields, with the arithmetic, and a lint for what would lose requests. Pure.

What AWS would refuse, and what could never finish (a drain that nothing can progress), is a problem; what is legal and
probably not meant is a warning.
"""

from __future__ import annotations

import difflib
import ipaddress
import math
from collections.abc import Iterable
from datetime import timedelta

from controller.spec.source import Document, Path, Problems
from controller.spec.types import Pool, Service, Stack

LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
TASK_LIFE = timedelta(seconds=30)  # margin for ECS to notice that a task ended


class _Check:
    def __init__(self, document: Document, problems: Problems) -> None:
        self._document = document
        self._problems = problems
        self.warnings: list[str] = []

    def fail(self, path: Path, message: str, hint: str = "") -> None:
        self._problems.add(self._document.mark(path), path, message, hint)

    def warn(self, path: Path, message: str) -> None:
        from controller.spec.source import dotted

        self.warnings.append(f"{self._document.mark(path)}: {dotted(path)}: {message}")

    def between(self, path: Path, value: timedelta, low: str, high: str, bounds: tuple[float, float]) -> None:
        if not bounds[0] <= value.total_seconds() <= bounds[1]:
            self.fail(path, f"expected a duration from {low} to {high}, got {spell(value)}")


def check(stack: Stack, document: Document, problems: Problems) -> tuple[str, ...]:
    """Add every problem; the warnings."""
    one = _Check(document, problems)
    _network(stack, one)
    _names(stack, one)
    for pool in stack.pools:
        _pool(pool, document, one)
    for service in stack.services:
        _service(stack, service, one)
    _routes(stack, one)
    return tuple(one.warnings)


def spell(length: timedelta) -> str:
    """A duration as a spec writes it.

    >>> spell(timedelta(seconds=90))
    '1m30s'
    """
    seconds = length.total_seconds()
    text = ""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds == int(seconds):
            text += f"{int(seconds // size)}{unit}"
            seconds -= size * (seconds // size)
    return text + (f"{seconds:g}s" if seconds or not text else "")


# ------------------------------------------------------------------------------------------------ network and names
def _network(stack: Stack, one: _Check) -> None:
    whole = _block(stack.network.cidr, ("network", "cidr"), one)
    if whole and not 16 <= whole.prefixlen <= 28:
        one.fail(("network", "cidr"), f"expected a block from /16 to /28, got /{whole.prefixlen}")
    seen: list[tuple[int, ipaddress.IPv4Network]] = []
    for place, text in enumerate(stack.network.public_subnets):
        path: Path = ("network", "public_subnets", place)
        block = _block(text, path, one)
        if block is None:
            continue
        if whole and not block.subnet_of(whole):
            one.fail(path, f"{block} is not inside network.cidr {whole}")
        if block.prefixlen > 27:
            one.fail(path, f"a load balancer needs a subnet of /27 or larger, got /{block.prefixlen}")
        for other, have in seen:
            if block.overlaps(have):
                one.fail(path, f"{block} overlaps public_subnets[{other}] {have}")
        seen.append((place, block))
    zones = [zone for zone in stack.network.zones if zone]
    for place, zone in enumerate(stack.network.zones):
        path = ("network", "public_subnets", place)
        if zone and not zone.startswith(stack.region):
            one.fail(path, f"zone {zone} is not in region {stack.region}")
        if zones.count(zone) > 1:
            one.fail(path, f"zone {zone} is given to more than one subnet", "a load balancer takes one per zone")
    if stack.load_balancer is not None:
        for place, text in enumerate(stack.load_balancer.allow):
            _block(text, ("load_balancer", "allow", place), one)
        one.between(("load_balancer", "idle_timeout"), stack.load_balancer.idle_timeout, "1s", "4000s", (1, 4000))


def _block(text: str, path: Path, one: _Check) -> ipaddress.IPv4Network | None:
    try:
        return ipaddress.IPv4Network(text)
    except ValueError as error:
        hint = ""
        if "host bits" in str(error):
            hint = f"did you mean {ipaddress.IPv4Network(text, strict=False)}?"
        one.fail(path, f"{text} is not an address block", hint)
        return None


def _names(stack: Stack, one: _Check) -> None:
    for prefix in ("aws", "ecs", "fargate", "internal-"):
        if stack.name.startswith(prefix):
            one.fail(("stack",), f"names beginning with {prefix} belong to AWS")
    for key, _ in stack.tags:
        if key.lower().startswith(("aws:", "theseus:")):
            one.fail(("tags", key), "tags beginning with aws: or theseus: are not yours to set")
    if stack.load_balancer is not None:
        ports: dict[int, str] = {}
        for listener in stack.load_balancer.listeners:
            if listener.port in ports:
                path = ("load_balancer", "listeners", listener.name, "port")
                one.fail(path, f"port {listener.port} is that of listener {ports[listener.port]}")
            ports[listener.port] = listener.name


# ------------------------------------------------------------------------------------------------ pools
def _pool(pool: Pool, document: Document, one: _Check) -> None:
    path: Path = ("hosts", pool.name)
    size, rollout = pool.size, pool.rollout
    if not size.min <= size.desired <= size.max:
        numbers = f"min {size.min}, desired {size.desired}, max {size.max}"
        one.fail((*path, "size"), f"expected min <= desired <= max, got {numbers}")
    if rollout.max_surge == 0 and rollout.max_unavailable == 0:
        one.fail((*path, "rollout", "max_surge"), "0 with max_unavailable 0: no host could ever be replaced",
                 "allow one more (max_surge: 1) or one less (max_unavailable: 1)")  # fmt: skip
    if rollout.max_unavailable >= size.desired > 0:
        one.fail((*path, "rollout", "max_unavailable"),
                 f"{rollout.max_unavailable} of {size.desired} hosts: the floor would be none",
                 f"at most {size.desired - 1}")  # fmt: skip
    peak = size.desired + rollout.max_surge
    if peak > size.max and not rollout.allow_raise_max:
        if rollout.max_unavailable == 0 and size.desired >= size.max:
            one.fail((*path, "size", "max"),
                     f"desired {size.desired} + max_surge {rollout.max_surge} = {peak} > max {size.max}, and "
                     "allow_raise_max is false: no surge is possible",
                     f"raise max to {peak}, allow_raise_max: true, or max_unavailable: 1")  # fmt: skip
        else:
            one.warn((*path, "size", "max"), f"leaves room for {size.max - size.desired} of {rollout.max_surge} surge")
    if image_twice(pool):
        one.fail((*path, "image"), "has both id and ssm", "give one of them")
    value = document.data["hosts"][pool.name].get("managed_draining", True)
    acknowledged = isinstance(value, dict) and value.get("acknowledge") is True
    if not pool.managed_draining and not acknowledged:
        one.fail((*path, "managed_draining"),
                 "off: hosts that others terminate (scale-in, zone rebalancing, a console) lose their requests",
                 "leave it on, or write {enabled: false, acknowledge: true}")  # fmt: skip


def image_twice(pool: Pool) -> bool:
    return pool.image.id is not None and pool.image.ssm is not None


# ------------------------------------------------------------------------------------------------ services
def _service(stack: Stack, service: Service, one: _Check) -> None:
    path: Path = ("services", service.name)
    pools = {pool.name: pool for pool in stack.pools}
    pool = pools.get(service.pool)
    if pool is None:
        one.fail((*path, "pool"), f"there is no pool {service.pool}", near(service.pool, pools))
    elif service.pool not in _given(one, path, "pool") and len(pools) > 1:
        one.fail((*path, "pool"), "is missing", f"with several pools each service names one of {', '.join(pools)}")
    repositories = [repository.name for repository in stack.repositories]
    if service.image.repository is not None and service.image.repository not in repositories:
        where = (*path, "image", "repository")
        one.fail(where, f"there is no repository {service.image.repository}",
                 near(service.image.repository, repositories) or "declare it under registry")  # fmt: skip
    days = service.log_retention.total_seconds() / 86400
    if days not in LOG_DAYS:
        closest = min(LOG_DAYS, key=lambda one_of: (one_of < days, abs(one_of - days)))
        one.fail((*path, "log_retention"), f"CloudWatch does not keep logs for {spell(service.log_retention)}",
                 f"the next it does: {closest}d")  # fmt: skip
    one.between((*path, "stop_timeout"), service.stop_timeout, "2s", "1h", (2, 3600))
    if service.port is not None and service.route is not None:
        _traffic(service, one, path)
    _percentages(service, one, path)
    if pool is not None:
        _drain(service, pool, one, path)


def _given(one: _Check, path: Path, key: str) -> tuple[str, ...]:
    """The value of *key* as written, nothing when it was left out."""
    data = one._document.data
    for part in path:
        data = data[part]
    return (data[key],) if key in data else ()


def _traffic(service: Service, one: _Check, path: Path) -> None:
    health, at = service.health, (*path, "health")
    one.between((*at, "interval"), health.interval, "5s", "300s", (5, 300))
    one.between((*at, "timeout"), health.timeout, "2s", "120s", (2, 120))
    one.between((*path, "deregistration_delay"), service.deregistration_delay, "0s", "3600s", (0, 3600))
    if health.timeout >= health.interval:
        numbers = f"timeout {spell(health.timeout)}, interval {spell(health.interval)}"
        one.fail((*at, "timeout"), f"expected less than the interval, got {numbers}")
    for name, value in (("interval", health.interval), ("timeout", health.timeout)):
        if value.total_seconds() % 1:
            one.fail((*at, name), f"expected whole seconds, got {spell(value)}")
    if service.deregistration_delay == timedelta():
        one.warn((*path, "deregistration_delay"), "0s cuts every request in flight when its task leaves")


def _percentages(service: Service, one: _Check, path: Path) -> None:
    """Whether a deployment and a drain can move at all (aws.md 1.2: the floor rounds up, the ceiling down)."""
    deployment, desired = service.deployment, service.desired
    if desired == 0:
        return
    floor = math.ceil(desired * deployment.min_percent / 100)
    ceiling = math.floor(desired * deployment.max_percent / 100)
    if floor >= desired and ceiling <= desired:
        one.fail((*path, "deployment"),
                 f"{desired} tasks: at least {floor} must stay ({deployment.min_percent} %, rounded up) and at most "
                 f"{ceiling} may run ({deployment.max_percent} %, rounded down): nothing could ever be replaced",
                 f"max_percent of at least {math.ceil(100 * (desired + 1) / desired)}, or less min_percent")  # fmt: skip
    elif floor < desired and service.route is not None:
        one.warn((*path, "deployment", "min_percent"),
                 f"lets {desired - floor} of {desired} tasks be missing during a deployment or drain")  # fmt: skip


def _drain(service: Service, pool: Pool, one: _Check, path: Path) -> None:
    """A task that leaves drains its target, then stops: a drain must have time for both."""
    delay = service.deregistration_delay if service.route is not None else timedelta()
    needed = delay + service.stop_timeout + TASK_LIFE
    limit = pool.rollout.drain_timeout
    if delay + service.stop_timeout > limit:
        one.fail((*path, "stop_timeout"),
                 f"deregistration_delay {spell(delay)} + stop_timeout {spell(service.stop_timeout)} = "
                 f"{spell(delay + service.stop_timeout)} > drain_timeout {spell(limit)} of pool {pool.name}: "
                 "no drain could end in time",
                 f"raise hosts.{pool.name}.rollout.drain_timeout to {spell(needed)}, or lower the others")  # fmt: skip


def _routes(stack: Stack, one: _Check) -> None:
    listeners = [listener.name for listener in stack.load_balancer.listeners] if stack.load_balancer else []
    priorities: dict[tuple[str, int], str] = {}
    conditions: dict[tuple[object, ...], str] = {}
    for service in stack.services:
        route, path = service.route, ("services", service.name, "route")
        if route is None:
            continue
        if service.port is None:
            one.fail(path, "needs a port", f"add services.{service.name}.port")
        if not listeners:
            one.fail(path, "there is no load balancer", "add load_balancer with a listener")
        elif route.listener not in listeners:
            one.fail((*path, "listener"), f"there is no listener {route.listener}", near(route.listener, listeners))
        if not route.path and not route.host:
            one.fail(path, "needs a path or a host")
        taken = priorities.setdefault((route.listener, route.priority), service.name)
        if taken != service.name:
            one.fail((*path, "priority"), f"{route.priority} is that of service {taken} on listener {route.listener}")
        same = conditions.setdefault((route.listener, route.path, route.host), service.name)
        if same != service.name:
            one.warn(path, f"matches what service {same} matches: only the lower priority is ever used")


def near(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), 1)
    return f"did you mean {close[0]}?" if close else ""
