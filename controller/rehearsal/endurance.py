"""The rolling part of the demo, again and again on one stack: ``python -m controller.rehearsal.endurance --times 10``.

One lost request in fifty runs is a fault to find, not noise; this is how to look for it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from controller.rehearsal.changes import Change, Scene, change
from controller.rehearsal.demo import PARAMETER, SPEC, Stage, birth
from controller.rehearsal.drill import Ended, drill


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="endurance", description=__doc__)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    options = parser.parse_args(arguments)
    say, rows = Stage(), []
    with drill() as one:
        birth(one, say)
        scene = Scene(one, SPEC, (one.address(),), "demo-main", "demo-web", options.rate)
        for number in range(options.times):
            for name, act in _acts(scene, number):
                row = change(scene, name, act)
                rows.append(row)
                say(f"run {number + 1}, {_line(row)}")
    return _verdict(rows, options.times)


def _acts(scene: Scene, number: int) -> list[tuple[str, Callable[[], Ended]]]:
    """What one run does; types and versions alternate, so that every run has something to do."""
    kind = "t3.large" if number % 2 == 0 else "t3.small"
    before, after = (f"v{number + 1}", f"v{number + 2}")
    base = ("--set", f"hosts.main.instance_type={kind}")

    def newer_image() -> Ended:
        scene.drill.door("POST", "ami", parameter=PARAMETER)
        return scene.apply(*base, *_tag(before), "--refresh-images", "main")

    def newer_version() -> Ended:
        scene.drill.door("POST", "image", repository="demo/shop", tag=after)
        return scene.apply(*base, *_tag(after))

    more = ("--set", "hosts.main.size.desired=4")
    return [
        (f"instance type {kind}", lambda: scene.apply(*base, *_tag(before))),
        ("a newer AMI", newer_image),
        ("capacity 3 to 4", lambda: scene.apply(*base, *_tag(before), *more)),
        ("capacity 4 to 3", lambda: scene.apply(*base, *_tag(before))),
        (f"application {after}", newer_version),
    ]


def _tag(version: str) -> tuple[str, str]:
    return ("--set", f"services.web.image.tag={version}")


def _line(row: Change) -> str:
    requests = row["requests"]
    words = (
        f"{row['name']}: {row['outcome']}, {requests['sent']} sent, {requests['failed']} failed, {row['duration_s']} s"
    )
    return "; ".join([words, *(f"BROKEN: {why}" for why in row["broken"])])


def _verdict(rows: list[Change], times: int) -> int:
    sent = sum(row["requests"]["sent"] for row in rows)
    failed = sum(row["requests"]["failed"] for row in rows)
    broken = sum(1 for row in rows if row["broken"])
    sys.stdout.write(
        f"{times} runs, {len(rows)} changes: {sent} sent, {failed} failed, {broken} changes with a fault\n"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
