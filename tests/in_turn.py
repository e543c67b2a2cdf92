"""The pools of a pass without their threads: what is submitted is done at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class InTurn:
    """In the place of a `ThreadPoolExecutor`; nothing that is submitted may wait for what is submitted later."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __enter__(self) -> InTurn:
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, call: Callable[..., Any], *args: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(call(*args, **more))
        except BaseException as error:
            future.set_exception(error)
        return future
