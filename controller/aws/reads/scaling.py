"""What Application Auto Scaling tells of our services. Asked only where one scales, or is marked to have done so."""

from __future__ import annotations

from functools import partial
from typing import Any

from controller.aws import tags
from controller.aws.client import pages
from controller.aws.reads.base import Item
from controller.aws.reads.ecs import EcsReads
from controller.base.keys import HAS_PREFIX

NAMES_MAX = 50  # resource ids per call (aws.md 6.3)


class ScalingReads(EcsReads):
    """Application Auto Scaling."""

    def scalable_targets(self) -> list[Item]:
        """Those of our services that shall scale or are marked to have done so: others may be somebody else's."""

        def ask() -> list[Item]:
            if not self.wanted("scalable_target") and self.destroying:
                return []  # a service takes its target along
            services = [
                item["serviceArn"].split(":service/")[-1]
                for item in self.services()
                if item["serviceName"] in self.wanted("scalable_target")
                or f"{HAS_PREFIX}scalable_target" in tags.read(item.get("tags"))
            ]
            names, found = [f"service/{one}" for one in services], []
            call: Any = self.aws.applicationautoscaling.describe_scalable_targets
            for start in range(0, len(names), NAMES_MAX):
                part = names[start : start + NAMES_MAX]
                found += pages(call, "ScalableTargets", ServiceNamespace="ecs", ResourceIds=part)
            return found

        return self.once("scalable_targets", ask)

    def service_scaling_policies(self) -> list[Item]:
        """Every policy on those targets; asked for by name, those that a spec has no more would not be found."""

        def ask() -> list[Item]:
            call: Any = self.aws.applicationautoscaling.describe_scaling_policies
            one = partial(pages, call, "ScalingPolicies", ServiceNamespace="ecs")
            calls = [partial(one, ResourceId=item["ResourceId"]) for item in self.scalable_targets()]
            return [item for part in self.spread(calls) for item in part]

        return self.once("service_scaling_policies", ask)
