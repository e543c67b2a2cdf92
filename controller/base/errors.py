"""The error tree. Each class is named by what happens next, not by what went wrong.

    ControllerError
      SpecError    the author edits the spec; exit 1
      NotYet       AWS is busy, throttling or still working; same step next tick
        Underway   the step did what it can for now; what depends on it goes on
      Stale        the world changed since we looked; plan again
        Gone       it no longer exists; for a delete this is success
      Refused      AWS (or we) said no for good: IAM, quota, bad value, not ours; exit 1
        Stuck      no as things stand; what depends on the step goes on, and may be what cures it
      Missing      only a person can supply it (an image nobody pushed): all else goes on; exit 4, unproven
      Halted       a gate or a deadline needs a human; exit 4
      Locked       another holder has the lease; exit 6
      Interrupted  a signal came: what runs ends, nothing new starts; exit 130 or 143

`aws/client.py` alone turns a botocore error into one of these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta


class ControllerError(Exception):
    """What happened, why, and what to do, in that order, for a tired operator."""


class SpecError(ControllerError):
    """The spec cannot be used as written. `problems` holds one printable line (or block) per problem."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class NotYet(ControllerError):  # noqa: N818 - named by what happens next
    """Still under way; the same step is worth trying again `after`.

    `awaits`: the addresses of those it waits for, where they are resources; what will not come is not waited for.
    """

    def __init__(
        self, message: str, after: timedelta = timedelta(seconds=2), awaits: Collection[str] = frozenset()
    ) -> None:
        super().__init__(message)
        self.after = after
        self.awaits = frozenset(awaits)


class Underway(NotYet):
    """As far as it can be for now, and the rest waits for others: what depends on the step may go on."""


class Stale(ControllerError):  # noqa: N818
    """The world changed since we looked: plan again before acting."""


class Gone(Stale):
    """The resource no longer exists."""


class Refused(ControllerError):  # noqa: N818
    """No for good. For AWS: `code` and `operation` name the refusal; `fresh` marks codes that a dependency
    created moments ago (IAM, mostly) also causes, so that the engine may retry them for a bounded time."""

    def __init__(self, message: str, *, code: str = "", operation: str = "", fresh: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.operation = operation
        self.fresh = fresh


class Stuck(Refused):
    """No for good as things stand; what depends on the step goes on, and may be what cures it."""


class Missing(ControllerError):  # noqa: N818
    """Something only a person can supply is not there yet; what depends on it waits, everything else goes on."""


class Halted(ControllerError):  # noqa: N818
    """A gate or a deadline stopped a rollout: a human decides what is next."""


class Locked(ControllerError):  # noqa: N818
    """Somebody else holds the lease of this stack."""


class Interrupted(ControllerError):  # noqa: N818
    """A signal asked us to stop: raised instead of starting a call that would change AWS. `code` is for the exit."""

    def __init__(self, message: str, code: int = 130) -> None:
        super().__init__(message)
        self.code = code


def held_by_others(ident: str, others: Iterable[str]) -> Refused:
    """What of others keeps *ident* from being deleted, in words for each: nothing of ours ever ends it."""
    return Refused(f"{ident}: not ours, in the way: {', '.join(others)}; it can be deleted once they are gone")
