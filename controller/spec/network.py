"""Which parts a stack's network has and who uses which: subnets, ways out, NAT gateways, endpoints. Pure."""

from __future__ import annotations

from controller.base.keys import Key, Ref
from controller.spec.types import Network, Stack

VPC = Ref(Key("vpc", "main"))
INTERNET = Ref(Key("internet_gateway", "main"))
PUBLIC_TABLE = Ref(Key("route_table", "public"))
GATEWAYS = frozenset({"dynamodb", "s3"})  # reached through a route, for nothing; all others through an interface
SERVICES = {
    # what the spec says: the services behind it, as in com.amazonaws.<region>.<service> (aws.md 7.3)
    "dynamodb": ("dynamodb",),
    "ecr": ("ecr.api", "ecr.dkr"),
    "ecs": ("ecs", "ecs-agent", "ecs-telemetry"),
    "kms": ("kms",),
    "logs": ("logs",),
    "monitoring": ("monitoring",),
    "s3": ("s3",),
    "secretsmanager": ("secretsmanager",),
    "ssm": ("ssm", "ssmmessages", "ec2messages"),
    "sts": ("sts",),
}
MOVES_NOT = "it belongs to its VPC for good: build a second stack beside this one, and move over"


def public_subnets(stack: Stack) -> tuple[Ref, ...]:
    """Where the load balancer stands."""
    return tuple(subnet("public", place) for place in range(len(stack.network.public_subnets)))


def private_subnets(stack: Stack) -> tuple[Ref, ...]:
    return tuple(subnet("private", place) for place in range(len(stack.network.private_subnets)))


def host_subnets(stack: Stack) -> tuple[Ref, ...]:
    """Where the hosts live: the private subnets where there are any."""
    return private_subnets(stack) or public_subnets(stack)


def subnet(side: str, place: int) -> Ref:
    return Ref(Key("subnet", f"{side}-{place + 1}"))


def private_table(place: int) -> Ref:
    """Each private subnet has a table of its own: another NAT gateway is then one ReplaceRoute, without a gap."""
    return Ref(Key("route_table", f"private-{place + 1}"))


def nat_gateway(place: int) -> Ref:
    """The NAT gateway in the public subnet of that place."""
    return Ref(Key("nat_gateway", f"public-{place + 1}"))


def nat_places(network: Network) -> tuple[int, ...]:
    """For each private subnet the place of the public one that holds its NAT gateway; () when it has none.

    >>> two = ("10.0.1.0/24", "10.0.2.0/24")
    >>> nat_places(Network("10.0.0.0/16", two, private_subnets=two, nat="single"))
    (0, 0)
    >>> crossed = Network("10.0.0.0/16", two, ("a", "b"), private_subnets=two, private_zones=("b", "a"), nat="per_zone")
    >>> nat_places(crossed)
    (1, 0)
    """
    places = range(len(network.private_subnets))
    if network.nat == "none":
        return ()
    if network.nat == "single":
        return tuple(0 for _ in places)
    zones = network.private_zones
    return tuple(network.zones.index(zones[place]) if zones else place for place in places)


def tables(stack: Stack) -> tuple[Ref, ...]:
    """The route tables of a network of our own."""
    if stack.network.vpc:
        return ()
    return (PUBLIC_TABLE, *(private_table(place) for place in range(len(stack.network.private_subnets))))


def endpoints(stack: Stack) -> tuple[str, ...]:
    """The services the VPC has an endpoint for."""
    return tuple(service for name in stack.network.endpoints for service in SERVICES[name])


def interfaces(stack: Stack) -> tuple[Ref, ...]:
    """The endpoints that stand in subnets."""
    return tuple(Ref(Key("vpc_endpoint", service)) for service in endpoints(stack) if service not in GATEWAYS)


def closed(stack: Stack) -> frozenset[str]:
    """The ranges of the private subnets that the spec leaves without a default route."""
    wanted = stack.network
    return frozenset() if wanted.vpc or wanted.nat != "none" else frozenset(wanted.private_subnets)


def way_in(stack: Stack) -> tuple[Ref, ...]:
    """What must be there before clients can reach the load balancer, and until it is gone."""
    return tables(stack)[:1]


def way_out(stack: Stack) -> tuple[Ref, ...]:
    """What must be there before hosts can reach AWS, and until they are gone."""
    through = tables(stack)[1:] or tables(stack)
    return (*through, *(Ref(Key("vpc_endpoint", service)) for service in endpoints(stack)))
