"""A service that CodeDeploy deploys: a new version is a deployment, judged by its identity; the hosts roll under it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from controller.engine.scope import Scope
from controller.report.text import plan_text
from controller.spec.types import Capacity, Deployment, Stack
from controller.tick import tick
from tests.simulated.stack import Simulation

BY_CODEDEPLOY = Deployment("codedeploy", keep=timedelta(), circuit_breaker=False)


class Deployed(Simulation):
    """The stack of the demo, its service deployed by CodeDeploy, which keeps the old tasks no longer than it must."""

    def stack(self, *overrides: str) -> Stack:
        plain = super().stack(*overrides)
        return replace(plain, services=tuple(replace(one, deployment=BY_CODEDEPLOY) for one in plain.services))

    def weights(self) -> dict[str, int]:
        groups = self.aws.elbv2.describe_target_groups()["TargetGroups"]
        names = {one["TargetGroupArn"]: one["TargetGroupName"].rsplit("-", 1)[-1] for one in groups}
        (balancer,) = self.aws.elbv2.describe_load_balancers()["LoadBalancers"]
        (listener,) = self.aws.elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
        rules = self.aws.elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
        (rule,) = [one for one in rules if not one["IsDefault"]]
        found = rule["Actions"][0]["ForwardConfig"]["TargetGroups"]
        return {names[one["TargetGroupArn"]]: one["Weight"] for one in found}

    def runs(self) -> str:
        (service,) = self.aws.ecs.describe_services(cluster="demo", services=["demo-web"])["services"]
        return service["taskDefinition"].rsplit("/", 1)[-1]

    def deployments(self) -> list[str]:
        found = self.aws.codedeploy.list_deployments(applicationName="demo", deploymentGroupName="demo-web")
        return list(found["deployments"])


@pytest.fixture(scope="module")
def built() -> Simulation:
    return Deployed().birth()


@pytest.fixture
def stage(built: Deployed) -> Iterator[Deployed]:
    yield built
    built.sim.sleep(timedelta(minutes=1))


def test_a_new_version_moves_to_the_other_group_and_a_second_plan_is_empty(stage: Deployed) -> None:
    wanted = stage.stack("services.web.image.tag=v2")
    stage.sim.door("POST", "image", repository="demo/shop", tag="v2")
    before, began = stage.weights(), len(stage.deployments())
    first = tick(wanted, stage.aws, stage.sim)

    assert [(str(one.key), one.risk) for one in first.plan.pending] == [
        ("task_definition/web", "new_deployment"),
        ("codedeploy_deployment/web", "new_deployment"),
    ]
    assert stage.apply(wanted) == "succeeded"
    assert len(stage.deployments()) == began + 1
    assert {colour for colour, weight in stage.weights().items() if weight} == {"green"} != set(before) - {"green"}
    seen = tick(wanted, stage.aws, stage.sim)
    assert "No changes: AWS is as the spec says." in plan_text(seen, wanted, color=False)


def test_back_again_it_goes_to_the_first_group(stage: Deployed) -> None:
    assert stage.apply(stage.stack()) == "succeeded"
    assert {colour for colour, weight in stage.weights().items() if weight} == {"blue"}


def test_hosts_roll_under_it(stage: Deployed) -> None:
    began = len(stage.deployments())

    assert stage.apply(stage.stack("hosts.main.instance_type=t3.large")) == "succeeded"

    assert len(stage.deployments()) == began
    assert stage.apply(stage.stack()) == "succeeded"


def test_the_size_is_changed_without_a_deployment(stage: Deployed) -> None:
    began = len(stage.deployments())

    assert stage.apply(stage.stack("services.web.desired=5")) == "succeeded"
    assert stage.apply(stage.stack()) == "succeeded"

    assert len(stage.deployments()) == began


def test_what_is_rolled_back_is_told_and_not_tried_again_by_the_loop(stage: Deployed) -> None:
    """Its tasks never come: CodeDeploy gives up, takes them away, and the old ones have served all the time."""
    runs = stage.runs()
    broken = stage.stack("services.web.image=123456789012.dkr.ecr.us-east-1.amazonaws.com/nothing:1")

    assert stage.apply(broken) == "rolled_back"

    began = len(stage.deployments())
    assert stage.apply(broken, by_person=False) == "rolled_back"
    assert (len(stage.deployments()), stage.runs()) == (began, runs)
    (verdict,) = tick(broken, stage.aws, stage.sim).verdicts
    assert "timed out while waiting for the replacement task set" in verdict.why
    assert stage.apply(stage.stack()) == "succeeded"


def test_a_person_stops_one_and_the_verdict_says_so(stage: Deployed) -> None:
    wanted = stage.stack("services.web.environment.APP_MSG=stopped")
    for _ in range(2):
        tick(wanted, stage.aws, stage.sim, act=True)
        stage.sim.sleep(timedelta(seconds=2))
    stage.aws.codedeploy.stop_deployment(deploymentId=stage.deployments()[0], autoRollbackEnabled=True)

    assert stage.apply(wanted, by_person=False) == "rolled_back"
    assert stage.apply(wanted) == "succeeded"


def at_green(stage: Deployed, message: str) -> Stack:
    """The stack, its service moved on until it serves from the second group."""
    for number in range(3):
        wanted = stage.stack(f"services.web.environment.APP_MSG={message}{number}")
        assert stage.apply(wanted) == "succeeded"
        if stage.weights()["green"]:
            return wanted
    raise AssertionError(stage.weights())


def rule_of(stage: Deployed) -> str:
    (balancer,) = stage.aws.elbv2.describe_load_balancers()["LoadBalancers"]
    (listener,) = stage.aws.elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    rules = stage.aws.elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    return str(next(one["RuleArn"] for one in rules if not one["IsDefault"]))


def test_a_rule_made_anew_leads_where_the_tasks_are(stage: Deployed) -> None:
    wanted = at_green(stage, "anew")
    stage.aws.elbv2.delete_rule(RuleArn=rule_of(stage))

    assert stage.apply(wanted) == "succeeded"
    assert {colour for colour, weight in stage.weights().items() if weight} == {"green"}


def test_weights_that_lead_to_nobody_are_drift(stage: Deployed) -> None:
    """Which group gets the requests is CodeDeploy's; that it is the one with the tasks is not."""
    wanted = at_green(stage, "drift")
    groups = {one["TargetGroupName"].rsplit("-", 1)[-1]: one["TargetGroupArn"]
              for one in stage.aws.elbv2.describe_target_groups()["TargetGroups"]}  # fmt: skip
    for blue, green in ((100, 0), (50, 50)):
        weighed = [
            {"TargetGroupArn": groups["blue"], "Weight": blue},
            {"TargetGroupArn": groups["green"], "Weight": green},
        ]
        actions: Any = [{"Type": "forward", "ForwardConfig": {"TargetGroups": weighed}}]
        stage.aws.elbv2.modify_rule(RuleArn=rule_of(stage), Actions=actions)
        seen = tick(wanted, stage.aws, stage.sim)
        assert [str(step.key) for step in seen.plan.pending] == ["listener_rule/web"]
        assert stage.apply(wanted) == "succeeded"
        assert stage.weights() == {"blue": 0, "green": 100}


def test_a_target_takes_the_deployment_of_its_service_along_and_an_exclusion_leaves_it(stage: Deployed) -> None:
    wanted = stage.stack("services.web.environment.APP_MSG=scoped")
    began = len(stage.deployments())

    assert stage.apply(wanted, scope=Scope(exclude=frozenset({"service/web"}))) == "succeeded"
    assert len(stage.deployments()) == began
    assert stage.apply(wanted, scope=Scope(only=frozenset({"service/web"}))) == "succeeded"
    assert len(stage.deployments()) == began + 1


def test_a_deployment_that_has_no_room_beside_the_old_tasks_is_refused_by_the_plan(stage: Deployed) -> None:
    """CodeDeploy runs all of them twice: eight of 900 MiB do not fit on three hosts, though four and one do."""
    assert stage.apply(stage.stack()) == "succeeded"

    (problem,) = tick(stage.stack("services.web.memory=900"), stage.aws, stage.sim).plan.problems

    assert "demo-web runs twice while CodeDeploy deploys it" in problem


def test_one_that_is_stopped_and_not_rolled_back_has_failed_and_holds_no_host(stage: Deployed) -> None:
    """What is left of it is named; requests are led where the service serves, and hosts roll all the same."""
    wanted = stage.stack("services.web.environment.APP_MSG=halfway")
    tick(wanted, stage.aws, stage.sim, act=True)
    stage.sim.sleep(timedelta(seconds=1))
    stage.aws.codedeploy.stop_deployment(deploymentId=stage.deployments()[0], autoRollbackEnabled=False)

    assert stage.apply(wanted, by_person=False) == "failed"

    (verdict,) = tick(wanted, stage.aws, stage.sim).verdicts
    assert "nothing was rolled back" in verdict.why
    rolled = stage.stack("hosts.main.instance_type=t3.large", "services.web.environment.APP_MSG=halfway")
    stage.apply(rolled, by_person=False)
    assert {one["InstanceType"] for one in stage.group("demo-main")["Instances"]} == {"t3.large"}


def test_what_only_a_deployment_could_change_is_refused_by_the_plan(stage: Deployed) -> None:
    stack = stage.stack()
    (service,) = stack.services
    moved = replace(stack, services=(replace(service, pool="", capacity=(Capacity("main", 1, 2),)),))

    (problem, *_) = tick(moved, stage.aws, stage.sim).plan.problems

    assert problem.startswith("service/web: capacity: of a service that CodeDeploy deploys ECS changes no such thing")


def test_it_cannot_come_from_ecs_nor_go_back(stage: Deployed) -> None:
    plain = Simulation.stack(stage)

    (problem, *_) = tick(plain, stage.aws, stage.sim).plan.problems

    assert problem.startswith("service/web: controller cannot change: ECS moves no service to CodeDeploy, and theseus")


def test_destroy_ends_what_is_under_way_and_leaves_nothing(stage: Deployed) -> None:
    tick(stage.stack("services.web.environment.APP_MSG=last"), stage.aws, stage.sim, act=True)
    stage.sim.sleep(timedelta(seconds=2))
    last = stage.deployments()[0]
    assert stage.aws.codedeploy.get_deployment(deploymentId=last)["deploymentInfo"]["status"] == "InProgress"

    for _ in range(200):
        seen = tick(stage.stack(), stage.aws, stage.sim, want="destroy", act=True)
        if seen.quiet:
            break
        stage.sim.sleep(timedelta(seconds=6))

    left = {kind: names for kind, names in stage.sim.door("GET", "left").items() if names}
    assert left == {"repository": ["demo/shop"]}
