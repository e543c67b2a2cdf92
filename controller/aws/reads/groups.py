"""What auto scaling groups, CloudWatch and SSM tell: groups, why launches failed, alarms, images."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import cast

from controller.aws.client import pages
from controller.aws.reads.base import Base, Item

SSM_PARAMETERS_MAX = 10
ALARMS_MAX = 100
LATELY = timedelta(minutes=5)  # CloudWatch hears of requests each minute, and tells of them a minute or two later


class GroupReads(Base):
    """Auto Scaling, CloudWatch, SSM."""

    def requests(self, balancer: str) -> int:
        """How many requests the load balancer of that label got of late. CloudWatch hears of them each minute."""

        def ask() -> int:
            assert self.now is not None, "a pass says when it began"
            found = self.aws.cloudwatch.get_metric_statistics(
                Namespace="AWS/ApplicationELB",
                MetricName="RequestCount",
                Dimensions=[{"Name": "LoadBalancer", "Value": balancer}],
                StartTime=self.now - LATELY,
                EndTime=self.now,
                Period=60,
                Statistics=["Sum"],
            )["Datapoints"]
            return round(sum(one["Sum"] for one in found))

        return self.once(("requests", balancer), ask)

    def groups(self) -> list[Item]:
        """Our groups, instances included, and whoever else's has a name we want; a missing one is not there."""

        def ask() -> list[Item]:
            call = self.aws.autoscaling.describe_auto_scaling_groups
            found = pages(call, "AutoScalingGroups", Filters=self._tagged())
            have = {item["AutoScalingGroupName"] for item in found}
            if names := [name for name in self.wanted("auto_scaling_group") if name not in have]:
                found += pages(call, "AutoScalingGroups", AutoScalingGroupNames=names)
            return found

        return self.once("groups", ask)

    def group_lives(self, arn: str) -> bool:
        """Whether the group of that arn is there, whoever's it is, and not on its way out."""
        name = arn.rsplit("/", 1)[-1]

        def ask() -> list[Item]:
            call = self.aws.autoscaling.describe_auto_scaling_groups
            return pages(call, "AutoScalingGroups", AutoScalingGroupNames=[name])

        known = self.groups()
        asked = any(one["AutoScalingGroupName"] == name for one in known)
        found = known if asked else self.once(("group", name), ask)
        return any(one["AutoScalingGroupARN"] == arn and not one.get("Status") for one in found)

    def activities(self, group: str) -> list[Item]:
        """The newest scaling activities of one group (one page is enough to explain a launch failure)."""

        def ask() -> list[Item]:
            answer = self.aws.autoscaling.describe_scaling_activities(AutoScalingGroupName=group, MaxRecords=20)
            return cast("list[Item]", answer["Activities"])

        return self.once(("activities", group), ask)

    def instance_refreshes(self, group: str) -> list[Item]:
        """The newest instance refreshes of one group."""

        def ask() -> list[Item]:
            answer = self.aws.autoscaling.describe_instance_refreshes(AutoScalingGroupName=group, MaxRecords=5)
            return cast("list[Item]", answer["InstanceRefreshes"])

        return self.once(("instance_refreshes", group), ask)

    def lifecycle_hooks(self, group: str) -> list[Item]:
        """The lifecycle hooks of one group, ECS's and others' included (the call has no pages)."""

        def ask() -> list[Item]:
            answer = self.aws.autoscaling.describe_lifecycle_hooks(AutoScalingGroupName=group)
            return cast("list[Item]", answer["LifecycleHooks"])

        return self.once(("lifecycle_hooks", group), ask)

    def scaling_policies(self, group: str) -> list[Item]:
        """The scaling policies of one group, ECS's and others' included."""
        call = self.aws.autoscaling.describe_policies
        return self.once(
            ("scaling_policies", group), lambda: pages(call, "ScalingPolicies", AutoScalingGroupName=group)
        )

    def scheduled_actions(self, group: str) -> list[Item]:
        """The scheduled actions of one group, others' included."""
        call = self.aws.autoscaling.describe_scheduled_actions
        return self.once(
            ("scheduled_actions", group), lambda: pages(call, "ScheduledUpdateGroupActions", AutoScalingGroupName=group)
        )

    def alarms(self, names: Sequence[str]) -> dict[str, Item]:
        """The wanted alarms by name; a missing one is not there."""

        def ask() -> dict[str, Item]:
            found: list[Item] = []
            for start in range(0, len(names), ALARMS_MAX):
                part = list(names[start : start + ALARMS_MAX])
                found += pages(self.aws.cloudwatch.describe_alarms, "MetricAlarms", AlarmNames=part)
            return {item["AlarmName"]: item for item in found}

        return self.once(("alarms", tuple(names)), ask)

    def parameter(self, name: str) -> str | None:
        """The value of one SSM parameter. All those in ``names["parameter"]`` are asked together."""

        def ask() -> dict[str, str]:
            wanted = sorted({*self.wanted("parameter"), name})
            found: dict[str, str] = {}
            for start in range(0, len(wanted), SSM_PARAMETERS_MAX):
                answer = self.aws.ssm.get_parameters(Names=wanted[start : start + SSM_PARAMETERS_MAX])
                found |= {item["Name"]: item["Value"] for item in answer["Parameters"]}
            return found

        known = self.once("parameters", ask)
        if name in known or name in self.wanted("parameter"):
            return known.get(name)
        return self.once(("parameter", name), lambda: ask().get(name))
