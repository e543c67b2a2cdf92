"""What somebody set by hand in what is ours, and no spec can say: a plan shows it, and apply takes it off."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.resources.stacks import RICH, World, built, converge


@pytest.fixture(scope="module")
def world() -> World:
    return built(RICH)


def exact(world: World) -> None:
    place: Any = {"AutoScalingGroupName": "rich-main"}
    (live,) = world.aws.autoscaling.describe_policies(**place, PolicyNames=["rich-main-burst"])["ScalingPolicies"]
    kept: Any = {
        name: live[name] for name in ("PolicyName", "PolicyType", "StepAdjustments", "EstimatedInstanceWarmup")
    }
    more: Any = {"AdjustmentType": "ExactCapacity", "MetricAggregationType": "Maximum"}
    world.aws.autoscaling.put_scaling_policy(**place, **kept, **more)


def priced(world: World) -> None:
    call = world.aws.autoscaling.describe_auto_scaling_groups
    policy: Any = call(AutoScalingGroupNames=["rich-edge"])["AutoScalingGroups"][0]["MixedInstancesPolicy"]
    policy["LaunchTemplate"]["LaunchTemplateSpecification"].pop("LaunchTemplateName")
    policy["InstancesDistribution"]["SpotMaxPrice"] = "0.001"
    world.aws.autoscaling.update_auto_scaling_group(AutoScalingGroupName="rich-edge", MixedInstancesPolicy=policy)


def ending(world: World) -> None:
    world.aws.autoscaling.put_scheduled_update_group_action(
        AutoScalingGroupName="rich-spare",
        ScheduledActionName="rich-spare-morning",
        EndTime=world.sim.now() + timedelta(hours=9),
    )


@pytest.mark.parametrize(
    ("by_hand", "key", "field", "word"),
    [
        pytest.param(exact, "scaling_policy/main-burst", "others", "AdjustmentType=ExactCapacity", id="exact steps"),
        pytest.param(priced, "auto_scaling_group/edge", "mix", "SpotMaxPrice=0.001", id="a price of spot"),
        pytest.param(ending, "scheduled_action/spare-morning", "ends", "", id="a schedule that ends"),
    ],
)
def test_it_is_planned_with_what_it_was_and_gone_after_apply(
    world: World, by_hand: Callable[[World], None], key: str, field: str, word: str
) -> None:
    by_hand(world)

    (step,) = world.tick().plan.pending
    (change,) = step.changes
    assert (str(step.key), step.action, change.field) == (key, "update", field)
    assert word in str(change.before)
    assert converge(world).plan.pending == ()
