"""import and adopt, as commands: what they show, what they refuse, what is left to do afterwards."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from tests.modes.stage import Command, Stage
from tests.resources.seed import PREFIX, seed


@pytest.fixture
def foreign(empty: Stage, command: Command, tmp_path: Path) -> str:
    """An account with a stack of others, and the spec that import wrote for it."""
    seed(empty.own, lambda: empty.sim.sleep(timedelta(seconds=15)))
    ended = command("import", "--prefix", PREFIX, "--region", "us-east-1")
    assert ended.code == 0
    assert "note: service main has the launch type EC2" in ended.err
    path = tmp_path / "imported.yaml"
    path.write_text(ended.out)
    return str(path)


def test_what_is_taken_over_is_shown_and_agreed_to(foreign: str, command: Command) -> None:
    refused = command("adopt", foreign)
    shown = command("adopt", foreign, "--yes")
    again = command("adopt", foreign, "--yes", "-o", "json")

    assert refused.code == 1
    assert "--yes" in refused.err
    assert (shown.code, again.code) == (0, 0)
    assert re.search(rf"\n    cluster/main  +{PREFIX}-cluster\n", shown.err)
    assert re.search(
        rf"\n    security_group/load-balancer  +.*{PREFIX}.*\n +\+ rule ingress tcp 80-80 0.0.0.0/0\n", shown.err
    )
    assert f"What differs from the spec: theseus plan {foreign}" in shown.err
    assert again.json()["adopted"] == []
    assert command("plan", foreign, "--detailed-exitcode").code == 2


def test_nothing_is_adopted_while_another_stack_owns_a_part(foreign: str, empty: Stage, command: Command) -> None:
    empty.own.iam.tag_role(RoleName=f"{PREFIX}-task-exec", Tags=[{"Key": "theseus:stack", "Value": "other"}])

    ended = command("adopt", foreign, "--yes")

    assert ended.code == 1
    assert "role/execution-main: belongs to stack other" in ended.err
    cluster = empty.own.ecs.describe_clusters(clusters=[f"{PREFIX}-cluster"], include=["TAGS"])["clusters"][0]
    assert cluster.get("tags", []) == []


def test_a_cluster_there_is_not(empty: Stage, command: Command) -> None:
    ended = command("import", "--prefix", "shop", "--region", "us-east-1")

    assert (ended.code, ended.out) == (1, "")
    assert "no cluster begins with shop" in ended.err
