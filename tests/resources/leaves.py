"""Every value that the schema lets a spec have, where a spec has it, and what else could stand there. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from jsonschema import Draft202012Validator

from controller.spec import checks
from controller.spec.build import build
from controller.spec.places import Document, Path, Problems
from controller.spec.schema import schema
from controller.spec.types import Stack

Part = Mapping[str, Any]  # of a JSON Schema
RULES: Part = schema()
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool}  # those that branches differ in
LENGTHS = ["1s", "2s", "3s", "15s", "45s", "100s", "1m", "4m", "20m", "30d", "60d"]
OTHERS: Mapping[str, list[Any]] = {  # by the end of a leaf's name: what text cannot be made up from what is there
    "region": ["eu-west-1"],
    ".zone": ["us-east-1a", "us-east-1c", "us-east-1d"],
    "cidr": ["10.60.0.0/17", "10.60.3.0/24", "10.60.13.0/24"],
    "subnets[]|0": ["10.60.3.0/24", "10.60.13.0/24"],
    "allow[]": ["172.16.0.0/12"],
    "schedule": ["30 20 * * *"],
    "timezone": ["Europe/Paris"],
    "matcher": ["200,201", "200-204"],
    "platform": ["1.4.0", "LATEST"],
    "instance_type": ["t3.large"],
    "instance_types[]": ["t4g.medium"],
    "container_insights": [True, False],
    "encryption": ["AES256", "KMS"],
    "strategies[]": ["random", "binpack:cpu"],
    "constraints[]": ["distinctInstance", "memberOf:attribute:ecs.os-type == linux"],
    "provider": ["main", "spare", "large", "FARGATE", "FARGATE_SPOT"],
    "pool": ["main", "spare"],
    "listener": ["admin", "secure"],
    "redirect": ["http"],
    "repository": ["plain"],
    "probe.path": ["/a/x"],
}


def leaves(part: Part = RULES, name: str = "") -> Iterator[tuple[str, Part]]:
    """Each by its name: ``hosts.*.size.min``, ``network|1.endpoints[]``; of several forms by their number."""
    below = [one for step, inner in _below(part) for one in leaves(inner, f"{name}{step}")]
    yield from below or [(name.lstrip("."), _whole(part))]


def places(data: Any, part: Part = RULES, name: str = "", at: Path = ()) -> Iterator[tuple[str, Path]]:
    """The leaves that *data*, a spec or a part of one, has: their names, and where they stand."""
    steps = dict(_below(part))
    if chosen := _branch(part, data):
        yield from places(data, steps[chosen], f"{name}{chosen}", at)
    elif not steps:
        yield name.lstrip("."), at
    else:
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            step = "[]" if isinstance(key, int) else f".{key}" if f".{key}" in steps else ".*"
            yield from places(value, steps[step], f"{name}{step}", (*at, key))


def _below(part: Part) -> Iterator[tuple[str, Part]]:
    """The schemas inside *part*, by what they add to a name."""
    for key, inner in part.get("properties", {}).items():
        yield f".{key}", inner
    for inner in part.get("patternProperties", {}).values():
        yield ".*", inner
    if part.get("additionalProperties"):
        yield ".*", part["additionalProperties"]
    if "items" in part:
        yield "[]", part["items"]
    for place, inner in enumerate(_branches(part)):
        yield f"|{place}", inner


def _branches(part: Part) -> list[Part]:
    """The forms of *part*; none where all of them are single values: those can take each other's place."""
    found = [part[key] for key in ("then", "else") if key in part] or part.get("anyOf", [])
    return found if any(dict(_below(one)) for one in found) else []


def _branch(part: Part, value: Any) -> str:
    """Which of several forms *value* has: that of its type, or that with a key it must have."""
    for place, one in enumerate(_branches(part)):
        if isinstance(value, TYPES[one["type"]]) and ("if" not in part or {*one["required"]} <= value.keys()):
            return f"|{place}"
    return ""


def _whole(part: Part) -> Part:
    found: Part = RULES["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
    return found


# ------------------------------------------------------------------------------------------------ other values
def changed(document: Document, name: str, rule: Part, at: Path) -> Stack | None:
    """The stack of *document* with another value at *at* that the schema and the checks take; None if there is none."""
    validator = Draft202012Validator(dict(rule))
    now = value_at(document.data, at)
    for other in others(name, rule, now):
        if other != now and validator.is_valid(other) and (stack := stack_of(edited(document, at, other))):
            return stack
    return None


def others(name: str, rule: Part, now: Any) -> Iterator[Any]:
    """What might stand in place of *now*, right or wrong."""
    yield from next((some for end, some in OTHERS.items() if name.endswith(end)), [])
    yield from rule.get("enum", [])
    if isinstance(now, bool):
        yield not now
    elif isinstance(now, int | float):
        yield from (now + 1, now - 1, now * 2, now // 2, rule.get("minimum"), rule.get("maximum"))
    elif isinstance(now, str):
        yield from LENGTHS if rule is RULES["$defs"]["duration"] else (f"{now}a", f"{now[:-1]}b", f"{now[:-1]}2")


def edited(document: Document, at: Path, value: Any) -> Document:
    data = deepcopy(document.data)
    value_at(data, at[:-1])[at[-1]] = value
    return Document(data, document.values, document.keys, document.spelled)


def value_at(data: Any, at: Path) -> Any:
    for key in at:
        data = data[key]
    return data


def stack_of(document: Document) -> Stack | None:
    """The stack that *document*, which satisfies the schema, describes; None where a check is against it."""
    problems = Problems()
    stack = build(document.data, "", "")
    checks.check(stack, document, set(), problems)
    return None if problems.found else stack
