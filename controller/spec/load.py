"""From a file to a `Stack`: read, overlay, override, look up, validate, build, check. All problems at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

from controller.spec import checks, lookups, schema, source
from controller.spec.build import build
from controller.spec.types import Stack


@dataclass(frozen=True, slots=True)
class Loaded:
    """A usable spec, what is worth a warning, and the SSM lookups that were left as they are."""

    stack: Stack
    warnings: tuple[str, ...] = ()
    unresolved: tuple[str, ...] = ()


def load(
    path: str,
    overrides: tuple[str, ...] = (),
    env: Mapping[str, str] | None = None,
    ssm: lookups.Parameters | None = None,
) -> Loaded:
    """The stack that *path* describes. *env* None refuses ``${env:}``; *ssm* None leaves ``${ssm:}`` unresolved.

    Raises: SpecError, with every problem there is.
    """
    problems = source.Problems()
    document = source.read(File(path), problems)
    lookups.override(document, overrides, problems)
    from_env, unresolved = lookups.resolve(document, env, ssm, problems)
    problems.raise_any()
    schema.check(document, from_env, problems)
    problems.raise_any()
    stack = build(document.data, path, digest(document.data))
    warnings = checks.check(stack, document, problems)
    problems.raise_any()
    return Loaded(stack, warnings, unresolved)


def digest(data: Any) -> str:
    """The sha256 of what a spec says: comments, order of keys and the files it came from do not matter."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()
