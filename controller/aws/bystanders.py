"""What others put on groups and services of ours: hooks, scaling policies, schedules; and on repositories: a policy.
Named in plans, left alone.

None of it carries tags, so nothing else of a pass meets it: it is asked for once, by commands that somebody waits for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.aws.client import pages
from controller.aws.reads.scaling import NAMES_MAX
from controller.base.errors import ControllerError, Gone, Stale
from controller.base.keys import Key

if TYPE_CHECKING:
    from controller.aws.client import Aws

OF_ECS = ("ECSManaged", "ecs-managed-")  # managed scaling's policy, managed draining's hook


@dataclass(frozen=True, slots=True)
class Ours:
    """Where to look, and what is no stranger's there.

    groups    group name -> its key
    services  ``cluster/service`` -> its key
    scaled    the names, in the spec, of the services whose scaling is ours
    names     of our hooks, policies and actions
    repositories  name -> its key
    """

    groups: Mapping[str, Key]
    services: Mapping[str, Key]
    scaled: Collection[str]
    names: Collection[str]
    repositories: Mapping[str, Key]


def bystanders(aws: Aws, ours: Ours) -> tuple[str, ...]:
    """A note for each; one note where it may not be asked for.

    Source: DescribeLifecycleHooks, DescribePolicies, DescribeScheduledActions; the same of Application Auto Scaling;
    GetRepositoryPolicy of ECR.
    """
    return (
        *_told("hooks and scaling policies", lambda: (*_on_groups(aws, ours), *_on_services(aws, ours))),
        *_told("repository policies", lambda: tuple(_on_repositories(aws, ours))),
    )


def _told(what: str, ask: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
    try:
        return ask()
    except (Gone, Stale):  # deleted meanwhile: whoever plans again sees
        return ()
    except ControllerError as error:  # what it is told for goes on without
        return (f"{what} of others were not looked for: {error}",)


def _on_repositories(aws: Aws, ours: Ours) -> Iterable[str]:
    """Who pulls or pushes there by a policy: it is theirs to say."""
    for name, key in sorted(ours.repositories.items()):
        try:
            text = aws.ecr.get_repository_policy(repositoryName=name)["policyText"]
        except Gone:  # the usual case: there is none
            continue
        yield f"{key}: repository policy, made by others: left alone; it lets in {', '.join(_let_in(text)) or 'nobody'}"


def _let_in(text: str) -> list[str]:
    """The principals that a policy allows something."""
    said = json.loads(text).get("Statement", [])
    given = [one.get("Principal", "*") for one in (said if isinstance(said, list) else [said]) if _allows(one)]
    named = [value for one in given for value in (one.values() if isinstance(one, dict) else [one])]
    return sorted({name for value in named for name in (value if isinstance(value, list) else [value])})


def _allows(statement: Mapping[str, Any]) -> bool:
    return statement.get("Effect") == "Allow"


def _on_groups(aws: Aws, ours: Ours) -> Iterable[str]:
    asks: tuple[tuple[str, str, Callable[[str], Iterable[Any]]], ...] = (
        ("lifecycle hook", "LifecycleHookName", lambda group: _hooks(aws, group)),
        ("scaling policy", "PolicyName", lambda group: _policies(aws, group)),
        ("scheduled action", "ScheduledActionName", lambda group: _actions(aws, group)),
    )
    for group, key in sorted(ours.groups.items()):
        for what, field, ask in asks:
            for name in sorted(str(one[field]) for one in ask(group)):
                if name not in ours.names and not name.startswith(OF_ECS):
                    theirs = ", and the number of hosts is its" if what == "scaling policy" else ""
                    yield f"{key}: {what} {name}, made by others: left alone{theirs}"


def _hooks(aws: Aws, group: str) -> Iterable[Any]:
    return aws.autoscaling.describe_lifecycle_hooks(AutoScalingGroupName=group)["LifecycleHooks"]


def _policies(aws: Aws, group: str) -> Iterable[Any]:
    return pages(aws.autoscaling.describe_policies, "ScalingPolicies", AutoScalingGroupName=group)


def _actions(aws: Aws, group: str) -> Iterable[Any]:
    call = aws.autoscaling.describe_scheduled_actions
    return pages(call, "ScheduledUpdateGroupActions", AutoScalingGroupName=group)


def _on_services(aws: Aws, ours: Ours) -> Iterable[str]:
    call: Any = aws.applicationautoscaling.describe_scalable_targets
    idents = [f"service/{one}" for one in sorted(ours.services)]
    for start in range(0, len(idents), NAMES_MAX):
        part = idents[start : start + NAMES_MAX]
        for target in pages(call, "ScalableTargets", ServiceNamespace="ecs", ResourceIds=part):
            yield from _on_target(aws, target, ours)


def _on_target(aws: Aws, target: Mapping[str, Any], ours: Ours) -> Iterable[str]:
    ident = str(target["ResourceId"])
    key = ours.services[ident.removeprefix("service/")]
    if key.name not in ours.scaled:
        bounds = f"{target['MinCapacity']} and {target['MaxCapacity']} tasks"
        yield f"{key}: scaled by others, between {bounds}: left alone, and the count is theirs"
    asked: Any = {"ServiceNamespace": "ecs", "ResourceId": ident}
    policies = pages(aws.applicationautoscaling.describe_scaling_policies, "ScalingPolicies", **asked)
    actions = pages(aws.applicationautoscaling.describe_scheduled_actions, "ScheduledActions", **asked)
    found = [
        *(("scaling policy", str(one["PolicyName"])) for one in policies),
        *(("scheduled action", str(one["ScheduledActionName"])) for one in actions),
    ]
    yield from (f"{key}: {what} {name}, made by others: left alone" for what, name in found if name not in ours.names)
