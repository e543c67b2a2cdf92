"""One holder's expiring right to act on a stack. Two controllers must never act on one stack at the same time.

In DynamoDB a lease is an item that only its holder may renew; who wants it takes it when it has expired, with a
conditional write, so that of two takers one loses. On a single host a locked file does. A holder renews a third of a
lifetime after the last renewal, and stops acting two thirds after it, well before anybody else may take over.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from controller.base.errors import ControllerError, Gone, Locked, NotYet, Refused
from controller.base.keys import OWNER_TAG

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.base.clock import Clock

TABLE = "theseus-leases"
LIFETIME = timedelta(seconds=60)


class Lease(Protocol):
    """What modes ask of a lease, wherever it is kept."""

    def acquire(self) -> None:
        """It is ours. Raises Locked naming the holder, NotYet while its table is being made."""
        ...

    def renew(self) -> None:
        """Keep it; a lost one is noticed by `check`. Never raises for an outage: the lease simply grows old."""
        ...

    def check(self) -> None:
        """Raises Locked when it is not certain any more that it is ours."""
        ...

    def release(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease; `token` differs for every process that ever held it, and says where its pid means it."""

    name: str
    token: str

    @staticmethod
    def mine() -> Holder:
        return Holder.of(os.getpid())

    @staticmethod
    def of(pid: int) -> Holder:
        """The holder that process *pid*, a neighbour of ours, would be."""
        return Holder(f"{socket.gethostname()} pid {pid}", f"{secrets.token_hex(8)}@{_place()}")


class DynamoLease:
    """A lease on *stack* in the table `TABLE` of the account and region, made on demand."""

    def __init__(self, aws: Aws, stack: str, clock: Clock, holder: Holder) -> None:
        self._aws = aws
        self._stack = stack
        self._clock = clock
        self._holder = holder
        self._renewed: datetime | None = None

    def acquire(self) -> None:
        now = self._clock.now()
        item = {
            "stack": {"S": self._stack},
            "holder": {"S": self._holder.name},
            "token": {"S": self._holder.token},
            "expires": {"N": _stamp(now + LIFETIME)},
        }
        try:
            self._aws.dynamodb.put_item(
                TableName=TABLE,
                Item=item,
                ConditionExpression="attribute_not_exists(stack) OR expires < :now OR #t = :mine",
                ExpressionAttributeNames={"#t": "token"},
                ExpressionAttributeValues={":now": {"N": _stamp(now)}, ":mine": {"S": self._holder.token}},
            )
        except Gone:
            self._make_table()
            raise NotYet(f"lease table {TABLE} is being made", timedelta(seconds=1)) from None
        except Refused as refusal:
            if refusal.code == "ConditionalCheckFailedException":
                self._taken_over_from_the_dead(now)
            else:
                raise
        self._renewed = now

    def renew(self) -> None:
        now = self._clock.now()
        try:
            self._aws.dynamodb.update_item(
                TableName=TABLE,
                Key={"stack": {"S": self._stack}},
                UpdateExpression="SET expires = :then",
                ConditionExpression="#t = :mine",
                ExpressionAttributeNames={"#t": "token"},
                ExpressionAttributeValues={
                    ":then": {"N": _stamp(now + LIFETIME)},
                    ":mine": {"S": self._holder.token},
                },
            )
            self._renewed = now
        except Gone:
            self._renewed = None  # the table went while nobody seemed to need it: another may hold the lease by now
        except Refused as refusal:
            if refusal.code == "ConditionalCheckFailedException":
                self._renewed = None
        except ControllerError:
            return  # an outage: the lease grows old, and `check` says so when it is too old

    def check(self) -> None:
        if self._renewed is None or self._clock.now() - self._renewed > LIFETIME * 2 / 3:
            raise Locked(f"the lease of {self._stack} was lost; nothing more is started")

    def release(self) -> None:
        self._renewed = None
        try:
            self._aws.dynamodb.delete_item(
                TableName=TABLE,
                Key={"stack": {"S": self._stack}},
                ConditionExpression="#t = :mine",
                ExpressionAttributeNames={"#t": "token"},
                ExpressionAttributeValues={":mine": {"S": self._holder.token}},
            )
        except ControllerError:
            return  # it expires by itself

    def remove_table(self) -> None:
        """Remove the table when no stack has an item in it. A holder whose table vanishes stops acting, like one
        whose lease was taken."""
        try:
            if not self._aws.dynamodb.scan(TableName=TABLE, Limit=1, ConsistentRead=True)["Items"]:
                self._aws.dynamodb.delete_table(TableName=TABLE)
        except ControllerError:
            return

    def _taken_over_from_the_dead(self, now: datetime) -> None:
        """Take the lease of a process of this host that no longer runs; raises Locked when it may be alive."""
        answer: Any = self._aws.dynamodb.get_item(
            TableName=TABLE, Key={"stack": {"S": self._stack}}, ConsistentRead=True
        ).get("Item")
        if not answer:
            raise Locked(f"the lease of {self._stack} changed hands just now")
        holder, left = answer["holder"]["S"], float(answer["expires"]["N"]) - now.timestamp()
        words = f"{self._stack} is held by {holder} for up to {max(0, left):.0f} s more"
        if not _ended(holder, answer["token"]["S"]):
            raise Locked(words)
        try:
            self._aws.dynamodb.update_item(
                TableName=TABLE,
                Key={"stack": {"S": self._stack}},
                UpdateExpression="SET holder = :name, #t = :mine, expires = :then",
                ConditionExpression="#t = :theirs",
                ExpressionAttributeNames={"#t": "token"},
                ExpressionAttributeValues={
                    ":name": {"S": self._holder.name},
                    ":mine": {"S": self._holder.token},
                    ":theirs": {"S": answer["token"]["S"]},
                    ":then": {"N": _stamp(now + LIFETIME)},
                },
            )
        except Refused as refusal:
            raise Locked(words) from refusal

    def _make_table(self) -> None:
        try:
            self._aws.dynamodb.create_table(
                TableName=TABLE,
                KeySchema=[{"AttributeName": "stack", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "stack", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
                Tags=[{"Key": OWNER_TAG, "Value": "*"}],
            )
        except NotYet:
            return  # somebody else makes it at this moment


class FileLease:
    """A lease on *stack* for programs of one host: an advisory lock that ends with its process."""

    def __init__(self, path: str, stack: str, holder: Holder) -> None:
        self._path = path
        self._stack = stack
        self._holder = holder
        self._file: int | None = None

    def acquire(self) -> None:
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Refused(f"--lease file:{self._path}: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(handle, 200).decode(errors="replace").strip() or "another process"
            os.close(handle)
            raise Locked(f"{self._stack} is held by {holder} ({self._path})") from None
        if not _same(handle, self._path):
            os.close(handle)
            raise NotYet(f"{self._path} was removed just now", timedelta(seconds=1))
        os.ftruncate(handle, 0)
        os.write(handle, f"{self._holder.name}\n".encode())
        self._file = handle

    def renew(self) -> None:
        return

    def check(self) -> None:
        if self._file is None or not _same(self._file, self._path):
            raise Locked(f"the lease of {self._stack} was lost ({self._path}); nothing more is started")

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def lease(where: str, aws: Aws, stack: str, clock: Clock) -> Lease:
    """The lease that ``--lease`` names. Raises Refused for another word."""
    if where == "dynamodb":
        return DynamoLease(aws, stack, clock, Holder.mine())
    kind, _, path = where.partition(":")
    if kind != "file" or not path:
        raise Refused(f"--lease {where}: expected dynamodb or file:PATH")
    return FileLease(f"{path}.{stack}", stack, Holder.mine())  # a loop keeps several stacks under one --lease


class Heartbeat:
    """Renews a lease from a thread of its own, for as long as it is open: a slow pass must not lose the lease."""

    def __init__(self, renew: Callable[[], None]) -> None:
        self._renew = renew
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)

    def _beat(self) -> None:
        while not self._stop.wait((LIFETIME / 3).total_seconds()):
            self._renew()


def _same(handle: int, path: str) -> bool:
    """Whether *path* still is the open file: who removes a locked file lets another lock its successor."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except OSError:
        return False


def _place() -> str:
    """Where a pid has its meaning: containers may share the name of their host and do not see each other's."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _ended(holder: str, token: str) -> bool:
    """Whether *holder* is a process of this host, and one we could see, that does not exist any more."""
    host, _, pid = holder.rpartition(" pid ")
    if host != socket.gethostname() or not pid.isdigit() or token.partition("@")[2] != _place():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _stamp(at: datetime) -> str:
    return f"{at.timestamp():.3f}"
