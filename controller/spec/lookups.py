"""What is put into a spec from outside: ``${env:NAME}`` (or ``${env:NAME:-default}``), ``${ssm:/path}`` and ``--set``.

``$${`` is the text ``${`` itself, for scripts in user data and the like.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from controller.spec.parse import DEPTH_MAX, fragment, scalar
from controller.spec.places import Document, Mark, Path, Problems

LOOKUP = re.compile(r"(?<!\$)\$\{(\w+):([^}]*)\}")
OPEN = re.compile(r"(?<!\$)\$\{[^}]*\}?")
STEP = re.compile(r"([^.\[\]]+)((?:\[[0-9]{1,6}\])*)")
Parameters = Callable[[list[str]], Mapping[str, str | None]]
"""Parameter names to their values; None for one that does not exist."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What became of the lookups.

    whole   paths whose whole value came from a lookup: it is read as what the schema asks for
    blank   paths whose value is not known: a problem was reported, or a parameter was left as it is
    left    the parameters that were left as they are
    """

    whole: frozenset[Path] = frozenset()
    blank: frozenset[Path] = frozenset()
    left: tuple[str, ...] = ()


def strings(data: Any, path: Path = ()) -> list[tuple[Path, str]]:
    """Every string in *data* that may hold a lookup, with its path."""
    if isinstance(data, dict):
        return [found for key, value in data.items() for found in strings(value, (*path, key))]
    if isinstance(data, list):
        return [found for place, value in enumerate(data) for found in strings(value, (*path, place))]
    return [(path, data)] if isinstance(data, str) and "${" in data else []


def resolve(document: Document, env: Mapping[str, str] | None, ssm: Parameters | None, problems: Problems) -> Looked:
    """Put values in place of lookups. *env* None refuses ``${env:}``; *ssm* None leaves ``${ssm:}`` as it is."""
    found = strings(document.data)
    names = sorted({m[2] for _, text in found for m in LOOKUP.finditer(text) if m[1] == "ssm"})
    values = ssm(names) if ssm is not None and names else {}
    whole: set[Path] = set()
    blank: set[Path] = set()
    for path, text in found:
        mark = document.mark(path)

        def fail(message: str, hint: str, mark: Mark = mark, path: Path = path) -> str:
            problems.add(mark, path, message, hint)
            blank.add(path)
            return ""

        def value(match: re.Match[str], fail: Callable[[str, str], str] = fail, path: Path = path) -> str:
            source, name = match[1], match[2]
            if source == "env":
                return _env(name, env, fail)
            if source == "ssm" and ssm is None:
                blank.add(path)
                return match[0]
            if source == "ssm":
                known = values.get(name)
                return (
                    known
                    if known is not None
                    else fail(f"there is no SSM parameter {name}", "create it, or correct its name")
                )
            return fail(
                f"unknown lookup ${{{source}:...}}", "there are ${env:NAME} and ${ssm:/path}; $${ is the text ${ itself"
            )

        for stray in OPEN.findall(LOOKUP.sub(" ", text)):
            fail(f"{stray} is not a lookup", "there are ${env:NAME} and ${ssm:/path}; $${ is the text ${ itself")
        if LOOKUP.fullmatch(text):
            whole.add(path)
        _put(document.data, path, LOOKUP.sub(value, text).replace("$${", "${"))
    return Looked(frozenset(whole - blank), frozenset(blank), tuple(names) if ssm is None else ())


def _env(name: str, env: Mapping[str, str] | None, fail: Callable[[str, str], str]) -> str:
    variable, has_default, default = name.partition(":-")
    if env is None:
        return fail(f"${{env:{variable}}} is not allowed here", "the loop's spec must not depend on its environment")
    if variable not in env and not has_default:
        hint = f"export {variable}=..., or write ${{env:{variable}:-default}}"
        return fail(f"the environment has no {variable}", hint)
    return env.get(variable) or default


# ------------------------------------------------------------------------------------------------ --set
def override(document: Document, settings: tuple[str, ...], problems: Problems) -> None:
    """Apply ``--set path.to.field=value``; maps on the way are made, places in a list are ``name[0]`` or ``name.0``."""
    for setting in settings:
        dots, equals, text = setting.partition("=")
        steps = _steps(dots)
        if not equals or not steps:
            problems.add(Mark("--set"), (), f"expected path.to.field=value, got {setting[:200]!r}")
        elif steps[0] == "extends" or len(steps) > DEPTH_MAX:
            problems.add(Mark(f"--set {dots[:200]}"), (), "cannot be set")
        else:
            _set(document, steps, text, Mark(f"--set {dots}"), problems)


def _steps(dots: str) -> list[str]:
    """The parts of a path as they are said; none when it is not one.

    >>> _steps("network.public_subnets[1]")
    ['network', 'public_subnets', '1']
    """
    steps: list[str] = []
    for part in dots.split("."):
        match = STEP.fullmatch(part)
        if match is None:
            return []
        steps += [match[1], *re.findall(r"[0-9]+", match[2])]
    return steps


def _set(document: Document, steps: list[str], text: str, mark: Mark, problems: Problems) -> None:
    at, path = document.data, tuple[str | int, ...]()
    for place, step in enumerate(steps):
        said = ".".join(steps[:place])
        if isinstance(at, dict):
            key: str | int = step
        elif isinstance(at, list):
            if not (step.isascii() and step.isdigit() and int(step) < len(at)):
                problems.add(mark, (), f"{said} has {len(at)} entries, [0] to [{len(at) - 1}]; there is no {step}")
                return
            key = int(step)
        else:
            problems.add(mark, (), f"{said} is a single value; there is nothing below it to set")
            return
        path = (*path, key)
        if place == len(steps) - 1:
            break
        if isinstance(at, dict) and at.get(step) is None:
            at[step] = {}
            document.values[path] = document.keys[path] = mark
        at = at[key]
    document.forget(path)
    document.spelled.pop(path, None)
    document.values[path] = document.keys[path] = mark
    at[key] = _parsed(text, path, document, mark, problems)


def _parsed(text: str, path: Path, document: Document, mark: Mark, problems: Problems) -> Any:
    """A value as the file would spell it, lists and maps in flow style too."""
    if text[:1] in {"[", "{"}:
        return fragment(text, path, mark, problems)
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    value = scalar(text)
    if not isinstance(value, str):
        document.spelled[path] = text
    return value


def _put(data: Any, path: Path, value: Any) -> None:
    for part in path[:-1]:
        data = data[part]
    data[path[-1]] = value
