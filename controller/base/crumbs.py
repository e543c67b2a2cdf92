"""Breadcrumbs: the closed list of facts a rollout leaves in tags, and how each is spelled (DESIGN.md section 1).

A crumb that cannot be read (somebody edited it) parses to None: it is then as if it had never been written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class RollCrumb:
    """On the group, while its hosts change: what for, since when, and the bounds to restore.

    again   when a person cleared a halt of it last: what was launched before is no reason to halt once more

    >>> RollCrumb.parse("lt-1/7:1764000000:2/6/3").text()
    'lt-1/7:1764000000:2/6/3'
    >>> RollCrumb.parse("lt-1/7:1764000000:2/6/3/1764000500").again
    datetime.datetime(2025, 11, 24, 16, 8, 20, tzinfo=datetime.timezone.utc)
    """

    generation: str
    started: datetime
    min: int
    max: int
    desired: int
    again: datetime | None = None

    @property
    def since(self) -> datetime:
        """When this try of it began."""
        return self.again or self.started

    def text(self) -> str:
        again = f"/{stamp(self.again)}" if self.again else ""
        return f"{self.generation}:{stamp(self.started)}:{self.min}/{self.max}/{self.desired}{again}"

    @staticmethod
    def parse(text: str | None) -> RollCrumb | None:
        try:
            generation, started, bounds = (text or "").rsplit(":", 2)
            low, high, desired, *again = (int(part) for part in bounds.split("/"))
            crumb = RollCrumb(generation, moment(started), low, high, desired)
            return replace(crumb, again=moment(str(*again))) if again else crumb
        except (TypeError, ValueError, OverflowError):
            return None


@dataclass(frozen=True, slots=True)
class HaltCrumb:
    """On the group: this generation was stopped, for this reason, then. Nobody moves until a person does."""

    generation: str
    code: str
    at: datetime

    def text(self) -> str:
        return f"{self.generation}:{self.code}:{stamp(self.at)}"

    @staticmethod
    def parse(text: str | None) -> HaltCrumb | None:
        try:
            generation, code, at = (text or "").rsplit(":", 2)
            return HaltCrumb(generation, code, moment(at))
        except (ValueError, OverflowError):
            return None


@dataclass(frozen=True, slots=True)
class AwayCrumb:
    """On a host: since when its agent is away, and when a pass last saw it so. What lies far back says nothing."""

    since: datetime
    seen: datetime

    def text(self) -> str:
        return f"{stamp(self.since)}/{stamp(self.seen)}"

    @staticmethod
    def parse(text: str | None) -> AwayCrumb | None:
        try:
            since, seen = (text or "").split("/")
            return AwayCrumb(moment(since), moment(seen))
        except (ValueError, OverflowError):
            return None


@dataclass(frozen=True, slots=True)
class BaselineCrumb:
    """On an ECS service: how it stood when the roll began, which is what it must not fall below."""

    running: int
    desired: int
    healthy: int
    roll: datetime

    def text(self) -> str:
        return f"{self.running}/{self.desired}/{self.healthy}@{stamp(self.roll)}"

    @staticmethod
    def parse(text: str | None) -> BaselineCrumb | None:
        try:
            counts, roll = (text or "").split("@")
            running, desired, healthy = (int(part) for part in counts.split("/"))
            return BaselineCrumb(running, desired, healthy, moment(roll))
        except (ValueError, OverflowError):
            return None


@dataclass(frozen=True, slots=True)
class SpecCrumb:
    """On the cluster: which spec was applied last, and the how-manieth it was."""

    serial: int
    digest: str

    def text(self) -> str:
        return f"{self.serial}:{self.digest}"

    @staticmethod
    def parse(text: str | None) -> SpecCrumb | None:
        serial, _, digest = (text or "").partition(":")
        readable = serial.isascii() and serial.isdigit() and len(serial) < 20 and digest
        return SpecCrumb(int(serial), digest) if readable else None


def stamp(at: datetime) -> str:
    """Seconds since 1970, UTC: short, sorted, and without the colons that separate the parts of a crumb."""
    return str(int(at.timestamp()))


def moment(text: str) -> datetime:
    """The time that `stamp` spelled. Raises ValueError for anything else."""
    return datetime.fromtimestamp(int(text), UTC)


def moment_or_none(text: str | None) -> datetime | None:
    try:
        return moment(text or "")
    except (ValueError, OverflowError):
        return None
