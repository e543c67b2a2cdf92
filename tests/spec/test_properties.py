"""Whatever a file holds, the answer is a stack or a `SpecError`: no traceback, no end of patience, no foreign words."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judging import GOOD

from controller.base.errors import SpecError
from controller.spec import source
from controller.spec.load import load
from controller.spec.places import Problems
from controller.spec.schema import schema

FOREIGN = re.compile(
    r"is not of type|is a required property|does not match|is not valid under|Additional properties|is too (short|long)"
    r"|non-empty|is not one of|Traceback|ValidationError|object at 0x|got None"
)
RICH = Path(__file__).parents[1] / "resources" / "rich.yaml"
QUIET = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def outcome(data: bytes, *sets: str, env: dict[str, str] | None = None) -> tuple[str, ...]:
    """The problems of a file of these bytes; none when it loads. Anything but a `SpecError` fails the test."""
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        file.write(data)
        file.flush()
        try:
            load(file.name, sets, env)
        except SpecError as error:
            problems = error.problems
        else:
            return ()
    assert problems
    for problem in problems:
        assert not FOREIGN.search(problem.split("\n")[0]), problem
        assert problem.encode()
    return problems


def words(part: Any = None) -> list[str]:
    """Every name and value the schema knows: nonsense made of them reaches deeper than nonsense."""
    part = part if part is not None else schema()
    found = []
    if isinstance(part, dict):
        for key, value in part.items():
            found += ([key] if key.islower() and not key.startswith("^") else []) + words(value)
    elif isinstance(part, list):
        found = [one for value in part for one in (words(value) if isinstance(value, dict | list) else [str(value)])]
    return found


VALUES = {
    "main",
    "web",
    "shop",
    "http",
    "10.0.0.0/16",
    "30s",
    "-1d",
    "99999999999d",
    "${env:A}",
    "${ssm:/a}",
    "*",
    "/x",
}
KNOWN = sorted({*words(), *VALUES})
SCALARS = st.one_of(st.sampled_from(KNOWN), st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8))
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KNOWN) | st.text(max_size=6), inner, max_size=6)
    ),
    max_leaves=30,
)


@QUIET
@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    outcome(data)


@QUIET
@given(st.text(alphabet=st.sampled_from(list("ab:-{}[]&*<!|>'\"#?,%@`~\t\n 01.$\\\u2028é")), max_size=80))
def test_any_yaml_like_text(text: str) -> None:
    outcome(text.encode())


@QUIET
@given(TREES)
def test_any_document(tree: Any) -> None:
    """JSON is YAML."""
    outcome(json.dumps(tree).encode(), env={"A": "1"})


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(found for key, value in pairs for found in places(value, (*path, key)))]


def whole() -> dict[str, Any]:
    """A spec with every section, as plain data."""
    import yaml

    document: dict[str, Any] = yaml.safe_load(GOOD)
    document["gates"] = {"probe": {"path": "/x"}, "alarms": ["a"], "no_data": {"wait": "1m", "then": "halt"}}
    document["names"] = {"service/web": "old"}
    document["hosts"]["main"] |= {"image": {"ssm": "/a"}, "managed_draining": True, "security_groups": ["sg-1"]}
    document["services"]["web"] |= {"secrets": {"A": "arn:aws:ssm:x"}, "environment": {"B": "x"}, "command": ["run"]}
    return document


@settings(QUIET, max_examples=250)
@given(st.data())
def test_any_value_anywhere_in_a_spec(data: st.DataObject) -> None:
    """One to four values of a good spec are replaced by anything, or taken away."""
    document = whole()
    for _ in range(data.draw(st.integers(1, 4))):
        path = data.draw(st.sampled_from(places(document)[1:]))
        at = document
        for part in path[:-1]:
            at = at[part]
        if data.draw(st.booleans()):
            at[path[-1]] = data.draw(TREES)
        elif isinstance(at, dict):
            del at[path[-1]]
        if len(places(document)) == 1:
            break
    outcome(json.dumps(document).encode(), env={"A": "1"})


def shapes() -> list[tuple[Any, ...]]:
    """A place of each shape in a spec that has nearly everything: of many services' ports one."""
    every = places(rich())[1:]
    return list({tuple("" if place == 1 or isinstance(part, int) else part for place, part in enumerate(one)): one
                 for one in every}.values())  # fmt: skip


def rich() -> dict[str, Any]:
    document: dict[str, Any] = source.read(RICH, Problems()).data
    return document


@pytest.mark.parametrize("wrong", [None, "a b", ["a"]], ids=["nothing", "words", "a list"])
def test_a_wrong_value_of_each_sort_in_every_place(wrong: Any) -> None:
    """A word that is none of those allowed, and no text where text is taken apart: problems, and nothing else."""
    for path in shapes():
        document = at = rich()
        for part in path[:-1]:
            at = at[part]
        at[path[-1]] = wrong
        try:
            outcome(json.dumps(document).encode(), env={})
        except Exception as error:
            raise AssertionError(path) from error


@QUIET
@given(
    st.lists(st.text(max_size=30) | st.sampled_from(KNOWN).map(lambda word: f"services.web.{word}="), max_size=3), TREES
)
def test_any_setting(sets: list[str], tree: Any) -> None:
    sets += [f"services.web={json.dumps(tree)}"]

    outcome(GOOD.encode(), *sets, env={})


def test_the_whole_spec_that_is_mangled_is_right() -> None:
    assert outcome(json.dumps(whole()).encode()) == ()


def test_foreign_words_would_be_noticed() -> None:
    assert FOREIGN.search("'x' is not of type 'integer'")
    assert Path(__file__).exists()
