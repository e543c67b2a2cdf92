"""What the JSON Schema has against a document, in our words: jsonschema finds the paths, its wording is never shown.

Where something is wrong a stand-in takes its place, so that everything else can still be checked: the author sees all
problems at once, and none that only follows from another.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator
from importlib import resources
from typing import Any

from controller.spec.lookups import Looked
from controller.spec.parse import scalar
from controller.spec.places import Document, Path, Problems, shown

YES_NO = {"yes": True, "y": True, "on": True, "no": False, "n": False, "off": False}
SPOKEN = re.compile(r"([0-9]+) *(s|m|h|d|secs?|mins?|seconds?|minutes?|hours?|days?)", re.IGNORECASE)
LATER = frozenset(
    [
        "blue_green",
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
STAND_INS: dict[str, Any] = {"object": {}, "array": [], "string": "", "integer": 0, "number": 0, "boolean": False}
ROUNDS_MAX = 10  # a stand-in lacks what it requires itself: one round per level of the schema


def schema() -> dict[str, Any]:
    """The schema that ships with the package."""
    text = resources.files("controller.spec").joinpath("schema.json").read_text()
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def check(document: Document, looked: Looked, problems: Problems) -> set[Path]:
    """Add every violation of the schema, and put stand-ins into *document* where `build` could not go on.

    Values that came from a lookup are read as what the schema asks for first. Returns the paths that are not to be
    trusted: they were wrong, or are not known.
    """
    blank = set(looked.blank)
    validator = _validator()
    for error in _errors(validator, document) if looked.whole else ():
        path: Path = tuple(error.absolute_path)
        if path in looked.whole and error.validator == "type":
            _put(document.data, path, scalar(error.instance))
    for _ in range(ROUNDS_MAX):
        errors = _errors(validator, document)
        for error in errors:
            _report(document, error, blank, problems)
        blank |= {path for error in errors for path in _paths(error)}
        if not [error for error in errors if _repair(document, error)]:
            break
    return blank


def _validator() -> Any:
    from jsonschema import Draft202012Validator, validators  # heavy, and needed nowhere else

    whole = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )  # to JSON 2.0 is a whole number, to AWS it is not
    extended = validators.extend(Draft202012Validator, {"pattern": _pattern}, type_checker=whole)  # type: ignore[no-untyped-call]
    return extended(schema())


def _pattern(validator: Any, pattern: str, value: Any, part: Any) -> Iterator[Any]:
    """As in jsonschema, but that ``$`` is the end, not before a last line break."""
    from jsonschema import ValidationError

    if isinstance(value, str) and (not re.search(pattern, value) or (pattern.endswith("$") and value.endswith("\n"))):
        yield ValidationError("")


def _errors(validator: Any, document: Document) -> list[Any]:
    """Unknown keys first: what they were meant to be is then neither missing nor left out."""
    leaves = [leaf for error in validator.iter_errors(document.data) for leaf in _leaves(error)]
    return sorted(leaves, key=lambda leaf: bool(leaf.validator != "additionalProperties"))


def _leaves(error: Any) -> Iterator[Any]:
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


# ------------------------------------------------------------------------------------------------ stand-ins
def _paths(error: Any) -> list[Path]:
    """What an error makes untrustworthy: the value, or the keys that are missing or unknown in it."""
    path: Path = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        return [(*path, key) for key in _extra(error)]
    if error.validator == "required":
        return [(*path, key) for key in error.validator_value if key not in error.instance]
    return [path]


def _repair(document: Document, error: Any) -> bool:
    """Put a stand-in where a value has the wrong shape; whether there was need to."""
    path: Path = tuple(error.absolute_path)
    match error.validator:
        case "additionalProperties":
            for key in _extra(error):
                error.instance.pop(key, None)
        case "required":
            for key in error.validator_value:
                error.instance.setdefault(key, _stand_in(error.schema["properties"][key]))
        case "type" | "anyOf" | "enum":
            _put(document.data, path, _stand_in(error.schema))
        case "pattern" if "examples" in error.schema:  # who reads it takes it apart
            _put(document.data, path, _stand_in(error.schema))
        case _:
            return False
    return True


def _stand_in(part: dict[str, Any]) -> Any:
    if "$ref" in part:
        return "0s"
    part = part.get("else", part)  # of two forms the one that has no key to tell it by
    part = part.get("anyOf", [part])[0]
    likely = part.get("enum") or part.get("examples")
    value = likely[0] if likely else part.get("minimum", STAND_INS[part["type"]])
    return value.copy() if isinstance(value, dict | list) else value


def _put(data: Any, path: Path, value: Any) -> None:
    for part in path[:-1]:
        data = data[part]
    data[path[-1]] = value


# ------------------------------------------------------------------------------------------------ our words
def _report(document: Document, error: Any, blank: set[Path], problems: Problems) -> None:
    path: Path = tuple(error.absolute_path)
    emptied = error.validator == "minProperties" and any(one[: len(path)] == path for one in blank)
    if below(path, blank) or emptied:
        return  # what stands above it was reported
    mark, value, limit = document.mark(path), error.instance, error.validator_value
    match error.validator:
        case "additionalProperties":
            for key in _extra(error):
                at = document.keys.get((*path, key), mark)
                problems.add(at, (*path, key), _unknown(error, key), _suggest(key, error.schema))
                blank |= {(*path, meant) for meant in _close(key, error.schema.get("properties", {}))}
        case "required":
            for key in limit:
                if key not in value and not below((*path, key), blank):
                    problems.add(mark, (*path, key), "is missing", _about(error.schema, key))
        case "enum" if isinstance(value, str) and value in LATER:
            problems.add(mark, path, f"{value} is not supported yet")
        case _:
            problems.add(mark, path, _expected(error), _hint(document, path, error))


def below(path: Path, blank: Iterable[Path]) -> bool:
    """Whether *path* is one of *blank*, or inside one."""
    return any(path[: len(one)] == one for one in blank)


def _expected(error: Any) -> str:
    value, limit, part = error.instance, error.validator_value, error.schema
    kind = WORDS[part["type"]] if isinstance(part.get("type"), str) else "a value"
    expected = part.get("x-expected", kind)
    match error.validator:
        case "enum":
            words = ", ".join(str(one) for one in limit)
            return f"expected {words if len(limit) == 1 else f'one of {words}'}, got {shown(value)}"
        case "minimum":
            return f"expected {kind} of at least {limit}, got {shown(value)}"
        case "maximum":
            return f"expected {kind} of at most {limit}, got {shown(value)}"
        case "minItems":
            return f"expected at least {limit} {_entries(limit)}, got {len(value)}"
        case "maxItems" | "maxProperties":
            return f"expected at most {limit} {_entries(limit)}, got {len(value)}"
        case "minProperties":
            return "expected at least one entry, got none"
        case "minLength":
            return "expected some text, got an empty string"
        case "maxLength":
            return f"expected at most {limit} characters, got {len(value)}"
        case _:
            return f"expected {expected}, got {shown(value)}"


def _entries(count: int) -> str:
    return "entry" if count == 1 else "entries"


def _hint(document: Document, path: Path, error: Any) -> str:
    value, part = error.instance, error.schema
    spelled = document.spelled.get(path, shown(value))
    types = {one.get("type") for one in part.get("anyOf", [part])}
    if error.validator == "enum":
        return near(str(value), [str(one) for one in error.validator_value])
    meant = YES_NO.get(str(value).lower())
    if "boolean" in types and meant is not None and (meant or "anyOf" not in part):
        return f"write {str(meant).lower()}: only true and false are truth values"
    if "duration" in part.get("x-expected", "") and re.fullmatch(r"[0-9]+(\.[0-9]+)?", str(value)):
        return f"say the unit: {value}s"
    if "duration" in part.get("x-expected", "") and (words := SPOKEN.fullmatch(str(value))):
        return f"write {words[1]}{words[2][0].lower()}"
    if error.validator in {"type", "anyOf"} and value is None:
        return "something must stand after the colon, or leave the line out"
    if error.validator in {"type", "anyOf"} and "string" in types and isinstance(value, bool | int | float):
        return f'put it in quotes: "{spelled}"'
    if error.validator == "type" and types & {"integer", "number"} and isinstance(value, str):
        return f"without quotes: {value}" if isinstance(scalar(value), int | float) else ""
    return ""


def _extra(error: Any) -> list[str]:
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
    return near(key, known) or f"there are {', '.join(known)}"


def near(word: str, known: Iterable[str]) -> str:
    """A hint at what *word* was meant to be, nothing when nothing resembles it."""
    close = _close(word, known)
    return f"did you mean {close[0]}?" if close else ""


def _close(word: str, known: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(word, list(known), 1)


def _about(part: dict[str, Any], key: str) -> str:
    description: str = part.get("properties", {}).get(key, {}).get("description", "")
    return description.rstrip(".")
