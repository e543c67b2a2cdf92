"""A service that CodeDeploy deploys: a new version is a deployment, judged by its identity; the hosts roll under it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from controller.report.text import plan_text
from controller.spec.types import Deployment, Stack
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


def test_it_cannot_come_from_ecs_nor_go_back(stage: Deployed) -> None:
    plain = Simulation.stack(stage)

    (problem, *_) = tick(plain, stage.aws, stage.sim).plan.problems

    assert problem.startswith("service/web: controller cannot change: ECS moves no service to CodeDeploy or back")


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
