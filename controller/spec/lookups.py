"""The only two lookups of a spec: ``${env:NAME}`` (or ``${env:NAME:-default}``) and ``${ssm:/path}``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from controller.spec.source import Document, Mark, Path, Problems, scalar

LOOKUP = re.compile(r"\$\{(\w+):([^}]*)\}")
Parameters = Callable[[list[str]], Mapping[str, str | None]]
"""Parameter names to their values; None for one that does not exist."""


def strings(data: Any, path: Path = ()) -> list[tuple[Path, str]]:
    """Every string in *data*, with its path."""
    if isinstance(data, dict):
        return [found for key, value in data.items() for found in strings(value, (*path, key))]
    if isinstance(data, list):
        return [found for place, value in enumerate(data) for found in strings(value, (*path, place))]
    return [(path, data)] if isinstance(data, str) and "${" in data else []


def resolve(
    document: Document, env: Mapping[str, str] | None, ssm: Parameters | None, problems: Problems
) -> tuple[set[Path], tuple[str, ...]]:
    """Put values in place of lookups. *env* None refuses ``${env:}``; *ssm* None leaves ``${ssm:}`` as it is.

    Returns the paths whose whole value came from the environment, and the parameters that were left.
    """
    found = strings(document.data)
    names = sorted({m[2] for _, text in found for m in LOOKUP.finditer(text) if m[1] == "ssm"})
    values = ssm(names) if ssm is not None and names else {}
    from_env: set[Path] = set()
    for path, text in found:
        mark = document.mark(path)

        def value(match: re.Match[str], mark: Mark = mark, path: Path = path) -> str:
            source, name = match[1], match[2]
            if source == "env":
                return _env(name, env, lambda message, hint: problems.add(mark, path, message, hint)) or ""
            if source == "ssm" and ssm is None:
                return match[0]
            if source == "ssm":
                known = values.get(name)
                if known is None:
                    problems.add(mark, path, f"there is no SSM parameter {name}", "create it, or correct its name")
                return known or ""
            problems.add(mark, path, f"unknown lookup ${{{source}:...}}", "there are ${env:NAME} and ${ssm:/path}")
            return ""

        new = LOOKUP.sub(value, text)
        if new == text and not LOOKUP.search(text):
            problems.add(mark, path, "a lookup that is not closed", "write ${env:NAME} or ${ssm:/path}")
        _put(document.data, path, new)
        if text.startswith("${env:") and LOOKUP.fullmatch(text):
            from_env.add(path)
    return from_env, tuple(names) if ssm is None else ()


def _env(name: str, env: Mapping[str, str] | None, problem: Callable[[str, str], None]) -> str | None:
    variable, has_default, default = name.partition(":-")
    if env is None:
        problem(f"${{env:{variable}}} is not allowed here", "the loop's spec must not depend on its environment")
        return None
    if variable not in env and not has_default:
        problem(f"the environment has no {variable}", f"export {variable}=..., or write ${{env:{variable}:-default}}")
        return None
    return env.get(variable, default)


def override(document: Document, settings: tuple[str, ...], problems: Problems) -> None:
    """Apply ``--set path.to.field=value``; maps on the way are made, list places are numbers."""
    for setting in settings:
        dots, equals, text = setting.partition("=")
        mark = Mark(f"--set {dots}")
        path: Path = tuple(int(part) if part.isdigit() else part for part in dots.split("."))
        if not equals or not all(str(part) for part in path):
            problems.add(Mark("--set"), (), f"expected path.to.field=value, got {setting!r}")
            continue
        at = document.data
        for part in path[:-1]:
            if isinstance(at, dict):
                at = at.setdefault(part, {})
            elif isinstance(at, list) and isinstance(part, int) and part < len(at):
                at = at[part]
            else:
                problems.add(mark, (), f"there is nothing to set at {dots}")
                break
        else:
            if isinstance(at, dict) or (isinstance(at, list) and isinstance(path[-1], int) and path[-1] < len(at)):
                at[path[-1]] = _parsed(text)  # type: ignore[index]
                document.values[path] = mark
            else:
                problems.add(mark, (), f"there is nothing to set at {dots}")


def _parsed(text: str) -> Any:
    """A value as YAML would read it, lists and maps in flow style too."""
    if text[:1] in {"[", "{"}:
        import yaml

        try:
            return yaml.safe_load(text)
        except yaml.YAMLError:
            return text
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return scalar(text)


def _put(data: Any, path: Path, value: Any) -> None:
    for part in path[:-1]:
        data = data[part]
    data[path[-1]] = value
