"""One change to a running stack, under load: what was done, what it cost, and whether every promise held."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controller.rehearsal.drill import Drill, Ended
from controller.rehearsal.load import Load, load

Change = dict[str, Any]
SURGE = 1  # max_surge of the specs that are rehearsed
RETURNS = ("launched", "ready", "cordoned", "drained", "terminated")


@dataclass(frozen=True, slots=True)
class Scene:
    """What a rehearsal plays: a sandbox with a stack in it, where it answers, how hard it is asked."""

    drill: Drill
    spec: str
    urls: tuple[str, ...]  # watched; the first one's figures are shown
    group: str  # the auto scaling group of the pool that rolls
    service: str  # the live name of the service that is watched
    rate: float = 100.0
    zero: float = 0.0  # seconds since 1970 that the report's times count from; 0: the start of each load

    def apply(self, *arguments: str) -> Ended:
        return self.drill.run("apply", self.spec, "--yes", "-o", "json", *arguments)


def change(scene: Scene, name: str, act: Callable[[], Ended], *, expect: str = "succeeded") -> Change:
    """Do it under load; the row of the report. `broken` lists the promises that did not hold."""
    with load(scene.drill, *scene.urls, rate=scene.rate) as one:
        began = time.time()
        ended = act()
        took = time.time() - began
    document: Change = {"outcome": f"exit {ended.code}: {ended.err[-2000:]}"}
    if ended.out.startswith("{"):
        document = ended.json()
    pool: Change = next(iter(document.get("pools") or [{}]))
    roll: Change = next(iter(document.get("rollouts") or [{}]))
    zero = scene.zero or one.began
    row: Change = {
        "name": name,
        "outcome": document["outcome"],
        **measured(one, scene),
        "size": pool.get("size"),
        "floor": pool.get("floor"),
        "min_serving": pool.get("min_serving"),
        "peak": pool.get("peak"),
        "moves_per_task": roll.get("moves_per_task"),
        "duration_s": round(took, 1),
        "from_s": round(began - zero, 1),
        "to_s": round(began - zero + took, 1),
        "hosts": [_host(host, zero) for host in pool.get("hosts", [])],
    }
    row["broken"] = broken(row, one, expect)
    return row


def overlaid(document: dict[str, Any], fields: Mapping[str, Any]) -> str:
    """*document*, a spec over another, with *fields* put in; as text. A field is spelled with double underscores:
    ``hosts__main__instance_type="t3.large"``."""
    for name, value in fields.items():
        *path, last = name.split("__")
        at = document
        for part in path:
            at = at.setdefault(part, {})
        at[last] = value
    return json.dumps(document)  # JSON is YAML


def measured(one: Load, scene: Scene) -> Change:
    """What the prober, the balancer, the application and the world have to say."""
    probe, shift = one.probe, one.began - (scene.zero or one.began)
    members = [moment[2].get(scene.group, 0) for moment in one.timeline]
    return {
        "requests": {name: probe[name] for name in ("sent", "failed", "p50_ms", "p99_ms", "longest_gap_ms")},
        "failures_by_kind": probe["failures_by_kind"],
        "unsent": probe["unsent"],
        "counts": {
            "sent": one.counts["sent"],
            "balancer": one.counts["accepted"],
            "application": None if one.counts["unknown"] else one.counts["application"],
        },
        "min_serving_world": one.lowest["hosts"].get(scene.group),
        "min_healthy_world": one.lowest["healthy"].get(scene.service),
        "peak_world": one.lowest["peak"].get(scene.group, 0),
        "members_before": members[0] if members else 0,
        "seconds": [{**row, "second": round(row["second"] + shift, 1)} for row in probe["seconds"]],
        "serving": [
            [round(at - one.began + shift, 1), hosts.get(scene.group, 0), members.get(scene.group, 0)]
            for at, hosts, members, _ in one.timeline
        ],
    }


def broken(row: Change, one: Load, expect: str) -> list[str]:
    """The promises that this change broke, in words."""
    found = list(one.problems)
    if row["outcome"] != expect:
        found.append(f"outcome {row['outcome']}, expected {expect}")
    for url, probe in one.probes.items():
        if probe["failed"]:
            found.append(f"{url}: {probe['failed']} requests failed: {probe['failures_by_kind']}")
        if probe["unsent"]:
            found.append(
                f"{url}: the prober fell behind by {probe['unsent']} requests: this machine is too slow for it"
            )
    low, world = row["min_serving"], row["min_serving_world"]
    if row["floor"] is not None and world is not None and world < row["floor"]:
        found.append(f"{world} hosts serving, floor {row['floor']}")
    if low != world:
        found.append(f"the controller reports {low} hosts serving at least, the world counted {world}")
    most = max(row["size"] or 0, row["members_before"]) + SURGE
    if row["peak_world"] > most:
        found.append(f"{row['peak_world']} hosts at once, size + max_surge is {most}")
    return found


def _host(host: dict[str, Any], zero: float) -> dict[str, Any]:
    """A host's timeline in seconds since *zero*; None for what did not happen."""
    seen = {key: _seconds(host.get(key), zero) for key in RETURNS}
    return {"id": host["id"], "zone": host.get("zone"), "version": host.get("version"), **seen}


def _seconds(moment: str | None, zero: float) -> float | None:
    return None if moment is None else round(datetime.fromisoformat(moment).timestamp() - zero, 1)
