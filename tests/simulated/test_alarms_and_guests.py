"""What holds a roll up from outside: an alarm that rings, a task that no service owns."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from controller.rollout.moves import Wait
from controller.spec.types import Gates, Stack
from controller.tick import Options, tick
from tests.simulated.driving import TYPES
from tests.simulated.stack import Simulation

ALARM: Any = {
    "AlarmName": "shop-5xx",
    "MetricName": "x",
    "Namespace": "x",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "Statistic": "Sum",
}


def another(stage: Simulation, *overrides: str) -> Stack:
    """The stack with hosts of another type."""
    found = stage.aws.ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])
    types = {one["InstanceType"] for reservation in found["Reservations"] for one in reservation["Instances"]}
    return stage.stack(f"hosts.main.instance_type={next(one for one in TYPES if one not in types)}", *overrides)


def rings(stage: Simulation, state: str) -> None:
    cloudwatch: Any = stage.aws.cloudwatch
    cloudwatch.set_alarm_state(AlarmName="shop-5xx", StateValue=state, StateReason="test")


def test_no_old_host_goes_while_an_alarm_rings(born: Simulation) -> None:
    """Rules 1 and 7: hosts may come, so that the roll can be the cure; none is cordoned."""
    cloudwatch: Any = born.aws.cloudwatch
    cloudwatch.put_metric_alarm(**ALARM)
    rings(born, "ALARM")
    wanted = replace(another(born), gates=Gates(alarms=("shop-5xx",)))
    old = {one["InstanceId"] for one in born.group("demo-main")["Instances"]}
    options = Options(by_person=True, started=born.sim.now())

    for _ in range(20):
        seen = tick(wanted, born.aws, born.sim, act=True, options=options)
        born.sim.sleep(timedelta(seconds=15))

    here = {one["InstanceId"] for one in born.group("demo-main")["Instances"]}
    assert (old <= here, len(here)) == (True, 4)
    (why,) = [move.why for _, move in seen.moves if isinstance(move, Wait)]
    assert "alarm shop-5xx is in ALARM" in why
    rings(born, "OK")
    assert born.apply(wanted) == "succeeded"


def test_a_task_of_nobody_is_stopped_where_the_spec_says_so(born: Simulation) -> None:
    """Rule 5, `standalone: stop`: no service would start it anew elsewhere, and its host shall go."""
    wanted = another(born, "hosts.main.rollout.standalone=stop")
    (service,) = born.aws.ecs.describe_services(cluster="demo", services=["demo-web"])["services"]
    run: Any = born.aws.ecs.run_task
    (task,) = run(cluster="demo", taskDefinition=service["taskDefinition"], launchType="EC2")["tasks"]
    born.sim.sleep(timedelta(seconds=30))

    assert born.apply(wanted) == "succeeded"

    (ended,) = born.aws.ecs.describe_tasks(cluster="demo", tasks=[task["taskArn"]])["tasks"]
    assert (ended["lastStatus"], ended["stopCode"]) == ("STOPPED", "UserInitiated")
