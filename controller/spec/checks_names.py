"""Checks of names and tags: what AWS reserves, what it refuses, and two things with one name."""

from __future__ import annotations

import re

from controller.base.keys import OWNER_TAG, Key
from controller.spec import network
from controller.spec.check import Check
from controller.spec.names import IDS, LIMITS, live_ids, live_name, named, why_not
from controller.spec.places import Path
from controller.spec.schema import near
from controller.spec.types import Stack

RESERVED = ("aws", "ecs", "fargate", "internal-", "sg-")
TAG = re.compile(r"[\w .:/=+@-]*")


def check_names(stack: Stack, one: Check) -> None:
    for prefix in RESERVED:
        if f"{stack.name}-".startswith(prefix):  # all derived names begin so
            one.fail(("stack",), f"names beginning with {prefix} belong to AWS", "begin with another word")
    _hyphens(stack, one)
    _tags(stack, one)
    _overrides(stack, one)


def _hyphens(stack: Stack, one: Check) -> None:
    """A hyphen at the end is refused by load balancers; two in a row by repositories."""
    paths: list[Path] = [("registry", repository.name) for repository in stack.repositories]
    paths += [("hosts", pool.name) for pool in stack.pools] + [("services", service.name) for service in stack.services]
    for path in [("stack",), *paths]:
        name = stack.name if path == ("stack",) else str(path[-1])
        if name.endswith("-"):
            one.fail(path, f"{name} ends in a hyphen, which AWS refuses", f"did you mean {name.rstrip('-')}?")
        elif "--" in name and (path[0] == "registry" or (path == ("stack",) and stack.repositories)):
            one.fail(path, f"{name} has two hyphens in a row, which ECR refuses in the name of a repository",
                     f"did you mean {re.sub('-+', '-', name)}?")  # fmt: skip


def _tags(stack: Stack, one: Check) -> None:
    same: dict[str, str] = {}  # IAM tells no tags apart by upper and lower case
    for key, value in stack.tags:
        path: Path = ("tags", key)
        if key.lower().startswith(("aws:", "theseus:", "amazonecsmanaged")):
            one.fail(path, "tags beginning with aws:, theseus: or AmazonECSManaged are not yours to set")
        elif not key or len(key) > 128:
            one.fail(path, f"expected a tag name of 1 to 128 characters, got {len(key)}")
        elif key.lower() == "name":
            one.fail(path, "Name is the name of each resource", "leave it out, or use another tag")
        elif (twin := same.setdefault(key.lower(), key)) != key:
            one.fail(path, f"{twin} is the same tag for IAM, which refuses both on a role", "leave one of them out")
        for what, text in (("name", key), ("value", value)):
            if not TAG.fullmatch(text):
                wrong = "".join(sorted({letter for letter in text if not TAG.fullmatch(letter)}))
                wrong = wrong if wrong.isprintable() else wrong.encode("unicode_escape").decode()
                one.fail(path, f'the {what} holds "{wrong}"; AWS takes letters, digits, spaces and _.:/=+-@')
    known = [OWNER_TAG, *(key for key, _ in stack.tags)]
    for place, key in enumerate(stack.cost_allocation_tags):
        path = ("cost_allocation_tags", place)
        if key not in known:
            hint = near(key, known) or f"one of {', '.join(known)}"
            one.fail(path, f'no resource has the tag "{key}"', hint, reads=(("tags",),))
        elif key in stack.cost_allocation_tags[:place]:
            one.fail(path, f"{key} is given twice")


def _overrides(stack: Stack, one: Check) -> None:
    """``names`` names what is in the spec, as AWS would let it be named, and nothing twice."""
    keys, identified = named(stack), _identified(stack)
    known = [str(key) for key in (*keys, *identified)]
    for address, name in stack.names:
        path: Path = ("names", address)
        key = Key.parse(address)
        if key is None or key.kind not in {*LIMITS, *IDS}:
            kinds = ", ".join(sorted({*LIMITS, *IDS}))
            one.fail(path, "expected kind/name", near(address, known) or f"kinds that have a name: {kinds}")
        elif key not in {*keys, *identified}:
            hint = near(address, [one_of for one_of in known if one_of.startswith(f"{key.kind}/")])
            if all(one.entries_known(section) for section in ("hosts", "services", "registry", "load_balancer")):
                one.fail(path, "there is no such resource in this spec", hint)
        elif key.kind in IDS and name.startswith(IDS[key.kind]):
            continue
        elif key.kind not in LIMITS:
            one.fail(path, f'"{name}" is no id of a {key.kind}', f"{IDS[key.kind]}...: it has no name")
        elif why := why_not(key.kind, name):
            one.fail(path, f'"{name}": {why}')
    given = [(ident, key) for key, ident in live_ids(stack).items()]
    for ident, key in given:
        if (first := next(other for same, other in given if same == ident)) != key:
            one.fail(("names", str(key)), f'"{ident}" is {first} already', "give each its own")
    owners: dict[tuple[str, str], Key] = {}
    for key in sorted(keys, key=lambda one_of: str(one_of) in dict(stack.names)):
        name = live_name(stack, key)
        other = owners.setdefault((key.kind, name), key)
        if other != key:
            one.fail(("names", str(key)), f'"{name}" is the name of {other} too', "give each its own")


def _identified(stack: Stack) -> tuple[Key, ...]:
    """What the stack has that AWS knows by an id only."""
    if stack.network.vpc:
        return ()
    subnets = (*network.public_subnets(stack), *network.private_subnets(stack))
    return (network.VPC.key, network.INTERNET.key, network.PUBLIC_TABLE.key, *(one.key for one in subnets))
