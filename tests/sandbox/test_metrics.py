"""What CloudWatch is told of load balancers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from controller.sandbox.metrics import Metrics
from controller.sandbox.simulated import Simulated

ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/shop/1a2b"
MINUTE = timedelta(minutes=1)


def counted(sim: Simulated, minutes: int) -> list[float]:
    cloudwatch: Any = sim.session().create_client("cloudwatch", region_name="us-east-1")
    found = cloudwatch.get_metric_statistics(
        Namespace="AWS/ApplicationELB",
        MetricName="RequestCount",
        Dimensions=[{"Name": "LoadBalancer", "Value": "app/shop/1a2b"}],
        StartTime=sim.now() - minutes * MINUTE,
        EndTime=sim.now(),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return [one["Sum"] for one in sorted(found, key=lambda one: one["Timestamp"])]


def test_each_period_has_its_requests_and_a_quiet_one_no_datapoint() -> None:
    sim, metrics = Simulated(), Metrics()
    for total in (0, 7, 7, 12):
        assert metrics.due(sim.now(), MINUTE)
        metrics.tell({ARN: total}, sim.now())
        assert not metrics.due(sim.now(), MINUTE)
        sim.sleep(MINUTE)

    assert counted(sim, 10) == [7.0, 5.0]
    assert counted(sim, 1) == [5.0]
