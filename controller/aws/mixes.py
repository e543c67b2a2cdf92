"""What an auto scaling group launches: one template, or a mixed instances policy around it. Shapes only, no calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ON_DEMAND = "prioritized"  # goes by the order of the types


@dataclass(frozen=True, slots=True)
class Mix:
    """A mixed instances policy: types in the order of preference, and how many hosts are on demand.

    others   what somebody else set in it, ``SpotMaxPrice=0.01``; none is ours
    """

    types: tuple[str, ...]
    on_demand_base: int = 0
    on_demand_percent: int = 100
    strategy: str = "price-capacity-optimized"  # of spot; on demand goes by the order of the types
    others: tuple[str, ...] = ()


def template_of(group: Mapping[str, Any]) -> tuple[str, str]:
    """(template id, version) that a group (DescribeAutoScalingGroups entry) launches."""
    policy = group.get("MixedInstancesPolicy") or {}
    mixed = policy.get("LaunchTemplate", {}).get("LaunchTemplateSpecification")
    template = mixed or group.get("LaunchTemplate") or {}
    return str(template.get("LaunchTemplateId", "")), str(template.get("Version", ""))


def mix_of(group: Mapping[str, Any]) -> Mix | None:
    """How a group mixes, None when it does not; what AWS left out is its default (peers.md 4.9)."""
    policy = group.get("MixedInstancesPolicy") or {}
    overrides = policy.get("LaunchTemplate", {}).get("Overrides", [])
    types = tuple(str(one.get("InstanceType", "")) for one in overrides)
    shares = policy.get("InstancesDistribution", {})
    mix = Mix(
        types,
        int(shares.get("OnDemandBaseCapacity", 0)),
        int(shares.get("OnDemandPercentageAboveBaseCapacity", 100)),
        str(shares.get("SpotAllocationStrategy", "lowest-price")),
        _others(shares, overrides),
    )
    return mix if types else None


def _others(shares: Mapping[str, Any], overrides: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    strange = {
        "SpotMaxPrice": shares.get("SpotMaxPrice", ""),
        "OnDemandAllocationStrategy": shares.get("OnDemandAllocationStrategy", ON_DEMAND).replace(ON_DEMAND, ""),
    }
    found = [f"{name}={value}" for name, value in strange.items() if value]
    found += [f"{name} of {one.get('InstanceType', '')}" for one in overrides for name in one if name != "InstanceType"]
    return tuple(sorted(found))


def policy_of(mix: Mix, template: Mapping[str, str], live: Mix | str = "") -> Any:
    """The MixedInstancesPolicy that says *mix* where *live* is, everything stated: a price that is left out stays
    (autoscaling InstancesDistribution, SpotMaxPrice)."""
    priced = isinstance(live, Mix) and any(one.startswith("SpotMaxPrice") for one in live.others)
    return {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": dict(template),
            "Overrides": [{"InstanceType": one} for one in mix.types],
        },
        "InstancesDistribution": {
            "OnDemandAllocationStrategy": ON_DEMAND,
            "OnDemandBaseCapacity": mix.on_demand_base,
            "OnDemandPercentageAboveBaseCapacity": mix.on_demand_percent,
            "SpotAllocationStrategy": mix.strategy,
            **({"SpotMaxPrice": ""} if priced else {}),
        },
    }
