"""Checks across fields, with the arithmetic, and a lint for what would lose requests. Pure.

What AWS would refuse, and what could never finish (a drain that nothing can progress), is a problem; what is legal and
probably not meant is a warning.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import timedelta
from fnmatch import fnmatchcase

from controller.spec.check import Check, spell
from controller.spec.checks_balancer import check_balancer
from controller.spec.checks_compute import check_host_ports
from controller.spec.checks_drift import check_drift
from controller.spec.checks_names import check_names
from controller.spec.checks_network import block, check_network
from controller.spec.checks_pools import check_pool
from controller.spec.checks_services import check_routes, check_service
from controller.spec.places import Document, Path, Problems
from controller.spec.types import Stack


def check(stack: Stack, document: Document, blank: Set[Path], problems: Problems) -> tuple[str, ...]:
    """Add every problem that does not rest on one of *blank*; the warnings."""
    one = Check(document, blank, problems)
    check_network(stack, one)
    _balancer(stack, one)
    _registry(stack, one)
    check_names(stack, one)
    check_drift(stack, one)
    for pool in stack.pools:
        check_pool(pool, stack, one)
    for service in stack.services:
        check_service(stack, service, one)
    check_host_ports(stack, one)
    check_routes(stack, one)
    _gates(stack, one)
    return tuple(one.warnings)


def _registry(stack: Stack, one: Check) -> None:
    for repository in stack.repositories:
        path: Path = ("registry", repository.name, "expire_untagged")
        after = repository.expire_untagged or timedelta(days=1)
        if not timedelta(days=1) <= after <= timedelta(days=3650) or after % timedelta(days=1):
            one.fail(path, f"expected whole days from 1d to 3650d, got {spell(after)}")


# ------------------------------------------------------------------------------------------------ load balancer, gates
def _balancer(stack: Stack, one: Check) -> None:
    if stack.load_balancer is None:
        return
    for place, text in enumerate(stack.load_balancer.allow):
        block(text, ("load_balancer", "allow", place), one)
    check_balancer(stack, stack.load_balancer, one)


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
