"""The Auto Scaling API: what a group launches, one template or a mixed instances policy around it (aws.md 3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from controller.sandbox.api_asg_shapes import validation
from controller.sandbox.world import ApiError, Draft, Group, Json, Template

USUAL = {  # peers.md 4.9
    "OnDemandAllocationStrategy": "prioritized",
    "OnDemandBaseCapacity": 0,
    "OnDemandPercentageAboveBaseCapacity": 100,
    "SpotAllocationStrategy": "lowest-price",
}
CHOICES = {
    "OnDemandAllocationStrategy": ("prioritized", "lowest-price"),
    "SpotAllocationStrategy": (
        "price-capacity-optimized", "capacity-optimized", "capacity-optimized-prioritized", "lowest-price",
    ),
}  # fmt: skip
OVERRIDES_MOST = 40
SERVED = {"InstanceType"}  # of an override
Launched = tuple[str, str, str, tuple[str, ...], Mapping[str, Any]]


def launched(draft: Draft, params: Json) -> Launched:
    """(template id, name, version as given, types, distribution); AWS checks at once that each could be launched."""
    policy = params.get("MixedInstancesPolicy")
    given = params.get("LaunchTemplate")
    if bool(policy) == bool(given):
        raise validation(
            "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or "
            "MixedInstancesPolicy parameter."
        )
    if not policy:
        template, version = _template(draft, given or {}, ())
        return template.id, template.name, version, (), {}
    launch = policy.get("LaunchTemplate") or {}
    types = _types(launch.get("Overrides") or [])
    template, version = _template(draft, launch.get("LaunchTemplateSpecification") or {}, types)
    return template.id, template.name, version, types, _shares(policy.get("InstancesDistribution") or {})


def priced(before: Mapping[str, Any], shares: Mapping[str, Any]) -> Json:
    """*shares* of an update: a price that is left out stays, and "" takes it off (InstancesDistribution)."""
    price = {"SpotMaxPrice": before["SpotMaxPrice"]} if shares and "SpotMaxPrice" in before else {}
    return {name: value for name, value in {**price, **shares}.items() if value != ""}


def show_launched(group: Group) -> Json:
    named = {
        "LaunchTemplateId": group.template_id,
        "LaunchTemplateName": group.template_name,
        "Version": group.version,
    }
    if not group.shares:
        return {"LaunchTemplate": named}
    overrides = [{"InstanceType": one} for one in group.types]
    launch = {"LaunchTemplateSpecification": named, "Overrides": overrides}
    return {"MixedInstancesPolicy": {"LaunchTemplate": launch, "InstancesDistribution": dict(group.shares)}}


def _template(draft: Draft, given: Json, types: tuple[str, ...]) -> tuple[Template, str]:
    version = str(given.get("Version") or "$Default")
    try:
        named = given.get("LaunchTemplateId") or given.get("LaunchTemplateName") or ""
        template = draft.catalog.template(named, version)
        for kind in types or (template.type,):
            if not kind:
                raise validation("The launch template must specify an instance type.")
            draft.catalog.check_launch(replace(template, type=kind))
    except ApiError as error:
        raise validation(f"You must use a valid fully-formed launch template. {error.message}") from error
    return template, version


def _types(overrides: list[Json]) -> tuple[str, ...]:
    if len(overrides) > OVERRIDES_MOST:
        raise validation(f"You can specify up to {OVERRIDES_MOST} overrides.")
    for one in overrides:
        if unserved := sorted(one.keys() - SERVED):
            raise ApiError("UnknownOperationException", f"the sandbox has no {unserved[0]} in overrides")
    types = tuple(str(one["InstanceType"]) for one in overrides)
    if len(set(types)) < len(types):
        raise validation("Duplicate instance types are not allowed in the overrides of a launch template.")
    return types


def _shares(given: Json) -> Json:
    """The distribution with AWS's defaults; SpotInstancePools belongs to lowest-price only."""
    shares = {**USUAL, **given}
    for name, choices in CHOICES.items():
        if shares[name] not in choices:
            raise validation(f"Value '{shares[name]}' at '{name}' must be one of {', '.join(choices)}.")
    if not 0 <= int(shares["OnDemandPercentageAboveBaseCapacity"]) <= 100 or int(shares["OnDemandBaseCapacity"]) < 0:
        raise validation("OnDemandPercentageAboveBaseCapacity must be from 0 to 100, OnDemandBaseCapacity 0 or more.")
    if shares["SpotAllocationStrategy"] == "lowest-price":
        shares.setdefault("SpotInstancePools", 2)
    elif "SpotInstancePools" in given:
        raise validation("SpotInstancePools is only available with the lowest-price spot allocation strategy.")
    whole = ("OnDemandBaseCapacity", "OnDemandPercentageAboveBaseCapacity", "SpotInstancePools")
    return {name: int(value) if name in whole else value for name, value in shares.items()}
