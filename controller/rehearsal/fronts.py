"""A load balancer of another scheme: clients at the first, then at the second, and the first is taken away."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

from controller.rehearsal.changes import Change, Scene, change
from controller.rehearsal.drill import Ended

PATIENCE = 600.0  # seconds: CloudWatch tells of requests for five minutes
LOOK_AGAIN = 20.0


def beside(scene: Scene) -> Change:
    """Asked at the old name while the new load balancer is made."""
    leave = partial(scene.apply, "--replace", "load_balancer/main")
    return change(scene, "load balancer scheme: a second one beside it", leave)


def gone_over(scene: Scene, scheme: str) -> Change:
    """Asked at the new name until the old load balancer is gone."""
    found = scene.drill.client("elbv2").describe_load_balancers()["LoadBalancers"]
    group = scene.group.removesuffix("-main")
    (new,) = (one for one in found if one["Scheme"] == scheme and one["LoadBalancerName"].startswith(group))
    moved = replace(scene, urls=(f"http://{new['DNSName']}",))
    return change(moved, "load balancer scheme: clients have gone over", partial(_pruned, moved))


def _pruned(scene: Scene) -> Ended:
    """Takes the old one as soon as nobody has asked it for a while; until then it stays, and apply says so."""
    end = time.monotonic() + PATIENCE
    while True:
        ended = scene.apply("--prune")
        if ended.code != 0 or not ended.json().get("resting"):
            return ended
        if time.monotonic() > end:
            raise TimeoutError(f"still asked after {PATIENCE:g} s: {ended.json()['resting']}")
        time.sleep(LOOK_AGAIN)
