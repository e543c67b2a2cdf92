"""A spec's files: read, and what a file extends put underneath; every value knows the file, line and column it
stands at, also then.
"""

from __future__ import annotations

from pathlib import Path as File
from typing import Any

from controller.spec.parse import parse
from controller.spec.places import Document, Mark, Path, Problems, shown

BYTES_MAX = 1 << 20  # a spec of more than a mebibyte is a mistake
BASES_MAX = 10


def read(file: File, problems: Problems) -> Document:
    """The document in *file*, with what it extends underneath. Raises: SpecError, when nothing can be read."""
    return _read(file, problems, (), None)


def _read(file: File, problems: Problems, above: tuple[File, ...], named: Mark | None) -> Document:
    """*named* is the place of the ``extends`` that asks for *file*."""
    path: Path = ("extends",) if named else ()
    mark = named or Mark(str(file))
    if any(_same(file, one) for one in above):
        chain = " -> ".join(one.name for one in (*above, file))
        problems.add(mark, path, f"a circle: {chain}", "a base must not extend what extends it")
        problems.raise_any()
    if len(above) > BASES_MAX:
        problems.add(mark, path, f"more than {BASES_MAX} files deep")
        problems.raise_any()
    document = parse(str(file), _text(file, mark, path, problems), problems)
    base = document.data.pop("extends", None)
    if base is None:
        return document
    if not isinstance(base, str) or not base or "\0" in base:
        problems.add(document.mark(("extends",)), ("extends",), f"expected the name of a file, got {shown(base)}")
        problems.raise_any()
    under = _read(file.parent / base, problems, (*above, file), document.mark(("extends",)))
    return overlay(under, document)


def _same(one: File, other: File) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False


def overlay(base: Document, top: Document) -> Document:
    """*top* over *base*: maps merge, everything else replaces."""
    document = Document(base.data, dict(base.values), dict(base.keys), dict(base.spelled))

    def merged(under: Any, over: Any, path: Path) -> Any:
        if isinstance(under, dict) and isinstance(over, dict):
            return {**under, **{k: merged(under[k], v, (*path, k)) if k in under else v for k, v in over.items()}}
        if isinstance(under, dict | list):
            document.forget(path)
        document.spelled.pop(path, None)
        return over

    document.data = merged(base.data, top.data, ())
    document.values |= top.values
    document.keys |= top.keys
    document.spelled |= top.spelled
    return document


def _text(file: File, mark: Mark, path: Path, problems: Problems) -> str:
    """What *file* holds; problems with getting it stand at *mark*, where it is named."""
    name = f"{file} " if path else ""
    try:
        with file.open("rb") as opened:
            data = opened.read(BYTES_MAX + 1)
    except IsADirectoryError:
        problems.add(mark, path, f"{name}is a directory", "name the YAML file in it")
    except (OSError, ValueError) as error:
        words = (getattr(error, "strerror", None) or str(error)).lower()
        problems.add(mark, path, f"{name}cannot be read: {words}")
    else:
        if len(data) > BYTES_MAX:
            problems.add(mark, path, f"{name}is longer than a spec can be, {BYTES_MAX} bytes", "is it a spec at all?")
            problems.raise_any()
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
            problems.add(Mark(str(file), line, column), (), "is not UTF-8", "save the file as UTF-8")
    problems.raise_any()
    raise AssertionError("a problem was added")
