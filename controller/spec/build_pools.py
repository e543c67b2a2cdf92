"""The part of a document that describes pools of hosts, as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.spec.durations import durations
from controller.spec.pools import (
    Architecture,
    BlockDevice,
    Hook,
    Image,
    Maintenance,
    Metadata,
    Os,
    Pool,
    Rollout,
    Scaling,
    ScalingPolicy,
    Scheduled,
    Size,
    Spot,
    Step,
    StepScaling,
    TargetTracking,
    architecture_of,
)

Json = Mapping[str, Any]
DEFAULT_IMAGE = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
IMAGES: Mapping[tuple[Os, Architecture], str] = {  # the recommended one, by SSM parameter (aws.md section 8)
    ("al2023", "x86_64"): DEFAULT_IMAGE,
    ("al2023", "arm64"): "/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id",
    ("bottlerocket", "x86_64"): "/aws/service/bottlerocket/aws-ecs-2/x86_64/latest/image_id",
    ("bottlerocket", "arm64"): "/aws/service/bottlerocket/aws-ecs-2/arm64/latest/image_id",
}
PLAIN = ("os", "user_data", "ssh_key", "monitoring")  # fields that are taken as they stand


def build_pool(name: str, data: Json) -> Pool:
    rollout = dict(data.get("rollout") or {})
    rollout |= durations(rollout, "ready_timeout", "drain_timeout", "bake")
    draining = data.get("managed_draining", True)
    types = tuple(data.get("instance_types", ()))
    first = data.get("instance_type") or next(iter(types), "")
    architecture: Architecture = data.get("architecture") or architecture_of(first) or "x86_64"
    return Pool(
        name=name,
        instance_type=data.get("instance_type", ""),
        instance_types=types,
        image=_image(data.get("image", {}), data.get("os", "al2023"), architecture),
        size=Size(**data["size"]),
        rollout=Rollout(**rollout),
        security_groups=tuple(data.get("security_groups", ())),
        managed_draining=draining if isinstance(draining, bool) else draining["enabled"],
        spot=Spot(**data["spot"]) if "spot" in data else None,
        architecture=architecture,
        block_devices=tuple(BlockDevice(**one) for one in data.get("block_devices", ())),
        metadata=Metadata(**(data.get("metadata") or {})),
        policies=tuple(sorted(data.get("policies", ()))),
        scaling=_scaling(data["scaling"] or {}) if "scaling" in data else None,
        scaling_policies=tuple(_policy(name, one) for name, one in sorted(data.get("scaling_policies", {}).items())),
        lifecycle_hooks=tuple(_hook(name, one) for name, one in sorted(data.get("lifecycle_hooks", {}).items())),
        maintenance=Maintenance(**data["maintenance"]) if data.get("maintenance") else None,
        **{key: data[key] for key in PLAIN if key in data},
    )


def _image(data: str | Json, os: Os, architecture: Architecture) -> Image:
    if isinstance(data, str):
        return Image(id=data)
    chosen = {} if data.get("id") or data.get("ssm") else {"ssm": IMAGES[os, architecture]}
    return Image(**{**data, **chosen})


def _scaling(data: Json) -> Scaling:
    return Scaling(**{**data, **durations(data, "warmup")})


def _hook(name: str, data: Json) -> Hook:
    usual = {"default": "abandon" if data["on"] == "launching" else "continue"}
    return Hook(name, **{**usual, **data, **durations(data, "heartbeat")})


def _policy(name: str, data: Json) -> ScalingPolicy:
    """What it is shows in what it has: a schedule, steps, or a target."""
    if "schedule" in data:
        return Scheduled(name, data["schedule"], data.get("timezone", "UTC"), **data.get("size", {}))
    if "steps" in data:
        steps = tuple(Step(one.get("from"), one.get("to"), one["add"]) for one in data["steps"])
        return StepScaling(name, steps, **durations(data, "warmup"))
    plain = {key: data[key] for key in ("metric", "target", "scale_in") if key in data}
    return TargetTracking(name, **plain, **durations(data, "warmup"))
