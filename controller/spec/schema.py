"""What the JSON Schema has against a document, in our words: jsonschema finds the paths, its wording is never shown."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from importlib import resources
from typing import Any

from controller.spec.source import YES_NO, Document, Path, Problems, scalar, shown

LATER = frozenset(
    [
        "scaling",
        "blue_green",
        "vpc",
        "certificate",
        "redirect",
        "https",
        "step_scaling",
        "schedule",
        "spot",
        "mixed_instances",
        "daemon",
    ]
)  # promised by the format, and not there yet
WORDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


def schema() -> dict[str, Any]:
    """The schema that ships with the package."""
    text = resources.files("controller.spec").joinpath("schema.json").read_text()
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def check(document: Document, from_env: Iterable[Path], problems: Problems) -> None:
    """Add every violation of the schema; values from the environment are read as what the schema asks for first."""
    from jsonschema import Draft202012Validator  # heavy, and needed nowhere else

    validator = Draft202012Validator(schema())
    from_env = set(from_env)
    for error in list(validator.iter_errors(document.data)):
        for leaf in _leaves(error):
            path: Path = tuple(leaf.absolute_path)
            if path in from_env and leaf.validator == "type" and leaf.validator_value != "string":
                _replace(document.data, path, scalar(leaf.instance))
    for error in validator.iter_errors(document.data):
        for leaf in _leaves(error):
            _report(document, leaf, problems)


def _leaves(error: Any) -> Iterable[Any]:
    """The errors that matter of an `anyOf`: those of the branch whose type the value has."""
    if error.validator != "anyOf" or not error.context:
        yield error
        return
    branches: dict[int, list[Any]] = {}
    for child in error.context:
        branches.setdefault(child.schema_path[0], []).append(child)
    for children in branches.values():
        if not any(child.validator == "type" and not child.path for child in children):
            for child in children:
                yield from _leaves(child)
            return
    yield error


def _report(document: Document, error: Any, problems: Problems) -> None:
    path: Path = tuple(error.absolute_path)
    mark = document.mark(path)
    value, expected = error.instance, error.schema.get("x-expected")
    match error.validator:
        case "additionalProperties":
            for key in _extra(error):
                at = document.keys.get((*path, key), mark)
                problems.add(at, (*path, key), _unknown(error, key), _suggest(key, error.schema))
        case "required":
            for key in error.validator_value:
                if key not in value:
                    problems.add(mark, (*path, key), "is missing", _about(error.schema, key))
        case "enum":
            words = ", ".join(str(one) for one in error.validator_value)
            hint = _near(str(value), [str(one) for one in error.validator_value])
            problems.add(mark, path, f"expected {_one_of(error.validator_value, words)}, got {shown(value)}", hint)
        case "minimum" | "maximum":
            kind = WORDS.get(error.schema.get("type", "number"), "a number")
            bound = "at least" if error.validator == "minimum" else "at most"
            problems.add(mark, path, f"expected {kind} of {bound} {error.validator_value}, got {shown(value)}")
        case "minItems" | "maxItems":
            bound = "at least" if error.validator == "minItems" else "at most"
            problems.add(mark, path, f"expected {bound} {error.validator_value} entries, got {len(value)}")
        case "minLength":
            problems.add(mark, path, "expected some text, got an empty string")
        case "maxLength":
            problems.add(mark, path, f"expected at most {error.validator_value} characters, got {len(value)}")
        case "minProperties":
            problems.add(mark, path, "expected at least one entry, got none")
        case "type":
            expected = expected or WORDS[error.validator_value]
            problems.add(mark, path, f"expected {expected}, got {shown(value)}", _hint(value, error, str(expected)))
        case _:
            problems.add(mark, path, f"expected {expected or 'something else'}, got {shown(value)}")


def _hint(value: Any, error: Any, expected: str) -> str:
    if error.validator_value == "boolean" and str(value).lower() in YES_NO:
        return "write true or false"
    if "duration" in expected and isinstance(value, int | float) and not isinstance(value, bool):
        return f"say the unit: {value}s"
    if error.validator_value == "string" and isinstance(value, bool | int | float):
        return f'put it in quotes: "{shown(value)}"'
    return ""


def _extra(error: Any) -> list[str]:
    import re

    known, patterns = error.schema.get("properties", {}), error.schema.get("patternProperties", {})
    return [key for key in error.instance if key not in known and not any(re.search(p, key) for p in patterns)]


def _unknown(error: Any, key: str) -> str:
    if "x-names" in error.schema:
        return f"is not a name: expected {error.schema['x-names']}"
    return "is not supported yet" if key in LATER else "unknown key"


def _suggest(key: str, part: dict[str, Any]) -> str:
    if key in LATER or "x-names" in part:
        return ""
    known = list(part.get("properties", {}))
    return _near(key, known) or f"there are {', '.join(known)}"


def _near(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, 1)
    return f"did you mean {close[0]}?" if close else ""


def _one_of(values: list[Any], words: str) -> str:
    return words if len(values) == 1 else f"one of {words}"


def _about(part: dict[str, Any], key: str) -> str:
    description: str = part.get("properties", {}).get(key, {}).get("description", "")
    return description.rstrip(".")


def _replace(data: Any, path: Path, value: Any) -> None:
    for part in path[:-1]:
        data = data[part]
    data[path[-1]] = value
