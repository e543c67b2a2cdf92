"""Adverse but real scenes for a roll under load, each played by a command with a rule taken out, or with none.

Requests of two kinds run all along: short ones, and ones that take `SLOW` seconds, less than the deregistration delay.
Managed draining is off, so that nothing but our own rules lets them finish.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.rehearsal.drill import Drill, Ended, Running
from controller.rehearsal.load import Load, load
from tests.drills.stage import PARAMETER, Stage, good, until

RATE = 30.0  # requests a second of each kind
SLOW = 7  # seconds that a slow request takes; a prober gives up after ten
DELAY = "10s"  # deregistration delay: a balancer's lag (2 s) and a slow request fit
END = 300.0  # seconds for any command of a scene
PASSES = 40  # of a loop whose image never joins: several times its ready timeout


@dataclass(frozen=True, slots=True)
class Played:
    """What a scene cost, by the counts of those who had no part in it."""

    outcome: str
    sent: int
    failed: int
    kinds: dict[str, int]
    unsent: int
    serving: int  # hosts, at least, by the world's own count
    size: int
    launched: int
    replaced: int
    seconds: float
    problems: list[str]  # of the prober's, the balancer's and the application's counts

    @property
    def figures(self) -> str:
        failed = f"{self.failed} failed {self.kinds}" if self.failed else "0 failed"
        return (
            f"{self.sent} sent, {failed}; at least {self.serving} of {self.size} hosts serving; {self.launched} "
            f"launched, {self.replaced} replaced; {self.outcome}, {self.seconds:.0f} s"
        )


def shop(drill: Drill, folder: Path) -> Stage:
    """Three hosts, four tasks, nobody but theseus to drain them."""
    stage = Stage(drill, "mutants", folder)
    stage.choose(hosts__main__managed_draining={"enabled": False, "acknowledge": True})
    stage.choose(hosts__main__rollout={"standalone": "ignore"}, services__web__deregistration_delay=DELAY)
    return stage.birth()


def single(drill: Drill, folder: Path) -> Stage:
    """One host, whose newest image is always wanted."""
    stage = Stage(drill, "single", folder)
    stage.choose(hosts__main__image={"ssm": PARAMETER, "update": "auto"})
    stage.choose(hosts__main__size={"min": 1, "desired": 1, "max": 3}, services__web__desired=2)
    stage.choose(hosts__main__managed_draining={"enabled": False, "acknowledge": True})
    stage.choose(hosts__main__rollout={"ready_timeout": "8s", "bake": "1s"}, services__web__deregistration_delay=DELAY)
    return stage.birth()


def roll(stage: Stage, rule: str, limit: str) -> Played:
    """Another instance type: every host is replaced, one after the other."""
    stage.choose(hosts__main__instance_type=stage.another_type())
    return _played(stage, lambda: _apply(stage, rule, limit).wait(END))


def by_hand(stage: Stage, rule: str, limit: str) -> Played:
    """A roll, and on one of the old hosts a process that an operator put behind our target group.

    No service stands behind it and `standalone: ignore` waits for no such task: only its target says that it serves.
    The operator takes it out when every other task has left the host, as one does, and expects its requests to finish.
    """
    host, port = _put_behind(stage)
    target: Any = {"TargetGroupArn": stage.target_group(), "Targets": [{"Id": host, "Port": port}]}

    def act() -> Ended:
        running = _apply(stage, rule, limit)
        _until(running, lambda: _open_tasks(stage).get(host, 0) <= 1)
        stage.drill.client("elbv2").deregister_targets(**target)
        return running.wait(END)

    stage.choose(hosts__main__instance_type=stage.another_type())
    return _played(stage, act)


def orphans(stage: Stage, rule: str, limit: str) -> Played:
    """A roll, and somebody who finds its first drain too slow takes that host out of the cluster by force.

    To ECS its tasks have stopped; their processes go on, and have requests in flight (aws.md 1.5).
    """

    def act() -> Ended:
        running = _apply(stage, rule, limit)
        _until(running, lambda: bool(_draining(stage)))
        for host in _draining(stage):
            stage.drill.client("ecs").deregister_container_instance(
                cluster=stage.name, containerInstance=_node_of(stage, host), force=True
            )
        return running.wait(END)

    stage.choose(hosts__main__instance_type=stage.another_type())
    return _played(stage, act)


def never_joins(stage: Stage, rule: str, limit: str) -> Played:
    """The loop meets an image whose hosts never join the cluster."""
    stage.drill.door("POST", "ami", parameter=PARAMETER, joins="never")
    command = ("run", stage.spec, "--interval", "1s", "--ticks", str(PASSES))
    return _played(stage, lambda: _start(stage, rule, *command).wait(END))


def settle(stage: Stage) -> None:
    """What a broken rule left behind is put right by a command with all of them."""
    if stage.name == "single":
        stage.drill.door("POST", "ami", parameter=PARAMETER)
    good(stage.drill.run("apply", stage.spec, "--yes"))


def _start(stage: Stage, rule: str, *arguments: str) -> Running:
    return Running([sys.executable, "-m", "tests.drills.mutant", rule, *arguments], stage.drill.env)


def _apply(stage: Stage, rule: str, limit: str) -> Running:
    return _start(stage, rule, "apply", stage.spec, "--yes", "-o", "json", "--timeout", limit)


def _played(stage: Stage, act: Callable[[], Ended]) -> Played:
    """Do it under load, and count."""
    hosts, launched, size = set(stage.instances()), _launched(stage), len(stage.instances())
    with load(stage.drill, stage.url(), stage.url(f"/slow?seconds={SLOW}"), rate=RATE) as one:
        began = time.monotonic()
        ended = act()
        took = time.monotonic() - began
    return Played(
        ended.json()["outcome"] if ended.out.startswith("{") else f"exit {ended.code}",
        sent=sum(int(probe["sent"]) for probe in one.probes.values()),
        failed=one.failed,
        kinds=_kinds(one),
        unsent=sum(int(probe["unsent"]) for probe in one.probes.values()),
        serving=one.lowest["hosts"].get(stage.group, 0),
        size=size,
        launched=len(_launched(stage) - launched),
        replaced=len(hosts - set(stage.instances())),
        seconds=took,
        problems=one.problems,
    )


def _kinds(one: Load) -> dict[str, int]:
    found: dict[str, int] = {}
    for probe in one.probes.values():
        for kind, number in probe["failures_by_kind"].items():
            found[kind] = found.get(kind, 0) + int(number)
    return found


def _launched(stage: Stage) -> set[str]:
    """Every instance the group ever launched, by its activities."""
    client = stage.drill.client("autoscaling")
    pages = client.get_paginator("describe_scaling_activities").paginate(AutoScalingGroupName=stage.group)
    words = [str(one["Description"]) for page in pages for one in page["Activities"]]
    return {text.rpartition(": ")[2] for text in words if text.startswith("Launching")}


def _put_behind(stage: Stage) -> tuple[str, int]:
    """Run one more task by hand and register it by hand; (host, port) once requests reach it."""
    ecs, elb = stage.drill.client("ecs"), stage.drill.client("elbv2")
    service = ecs.describe_services(cluster=stage.name, services=[f"{stage.name}-web"])["services"][0]
    task = ecs.run_task(cluster=stage.name, taskDefinition=service["taskDefinition"])["tasks"][0]

    def seen() -> Any:
        return ecs.describe_tasks(cluster=stage.name, tasks=[task["taskArn"]])["tasks"][0]

    until(lambda: seen()["lastStatus"] == "RUNNING", 30, "the task runs")
    node = ecs.describe_container_instances(cluster=stage.name, containerInstances=[task["containerInstanceArn"]])
    host = str(node["containerInstances"][0]["ec2InstanceId"])
    port = int(seen()["containers"][0]["networkBindings"][0]["hostPort"])
    target: Any = {"TargetGroupArn": stage.target_group(), "Targets": [{"Id": host, "Port": port}]}
    elb.register_targets(**target)

    def healthy() -> bool:
        found = elb.describe_target_health(**target)["TargetHealthDescriptions"]
        return bool(found[0]["TargetHealth"]["State"] == "healthy")

    until(healthy, 60, "requests reach it")
    return host, port


def _open_tasks(stage: Stage) -> dict[str, int]:
    """Tasks that have not stopped, by host."""
    found: dict[str, int] = {}
    for _, host, last, _ in stage.drill.door("GET", "state")["tasks"]:
        if last != "STOPPED":
            found[host] = found.get(host, 0) + 1
    return found


def _draining(stage: Stage) -> list[str]:
    """The hosts that are drained and not empty yet."""
    hosts = stage.drill.door("GET", "state")["hosts"]
    return [str(host["id"]) for host in hosts if host["status"] == "DRAINING" and host["tasks"]]


def _node_of(stage: Stage, host: str) -> str:
    ecs = stage.drill.client("ecs")
    arns = ecs.list_container_instances(cluster=stage.name)["containerInstanceArns"]
    nodes = ecs.describe_container_instances(cluster=stage.name, containerInstances=arns)["containerInstances"]
    return next(str(node["containerInstanceArn"]) for node in nodes if node["ec2InstanceId"] == host)


def _until(running: Running, true: Callable[[], bool]) -> None:
    """Wait for a moment of a roll that is under way; one that ended without it has no such moment."""
    until(lambda: running.process.poll() is not None or true(), END, f"a moment of\n{running.said()}")
