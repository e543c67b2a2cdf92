"""Reads that lag behind writes, on request (aws.md 5.3, 11.1): a client must not take what it reads for what is.

For some seconds after a write of a service any of its reads may still be answered as before it: the next one may be
right, and the one after that old again, for they meet other servers. An id that EC2 has just given out may be one that
it does not know yet. No answer is older than the lag; what AWS answers from live state is never old.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import datetime, timedelta

from controller.sandbox.shuffling import READS
from controller.sandbox.world import ApiError

Answer = tuple[str, list[tuple[str, str]], bytes]
"""(status, headers, body)."""

LAGS = frozenset({"autoscaling", "ec2", "ecs", "elbv2", "tagging"})
LIVE = frozenset({("elbv2", "DescribeTargetHealth")})  # what the balancers see, not what somebody wrote
SHARE = 0.5  # of the reads that may lag
MAKERS = ("Create", "Allocate")
UNKNOWN = {  # what EC2 says of an id it does not know
    "eipalloc": "InvalidAllocationID.NotFound",
    "igw": "InvalidInternetGatewayID.NotFound",
    "lt": "InvalidLaunchTemplateId.NotFound",
    "nat": "NatGatewayNotFound",
    "rtb": "InvalidRouteTableID.NotFound",
    "sg": "InvalidGroup.NotFound",
    "subnet": "InvalidSubnetID.NotFound",
    "vpc": "InvalidVpcID.NotFound",
    "vpce": "InvalidVpcEndpointId.NotFound",
}
ID = re.compile(rb"\b(?:" + "|".join(UNKNOWN).encode() + rb")-[0-9a-f]{8,}\b")


class Lagging:
    """What was answered lately, and which answers of before the last write are given once more."""

    def __init__(self, lag: timedelta, seed: int, now: Callable[[], datetime]) -> None:
        self._lag, self._now = lag, now
        self._dice = random.Random(seed)
        self._writes: dict[str, int] = {}
        self._said: dict[object, list[tuple[datetime, int, Answer]]] = {}
        self._born: dict[bytes, datetime] = {}
        self.late = 0  # answers that were given late, and ids that were not known yet

    def answer(self, service: str, action: str, whose: object, body: bytes, ask: Callable[[], Answer]) -> Answer:
        """What is said to one request. Raises ApiError for an id that is too young to be known."""
        if service not in LAGS or (service, action) in LIVE:
            return self._written(service, ask)
        self._meet(service, body)
        if not action.startswith(READS):
            answer = self._written(service, ask)
            if service == "ec2" and action.startswith(MAKERS) and answer[0].startswith("200"):
                asked = set(ID.findall(body))
                self._born |= {one: self._now() for one in set(ID.findall(answer[2])) - asked}
            return answer
        now, writes = self._now(), self._count(service)
        said = [one for one in self._said.get((whose, body), []) if now - one[0] < self._lag]
        before = [answer for _, then, answer in said if then != writes]
        if before and self._dice.random() < SHARE:
            self.late += 1
            return self._dice.choice(before)
        answer = ask()
        if answer[0].startswith("200"):
            said.append((now, writes, answer))
        self._said[whose, body] = said
        return answer

    def _written(self, service: str, ask: Callable[[], Answer]) -> Answer:
        self._writes[service] = self._writes.get(service, 0) + 1
        return ask()

    def _count(self, service: str) -> int:
        """How much was written so far that *service* tells of: tags are told of by one for all."""
        return sum(self._writes.values()) if service == "tagging" else self._writes.get(service, 0)

    def _meet(self, service: str, body: bytes) -> None:
        now = self._now()
        self._born = {one: born for one, born in self._born.items() if now - born < self._lag}
        young = [one for one in ID.findall(body) if one in self._born] if service == "ec2" else []
        if young and b"Filter" not in body and self._dice.random() < SHARE:
            self.late += 1
            ident = young[0].decode()
            raise ApiError(UNKNOWN[ident.partition("-")[0]], f"The ID '{ident}' does not exist")
