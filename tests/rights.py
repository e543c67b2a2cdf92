"""Every pass of the suite against the policy that `iam-policy` prints for its spec: what it calls must be allowed.

`tests/conftest.py` puts `watched` around `tick` before any test imports it, and adds up what the processes of a run
called.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any

from controller.aws.client import Aws
from controller.aws.operations import OPERATIONS
from controller.modes.permissions import action, policy
from controller.spec.types import Stack

ACTIONS = {
    f"{service}:{action(service, method).partition(':')[2]}": action(service, method)
    for service, methods in OPERATIONS.items()
    for method in methods
}
CALLED: set[str] = set()  # by any pass of this process


def watched(tick: Callable[..., Any]) -> Callable[..., Any]:
    rights: dict[str, tuple[Any, list[Stack], set[str]]] = {}  # of a stack: the account, its specs, what they allow

    @wraps(tick)
    def watching(stack: Stack, aws: Aws, *args: Any, **more: Any) -> Any:
        from controller.sandbox import bridge  # moto takes seconds, and is there already where there are passes

        if not bridge._current:  # nobody answers
            return tick(stack, aws, *args, **more)
        account, specs, allowed = rights.get(stack.name, (lambda: None, [], set()))
        if account() is not bridge.current():
            account, specs, allowed = rights[stack.name] = (weakref.ref(bridge.current()), [], set())
        if not any(one is stack for one in specs):
            specs.append(stack)  # what is pruned is a right of the spec that had it
            allowed |= {one for part in policy(stack, "apply")["Statement"] for one in part["Action"]}
        before = aws.calls.copy()
        seen = tick(stack, aws, *args, **more)
        made = {ACTIONS[call] for call in aws.calls - before}
        CALLED.update(made)
        missing = sorted(made - allowed)
        assert not missing, f"iam-policy for {stack.name} does not allow {', '.join(missing)}"
        return seen

    return watching


def never_called() -> list[str]:
    """The rights that no pass made use of."""
    return sorted(set(ACTIONS.values()) - CALLED)
