"""The one Protocol every resource kind implements, and the values that pass between a kind and the engine.

Desired and observed are the same frozen dataclass, so a diff is field equality. A desired field may hold a `Ref`
(an output of another resource); the engine replaces it by the live value before it compares or acts.

Field metadata the engine understands (`spec` below writes them):
    immutable   AWS cannot change it in place: a difference is a replacement
    forever     why it cannot be replaced without a loss either: a difference is refused, and this says what to do
    risk        what changing it means for what runs: cosmetic, in_place, new_deployment, host_roll
    subset      a `Tags` field of which only the keys we ask for are ours; others are left alone
    unordered   a tuple that AWS returns in any order
    more        a tuple in which there may be more than we ask for: no difference, it goes by other steps
    compare     False: the field steers us (retention, names) and is never compared
    secret      its value is masked wherever it is shown
    ends        deleting what has the field ends what serves behind the one it refers to
    anew        what it refers to is another one when it is made again, although it is called the same
    names       the kind whose live names the field holds: what it refers to, where no id or arn says it
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

from controller.base.keys import Key

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack

Risk = Literal["cosmetic", "in_place", "new_deployment", "host_roll", "replace", "destructive"]
AT = "@"  # between the name of a key and the live name of a further resource that was born with it
RISKS: tuple[Risk, ...] = ("cosmetic", "in_place", "new_deployment", "host_roll", "replace", "destructive")

D = TypeVar("D")


def spec(
    *,
    immutable: bool = False,
    forever: str = "",
    risk: Risk = "in_place",
    subset: bool = False,
    unordered: bool = False,
    more: bool = False,
    compare: bool = True,
    secret: bool = False,
    names: str = "",
    ends: bool = False,
    anew: bool = False,
    default: Any = ...,
) -> Any:
    """A dataclass field with the metadata above; *default* as in `dataclasses.field`."""
    metadata = {
        "immutable": immutable or bool(forever),
        "forever": forever,
        "risk": risk,
        "subset": subset,
        "unordered": unordered,
        "more": more,
        "compare": compare,
        "secret": secret,
        "names": names,
        "ends": ends,
        "anew": anew,
    }
    return field(metadata=metadata) if default is ... else field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs; `replaces` when AWS cannot change it in place, `forever` why nor can we."""

    field: str
    before: object
    after: object
    replaces: bool = False
    risk: Risk = "in_place"
    secret: bool = False
    forever: str = ""


@dataclass(frozen=True, slots=True)
class Observed(Generic[D]):
    """A live resource: the desired state that would describe it, and the facts refs resolve to.

    owner   the value of its owner tag; None when it has none. Only `owner == stack` makes it ours to change.
    kept    why destroy must leave it ("holds 3 images, on_destroy: retain"); "" when destroy removes it.
    busy    why it cannot be used by others yet ("provisioning"); "" when it can. Dependents wait.
    protected   why it must not be deleted, and what to do ("deletion protection is on ..."); "" when it may. Nothing is
                deleted then.
    gone    it is on its way out (deleting, DRAINING): counts as absent for creating, as present for destroying.
    notes   lines for the reader of a plan: foreign rules, a newer AMI, ...
    problems   why nothing can be built on it as it stands: the plan is refused with them.
    rests   who may still count on it once it has been replaced, and what to do ("clients may still ask ..."); "" when
            nobody can. With all that serves behind it, it stays until `--prune`.
    asked   somebody does: not even `--prune` takes it.
    idle    nothing serves behind it any more, so that replacing it loses nothing and needs no leave.
    along   parts of it that are nobody's, and become the stack's with it when it is adopted, in words.
    """

    as_desired: D
    outputs: Mapping[str, str]
    owner: str | None = None
    kept: str = ""
    busy: str = ""
    protected: str = ""
    gone: bool = False
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    rests: str = ""
    asked: bool = False
    idle: bool = False
    along: tuple[str, ...] = ()


class Reconciler(Protocol[D]):
    """What the engine asks of a kind. Kinds are blind to each other; they meet in refs and in `Reads`.

    volatile   outputs that an update changes (the arn of a task definition, the version of a launch template):
               while an update is planned, refs to them print as known after it.
    data       it only looks something up (a machine image, a pushed container image): nothing is created or deleted,
               `create` raises Missing or NotYet with what to do, and a plan lists it only when it holds others up.
               Of other kinds single resources may be so: somebody else's, which the spec uses by their ids (`existing`
               of what `declare` says). Whatever is wrong with one stands in the `problems` of what was observed.
    """

    kind: str
    volatile: tuple[str, ...]
    data: bool

    def declare(self, stack: Stack) -> Iterable[tuple[Key, D]]:
        """What the spec asks for. Pure."""
        ...

    def observe(self, reads: Reads, wanted: Mapping[Key, D], owner: str) -> Mapping[Key, Observed[D]]:
        """What is there: every wanted key that exists, and every resource of *owner* that is not wanted (orphans,
        by their name tag). Foreign and untagged resources that hold a wanted *name* are returned too, with their
        owner, so that the engine can refuse to touch them."""
        ...

    def create(self, aws: Aws, key: Key, desired: D) -> Mapping[str, str]:
        """Make it, tagged at birth (`desired` carries no Ref any more); the outputs. Idempotent: a resource left by
        an earlier try whose answer was lost is found (name, client token, owner tags) and returned, not doubled.
        Raises: NotYet, Refused."""
        ...

    def update(self, aws: Aws, observed: Observed[D], desired: D, changes: tuple[Change, ...]) -> Mapping[str, str]:
        """Correct what *changes* names, and nothing else; the outputs that changed. Raises: NotYet, Stale, Refused."""
        ...

    def delete(self, aws: Aws, observed: Observed[D]) -> None:
        """Take the next step towards its absence, which returning means. Raises NotYet while AWS still works on it
        (the same call comes again next tick), Refused when something foreign stands in the way. Gone is success."""
        ...


@runtime_checkable
class Inheriting(Protocol):
    """A kind with numbers that others own: a successor begins with what they had made of them."""

    def inherit(self, aws: Aws, desired: Any, observed: Observed[Any]) -> Any:
        """*desired* as the successor of *observed* is born. Reads only."""
        ...


@runtime_checkable
class Refusing(Protocol):
    """A kind of which some changes are impossible for some resources only."""

    def refuses(self, desired: Any, changes: tuple[Change, ...], observed: Observed[Any]) -> str:
        """Why *changes* to *observed* cannot be made, and what to do; "" when they can. Pure."""
        ...


@runtime_checkable
class Joint(Protocol):
    """A kind whose steps have to know of others: resources that change places, or that something else leads to."""

    def joint(
        self,
        wanted: Mapping[Key, tuple[Any, Observed[Any] | None]],
        going: Mapping[Key, str | None],
        observed: Mapping[Key, Observed[Any]],
    ) -> tuple[Mapping[Key, Any], list[str]]:
        """What the steps of one plan are to know of each other, and why they cannot be carried out together. Pure.

        wanted   the desired value of all that is made or changed, and what of it is there already
        going    what is deleted or makes room for a successor, of any kind, and its heir as in `Step`
        """
        ...


@runtime_checkable
class Serving(Protocol):
    """A kind whose resources carry traffic. In a stack that lives on they are deleted only when they carry none; where
    the whole stack is destroyed nobody asks."""

    def still_serves(self, aws: Aws, observed: Observed[Any], heir: str) -> str:
        """Why it may not be deleted yet; "" when it may. *heir*: the live name of what takes its place, "" for what the
        spec has no more. Reads only."""
        ...


@runtime_checkable
class Parting(Protocol):
    """A kind whose resources are taken out of use before they are deleted. Nobody asks where the stack is destroyed."""

    def part(self, aws: Aws, observed: Observed[Any], heir: str) -> str:
        """Take it out of use; what it still waits for, "" when it may be deleted. *heir* as in `Serving`."""
        ...


@runtime_checkable
class Widening(Protocol):
    """A kind that allows something to what runs: what it should not allow any more, tasks of before may still need."""

    def widened(self, desired: Any, live: Any) -> Any:
        """*desired*, and what *live* allows beyond it. Pure."""
        ...


@runtime_checkable
class Lasting(Protocol):
    """A kind whose leftovers go last: what the spec asks for in their place, under another name, is made first."""

    goes_last: bool


@dataclass(frozen=True, slots=True)
class Home:
    """Where the resources of a stack are, as their arns say it."""

    partition: str
    region: str
    account: str


@runtime_checkable
class Foretelling(Protocol):
    """A kind with outputs that follow from a name: what refers to them does not change when one is made again."""

    def foretold(self, desired: Any, home: Home) -> Mapping[str, str]:
        """Outputs of *desired* as they will be once it is there. Pure."""
        ...


def born_as(key: Key) -> Key:
    """The key that a spec would call it by.

    >>> str(born_as(Key("target_group", "web-blue@shop-web-blue-1a2b3c")))
    'target_group/web-blue'
    """
    return Key(key.kind, key.name.partition(AT)[0])


def looked_up(kind: Reconciler[Any], desired: Any) -> bool:
    """Whether *desired* is only looked up, never made, changed or deleted."""
    return kind.data or bool(getattr(desired, "existing", ""))
