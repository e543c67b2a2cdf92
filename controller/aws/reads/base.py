"""How a pass reads: each call made once, side by side where it may be."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar, cast

from controller.aws.client import Aws
from controller.base.errors import Gone
from controller.base.keys import OWNER_TAG, Key

T = TypeVar("T")
Item = dict[str, Any]


class Base:
    """One pass's view of AWS. Make a new one for every pass.

    owner   the stack: value of the owner tag
    names   kind -> live names wanted in this pass (``{"service": ("shop-web",), ...}``)
    destroying   the pass removes things: what they hold is asked for too
    ids   those that the spec names of what has no name: they are ours, or are to be adopted
    closed   the ranges of subnets that the spec leaves without a way out
    parting   what was replaced and rests may go in this pass
    now   when the pass began
    thorough   what only a list of the whole account can find is looked for too: a pass that removes what is left over
    """

    def __init__(
        self,
        aws: Aws,
        owner: str,
        names: Mapping[str, Sequence[str]],
        pool: ThreadPoolExecutor,
        *,
        destroying: bool = False,
        thorough: bool = False,
        ids: Mapping[Key, str] | None = None,
        now: datetime | None = None,
        parting: bool = False,
        closed: frozenset[str] = frozenset(),
    ) -> None:
        self.aws = aws
        self.owner = owner
        self.names = names
        self.destroying = destroying
        self.thorough = thorough
        self.ids = ids or {}
        self.now = now
        self.parting = parting
        self.closed = closed
        self._pool = pool
        self._memo: dict[object, Future[Any]] = {}
        self._lock = threading.Lock()

    def once(self, key: object, ask: Callable[[], T]) -> T:
        """The answer of *ask*, asked once per pass however many threads want it; its error likewise."""
        with self._lock:
            future = self._memo.get(key)
            mine = future is None
            if future is None:
                future = self._memo[key] = Future()
        if mine:
            try:
                future.set_result(ask())
            except BaseException as error:
                future.set_exception(error)
        return cast("T", future.result())

    def spread(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """The answers of *calls*, made side by side. They must not use `spread` themselves."""
        if len(calls) < 2:
            return [call() for call in calls]
        return [future.result() for future in [self._pool.submit(call) for call in calls]]

    def _tagged(self) -> list[Any]:
        return [{"Name": f"tag:{OWNER_TAG}", "Values": [self.owner]}]

    def wanted(self, kind: str) -> list[str]:
        return list(self.names.get(kind, ()))

    def _or_gone(self, key: object, ask: Callable[[], T]) -> T | None:
        def guarded() -> T | None:
            try:
                return ask()
            except Gone:
                return None

        return self.once(key, guarded)
