"""What AWS cannot change in place is replaced under load: the successor serves before its predecessor goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.rehearsal.changes import Scene, change
from controller.rehearsal.drill import Drill
from tests.drills.stage import Stage, good

pytestmark = pytest.mark.sandbox
REPLACED = ("service/web", "target_group/web-blue", "target_group/web-green")
LEAVE = [word for address in REPLACED for word in ("--replace", address)]


def test_tasks_get_addresses_of_their_own_without_a_loss(sandbox: Drill, tmp_path: Path) -> None:
    """Another service, on target groups of another type, behind the same rule; before that, on another port."""
    stage = Stage(sandbox, "moves", tmp_path).birth()
    row = stage.choose(services__web__port=8081).roll()
    assert row["broken"] == [], row

    row = stage.choose(services__web__network_mode="awsvpc").roll(*LEAVE)

    assert row["broken"] == [], row
    found = sandbox.client("ecs").list_services(cluster="moves")["serviceArns"]
    assert len(found) == 1
    assert not found[0].endswith("/moves-web")
    good(sandbox.run("plan", stage.spec, "--detailed-exitcode"))
    good(sandbox.run("destroy", stage.spec, "--yes"))


def test_subnets_move_to_other_ranges_and_another_zone_without_a_loss(sandbox: Drill, tmp_path: Path) -> None:
    """Hosts, the balancer and a NAT gateway go over; the old subnets go when nobody is left in them."""
    stage = Stage(sandbox, "ranges", tmp_path, choices={"network__private_subnets": ["10.20.21.0/24", "10.20.22.0/24"]})
    stage.birth()
    moved = [{"cidr": "10.20.11.0/24", "zone": "us-east-1a"}, {"cidr": "10.20.12.0/24", "zone": "us-east-1c"}]
    stage.choose(network__public_subnets=moved, network__private_subnets=["10.20.31.0/24", "10.20.32.0/24"])
    leave = [f"subnet/{side}-{place}" for side in ("public", "private") for place in (1, 2)]

    row = stage.roll(*(word for address in leave for word in ("--replace", address)))

    assert row["broken"] == [], row
    ec2: Any = sandbox.client("ec2")
    ours = ec2.describe_subnets(Filters=[{"Name": "tag:theseus:stack", "Values": ["ranges"]}])["Subnets"]
    assert sorted(one["CidrBlock"] for one in ours) == [f"10.20.{n}.0/24" for n in (11, 12, 31, 32)]
    good(sandbox.run("plan", stage.spec, "--detailed-exitcode"))
    good(sandbox.run("destroy", stage.spec, "--yes"))


def test_a_load_balancer_of_another_scheme_serves_beside_the_first_without_a_loss(
    sandbox: Drill, tmp_path: Path
) -> None:
    """Clients are asked at the old name, then at both; while they ask there, not even --prune takes the old one."""
    stage = Stage(sandbox, "fronts", tmp_path).birth()
    old = stage.url()

    row = stage.choose(load_balancer__scheme="internal").roll("--replace", "load_balancer/main")

    assert row["broken"] == [], row
    elbv2: Any = sandbox.client("elbv2")
    ours = [one for one in elbv2.describe_load_balancers()["LoadBalancers"] if "fronts" in one["LoadBalancerName"]]
    (new,) = (f"http://{one['DNSName']}" for one in ours if one["Scheme"] == "internal")
    row = change(
        Scene(sandbox, stage.spec, (new, old), stage.group, "fronts-web", 60.0),
        "roll",
        lambda: sandbox.run("apply", stage.spec, "--yes", "-o", "json", "--prune"),
    )
    assert row["broken"] == [], row
    shown = sandbox.run("plan", stage.spec, "--detailed-exitcode")
    good(shown)
    assert "clients may still ask" in shown.out
    assert len(elbv2.describe_load_balancers(LoadBalancerArns=[one["LoadBalancerArn"] for one in ours])) > 0
    good(sandbox.run("destroy", stage.spec, "--yes"))
