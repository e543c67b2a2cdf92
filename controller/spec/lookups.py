"""What is put into a spec from outside: ``${env:NAME}`` (or ``${env:NAME:-default}``), ``${ssm:/path}`` and ``--set``.

``$${`` is the text ``${`` itself, for scripts in user data and the like.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.base.errors import SpecError
from controller.spec.parse import DEPTH_MAX, fragment, scalar
from controller.spec.places import Document, Mark, Path, Problems

LOOKUP = re.compile(r"(?<!\$)\$\{(\w+):([^}]*)\}")
OPEN = re.compile(r"(?<!\$)\$\{[^}]*\}?")
STEP = re.compile(r"([^.\[\]]+)((?:\[[0-9]{1,6}\])*)")
WRITTEN_OUT = {"region", "account", "stack"}
PARAMETER = re.compile(r"[A-Za-z0-9_.:/-]+", re.ASCII)
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
THERE_ARE = "there are ${env:NAME} and ${ssm:/path}; $${ is the text ${ itself"
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


def resolve(document: Document, env: Mapping[str, str] | None, ssm: Parameters | None, problems: Problems) -> Looked:
    """Put values in place of lookups. *env* None refuses ``${env:}``; *ssm* None leaves ``${ssm:}`` as it is."""
    found = list(_strings(document.data))
    texts = [text for path, text in found if path[0] not in WRITTEN_OUT]
    names = sorted(
        {m[2] for text in texts for m in LOOKUP.finditer(text) if m[1] == "ssm" and PARAMETER.fullmatch(m[2])}
    )
    values = ssm(names) if ssm is not None and names else dict.fromkeys(names, "") if ssm is None else {}
    whole: set[Path] = set()
    blank: set[Path] = set()
    for path, text in found:
        wrong = [(f"{stray} is not a lookup", THERE_ARE) for stray in OPEN.findall(LOOKUP.sub(" ", text))]

        def value(match: re.Match[str], path: Path = path, wrong: list[tuple[str, str]] = wrong) -> str:
            answer = _env(match[2], env) if match[1] == "env" else _parameter(match, path, values)
            if isinstance(answer, str):
                return answer if match[1] == "env" or ssm is not None else match[0]
            wrong.append(answer)
            return ""

        new = LOOKUP.sub(value, text)
        for message, hint in wrong:
            problems.add(document.mark(path), path, message, hint)
        if wrong or (ssm is None and any(m[1] == "ssm" for m in LOOKUP.finditer(text))):
            blank.add(path)
        elif LOOKUP.fullmatch(text):
            whole.add(path)
        _put(document.data, path, new.replace("$${", "${"))
    for path in _keys(document.data):
        problems.add(document.keys.get(path, document.mark(path)), path, "a lookup is for values, not for names")
        blank.add(path)
    return Looked(frozenset(whole), frozenset(blank), tuple(names) if ssm is None else ())


def _strings(data: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every string in *data* that may hold a lookup, with its path."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        if isinstance(value, dict | list):
            yield from _strings(value, (*path, key))
        elif isinstance(value, str) and "${" in value:
            yield (*path, key), value


def _keys(data: Any, path: Path = ()) -> Iterator[Path]:
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        if isinstance(key, str) and LOOKUP.search(key):
            yield (*path, key)
        if isinstance(value, dict | list):
            yield from _keys(value, (*path, key))


def _parameter(match: re.Match[str], path: Path, values: Mapping[str, str | None]) -> str | tuple[str, str]:
    """The value of a parameter; or what is wrong, and a hint."""
    source, name = match[1], match[2]
    if source != "ssm":
        return f"unknown lookup ${{{source}:...}}", THERE_ARE
    if not PARAMETER.fullmatch(name):
        return f'"{name}" is not the name of an SSM parameter', "such as ${ssm:/shop/tag}"
    if path[0] in WRITTEN_OUT:
        return "cannot come from SSM: it says where and whom to ask", "write it out, or use ${env:NAME}"
    value = values.get(name)
    return (f"there is no SSM parameter {name}", "create it, or correct its name") if value is None else value


def _env(name: str, env: Mapping[str, str] | None) -> str | tuple[str, str]:
    """The value of a variable of the environment; or what is wrong, and a hint."""
    variable, has_default, default = name.partition(":-")
    if not VARIABLE.fullmatch(variable):
        return f'"{variable}" is not the name of a variable', "such as ${env:TAG}, or ${env:TAG:-v1} with a default"
    if env is None:
        return f"${{env:{variable}}} is not allowed here", "the loop's spec must not depend on its environment"
    if variable not in env and not has_default:
        return f"the environment has no {variable}", f"export {variable}=..., or write ${{env:{variable}:-default}}"
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
    try:
        value = fragment(text, path, mark, problems) if text[:1] in {"[", "{"} else _parsed(text)
    except SpecError:
        return  # and what is wrong was said
    document.forget(path)
    document.values[path] = document.keys[path] = mark
    document.spelled[path] = text
    at[key] = value


def _parsed(text: str) -> Any:
    """A value as the file would spell it."""
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else scalar(text)


def _put(data: Any, path: Path, value: Any) -> None:
    for part in path[:-1]:
        data = data[part]
    data[path[-1]] = value
