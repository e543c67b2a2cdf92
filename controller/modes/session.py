"""What every mode needs before its first tick: the spec, AWS, the right account, a way to stop, the lease."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING

from controller.aws.client import Aws, connect
from controller.base.clock import SystemClock
from controller.base.errors import Interrupted, Locked, NotYet, Refused, SpecError, Stale
from controller.engine.scope import Scope
from controller.modes.known import KnownSpecs
from controller.spec.load import Loaded, load
from controller.spec.lookups import Parameters
from controller.spec.types import Stack

if TYPE_CHECKING:
    from controller.aws.lease import Lease
    from controller.report.seen import Tick

SSM_PARAMETERS_MAX = 10  # names per GetParameters call (aws.md 6.3)
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143}


@dataclass
class Stop:
    """The clock everything waits on, and the exit code of a signal that came (0: none).

    asking   a person is being asked: a signal is an answer, and must not wait for another one
    """

    clock: SystemClock
    code: int = 0
    asking: bool = False

    def check(self) -> None:
        """Raises Interrupted once a signal came."""
        if self.code:
            raise Interrupted("interrupted: nothing new is started", self.code)


@dataclass
class Session:
    """One stack, its AWS, and what may stop the work on it."""

    stack: Stack
    aws: Aws
    stop: Stop

    @property
    def clock(self) -> SystemClock:
        return self.stop.clock


def open_session(options: argparse.Namespace) -> Session:
    """The session of one command on one spec. Raises SpecError, Refused."""
    loaded, aws = read(options.spec, options, os.environ)
    session = Session(with_choices(loaded.stack, options), aws, Stop(SystemClock()))
    aws.guard = session.stop.check
    return session


def read(path: str, options: argparse.Namespace, env: Mapping[str, str] | None) -> tuple[Loaded, Aws]:
    """The spec at *path* and AWS for it; SSM is asked only for what ``${ssm:}`` names. *env* None refuses ``${env:}``.

    Raises: SpecError, Refused (credentials, region, another account).
    """
    draft = load(path, tuple(options.set), env, known=KnownSpecs())
    aws = connect(options.region or draft.stack.region, options.profile)
    loaded = load(path, tuple(options.set), env, parameters_of(aws)) if draft.unresolved else draft
    if options.region:
        loaded = replace(loaded, stack=replace(loaded.stack, region=options.region))
    for warning in loaded.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    return loaded, aws


def parameters_of(aws: Aws) -> Parameters:
    """The values of SSM parameters; None for those that do not exist."""

    def ask(names: list[str]) -> dict[str, str | None]:
        found: dict[str, str | None] = dict.fromkeys(names)
        for start in range(0, len(names), SSM_PARAMETERS_MAX):
            answer = aws.ssm.get_parameters(Names=names[start : start + SSM_PARAMETERS_MAX], WithDecryption=True)
            found |= {item["Name"]: item["Value"] for item in answer["Parameters"]}
        return found

    return ask


def check_account(aws: Aws, stack: Stack) -> None:
    """Raises Refused when these are credentials of another account than the spec is for."""
    if stack.account is None:
        return
    account = aws.sts.get_caller_identity()["Account"]
    if account != stack.account:
        raise Refused(
            f"these credentials belong to account {account}, the spec is for {stack.account}: "
            "choose another profile, or correct `account:`"
        )


def with_choices(stack: Stack, options: argparse.Namespace) -> Stack:
    """*stack* with what the command line chose for this run. Raises SpecError for a pool there is not."""
    asked = set(getattr(options, "refresh_images", ()))
    pools = {pool.name for pool in stack.pools}
    if unknown := sorted(asked - pools - {""}):
        raise SpecError((f"--refresh-images: there is no pool {', '.join(unknown)}; there are {', '.join(pools)}",))
    chosen = pools if "" in asked else asked
    alarms = frozenset(getattr(options, "ignore_alarm", ()))
    return replace(stack, refresh_images=frozenset(chosen), ignore_alarms=alarms)


def scope_of(options: argparse.Namespace) -> Scope:
    return Scope(
        replace=frozenset(options.replace),
        prune=options.prune,
        only=frozenset(options.target),
        exclude=frozenset(options.exclude),
    )


@contextlib.contextmanager
def stoppable(stop: Stop) -> Iterator[None]:
    """A first signal lets the current call end and starts nothing new; a second one ends the process."""

    def leave(number: int, _frame: FrameType | None) -> None:
        if stop.code:
            os._exit(stop.code)
        stop.code = SIGNALS[signal.Signals(number)]
        stop.clock.interrupt()
        if stop.asking:
            stop.check()

    before = {number: signal.signal(number, leave) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def holding(session: Session, where: str, patience: timedelta) -> Iterator[Lease]:
    """The stack's lease for as long as the block lasts. Raises Locked when nobody let go of it within *patience*."""
    from controller.aws.lease import Heartbeat, lease

    held = lease(where, session.aws, session.stack.name, session.clock)
    _acquire(held, session.stop, patience)

    def guard() -> None:
        session.stop.check()
        held.check()

    session.aws.guard = guard
    try:
        with Heartbeat(held.renew):
            yield held
    finally:
        session.aws.guard = session.stop.check
        held.release()


def _acquire(held: Lease, stop: Stop, patience: timedelta) -> None:
    deadline, said = stop.clock.now() + patience, ""
    while True:
        stop.check()
        try:
            held.acquire()
        except NotYet as busy:
            stop.clock.sleep(busy.after)
        except Locked as locked:
            if stop.clock.now() >= deadline:
                raise
            words = str(locked).partition(" for up to")[0]
            if words != said:
                sys.stderr.write(f"waiting: {locked}\n")
                said = words
            stop.clock.sleep(timedelta(seconds=1))
        else:
            return


def agreed(question: str, options: argparse.Namespace, stop: Stop) -> bool:
    """Whether the person at the terminal says yes. Raises Refused without ``--yes`` when there is none, Interrupted
    when the answer is a signal."""
    if options.yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused("this changes AWS and there is no terminal to ask on: repeat with --yes")
    sys.stderr.write(f"\n{question} Only 'yes' goes on: ")
    sys.stderr.flush()
    stop.asking = True
    try:
        stop.check()
        return sys.stdin.readline().strip() == "yes"
    finally:
        stop.asking = False


def first_look(session: Session, look: Callable[[], Tick]) -> Tick:
    """What *look* sees; once more when something was deleted while it looked, or AWS was busy.

    Raises: Interrupted when a signal came meanwhile, and what *look* raises.
    """
    try:
        seen = look()
    except (Stale, NotYet) as passing:
        session.stop.check()
        sys.stderr.write(f"{passing}; looking again\n")
        session.clock.sleep(passing.after if isinstance(passing, NotYet) else timedelta(seconds=1))
        session.stop.check()
        seen = look()
    session.stop.check()
    return seen


def again(options: argparse.Namespace, *more: str) -> str:
    """The command that applies the same once more: without its ``--set`` it would apply something else."""
    words = ["theseus", "apply", options.spec]
    for name in ("set", "target", "exclude", "replace", "ignore_alarm"):
        words += [word for value in getattr(options, name, ()) for word in (f"--{name.replace('_', '-')}", value)]
    for pool in getattr(options, "refresh_images", ()):
        words += ["--refresh-images", *([pool] if pool else [])]
    words += ["--prune"] if getattr(options, "prune", False) else []
    for name in ("region", "profile"):
        words += [f"--{name}", value] if (value := getattr(options, name, None)) else []
    lease = getattr(options, "lease", "dynamodb")
    words += ["--lease", lease] if lease != "dynamodb" else []
    return shlex.join([*words, *more])


def colored(stream: object) -> bool:
    """Whether *stream* is a terminal that wants colors (https://no-color.org)."""
    return bool(getattr(stream, "isatty", lambda: False)()) and not os.environ.get("NO_COLOR")
