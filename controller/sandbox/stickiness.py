"""The cookies by which a load balancer keeps a client at its target. Pure.

What a real cookie holds is encrypted; ours says when it was sealed and a digest of the target, which every node of a
load balancer can recognise and nobody can make up. AWS's rules: elb-ug sticky-sessions.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate

OWN, CORS, APPLICATION = "AWSALB", "AWSALBCORS", "AWSALBAPP"
KEPT = 7 * 86400  # seconds that a client keeps a cookie of ours, whatever the duration of the stickiness is


@dataclass(frozen=True, slots=True)
class Sticky:
    """For how many seconds; *cookie* is the application's own, "" when the load balancer's alone is enough."""

    duration: float
    cookie: str = ""


def cookies(lines: Iterable[bytes]) -> dict[str, str]:
    """The cookies among a request's header lines.

    >>> cookies([b"Host: x", b"Cookie: a=1; b=2=3"])
    {'a': '1', 'b': '2=3'}
    """
    values = [value for name, _, value in (line.partition(b":") for line in lines) if name.lower() == b"cookie"]
    parts = [part.strip().partition("=") for value in values for part in value.decode("latin-1").split(";")]
    return {name: value for name, sign, value in parts if sign}


def sets(lines: Iterable[bytes], name: str) -> bool:
    """Whether a response with these header lines sets the cookie *name*."""
    wanted = name.encode("latin-1") + b"="
    heads = (line.partition(b":") for line in lines)
    return any(head.lower() == b"set-cookie" and value.lstrip().startswith(wanted) for head, _, value in heads)


def seal(target: str, now: float, key: str) -> str:
    """The value of a cookie that binds its client to *target*."""
    at = int(now).to_bytes(6, "big")
    return base64.b64encode(at + _digest(target, at, key)).decode()


def bound(value: str, targets: Sequence[str], now: float, duration: float, key: str) -> str | None:
    """The one of *targets* that a cookie is bound to; None when it is too old, of no such target, or not ours."""
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
    at = raw[:6]
    if now - int.from_bytes(at, "big") > duration:
        return None
    return next((one for one in targets if hmac.compare_digest(_digest(one, at, key), raw[6:])), None)


def asked(sticky: Sticky, found: Mapping[str, str]) -> str:
    """The value of the cookie that counts among those of a request; "" when there is none.

    The application's must be there as well, when it is what stickiness rests on.
    """
    if sticky.cookie:
        return found.get(APPLICATION, "") if sticky.cookie in found else ""
    return found.get(OWN) or found.get(CORS, "")


def headers(sticky: Sticky, value: str, now: float, *, secure: bool) -> list[bytes]:
    """The lines that hand a client its cookie, again with every answer: its time begins anew."""
    rest = f"{value}; Expires={formatdate(now + KEPT, usegmt=True)}; Path=/"
    cross = "; SameSite=None; Secure" if secure else "; SameSite=None"
    if sticky.cookie:
        return [f"Set-Cookie: {APPLICATION}={rest}".encode()]
    return [f"Set-Cookie: {OWN}={rest}".encode(), f"Set-Cookie: {CORS}={rest}{cross}".encode()]


def _digest(target: str, at: bytes, key: str) -> bytes:
    return hmac.new(key.encode(), target.encode() + at, hashlib.sha256).digest()
