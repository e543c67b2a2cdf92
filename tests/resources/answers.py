"""Who answers a path of a listener, at every moment of an apply."""

from __future__ import annotations

from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from controller.engine.scope import Scope
from controller.report.seen import Tick
from tests.resources.stacks import SPECS, World

DUO = SPECS / "two-services.yaml"
TWO = "load_balancer.listeners={http: {port: 80}, admin: {port: 81}}"
EVERYTHING = 200  # ticks
Place = tuple[int, str]  # port and path


def answered_by(world: World, port: int, path: str) -> str:
    """Who answers *path*: a service, ``redirect``, the status of a fixed answer, or ``503`` of a group without
    targets."""
    elb: Any = world.aws.elbv2
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    listeners = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    listener = next(one for one in listeners if one["Port"] == port)
    rules = elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    for rule in sorted(rules, key=lambda one: (one["IsDefault"], int(one["Priority"]) if not one["IsDefault"] else 0)):
        values = {one["Field"]: one.get("PathPatternConfig", one.get("HostHeaderConfig", {}))["Values"]
                  for one in rule["Conditions"]}  # fmt: skip
        asked = {"path-pattern": path, "host-header": "a.x"}
        if not all(any(fnmatchcase(asked[name], one) for one in some) for name, some in values.items()):
            continue
        action = rule["Actions"][0]
        if action["Type"] != "forward":
            return "redirect" if action["Type"] == "redirect" else str(action["FixedResponseConfig"]["StatusCode"])
        arns = [one["TargetGroupArn"] for one in action["ForwardConfig"]["TargetGroups"] if one["Weight"]]
        states = [
            one["TargetHealth"]["State"]
            for arn in arns
            for one in elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        ]
        return arns[0].split("/")[-2].split("-")[1] if "healthy" in states else "503"
    raise AssertionError("a listener has a default rule")


def seen_by_clients(
    world: World, scope: Scope, *paths: tuple[int, str]
) -> tuple[Tick, dict[tuple[int, str], set[str]]]:
    """Ticks until one is quiet, and all who answered each of *paths* meanwhile."""
    found: dict[tuple[int, str], set[str]] = {one: set() for one in paths}

    def look() -> None:
        for port, path in paths:
            found[port, path].add(answered_by(world, port, path))

    world.aws.guard = look
    for _ in range(EVERYTHING):
        seen = world.tick(act=True, scope=scope)
        assert seen.plan.problems == ()
        look()
        if seen.quiet:
            assert world.sim.balancers.cut == set()
            return seen, found
        world.sim.sleep(timedelta(seconds=0.5))
    raise AssertionError({str(key): str(error) for key, error in seen.failed.items()})


def everything(world: World) -> Scope:
    return Scope(prune=True, replace=frozenset(map(str, world.desired())))


def route(service: str, path: str, priority: int, listener: str = "http") -> str:
    return f"services.{service}.route={{listener: {listener}, path: {path}, priority: {priority}}}"


def alone(folder: Path) -> Path:
    """A spec of the first of the two services."""
    path = folder / "alone.yaml"
    path.write_text(DUO.read_text().partition("  api:\n")[0].replace("demo.yaml", str(SPECS / "demo.yaml")))
    return path
