"""Files: unreadable ones, endless ones, and one laid over another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from judging import GOOD, Judge, short, swapped

from controller.base.errors import SpecError
from controller.spec import source
from controller.spec.load import Loaded, load
from controller.spec.places import Problems

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
)
MERGES = "m0: &m0 {x: 1}\n" + "".join(f"m{i}: &m{i} {{<<: *m{i - 1}}}\n" for i in range(1, 100))
EXPECTED = "expected a mapping (version, stack, hosts, ...)"
LONG = "is longer than a spec can be, 1048576 bytes | is it a spec at all?"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(b"", f"1:1: {EXPECTED}, got an empty file", id="empty"),
        pytest.param(b"# only a comment\n", f"1:1: {EXPECTED}, got an empty file",
                     id="a comment only"),
        pytest.param(b"- a\n", f"1:1: {EXPECTED}, got a list", id="a list"),
        pytest.param(b"hello\n", f"1:1: {EXPECTED}, got a single value", id="a word"),
        pytest.param(b"version: 1\nstack: \xff\n", "2:8: is not UTF-8 | save the file as UTF-8", id="not UTF-8"),
        pytest.param("version: 1\n".encode("utf-16"), "1:1: is not UTF-8 | save the file as UTF-8", id="UTF-16"),
        pytest.param(b"stack: a\x01b\n", "1:9: not YAML: a character that no file should hold (#x0001)", id="control"),
        pytest.param("a: é\n\xa0\0".encode(), "2:2: not YAML: a character that no file should hold (#x0000)", id="NUL"),
        pytest.param(b"a: 1\n---\nb: 2\n", "2:1: not YAML: but found another document", id="two documents"),
        pytest.param(b"a: *b\n", "1:4: not YAML: found undefined alias", id="an alias of nothing"),
        pytest.param(b"#" * (1 << 20) + b"\na: 1", f" {LONG}", id="too long"),
        pytest.param(BOMB.encode(), "1:8: more than 50000 values, once its aliases are followed", id="a bomb"),
        pytest.param(b"a: &a [*a]\n", "1:4: nested more than 40 levels deep", id="a list in itself"),
        pytest.param(b"a: " + b"[" * 200 + b"]" * 200, "1:44: nested more than 40 levels deep", id="deep"),
        pytest.param(b"[" * 900_000, "1:1001: not YAML: exceeded maximum nesting depth", id="bottomless"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_spec_says_one_thing(text: bytes, problem: str, judge: Judge) -> None:
    assert judge(text) == [problem]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("a: &a\n  <<: *a\n", "1:4: a.<<: merges itself, or too many others", id="itself"),
        pytest.param(MERGES, "merges itself, or too many others", id="a long chain"),
        pytest.param("<<: 5\n", "1:5: <<: expected a mapping to merge", id="a number"),
    ],
)
def test_merging_what_cannot_be_merged(text: str, place: str, judge: Judge) -> None:
    assert any(place in problem for problem in judge(text))


def test_merged_keys_give_way_to_written_ones_wherever_they_stand(loads: Callable[..., Loaded]) -> None:
    """``<<`` is a default, also when it stands last."""
    text = swapped(GOOD, {"    rollout: {max_surge: 1, drain_timeout: 5m, bake: 30s}":
                          "    rollout:\n      bake: 10s\n      <<: {bake: 20s, max_surge: 2}"})  # fmt: skip
    rollout = loads(text).stack.pools[0].rollout

    assert (rollout.bake.total_seconds(), rollout.max_surge) == (10, 2)


def test_yaml_1_1_disguises_are_text(loads: Callable[..., Loaded]) -> None:
    """``no``, ``010`` and ``1:30`` are what they look like, not a truth value, an eight and ninety."""
    text = swapped(GOOD, {"team: shop": "a: no, b: 010, c: 1:30, d: 2024-01-01, e: 0x10"})

    assert [value for _, value in loads(text).stack.tags] == ["no", "010", "1:30", "2024-01-01", "0x10"]


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        pytest.param("nowhere.yaml", "nowhere.yaml: cannot be read: no such file or directory", id="missing"),
        pytest.param(".", ".: is a directory | name the YAML file in it", id="a directory"),
        pytest.param("a\0b", "a\0b: cannot be read: embedded null byte", id="no path at all"),
        pytest.param("x" * 300, f"{'x' * 300}: cannot be read: file name too long", id="too long a name"),
    ],
)
def test_a_file_that_cannot_be_read(path: str, problem: str) -> None:
    with pytest.raises(SpecError) as raised:
        load(path)

    assert [short(block) for block in raised.value.problems] == [problem]


# ------------------------------------------------------------------------------------------------ extends
def test_maps_merge_lists_replace(write: Callable[..., None]) -> None:
    write(base=GOOD, spec="extends: base.yaml\nstack: other\nnetwork: {public_subnets: [10.0.3.0/24, 10.0.4.0/24]}\n"
          "services: {web: {desired: 6}}\n")  # fmt: skip
    stack = load("spec.yaml").stack

    assert stack.name == "other"
    assert stack.network.cidr == "10.0.0.0/16"
    assert stack.network.public_subnets == ("10.0.3.0/24", "10.0.4.0/24")
    assert (stack.services[0].desired, stack.services[0].cpu) == (6, 256)


def test_a_base_is_found_beside_the_file_that_names_it(write: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "lib").mkdir()
    write(
        **{"lib/root": GOOD, "lib/base": "extends: root.yaml\n", "env/dev": "extends: ../lib/base.yaml\nstack: dev\n"}
    )

    assert load("env/dev.yaml").stack.name == "dev"


def test_places_are_those_of_the_file_a_value_came_from(write: Callable[..., None]) -> None:
    """A wrong value of the base points into the base; what replaces it into the upper file."""
    write(base=swapped(GOOD, {"cpu: 256": "cpu: lots", "memory: 512": "memory: lots"}),
          spec="extends: base.yaml\nservices:\n  web:\n    memory: more\nhosts: {main: {size: {max: 1}}}\n",
          )  # fmt: skip
    with pytest.raises(SpecError) as raised:
        load("spec.yaml")

    assert [block.split("\n")[0] for block in raised.value.problems] == [
        'base.yaml:19:10: services.web.cpu: expected a whole number, got "lots"',
        'spec.yaml:4:13: services.web.memory: expected a whole number, got "more"',
        "spec.yaml:5:28: hosts.main.size.max: expected min <= desired <= max, got min 2, desired 3, max 1",
    ]
    assert "   19 |     cpu: lots\n                 ^" in raised.value.problems[0]


def test_a_list_that_is_replaced_leaves_no_places_behind(write: Callable[..., None]) -> None:
    """A place of the base below a value of the upper file would point at text that no longer counts."""
    write(base="a:\n  - {x: 1, y: 2}\n  - 3\n", spec="extends: base.yaml\na: [{x: 4}]\n")
    document = source.read(Path("spec.yaml"), Problems())
    below = {path: str(mark) for path, mark in document.values.items() if path[:1] == ("a",)}

    assert below == {("a",): "spec.yaml:2:4", ("a", 0): "spec.yaml:2:5", ("a", 0, "x"): "spec.yaml:2:9"}


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        pytest.param({"spec": "extends: spec.yaml\n"},
                     "1:10: extends: a circle: spec.yaml -> spec.yaml | a base must not extend what extends it",
                     id="itself"),
        pytest.param({"spec": "extends: a.yaml\n", "a": "x: 1\nextends: ./spec.yaml\n"},
                     "a.yaml:2:10: extends: a circle: spec.yaml -> a.yaml -> spec.yaml"
                     " | a base must not extend what extends it", id="a circle of two"),
        pytest.param({"spec": "extends: no.yaml\n"},
                     "1:10: extends: no.yaml cannot be read: no such file or directory", id="missing"),
        pytest.param({"spec": "extends: .\n"}, "1:10: extends: . is a directory | name the YAML file in it",
                     id="a directory"),
        pytest.param({"spec": "extends: [a]\n"}, "1:10: extends: expected the name of a file, got a list",
                     id="a list"),
        pytest.param({"spec": 'extends: ""\n'}, '1:10: extends: expected the name of a file, got ""', id="no name"),
        pytest.param({"spec": 'extends: "a\\0b"\n'}, '1:10: extends: expected the name of a file, got "a\0b"',
                     id="NUL"),
        pytest.param({"spec": "extends: a.yaml\n", "a": "- 1\n"},
                     f"a.yaml:1:1: {EXPECTED}, got a list", id="a list in the base"),
        pytest.param({"spec": "extends: a.yaml\n", "a": b"\xff"}, "a.yaml:1:1: is not UTF-8 | save the file as UTF-8",
                     id="a base that is not UTF-8"),
        pytest.param({"spec": "extends: f1.yaml\n", **{f"f{i}": f"extends: f{i + 1}.yaml\n" for i in range(1, 15)}},
                     "f10.yaml:1:10: extends: more than 10 files deep", id="a tower"),
    ],
)  # fmt: skip
def test_a_base_that_cannot_be_used(files: dict[str, str], problem: str, write: Callable[..., None]) -> None:
    write(**files)
    with pytest.raises(SpecError) as raised:
        load("spec.yaml")

    assert [short(block) for block in raised.value.problems] == [problem]
