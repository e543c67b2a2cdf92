"""YAML to plain data with places. Plain scalars follow YAML 1.2: only ``true`` and ``false`` are booleans; ``1:30``
and ``010`` are no disguised numbers. Duplicate keys are problems, and aliases cannot blow a document up.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from controller.spec.places import Document, Mark, Path, Problems

NODES_MAX = 50_000  # aliases of aliases grow without bound
DEPTH_MAX = 40
INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")


def parse(name: str, text: str, problems: Problems) -> Document:
    """The document that *text* is; *name* is its file. Raises: SpecError, when it is none."""
    problems.lines[name] = text.splitlines()
    node = _compose(name, text, problems)
    if isinstance(node, yaml.MappingNode):
        walk = _Walk(name, problems)
        return Document(walk.value(node, ()), walk.values, walk.keys, walk.spelled)
    got = "an empty file" if node is None else "a list" if isinstance(node, yaml.SequenceNode) else "a single value"
    problems.add(Mark(name, 1, 1), (), f"expected a mapping (version, stack, hosts, ...), got {got}")
    problems.raise_any()
    raise AssertionError("a problem was added")


def fragment(text: str, at: Path, mark: Mark, problems: Problems) -> Any:
    """The value that *text* spells, for *at*. Raises: SpecError, when it spells none; that is reported at *mark*."""
    node = _compose(mark.file, text, problems, mark)
    return None if node is None else _Walk(mark.file, problems, mark).value(node, at)


def _compose(name: str, text: str, problems: Problems, fixed: Mark | None = None) -> yaml.Node | None:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        open_ended = "end of stream" in str(error.problem) and error.context is not None
        at = error.context_mark if open_ended else error.problem_mark or error.context_mark
        mark = fixed or (Mark(name, at.line + 1, at.column + 1) if at else Mark(name))
        lines = text.splitlines()
        line = lines[at.line] if at and at.line < len(lines) else ""
        words = f"{error.context}, {error.problem}" if open_ended else error.problem or error.context
        problems.add(mark, (), f"not YAML: {words}", _advice(str(words), line))
    except yaml.reader.ReaderError:  # its position counts bytes or characters, by loader
        found = yaml.reader.Reader.NON_PRINTABLE.search(text)
        before, code = (text[: found.start()], f" (#x{ord(found[0]):04x})") if found else ("", "")
        mark = fixed or Mark(name, before.count("\n") + 1, len(before) - before.rfind("\n"))
        problems.add(mark, (), f"not YAML: a character that no file should hold{code}")
    except (yaml.YAMLError, RecursionError, UnicodeError) as error:
        words = "nested too deeply" if isinstance(error, RecursionError) else str(error).split("\n", 1)[0]
        problems.add(fixed or Mark(name), (), f"not YAML: {words}")
    else:
        return node
    problems.raise_any()
    raise AssertionError("a problem was added")


def _advice(problem: str, line: str) -> str:
    """What most often lies behind the words of the YAML parser."""
    if "\\t" in problem or "'\t'" in problem or line[: len(line) - len(line.lstrip())].count("\t"):
        return "indent with spaces, not tabs"
    if "end of stream" in problem:
        return "what begins here has no end: is a quote or a bracket missing?"
    if "${" in line:
        return 'put lookups in quotes: "${env:NAME}"'
    if "did not find expected" in problem:
        return "a bracket, a comma or some spaces of indentation are missing, here or on a line above"
    if "mapping values are not allowed" in problem:
        return "a text with a colon and a space in it needs quotes; or a line is indented too far"
    return ""


class _Walk:
    """Nodes to plain data, with marks; duplicate keys are problems."""

    def __init__(self, file: str, problems: Problems, fixed: Mark | None = None) -> None:
        self.values: dict[Path, Mark] = {}
        self.keys: dict[Path, Mark] = {}
        self.spelled: dict[Path, str] = {}
        self._file = file
        self._fixed = fixed
        self._problems = problems
        self._visited = 0
        self._merging: list[yaml.Node] = []

    def value(self, node: yaml.Node, path: Path) -> Any:
        self._count(node, path)
        self.values[path] = self._mark(node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, place)) for place, child in enumerate(node.value)]
        text = str(node.value)
        value = scalar(text, plain=not getattr(node, "style", None))
        self.spelled.pop(path, None)
        if not isinstance(value, str):
            self.spelled[path] = text
        return value

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        pairs = []
        for key, child in node.value:
            if isinstance(key, yaml.ScalarNode) and len(str(key.value).splitlines()) == 1:
                pairs.append((str(key.value), key, child))
            else:
                self._problems.add(self._mark(key), path, "a key must be a single word")
        for name, key, child in pairs:  # "<<" first: what is written out stands over what is merged in
            if name == "<<" and not getattr(key, "style", None):
                merged |= self._merged(child, path)
        for name, key, child in pairs:
            if name == "<<" and not getattr(key, "style", None):
                continue
            if name in data:
                first = self.keys[*path, name]
                words = f"given twice; first on line {first.line}" if first.line else "given twice"
                self._problems.add(self._mark(key), (*path, name), words)
                continue
            self.keys[*path, name] = self._mark(key)
            data[name] = self.value(child, (*path, name))
            if isinstance(child, yaml.CollectionNode) and not child.flow_style:
                self.values[*path, name] = self.keys[*path, name]  # a block is best found by the key above it
        return {**merged, **data}

    def _merged(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        """What ``<<: *base`` brings; of several, the first stands over the others."""
        merged: dict[str, Any] = {}
        for one in reversed(node.value if isinstance(node, yaml.SequenceNode) else [node]):
            self._count(one, path)
            if not isinstance(one, yaml.MappingNode):
                self._problems.add(self._mark(one), (*path, "<<"), "expected a mapping to merge")
            elif one in self._merging or len(self._merging) > DEPTH_MAX:
                self._problems.add(self._mark(one), (*path, "<<"), "merges itself, or too many others")
            else:
                self._merging.append(one)
                merged |= self._mapping(one, path)
                self._merging.pop()
        return merged

    def _count(self, node: yaml.Node, path: Path) -> None:
        """Raises: SpecError, for a document without end, or as good as that."""
        self._visited += 1
        if len(path) > DEPTH_MAX:
            self._problems.add(self._mark(node), (), f"nested more than {DEPTH_MAX} levels deep")
            self._problems.raise_any()
        if self._visited > NODES_MAX:
            self._problems.add(self._mark(node), (), f"more than {NODES_MAX} values, once its aliases are followed")
            self._problems.raise_any()

    def _mark(self, node: yaml.Node) -> Mark:
        return self._fixed or Mark(self._file, node.start_mark.line + 1, node.start_mark.column + 1)


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
