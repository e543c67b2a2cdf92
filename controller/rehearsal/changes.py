"""One change to a running stack, under load: what was done, what it cost, and whether every promise held."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controller.rehearsal.drill import Drill, Ended
from controller.rehearsal.load import Load, load

Change = dict[str, Any]
RETURNS = ("launched", "ready", "cordoned", "drained", "terminated")


@dataclass(frozen=True, slots=True)
class Scene:
    """What a rehearsal plays: a sandbox with a stack in it, where it answers, how hard it is asked."""

    drill: Drill
    spec: str
    url: str
    group: str  # the auto scaling group of the pool that rolls
    service: str  # the live name of the service that is watched
    rate: float = 100.0

    def apply(self, *arguments: str) -> Ended:
        return self.drill.run("apply", self.spec, "--yes", "-o", "json", *arguments)


def change(scene: Scene, name: str, act: Callable[[], Ended], *, expect: str = "succeeded") -> Change:
    """Do it under load; the row of the report. `broken` lists the promises that did not hold."""
    with load(scene.drill, scene.url, rate=scene.rate) as one:
        began = time.time()
        ended = act()
        took = time.time() - began
    document: Change = {"outcome": f"exit {ended.code}: {ended.err[-2000:]}"}
    if ended.out.startswith("{"):
        document = ended.json()
    rolls = document.get("rollouts") or [{}]
    roll = rolls[0]
    row: Change = {
        "name": name,
        "outcome": document["outcome"],
        **measured(one, scene),
        "size": roll.get("size"),
        "floor": roll.get("floor"),
        "min_serving": roll.get("min_serving"),
        "peak": roll.get("peak"),
        "moves_per_task": roll.get("moves_per_task"),
        "duration_s": round(took, 1),
        "from_s": round(began - one.began, 1),
        "to_s": round(began - one.began + took, 1),
        "hosts": [_host(host, one.began) for host in roll.get("hosts", [])],
    }
    surge = roll.get("size") is not None and row["peak_world"] > max(roll["size"], row["members_before"]) + 1
    row["broken"] = [*broken(row, one, expect), *(["more hosts than size + max_surge"] if surge else [])]
    return row


def measured(one: Load, scene: Scene) -> Change:
    """What the prober, the balancer, the application and the world have to say."""
    probe = one.probe
    members = [moment[2].get(scene.group, 0) for moment in one.timeline]
    return {
        "requests": {name: probe[name] for name in ("sent", "failed", "p50_ms", "p99_ms", "longest_gap_ms")},
        "failures_by_kind": probe["failures_by_kind"],
        "unsent": probe["unsent"],
        "counts": {
            "sent": one.counts["sent"],
            "balancer": one.counts["accepted"],
            "application": one.counts["application"],
        },
        "min_serving_world": one.lowest["hosts"].get(scene.group),
        "min_healthy_world": one.lowest["healthy"].get(scene.service),
        "peak_world": one.lowest["peak"].get(scene.group, 0),
        "members_before": members[0] if members else 0,
        "seconds": probe["seconds"],
        "serving": [
            [round(at - one.began, 1), hosts.get(scene.group, 0), members.get(scene.group, 0)]
            for at, hosts, members, _ in one.timeline
        ],
    }


def broken(row: Change, one: Load, expect: str) -> list[str]:
    """The promises that this change broke, in words."""
    found = list(one.problems)
    if row["outcome"] != expect:
        found.append(f"outcome {row['outcome']}, expected {expect}")
    if row["requests"]["failed"]:
        found.append(f"{row['requests']['failed']} requests failed: {row['failures_by_kind']}")
    if row["unsent"]:
        found.append(f"the prober fell behind by {row['unsent']} requests: this machine is too slow for the claim")
    low, world = row["min_serving"], row["min_serving_world"]
    if row["floor"] is not None and world is not None and world < row["floor"]:
        found.append(f"{world} hosts serving, floor {row['floor']}")
    if low is not None and world is not None and low < world:
        found.append(f"the controller reports {low} hosts serving at least, the world counted {world}")
    return found


def _host(host: dict[str, Any], began: float) -> dict[str, Any]:
    """A host's timeline in seconds since the load began; None for what did not happen in it."""
    seen = {key: _seconds(host.get(key), began) for key in RETURNS}
    return {"id": host["id"], "zone": host.get("zone"), "version": host.get("version"), **seen}


def _seconds(moment: str | None, began: float) -> float | None:
    return None if moment is None else round(datetime.fromisoformat(moment).timestamp() - began, 1)
