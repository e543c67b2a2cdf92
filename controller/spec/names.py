"""Live names are a function of the stack, the kind and the logical name; AWS limits cut them, a hash keeps them apart.

A name finds a resource and creates it; it is never compared. ``names:`` in the spec overrides one (written by import).
"""

from __future__ import annotations

import hashlib
import re

from controller.base.keys import Key, Tags, birth_tags, owner_tags
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
    "service_scaling_policy": 256,
    "codedeploy_application": 100,
    "codedeploy_deployment_group": 100,
}
_HYPHENS = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_WORDS = r"[A-Za-z0-9_-]+"
_PRINTABLE = r"[ -9;-~]*[!-9;-~]"
VALID = {
    # kind: what AWS accepts, as a pattern and in words
    "load_balancer": (_HYPHENS, "letters, digits and hyphens, none at the ends"),
    "target_group": (_HYPHENS, "letters, digits and hyphens, none at the ends"),
    "role": (r"[\w+=,.@-]+", "letters, digits and _+=,.@-"),
    "instance_profile": (r"[\w+=,.@-]+", "letters, digits and _+=,.@-"),
    "launch_template": (r"[A-Za-z0-9().\-/_]{3,}", "at least three letters, digits and ().-/_"),
    "auto_scaling_group": (_PRINTABLE, "printable characters, no colon"),
    "capacity_provider": (r"(?!aws|ecs|fargate)" + _WORDS,
                          "letters, digits, _ and -, not beginning with aws, ecs or fargate"),
    "cluster": (_WORDS, "letters, digits, _ and -"),
    "service": (_WORDS, "letters, digits, _ and -"),
    "task_definition": (_WORDS, "letters, digits, _ and -"),
    "repository": (r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*",
                   "lower-case words of letters and digits, joined by single . _ - or /"),
    "service_scaling_policy": (r"[ -9;-~]+", "printable characters, no colon"),
    "codedeploy_application": (r"[ -~]+", "printable characters"),
    "codedeploy_deployment_group": (r"[ -~]+", "printable characters"),
    "log_group": (r"(?!aws/)[A-Za-z0-9._/#-]+", "letters, digits and ._/#-"),
    "security_group": (r"(?!sg-)[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]+", "letters, digits and ._-:/()#,@[]+=&;{}!$*"),
}  # fmt: skip
IDS = {
    # kind that AWS knows by an id only: how the id begins. ``names`` gives one that exists, for adopt to tag
    "internet_gateway": "igw-",
    "route_table": "rtb-",
    "security_group": "sg-",
    "subnet": "subnet-",
    "vpc": "vpc-",
}
COLOURS = ("blue", "green")  # the two target groups of a service
CONTAINER = "app"  # the service's own container; its load balancer names it
_SINGLE = {"main"}  # a stack has one of these: the stack's own name is enough


def live_name(stack: Stack, key: Key) -> str:
    """The name AWS knows *key* by, cut to AWS's limit with a six-digit hash when it is too long."""
    override = dict(stack.names).get(str(key))
    if override is not None and not live_id(stack, key):
        return override
    match key.kind:
        case "repository":
            full = f"{stack.name}/{key.name}"
        case "log_group":
            full = f"/ecs/{stack.name}/{key.name}"
        case _ if key.name in _SINGLE and key.kind in {
            "load_balancer",
            "cluster",
            "vpc",
            "internet_gateway",
            "codedeploy_application",
        }:
            full = stack.name
        case _:
            full = f"{stack.name}-{key.name}"
    return cut(full, LIMITS.get(key.kind, 255))


def live_id(stack: Stack, key: Key) -> str:
    """The id that ``names`` gives to what has no name; "" when it gives none."""
    override = dict(stack.names).get(str(key), "")
    prefix = IDS.get(key.kind, "")
    return override if prefix and override.startswith(prefix) else ""


def live_ids(stack: Stack) -> dict[Key, str]:
    """All of them."""
    keys = [key for address, _ in stack.names if (key := Key.parse(address)) is not None]
    return {key: ident for key in keys if (ident := live_id(stack, key))}


def born_tags(stack: Stack, key: Key, name: str = "") -> Tags:
    """Every tag a resource is born with. One that ``names`` names was there before: its ``Name`` is its own."""
    if str(key) in dict(stack.names):
        return tuple(sorted({**dict(stack.tags), **owner_tags(stack.name, key)}.items()))
    return birth_tags(stack.name, key, name or live_name(stack, key), stack.tags)


def cut(name: str, limit: int) -> str:
    """*name*, or its beginning and six hex digits of its hash when it is longer than *limit*.

    >>> cut("abcdefghijklmnop", 12)
    'abcde-f39dac'
    """
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{name[: limit - 7].rstrip('-')}-{digest}"


def named(stack: Stack) -> tuple[Key, ...]:
    """The key of everything in *stack* that AWS knows by a name, in the order of their addresses."""
    pools = [pool.name for pool in stack.pools]
    services = [service.name for service in stack.services]
    deployed = [service.name for service in stack.services if service.by_codedeploy and service.route]
    logical = {
        "auto_scaling_group": pools,
        "capacity_provider": pools,
        "cluster": ["main"],
        "codedeploy_application": ["main"] if deployed else [],
        "codedeploy_deployment_group": deployed,
        "instance_profile": [f"hosts-{pool}" for pool in pools],
        "launch_template": pools,
        "load_balancer": ["main"] if stack.load_balancer is not None else [],
        "log_group": services,
        "repository": [repository.name for repository in stack.repositories],
        "role": [f"hosts-{pool}" for pool in pools]
        + [f"execution-{service}" for service in services]
        + [f"task-{service.name}" for service in stack.services if service.own_role]
        + (["codedeploy"] if deployed else []),
        "security_group": [f"hosts-{pool}" for pool in pools]
        + [f"tasks-{service.name}" for service in stack.services if service.own_address]
        + (["load-balancer"] if stack.load_balancer is not None else [])
        + (["endpoints"] if stack.network.endpoints else []),
        "service_scaling_policy": [
            f"{service.name}-{figure}"
            for service in stack.services
            if service.scaling is not None
            for figure, _ in service.scaling.targets
        ],
        "service": services,
        "target_group": [f"{s.name}-{side}" for s in stack.services if s.route for side in COLOURS],
        "task_definition": services,
    }
    return tuple(sorted(Key(kind, name) for kind, names in logical.items() for name in names))


def why_not(kind: str, name: str) -> str:
    """Why AWS would refuse *name* for a resource of *kind*; nothing when it would not."""
    if len(name) > LIMITS[kind]:
        return f"{len(name)} characters; a {kind} has at most {LIMITS[kind]}"
    pattern, words = VALID[kind]
    return "" if re.fullmatch(pattern, name, re.ASCII) else f"a {kind} takes {words}"
