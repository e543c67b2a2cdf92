"""Every pass of the suite against the policy that `iam-policy` prints for its spec: what it calls must be allowed.

`tests/conftest.py` puts `watched` around `tick` before any test imports it, and adds up what the processes of a run
called.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

from controller.aws.client import Aws
from controller.aws.operations import OPERATIONS
from controller.aws.operations_by_kind import (
    BY_KIND,
    BYSTANDERS,
    COSTS,
    LEASE,
    PRUNE,
    RECORD,
    ROLL,
    SESSION,
    WATCH,
    Calls,
)
from controller.modes.permissions import action, policy
from controller.spec.types import Stack


def rights_of(table: Calls) -> set[str]:
    return {action(service, method) for service, methods in table.items() for method in methods.split()}


ACTIONS = {
    f"{service}:{action(service, method).partition(':')[2]}": action(service, method)
    for service, methods in OPERATIONS.items()
    for method in methods
}
CALLED: set[str] = set()  # by anything in this process, on an `Aws` of the controller's
ELSEWHERE = {  # rights of a policy that the simulated tests make no use of, and who does
    **dict.fromkeys(
        (f"dynamodb:{name}" for name in (
            "CreateTable", "DeleteItem", "DeleteTable", "GetItem", "PutItem", "Scan", "UpdateItem"
        )),
        "the lease: aws/test_lease.py, and every command of the live drills",
    ),
    "sts:GetCallerIdentity": "whose credentials these are: modes/test_cli.py and the drills, before the first pass",
}  # fmt: skip
GRANTED = {
    one
    for table in (*BY_KIND.values(), WATCH, ROLL, RECORD, SESSION, PRUNE, LEASE, COSTS, BYSTANDERS)
    for one in rights_of(table)
}


def watched(tick: Callable[..., Any]) -> Callable[..., Any]:
    """*tick*, which fails when it calls what the policy of its spec does not allow, whatever an earlier one allowed.
    `--prune` adds to it where the pass prunes, or destroys what several specs have made."""
    known: dict[str, tuple[Any, list[tuple[Stack, dict[bool, set[str]]]]]] = {}  # by stack: the account, its specs

    @wraps(tick)
    def watching(stack: Stack, aws: Aws, *args: Any, **more: Any) -> Any:
        from controller.sandbox import bridge  # moto takes seconds, and is there already where there are passes

        if not bridge._current:  # nobody answers
            return tick(stack, aws, *args, **more)
        account, specs = known.get(stack.name, (lambda: None, []))
        if account() is not bridge.current():
            account, specs = known[stack.name] = (weakref.ref(bridge.current()), [])
        if not any(one is stack for one, _ in specs):
            specs.append((stack, {}))
        options = more.get("options")
        leftovers = more.get("want") == "destroy" and len(specs) > 1
        prune = leftovers or (options is not None and options.scope.prune)
        granted = next(rights for one, rights in specs if one is stack)
        if prune not in granted:
            statements = policy(stack, "apply", prune=prune)["Statement"]
            granted[prune] = {one for part in statements for one in part["Action"]}
        before = aws.calls.copy()
        seen = tick(stack, aws, *args, **more)
        made = {ACTIONS[call] for call in aws.calls - before}
        missing = sorted(made - granted[prune])
        assert not missing, f"iam-policy for {stack.name} does not allow {', '.join(missing)}"
        return seen

    return watching


def counted(make: Callable[..., None]) -> Callable[..., None]:
    """`Aws.__init__`, so that what is called on any of them is known in the end."""

    @wraps(make)
    def made(self: Aws, *args: Any, **more: Any) -> None:
        make(self, *args, **more)
        self.calls = Noted()

    return made


class Noted(Counter[str]):
    """Calls by operation, each of which is noted in `CALLED`."""

    def __setitem__(self, call: str, times: int) -> None:
        super().__setitem__(call, times)
        if call in ACTIONS:
            CALLED.add(ACTIONS[call])


def excess() -> list[str]:
    """The rights that a policy may grant and that nothing made use of, those of `ELSEWHERE` aside."""
    return sorted(GRANTED - CALLED - ELSEWHERE.keys())
