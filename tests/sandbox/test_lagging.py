"""Reads behind writes: some answers are those of before, none is older than the lag, and live state is never late."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from controller.sandbox.simulated import Simulated

LAG = timedelta(seconds=5)
MANY = range(40)


@pytest.fixture
def sim() -> Simulated:
    sim = Simulated()
    sim.door("POST", "lag", seconds=LAG.total_seconds(), seed=1)
    return sim


def client(sim: Simulated, service: str) -> Any:
    return sim.session().create_client(service, region_name="us-east-1")


def vpcs(ec2: Any) -> int:
    return len(ec2.describe_vpcs()["Vpcs"])


def test_for_some_seconds_after_a_write_reads_are_now_right_and_now_of_before(sim: Simulated) -> None:
    ec2 = client(sim, "ec2")
    before = vpcs(ec2)
    ec2.create_vpc(CidrBlock="10.9.0.0/16")

    assert {vpcs(ec2) for _ in MANY} == {before, before + 1}

    sim.sleep(LAG)
    assert {vpcs(ec2) for _ in MANY} == {before + 1}


def test_an_answer_is_never_older_than_the_lag(sim: Simulated) -> None:
    """What was read long before the write is not told after it."""
    ec2 = client(sim, "ec2")
    before = vpcs(ec2)
    sim.sleep(LAG)
    ec2.create_vpc(CidrBlock="10.9.0.0/16")

    assert {vpcs(ec2) for _ in MANY} == {before + 1}


def test_an_id_that_was_just_given_out_may_not_be_known_yet(sim: Simulated) -> None:
    ec2 = client(sim, "ec2")
    made = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]

    def known() -> str:
        try:
            return str(ec2.describe_vpcs(VpcIds=[made])["Vpcs"][0]["VpcId"])
        except ClientError as error:
            return str(error.response["Error"]["Code"])

    assert {known() for _ in MANY} == {made, "InvalidVpcID.NotFound"}

    sim.sleep(LAG)
    assert {known() for _ in MANY} == {made}


def test_the_health_of_targets_is_live_and_so_is_everything_once_the_door_is_shut(sim: Simulated) -> None:
    ec2, elb = client(sim, "ec2"), client(sim, "elbv2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = elb.create_target_group(Name="a", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
    edge = sim.edge

    for _ in MANY:
        elb.describe_target_health(TargetGroupArn=group)
        elb.add_tags(ResourceArns=[group], Tags=[{"Key": "a", "Value": "b"}])
    assert edge.lag is not None
    assert edge.lag.late == 0

    sim.door("POST", "lag", seconds=0)
    assert edge.lag is None
