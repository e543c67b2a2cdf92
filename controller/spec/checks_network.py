"""Checks of a network: blocks inside each other, zones that fit, and hosts that have a way out."""

from __future__ import annotations

import ipaddress

from controller.base.words import plural
from controller.spec.check import Check
from controller.spec.places import Path
from controller.spec.types import Network, Service, Stack

PUBLIC: Path = ("network", "public_subnets")
PRIVATE: Path = ("network", "private_subnets")
NAT: Path = ("network", "nat")


def check_network(stack: Stack, one: Check) -> None:
    if stack.network.vpc:
        _existing(stack, one)
        return
    _blocks(stack, one)
    _zones(PUBLIC, stack.network.zones, stack.region, one)
    _zones(PRIVATE, stack.network.private_zones, stack.region, one)
    _beside(stack.network, one)
    _nat(stack.network, one)
    _closed(stack, one)


def block(text: str, path: Path, one: Check) -> ipaddress.IPv4Network | None:
    """The address block that *text* spells; a problem at *path* when it spells none."""
    try:
        return ipaddress.IPv4Network(text)
    except ValueError as error:
        hint = ""
        if "host bits" in str(error):
            hint = f"did you mean {ipaddress.IPv4Network(text, strict=False)}?"
        one.fail(path, f"{text} is not an address block", hint)
        return None


# ------------------------------------------------------------------------------------------------ an existing one
def _existing(stack: Stack, one: Check) -> None:
    """What can be said of ids without asking AWS."""
    network = stack.network
    first: dict[str, Path] = {}
    for side, ids in ((PUBLIC, network.public_subnets), (PRIVATE, network.private_subnets)):
        for place, ident in enumerate(ids):
            path: Path = (*side, place)
            other = first.setdefault(ident, path)
            if other != path:
                one.fail(path, f"{ident} is {other[1]}[{other[2]}] already", reads=(other,))
    if stack.load_balancer is not None and len(network.public_subnets) < 2:
        got = plural(len(network.public_subnets), "subnet")
        one.fail(PUBLIC, f"a load balancer needs subnets in two zones, got {got}", reads=(("load_balancer",),))
    elif not network.public_subnets and not network.private_subnets:
        one.fail(("network",), "names no subnet: hosts would have nowhere to live", "name public_subnets, private_"
                 "subnets, or both")  # fmt: skip


# ------------------------------------------------------------------------------------------------ blocks and zones
def _blocks(stack: Stack, one: Check) -> None:
    network, at = stack.network, ("network", "cidr")
    whole = block(network.cidr, at, one)
    if whole and not 16 <= whole.prefixlen <= 28:
        one.fail(at, f"expected a block from /16 to /28, got /{whole.prefixlen}")
    balanced = stack.load_balancer is not None
    seen: list[tuple[Path, ipaddress.IPv4Network]] = []
    for side, texts in ((PUBLIC, network.public_subnets), (PRIVATE, network.private_subnets)):
        smallest = 27 if balanced and side == PUBLIC else 28
        for place, text in enumerate(texts):
            path: Path = (*side, place)
            here = block(text, path, one)
            if here is None:
                continue
            if whole and not here.subnet_of(whole):
                one.fail(path, f"{here} is not inside network.cidr {whole}", reads=(at,))
            if here.prefixlen > smallest:
                why = "a load balancer needs a subnet of /27 or larger" if smallest == 27 else "expected /28 or larger"
                one.fail(path, f"{why}, got /{here.prefixlen}")
            for other, have in seen:
                if here.overlaps(have):
                    one.fail(path, f"{here} overlaps {other[1]}[{other[2]}] {have}", reads=(other,))
            seen.append((path, here))


def _zones(side: Path, zones: tuple[str, ...], region: str, one: Check) -> None:
    first: dict[str, int] = {}
    for place, zone in enumerate(zones):
        path: Path = (*side, place, "zone")
        if not zone:
            continue
        if not zone.startswith(region):
            one.fail(path, f"{zone} is not in region {region}", reads=(("region",),))
        other = first.setdefault(zone, place)
        if other != place:
            why = "a load balancer takes" if side == PUBLIC else "an endpoint takes"
            one.fail(path, f"{zone} is that of {side[1]}[{other}]", f"{why} one subnet per zone")


def _beside(network: Network, one: Check) -> None:
    """A private subnet without a zone is born in that of the public subnet of its place."""
    zones = network.private_zones
    if zones and not all(zones):
        place = zones.index("")
        one.fail((*PRIVATE, place), "names no zone, and another private subnet does", "name all of them, or none: then "
                 "each is in the zone of the public subnet of the same place", (PRIVATE,))  # fmt: skip
    elif not zones and len(network.private_subnets) > len(network.public_subnets):
        place = len(network.public_subnets)
        one.fail((*PRIVATE, place), f"no zone is named, and there is no public_subnets[{place}] to share one with",
                 "name the zones, or add a public subnet", (PRIVATE, PUBLIC))  # fmt: skip


# ------------------------------------------------------------------------------------------------ ways out
def _nat(network: Network, one: Check) -> None:
    if network.nat != "none" and not network.private_subnets:
        one.fail(NAT, f"{network.nat}, but there are no private_subnets: nothing would go out through it",
                 "add private_subnets, or leave nat out")  # fmt: skip
    if network.nat != "per_zone" or not all(network.private_zones):
        return
    for place, zone in enumerate(network.private_zones):
        if zone not in network.zones:
            named = ", ".join(one_of for one_of in network.zones if one_of)
            hint = "nat: single, or a public subnet in that zone" if named else "name the zones of public_subnets, too"
            one.fail((*PRIVATE, place, "zone"), f"nat is per_zone, and {zone} has no public subnet for a NAT gateway: "
                     f"they are in {named or 'zones that are not named'}", hint, (NAT, PUBLIC))  # fmt: skip


def _closed(stack: Stack, one: Check) -> None:
    """Without a NAT gateway hosts reach AWS through endpoints, or in a way that no spec knows of."""
    network = stack.network
    if network.nat != "none" or not network.private_subnets:
        return
    lacking = {name: why for name, why in needed(stack).items() if name not in network.endpoints}
    if lacking:
        named = ", ".join(f"{name} ({why})" for name, why in lacking.items())
        one.warn(NAT, f"none, and there is no endpoint for {named}: hosts need network.endpoints, or another way out "
                 "of your own", (("network", "endpoints"), ("services",)))  # fmt: skip


def needed(stack: Stack) -> dict[str, str]:
    """The endpoints that hosts without a way out cannot do without, and what for (aws.md 7.3)."""
    found = {"ecs": "the agent"}
    if stack.services:
        found["logs"] = "what tasks log"
    if any(_in_ecr(service) for service in stack.services):
        found |= {"ecr": "images", "s3": "their layers"}
    secrets = [arn for service in stack.services for _, arn in service.secrets]
    for name in ("ssm", "secretsmanager"):
        if any(f":{name}:" in arn for arn in secrets):
            found[name] = "secrets"
    return found


def _in_ecr(service: Service) -> bool:
    return service.image.repository is not None or ".dkr.ecr." in (service.image.reference or "")
