"""How many targets are waited for before requests move, as the service behind the new group says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from controller.aws.forwarding import Forward, staged, targets_of

OLD, NEW = "arn:targetgroup/old/1", "arn:targetgroup/new/1"
LIVE = (Forward(OLD, 100), Forward(NEW, 0))


def account(*services: dict[str, Any]) -> Any:
    """Four healthy targets behind the old group, none behind the new one."""
    states = {OLD: ["healthy"] * 4, NEW: []}
    found = [{"serviceName": "web", "status": "ACTIVE", **one} for one in services]
    return SimpleNamespace(
        ecs=SimpleNamespace(
            list_services=lambda **_: {"serviceArns": ["arn:service/web"] if found else []},
            describe_services=lambda **_: {"services": found},
        ),
        elbv2=SimpleNamespace(
            describe_target_health=lambda TargetGroupArn: {  # noqa: N803 - as the operation spells it
                "TargetHealthDescriptions": [{"TargetHealth": {"State": one}} for one in states[TargetGroupArn]]
            }
        ),
    )


@pytest.mark.parametrize(
    ("services", "waits"),
    [
        pytest.param([], "4 healthy targets", id="it is not there yet"),
        pytest.param([{"desiredCount": 2}], "2 healthy targets", id="it shall have fewer"),
        pytest.param([{"desiredCount": 0, "schedulingStrategy": "DAEMON"}], "4 healthy targets",
                     id="a daemon whose hosts are not counted yet"),
        pytest.param([{"desiredCount": 0}], "", id="it shall have none"),
    ],
)  # fmt: skip
def test_what_the_service_behind_a_group_shall_have_is_enough(services: list[dict[str, Any]], waits: str) -> None:
    behind = [{**one, "loadBalancers": [{"targetGroupArn": NEW}]} for one in services]
    wanted = (Forward(NEW, 100),)

    _, why = staged(LIVE, wanted, *targets_of(account(*behind), LIVE, wanted, "shop"))

    assert waits in why
    assert bool(waits) == why.startswith("traffic moves to new")
