"""Checks of the load balancer and its listeners: ports, certificates, redirects, and where its log goes."""

from __future__ import annotations

from collections.abc import Mapping

from controller.spec.check import Check
from controller.spec.places import Path
from controller.spec.schema import near
from controller.spec.types import Listener, LoadBalancer, Stack

CERTIFICATES_MAX = 25  # of one load balancer, those that listeners have by default aside (aws.md 2.6)
AT: Path = ("load_balancer",)


def check_balancer(stack: Stack, balancer: LoadBalancer, one: Check) -> None:
    one.between((*AT, "idle_timeout"), balancer.idle_timeout, 1, 4000)
    if balancer.access_logs is not None and "AWSLogs" in balancer.access_logs.prefix:
        one.fail((*AT, "access_logs", "prefix"), "holds AWSLogs", "AWS puts AWSLogs/<account> behind the prefix itself")
    if balancer.scheme == "internal" and stack.gates.probe is not None:
        one.warn(("gates", "probe"), "the load balancer is internal: a controller outside its network cannot reach it",
                 ((*AT, "scheme"),))  # fmt: skip
    _ports(balancer, one)
    listeners = {listener.name: listener for listener in balancer.listeners}
    for listener in balancer.listeners:
        _certificates(listener, stack, one)
        if listener.redirect is not None:
            _redirect(listener, listener.redirect, listeners, one)
    further = sum(len(listener.certificates) for listener in balancer.listeners)
    if further > CERTIFICATES_MAX:
        one.fail((*AT, "listeners"), f"{further} further certificates; a load balancer takes {CERTIFICATES_MAX}")


def _ports(balancer: LoadBalancer, one: Check) -> None:
    ports: dict[int, str] = {}
    for listener in balancer.listeners:
        path: Path = (*AT, "listeners", listener.name)
        other = ports.setdefault(listener.port, listener.name)
        if other != listener.name:
            reads = ((*path[:2], other, "port"),)
            one.fail((*path, "port"), f"{listener.port} is that of listener {other}", reads=reads)
        if listener.port == 443 and listener.certificate is None:
            one.warn((*path, "port"), "443 without a certificate is plain HTTP", ((*path, "certificate"),))


def _certificates(listener: Listener, stack: Stack, one: Check) -> None:
    path: Path = (*AT, "listeners", listener.name)
    given: list[str] = one.given((*path, "certificates")) or []
    if listener.certificate is None:
        for key in ("certificates", "policy"):
            if one.given((*path, key)) is not None:
                one.fail((*path, key), "means nothing without a certificate: the listener speaks HTTP",
                         "certificate: the ARN of the one that clients get by default",
                         ((*path, "certificate"),))  # fmt: skip
        return
    places: list[tuple[Path, str]] = [((*path, "certificate"), listener.certificate)]
    places += [((*path, "certificates", place), arn) for place, arn in enumerate(given)]
    seen: dict[str, Path] = {}
    for at, arn in places:
        first = seen.setdefault(arn, at)
        if first != at:
            one.fail(at, "is the certificate of the listener already" if len(first) == 4 else "is given twice")
        service, region = arn.split(":")[2:4] if arn.count(":") > 3 else ("", "")
        if service == "acm" and region != stack.region:
            one.fail(at, f"is in {region}; a load balancer in {stack.region} takes those of {stack.region}",
                     reads=(("region",),))  # fmt: skip


def _redirect(listener: Listener, to: str, listeners: Mapping[str, Listener], one: Check) -> None:
    """A redirect leads to a listener that answers, and never from HTTPS to HTTP."""
    at: Path = (*AT, "listeners", listener.name, "redirect")
    reads: tuple[Path, ...] = ((*at[:2], to),)
    target = listeners.get(to)
    if target is None:
        others = [name for name in listeners if name != listener.name]
        one.fail(at, f"there is no listener {to}", near(to, others) or f"there are {', '.join(listeners)}", reads)
    elif to == listener.name:
        one.fail(at, "is the listener itself: its clients would be redirected for ever")
    elif target.redirect is not None:
        one.fail(at, f"{to} redirects itself, to {target.redirect}", "name one that does not redirect", reads)
    elif listener.certificate is not None and target.certificate is None:
        one.fail(at, f"{to} is plain HTTP: AWS does not redirect from HTTPS to HTTP", "", reads)
