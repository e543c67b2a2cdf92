"""Arguments and exit codes, and nothing else: every command's work is in `modes`, loaded when it is asked for.

Exit codes (DESIGN.md section 2): 0 succeeded, 1 error or refused, 2 plan with changes, 3 declined, 4 not live and
proved, 5 paused or past its time, 6 locked, 64 bad usage, 130/143 interrupted.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NoReturn

from controller import __version__
from controller.base.errors import ControllerError, Halted, Interrupted, Locked, SpecError

USAGE = 64
LONGEST = 10 * 366 * 86400  # seconds; no wait is longer
DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d))+")
RISK_NAMES = ("cosmetic", "in_place", "new_deployment", "host_roll", "replace", "destructive")


class Parser(argparse.ArgumentParser):
    """argparse exits with 2, which means "changes" here."""

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"{self.prog}: {message}\nTry `{self.prog} --help`.\n")
        raise SystemExit(USAGE)


def entry() -> NoReturn:
    """The installed command."""
    code = main(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(code)


def main(arguments: Sequence[str]) -> int:
    """Run one command; its exit code. No traceback for anything a user can cause."""
    options = parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        code = run(options)
        sys.stdout.flush()
        return code
    except SpecError as error:
        sys.stderr.write("\n".join(error.problems) + f"\n{_count(len(error.problems))}, nothing was done.\n")
        return 1
    except Locked as error:
        sys.stderr.write(f"locked: {error}\n")
        return 6
    except Halted as error:
        sys.stderr.write(f"halted: {error}\n")
        return 4
    except Interrupted as stopped:
        sys.stderr.write(f"{stopped}\n")
        return stopped.code
    except ControllerError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except OSError as error:  # of files, sockets and streams the user named; a reader that went away knows it
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"error: {error}\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def parser() -> Parser:
    top = Parser(prog="theseus", description="Replaces every host and every task without losing a request.")
    commands = top.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    _validate(_add(commands, "validate", "check a spec; nothing is called", "controller.modes.plan:validate"))
    _plan(_add(commands, "plan", "show what apply would do; read-only", "controller.modes.plan:plan"))
    _apply(_add(commands, "apply", "make AWS as the spec says, and wait for the end", "controller.modes.apply:apply"))
    _run(_add(commands, "run", "keep AWS as the specs say", "controller.modes.loop:run"))
    _destroy(_add(commands, "destroy", "remove what apply made", "controller.modes.destroy:destroy"))
    _adopt(_add(commands, "adopt", "take over what is there and belongs to nobody", "controller.modes.adopt:run"))
    _import(_add(commands, "import", "write a spec for what others made", "controller.modes.importing:run"))
    _status(_add(commands, "status", "what is, and what it waits for", "controller.modes.status:status"))
    _watch(_add(commands, "watch", "send requests, count every one", "controller.modes.watch:watch"))
    _sandbox(_add(commands, "sandbox", "an AWS on this machine, with a real data plane", ""))
    _permissions(
        _add(commands, "iam-policy", "print the policy a controller needs", "controller.modes.permissions:iam_policy")
    )
    schema = _add(commands, "schema", "print the JSON Schema of specs", "controller.modes.plan:print_schema")
    schema.set_defaults(output="json")
    _add(commands, "version", "print the version", "").set_defaults(run=_print_version)
    return top


def _add(commands: argparse._SubParsersAction[Parser], name: str, words: str, target: str) -> Parser:
    one: Parser = commands.add_parser(name, help=words, description=words)
    one.set_defaults(run=_lazy(target), command=name)
    return one


def _lazy(target: str) -> Callable[[argparse.Namespace], int]:
    """Call ``module:function`` with the options, importing it only now."""

    def run(options: argparse.Namespace) -> int:
        from importlib import import_module

        module, _, function = target.partition(":")
        code: int = getattr(import_module(module), function)(options)
        return code

    return run


# ------------------------------------------------------------------------------------------------ what they share
def _spec(one: Parser, *, many: bool = False, calls: bool = True) -> None:
    one.add_argument("spec", metavar="SPEC", nargs="+" if many else None, help="the YAML file of a stack")
    one.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="override a field of the spec")
    if calls:
        one.add_argument("--region", help="instead of the spec's region")
        one.add_argument("--profile", help="AWS profile to take credentials from")


def _output(one: Parser, *formats: str) -> None:
    one.add_argument("-o", "--output", choices=formats, default="text", help="how to print the result")


def _lease(one: Parser) -> None:
    one.add_argument("--lease", type=place, default="dynamodb", metavar="dynamodb|file:PATH",
                     help="where the stack is locked")  # fmt: skip
    one.add_argument("--lock-timeout", type=duration, default=timedelta(seconds=90), metavar="D",
                     help="how long to wait for another holder (default 90s)")  # fmt: skip


def _scope(one: Parser) -> None:
    one.add_argument("--target", action="append", default=[], metavar="ADDRESS", help="only this, and what it needs")
    one.add_argument("--exclude", action="append", default=[], metavar="ADDRESS", help="leave this out")
    one.add_argument("--replace", action="append", default=[], metavar="ADDRESS", help="allow this replacement")
    one.add_argument("--prune", action="store_true", help="delete what is ours and no longer in the spec")
    one.add_argument("--refresh-images", nargs="?", action="append", const="", default=[], metavar="POOL",
                     help="take the newest machine image, for one pool or all")  # fmt: skip
    one.add_argument("--ignore-alarm", action="append", default=[], metavar="NAME", help="do not wait for this alarm")


def duration(text: str) -> timedelta:
    """``90s``, ``1h30m``. Raises what argparse turns into a usage error."""
    if not DURATION.fullmatch(text):
        raise argparse.ArgumentTypeError(f"expected a duration like 90s or 1h30m, got {text!r}")
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
    parts = re.findall(r"([0-9.]+)(ms|[smhd])", text)
    seconds = sum(float(number) * units[unit] for number, unit in parts)
    if seconds > LONGEST:
        raise argparse.ArgumentTypeError(f"expected at most ten years, got {text!r}")
    return timedelta(seconds=seconds)


def pause(text: str) -> timedelta:
    """A duration that is not zero: what repeats needs one."""
    value = duration(text)
    if not value:
        raise argparse.ArgumentTypeError(f"expected more than nothing, got {text!r}")
    return value


def place(text: str) -> str:
    """Where a lease is kept."""
    if text != "dynamodb" and not (text.startswith("file:") and text.removeprefix("file:")):
        raise argparse.ArgumentTypeError(f"expected dynamodb or file:PATH, got {text!r}")
    return text


def passes(text: str) -> int:
    """How many passes; none is for ever."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"expected a number of passes, got {text!r}")
    return int(text)


def number(text: str) -> float:
    """The number that *text* spells; NaN, which is within no bounds, for none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def ratio(text: str) -> float:
    """A number from 0 to 1."""
    value = number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got {text!r}")
    return value


def rate(text: str) -> float:
    """Requests a second, more than none."""
    value = number(text)
    if not 0 < value <= 10_000:
        raise argparse.ArgumentTypeError(f"expected requests a second, up to 10000, got {text!r}")
    return value


def port(text: str) -> int:
    """A TCP port; 0 for any free one."""
    if not (text.isascii() and text.isdigit() and int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, got {text!r}")
    return int(text)


def speedup(text: str) -> float:
    """How many times faster than AWS."""
    value = number(text)
    if not 0 < value <= 1000:
        raise argparse.ArgumentTypeError(f"expected a number above 0, up to 1000, got {text!r}")
    return value


def _count(problems: int) -> str:
    return "1 problem" if problems == 1 else f"{problems} problems"


# ------------------------------------------------------------------------------------------------ command by command
def _validate(one: Parser) -> None:
    _spec(one, calls=False)
    _output(one, "text", "json")


def _permissions(one: Parser) -> None:
    _spec(one, calls=False)
    one.add_argument("--mode", choices=("plan", "apply"), default="apply", help="plan only reads (default apply)")
    one.add_argument("--prune", action="store_true",
                     help="and what `apply --prune` and `destroy` delete that the spec has no more")  # fmt: skip
    one.set_defaults(output="json")


def _plan(one: Parser) -> None:
    _spec(one)
    _output(one, "text", "json", "markdown")
    _scope(one)
    one.add_argument("--detailed-exitcode", action="store_true", help="exit 2 when there are changes")
    one.add_argument("--out", metavar="FILE", help="save the plan for apply --plan")
    one.add_argument("--fail-on", choices=RISK_NAMES, metavar="RISK",
                     help=f"exit 4 when a change is at least this risky: {', '.join(RISK_NAMES)}")  # fmt: skip


def _apply(one: Parser) -> None:
    _spec(one)
    _output(one, "text", "json")
    _scope(one)
    _lease(one)
    one.add_argument("--yes", action="store_true", help="do not ask")
    one.add_argument("--plan", metavar="FILE", help="only what this saved plan says; refused if AWS changed since")
    one.add_argument("--timeout", type=duration, metavar="D", help="stop waiting after this (default: 3x the forecast)")


def _run(one: Parser) -> None:
    _spec(one, many=True)
    _lease(one)
    one.add_argument("--interval", type=pause, default=timedelta(seconds=60), metavar="D", help="between two passes")
    one.add_argument("--observe", action="store_true", help="look and report, never act")
    one.add_argument("--listen", default="", metavar="HOST:PORT", help="serve /healthz, /metrics and /status")
    one.add_argument("--ticks", type=passes, default=0, metavar="N", help="stop after this many passes (0: never)")


def _destroy(one: Parser) -> None:
    _spec(one)
    _output(one, "text", "json")
    _lease(one)
    one.add_argument("--yes", action="store_true", help="do not ask")
    one.add_argument("--timeout", type=duration, default=timedelta(minutes=60), metavar="D", help="stop waiting after")


def _adopt(one: Parser) -> None:
    _spec(one)
    _output(one, "text", "json")
    _lease(one)
    one.add_argument("--yes", action="store_true", help="do not ask")


def _import(one: Parser) -> None:
    one.add_argument("--prefix", required=True, metavar="NAME", help="how the name of the cluster begins")
    one.add_argument("--region", default="", metavar="NAME", help="where (default: as AWS tools are told)")
    one.add_argument("--profile", default="", metavar="NAME", help="of the credentials")
    one.set_defaults(output="text")


def _status(one: Parser) -> None:
    _spec(one)
    _output(one, "text", "json")


def _watch(one: Parser) -> None:
    one.add_argument("url", metavar="URL", help="where to send requests")
    one.add_argument("--rate", type=rate, default=10.0, metavar="N", help="requests a second (default 10)")
    one.add_argument("--duration", type=duration, metavar="D", help="stop after this (default: until interrupted)")
    one.add_argument("--slow-ratio", type=ratio, default=0.0, metavar="R", help="share of slow requests")
    one.add_argument("--slow-path", default="/slow?seconds=2", metavar="PATH", help="what a slow request asks for")
    one.add_argument("--fresh-ratio", type=ratio, default=0.5, metavar="R", help="share on a connection of their own")
    one.add_argument("--timeout", type=duration, default=timedelta(seconds=30), metavar="D", help="for one answer")
    _output(one, "text", "json")


def _sandbox(one: Parser) -> None:
    one.set_defaults(run=_serve_sandbox)
    one.add_argument("--port", type=port, default=0, metavar="N", help="of the endpoint (default: any free one)")
    one.add_argument("--speedup", type=speedup, metavar="X", help="divides what AWS alone decides (default 20)")
    one.add_argument("--seed", type=int, default=0, help="of what happens by chance")


def _serve_sandbox(options: argparse.Namespace) -> int:
    try:
        from controller.sandbox.server import serve
    except ImportError as error:
        sys.stderr.write(f"error: the sandbox needs its extra packages ({error}): pip install 'theseus-ecs[sandbox]'\n")
        return 1
    return serve(options.port, options.speedup, options.seed)


def _print_version(_: argparse.Namespace) -> int:
    sys.stdout.write(f"theseus {__version__}\n")
    return 0
