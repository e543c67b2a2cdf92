"""The schema is published as it ships, says something about every field, and is met by every example."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from controller.spec import lookups, source
from controller.spec.build import build
from controller.spec.load import Loaded, load
from controller.spec.places import Problems
from controller.spec.schema import _expected, schema
from controller.spec.types import Alarms, ContainerHealth, Fargate, Scaling

ROOT = Path(__file__).parent.parent.parent
SPECS = ROOT / "specs"
EXAMPLES = sorted(SPECS.glob("*.yaml"))
UNDERSTOOD = {
    # keyword: whether `schema.check` has words of its own for it (False: it never fails, or is only followed)
    "type": True, "enum": True, "required": True, "additionalProperties": True, "anyOf": True, "pattern": True,
    "minimum": True, "maximum": True, "minItems": True, "maxItems": True, "minLength": True, "maxLength": True,
    "minProperties": True, "maxProperties": True,
    "properties": False, "patternProperties": False, "items": False, "$ref": False, "$defs": False, "$schema": False,
    "$id": False, "title": False, "examples": False, "description": False, "x-expected": False, "x-names": False,
    "if": False, "then": False, "else": False,
}  # fmt: skip


def parts(part: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema inside *part*, with its path."""
    yield path, part
    for key in ("properties", "patternProperties", "$defs"):
        for name, inner in part.get(key, {}).items():
            yield from parts(inner, f"{path}.{name}")
    for key in ("items", "additionalProperties", "then", "else"):
        if isinstance(part.get(key), dict):
            yield from parts(part[key], f"{path}[]")
    for place, inner in enumerate(part.get("anyOf", ())):
        yield from parts(inner, f"{path}|{place}")


def resolved(file: Path) -> dict[str, Any]:
    """The document of an example, laid over what it extends."""
    problems = Problems()
    document = source.read(file, problems)
    lookups.resolve(document, {"TAG": "v1"}, None, problems)
    problems.raise_any()
    data: dict[str, Any] = document.data
    return data


def test_the_published_copy_is_the_one_that_ships() -> None:
    shipped = (ROOT / "controller" / "spec" / "schema.json").read_bytes()

    assert (SPECS / "stack.schema.json").read_bytes() == shipped


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_every_field_is_described() -> None:
    """An editor shows it, and so does the refusal of a spec that lacks the field."""
    fields = [
        (f"{path}.{name}", inner)
        for path, part in parts(schema())
        for key in ("properties", "patternProperties")
        for name, inner in part.get(key, {}).items()
    ]

    assert len(fields) > 60
    assert [path for path, inner in fields if not inner.get("description")] == []


def test_mappings_are_closed() -> None:
    """A misspelled key must never be taken for a name or be passed over."""
    loose = [
        path for path, part in parts(schema()) if part.get("type") == "object" and "additionalProperties" not in part
    ]

    assert loose == []


def test_every_pattern_says_what_it_expects() -> None:
    assert [path for path, part in parts(schema()) if "pattern" in part and "x-expected" not in part] == []


def test_every_keyword_has_words_of_ours() -> None:
    """A keyword that is new to the schema must not be reported as "something else"."""
    used = {key for _, part in parts(schema()) for key in part}

    assert sorted(used - UNDERSTOOD.keys()) == []


@pytest.mark.parametrize("word", [key for key, fails in UNDERSTOOD.items() if fails])
def test_no_wording_of_the_library_is_shown(word: str) -> None:
    """`_expected` answers for each keyword without looking at the library's message."""

    class Violation:
        validator, validator_value, schema = word, 3, {"type": "string", "x-expected": "ours"}
        instance = "theirs"

    if word == "enum":
        Violation.validator_value = ["a", "b"]  # type: ignore[assignment]

    assert _expected(Violation).startswith("expected ")


@pytest.mark.parametrize("file", EXAMPLES, ids=[file.name for file in EXAMPLES])
def test_examples_satisfy_the_plain_schema(file: Path) -> None:
    """An editor that knows JSON Schema and nothing of us agrees with us."""
    jsonschema.Draft202012Validator(schema()).validate(resolved(file))


@pytest.mark.parametrize("file", EXAMPLES, ids=[file.name for file in EXAMPLES])
def test_examples_load_without_a_warning(file: Path) -> None:
    assert load(str(file), env={"TAG": "v1"}).warnings == ()


def test_defaults_that_descriptions_promise_are_those_of_the_types() -> None:
    """``Default: 30s.`` in the schema is what a spec that says nothing gets."""
    said = {
        path: inner["description"].rpartition("Default: ")[2].rstrip(".")
        for path, inner in parts(schema())
        if "Default: " in inner.get("description", "")
    }
    name = "^[a-z][a-z0-9-]{0,23}$"
    bare = load(str(SPECS / "minimal.yaml")).stack
    pool, service = bare.pools[0], bare.services[0]
    parts_of = {
        "fargate": Fargate(),
        "container_health": ContainerHealth(),
        "scaling": Scaling(0, 1),
        "alarms": Alarms(),
    }
    left_out = {
        "alarms",
        "public_ip",
        "command",
        "min",
        "max",
        "target_cpu",
        "target_memory",
        "target_requests",
        "names",
    }
    promised = {
        **{f".hosts.{name}.rollout.{key}": getattr(pool.rollout, key) for key in type(pool.rollout).__slots__},
        **{f".services.{name}.health.{key}": getattr(service.health, key) for key in type(service.health).__slots__},
        **{f".services.{name}.deployment.{key}": getattr(service.deployment, key)
           for key in type(service.deployment).__slots__ if key not in left_out},
        **{f".services.{name}.{'deployment.' if part == 'alarms' else ''}{part}.{key}": getattr(value, key)
           for part, value in parts_of.items() for key in type(value).__slots__ if key not in left_out},
        **{f".services.{name}.{key}": getattr(service, key)
           for key in ("deregistration_delay", "stop_timeout", "log_retention", "log_on_destroy")},
        ".cluster.container_insights": bare.cluster.container_insights,
        ".load_balancer.idle_timeout": bare.load_balancer.idle_timeout if bare.load_balancer else None,
        ".gates.no_data.wait": bare.gates.no_data.wait,
        ".gates.no_data.then": bare.gates.no_data.then,
    }  # fmt: skip
    promised.pop(f".services.{name}.health.path")  # minimal.yaml sets it
    for path, value in promised.items():
        assert path in said, path
        assert spelled(value) == said[path], path


def spelled(value: object) -> str:
    from datetime import timedelta

    from controller.spec.check import spell

    return (
        spell(value) if isinstance(value, timedelta) else str(value).lower() if isinstance(value, bool) else str(value)
    )


def test_the_modeline_names_the_schema_where_a_file_is_whole() -> None:
    for file in EXAMPLES:
        text = file.read_text()
        assert text.startswith("# yaml-language-server: $schema=./stack.schema.json\n") != ("\nextends:" in text), (
            file.name
        )


def test_build_needs_nothing_but_the_schema(loads: Callable[..., Loaded]) -> None:
    """What plain jsonschema accepts can be built."""
    for file in EXAMPLES:
        data = json.loads(json.dumps(resolved(file)))

        assert build(data, "x", "y").name == data["stack"]
