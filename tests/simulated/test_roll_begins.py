"""A roll that could not be watched, or not be done, is refused before anything moves; and a plan's exit code tells of
hosts, too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.modes.plan import risks
from controller.rollout import sight
from controller.rollout.model import Probe
from controller.spec.types import Gates, Stack
from controller.spec.types import Probe as Wanted
from controller.tick import Options, tick
from tests.simulated.stack import Simulation

LARGE = "hosts.main.instance_type=t3.large"


def probed(stage: Simulation, *overrides: str) -> Stack:
    return replace(stage.stack(*overrides), gates=Gates(probe=Wanted("/health")))


def begins(stage: Simulation, stack: Stack) -> list[str]:
    """What is wrong, and that nothing was done about it."""
    before = stage.settings("demo-main")
    options = Options(by_person=True, started=stage.sim.now())
    seen = tick(stack, stage.aws, stage.sim, act=True, options=options)
    assert not seen.plan.problems or (seen.done, stage.settings("demo-main")) == ((), before)
    return list(seen.plan.problems)


def test_a_probe_that_fails_before_the_roll_refuses_it(born: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule 7. Nobody answers here: nothing listens in a sandbox without processes."""
    (problem,) = begins(born, probed(born, LARGE))
    assert problem.startswith("auto_scaling_group/main: the probe fails already")
    assert begins(born, probed(born)) == []  # nothing moves: nobody asks
    asked: list[int] = []
    monkeypatch.setattr(sight, "_probe", lambda *_: asked.append(1) or Probe(True))
    assert begins(born, probed(born, LARGE)) == []
    assert born.apply(probed(born, LARGE)) == "succeeded"
    assert asked


def test_a_probe_is_not_asked_for_what_the_same_plan_makes(born: Simulation) -> None:
    """A new service, and hosts to replace: whether it answers is judged when it is there."""
    api = "{pool: main, image: {repository: shop, tag: v1}, cpu: 128, memory: 64, desired: 1, port: 8080}"
    route = "services.api.route={path: /api, priority: 7}"
    other = "hosts.main.instance_type=t3.xlarge"
    wanted = probed(born, other, f"services.api={api}", route)

    assert tick(wanted, born.aws, born.sim, options=Options(by_person=True)).plan.problems == ()
    (problem,) = tick(probed(born, other), born.aws, born.sim, options=Options(by_person=True)).plan.problems
    assert "the probe fails already" in problem


def test_a_group_that_may_not_launch_is_no_group_to_roll(born: Simulation) -> None:
    group = {"AutoScalingGroupName": "demo-main", "ScalingProcesses": ["Launch"]}
    born.aws.autoscaling.suspend_processes(**group)  # type: ignore[arg-type]
    wanted = born.stack("hosts.main.instance_type=t3.xlarge")

    (problem,) = begins(born, wanted)

    assert "the process Launch of demo-main is suspended" in problem
    assert "aws autoscaling resume-processes --auto-scaling-group-name demo-main" in problem
    born.aws.autoscaling.resume_processes(**group)  # type: ignore[arg-type]
    assert born.apply(wanted) == "succeeded"


def test_hosts_that_leave_are_a_risk_though_no_resource_changes(born: Simulation) -> None:
    """`plan --fail-on` must see them: a smaller pool, and a roll that somebody began."""
    assert born.apply(born.stack()) == "succeeded"
    fewer = born.stack("hosts.main.size.desired=2")
    options = Options(by_person=True, started=born.sim.now())

    assert risks(tick(born.stack(), born.aws, born.sim, options=options)) == set()
    assert risks(tick(fewer, born.aws, born.sim, options=options)) == {"host_roll"}
    for _ in range(3):
        tick(born.stack(LARGE), born.aws, born.sim, act=True, options=options)
    assert risks(tick(born.stack(LARGE), born.aws, born.sim, options=options)) == {"host_roll"}
