"""A rule that goes lets what it sent to its targets be answered: closed first, it is deleted later."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.aws.places import CLOSED
from controller.engine.scope import Scope
from controller.report.seen import outcome
from tests.resources.answers import DUO, alone, everything, seen_by_clients
from tests.resources.stacks import SPECS, World, built, converge, in_short_lives, stack_of

DEMO = SPECS / "demo.yaml"
DELAY = timedelta(seconds=5)  # deregistration delay of these specs
ONLY = frozenset({"listener_rule/api"})


def rules(world: World) -> dict[str, bool]:
    """The rules of the stack by the service they lead to, and whether each is closed."""
    elb: Any = world.aws.elbv2
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    listeners = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    found = [one for at in listeners for one in elb.describe_rules(ListenerArn=at["ListenerArn"])["Rules"]]
    return {
        one["Actions"][0]["ForwardConfig"]["TargetGroups"][0]["TargetGroupArn"].split("-")[-2]: CLOSED
        in str(one["Conditions"])
        for one in found
        if not one["IsDefault"]
    }


def services(world: World) -> list[str]:
    return [one.rpartition("/")[2] for one in world.left()["service"]]


def renamed(folder: Path) -> Path:
    path = folder / "renamed.yaml"
    path.write_text(DEMO.read_text().replace("  web:\n", "  shop:\n"))
    return path


def unrouted(folder: Path) -> Path:
    path = folder / "unrouted.yaml"
    lines = DUO.read_text().replace("demo.yaml", str(DEMO)).splitlines(keepends=True)
    api = lines.index("  api:\n")
    path.write_text("".join([*lines[:api], *(one for one in lines[api:] if not one.startswith("    route:"))]))
    return path


@pytest.mark.parametrize("calls", [pytest.param(1, id="one call a life"), pytest.param(99, id="undisturbed")])
def test_a_service_of_another_name_takes_over_and_nothing_is_cut_off(tmp_path: Path, calls: int) -> None:
    world = built(DEMO)
    world.stack = stack_of(renamed(tmp_path))

    in_short_lives(world, "converge", calls, everything(world))

    assert services(world) == ["demo-shop"]
    assert rules(world) == {"shop": False}
    assert world.sim.balancers.cut == set()
    assert world.tick(scope=everything(world)).plan.pending == ()


def test_a_route_that_is_in_no_spec_any_more_is_closed_until_its_service_has_gone(tmp_path: Path) -> None:
    world = built(DUO)
    world.stack = stack_of(alone(tmp_path))
    scope = Scope(prune=True)

    world.tick(act=True, scope=scope)

    assert rules(world) == {"web": False, "api": True}
    assert converge(world, scope=scope, pause=timedelta(seconds=1)).quiet
    assert (rules(world), services(world)) == ({"web": False}, ["duo-web"])
    assert world.sim.balancers.cut == set()


def test_a_service_that_loses_its_route_goes_on_without(tmp_path: Path) -> None:
    world = built(DUO)
    world.stack = stack_of(unrouted(tmp_path))

    seen, found = seen_by_clients(world, Scope(prune=True), (80, "/x"))

    assert (outcome(seen), found) == ("succeeded", {(80, "/x"): {"web"}})
    assert (rules(world), services(world)) == ({"web": False}, ["duo-api", "duo-web"])
    assert world.tick(scope=Scope(prune=True)).plan.pending == ()


def test_alone_in_scope_it_goes_when_the_last_request_must_have_been_answered(tmp_path: Path) -> None:
    """Its service stays, and so do its targets."""
    world = built(DUO)
    world.stack = stack_of(alone(tmp_path))
    scope, began = Scope(prune=True, only=ONLY), world.sim.now()

    assert converge(world, scope=scope, pause=timedelta(seconds=1)).quiet

    assert world.sim.now() - began >= DELAY
    assert world.sim.balancers.cut == set()
    assert (rules(world), services(world)) == ({"web": False}, ["duo-api", "duo-web"])


def test_a_controller_that_finds_it_closed_knows_not_since_when_and_waits(tmp_path: Path) -> None:
    world = built(DUO)
    world.stack = stack_of(alone(tmp_path))
    scope = Scope(prune=True, only=ONLY)
    world.tick(act=True, scope=scope)
    world.restart()

    for _ in range(int(DELAY.total_seconds())):
        world.tick(act=True, scope=scope)
        assert rules(world) == {"web": False, "api": True}
        world.sim.sleep(timedelta(seconds=1))

    assert converge(world, scope=scope).quiet
    assert rules(world) == {"web": False}


def test_a_route_that_comes_back_is_opened_again(tmp_path: Path) -> None:
    world = built(DUO)
    world.stack = stack_of(alone(tmp_path))
    world.tick(act=True, scope=Scope(prune=True))
    assert rules(world)["api"]

    world.stack = stack_of(DUO)

    assert outcome(converge(world)) == "succeeded"
    assert rules(world) == {"web": False, "api": False}


def test_destroying_closes_nothing_first() -> None:
    world = built(DUO)
    before = world.aws.calls["elbv2:ModifyRule"]

    converge(world, "destroy")

    assert world.aws.calls["elbv2:ModifyRule"] == before


def test_two_rules_of_one_service_that_goes_are_closed_both(tmp_path: Path) -> None:
    """A move to another listener was interrupted: neither counts on the other, which is deleted beside it."""
    two = "load_balancer.listeners={http: {port: 80}, admin: {port: 81}}"
    world = built(DUO, two)
    world.stack = stack_of(DUO, two, "services.api.route={listener: admin, path: /api, priority: 9}")
    world.tick(act=True, scope=Scope(replace=frozenset({"listener_rule/api"})))
    world.stack = stack_of(alone(tmp_path), two)
    elb: Any = world.aws.elbv2

    world.tick(act=True, scope=Scope(prune=True))

    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    listeners = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    found = [one for at in listeners for one in elb.describe_rules(ListenerArn=at["ListenerArn"])["Rules"]]
    assert sum(CLOSED in str(one["Conditions"]) for one in found) == 2
    assert converge(world, scope=Scope(prune=True)).quiet
    assert (world.sim.balancers.cut, rules(world)) == (set(), {"web": False})
