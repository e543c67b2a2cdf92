"""The part of a drafted spec that is one pool of hosts. Pure."""

from __future__ import annotations

import re
from typing import Any

from controller.aws.survey import Item, Survey
from controller.modes.draft_model import Draft
from controller.resources.launch_template import LaunchTemplate, parse_template, profile_in
from controller.resources.role import HOST_POLICIES

JOINS = re.compile(r"ECS_CLUSTER=|^#!|^\s*$|/etc/ecs/ecs\.config|^EOF$|^ECS_[A-Z_]+=")
SSM = "resolve:ssm:"


def pool_of(found: Survey, group: Item, pool: str, into: Draft) -> dict[str, Any]:
    """What the spec says of *group*; the names of what belongs to it go *into* the draft."""
    name = group["AutoScalingGroupName"]
    version = found.templates[name]
    template = parse_template(version, {}).as_desired
    into.names |= {f"auto_scaling_group/{pool}": name, f"launch_template/{pool}": template.name}
    said: dict[str, Any] = {**_types(group, template), "image": _image(str(template.image))}
    said["size"] = {"min": group["MinSize"], "desired": group["DesiredCapacity"], "max": group["MaxSize"]}
    first, *others = [str(one) for one in _in_order(version)] or [""]
    if first:
        into.names[f"security_group/hosts-{pool}"] = first
    if others:
        said["security_groups"] = others
    _role(found, version, pool, said, into)
    if own := _own_lines(template.user_data):
        said["user_data"] = own
    if template.http_tokens != "required" or template.hop_limit != 1:
        said["metadata"] = {"tokens": template.http_tokens, "hop_limit": template.hop_limit}
    if template.volumes:
        said["block_devices"] = [
            {
                "device": one.device,
                "size": one.size,
                "type": one.type,
                **({"iops": one.iops} if one.iops and one.type != "gp3" else {}),
                "encrypted": one.encrypted,
                **({"kms_key": one.key} if one.key else {}),
            }
            for one in template.volumes
            if one.size
        ]
    if template.ssh_key:
        said["ssh_key"] = template.ssh_key
    if template.monitoring:
        said["monitoring"] = True
    if template.others:
        into.notes.append(f"pool {pool}: apply takes {', '.join(template.others)} off its hosts: no spec can say it")
    _provider(found, group, pool, said, into)
    return said


def _types(group: Item, template: LaunchTemplate) -> dict[str, Any]:
    mixed = group.get("MixedInstancesPolicy", {})
    types = [
        one["InstanceType"] for one in mixed.get("LaunchTemplate", {}).get("Overrides", []) if "InstanceType" in one
    ]
    if not types:
        return {"instance_type": template.instance_type}
    shares = mixed.get("InstancesDistribution", {})
    said: dict[str, Any] = {"instance_types": types}
    percent = int(shares.get("OnDemandPercentageAboveBaseCapacity", 100))
    if percent < 100:
        said["spot"] = {
            "on_demand_base": int(shares.get("OnDemandBaseCapacity", 0)),
            "on_demand_percent": percent,
            "strategy": shares.get("SpotAllocationStrategy", "lowest-price"),
        }
    return said


def _image(image: str) -> dict[str, str]:
    return {"ssm": image.removeprefix(SSM)} if image.startswith(SSM) else {"id": image}


def _in_order(version: Item) -> list[str]:
    data = version["LaunchTemplateData"]
    first: Any = next(iter(data.get("NetworkInterfaces", [])), {})
    return list(data.get("SecurityGroupIds") or first.get("Groups", []))


def _own_lines(text: str) -> str:
    """What user data does beside joining the cluster, which the controller's own lines do."""
    lines = [line for line in text.splitlines() if not JOINS.search(line)]
    return "\n".join(lines) + "\n" if lines else ""


def _role(found: Survey, version: Item, pool: str, said: dict[str, Any], into: Draft) -> None:
    profile = profile_in(version["LaunchTemplateData"])
    if profile not in found.roles:
        into.notes.append(f"pool {pool}: no role was found behind its hosts; apply makes one, and rolls them")
        return
    role = found.roles[profile]
    into.names |= {f"instance_profile/hosts-{pool}": profile, f"role/hosts-{pool}": role}
    if more := sorted(set(found.policies.get(role, [])) - set(HOST_POLICIES)):
        said["policies"] = more


def _provider(found: Survey, group: Item, pool: str, said: dict[str, Any], into: Draft) -> None:
    provider = next(
        (
            one
            for one in found.providers
            if one["autoScalingGroupProvider"]["autoScalingGroupArn"] == group["AutoScalingGroupARN"]
        ),
        None,
    )
    if provider is None:
        into.notes.append(f"pool {pool} has no capacity provider yet: apply makes one")
        return
    into.names[f"capacity_provider/{pool}"] = provider["name"]
    settings = provider["autoScalingGroupProvider"]
    scaling = settings.get("managedScaling", {})
    if scaling.get("status") == "ENABLED":
        said["scaling"] = {
            "target_capacity": int(scaling.get("targetCapacity", 100)),
            "min_step": int(scaling.get("minimumScalingStepSize", 1)),
            "max_step": int(scaling.get("maximumScalingStepSize", 10000)),
            "warmup": f"{int(scaling.get('instanceWarmupPeriod', 300))}s",
            "termination_protection": settings.get("managedTerminationProtection") == "ENABLED",
        }
    if settings.get("managedDraining") == "DISABLED":
        into.notes.append(f"pool {pool}: managed draining is off; apply switches it on")
