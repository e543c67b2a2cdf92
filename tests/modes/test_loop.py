"""run: one line per pass, drift put right, and what keeps its hands off: observing, a wrong file, a taken port."""

from __future__ import annotations

import http.client
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


def test_drift_is_put_right_and_every_pass_has_its_line(stage: Stage, command: Command) -> None:
    before = stage.delay()
    stage.delay("77")

    lines = command("run", stage.spec, "--ticks", "3").lines("tick.done")

    assert stage.delay() == before
    assert [line["tick"] for line in lines] == [1, 2, 3]
    assert {"stack", "spec", "quiet", "seconds", "outcome", "done", "moves"} <= lines[0].keys()
    assert any("target_group" in key for key in lines[0]["done"])
    assert lines[-1]["quiet"]


def test_a_name_that_somebody_removed_comes_back(stage: Stage, command: Command) -> None:
    [vpc] = stage.own.ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["tiny*"]}])["Vpcs"]
    name = next(tag["Value"] for tag in vpc["Tags"] if tag["Key"] == "Name")
    stage.own.ec2.delete_tags(Resources=[vpc["VpcId"]], Tags=[{"Key": "Name"}])

    command("run", stage.spec, "--ticks", "1")

    [after] = stage.own.ec2.describe_vpcs(VpcIds=[vpc["VpcId"]])["Vpcs"]
    assert {"Key": "Name", "Value": name} in after["Tags"]


def test_observing_never_acts_and_asks_no_more_often(stage: Stage, command: Command) -> None:
    """No lease, no record, no change; what it would do is told, at the usual interval."""
    before, record, passes = stage.delay(), stage.record(), list[datetime]()
    stage.delay("77")
    mutations = stage.sim.edge.calls["elbv2:ModifyTargetGroupAttributes"]
    stage.clock.between = lambda: passes.append(stage.sim.now())

    stage.write("hosts: {main: {rollout: {bake: 7s}}}\n")
    ended = command("run", stage.spec, "--observe", "--ticks", "2")

    lines = ended.lines("tick.done")
    assert stage.delay() == "77"
    assert stage.sim.edge.calls["elbv2:ModifyTargetGroupAttributes"] == mutations
    assert stage.record() == record
    assert not ended.lines("lease.taken")
    assert [(line["done"], line["moves"]) for line in lines] == [([], [])] * 2
    assert all("target_group" in line["would"][0] for line in lines)
    assert passes[1] - passes[0] >= timedelta(seconds=54)
    stage.delay(before)


def test_a_file_that_becomes_wrong_is_told_and_acted_on_once_repaired(stage: Stage, command: Command) -> None:
    before = stage.delay()

    def spoil() -> None:
        stage.write("wrong: true\n")
        stage.delay("77")

    left: list[str] = []
    stage.before_passes(two=spoil, three=lambda: (left.append(stage.delay()), stage.write()))
    ended = command("run", stage.spec, "--ticks", "4")

    [invalid] = ended.lines("spec.invalid")
    assert (invalid["tick"], "wrong" in invalid["problems"][0]) == (2, True)
    assert left == ["77"]
    lines = {line["tick"]: line for line in ended.lines("tick.done")}
    assert sorted(lines) == [1, 3, 4]
    assert any("target_group" in key for key in lines[3]["done"])
    assert stage.delay() == before


def test_two_stacks_take_turns_and_one_that_is_wrong_holds_up_nobody(stage: Stage, command: Command) -> None:
    other = stage.write(name="other")
    stage.before_passes(three=lambda: stage.write("wrong: true\n", name="other"))

    ended = command("run", stage.spec, other, "--observe", "--ticks", "3")

    lines = [(line["tick"], line["spec"]) for line in ended.lines("tick.done") + ended.lines("spec.invalid")]
    assert sorted(lines) == sorted((number, spec) for number in (1, 2, 3) for spec in (stage.spec, other))
    assert [line["spec"] for line in ended.lines("tick.done")].count(stage.spec) == 3
    assert [line["spec"] for line in ended.lines("spec.invalid")] == [other, other]
    turns = [line["tick"] for line in ended.lines("tick.done")]
    assert turns == sorted(turns)


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


@pytest.mark.parametrize(("ago", "code"), [(20, 200), (40, 503)])
def test_health_is_a_pass_that_is_not_long_ago(ago: int, code: int) -> None:
    """One stack that is late makes the loop unhealthy, and is named; one that waits for its first pass does not."""
    late = View("tiny", 3, datetime.now(UTC) - timedelta(seconds=ago))
    views = (View("new"), View("fresh", 1, datetime.now(UTC)), late)
    with serve("127.0.0.1:0", lambda: Snapshot(views, timedelta(seconds=30))) as (host, port):
        asked = http.client.HTTPConnection(host, port, timeout=5)
        asked.request("GET", "/healthz")
        answer = asked.getresponse()
        words = answer.read().decode()

    assert answer.status == code
    assert words == ("ok" if code == 200 else f"tiny: last pass {late.at:%H:%M:%SZ}")
