"""From a file to a `Stack`: read, overlay, override, look up, validate, build, check. All problems at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any, Protocol

from controller.spec import checks, lookups, schema, source
from controller.spec.build import build
from controller.spec.places import Problems
from controller.spec.types import Stack


@dataclass(frozen=True, slots=True)
class Loaded:
    """A usable spec, what is worth a warning, and the SSM lookups that were left as they are."""

    stack: Stack
    warnings: tuple[str, ...] = ()
    unresolved: tuple[str, ...] = ()


class Known(Protocol):
    """Documents that met the schema before, by digest: an unchanged spec need not be held against it again."""

    def __contains__(self, digest: str) -> bool: ...
    def add(self, digest: str) -> None: ...


def load(
    path: str,
    overrides: tuple[str, ...] = (),
    env: Mapping[str, str] | None = None,
    ssm: lookups.Parameters | None = None,
    known: Known | None = None,
) -> Loaded:
    """The stack that *path* describes, with *overrides* (``path.to.field=value``) on top.

    *env* None refuses ``${env:}``; *ssm* None leaves ``${ssm:}`` unresolved, and does not judge what rests on it.

    Raises: SpecError, with every problem there is.
    """
    problems = Problems()
    document = source.read(File(path), problems)
    lookups.override(document, overrides, problems)
    looked = lookups.resolve(document, env, ssm, problems)
    said = digest(document.data)
    plain = not (problems.found or looked.whole or looked.blank)
    trusted = known is not None and plain and said in known
    blank = set() if trusted else schema.check(document, looked, problems)
    stack = build(document.data, path, said)
    warnings = checks.check(stack, document, blank, problems)
    problems.raise_any()
    if known is not None and plain and not trusted:
        known.add(said)
    return Loaded(stack, warnings, looked.left)


def digest(data: Any) -> str:
    """The sha256 of what a spec says: comments, order of keys and the files it came from do not matter."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()
