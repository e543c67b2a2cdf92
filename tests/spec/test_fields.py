"""What ``drift:`` may name is what the kinds compare."""

from __future__ import annotations

import inspect
import sys
from dataclasses import fields

from controller.resources import RECONCILERS
from controller.spec.fields import COMPARED


def test_the_table_is_what_the_kinds_say() -> None:
    found = {}
    for kind in RECONCILERS:
        if not kind.data:
            shape = vars(sys.modules[type(kind).__module__])[
                inspect.signature(kind.create).parameters["desired"].annotation
            ]
            found[kind.kind] = sorted(one.name for one in fields(shape) if one.metadata.get("compare", True))

    assert {kind: names.split() for kind, names in COMPARED.items()} == found
