# ruff: noqa: SIM905 - lists of names are read, and written, as words
"""Imports point down, effects stay at the edges, and nothing in the controller knows that it is being rehearsed.

Every rule is a function from text or imports to the list of what breaks it, and has a table of what it must refuse:
a rule that lets everything pass would be no rule.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "controller"
LAYERS = "base spec|sandbox aws engine resources|rollout report tick modes cli rehearsal".split()  # low to high
APART = ("sandbox", "rehearsal")  # not the controller: an AWS on this machine, and what plays the commands against it
PURE = (
    "base.keys base.crumbs base.errors "
    "spec.parse spec.places spec.lookups spec.schema spec.types spec.names spec.network spec.build spec.check "
    "spec.checks spec.checks_network spec.checks_drift spec.fields "
    "engine.reconciler engine.compare engine.drift engine.graph engine.plan "
    "rollout.model rollout.counts rollout.books rollout.gates rollout.fit rollout.drained rollout.decide "
    "rollout.forecast rollout.verdict "
    "report.seen report.values report.hosts report.rolls report.moves report.journal report.document report.fields "
    "report.text report.style report.status report.snapshot report.probe_result report.demo_words report.demo_drawing "
    "report.demo_text "
    "sandbox.world sandbox.asg sandbox.ecs sandbox.tasks sandbox.targets sandbox.placement sandbox.agents "
    "sandbox.health sandbox.scaler sandbox.step"
).split()
EFFECTS = frozenset(
    "boto3 botocore aiohttp moto requests urllib http socket ssl time random threading multiprocessing concurrent "
    "asyncio subprocess os shutil signal tempfile logging structlog secrets uuid".split()
)
SETTLED = {("sandbox", "/os")}  # the package sets its environment before anything can read it
SDK_IN = ("aws", "resources", "rollout.fleet", "sandbox", "rehearsal")
WORDS = re.compile(r"moto|sandbox|localhost", re.IGNORECASE)
CLOCK = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "asyncio": set(),
}


@dataclass(frozen=True)
class Import:
    """One import: of a module of ours (``base.keys``) or of another (``/os``); for type checkers only, or not."""

    module: str
    typing: bool = False


def parse(source: str, module: str, ours: Callable[[str], bool]) -> set[Import]:
    """The imports of *source*; ``from controller.a import b`` is one of ``a.b`` where that is a module."""
    found: set[Import] = set()

    def visit(node: ast.AST, typing: bool) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.body:
                visit(child, True)
            for child in node.orelse:
                visit(child, typing)
            return
        for name in _names(node, module, ours):
            found.add(Import(name, typing))
        for child in ast.iter_child_nodes(node):
            visit(child, typing)

    visit(ast.parse(source), False)
    return found


def _names(node: ast.AST, module: str, ours: Callable[[str], bool]) -> Iterator[str]:
    full: list[str] = []
    if isinstance(node, ast.Import):
        full = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        above = ["controller", *module.split(".")][: -node.level] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        full = [
            f"{base}.{a.name}" if ours(f"{base}.{a.name}".removeprefix("controller.")) else base for a in node.names
        ]
    for name in full:
        if name == "controller" or name.startswith("controller."):
            yield name.removeprefix("controller").removeprefix(".")
        else:
            yield f"/{name.split('.')[0]}"


def top(module: str) -> str:
    return module.split(".")[0]


# ------------------------------------------------------------------------------------------------ the rules
Imports = Mapping[str, set[Import]]


def upward(imports: Imports) -> list[str]:
    """Imports of a layer at least as high as one's own; of a module that is in no layer."""
    rank = {name: place for place, layer in enumerate(LAYERS) for name in layer.split("|")}
    return [
        f"{a} -> {b.module}"
        for a, bs in imports.items()
        for b in sorted(bs, key=str)
        if b.module
        and not b.module.startswith("/")
        and a not in {"", "__main__"}
        and top(a) != top(b.module)
        and rank.get(top(b.module), 99) >= rank.get(top(a), -1)
    ]


def stranger(imports: Imports) -> list[str]:
    """The sandbox knows nothing of ours but base; of ours only the command line knows the sandbox."""
    return [
        f"{a} -> {b.module}"
        for a, bs in imports.items()
        for b in sorted(bs, key=str)
        if b.module
        and not b.module.startswith("/")
        and (
            (top(a) == "sandbox" and top(b.module) not in {"sandbox", "base"})
            or (top(b.module) == "sandbox" and top(a) not in {"sandbox", "cli"})
        )
    ]


def blind(imports: Imports) -> list[str]:
    """Kinds do not know each other; only the list of them does. A kind knows the shape of its own resources."""
    return [
        f"{a} -> {b.module}"
        for a, bs in imports.items()
        for b in sorted(bs, key=str)
        if top(a) == "resources" != a and top(b.module) == "resources" and b.module != f"{a}_shape"
    ]


def sdk(imports: Imports) -> list[str]:
    """The SDK is called at the edges only."""
    return [
        f"{a} -> {b.module[1:]}"
        for a, bs in imports.items()
        for b in sorted(bs, key=str)
        if b.module in {"/boto3", "/botocore"} and not (top(a) in SDK_IN or a in SDK_IN)
    ]


def named_at_run_time(imports: Imports) -> list[str]:
    """The Protocol names `Aws` for type checkers only: the engine runs without an SDK."""
    found = sorted(imports.get("engine.reconciler", ()), key=str)
    return [f"engine.reconciler -> {b.module}" for b in found if top(b.module) == "aws" and not b.typing]


def impure(imports: Imports, pure: list[str]) -> list[str]:
    """The effects that *pure* modules reach, and the way there."""
    found = []
    for start in pure:
        ways = {start: start}
        todo = [start]
        while todo:
            module = todo.pop()
            for one in sorted(imports.get(module, ()), key=str):
                if one.typing or one.module in ways or (module, one.module) in SETTLED:
                    continue
                ways[one.module] = f"{ways[module]} -> {one.module}"
                if one.module.startswith("/"):
                    if one.module[1:] in EFFECTS:
                        found.append(ways[one.module])
                    continue
                todo.append(one.module)
                package = one.module.rpartition(".")[0]
                if package and package not in ways:  # importing a module runs its package first
                    ways[package] = f"{ways[module]} -> {package}"
                    todo.append(package)
    return found


def clocks(source: str) -> list[str]:
    """Uses of the wall clock, however the module was imported."""
    tree = ast.parse(source)
    alias = {
        (one.asname or one.name): one.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for one in node.names
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if node.attr in CLOCK.get(alias.get(owner, owner), ()):
                found.append(f"{node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [f"{node.lineno}: from time import {a.name}" for a in node.names if a.name in CLOCK["time"]]
    return found


def words(source: str) -> list[str]:
    """Lines that name what the controller must not know."""
    return [f"{place}: {m[0]}" for place, line in enumerate(source.splitlines(), 1) for m in WORDS.finditer(line)]


# ------------------------------------------------------------------------------------------------ the tree
def tree() -> dict[str, str]:
    """Every module of ours and its source; a package is its ``__init__``."""
    found = {}
    for file in sorted(ROOT.rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file.read_text()
    return found


SOURCES = tree()
IMPORTS = {module: parse(source, module, SOURCES.__contains__) for module, source in SOURCES.items()}


def test_every_module_is_in_a_layer() -> None:
    known = {name for layer in LAYERS for name in layer.split("|")} | {"", "__main__"}

    assert sorted({top(module) for module in SOURCES} - known) == []


def test_imports_point_down() -> None:
    assert upward(IMPORTS) == []


def test_the_controller_and_the_emulated_aws_are_strangers() -> None:
    assert stranger(IMPORTS) == []


def test_kinds_are_blind_to_each_other() -> None:
    assert blind(IMPORTS) == []


def test_the_sdk_is_called_at_the_edges_only() -> None:
    assert sdk(IMPORTS) == []


def test_the_protocol_names_aws_for_type_checkers_only() -> None:
    assert any(top(one.module) == "aws" for one in IMPORTS["engine.reconciler"])
    assert named_at_run_time(IMPORTS) == []


def test_pure_modules_reach_no_effect() -> None:
    assert [module for module in PURE if module not in SOURCES] == []
    assert impure(IMPORTS, PURE) == []


def test_only_the_clock_reads_the_clock() -> None:
    found = {module: clocks(source) for module, source in SOURCES.items() if top(module) not in APART}

    assert {module: lines for module, lines in found.items() if lines and module != "base.clock"} == {}
    assert found["base.clock"]


def test_nothing_in_the_controller_names_its_rehearsal() -> None:
    """Not in code, strings, comments or files beside the code: only the endpoint differs."""
    files = [
        f for f in ROOT.rglob("*") if f.is_file() and f.suffix in {".py", ".json", ".html", ".js", ".css", ".typed"}
    ]
    found = {
        str(file.relative_to(ROOT)): words(file.read_text())
        for file in files
        if file.relative_to(ROOT).parts[0] not in APART
    }
    cli = [line for line in found.pop("cli.py") if "sandbox" not in line.lower()]

    assert {name: lines for name, lines in found.items() if lines} == {}
    assert cli == []


# ------------------------------------------------------------------------------------------------ each rule can fail
def made(module: str, source: str) -> dict[str, set[Import]]:
    return {module: parse(source, module, {"base.keys", "resources.vpc", "aws.client", "sandbox.world"}.__contains__)}


@pytest.mark.parametrize(
    ("rule", "module", "source", "broken"),
    [
        pytest.param(upward, "spec.load", "import controller.tick", ["spec.load -> tick"], id="up"),
        pytest.param(upward, "aws.reads", "from ..engine import plan", ["aws.reads -> engine"], id="up, relative"),
        pytest.param(upward, "rollout.fleet", "from controller.resources import vpc",
                     ["rollout.fleet -> resources.vpc"], id="siblings"),
        pytest.param(upward, "base.keys", "def f():\n    from controller.spec import load", ["base.keys -> spec"],
                     id="up, hidden in a function"),
        pytest.param(upward, "spec.load", "from controller.brandnew import x", ["spec.load -> brandnew"],
                     id="a folder nobody knows"),
        pytest.param(upward, "tick", "from controller.base.keys import Key", [], id="down is fine"),
        pytest.param(stranger, "sandbox.cloud", "from controller.spec.types import Stack",
                     ["sandbox.cloud -> spec.types"], id="the sandbox knows the spec"),
        pytest.param(stranger, "modes.apply", "from controller.sandbox import world",
                     ["modes.apply -> sandbox.world"], id="a mode knows the sandbox"),
        pytest.param(stranger, "cli", "from controller.sandbox.server import serve", [], id="cli may"),
        pytest.param(blind, "resources.subnet", "from controller.resources import vpc",
                     ["resources.subnet -> resources.vpc"], id="a kind knows a kind"),
        pytest.param(blind, "resources", "from controller.resources import vpc", [], id="the list of kinds may"),
        pytest.param(blind, "resources.vpc", "from controller.resources.vpc_shape import Vpc", [], id="its own shape"),
        pytest.param(blind, "resources.subnet", "from controller.resources.vpc_shape import Vpc",
                     ["resources.subnet -> resources.vpc_shape"], id="the shape of another"),
        pytest.param(sdk, "modes.apply", "import botocore.session", ["modes.apply -> botocore"], id="SDK in a mode"),
        pytest.param(sdk, "rollout.decide", "import boto3", ["rollout.decide -> boto3"], id="SDK beside the fleet"),
        pytest.param(sdk, "rollout.fleet", "import boto3", [], id="SDK in the fleet"),
        pytest.param(named_at_run_time, "engine.reconciler", "from controller.aws.client import Aws",
                     ["engine.reconciler -> aws.client"], id="Aws at run time"),
        pytest.param(named_at_run_time, "engine.reconciler",
                     "if TYPE_CHECKING:\n    from controller.aws.client import Aws", [], id="Aws for type checkers"),
    ],
)  # fmt: skip
def test_import_rules_can_fail(
    rule: Callable[[Imports], list[str]], module: str, source: str, broken: list[str]
) -> None:
    assert rule(made(module, source)) == broken


@pytest.mark.parametrize(
    ("modules", "broken"),
    [
        pytest.param({"a": "import os.path"}, ["a -> /os"], id="at once"),
        pytest.param({"a": "from controller import b", "b": "import random"}, ["a -> b -> /random"], id="two steps"),
        pytest.param({"a": "import controller.p.c", "p": "import threading", "p.c": ""}, ["a -> p -> /threading"],
                     id="in the package of what is imported"),
        pytest.param({"a": "if TYPE_CHECKING:\n    import boto3\nimport json"}, [], id="types and json are fine"),
    ],
)  # fmt: skip
def test_an_effect_is_found_however_far_away(modules: dict[str, str], broken: list[str]) -> None:
    imports = {module: parse(source, module, modules.__contains__) for module, source in modules.items()}

    assert impure(imports, ["a"]) == broken


@pytest.mark.parametrize(
    ("source", "broken"),
    [
        pytest.param("import time\nx = time.time()", ["2: time.time"], id="time.time"),
        pytest.param("import time as t\nt.sleep(1)", ["2: t.sleep"], id="under another name"),
        pytest.param("from time import sleep", ["1: from time import sleep"], id="from time"),
        pytest.param("from datetime import datetime\nf = datetime.now", ["2: datetime.now"], id="as a value"),
        pytest.param("import datetime\ndatetime.datetime.utcnow()", ["2: datetime.datetime.utcnow"], id="utcnow"),
        pytest.param("clock.sleep(pause); clock.now()", [], id="the clock that is handed in"),
    ],
)
def test_the_wall_clock_is_found(source: str, broken: list[str]) -> None:
    assert clocks(source) == broken


@pytest.mark.parametrize(
    ("source", "broken"),
    [
        pytest.param("x = 1  # as Moto does", ["1: Moto"], id="in a comment"),
        pytest.param('y = "http://LOCALHOST"', ["1: LOCALHOST"], id="in a string"),
        pytest.param("\nclass InSandbox: ...", ["2: Sandbox"], id="in a name"),
        pytest.param("endpoint = None", [], id="nothing"),
    ],
)
def test_a_word_is_found(source: str, broken: list[str]) -> None:
    assert words(source) == broken
