"""Expected output in files: ``GOLDEN=write`` rewrites them (``make golden``), and a person reads the diff."""

from __future__ import annotations

import json
import os
import re
from itertools import count
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "golden"
ID = re.compile(r"\b(i|vpc|subnet|sg|igw|rtb|rtbassoc|lt|ami)-[0-9a-f]{8,17}\b")
ONE = r"(?:i|vpc|subnet|sg|igw|rtb|rtbassoc|lt|ami)-[0-9a-f]{8,17}"
SEVERAL = re.compile(rf'"?{ONE}"?(?:,\s+"?{ONE}"?)+')
LONG = re.compile(r"(:loadbalancer/app/[\w-]+|:listener/app/[\w-]+|:targetgroup/[\w-]+)/[0-9a-f/]+")


def check(name: str, text: str) -> None:
    """*text* is what the golden file *name* holds; ids that differ from run to run are numbered as they come."""
    shown = settled(text)
    file = HERE / name
    if os.environ.get("GOLDEN") == "write":
        file.write_text(shown)
    assert file.read_text() == shown


def check_json(name: str, document: dict[str, Any]) -> None:
    check(name, json.dumps(document, indent=2) + "\n")


def settled(text: str) -> str:
    numbers: dict[str, str] = {}
    counts = {kind: count(1) for kind in ("i", "vpc", "subnet", "sg", "igw", "rtb", "rtbassoc", "lt", "ami")}

    def numbered(match: re.Match[str]) -> str:
        if match[0] not in numbers:
            width = len(match[0]) - len(match[1]) - 1
            numbers[match[0]] = f"{match[1]}-{next(counts[match[1]]):0{width}d}"
        return numbers[match[0]]

    return SEVERAL.sub(_sorted, ID.sub(numbered, LONG.sub(r"\1/0", text)))


def _sorted(match: re.Match[str]) -> str:
    """A list of ids in the order of their numbers: the real ones are in the order of AWS's random ids."""
    names = iter(sorted(one[0] for one in ID.finditer(match[0])))
    return ID.sub(lambda _: next(names), match[0])
