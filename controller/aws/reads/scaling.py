"""What Application Auto Scaling tells of our services. Asked only where one scales, or where leftovers are sought."""

from __future__ import annotations

from functools import partial
from typing import Any

from controller.aws.client import pages
from controller.aws.reads.base import Base, Item

NAMES_MAX = 50  # resource ids per call (aws.md 6.3)


class ScalingReads(Base):
    """Application Auto Scaling."""

    def scalable_targets(self) -> list[Item]:
        """Those of all our services, where at least one scales: another may have scaled before."""

        def ask() -> list[Item]:
            if not self.wanted("scalable_target") and (self.destroying or not self.thorough):
                return []
            cluster, found = next(iter(self.wanted("cluster")), ""), []
            names = [f"service/{cluster}/{name}" for name in self.wanted("service")]
            call: Any = self.aws.applicationautoscaling.describe_scalable_targets
            for start in range(0, len(names), NAMES_MAX):
                part = names[start : start + NAMES_MAX]
                found += pages(call, "ScalableTargets", ServiceNamespace="ecs", ResourceIds=part)
            return found

        return self.once("scalable_targets", ask)

    def service_scaling_policies(self) -> list[Item]:
        """Every policy on the targets that the spec asks for; by name alone those it has no more would not be found."""

        def ask() -> list[Item]:
            call: Any = self.aws.applicationautoscaling.describe_scaling_policies
            names = self.wanted("scalable_target")
            one = partial(pages, call, "ScalingPolicies", ServiceNamespace="ecs")
            return [item for part in self.spread([partial(one, ResourceId=name) for name in names]) for item in part]

        return self.once("service_scaling_policies", ask)
