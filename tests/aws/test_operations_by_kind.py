"""Which part of the program calls what is what the source says: a policy made of it lacks nothing and has no excess."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

from controller.aws import operations_by_kind as listed
from controller.aws.client import READ_PREFIXES
from controller.aws.operations import OPERATIONS
from controller.engine.reconciler import Parting
from controller.resources import RECONCILERS
from tests.aws.test_operations import called

ROOT = Path(__file__).parents[2] / "controller"
# modules of `aws/` that make calls for several kinds
SHARED = {
    "balancing",
    "forwarding",
    "groups",
    "rules",
    "providers",
    "role_users",
    "running",
    "strangers",
    "target_zones",
    "tasks",
    "ways_out",
}
Pairs = set[tuple[str, str]]


def methods(table: listed.Calls) -> Pairs:
    return {(service, method) for service, names in table.items() for method in names.split()}


def used(node: ast.AST, owner: str) -> set[str]:
    """The names asked of a local *owner*: ``reads.vpcs``."""
    return {
        one.attr
        for one in ast.walk(node)
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id == owner
    }


@pytest.fixture(scope="module")
def reads() -> dict[str, ast.FunctionDef]:
    """The methods of `Reads` by name."""
    trees = [ast.parse(path.read_text()) for path in sorted((ROOT / "aws" / "reads").glob("*.py"))]
    classes = [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
    return {one.name: one for cls in classes for one in cls.body if isinstance(one, ast.FunctionDef)}


def reach(names: Iterable[str], reads: dict[str, ast.FunctionDef]) -> Pairs:
    """What those methods of `Reads` call, and those they use in turn."""
    seen: set[str] = set()
    left = [name for name in names if name in reads]
    while left:
        name = left.pop()
        seen.add(name)
        left += [one for one in used(reads[name], "self") if one in reads and one not in seen]
    return {pair for name in seen for pair in called(ast.unparse(reads[name]))}


def source_of(path: str, reads: dict[str, ast.FunctionDef]) -> Pairs:
    text = (ROOT / path).read_text()
    tree = ast.parse(text)
    shared = [source_of(f"aws/{name}.py", reads) for name in sorted(used_modules(tree) & SHARED)]
    return (called(text) | reach(used(tree, "reads") | used(tree, "Reads"), reads)).union(*shared)


def used_modules(tree: ast.AST) -> set[str]:
    """The modules of `aws/` that are imported at run time, by name."""
    froms = [one.module or "" for one in ast.walk(tree) if isinstance(one, ast.ImportFrom)]
    return {name.rsplit(".", 1)[-1] for name in froms if name.startswith("controller.aws.")}


@pytest.mark.parametrize("kind", sorted(one.kind for one in RECONCILERS))
def test_a_kind_calls_what_is_listed(kind: str, reads: dict[str, ast.FunctionDef]) -> None:
    assert methods(listed.BY_KIND[kind]) == source_of(f"resources/{kind}.py", reads)


@pytest.mark.parametrize(
    ("table", "paths"),
    [
        pytest.param(listed.WATCH, ["rollout/sight.py", "rollout/members.py", "rollout/outlook.py"], id="watch"),
        pytest.param(listed.ROLL, ["rollout/fleet.py"], id="roll"),
        pytest.param(listed.LEASE, ["aws/lease.py"], id="lease"),
        pytest.param(listed.RECORD, ["aws/record.py"], id="record"),
        pytest.param(listed.SESSION, ["modes/session.py"], id="session"),
        pytest.param(listed.COSTS, ["aws/costs.py"], id="costs"),
        pytest.param(listed.BYSTANDERS, ["aws/bystanders.py"], id="bystanders"),
        pytest.param(listed.IMPORT, ["aws/survey.py", "aws/survey_parts.py"], id="import"),
    ],
)
def test_what_is_no_kind_calls_what_is_listed(
    table: listed.Calls, paths: list[str], reads: dict[str, ast.FunctionDef]
) -> None:
    found = [source_of(path, reads) for path in paths]

    assert methods(table) == set().union(*found)


def changed_by(path: str, function: str, seen: set[tuple[str, str]]) -> Pairs:
    """What *function* of the module at *path* and the functions it uses call, here and in `aws/`, reads aside."""
    if (path, function) in seen:
        return set()
    seen.add((path, function))
    tree = ast.parse((ROOT / path).read_text())
    defined = {one.name: one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)}
    froms = [one for one in ast.walk(tree) if isinstance(one, ast.ImportFrom)]
    away = {one.name: f"{source.module}.py".partition(".")[2] for source in froms for one in source.names}
    node = defined[function]
    names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)} | used(node, "self")
    found = {(service, method) for service, method in called(ast.unparse(node)) if not method.startswith(READ_PREFIXES)}
    for name in names:
        if name in defined:
            found |= changed_by(path, name, seen)
        elif away.get(name, "").startswith("aws."):
            there = f"{away[name].removesuffix('.py').replace('.', '/')}.py"
            if (ROOT / there).is_file() and f"def {name}(" in (ROOT / there).read_text():
                found |= changed_by(there, name, seen)
    return found


def test_what_deletes_call_is_listed() -> None:
    """Whoever prunes may meet any kind: a policy for that is made of this list."""
    kinds = [one.kind for one in RECONCILERS]

    makes = [changed_by(f"resources/{one}.py", "delete", set()) for one in kinds]
    makes += [changed_by(f"resources/{one.kind}.py", "part", set()) for one in RECONCILERS if isinstance(one, Parting)]
    assert methods(listed.PRUNE) == set().union(*makes)


def test_every_operation_there_is_belongs_to_somebody() -> None:
    tables = [*listed.BY_KIND.values(), listed.WATCH, listed.ROLL, listed.LEASE, listed.RECORD]
    tables += [listed.SESSION, listed.IMPORT, listed.COSTS, listed.BYSTANDERS]

    assert {(s, m) for s, names in OPERATIONS.items() for m in names} == set().union(*map(methods, tables))
