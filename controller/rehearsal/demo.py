"""``make demo``: a stack from nothing, every kind of change to it under load, nothing left at the end, and a report."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from controller.rehearsal.changes import Change, Scene, change, measured
from controller.rehearsal.drill import Drill, Ended, drill
from controller.rehearsal.load import load
from controller.report.demo_words import doubts, verdict
from controller.report.page import demo_page, text_report

SPEC = "specs/demo.yaml"
PARAMETER = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
LARGE = ("--set", "hosts.main.instance_type=t3.large")
REPLACED = "instance type t3.small to t3.large"
NEWER = (*LARGE, "--set", "services.web.image.tag=v2")


class Stage:
    """Says what happens, with the time since the start."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def __call__(self, words: str) -> None:
        sys.stderr.write(f"[{time.monotonic() - self.began:5.1f} s] {words}\n")
        sys.stderr.flush()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--rate", type=float, default=120.0, help="requests a second")
    parser.add_argument("--out", default="out", help="folder of demo.json and demo.html")
    options = parser.parse_args(arguments)
    say, started = Stage(), datetime.now(UTC)
    say("starting a sandbox: an AWS on this machine, real processes behind a real proxy")
    with drill() as one:
        document = play(one, options.rate, say, started.timestamp())
    document = {
        "format_version": "1.0",
        "started": started.isoformat(timespec="seconds"),
        "command": "make demo",
        "duration_s": round(time.monotonic() - say.began, 1),
        **document,
    }
    document["verdict"], document["faults"] = verdict(document), faults(document)
    folder = Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "demo.json").write_text(json.dumps(document, indent=2) + "\n")
    (folder / "demo.html").write_text(demo_page(document))
    sys.stdout.write(text_report(document))
    sys.stdout.write(f"\nThe same as data: {folder / 'demo.json'}; as a page: {folder / 'demo.html'}\n")
    for fault in document["faults"]:
        sys.stderr.write(f"NOT PROVED: {fault}\n")
    return 1 if document["faults"] else 0


def play(one: Drill, rate: float, say: Callable[[str], None], zero: float) -> dict[str, Any]:
    """The whole rehearsal; its document."""
    born = birth(one, say)
    scene = Scene(one, SPEC, (one.address(),), "demo-main", "demo-web", rate, zero)
    changes = rolling(scene, say)
    say("planning again: nothing should be left to do")
    second = one.run("plan", SPEC, *NEWER, "--detailed-exitcode")
    empty = second.code == 0
    say("control: the same hosts, terminated by hand and without a drain")
    control = _told(say, without_drain(scene))
    settle(scene)
    say("destroying everything")
    ended = one.run("destroy", SPEC, "--yes", "-o", "json")
    gone: dict[str, Any] = {"kept": [], "outcome": ended.err[-500:]}
    if ended.out.startswith("{"):
        gone = ended.json()
    kept = [item["address"] for item in gone["kept"]]
    left = left_behind(one.door("GET", "left"), keeping={"repository", "log_group"})
    return {
        "from_nothing": born,
        "changes": changes,
        "control": control,
        "second_plan_empty": empty,
        "second_plan": "" if empty else second.out,
        "kept": kept,
        "left_behind": left,
        "destroy": gone["outcome"],
    }


def birth(one: Drill, say: Callable[[str], None], spec: str = SPEC) -> dict[str, Any]:
    """The stack from nothing: first without the application's image, which nobody pushed yet, then with it."""
    say(f"applying {spec} from nothing; nobody pushed the application's image yet")
    began = time.monotonic()
    first = one.run("apply", spec, "--yes", "-o", "json")
    say(f"  {first.json()['outcome']} (exit {first.code}): everything else is up; pushing the image, applying again")
    one.door("POST", "image", repository="demo/shop", tag="v1")
    second = one.run("apply", spec, "--yes", "-o", "json")
    took = time.monotonic() - began
    outcome = second.json()["outcome"]
    say(f"  {outcome} after {took:.0f} s")
    return {"first": first.json()["outcome"], "outcome": outcome, "duration_s": round(took, 1)}


def rolling(scene: Scene, say: Callable[[str], None]) -> list[Change]:
    """Every kind of change, one after the other, under load."""

    def act(words: str, name: str, do: Callable[[], Ended]) -> Change:
        say(words)
        return _told(say, change(scene, name, do))

    def newer_image() -> Ended:
        scene.drill.door("POST", "ami", parameter=PARAMETER)
        return scene.apply(*LARGE, "--refresh-images", "main")

    def newer_version() -> Ended:
        scene.drill.door("POST", "image", repository="demo/shop", tag="v2")
        return scene.apply(*NEWER)

    more = ("--set", "hosts.main.size.desired=4")
    return [
        act("every host: t3.small becomes t3.large", REPLACED, lambda: scene.apply(*LARGE)),
        act("every host: a newer machine image was published", "a newer AMI", newer_image),
        act("capacity 3 to 4", "capacity 3 to 4", lambda: scene.apply(*LARGE, *more)),
        act("capacity 4 to 3", "capacity 4 to 3", lambda: scene.apply(*LARGE)),
        act("every task: a newer version of the application", "application v1 to v2", newer_version),
    ]


def without_drain(scene: Scene) -> Change:
    """What the same replacement costs without a drain: each host is terminated as a console would, and replaced."""
    ec2 = scene.drill.client("ec2")
    hosts = [host["id"] for host in scene.drill.door("GET", "state")["hosts"]]
    with load(scene.drill, *scene.urls, rate=scene.rate) as one:
        began = time.time()
        for host in hosts:
            ec2.terminate_instances(InstanceIds=[host])
            _until_whole(scene, len(hosts), without=host)
    took = time.time() - began
    figures = measured(one, scene)
    return {
        "name": f"{REPLACED} without a drain",
        "outcome": "control",
        **figures,
        "size": len(hosts),
        "floor": len(hosts),
        "min_serving": figures["min_serving_world"],
        "peak": figures["peak_world"],
        "duration_s": round(took, 1),
        "from_s": round(began - (scene.zero or one.began), 1),
        "to_s": round(began - (scene.zero or one.began) + took, 1),
        "hosts": [],
    }


def settle(scene: Scene) -> None:
    """Wait until the stack stands again as before the control."""
    scene.apply(*NEWER)


def _until_whole(scene: Scene, size: int, without: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state = scene.drill.door("GET", "state")
        ids = {host["id"] for host in state["hosts"] if host["status"] == "ACTIVE"}
        healthy = state["serving"]["healthy"].get(scene.service, 0)
        if without not in ids and len(ids) == size and healthy >= size:
            return
        time.sleep(0.3)


def left_behind(left: dict[str, list[str]], keeping: set[str]) -> list[str]:
    """What still exists after destroy, by the sandbox's own inventory, beyond what the spec keeps."""
    return [f"{kind} {name}" for kind, found in left.items() if kind not in keeping for name in found]


def faults(document: dict[str, Any]) -> list[str]:
    """Everything that keeps this run from being a proof."""
    found = [*doubts(document), *(f"{row['name']}: {why}" for row in document["changes"] for why in row["broken"])]
    if document["destroy"] != "succeeded":
        found.append(f"destroy: {document['destroy']}")
    if document["from_nothing"]["outcome"] != "succeeded":
        found.append(f"from nothing: {document['from_nothing']['outcome']}")
    return list(dict.fromkeys(found))


def _told(say: Callable[[str], None], row: Change) -> Change:
    requests = row["requests"]
    words = f"{row['outcome']} in {row['duration_s']} s; {requests['sent']} sent, {requests['failed']} failed"
    say(f"  {row['name']}: {words}")
    for why in row.get("broken", []):
        say(f"    BROKEN: {why}")
    return row


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
