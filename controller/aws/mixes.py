"""What an auto scaling group launches: one template, or a mixed instances policy around it. Shapes only, no calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Mix:
    """A mixed instances policy: types in the order of preference, and how many hosts are on demand."""

    types: tuple[str, ...]
    on_demand_base: int = 0
    on_demand_percent: int = 100
    strategy: str = "price-capacity-optimized"  # of spot; on demand goes by the order of the types


def template_of(group: Mapping[str, Any]) -> tuple[str, str]:
    """(template id, version) that a group (DescribeAutoScalingGroups entry) launches."""
    policy = group.get("MixedInstancesPolicy") or {}
    mixed = policy.get("LaunchTemplate", {}).get("LaunchTemplateSpecification")
    template = mixed or group.get("LaunchTemplate") or {}
    return str(template.get("LaunchTemplateId", "")), str(template.get("Version", ""))


def mix_of(group: Mapping[str, Any]) -> Mix | None:
    """How a group mixes, None when it does not; what AWS left out is its default (peers.md 4.9)."""
    policy = group.get("MixedInstancesPolicy") or {}
    types = tuple(str(one.get("InstanceType", "")) for one in policy.get("LaunchTemplate", {}).get("Overrides", []))
    shares = policy.get("InstancesDistribution", {})
    mix = Mix(
        types,
        int(shares.get("OnDemandBaseCapacity", 0)),
        int(shares.get("OnDemandPercentageAboveBaseCapacity", 100)),
        str(shares.get("SpotAllocationStrategy", "lowest-price")),
    )
    return mix if types else None


def policy_of(mix: Mix, template: Mapping[str, str]) -> Any:
    """The MixedInstancesPolicy that says *mix*, everything stated."""
    return {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": dict(template),
            "Overrides": [{"InstanceType": one} for one in mix.types],
        },
        "InstancesDistribution": {
            "OnDemandAllocationStrategy": "prioritized",
            "OnDemandBaseCapacity": mix.on_demand_base,
            "OnDemandPercentageAboveBaseCapacity": mix.on_demand_percent,
            "SpotAllocationStrategy": mix.strategy,
        },
    }
