"""The error tree: named by what happens next, as its docstring draws it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from controller.base import errors
from controller.base.errors import ControllerError, Gone, NotYet, Refused, SpecError, Stale

DRAWN = re.findall(r"^( +)([A-Z]\w+) {2,}\w", errors.__doc__ or "", re.MULTILINE)


def test_the_docstring_draws_every_class() -> None:
    classes = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, ControllerError)}

    assert {name for _, name in DRAWN} == classes - {"ControllerError"}


@pytest.mark.parametrize(("indent", "name"), DRAWN)
def test_the_docstring_draws_who_is_whose_child(indent: str, name: str) -> None:
    """Whoever catches `Stale` catches what is gone too; nothing else is caught by accident."""
    parent = {"Gone": Stale, "Stuck": Refused, "Underway": NotYet}.get(name, ControllerError)
    assert (len(indent) == 8) == (parent is not ControllerError)

    assert getattr(errors, name).__bases__ == (parent,)


def test_all_problems_of_a_spec_are_printed() -> None:
    error = SpecError(("a:1:1: x", "a:2:1: y\n  hint: z"))

    assert str(error) == "a:1:1: x\na:2:1: y\n  hint: z"
    assert len(error.problems) == 2


def test_what_is_not_yet_says_when_to_come_back() -> None:
    assert NotYet("busy").after == timedelta(seconds=2)
    assert NotYet("busy", timedelta(minutes=1)).after == timedelta(minutes=1)


def test_a_refusal_carries_its_code() -> None:
    error = Refused("no", code="AccessDenied", operation="iam:CreateRole")

    assert (str(error), error.code, error.operation, error.fresh) == ("no", "AccessDenied", "iam:CreateRole", False)
    assert issubclass(Gone, Stale)
