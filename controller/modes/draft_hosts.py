"""The part of a drafted spec that is one pool of hosts. Pure."""

from __future__ import annotations

import re
from typing import Any

from controller.aws.mixes import Mix
from controller.aws.survey import Item, Survey
from controller.modes.draft_model import Draft
from controller.modes.draft_places import sides
from controller.modes.draft_scaling import moved
from controller.resources.auto_scaling_group import AutoScalingGroup, parse_group
from controller.resources.launch_template import (
    GP3_IOPS,
    GP3_THROUGHPUT,
    LaunchTemplate,
    Volume,
    parse_template,
    profile_in,
)
from controller.resources.role import HOST_POLICIES
from controller.spec.checks_hosts import BOTTLEROCKET
from controller.spec.user_data import own_settings

CONFIG = "/etc/ecs/ecs.config"
SETTING = re.compile(r"\b(ECS_[A-Z0-9_]+)=")
OURS = {"ECS_CLUSTER", "ECS_AWSVPC_BLOCK_IMDS", "ECS_CONTAINER_STOP_TIMEOUT", "ECS_ENABLE_SPOT_INSTANCE_DRAINING"}
HEREDOC = re.compile(r"<<-?\s*['\"]?(\w+)")
PLAIN = re.compile(r"\s*(?:sudo )?echo (?:'[^']*'|\"[^\"]*\"|[^'\"]*)\s*>>?\s*" + re.escape(CONFIG) + r"\s*")
REPLACES = re.compile(r"(?<!>)>\s*" + re.escape(CONFIG))
SSM = "resolve:ssm:"


def pool_of(found: Survey, group: Item, pool: str, into: Draft) -> dict[str, Any]:
    """What the spec says of *group*; the names of what belongs to it go *into* the draft."""
    name = group["AutoScalingGroupName"]
    version = found.templates[name]
    template = parse_template(version, {}).as_desired
    into.names |= {f"auto_scaling_group/{pool}": name, f"launch_template/{pool}": template.name}
    settings = own_settings(template.user_data)
    said: dict[str, Any] = {**_types(group, template), **_os(template, settings)}
    said["image"] = _image(str(template.image))
    said["size"] = {"min": group["MinSize"], "desired": group["DesiredCapacity"], "max": group["MaxSize"]}
    first, *others = [str(one) for one in _in_order(version)] or [""]
    if first:
        into.names[f"security_group/hosts-{pool}"] = first
    if others:
        said["security_groups"] = others
    _role(found, version, pool, said, into)
    own, left = (settings, []) if settings is not None else _own_lines(template.user_data)
    if own:
        said["user_data"] = own
    into.notes += [
        f"pool {pool}: not written of its user data, theseus tells the agent itself: {line}" for line in left
    ]
    if (template.http_tokens, template.hop_limit, template.metadata_tags) != ("required", 1, False):
        said["metadata"] = {"tokens": template.http_tokens, "hop_limit": template.hop_limit}
        said["metadata"] |= {"tags": True} if template.metadata_tags else {}
    if template.volumes:
        said["block_devices"] = [_device(one) for one in template.volumes if one.size]
        into.notes += [
            f"pool {pool}: the size of {one.device} is not written, its template says none: apply takes it off"
            for one in template.volumes
            if not one.size
        ]
    if template.ssh_key:
        said["ssh_key"] = template.ssh_key
    if template.monitoring:
        said["monitoring"] = True
    if template.others:
        into.notes.append(f"pool {pool}: apply takes {', '.join(template.others)} off its hosts: no spec can say it")
    live = parse_group(group).as_desired
    if live.maintenance:
        said["maintenance"] = dict(zip(("min_healthy", "max_healthy"), live.maintenance, strict=True))
    if set_ := (*(live.mix.others if isinstance(live.mix, Mix) else ()), *live.others):
        into.notes.append(f"pool {pool}: apply takes {', '.join(set_)} off its group: no spec can say it")
    _provider(found, group, pool, said, into)
    said |= moved(found, name, pool, into, managed="scaling" in said)
    _tell_network(found, live, template, pool, into)
    return said


def _device(one: Volume) -> dict[str, Any]:
    """One volume; of what its type comes with nothing."""
    usual = (GP3_IOPS, GP3_THROUGHPUT) if one.type == "gp3" else (None, None)
    return {
        "device": one.device,
        "size": one.size,
        "type": one.type,
        **({"iops": one.iops} if one.iops != usual[0] else {}),
        **({"throughput": one.throughput} if one.throughput != usual[1] else {}),
        "encrypted": one.encrypted,
        **({"kms_key": one.key} if one.key else {}),
    }


def _tell_network(found: Survey, live: AutoScalingGroup, template: LaunchTemplate, pool: str, into: Draft) -> None:
    """Hosts stand in the private subnets where there are any, without public addresses; else in the public ones."""
    there = sides(found, into)
    side = "private" if there["private"] else "public"
    if set(live.subnets) != {*there[side]}:
        were = ", ".join(str(one) for one in live.subnets)
        into.notes.append(
            f"pool {pool}: apply starts its hosts in the {side} subnets {', '.join(there[side])}, not in {were}"
        )
    if not template.public_ip and side == "public":
        into.notes.append(f"pool {pool}: apply gives its hosts the public addresses that their subnets give")


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


def _os(template: LaunchTemplate, settings: str | None) -> dict[str, str]:
    """Told by what its hosts are told: Bottlerocket takes settings in TOML, and would not join by a shell script."""
    named = str(template.image).startswith(f"{SSM}{BOTTLEROCKET}")
    return {"os": "bottlerocket"} if settings is not None or named else {}


def _image(image: str) -> dict[str, str]:
    return {"ssm": image.removeprefix(SSM)} if image.startswith(SSM) else {"id": image}


def _in_order(version: Item) -> list[str]:
    data = version["LaunchTemplateData"]
    first: Any = next(iter(data.get("NetworkInterfaces", [])), {})
    return list(data.get("SecurityGroupIds") or first.get("Groups", []))


def _own_lines(text: str) -> tuple[str, list[str]]:
    """What a script does beside joining the cluster, which the controller's own lines do; and lines about the agent's
    settings that cannot be told apart from that. A setting that is not ours is kept, in a line of its own."""
    kept: list[str] = []
    left: list[str] = []
    end = ""  # of the document that becomes the agent's settings
    for line in text.splitlines():
        names = set(SETTING.findall(line))
        if end and line.strip() == end:
            end = ""
        elif end and not names <= OURS and not {"$", "'"} & {*line}:
            kept.append(f"echo '{line.strip()}' >> {CONFIG}")
        elif end:
            left += [] if names <= OURS else [line]
        elif CONFIG in line and (document := HEREDOC.search(line)):
            end = document[1]
        elif names & OURS or line.startswith("#!"):
            continue
        elif CONFIG in line and not PLAIN.fullmatch(line):
            left.append(line)
        else:
            kept.append(REPLACES.sub(f">> {CONFIG}", line))
    own = "\n".join(kept).strip("\n")
    return f"{own}\n" if own else "", left


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
