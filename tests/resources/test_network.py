"""Networks: NAT gateways that change without a gap, addresses that are not left behind, and networks of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.aws.routes import default_route
from controller.base.errors import Refused
from controller.engine.scope import Scope
from controller.report.seen import Tick
from controller.resources.subnet import ExistingSubnet, judge_place, judge_routes
from controller.sandbox.simulated import Simulated
from controller.tick import Options, tick
from tests.resources.stacks import PAUSE, SPECS, World, begin, built, converge, in_short_lives, stack_of

BARE = """\
version: 1
stack: bare
region: us-east-1
network:
  cidr: 10.70.0.0/16
  public_subnets: [10.70.1.0/24, 10.70.2.0/24]
  private_subnets: [10.70.11.0/24, 10.70.12.0/24]
hosts: {main: {instance_type: t3.small, size: {min: 1, desired: 1, max: 3}, rollout: {bake: 1s}}}
"""
OPEN = BARE.replace("  private_subnets: [10.70.11.0/24, 10.70.12.0/24]\n", "")


def applied(world: World, *, prune: bool = False) -> Tick:
    """Ticks until one is quiet, with pauses that are worth a pass."""
    options = Options(scope=Scope(prune=prune), by_person=True, started=world.sim.now())
    for _ in range(100):
        seen = tick(world.stack, world.aws, world.sim, act=True, options=options)
        assert not [error for error in seen.failed.values() if isinstance(error, Refused)], seen.failed
        if seen.quiet:
            return seen
        world.sim.sleep(max(seen.requeue_after, PAUSE))
    raise AssertionError(seen.failed)


def targets(world: World) -> dict[str, str]:
    """Where each private table of the stack sends what is not local: the NAT gateway's name and the route's state."""
    ec2: Any = world.aws.ec2
    names = {one["NatGatewayId"]: f"{_name(one)} {one['State']}" for one in ec2.describe_nat_gateways()["NatGateways"]}
    tables = ec2.describe_route_tables(Filters=[{"Name": "tag:theseus:stack", "Values": [world.stack.name]}])
    return {
        _name(table): f"{names.get(route.get('NatGatewayId', ''), 'nothing')}, {route['State']}"
        for table in tables["RouteTables"]
        for route in table["Routes"]
        if route.get("DestinationCidrBlock") == "0.0.0.0/0" and "private" in _name(table)
    }


def _name(item: Any) -> str:
    return str(next(tag["Value"] for tag in item["Tags"] if tag["Key"] == "theseus:name"))


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    file = tmp_path / "bare.yaml"
    file.write_text(BARE)
    return file


def change(world: World, file: Path, text: str) -> None:
    file.write_text(text)
    world.stack = stack_of(file)


def test_nat_gateways_come_and_go_without_a_moment_in_which_hosts_have_no_way_out(spec: Path) -> None:
    """One for all, one per zone, one for all, then hosts in public: before each call that changes AWS every private
    table leads to a gateway that works; what is not wanted is an orphan, and pruned to the last address."""
    world = begin(spec)
    assert applied(world).plan.pending == ()
    assert {name.split("/")[1]: to for name, to in targets(world).items()} == {
        "private-1": "nat_gateway/public-1 available, active",
        "private-2": "nat_gateway/public-1 available, active",
    }
    instances = world.aws.ec2.describe_instances()["Reservations"]
    assert "PublicIpAddress" not in instances[0]["Instances"][0]
    gaps: list[dict[str, str]] = []

    def guard() -> None:
        now = targets(world)
        if len(now) != 2 or not all(to.endswith(" available, active") for to in now.values()):
            gaps.append(now)

    world.aws.guard = guard
    change(world, spec, BARE.replace("hosts:", "  nat: per_zone\nhosts:"))
    applied(world)
    assert sorted(targets(world).values()) == [f"nat_gateway/public-{n} available, active" for n in (1, 2)]
    assert [len(world.left()[kind]) for kind in ("nat_gateway", "elastic_ip")] == [2, 2]

    change(world, spec, BARE)
    assert [str(key) for key in world.tick().plan.orphans] == ["elastic_ip/public-2", "nat_gateway/public-2"]
    assert applied(world, prune=True).plan.orphans == ()
    assert set(targets(world).values()) == {"nat_gateway/public-1 available, active"}
    assert [len(world.left()[kind]) for kind in ("nat_gateway", "elastic_ip")] == [1, 1]
    assert gaps == []

    def of_private_hosts() -> None:
        """A host that is left in a private subnet reaches AWS until it has left."""
        found = world.aws.ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])
        there = [host for one in found["Reservations"] for host in one["Instances"]]
        ours: Any = [{"Name": "tag:theseus:stack", "Values": [world.stack.name]}]
        names = {one["SubnetId"]: _name(one) for one in world.aws.ec2.describe_subnets(Filters=ours)["Subnets"]}
        used = {names[host["SubnetId"]].replace("subnet/", "route_table/") for host in there}
        now = targets(world)
        if any("private" in table and not now.get(table, "").endswith(" available, active") for table in used):
            gaps.append(now)

    world.aws.guard = of_private_hosts
    change(world, spec, OPEN)
    applied(world, prune=True)
    assert gaps == []
    assert not {"nat_gateway", "elastic_ip"} & world.left().keys()
    assert len(world.left()["subnet"]) == 2
    world.restart()
    assert (world.tick().plan.pending, world.tick().plan.orphans) == ((), ())
    assert not {"ec2:DescribeNatGateways", "ec2:DescribeAddresses", "ec2:DescribeVpcEndpoints"} & set(world.aws.calls)

    converge(world, "destroy")
    assert converge(world, "destroy").plan.steps == ()
    assert world.left() == {}


def private_hosts(world: World) -> set[str]:
    """The private subnets in which a host runs, by the place in their names."""
    ours: Any = [{"Name": "tag:theseus:stack", "Values": [world.stack.name]}]
    names = {one["SubnetId"]: _name(one) for one in world.aws.ec2.describe_subnets(Filters=ours)["Subnets"]}
    found = world.aws.ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])
    there = {names[host["SubnetId"]] for one in found["Reservations"] for host in one["Instances"]}
    return {name.partition("private-")[2] for name in there if "private-" in name}


def reached(world: World) -> bool:
    """Whether each of them has a NAT gateway that works, or the endpoints that agents talk to."""
    ec2: Any = world.aws.ec2
    there = [one["ServiceName"] for one in ec2.describe_vpc_endpoints()["VpcEndpoints"] if one["State"] == "available"]
    through = {"com.amazonaws.us-east-1.ecs", "com.amazonaws.us-east-1.ecs-agent"} <= set(there)
    now = targets(world)
    return through or all(
        now.get(f"route_table/private-{one}", "").endswith(" available, active") for one in private_hosts(world)
    )


ENDPOINTS = BARE.replace("hosts:", "  nat: none\n  endpoints: [ecs, s3]\nhosts:")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(ENDPOINTS, OPEN, id="endpoints, then public subnets"),
        pytest.param(BARE, ENDPOINTS, id="a NAT gateway, then endpoints"),
        pytest.param(ENDPOINTS, BARE, id="endpoints, then a NAT gateway"),
    ],
)
def test_hosts_reach_aws_whatever_their_way_becomes(spec: Path, before: str, after: str) -> None:
    change_to = spec.with_name("after.yaml")
    spec.write_text(before)
    world = begin(spec)
    applied(world)
    assert private_hosts(world)
    cut: list[dict[str, str]] = []
    world.aws.guard = lambda: None if reached(world) else cut.append(targets(world))

    change(world, change_to, after)
    applied(world, prune=True)

    assert (reached(world), cut) == (True, [])
    assert world.tick(scope=Scope(prune=True)).plan.pending == ()


def test_an_endpoint_does_not_wait_for_hosts_that_shall_have_no_way_out(spec: Path) -> None:
    """The spec says so, and is warned: nobody would ever come to have one."""
    shut = BARE.replace("hosts:", "  nat: none\nhosts:")
    change(world := begin(spec), spec, shut.replace("hosts:", "  endpoints: [s3, logs]\nhosts:"))
    applied(world)

    change(world, spec, shut)
    applied(world, prune=True)

    assert "vpc_endpoint" not in world.left()
    assert world.tick(scope=Scope(prune=True)).plan.pending == ()


def test_hosts_leave_a_subnet_that_their_group_gives_up() -> None:
    """By our hand, drained: where somebody switched off AZRebalance nobody else moves them. The plan tells."""
    three = "network.public_subnets=[10.20.1.0/24, 10.20.2.0/24, 10.20.3.0/24]"
    world = built(SPECS / "demo.yaml", three)
    world.aws.autoscaling.suspend_processes(AutoScalingGroupName="demo-main", ScalingProcesses=["AZRebalance"])
    world.stack = stack_of(SPECS / "demo.yaml")

    planned = world.tick()
    applied(world, prune=True)

    assert [(one.pool, one.replaces) for one in planned.forecasts] == [("main", 1)]
    hosts = world.aws.ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])
    zones = sorted(host["Placement"]["AvailabilityZone"] for one in hosts["Reservations"] for host in one["Instances"])
    assert len(zones) == 3
    assert len(set(zones)) == len(world.left()["subnet"]) == 2
    history = world.aws.autoscaling.describe_scaling_activities(AutoScalingGroupName="demo-main")["Activities"]
    assert "user request" in next(one["Cause"] for one in history if one["Description"].startswith("Terminating"))


def test_what_was_removed_can_come_back_with_other_tags_or_the_same(spec: Path) -> None:
    """AWS remembers a client token longer than what came of it, and refuses it with other parameters."""
    change(world := begin(spec), spec, OPEN.replace("hosts:", "  endpoints: [s3]\nhosts:"))
    applied(world)
    for tags in ("tags: {team: a}\n", "tags: {team: a}\n", ""):
        change(world, spec, OPEN)
        applied(world, prune=True)
        assert "vpc_endpoint" not in world.left()
        change(world, spec, tags + OPEN.replace("hosts:", "  endpoints: [s3]\nhosts:"))
        applied(world)
        assert len(world.left()["vpc_endpoint"]) == 1


def test_a_controller_that_dies_again_and_again_pays_for_one_gateway_and_one_address(spec: Path) -> None:
    """Promise 3; and a destroy that dies as often leaves none."""
    change(world := begin(spec), spec, BARE.replace("hosts:", "  endpoints: [s3, logs]\nhosts:"))

    assert in_short_lives(world, "converge", 5) > 4
    assert [len(world.left()[kind]) for kind in ("nat_gateway", "elastic_ip", "vpc_endpoint")] == [1, 1, 2]
    assert (world.tick().plan.pending, world.tick().plan.orphans) == ((), ())

    assert in_short_lives(world, "destroy", 3) > 3
    assert world.left() == {}


# ------------------------------------------------------------------------------------------------ somebody else's
class Theirs:
    """A network that others made by hand: two public subnets, two private ones without a way out."""

    def __init__(self, ec2: Any) -> None:
        self.vpc = ec2.create_vpc(CidrBlock="10.90.0.0/16")["Vpc"]["VpcId"]
        self.gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)
        table = ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=self.gateway)
        self.subnets = [
            ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.90.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")
            for n, zone in enumerate("abab")
        ]
        self.ids = [one["Subnet"]["SubnetId"] for one in self.subnets]
        for ident in self.ids[:2]:
            ec2.associate_route_table(RouteTableId=table, SubnetId=ident)

    def spec(self) -> str:
        front, back = ", ".join(self.ids[:2]), ", ".join(self.ids[2:])
        text = BARE.replace("10.70.1.0/24, 10.70.2.0/24", front).replace("10.70.11.0/24, 10.70.12.0/24", back)
        text = text.replace("  cidr: 10.70.0.0/16\n", f"  vpc: {self.vpc}\n")
        return text + "load_balancer: {listeners: {http: {port: 80}}}\n"


@pytest.fixture
def theirs() -> tuple[Simulated, Theirs]:
    sim = Simulated()
    return sim, Theirs(sim.session().create_client("ec2"))


def look(ec2: Any) -> Any:
    """All there is of networks, as AWS shows it."""
    return [
        ec2.describe_vpcs()["Vpcs"],
        ec2.describe_subnets()["Subnets"],
        ec2.describe_route_tables()["RouteTables"],
        ec2.describe_internet_gateways()["InternetGateways"],
    ]


def test_an_existing_network_is_used_and_left_as_it_was(theirs: tuple[Simulated, Theirs], tmp_path: Path) -> None:
    """Not changed, not tagged, not deleted; the load balancer in its public subnets, the hosts in its private ones."""
    sim, others = theirs
    file = tmp_path / "spec.yaml"
    file.write_text(others.spec())
    world = World(sim, stack_of(file))
    before = look(world.aws.ec2)

    applied(world)

    plan = world.tick().plan
    assert (plan.pending, plan.problems, plan.orphans) == ((), (), ())
    assert [note for note in plan.notes if note.startswith("subnet/")] == [
        f"subnet/private-{n}: {ident} has no default route: hosts in it need VPC endpoints for ECS, ECR and logs"
        for n, ident in ((1, others.ids[2]), (2, others.ids[3]))
    ]
    balancer = world.aws.elbv2.describe_load_balancers()["LoadBalancers"][0]
    assert {one["SubnetId"] for one in balancer["AvailabilityZones"]} == set(others.ids[:2])
    group = world.aws.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]
    assert set(group["VPCZoneIdentifier"].split(",")) == set(others.ids[2:])
    assert _but_counts(look(world.aws.ec2)) == _but_counts(before)

    converge(world, "destroy")
    assert converge(world, "destroy").plan.steps == ()
    assert set(world.left()) == {"vpc", "subnet", "internet_gateway", "security_group"}
    assert _but_counts(look(world.aws.ec2)) == _but_counts(before)


def _but_counts(seen: Any) -> Any:
    """Without the free addresses of subnets, which hosts take."""
    return [[{k: v for k, v in one.items() if k != "AvailableIpAddressCount"} for one in items] for items in seen]


def test_a_network_that_is_not_there_or_not_whole_refuses_the_plan(
    theirs: tuple[Simulated, Theirs], tmp_path: Path
) -> None:
    """Before anything is built; each mistake with what to correct."""
    sim, others = theirs
    file, text = tmp_path / "spec.yaml", others.spec()

    def problems(**swaps: str) -> tuple[str, ...]:
        changed = text
        for old, new in swaps.items():
            changed = changed.replace(getattr(others, old) if old == "vpc" else others.ids[int(old[1])], new)
        file.write_text(changed)
        world = World(sim, stack_of(file))
        seen = world.tick(act=True)
        assert world.aws.mutations == 0
        return seen.plan.problems

    ids = others.ids
    assert problems(s1="subnet-0f") == (
        "subnet/public-2: subnet-0f does not exist in us-east-1: correct network.public_subnets",
    )
    assert problems(vpc="vpc-0f")[-1] == (
        "vpc/main: vpc-0f does not exist in us-east-1: correct network.vpc, the region or the account"
    )
    file.write_text(
        text.replace(f"{ids[0]}, {ids[1]}", f"{ids[0]}, {ids[2]}").replace(f"[{ids[2]}, {ids[3]}]", f"[{ids[3]}]")
    )
    (problem,) = World(sim, stack_of(file)).tick().plan.problems
    assert problem == (
        f"subnet/public-2: {ids[2]} and {ids[0]} are both in us-east-1a; a load balancer takes one subnet in each of "
        "two zones or more: correct network.public_subnets"
    )


def test_a_stack_does_not_move_out_of_its_own_network(spec: Path) -> None:
    """Into another, or into its own by its id: its gateway and its tables would be orphans."""
    spec.write_text(OPEN)
    world = begin(spec)
    converge(world)
    vpc = world.left()["vpc"][0]
    subnets = ", ".join(world.left()["subnet"])
    change(
        world,
        spec,
        OPEN.replace("  cidr: 10.70.0.0/16\n", f"  vpc: {vpc}\n").replace("10.70.1.0/24, 10.70.2.0/24", subnets),
    )

    (problem,) = world.tick(act=True).plan.problems

    assert problem.startswith(f"vpc/main: this stack has a VPC of its own, {vpc}")
    converge(world, "destroy")
    assert converge(world, "destroy").plan.steps == ()
    assert world.left() == {}


# ------------------------------------------------------------------------------------------------ judged by hand
ONE = ExistingSubnet("subnet-1", "vpc-1", "public_subnets", balanced=True, open=True, hosted=True)
ROUTED = {"DestinationCidrBlock": "0.0.0.0/0", "State": "active"}


def routes(target: dict[str, str], **association: Any) -> dict[str, Any]:
    return {"Associations": [association], "Routes": [{**ROUTED, **target}]}


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        pytest.param([routes({"GatewayId": "igw-1"}, SubnetId="subnet-1")], "igw-1", id="its own table"),
        pytest.param([routes({"GatewayId": "igw-1"}, Main=True)], "igw-1", id="the main table"),
        pytest.param(
            [routes({"GatewayId": "igw-1"}, Main=True), routes({"NatGatewayId": "nat-1"}, SubnetId="subnet-1")],
            "nat-1",
            id="its own before the main one",
        ),
        pytest.param([routes({"GatewayId": "igw-1"}, SubnetId="subnet-2")], "", id="another subnet's"),
        pytest.param([routes({"NatGatewayId": "nat-1", "State": "blackhole"}, Main=True)], "", id="to nowhere"),
    ],
)
def test_the_way_out_of_a_subnet(tables: list[dict[str, Any]], expected: str) -> None:
    assert default_route(tables, "subnet-1") == expected


@pytest.mark.parametrize(
    ("target", "public", "said"),
    [
        pytest.param("igw-1", True, [], id="public"),
        pytest.param("igw-1", False, ["gives hosts no public address"], id="public without addresses"),
        pytest.param("nat-1", False, ["no route to an internet gateway"], id="behind a NAT gateway"),
        pytest.param("", False, ["no route to an internet gateway", "no default route"], id="closed"),
    ],
)
def test_what_is_said_of_a_subnet_s_routes(target: str, public: bool, said: list[str]) -> None:
    notes = judge_routes(ONE, {"MapPublicIpOnLaunch": public}, target)

    assert [words in note for words, note in zip(said, notes, strict=True)] == [True] * len(said)


def test_a_subnet_of_another_vpc_is_refused() -> None:
    (problem,) = judge_place(ONE, {"VpcId": "vpc-2", "AvailabilityZone": "a"}, "subnet-1")

    assert problem == "subnet-1 belongs to vpc-2, not to vpc-1: correct network.vpc or public_subnets"
