"""The fields of a planned step as indented lines: what is created, ``before -> after``, small diffs. Pure.

Each line is (symbol, text): the symbol is ``+``, ``-``, ``~`` or a blank, and decides the colour.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass
from typing import Any

from controller.base.keys import Ref, Tags
from controller.engine.reconciler import Change
from controller.engine.steps import Step
from controller.report.values import MASK, differing, is_mapping, printable

Line = tuple[str, str]
WIDTH = 76  # a value that would be longer is shown one element a line
CONTEXT = 1  # unchanged lines around a changed one


def field_lines(step: Step) -> Iterator[Line]:
    """The lines under a step's heading."""
    if step.action in {"update", "replace"}:
        yield from _changes(step, step.changes)
    elif step.action == "create":
        for item in fields(step.desired):
            yield from _created(item, getattr(step.desired, item.name))


def left_lines(step: Step) -> Iterator[Line]:
    """The lines of the differences that the spec leaves as they are."""
    yield from _changes(step, step.left)


def _changes(step: Step, changes: tuple[Change, ...]) -> Iterator[Line]:
    shapes = {item.name: item for item in fields(step.desired)}
    for change in changes:
        yield from _changed(change, shapes[change.field])


def word(value: Any) -> str:
    """*value* on one line; quotes only where its ends could not be seen."""
    if isinstance(value, Ref):
        return str(value)
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(word(item) for item in value) + "]"
    if is_dataclass(value) and not isinstance(value, type):
        return ", ".join(f"{item.name} {word(getattr(value, item.name))}" for item in fields(value))
    text = printable(str(value))
    return f'"{text}"' if not text or text != text.strip() or "\n" in text else text


# ------------------------------------------------------------------------------------------------ creating
def _created(item: Field[Any], value: Any) -> Iterator[Line]:
    secret = bool(item.metadata.get("secret"))
    if is_mapping(item):
        value = visible(value)
    if value in (None, "", ()) or not item.metadata.get("compare", True):
        return
    if isinstance(value, str) and "\n" in value:
        yield " ", f"{item.name}:"
        for line in (MASK,) if secret else printable(value).rstrip("\n").split("\n"):
            yield " ", f"    {line}"
    elif is_mapping(item):
        yield " ", f"{item.name}:"
        for key, one in value:
            yield " ", f"    {key}: {MASK if secret else word(one)}"
    elif not secret and len(word(value)) > WIDTH - len(item.name):
        yield " ", f"{item.name}:"
        for one in _parts(value):
            yield " ", f"    {one}"
    else:
        yield " ", f"{item.name}: {MASK if secret else word(value)}"


def _parts(value: Any) -> Iterator[str]:
    """A value too long for one line: an element of a tuple, or a field of a dataclass, on each."""
    if isinstance(value, tuple):
        for one in value:
            lines = list(_parts(one)) if is_dataclass(one) and len(word(one)) > WIDTH else [word(one)]
            yield from (f"{'- ' if i == 0 else '  '}{line}" for i, line in enumerate(lines))
    elif is_dataclass(value):
        yield from (f"{item.name}: {word(getattr(value, item.name))}" for item in fields(value))
    else:
        yield word(value)


def visible(tags: Tags) -> Tags:
    """The tags a reader did not expect: ours and the name say nothing that the address does not."""
    return tuple((key, value) for key, value in tags if not key.startswith("theseus:") and key != "Name")


# ------------------------------------------------------------------------------------------------ changing
def _changed(change: Change, item: Field[Any]) -> Iterator[Line]:
    force = "  # forces replacement" if change.replaces else ""
    before, after = change.before, change.after
    if is_mapping(item) and isinstance(before, tuple) and isinstance(after, tuple):
        yield "~", f"{change.field}:{force}"
        yield from _mapping(before, after, secret=change.secret)
    elif change.secret:
        yield "~", f"{change.field}: {MASK} -> {MASK}{force}"
    elif isinstance(before, str) and isinstance(after, str) and "\n" in before + after:
        yield "~", f"{change.field}:{force}"
        yield from _text(before, after)
    elif isinstance(before, tuple) and isinstance(after, tuple) and len(word(before) + word(after)) > WIDTH:
        yield "~", f"{change.field}:{force}"
        yield from _elements(before, after)
    elif len(word(before)) + len(word(after)) > WIDTH:
        yield "~", f"{change.field}:{force}"
        yield "-", f"    {word(before)}"
        yield "+", f"    {word(after)}"
    else:
        yield "~", f"{change.field}: {word(before)} -> {word(after)}{force}"


def _mapping(before: Tags, after: Tags, *, secret: bool) -> Iterator[Line]:
    old, new = dict(before), dict(after)
    for key in differing(before, after):
        had, has = (MASK if secret else word(side[key]) if key in side else "" for side in (old, new))
        if key not in old:
            yield "+", f"    {key}: {has}"
        elif key not in new:
            yield "-", f"    {key}: {had}"
        else:
            yield "~", f"    {key}: {had} -> {has}"
    same = len(set(old) & set(new)) - sum(1 for key in differing(before, after) if key in old and key in new)
    if same:
        yield " ", f"    ({same} unchanged)"


def _text(before: str, after: str) -> Iterator[Line]:
    """A unified diff without its headers; what is far from a change is left out."""
    old, new = printable(before).splitlines(), printable(after).splitlines()
    for line in list(difflib.unified_diff(old, new, lineterm="", n=CONTEXT))[2:]:
        yield (" ", "    ...") if line.startswith("@@") else (line[0], f"    {line[1:]}")


def _elements(before: tuple[Any, ...], after: tuple[Any, ...]) -> Iterator[Line]:
    for one in before:
        if one not in after:
            yield "-", f"    {word(one)}"
    for one in after:
        if one not in before:
            yield "+", f"    {word(one)}"
    if same := sum(1 for one in after if one in before):
        yield " ", f"    ({same} unchanged)"
