"""How the targets of a group get their share of the requests: algorithm, slow start, stickiness."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from controller.aws.client import Aws
from controller.base.errors import Refused, Underway
from controller.base.keys import Ref

ALGORITHM = "load_balancing.algorithm.type"
SLOW_START = "slow_start.duration_seconds"
STICKY = "stickiness"
OWN_COOKIE = "AWSALB"


@dataclass(frozen=True, slots=True)
class Stickiness:
    """Seconds, and whose cookie: `AWSALB` is the load balancer's own."""

    cookie: str
    duration: int


@dataclass(frozen=True, slots=True)
class Balancing:
    """How a target is chosen. `slow_start`: seconds, 0 is off. `stickiness` None: off."""

    algorithm: str = "round_robin"
    slow_start: int = 0
    stickiness: Stickiness | None = None


def parse_balancing(attributes: Mapping[str, str]) -> Balancing:
    """What AWS remembers of a stickiness that is off means nothing."""
    sticky = None
    if attributes.get(f"{STICKY}.enabled") == "true":
        kind = attributes.get(f"{STICKY}.type", "lb_cookie")
        cookie = attributes.get(f"{STICKY}.app_cookie.cookie_name", "") if kind == "app_cookie" else OWN_COOKIE
        sticky = Stickiness(cookie, int(attributes.get(f"{STICKY}.{kind}.duration_seconds", 86400)))
    return Balancing(attributes.get(ALGORITHM, "round_robin"), int(attributes.get(SLOW_START, 0)), sticky)


def spread(aws: Aws, wish: Balancing, groups: Iterable[str | Ref]) -> None:
    """Write *wish* to *groups*, in one call each: AWS judges what is sent with what is there."""
    wanted = {ALGORITHM: wish.algorithm, SLOW_START: str(wish.slow_start)}
    sticky = wish.stickiness
    wanted[f"{STICKY}.enabled"] = str(sticky is not None).lower()
    if sticky is not None and sticky.cookie == OWN_COOKIE:
        wanted |= {f"{STICKY}.type": "lb_cookie", f"{STICKY}.lb_cookie.duration_seconds": str(sticky.duration)}
    elif sticky is not None:
        wanted |= {
            f"{STICKY}.type": "app_cookie",
            f"{STICKY}.app_cookie.cookie_name": sticky.cookie,
            f"{STICKY}.app_cookie.duration_seconds": str(sticky.duration),
        }
    attributes: Any = [{"Key": key, "Value": value} for key, value in wanted.items()]
    for group in groups:
        try:
            aws.elbv2.modify_target_group_attributes(TargetGroupArn=str(group), Attributes=attributes)
        except Refused as refusal:
            if sticky is None or refusal.code != "InvalidConfigurationRequest":
                raise
            raise Underway(
                f"sticky when no other rule forwards to {str(group).split('/')[-2]} and to others: {refusal}"
            ) from refusal
