"""What AWS ties together or protects: sticky groups and their rule; a load balancer that nobody may delete."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controller.aws.balancing import Balancing
from controller.base.keys import Key
from controller.engine.scope import Scope
from controller.tick import Options, tick
from tests.resources.stacks import SPECS, World, built, certify, converge, stack_of

CERTIFICATE = "arn:aws:iam::123456789012:server-certificate/"
MINIMAL = SPECS / "minimal.yaml"


@pytest.fixture(scope="module")
def world() -> World:
    return built(MINIMAL, "services.web.stickiness.duration=60s")


def test_a_rule_deleted_by_hand_is_made_again_over_groups_that_are_still_sticky(world: World) -> None:
    """The spec has said meanwhile that they are not: a rule of both would be refused."""
    [rule] = world.see("listener_rule").values()
    assert (rule.as_desired.balancing == Balancing(), len(rule.as_desired.forwards)) == (False, 1)
    world.aws.elbv2.delete_rule(RuleArn=rule.outputs["arn"])
    world.stack = stack_of(MINIMAL)

    assert converge(world).plan.pending == ()

    made = world.see("listener_rule")[Key("listener_rule", "web")].as_desired
    assert (made.balancing, len(made.forwards)) == (Balancing(), 2)


def test_a_service_moves_from_http_to_https_and_its_old_rule_goes(world: World) -> None:
    """Its rule gets a successor on the other listener; the first listener redirects."""
    certify(world, "x")
    world.restart()
    https = f'{{port: 443, certificate: "{CERTIFICATE}x"}}'
    listeners = f"{{http: {{port: 80, redirect: https}}, https: {https}}}"
    world.stack = stack_of(MINIMAL, f"load_balancer.listeners={listeners}", "services.web.route.listener=https")
    assert world.tick().plan.problems != ()

    for _ in range(9):
        options = Options(scope=Scope(replace=frozenset({"listener_rule/web"})), by_person=True)
        seen = tick(world.stack, world.aws, world.sim, act=True, options=options)
        world.sim.sleep(seen.requeue_after)

    assert (seen.quiet, seen.plan.orphans, seen.plan.problems) == (True, (), ())
    secure = world.see("listener")[Key("listener", "https")].outputs["arn"]
    assert [one.as_desired.listener for one in world.see("listener_rule").values()] == [secure]


def test_a_protected_load_balancer_keeps_the_whole_stack_until_it_is_not(world: World) -> None:
    """Nothing is half destroyed, also when somebody protected it by hand."""
    [arn] = world.left()["load_balancer"]
    protect(world, arn, "true")
    before = world.left()

    seen = world.tick("destroy", act=True)

    [problem] = seen.plan.problems
    assert problem.startswith("load_balancer/main: deletion protection is on: AWS would not delete it")
    assert (seen.done, world.left()) == ((), before)
    protect(world, arn, "false")
    converge(world, "destroy")
    assert "load_balancer" not in world.left()


def protect(world: World, arn: str, value: str) -> None:
    attributes: Any = [{"Key": "deletion_protection.enabled", "Value": value}]
    world.aws.elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes)


def test_two_services_exchange_their_places_in_the_order_of_rules() -> None:
    """No place is free for either: they go there together."""
    world = built(SPECS / "two-services.yaml")
    rules = [Key("listener_rule", name) for name in ("api", "web")]
    first, second = (world.see("listener_rule")[key].as_desired.priority for key in rules)
    swapped = (f"services.api.route.priority={second}", f"services.web.route.priority={first}")
    world.stack = stack_of(SPECS / "two-services.yaml", *swapped)

    assert converge(world).plan.pending == ()

    now = world.see("listener_rule")
    assert [now[key].as_desired.priority for key in rules] == [second, first]


def test_more_tasks_have_succeeded_when_they_answer() -> None:
    """Another count is no deployment: ECS calls it completed before one of them is healthy."""
    world = built(MINIMAL, "services.web.desired=0")
    world.stack = stack_of(MINIMAL, "services.web.desired=2")

    waits = set()
    for _ in range(200):
        seen = world.tick(act=True)
        if seen.quiet:
            break
        waits |= {one.why.partition(": ")[2] for one in seen.verdicts}
        world.sim.sleep(timedelta(seconds=0.5))

    assert "2 of 2 running, 0 of 2 healthy" in waits
    assert [one.state for one in seen.verdicts] == ["succeeded"]
    (blue,) = world.aws.elbv2.describe_target_groups(Names=["tiny-web-blue"])["TargetGroups"]
    targets = world.aws.elbv2.describe_target_health(TargetGroupArn=blue["TargetGroupArn"])["TargetHealthDescriptions"]
    assert [one["TargetHealth"]["State"] for one in targets] == ["healthy"] * 2
