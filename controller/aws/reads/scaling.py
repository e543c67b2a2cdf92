"""What Application Auto Scaling tells of our services. Asked only where one scales, is marked to have done so, or has
another count than the spec says: somebody else may scale it."""

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
        """Those of all services there are: somebody else's say, too, that a count is not ours to set."""

        def ask() -> list[Item]:
            names, found = [f"service/{_ident(item)}" for item in self.services()], []
            call: Any = self.aws.applicationautoscaling.describe_scalable_targets
            for start in range(0, len(names), NAMES_MAX):
                part = names[start : start + NAMES_MAX]
                found += pages(call, "ScalableTargets", ServiceNamespace="ecs", ResourceIds=part)
            return found

        return self.once("scalable_targets", ask)

    def our_scalable_targets(self) -> list[Item]:
        """Those of services that shall scale or are marked to have done so: others are somebody else's."""
        if not self.wanted("scalable_target") and self.destroying:
            return []  # a service takes its target along
        ours = {
            f"service/{_ident(item)}"
            for item in self.services()
            if item["serviceName"] in self.wanted("scalable_target")
            or f"{HAS_PREFIX}scalable_target" in tags.read(item.get("tags"))
        }
        return [one for one in self.scalable_targets() if one["ResourceId"] in ours] if ours else []

    def service_scaling_policies(self) -> list[Item]:
        """Every policy on those targets; asked for by name, those that a spec has no more would not be found."""

        def ask() -> list[Item]:
            call: Any = self.aws.applicationautoscaling.describe_scaling_policies
            one = partial(pages, call, "ScalingPolicies", ServiceNamespace="ecs")
            calls = [partial(one, ResourceId=item["ResourceId"]) for item in self.our_scalable_targets()]
            return [item for part in self.spread(calls) for item in part]

        return self.once("service_scaling_policies", ask)


def _ident(service: Item) -> str:
    """``cluster/service``."""
    return str(service["serviceArn"].split(":service/")[-1])
