"""Another scheme is another load balancer: both serve until a person says that clients have gone over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controller.engine.scope import Scope
from controller.report.seen import Tick
from tests.resources.stacks import SPECS, World, built, stack_of

DEMO = SPECS / "demo.yaml"
INTERNAL = "load_balancer.scheme=internal"
LEAVE = Scope(replace=frozenset({"load_balancer/main"}))


def served(world: World) -> dict[str, int]:
    """Healthy targets behind the rules of each load balancer, by its scheme."""
    elb: Any = world.aws.elbv2
    found = {}
    for balancer in elb.describe_load_balancers()["LoadBalancers"]:
        arns = set()
        for listener in elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]:
            for rule in elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]:
                groups = rule["Actions"][0].get("ForwardConfig", {}).get("TargetGroups", [])
                arns |= {one["TargetGroupArn"] for one in groups if one["Weight"]}
        states = [
            one["TargetHealth"]["State"]
            for arn in arns
            for one in elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        ]
        found[str(balancer["Scheme"])] = states.count("healthy")
    return found


def settled(world: World, scope: Scope) -> tuple[Tick, dict[str, int]]:
    """Ticks until one is quiet; the fewest healthy targets of each scheme, before each call that changes AWS."""
    fewest: dict[str, int] = {}

    def look() -> None:
        for scheme, count in served(world).items():
            fewest[scheme] = min(count, fewest.get(scheme, count))

    world.aws.guard = look
    for _ in range(200):
        seen = world.tick(act=True, scope=scope)
        assert seen.plan.problems == ()
        look()
        if seen.quiet:
            return seen, fewest
        world.sim.sleep(timedelta(seconds=0.5))
    raise AssertionError({str(key): str(error) for key, error in seen.failed.items()})


def asked(world: World, balancer: str, count: int) -> None:
    """CloudWatch hears that the load balancer of that label got requests."""
    datum: Any = {
        "MetricName": "RequestCount",
        "Dimensions": [{"Name": "LoadBalancer", "Value": balancer}],
        "Timestamp": world.sim.now() - timedelta(seconds=90),
        "Value": count,
    }
    cloudwatch = world.sim.session().create_client("cloudwatch", region_name=world.stack.region)
    cloudwatch.put_metric_data(Namespace="AWS/ApplicationELB", MetricData=[datum])


@pytest.mark.parametrize(
    "own",
    [
        pytest.param((), id="bridge"),
        pytest.param(("services.web.network_mode=awsvpc", "services.web.memory=256"), id="awsvpc"),
        pytest.param(("services.web.stickiness={duration: 1h}",), id="sticky"),
    ],
)
def test_the_old_one_serves_until_its_clients_have_gone(own: tuple[str, ...]) -> None:
    world = built(DEMO, *own)
    (old,) = world.aws.elbv2.describe_load_balancers()["LoadBalancers"]
    label = old["LoadBalancerArn"].partition(":loadbalancer/")[2]
    world.stack = stack_of(DEMO, *own, INTERNAL)

    planned = world.tick().plan
    (problem,) = planned.problems
    assert [one for one in planned.notes if one.startswith(f"load_balancer/main: clients know it by {old['DNSName']}")]
    assert problem == (
        "load_balancer/main: AWS cannot change scheme in place: refused without --replace load_balancer/main"
    )
    seen, fewest = settled(world, LEAVE)

    assert fewest["internet-facing"] == 4
    assert served(world) == {"internet-facing": 4, "internal": 4}
    note = next(one for one in seen.plan.notes if "clients may still ask" in one)
    assert old["DNSName"] in note
    assert note.endswith(", then apply --prune")
    calm = world.tick()
    assert calm.plan.pending == ()
    assert {key.kind for key in calm.plan.orphans} == {"load_balancer", "listener", "listener_rule", "target_group"}

    asked(world, label, 7)
    seen, _ = settled(world, Scope(prune=True))
    assert served(world) == {"internet-facing": 4, "internal": 4}
    assert any("(7 requests in 5 minutes)" in one for one in seen.plan.notes)

    world.sim.sleep(timedelta(minutes=6))
    seen, fewest = settled(world, Scope(prune=True))
    assert fewest["internal"] == 4
    assert served(world) == {"internal": 4}
    assert (world.tick().plan.pending, world.tick().plan.orphans) == ((), ())
    assert [len(world.left()[kind]) for kind in ("load_balancer", "target_group", "service")] == [1, 2, 1]
    (service,) = world.aws.ecs.describe_services(cluster="demo", services=["demo-web"])["services"]
    assert len(service["loadBalancers"]) == 1


@pytest.mark.parametrize(
    "scope",
    [
        pytest.param(Scope(prune=True, exclude=frozenset({"listener_rule/web"})), id="without its rule"),
        pytest.param(Scope(prune=True, exclude=frozenset({"load_balancer/main"})), id="without itself"),
        pytest.param(Scope(prune=True, exclude=frozenset({"service/web"})), id="without what it serves"),
        pytest.param(Scope(prune=True, only=frozenset({"service/web"})), id="nothing else"),
    ],
)
def test_the_old_one_goes_whole_or_not_at_all(scope: Scope) -> None:
    """Its clients would be answered by nobody: neither its rules nor its targets go without it."""
    world = built(DEMO)
    world.stack = stack_of(DEMO, INTERNAL)
    settled(world, LEAVE)

    seen, fewest = settled(world, scope)

    assert fewest == {"internet-facing": 4, "internal": 4}
    assert [one for one in seen.plan.notes if "apply --prune without --target and --exclude" in one]
    settled(world, Scope(prune=True))
    assert served(world) == {"internal": 4}


@pytest.mark.parametrize("listener", ["http", "admin"])
def test_leave_and_prune_in_one_command_take_nothing_from_clients(listener: str) -> None:
    """Nobody can have told them the new name yet; nor is a listener taken that the new one has no more."""
    first = f"load_balancer.listeners={{{listener}: {{port: 81}}, other: {{port: 82}}}}"
    world = built(DEMO, first, f"services.web.route.listener={listener}")
    world.stack = stack_of(DEMO, INTERNAL)

    settled(world, Scope(replace=LEAVE.replace | {"listener_rule/web"}, prune=True))

    assert served(world) == {"internet-facing": 4, "internal": 4}


def test_a_change_of_mind_goes_back_to_the_first() -> None:
    world = built(DEMO)
    arn = world.left()["load_balancer"]
    world.stack = stack_of(DEMO, INTERNAL)
    settled(world, LEAVE)
    world.stack = stack_of(DEMO)

    settled(world, Scope(prune=True))

    assert world.left()["load_balancer"] == arn
    assert served(world) == {"internet-facing": 4}
    assert (world.tick().plan.pending, world.tick().plan.orphans) == ((), ())


@pytest.mark.parametrize(
    ("base", "own", "told"),
    [
        pytest.param(SPECS / "codedeploy.yaml", (), "CodeDeploy turns web between two groups", id="CodeDeploy"),
        pytest.param(
            DEMO,
            ("services.web.scaling={min: 2, max: 6, target_requests: 100}",),
            "web would scale by the requests of a load balancer that nobody asks yet",
            id="scaled by requests",
        ),
    ],
)
def test_what_cannot_be_behind_two_is_refused(base: Any, own: tuple[str, ...], told: str) -> None:
    world = built(base, *own)
    world.stack = stack_of(base, *own, INTERNAL)

    problems = world.tick(scope=LEAVE).plan.problems

    assert [one for one in problems if one.startswith(f"load_balancer/main: {told}")]


def test_a_service_becomes_sticky_while_the_old_one_rests() -> None:
    """Its groups there are behind a rule of their own, which stays as it is."""
    world = built(DEMO)
    world.stack = stack_of(DEMO, INTERNAL, "services.web.stickiness={duration: 1h}")

    settled(world, LEAVE)

    assert served(world) == {"internet-facing": 4, "internal": 4}
    assert world.tick().plan.pending == ()


@pytest.mark.parametrize(
    ("own", "told"),
    [
        pytest.param(("services.web.network_mode=awsvpc", "services.web.memory=256"),
                     "service/web: another service would have to take its place behind two", id="another service"),
        pytest.param(("network.public_subnets=[10.20.11.0/24, 10.20.12.0/24]",),
                     "load_balancer/main: other subnets while clients may still ask", id="other subnets"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_behind_two_is_refused_until_the_old_one_goes(own: tuple[str, ...], told: str) -> None:
    world = built(DEMO)
    world.stack = stack_of(DEMO, INTERNAL)
    settled(world, LEAVE)
    world.stack = stack_of(DEMO, INTERNAL, *own)
    everything = frozenset(map(str, world.desired())) - LEAVE.replace

    assert [one for one in world.tick(scope=Scope(replace=everything)).plan.problems if one.startswith(told)]
    world.stack = stack_of(DEMO, INTERNAL)
    settled(world, Scope(prune=True))
    world.stack = stack_of(DEMO, INTERNAL, *own)
    assert world.tick(scope=Scope(replace=everything)).plan.problems == ()


def test_scheme_and_subnets_go_one_after_the_other() -> None:
    world = built(DEMO)
    world.stack = stack_of(DEMO, INTERNAL, "network.public_subnets=[10.20.11.0/24, 10.20.12.0/24]")

    problems = world.tick(scope=Scope(replace=frozenset(map(str, world.desired())))).plan.problems

    assert problems == (
        "load_balancer/main: another scheme and other subnets: one after the other, with apply --prune in between",
    )


def test_health_checks_are_the_same_behind_both() -> None:
    """A task must be healthy behind each, whichever clients ask."""
    world = built(DEMO)
    world.stack = stack_of(DEMO, INTERNAL)
    settled(world, LEAVE)
    world.stack = stack_of(DEMO, INTERNAL, "services.web.health.path=/ready")

    settled(world, Scope())

    found: Any = world.aws.elbv2.describe_target_groups()["TargetGroups"]
    assert {one["HealthCheckPath"] for one in found if "blue" in one["TargetGroupName"]} == {"/ready"}


def test_a_rule_of_the_new_one_moves_to_another_listener_while_the_old_one_rests() -> None:
    two = "load_balancer.listeners={http: {port: 80}, admin: {port: 81}}"
    world = built(DEMO, two)
    world.stack = stack_of(DEMO, two, INTERNAL)
    settled(world, LEAVE)
    world.stack = stack_of(DEMO, two, INTERNAL, "services.web.route.listener=admin")

    seen, _ = settled(world, Scope(replace=frozenset({"listener_rule/web"})))

    assert (seen.quiet, served(world)) == (True, {"internet-facing": 4, "internal": 4})


def test_nobody_scales_by_requests_while_the_old_one_rests() -> None:
    world = built(DEMO)
    world.stack = stack_of(DEMO, INTERNAL)
    settled(world, LEAVE)
    world.stack = stack_of(DEMO, INTERNAL, "services.web.scaling={min: 1, max: 6, target_requests: 100}")

    (problem,) = world.tick().plan.problems

    assert problem.startswith("load_balancer/main: web would scale by the requests of a load balancer that nobody asks")
