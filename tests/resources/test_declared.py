"""What a spec says reaches what AWS is asked for: each field by itself, and all of it at once, to be read."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.base.keys import Key, Ref
from controller.engine.observe import declare
from controller.report.values import is_mapping
from controller.resources import RECONCILERS
from controller.spec import source
from controller.spec.load import load
from controller.spec.places import Document, Problems, dotted
from controller.spec.places import Path as At
from controller.spec.types import Stack
from tests.report.golden import check
from tests.resources.leaves import changed, edited, leaves, places, stack_of

EVERYTHING = Path(__file__).parent / "everything.yaml"
ZONED = {
    "cidr": "10.60.0.0/16",
    "public_subnets": [{"cidr": f"10.60.{n}.0/24", "zone": f"us-east-1{zone}"} for n, zone in enumerate("ab")],
    "private_subnets": [{"cidr": f"10.60.1{n}.0/24", "zone": f"us-east-1{zone}"} for n, zone in enumerate("ba")],
}
THEIRS = {"vpc": "vpc-0a", "public_subnets": ["subnet-0a", "subnet-0b"], "private_subnets": ["subnet-0c"]}
NOT_ASKED_OF_AWS = {  # leaves of the schema, or what holds some
    "version": "says how the file is read",
    "extends": "says how the file is read, and which others",
    "region": "where AWS is asked, not what",
    "account": "a guard: other credentials are refused",
    "cost_allocation_tags": "looked at, never changed",
    "hosts.*.rollout": "how hosts are replaced is for `rollout` to know",
    "hosts.*.managed_draining|1.acknowledge": "says that somebody read what it means",
    "gates": "when hosts are replaced is for `rollout` to know",
    "drift": "what becomes of a difference is for the engine to know",
}
NO_OTHER_ALONE = {  # what the golden file tells instead
    "hosts.*.managed_draining|0": "false wants `acknowledge` beside it",
    "services.*.daemon": "a daemon has no `desired`, any other service has",
}
LEAVES = dict(leaves())
Declared = dict[Key, Any]
Placed = tuple[Document, Declared, tuple[str, At]]


def declared(stack: Stack | None) -> Declared:
    assert stack is not None
    return declare(stack, RECONCILERS)


@cache
def spec() -> Document:
    """A spec with everything."""
    problems = Problems()
    whole = source.read(EVERYTHING, problems)
    problems.raise_any()
    return whole


@cache
def placed() -> list[Placed]:
    """The leaves that specs have, each with its spec and what that declares: of one with everything, and of networks
    such as it does not have."""
    found: list[Placed] = []
    for one in (spec(), *(edited(spec(), ("network",), other) for other in (ZONED, THEIRS))):
        before = declared(stack_of(one))
        found += [(one, before, leaf) for leaf in places(one.data) if one is spec() or leaf[1][0] == "network"]
    return found


def not_asked(leaf: str) -> bool:
    return any(leaf == one or leaf.startswith((f"{one}.", f"{one}[", f"{one}|")) for one in NOT_ASKED_OF_AWS)


@pytest.mark.parametrize("leaf", LEAVES)
def test_each_field_of_a_spec_changes_what_is_declared(leaf: str) -> None:
    """Wherever it stands; those that AWS is not asked for change nothing."""
    tried = {
        dotted(at): declared(stack) != before
        for document, before, (name, at) in placed()
        if name == leaf and (stack := changed(document, leaf, LEAVES[leaf], at)) is not None
    }

    if not_asked(leaf):
        assert [at for at, seen in tried.items() if seen] == []
    elif leaf in NO_OTHER_ALONE:
        assert tried == {}
    else:
        assert tried != {}, "everything.yaml has no other value of it to try"
        assert [at for at, seen in tried.items() if not seen] == []


class Readable(yaml.SafeDumper):
    """Texts of several lines as such; nothing is said by reference to what stands elsewhere."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


Readable.add_representer(str, Readable.represent_str)


def test_everything_that_is_declared_golden() -> None:
    """What AWS is asked for, whole: read the diff as you would read a plan."""
    found = declared(load(str(EVERYTHING)).stack)

    text = {str(key): shown(found[key]) for key in sorted(found)}
    check(
        "everything.declared.yaml",
        yaml.dump(text, Dumper=Readable, default_flow_style=None, sort_keys=False, width=120),
    )


def shown(value: Any) -> Any:
    """*value* as YAML can say it: refs by what they refer to, fields that ask for nothing left out."""
    if isinstance(value, Ref):
        return f"${value.key}.{value.output}"
    if isinstance(value, tuple):
        return [shown(one) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        items = [(one, getattr(value, one.name)) for one in fields(value)]
        return {
            one.name: {name: shown(part) for name, part in inner} if is_mapping(one) else shown(inner)
            for one, inner in items
            if inner not in (None, "", ())
        }
    return str(value) if isinstance(value, timedelta) else value
