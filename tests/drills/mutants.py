"""Do the rollout rules carry the weight? One at a time is taken out: ``python -m tests.drills.mutants [NAME...]``.

Every scene is first played by the program as it is, which must lose nothing and hold the floor; then once for each
rule that is missing, and the harm must show: in lost requests, in hosts below the floor, in hosts launched in vain, or
in a roll that never ends. Managed draining is off, so that nothing else saves the day. A mutation nobody notices means
that the green runs prove less than they seem to. `tests/rollout/test_mutants.py` has the same in random histories, and
some of it only there (`PURE_ONLY`). All of it takes about twenty minutes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.rehearsal.drill import Drill, drill
from tests.drills import scenes
from tests.drills.scenes import Played
from tests.drills.stage import Stage

Harm = Callable[[Played], str | None]
LIMIT = "4m"  # for an apply; the whole roll takes about one


def lost(played: Played) -> str | None:
    return f"{played.failed} requests lost" if played.failed else None


def below_floor(played: Played) -> str | None:
    return f"{played.serving} hosts serving, floor {played.size}" if played.serving < played.size else None


def stuck(played: Played) -> str | None:
    waits = played.outcome == "timed_out" and not played.replaced
    return f"no host replaced in {played.seconds:.0f} s: it would wait for ever" if waits else None


def relaunched(played: Played) -> str | None:
    return f"{played.launched} hosts launched for an image that never joins" if played.launched > 1 else None


@dataclass(frozen=True, slots=True)
class Mutation:
    """A rule that is taken out, the scene that needs it, and how its absence shows there.

    name   of `mutant.RULES`     pure   the id in tests/rollout/test_mutants.py that falls without it, too
    """

    name: str
    words: str
    harm: Harm
    pure: str
    limit: str = LIMIT


@dataclass(frozen=True, slots=True)
class Scene:
    """A stage, what is played on it, and the rules it is about. `expect`: how it ends with all rules in place.

    intact   whether nobody but the roll touches hosts and processes there: then floor and all three counts must hold
    """

    name: str
    build: Callable[[Drill, Path], Stage]
    play: Callable[[Stage, str, str], Played]
    mutations: tuple[Mutation, ...]
    expect: str = "succeeded"
    intact: bool = True
    launches: int = 3


UNUSED = "targets are not looked at"
SCENES = (
    Scene(
        "another instance type",
        scenes.shop,
        scenes.roll,
        (
            Mutation("drain-wait", "a cordoned host is terminated at once", lost, "no drain wait"),
            Mutation(
                "evidence",
                "runningTasksCount says when a host is drained, its targets say nothing",
                lost,
                "only tasks that should run are counted",
            ),
            Mutation("ready-gate", "a host counts from its launch on", below_floor, "no ready gate"),
            Mutation("surge", "no host is added first, the floor holds", stuck, "no surge", "40s"),
            Mutation("surge-first", "one host leaves before the next one comes", below_floor, "no floor of hosts"),
        ),
    ),
    Scene(
        "a process behind the balancer that no service knows",
        scenes.shop,
        scenes.by_hand,
        (Mutation("unused-target", "a target still in use does not hold a host", lost, UNUSED),),
        intact=False,
    ),
    Scene(
        "a host taken out of the cluster by force, its processes go on",
        scenes.shop,
        scenes.orphans,
        (Mutation("unused-target", "a target still draining does not hold a host", lost, UNUSED),),
        intact=False,
    ),
    Scene(
        "an image that never joins",
        scenes.single,
        scenes.never_joins,
        (Mutation("halt-memory", "a halt is acted on, and not remembered", relaunched, "no halt memory"),),
        expect="exit 0",
        launches=1,
    ),
)

PURE_ONLY = (
    (
        "only tasks that should run are counted",
        "`evidence` by its half about tasks alone: no request outlives its target, and the other half waits for that",
    ),
    (UNUSED, "`unused-target` where a task crashed: its process is gone, so the host has nothing more to lose"),
)


def main(arguments: list[str]) -> int:
    known = sorted({mutation.name for scene in SCENES for mutation in scene.mutations})
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these: {', '.join(known)}")
    names = parser.parse_args(arguments).names or known
    if unknown := set(names) - set(known):
        parser.error(f"no such mutation: {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    bad: list[str] = []
    with drill() as one, tempfile.TemporaryDirectory() as folder:
        stages: dict[str, Stage] = {}
        for scene in SCENES:
            if chosen := [mutation for mutation in scene.mutations if mutation.name in names]:
                builder = scene.build.__name__
                if builder not in stages:
                    stages[builder] = scene.build(one, Path(folder))
                bad += _act(scene, stages[builder], chosen)
    _say("\npure proof only (tests/rollout/test_mutants.py), because no request can be lost by it in the sandbox:")
    for pure, words in PURE_ONLY:
        _say(f"  [{pure}]\n{'':<17}{words}")
    for words in bad:
        sys.stderr.write(f"NOT PROVED: {words}\n")
    return 1 if bad else 0


def faults(scene: Scene, played: Played) -> list[str]:
    """What went wrong though every rule was in place."""
    found = [] if played.outcome == scene.expect else [f"{played.outcome}, expected {scene.expect}"]
    if played.failed:
        found.append(f"{played.failed} requests lost")
    if played.unsent:
        found.append(f"the prober fell behind by {played.unsent} requests: this machine is too slow for it")
    if scene.intact:
        found += played.problems
        if below := below_floor(played):
            found.append(below)
    if played.launched != scene.launches:
        found.append(f"{played.launched} hosts launched, expected {scene.launches}")
    return found


def _act(scene: Scene, stage: Stage, mutations: Sequence[Mutation]) -> list[str]:
    """One scene: with every rule, then without each of *mutations*. What was not proved, in words."""
    _say(f"\n{scene.name}")
    played = scene.play(stage, "none", LIMIT)
    found = faults(scene, played)
    bad = [f"{scene.name}: {words}, with no rule taken out" for words in found]
    _say(f"  {'none':<14} {'; '.join(found) or 'no harm'}\n{'':<17}{played.figures}")
    scenes.settle(stage)
    for one in mutations:
        played = scene.play(stage, one.name, one.limit)
        harm = one.harm(played)
        _say(f"  {one.name:<14} {harm or 'UNNOTICED'}: {one.words}\n{'':<17}{played.figures}")
        _say(f"{'':<17}pure: tests/rollout/test_mutants.py [{one.pure}]")
        if harm is None:
            bad.append(f"{scene.name}: nobody noticed {one.name} ({one.words})")
        scenes.settle(stage)
    return bad


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
