"""Whatever the spec: after an apply nothing is left to do, and it does not matter what was there before.

AWS shuffles its lists meanwhile. One example is a ring of specs: each is applied to nothing, and then each to the world
that the one before it left, with all that may be pruned and replaced. ``THESEUS_PROPERTIES`` says how many specs are
tried, and ``THESEUS_SEED`` where the dice begin.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers

from controller.base.errors import SpecError
from controller.engine.observe import declare
from controller.engine.scope import Scope
from controller.resources import RECONCILERS
from controller.sandbox.simulated import Simulated
from controller.sandbox.timings import Timings
from controller.spec.load import load
from controller.spec.names import named
from controller.spec.types import Stack
from tests.properties.dice import Json
from tests.properties.picture import picture
from tests.properties.pools import KEY
from tests.properties.services import ALARM
from tests.properties.specs import CERTIFICATES, KEPT, LOGS, THEIR_SUBNETS, THEIR_VPC, stacks
from tests.resources.stacks import World, certify, converge, let_write

# Hypothesis also tries the constants of whatever modules the process has imported so far. One seed should be the same
# specs in every process.
providers._get_local_constants = lambda: providers._local_constants

THEIR_RANGE = "10.30.0.0/16"
PAUSE = timedelta(seconds=12)  # between passes: they are what such a test costs
RING = 5  # specs of one example
PARTS = 4
SPECS = int(os.environ.get("THESEUS_PROPERTIES", "100"))
FIRST = int(os.environ.get("THESEUS_SEED", "0"))


def play(part: int) -> None:
    """The rings of one part of the specs; parts run side by side."""

    @seed(FIRST + part)
    @settings(
        max_examples=max(1, SPECS // RING // PARTS),
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        KEPT.flatmap(
            lambda kept: st.lists(
                stacks(kept).filter(loaded).map(called if kept["named"] else dict), min_size=RING, max_size=RING
            )
        )
    )
    def ring(documents: list[Json]) -> None:
        specs = [one for document in documents if (one := loaded(document))]
        asked = [declare(one, RECONCILERS) for one in specs]
        assume(all(one != asked[0] for one in asked[1:]))  # hypothesis begins with the simplest spec, again and again
        pictures = []
        for stack, document in zip(specs, documents, strict=True):
            world = account(stack)
            world.stack = rendered(world, document)
            world.sim.shuffle(part)
            with told(document):
                settle(world, Scope())
            pictures.append(picture(world))
        for place, alone in enumerate(pictures):
            world.stack = rendered(world, documents[place])
            with told(documents[place - 1], documents[place]):
                settle(world, Scope(prune=True, replace=frozenset(map(str, world.desired()))))
                assert picture(world) == alone

    ring()


@contextmanager
def told(*documents: Json) -> Iterator[None]:
    """What fails says which specs it was, in a form that can be applied."""
    try:
        yield
    except AssertionError as error:
        error.add_note("\n".join(["applied one after the other:", *map(json.dumps, documents)]))
        raise


def account(stack: Stack) -> World:
    """An account that holds what any of the specs may count on."""
    world = World(Simulated(), stack)
    # divided as all the rest, managed scaling would take each empty host sooner than a pass can fill it
    world.sim.cloud.timings = replace(world.sim.cloud.timings, scaling=Timings().scaling)
    for arn in CERTIFICATES:
        certify(world, arn.rpartition("/")[2])
    let_write(world, LOGS)
    world.aws.ec2.create_key_pair(KeyName=KEY)
    cloudwatch = world.sim.session().create_client("cloudwatch", region_name=stack.region)
    cloudwatch.put_metric_alarm(
        AlarmName=ALARM, Namespace="shop", MetricName="late", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    cloudwatch.set_alarm_state(AlarmName=ALARM, StateValue="OK", StateReason="quiet")
    return world


def their_network(world: World) -> list[str]:
    """A network that others made, with a way out: the id of its VPC, then of its subnets; made once."""
    ec2 = world.aws.ec2
    mine = ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": [THEIR_RANGE]}])["Vpcs"]
    if not mine:
        vpc = ec2.create_vpc(CidrBlock=THEIR_RANGE)["Vpc"]["VpcId"]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        for number, zone in enumerate("abc"):
            made = ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"10.30.{number}.0/24", AvailabilityZone=f"us-east-1{zone}"
            )["Subnet"]["SubnetId"]  # fmt: skip
            ec2.associate_route_table(RouteTableId=table, SubnetId=made)
        mine = [{"VpcId": vpc}]
    vpc = mine[0]["VpcId"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    return [vpc, *(one["SubnetId"] for one in sorted(subnets, key=lambda one: str(one["CidrBlock"])))]


def rendered(world: World, document: Json) -> Stack:
    """The stack of *document* in that account: where it names a network of others, with that one's real ids."""
    text = json.dumps(document)
    if THEIR_VPC in text:
        for name, real in zip([THEIR_VPC, *THEIR_SUBNETS], their_network(world), strict=True):
            text = text.replace(name, real)
    stack = loaded(json.loads(text))
    assert stack is not None
    return stack


def called(document: Json) -> Json:
    """*document* with a name of its own for all that can have one: IAM's are found again by how they begin."""
    stack = loaded(document)
    assert stack is not None
    return {**document, "names": {str(key): f"prop-own-{key.name}" for key in named(stack)}}


def settle(world: World, scope: Scope) -> None:
    """Apply until nothing moves: then the plan is empty, however AWS shuffles its lists this time."""
    seen = converge(world, scope=scope, pause=PAUSE)
    if seen.plan.resting:  # clients have gone over to another load balancer: a person says so in another command
        seen = converge(world, scope=Scope(prune=True), pause=PAUSE)
    assert [(str(step.key), step.action, step.changes) for step in seen.plan.pending] == []
    kept = {step.key for step in seen.plan.steps if step.reason.startswith("kept: ")}
    assert (seen.plan.problems, set(seen.plan.orphans) - kept, seen.quiet) == ((), set(), True)
    assert world.sim.balancers.cut == set()


def loaded(document: Json) -> Stack | None:
    """The stack of *document*; None where fields of it do not go together, which other tests are about."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spec.yaml"
        path.write_text(json.dumps(document))  # JSON is YAML
        try:
            return load(str(path), ()).stack
        except SpecError:
            return None
