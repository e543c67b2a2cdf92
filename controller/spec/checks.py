"""Checks across fields, with the arithmetic, and a lint for what would lose requests. Pure.

What AWS would refuse, and what could never finish (a drain that nothing can progress), is a problem; what is legal and
probably not meant is a warning.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Set
from datetime import timedelta
from fnmatch import fnmatchcase

from controller.spec.check import Check, spell
from controller.spec.checks_compute import check_host_ports
from controller.spec.checks_names import check_names
from controller.spec.checks_pools import check_pool
from controller.spec.checks_services import check_routes, check_service
from controller.spec.places import Document, Path, Problems
from controller.spec.types import Stack


def check(stack: Stack, document: Document, blank: Set[Path], problems: Problems) -> tuple[str, ...]:
    """Add every problem that does not rest on one of *blank*; the warnings."""
    one = Check(document, blank, problems)
    _network(stack, one)
    _balancer(stack, one)
    _registry(stack, one)
    check_names(stack, one)
    for pool in stack.pools:
        check_pool(pool, stack, one)
    for service in stack.services:
        check_service(stack, service, one)
    check_host_ports(stack, one)
    check_routes(stack, one)
    _gates(stack, one)
    return tuple(one.warnings)


# ------------------------------------------------------------------------------------------------ network
def _network(stack: Stack, one: Check) -> None:
    at: Path = ("network", "cidr")
    whole = _block(stack.network.cidr, at, one)
    if whole and not 16 <= whole.prefixlen <= 28:
        one.fail(at, f"expected a block from /16 to /28, got /{whole.prefixlen}")
    smallest = 27 if stack.load_balancer is not None else 28
    seen: list[tuple[int, ipaddress.IPv4Network]] = []
    for place, text in enumerate(stack.network.public_subnets):
        path: Path = ("network", "public_subnets", place)
        block = _block(text, path, one)
        if block is None:
            continue
        if whole and not block.subnet_of(whole):
            one.fail(path, f"{block} is not inside network.cidr {whole}", reads=(at,))
        if block.prefixlen > smallest:
            why = "a load balancer needs a subnet of /27 or larger" if smallest == 27 else "expected /28 or larger"
            one.fail(path, f"{why}, got /{block.prefixlen}")
        for other, have in seen:
            if block.overlaps(have):
                one.fail(path, f"{block} overlaps public_subnets[{other}] {have}", reads=((*path[:2], other),))
        seen.append((place, block))
    _zones(stack, one)


def _registry(stack: Stack, one: Check) -> None:
    for repository in stack.repositories:
        path: Path = ("registry", repository.name, "expire_untagged")
        after = repository.expire_untagged or timedelta(days=1)
        if not timedelta(days=1) <= after <= timedelta(days=3650) or after % timedelta(days=1):
            one.fail(path, f"expected whole days from 1d to 3650d, got {spell(after)}")


def _zones(stack: Stack, one: Check) -> None:
    first: dict[str, int] = {}
    for place, zone in enumerate(stack.network.zones):
        path: Path = ("network", "public_subnets", place, "zone")
        if not zone:
            continue
        if not zone.startswith(stack.region):
            one.fail(path, f"{zone} is not in region {stack.region}", reads=(("region",),))
        other = first.setdefault(zone, place)
        if other != place:
            one.fail(path, f"{zone} is that of public_subnets[{other}]", "a load balancer takes one subnet per zone")


def _block(text: str, path: Path, one: Check) -> ipaddress.IPv4Network | None:
    try:
        return ipaddress.IPv4Network(text)
    except ValueError as error:
        hint = ""
        if "host bits" in str(error):
            hint = f"did you mean {ipaddress.IPv4Network(text, strict=False)}?"
        one.fail(path, f"{text} is not an address block", hint)
        return None


# ------------------------------------------------------------------------------------------------ load balancer, gates
def _balancer(stack: Stack, one: Check) -> None:
    if stack.load_balancer is None:
        return
    for place, text in enumerate(stack.load_balancer.allow):
        _block(text, ("load_balancer", "allow", place), one)
    one.between(("load_balancer", "idle_timeout"), stack.load_balancer.idle_timeout, 1, 4000)
    ports: dict[int, str] = {}
    for listener in stack.load_balancer.listeners:
        path: Path = ("load_balancer", "listeners", listener.name, "port")
        other = ports.setdefault(listener.port, listener.name)
        if other != listener.name:
            reads = ((*path[:2], other, "port"),)
            one.fail(path, f"{listener.port} is that of listener {other}", reads=reads)


def _gates(stack: Stack, one: Check) -> None:
    for place, alarm in enumerate(stack.gates.alarms):
        if alarm in stack.gates.alarms[:place]:
            one.warn(("gates", "alarms"), f"{alarm} is given twice")
    probe = stack.gates.probe
    if probe is None:
        return
    path: Path = ("gates", "probe")
    routes = [service.route for service in stack.services if service.route is not None]
    patterns = [pattern for route in routes for pattern in (route.path or ("*",))]
    if not routes:
        one.fail(path, "no service has a route: there is nothing to probe", reads=(("services",),))
    elif not any(fnmatchcase(probe.path.partition("?")[0], pattern.replace("[", "[[]")) for pattern in patterns):
        one.fail((*path, "path"), f"no route matches {probe.path}: the load balancer would answer 404",
                 f"routes match {', '.join(patterns)}", reads=(("services",),))  # fmt: skip
