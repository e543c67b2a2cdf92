"""The part of a drafted spec that says whose the roles of tasks' agents are. Pure.

What a spec names is the stack's own: apply takes off it what others wrote into it, and destroy deletes it. So a role of
the account, which other tasks need, is not named.
"""

from __future__ import annotations

from controller.aws.survey import Survey, begins
from controller.modes.draft_model import Draft
from controller.resources.role import AWS_POLICY, INLINE

USUAL = f"{AWS_POLICY}service-role/AmazonECSTaskExecutionRolePolicy"  # what ours allow in inline policies
MOST = 2  # services of others that a note names


def executed(found: Survey, role: str, name: str, into: Draft) -> None:
    """The execution *role* of the service *name*: named where it is the stack's alone. Nothing is taken off."""
    address = f"role/execution-{name}"
    theirs = [one for one in found.inline.get(role, []) if one != INLINE]
    first = next((one for one, live in sorted(into.names.items()) if one.startswith("role/") and live == role), "")
    why = f"is {first} and {address}: named once" if first else _of_others(found, role)
    if why:
        lacks = theirs + [arn.rsplit("/", 1)[-1] for arn in found.policies.get(role, []) if arn != USUAL]
        without = f", without what its policies {', '.join(lacks)} allow" if lacks else ""
        into.notes.append(f"{role} {why}, apply makes a {address} of its own{without}")
        if role == f"{into.document['stack']}-execution-{name}":
            into.names[address] = f"{role}-own"
        return
    into.names[address] = role
    if theirs:
        into.document.setdefault("drift", {})[f"{address}.inline"] = "warn"
        into.notes.append(
            f"service {name}: the inline policies {', '.join(theirs)} of its execution role {role} stay, by `drift` "
            f"{address}.inline: no spec can say them"
        )


def _of_others(found: Survey, role: str) -> str:
    if not begins(role, found.prefix):
        return f"does not begin with {found.prefix}, others may use it: it is not named"
    users = found.users.get(role, [])
    more = f" and {len(users) - MOST} more" if len(users) > MOST else ""
    return f"is of {', '.join(users[:MOST])}{more}, too: it is not named" if users else ""
