"""YAML with places: every value knows the file, line and column it stands at, also after files were overlaid.

Plain scalars follow YAML 1.2: only ``true`` and ``false`` are booleans; ``1:30`` and ``010`` are no disguised numbers.
Whatever is wrong is collected in `Problems`, so that the author sees all of it at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

import yaml

from controller.base.errors import SpecError

Path = tuple[str | int, ...]

BYTES_MAX = 1 << 20  # a spec of more than a mebibyte is a mistake
NODES_MAX = 50_000  # aliases of aliases grow without bound
DEPTH_MAX = 40
INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
YES_NO = frozenset({"yes", "no", "on", "off", "y", "n"})


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a value stands; line and column count from 1. A value that came from elsewhere has no line."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass
class Problems:
    """Printable problems, in the order of their places."""

    lines: dict[str, list[str]] = field(default_factory=dict)  # file -> its lines
    found: list[tuple[str, int, int, str]] = field(default_factory=list)

    def add(self, mark: Mark, path: Path, message: str, hint: str = "") -> None:
        subject = f"{dotted(path)}: " if path else ""
        block = f"{mark}: {subject}{message}"
        lines = self.lines.get(mark.file, [])
        if 0 < mark.line <= len(lines):
            block += f"\n{mark.line:5d} | {lines[mark.line - 1]}\n{' ' * (mark.column + 7)}^"
        if hint:
            block += f"\n  hint: {hint}"
        entry = (mark.file, mark.line, mark.column, block)
        if entry not in self.found:
            self.found.append(entry)

    def raise_any(self) -> None:
        if self.found:
            raise SpecError(tuple(block for _, _, _, block in sorted(self.found)))


@dataclass
class Document:
    """Plain data, and the mark of every value and key in it by path."""

    data: Any
    values: dict[Path, Mark]
    keys: dict[Path, Mark]

    def mark(self, path: Path) -> Mark:
        """The mark of the value at *path*, or of the nearest thing around it that has one."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Mark("spec"))


def dotted(path: Path) -> str:
    """``services.web.port``, as the author would say it.

    >>> dotted(("network", "public_subnets", 1))
    'network.public_subnets[1]'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read(file: File, problems: Problems) -> Document:
    """The document in *file*, with what it extends underneath. Raises: SpecError, when nothing can be read."""
    return _read(file, problems, ())


def _read(file: File, problems: Problems, above: tuple[File, ...]) -> Document:
    if file.resolve() in above:
        chain = " -> ".join(str(one.name) for one in (*above, file))
        problems.add(Mark(str(file)), (), f"extends itself: {chain}", "a base must not extend what extends it")
        problems.raise_any()
    document = _parse(file, problems)
    base = document.data.pop("extends", None)
    if base is None:
        return document
    if not isinstance(base, str):
        problems.add(document.mark(("extends",)), ("extends",), f"expected the name of a file, got {shown(base)}")
        problems.raise_any()
    return overlay(_read(file.parent / str(base), problems, (*above, file.resolve())), document)


def overlay(base: Document, top: Document) -> Document:
    """*top* over *base*: maps merge, everything else replaces."""
    values, keys = {**base.values}, {**base.keys}

    def merged(under: Any, over: Any, path: Path) -> Any:
        if isinstance(under, dict) and isinstance(over, dict):
            return {**under, **{k: merged(under[k], v, (*path, k)) if k in under else v for k, v in over.items()}}
        for marks in (values, keys):
            for gone in [one for one in marks if one[: len(path)] == path and one != path]:
                del marks[gone]
        return over

    data = merged(base.data, top.data, ())
    return Document(data, values | top.values, keys | top.keys)


def _parse(file: File, problems: Problems) -> Document:
    name = str(file)
    text = _text(file, name, problems)
    problems.lines[name] = text.splitlines()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        node = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = Mark(name, at.line + 1, at.column + 1) if at else Mark(name)
        hint = "indent with spaces, not tabs" if "\\t" in str(error.problem) else ""
        problems.add(mark, (), f"not YAML: {error.problem or error.context}", hint)
    except yaml.YAMLError as error:
        problems.add(Mark(name), (), f"not YAML: {str(error).splitlines()[0]}")
    else:
        if isinstance(node, yaml.MappingNode):
            walk = _Walk(name, problems)
            return Document(walk.value(node, ()), walk.values, walk.keys)
        got = "an empty file" if node is None else "a list" if isinstance(node, yaml.SequenceNode) else "a single value"
        problems.add(Mark(name, 1, 1), (), f"expected a mapping (version, stack, hosts, ...), got {got}")
    problems.raise_any()
    raise AssertionError("a problem was added")


def _text(file: File, name: str, problems: Problems) -> str:
    try:
        data = file.read_bytes()
    except IsADirectoryError:
        problems.add(Mark(name), (), "is a directory", "name the YAML file in it")
    except OSError as error:
        problems.add(Mark(name), (), f"cannot be read: {(error.strerror or str(error)).lower()}")
    else:
        if len(data) > BYTES_MAX:
            problems.add(Mark(name), (), f"is {len(data)} bytes long; a spec has at most {BYTES_MAX}")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            problems.add(Mark(name), (), f"is not UTF-8 (line {line})", "save the file as UTF-8")
        else:
            problems.raise_any()
            return text
    problems.raise_any()
    raise AssertionError("a problem was added")


class _Walk:
    """Nodes to plain data, with marks; duplicate keys are problems."""

    def __init__(self, file: str, problems: Problems) -> None:
        self.values: dict[Path, Mark] = {}
        self.keys: dict[Path, Mark] = {}
        self._file = file
        self._problems = problems
        self._visited = 0

    def value(self, node: yaml.Node, path: Path) -> Any:
        self._visited += 1
        self.values[path] = mark = self._mark(node)
        if self._visited > NODES_MAX or len(path) > DEPTH_MAX:
            self._problems.add(mark, (), "too large once its aliases are followed")
            self._problems.raise_any()
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, place)) for place, child in enumerate(node.value)]
        return scalar(str(node.value), plain=not node.style)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, child in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._problems.add(self._mark(key), path, "a key must be a single word")
                continue
            name = str(key.value)
            if name == "<<":
                several = child.value if isinstance(child, yaml.SequenceNode) else [child]
                for one in reversed(several):
                    if isinstance(one, yaml.MappingNode):
                        merged.update(self._mapping(one, path))
                continue
            if name in data:
                first = self.keys[*path, name]
                self._problems.add(self._mark(key), (*path, name), f"given twice; first on line {first.line}")
                continue
            self.keys[*path, name] = self._mark(key)
            data[name] = self.value(child, (*path, name))
        return {**merged, **data}

    def _mark(self, node: yaml.Node) -> Mark:
        return Mark(self._file, node.start_mark.line + 1, node.start_mark.column + 1)


def scalar(text: str, *, plain: bool = True) -> Any:
    """The value of a scalar: YAML 1.2's core schema; quoted ones are strings."""
    if not plain:
        return text
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if text in {"true", "True", "TRUE"}:
        return True
    if text in {"false", "False", "FALSE"}:
        return False
    if INTEGER.fullmatch(text) and len(text) < 20:
        return int(text)
    if FLOAT.fullmatch(text):
        return float(text)
    return text


def shown(value: Any) -> str:
    """A value as a problem quotes it."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    text = text if len(text) <= 60 else text[:57] + "..."
    return f'"{text}"' if isinstance(value, str) else text
