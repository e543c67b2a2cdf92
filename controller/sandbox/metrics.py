"""What CloudWatch hears of load balancers: how many requests each got, told as often as AWS tells it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from moto.backends import get_backend

NAMESPACE, REQUESTS = "AWS/ApplicationELB", "RequestCount"
SHOWN = timedelta(hours=1)  # nobody here asks for more


class Metrics:
    """RequestCount of each load balancer, with the dimension LoadBalancer."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}
        self._at: datetime | None = None

    def due(self, now: datetime, period: timedelta) -> bool:
        return self._at is None or now - self._at >= period

    def tell(self, totals: Mapping[str, int], now: datetime) -> None:
        """*totals*: requests so far, by the arn of a load balancer. A period without any has no datapoint."""
        self._at = now
        naive = now.replace(tzinfo=None)  # as moto compares them
        for arn, total in totals.items():
            _, _, _, region, account, resource = arn.split(":", 5)
            backend = get_backend("cloudwatch")[account][region]
            kept = [one for one in backend.metric_data if one.timestamp >= naive - SHOWN]
            if len(kept) < len(backend.metric_data):
                backend.metric_data = kept
            if new := total - self._told.get(arn, 0):
                self._told[arn] = total
                label = resource.removeprefix("loadbalancer/")
                datum = {
                    "MetricName": REQUESTS,
                    "Dimensions": [{"Name": "LoadBalancer", "Value": label}],
                    "Timestamp": naive,
                    "Value": new,
                    "Unit": "Count",
                }
                backend.put_metric_data(NAMESPACE, [datum])
