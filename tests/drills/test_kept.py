"""`run`: drift is put right under load, a bad image launches one host only, an older spec rolls nothing back."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from controller.rehearsal.drill import Drill, Running
from controller.rehearsal.load import load
from tests.drills.stage import PARAMETER, Stage, good, until

pytestmark = pytest.mark.sandbox
FAST = ("--interval", "2s")


def lines(running: Running, event: str) -> list[dict[str, Any]]:
    """What the loop logged under *event* so far."""
    found = [json.loads(line) for line in running.said().splitlines() if line.startswith("{")]
    return [one for one in found if one["event"] == event]


def test_drift_is_put_right_under_load(stage: Stage) -> None:
    """Another template version, a deleted security group rule, another attribute: all as the spec says, 0 failed."""
    ec2, elb = stage.drill.client("ec2"), stage.drill.client("elbv2")
    template = stage.live_group()["LaunchTemplate"]
    with load(stage.drill, stage.url()) as one:
        running = stage.drill.start("run", stage.spec, *FAST)
        until(lambda: bool(lines(running, "tick.done")), 30, "first pass")
        wrong = _another_version(stage, template)
        rule = _host_rule(ec2, stage)
        ec2.revoke_security_group_ingress(GroupId=rule["GroupId"], SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
        attribute = {"Key": "deregistration_delay.timeout_seconds", "Value": "77"}
        elb.modify_target_group_attributes(TargetGroupArn=stage.target_group(), Attributes=[attribute])

        until(lambda: stage.live_group()["LaunchTemplate"]["Version"] != wrong, 30, "the version the spec asks for")
        until(lambda: _delay(elb, stage) == "5", 30, "the delay the spec asks for")
        until(lambda: bool(_host_rule(ec2, stage)), 30, "the rule the spec asks for")
        until(lambda: lines(running, "tick.done")[-1]["quiet"], 120, "a quiet pass")
        ended = running.interrupt()

    assert ended.code == 0
    assert one.failed == 0, one.probe["failures_by_kind"]
    assert one.problems == []


def test_a_host_killed_outright_is_replaced_and_the_report_says_what_was_lost(stage: Stage) -> None:
    """Requests are lost only until its targets are seen unhealthy: interval 5 s, two failures, two seconds of lag.

    This is the control, too: where nothing drains, the same load loses requests, so the counts can be believed.
    """
    found = stage.drill.client("elbv2").describe_target_health(TargetGroupArn=stage.target_group())
    serving = [
        one["Target"]["Id"] for one in found["TargetHealthDescriptions"] if one["TargetHealth"]["State"] == "healthy"
    ]
    victim = serving[0]  # a host may have tasks that get no requests yet, or any more
    with load(stage.drill, stage.url()) as one:
        running = stage.drill.start("run", stage.spec, *FAST)
        until(lambda: bool(lines(running, "tick.done")), 30, "first pass")
        killed = time.time()
        stage.drill.door("POST", "host", id=victim, action="kill")
        until(lambda: victim not in stage.instances() and len(stage.instances()) == 3, 60, "a new host")
        until(lambda: lines(running, "tick.done")[-1]["quiet"], 120, "a quiet pass")
        running.interrupt()

    lost = [failure["at"] for failure in one.probe["failures"]]
    assert lost
    assert all(killed - 1 <= _moment(at) <= killed + 20 for at in lost), lost


def test_an_image_that_never_joins_launches_one_host_and_is_remembered(sandbox: Drill, tmp_path: Path) -> None:
    """Twenty passes and more: one host, halted, the reason in status. Only a person tries again."""
    stage = Stage(sandbox, "stuck", tmp_path)
    image = {"ssm": PARAMETER, "update": "auto"}
    stage.choose(hosts__main__image=image, hosts__main__size={"min": 1, "desired": 1, "max": 3})
    stage.choose(hosts__main__rollout={"ready_timeout": "8s", "bake": "1s"}, services__web__desired=2).birth()
    hosts = set(stage.instances())
    sandbox.door("POST", "ami", parameter=PARAMETER, joins="never")

    running = sandbox.start("run", stage.spec, "--interval", "1s", "--ticks", "34")
    ended = running.wait(240)

    halted = [line for line in lines(running, "tick.done") if line["outcome"] == "halted"]
    assert ended.code == 0
    assert len(halted) >= 20
    assert set(stage.instances()) == hosts
    assert len(_launched_after(stage, hosts)) == 1
    assert "ready_timeout" in sandbox.run("status", stage.spec).out

    again = sandbox.run("apply", stage.spec, "--yes", "-o", "json")
    assert (again.code, again.json()["outcome"]) == (4, "halted")
    assert len(_launched_after(stage, hosts)) == 2
    until(lambda: set(stage.instances()) == hosts, 30, "the second one gone, too")
    sandbox.door("POST", "ami", parameter=PARAMETER)
    good(sandbox.run("destroy", stage.spec, "--yes"))


def test_an_older_loop_rolls_nothing_back(stage: Stage) -> None:
    """CI applies a newer spec beside a loop that holds the older file: the loop reports it and keeps its hands off."""
    older = stage.spec
    newer = str(stage.folder / "newer.yaml")
    running = stage.drill.start("run", older, *FAST)
    until(lambda: any(line["quiet"] for line in lines(running, "tick.done")), 30, "a quiet pass")
    message = f"newer {time.time():.0f}"
    text = json.loads(Path(older).read_text())
    text.setdefault("services", {}).setdefault("web", {})["environment"] = {"APP_MSG": message}
    Path(newer).write_text(json.dumps(text))
    good(stage.drill.run("apply", newer, "--yes"))
    until(lambda: bool(lines(running, "spec.superseded")), 30, "the loop sees it")
    seen = len(lines(running, "tick.done"))
    until(lambda: len(lines(running, "tick.done")) >= seen + 4, 60, "four passes more")
    running.interrupt()
    again = stage.drill.start("run", older, *FAST, "--ticks", "4")
    again.wait(60)

    for loop in (running, again):  # whether it was there when it happened, or came later
        assert lines(loop, "spec.superseded")
        assert all(not line["done"] and not line["moves"] for line in lines(loop, "tick.done"))
    assert stage.drill.run("plan", newer, "--detailed-exitcode").code == 0
    stage.choose(services__web__environment={"APP_MSG": message})


def _another_version(stage: Stage, template: dict[str, str]) -> str:
    """Somebody points the group at a version of their own, with another instance type."""
    ec2, autoscaling = stage.drill.client("ec2"), stage.drill.client("autoscaling")
    made = ec2.create_launch_template_version(
        LaunchTemplateId=template["LaunchTemplateId"],
        SourceVersion=template["Version"],
        LaunchTemplateData={"InstanceType": "t3.medium"},
    )
    number = str(made["LaunchTemplateVersion"]["VersionNumber"])
    autoscaling.update_auto_scaling_group(
        AutoScalingGroupName=stage.group,
        LaunchTemplate={"LaunchTemplateId": template["LaunchTemplateId"], "Version": number},
    )
    return number


def _host_rule(ec2: Any, stage: Stage) -> dict[str, Any]:
    """The rule that lets the load balancer reach the hosts; {} when it is not there."""
    name = {"Name": "group-name", "Values": [f"{stage.name}-hosts-main"]}
    group = ec2.describe_security_groups(Filters=[name])["SecurityGroups"][0]["GroupId"]
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    return next((rule for rule in rules if not rule["IsEgress"]), {})


def _delay(elb: Any, stage: Stage) -> str:
    found = elb.describe_target_group_attributes(TargetGroupArn=stage.target_group())["Attributes"]
    return next(str(one["Value"]) for one in found if one["Key"] == "deregistration_delay.timeout_seconds")


def _launched_after(stage: Stage, before: set[str]) -> set[str]:
    """The instances the group launched since those *before*, by its activities."""
    client = stage.drill.client("autoscaling")
    found = client.describe_scaling_activities(AutoScalingGroupName=stage.group)["Activities"]
    names = {one["Description"].rpartition(": ")[2]: one["StartTime"] for one in found if _launch(one)}
    newest = max(at for name, at in names.items() if name in before)
    return {name for name, at in names.items() if at > newest}


def _launch(activity: dict[str, Any]) -> bool:
    return str(activity["Description"]).startswith("Launching")


def _moment(at: Any) -> float:
    return at if isinstance(at, int | float) else datetime.fromisoformat(at).timestamp()
