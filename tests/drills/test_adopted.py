"""A stack that others made is imported, adopted, and rolled under load (the stack of the demonstration we replace).

Its target groups drain for five minutes. ``THESEUS_DRAIN=300s`` leaves them that; the usual run does not wait so long.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from controller.rehearsal.changes import Scene, change
from controller.rehearsal.drill import Drill
from tests.drills.stage import good
from tests.resources.seed import PREFIX, seed

pytestmark = pytest.mark.sandbox
DRAIN = os.environ.get("THESEUS_DRAIN", "5s")
PATIENCE = 1800.0  # seconds
SHORT: dict[str, Any] = {
    "hosts": {"main": {"size": {"min": 2, "desired": 2, "max": 6}, "rollout": {"bake": "3s"}}},
    # a health check of its own: the application's count of answers is then that of requests
    "services": {"main": {"desired": 4, "deregistration_delay": DRAIN, "health": {"path": "/health"}}},
}


class Clients:
    """A client of the sandbox per service, by attribute."""

    def __init__(self, sandbox: Drill) -> None:
        self._sandbox = sandbox

    def __getattr__(self, service: str) -> Any:
        return self._sandbox.client(service)


def test_the_stack_of_others_is_taken_over_and_rolled_without_a_loss(sandbox: Drill, tmp_path: Path) -> None:
    aws = Clients(sandbox)
    seed(aws, lambda: time.sleep(5), codedeploy=True)
    sandbox.door("POST", "image", repository="mercor-ecs-demo", tag="latest")
    imported, wanted = tmp_path / "imported.yaml", tmp_path / "wanted.yaml"
    imported.write_text(good(sandbox.run("import", "--prefix", PREFIX, "--region", "us-east-1")).out)

    def want(**hosts: Any) -> str:
        overlay = {**SHORT, "hosts": {"main": {**SHORT["hosts"]["main"], **hosts}}}
        wanted.write_text(json.dumps({"extends": str(imported), **overlay}))
        return str(wanted)

    good(sandbox.run("adopt", str(imported), "--yes"))
    spec = want()
    good(sandbox.run("apply", spec, "--yes", timeout=PATIENCE))
    good(sandbox.run("plan", spec, "--detailed-exitcode"))
    (balancer,) = aws.elbv2.describe_load_balancers(Names=[f"{PREFIX}-alb"])["LoadBalancers"]
    scene = Scene(sandbox, want(instance_type="t3.large"), (f"http://{balancer['DNSName']}",), f"{PREFIX}-ecs-asg",
                  f"{PREFIX}-svc", 100.0)  # fmt: skip

    row = change(scene, "roll", lambda: sandbox.run("apply", scene.spec, "--yes", "-o", "json", timeout=PATIENCE))

    assert row["broken"] == []
    assert row["requests"]["failed"] == 0
    (group,) = aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[f"{PREFIX}-ecs-asg"])[
        "AutoScalingGroups"
    ]
    assert {one["InstanceType"] for one in group["Instances"]} == {"t3.large"}
    good(sandbox.run("plan", spec, "--detailed-exitcode"))
    good(sandbox.run("destroy", spec, "--yes", timeout=PATIENCE))
    assert aws.ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [f"{PREFIX}-vpc"]}])["Vpcs"] == []
