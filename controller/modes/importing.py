"""import: a spec for what others made, to be read, corrected and adopted. Reads only; nothing is tagged."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from controller.aws.client import connect
from controller.aws.survey import survey
from controller.base.errors import Refused, SpecError
from controller.modes.draft import draft
from controller.modes.draft_model import Draft
from controller.spec.load import load


def run(options: argparse.Namespace) -> int:
    """Write the spec to stdout."""
    region = options.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise Refused("no region: give --region, or set AWS_REGION")
    aws = connect(region, options.profile or None)
    one = draft(survey(aws, options.prefix))
    text = written(one, options.prefix)
    sys.stdout.write(text)
    sys.stderr.write("".join(f"note: {note}\n" for note in one.notes))
    if problems := _problems(text):
        sys.stderr.write("\n".join(["this spec needs a hand before it is valid:", *problems]) + "\n")
        return 1
    return 0


def _literal(value: Any) -> Any:
    """*value* with nothing in it that a spec would look up."""
    if isinstance(value, dict):
        return {key: _literal(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_literal(each) for each in value]
    return value.replace("${", "$${") if isinstance(value, str) else value


def _problems(text: str) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "imported.yaml"
        path.write_text(text)
        try:
            load(str(path), ())
        except SpecError as error:
            return tuple(problem.replace(f"{folder}/", "") for problem in error.problems)
    return ()


def written(one: Draft, prefix: str) -> str:
    """The document with what a reader should know at its head."""
    head = [
        "# yaml-language-server: $schema=./stack.schema.json",
        f"# Written by `theseus import --prefix {prefix}`. Read it, then `theseus adopt` it, then `theseus plan` it.",
        *(f"# - {note}" for note in one.notes),
    ]
    document = _literal({key: value for key, value in one.document.items() if key != "names"})
    body = yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=110)
    names = yaml.safe_dump({"names": one.document["names"]}, default_flow_style=False, width=110)
    return "\n".join([*head, body + names])
