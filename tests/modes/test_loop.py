"""run: one line per pass, drift put right, and what keeps its hands off: observing, a wrong file, a taken port."""

from __future__ import annotations

import json
import socket
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.base.errors import Refused
from controller.report.server import serve
from controller.report.snapshot import Snapshot, View
from tests.modes.stage import Command, Stage

GROUP = "tiny-main"


def attribute(stage: Stage, value: str | None = None) -> str:
    """The deregistration delay of the blue group, after somebody set it to *value*."""
    arn = stage.own.elbv2.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
    key = "deregistration_delay.timeout_seconds"
    if value is not None:
        stage.own.elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[{"Key": key, "Value": value}])
    found = stage.own.elbv2.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    return next(str(one["Value"]) for one in found if one["Key"] == key)


def test_drift_is_put_right_and_every_pass_has_its_line(stage: Stage, command: Command) -> None:
    before = attribute(stage)
    attribute(stage, "77")

    lines = command("run", stage.spec, "--ticks", "3").lines("tick.done")

    assert attribute(stage) == before
    assert [line["tick"] for line in lines] == [1, 2, 3]
    assert {"stack", "spec", "quiet", "seconds", "outcome", "done", "moves"} <= lines[0].keys()
    assert any("target_group" in key for key in lines[0]["done"])
    assert lines[-1]["quiet"]


def test_observing_never_acts(stage: Stage, command: Command) -> None:
    before = attribute(stage)
    attribute(stage, "77")

    command("run", stage.spec, "--observe", "--ticks", "2")

    assert attribute(stage) == "77"
    attribute(stage, before)


def test_a_file_that_becomes_wrong_is_told_and_the_loop_goes_on(stage: Stage, command: Command) -> None:
    waits = iter(["wrong: true\n", ""])
    stage.clock.between = lambda: stage.write(next(waits, "")) and None

    ended = command("run", stage.spec, "--ticks", "4")

    assert len(ended.lines("spec.invalid")) >= 1
    assert ended.lines("tick.done")[-1]["tick"] == 4


@pytest.mark.parametrize("listen", ["127.0.0.1:99999", "nowhere", "127.0.0.1:²"])
def test_a_place_that_is_none_is_refused(listen: str) -> None:
    with pytest.raises(Refused, match="expected HOST:PORT"), serve(listen, lambda: Snapshot((), timedelta(1))):
        pass


def test_a_taken_port_is_one_clear_line(stage: Stage, command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = command("run", stage.spec, "--listen", f"127.0.0.1:{taken.getsockname()[1]}")

    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert "address already in use" in ended.err


def test_the_status_endpoints_answer(tmp_path: Path) -> None:
    view = View("tiny", 3, datetime.now(UTC), 0.5, "succeeded", calls={"ecs:ListTasks": 2})
    with serve("127.0.0.1:0", lambda: Snapshot((view,), timedelta(seconds=30))) as (host, port):
        health, figures, status = (
            urllib.request.urlopen(f"http://{host}:{port}/{name}", timeout=5).read().decode()
            for name in ("healthz", "metrics", "status")
        )

    assert health == "ok"
    assert 'theseus_api_calls_total{operation="ecs:ListTasks",stack="tiny"} 2.0' in figures
    assert json.loads(status)["stacks"][0]["outcome"] == "succeeded"
