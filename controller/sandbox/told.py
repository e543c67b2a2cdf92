"""What a client in this process was told is told again while nothing can have changed it, before botocore acts.

Two thirds of all reads of a rollout are such, and what a client does to ask one is dearer than the answer. `shuffle`
has every list come in another order each time, those of answers that were given before included.
"""

from __future__ import annotations

import pickle
import random
from typing import Any

import botocore.session

from controller.sandbox.cloud import Cloud
from controller.sandbox.edge import Edge
from controller.sandbox.front import CALLED
from controller.sandbox.paging import Paging
from controller.sandbox.shuffling import reordered


class Told:
    """The answers that clients of sessions it is put into were given, kept where the edge keeps its own."""

    def __init__(self, cloud: Cloud, edge: Edge) -> None:
        self._cloud, self._edge = cloud, edge
        self.dice: random.Random | None = None
        self.paging: Paging | None = None

    def put_into(self, session: botocore.session.Session) -> None:
        """Clients that *session* makes from now on ask here first."""
        told = self

        class Client:
            meta: Any

            def _make_api_call(self, operation: str, params: dict[str, Any]) -> Any:
                ask: Any = super()._make_api_call  # type: ignore[misc]  # botocore's own, further along
                return told.answer(self.meta, operation, params, ask)

        def mixed(base_classes: list[type], **_: Any) -> None:
            base_classes.insert(0, Client)

        session.register("creating-client-class", mixed)  # type: ignore[arg-type]

    def answer(self, meta: Any, operation: str, params: dict[str, Any], ask: Any) -> Any:
        if self.paging is None or not operation.startswith(self._edge.memory.READS):
            return self._whole(meta, operation, params, ask)
        service = meta.service_model.service_name
        return self.paging.answer(service, operation, params, lambda: self._whole(meta, operation, params, ask))

    def _whole(self, meta: Any, operation: str, params: dict[str, Any], ask: Any) -> Any:
        edge = self._edge
        if not operation.startswith(edge.memory.READS):
            return ask(operation, params)
        if edge.moto is not edge.memory or edge.dice or edge.lag or edge.faults or edge.delay:
            return self._mixed(ask(operation, params))
        signed = meta.service_model.signing_name
        service = CALLED.get(signed, signed)
        with self._cloud.lock:
            table = edge.memory.table(service, operation)
        asked = ("read", meta.region_name, service, operation, repr(params))
        if (read := table.get(asked)) is not None:
            edge.count(service, operation)
            return self._mixed(pickle.loads(read))
        answer = ask(operation, params)
        table[asked] = pickle.dumps(answer)
        return self._mixed(answer)

    def _mixed(self, answer: Any) -> Any:
        return reordered(answer, self.dice) if self.dice else answer
