"""A service whose tasks get addresses of their own is another one to AWS: the new serves before the old goes."""

from __future__ import annotations

from datetime import timedelta

from controller.engine.reconciler import born_as
from controller.engine.scope import Scope
from tests.resources.stacks import SPECS, World, built, stack_of

LEAVE = Scope(replace=frozenset({"service/web", "target_group/web-blue", "target_group/web-green"}))


def serving(world: World) -> int:
    """Healthy targets that get requests: of the groups that the service's rule gives any weight."""
    elb = world.aws.elbv2
    arn = elb.describe_load_balancers(Names=["demo"])["LoadBalancers"][0]["LoadBalancerArn"]
    (listener,) = elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]
    rules = elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    (forward,) = [rule["Actions"][0]["ForwardConfig"] for rule in rules if not rule["IsDefault"]]
    groups = [one["TargetGroupArn"] for one in forward["TargetGroups"] if one["Weight"]]
    health = [elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"] for group in groups]
    return sum(one["TargetHealth"]["State"] == "healthy" for part in health for one in part)


def test_a_service_that_changes_its_network_mode_is_replaced_without_a_gap() -> None:
    world = built(SPECS / "demo.yaml")
    world.stack = stack_of(SPECS / "demo.yaml", "services.web.network_mode=awsvpc")
    refused = world.tick()
    chain, counts = [], []

    for _ in range(200):
        seen = world.tick(act=True, scope=LEAVE)
        assert seen.plan.problems == ()
        chain += [f"{step.action} {born_as(step.key)}" for step in seen.plan.pending if step.key in seen.done]
        counts.append(serving(world))
        if seen.quiet:
            break
        world.sim.sleep(timedelta(seconds=0.5))  # sooner than its new targets can be healthy

    assert any("--replace service/web" in problem for problem in refused.plan.problems)
    assert min(counts) == 4
    assert seen.quiet
    assert [verdict.state for verdict in seen.verdicts] == ["succeeded"]
    assert world.tick(scope=LEAVE).plan.pending == ()
    blue = "target_group/web-blue"
    order = [f"replace {blue}", "replace service/web", f"delete {blue}"]
    assert [step for step in dict.fromkeys(chain) if step in order] == order
    left = {kind: len(names) for kind, names in world.left().items()}
    assert (left["service"], left["target_group"], left["task"]) == (1, 2, 4)
