"""Specs at random: every field of the schema, in combinations that may be applied.

Names come from short lists, so that two specs of one pair share some resources and differ in others. What cannot change
from one spec to the next (the range of the network, where clients find it) is the same in all of one ring.
"""

from __future__ import annotations

from hypothesis import strategies as st

from tests.properties.dice import Draw, Json, given_only, maybe, seconds, some
from tests.properties.pools import pools_of
from tests.properties.services import ALARM, services_of

SUBNETS = [  # of each place one
    ["10.20.1.0/24", "10.20.101.0/24"],
    [{"cidr": "10.20.2.0/24"}, "10.20.102.0/25"],
    [{"cidr": "10.20.3.0/24", "zone": "us-east-1c"}, "10.20.103.0/24"],
]
PRIVATE = [["10.20.11.0/24", {"cidr": "10.20.111.0/24"}], ["10.20.12.0/24", "10.20.112.0/24"]]
THEIR_VPC = "vpc-0000000a"  # of somebody else: `rings.account` makes it, and puts its real id in the place of this
THEIR_SUBNETS = [f"subnet-0000000{letter}" for letter in "abc"]
LOGS = "access-logs-of-all"
CERTIFICATES = [f"arn:aws:iam::123456789012:server-certificate/{name}" for name in "abc"]
ENDPOINTS = ["ecr", "logs", "s3", "ssm"]
FRONTS = ["internet-facing", "internal", None]
KEPT = st.fixed_dictionaries(  # what cannot change from one spec of a ring to the next
    {
        # in a ring with None it changes: then nobody is deployed by CodeDeploy or scaled by requests
        "scheme": st.sampled_from(["internet-facing", "internal", None]),
        "theirs": st.sampled_from([False, False, False, True]),  # the network is somebody else's
        "named": st.sampled_from([False, False, True]),  # all that can have a name has one of its own
        "turned": st.sampled_from(["", "", "api"]),  # the service that CodeDeploy deploys
    }
)


@st.composite
def stacks(draw: Draw, kept: Json) -> Json:
    """One spec as a document, with what is *kept* in all of its ring."""
    kept = {**kept, "turned": kept["turned"] if kept["scheme"] else ""}
    registry = draw(registries())
    pools = draw(st.lists(st.sampled_from(["main", "spare"]), max_size=2, unique=True))
    hosts = {name: draw(pools_of()) for name in sorted(pools)}
    listeners = draw(st.sampled_from([[], ["http"], ["admin"], ["admin", "http"]]))
    names = draw(st.permutations(["web", "api", "job"]))[: draw(st.sampled_from([0, 1, 1, 1, 2, 2, 3]))]
    network = (
        draw(networks(stays=kept["scheme"] is None))
        if not kept["theirs"]
        else {"vpc": THEIR_VPC, "public_subnets": draw(their_subnets(stays=kept["scheme"] is None))}
    )
    where = {
        "private": "private_subnets" in network,
        "pools": sorted(pools),
        "listeners": listeners,
        "registry": sorted(registry),
        **kept,
    }
    services = {
        name: draw(services_of(name, where))
        for name in sorted(names)
        if name != kept["turned"] or (listeners and "main" in pools)
    }
    return given_only(
        version=1,
        stack="prop",
        region="us-east-1",
        account=maybe(draw, st.just("123456789012")),
        tags=maybe(draw, st.dictionaries(st.sampled_from(["team", "cost-centre"]), st.sampled_from(["a", "b"]))),
        network=network,
        registry=registry or None,
        load_balancer=draw(balancers(sorted(listeners), kept["scheme"])) if listeners else None,
        cluster=maybe(draw, clusters()),
        hosts=hosts or None,
        services=services or None,
        gates=maybe(draw, gates()),
        drift=maybe(draw, st.sampled_from([{"cluster/main.tags": "correct"}, {"cluster/*.tags": "correct"}]), 0.1),
    )


@st.composite
def networks(draw: Draw, *, stays: bool) -> Json:
    """*stays*: the public subnets do, where the scheme changes; both at once is refused."""
    private = [draw(st.sampled_from(one)) for one in PRIVATE[: draw(st.sampled_from([0, 1, 2]))]]
    return given_only(
        cidr="10.20.0.0/16",
        public_subnets=[one[0] for one in SUBNETS[:2]]
        if stays
        else [draw(st.sampled_from(one)) for one in SUBNETS[: draw(st.integers(2, 3))]],
        private_subnets=private or None,
        nat=maybe(draw, st.sampled_from(["single", "per_zone", "none"])) if private else None,
        endpoints=maybe(draw, st.lists(st.sampled_from(ENDPOINTS), min_size=1, max_size=2, unique=True)),
    )


def their_subnets(*, stays: bool) -> st.SearchStrategy[list[str]]:
    return st.integers(2, 2 if stays else 3).map(lambda count: THEIR_SUBNETS[:count])


def clusters() -> st.SearchStrategy[Json]:
    return some(
        container_insights=st.sampled_from([True, False, "enhanced"]),
        execute_command=st.sampled_from([{"logging": "default"}, {"logging": "none"}]),
    )


@st.composite
def registries(draw: Draw) -> Json:
    names = draw(st.lists(st.sampled_from(["shop", "tools"]), max_size=2, unique=True))
    return {
        name: given_only(
            scan_on_push=maybe(draw, st.booleans()),
            immutable=maybe(draw, st.booleans()),
            keep_images=maybe(draw, st.integers(1, 50)),
            expire_untagged=maybe(draw, st.integers(1, 30).map(lambda days: f"{days}d")),
            encryption=maybe(draw, st.sampled_from(["AES256", "KMS"]), 0.3),
            on_destroy="delete",
        )
        for name in sorted(names)
    }


@st.composite
def balancers(draw: Draw, listeners: list[str], scheme: str | None) -> Json:
    ports = {"http": 80, "admin": draw(st.sampled_from([8080, 8443]))}
    shown = {name: {"port": ports[name], **(maybe(draw, secured()) or {})} for name in listeners}
    if len(listeners) == 2 and draw(st.booleans()):
        shown["http"]["redirect"] = "admin"
        if "certificate" not in shown["admin"]:
            shown["http"] = {"port": 80, "redirect": "admin"}  # AWS does not redirect from HTTPS to HTTP
    return given_only(
        allow=maybe(
            draw, st.lists(st.sampled_from(["0.0.0.0/0", "10.0.0.0/8", "192.168.1.7/32"]), min_size=1, unique=True)
        ),
        listeners=shown,
        scheme=scheme or draw(st.sampled_from(FRONTS)),
        deletion_protection=maybe(draw, st.just(False)),  # what is protected is never pruned
        access_logs=maybe(draw, st.sampled_from([{"bucket": LOGS}, {"bucket": LOGS, "prefix": "a/b"}])),
        drop_invalid_headers=maybe(draw, st.booleans()),
        idle_timeout=maybe(draw, seconds(10, 120)),
    )


def secured() -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {"certificate": st.sampled_from(CERTIFICATES[:1])},
        optional={
            "certificates": st.lists(st.sampled_from(CERTIFICATES[1:]), min_size=1, unique=True),
            "policy": st.sampled_from(["ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-TLS13-1-3-2021-06"]),
        },
    )


def gates() -> st.SearchStrategy[Json]:
    """No probe: nothing listens where nothing is a process."""
    no_data = some(wait=seconds(60, 120), then=st.sampled_from(["halt", "pass"]))
    return some(alarms=st.just([ALARM]), no_data=no_data)
