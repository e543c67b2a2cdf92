"""Live names are a function of the stack, the kind and the logical name; AWS limits cut them, a hash keeps them apart.

A name finds a resource and creates it; it is never compared. ``names:`` in the spec overrides one (written by import).
"""

from __future__ import annotations

import hashlib

from controller.base.keys import Key
from controller.spec.types import Stack

LIMITS = {
    # kind: longest name AWS accepts (aws.md 2.6 and the API references)
    "load_balancer": 32,
    "target_group": 32,
    "role": 64,
    "instance_profile": 128,
    "launch_template": 128,
    "auto_scaling_group": 255,
    "capacity_provider": 255,
    "cluster": 255,
    "service": 255,
    "task_definition": 255,
    "repository": 256,
    "log_group": 512,
    "security_group": 255,
}
CONTAINER = "app"  # the one essential container of a task; the service's load balancer names it
_SINGLE = {"main"}  # a stack has one of these: the stack's own name is enough


def live_name(stack: Stack, key: Key) -> str:
    """The name AWS knows *key* by, cut to AWS's limit with a six-digit hash when it is too long."""
    override = dict(stack.names).get(str(key))
    if override is not None:
        return override
    match key.kind:
        case "repository":
            full = f"{stack.name}/{key.name}"
        case "log_group":
            full = f"/ecs/{stack.name}/{key.name}"
        case _ if key.name in _SINGLE and key.kind in {"load_balancer", "cluster", "vpc", "internet_gateway"}:
            full = stack.name
        case _:
            full = f"{stack.name}-{key.name}"
    return cut(full, LIMITS.get(key.kind, 255))


def cut(name: str, limit: int) -> str:
    """*name*, or its beginning and six hex digits of its hash when it is longer than *limit*.

    >>> cut("abcdefghijklmnop", 12)
    'abcde-f39dac'
    """
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{name[: limit - 7].rstrip('-')}-{digest}"
