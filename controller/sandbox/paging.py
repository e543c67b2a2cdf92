"""Lists in small pages, some of them empty, for clients of this process: only the token says that there is more.

AWS may end a page wherever it likes (aws.md 6.3, 11.16). Which operations have pages, and how tokens are called, is
botocore's own knowledge. What is asked for by names or ids comes at once, as it does from AWS; so does a page whose
length the client says itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count
from typing import Any

FILTERS = frozenset({"Filter", "Filters", "ResourceTypeFilters", "TagFilters", "include"})  # lists that name nothing
SIZES = (0, 1, 2)


class Paging:
    """The rest of every list that a client has begun to read, by the token it was given."""

    def __init__(self, seed: int, models: Any) -> None:
        self._dice = random.Random(seed)
        self._models = models
        self._rest: dict[str, list[Any]] = {}
        self._numbers = count(1)
        self._rules: dict[str, dict[str, Any]] = {}

    def answer(self, service: str, operation: str, params: dict[str, Any], ask: Callable[[], Any]) -> Any:
        """A page of what *ask* says, where *operation* has pages at all."""
        rule = self._of(service).get(operation, {})
        name, into, out = (rule.get(key) for key in ("result_key", "input_token", "output_token"))
        named = rule.get("limit_key") in params or any(
            isinstance(value, list) and key not in FILTERS for key, value in params.items()
        )
        if not all(isinstance(one, str) for one in (name, into, out)) or named:
            return ask()
        if params.get(into) in self._rest:
            answer: dict[str, Any] = {name: self._rest.pop(params[into])}
        else:
            answer = ask()
        if answer.get(out) or not isinstance(answer.get(name), list):
            return answer  # a page of AWS's own
        size = self._dice.choice(SIZES)
        answer[name], rest = answer[name][:size], answer[name][size:]
        if rest:
            token = f"page-{next(self._numbers)}"
            self._rest[token] = rest
            answer[out] = token
        if more := rule.get("more_results"):
            answer[more] = bool(rest)
        return answer

    def _of(self, service: str) -> dict[str, Any]:
        if service not in self._rules:
            known: dict[str, Any] = self._models.load_service_model(service, "paginators-1")
            self._rules[service] = known["pagination"]
        return self._rules[service]
