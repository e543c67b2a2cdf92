"""Random histories of a pool: what people and AWS do to it, and `decide` driving it to the end on a fake clock.

`history(seed)` plays one and raises `Broken`, with the seed and the last moves, when a promise is not kept.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from controller.rollout.decide import clear_halt, decide
from controller.rollout.model import Fleet, Policy
from controller.rollout.moves import Done, Halt, Move, Wait
from tests.rollout.eyes import fleet_of, roll_of
from tests.rollout.hands import Broken, calls, require
from tests.rollout.worlds import CPU, LOST, NEVER, Job, Svc, World, moment

Decide = Callable[[Fleet, Policy, object], tuple[Move, ...]]
PASSES = 700  # of one history; the longest honest one needs a third of it


@dataclass(slots=True)
class Play:
    """One history: the world, the policy, what is still to happen (second -> what), and how it went."""

    world: World
    policy: Policy
    script: list[tuple[int, str]]
    fault: str = ""  # a fault nobody repairs: the history need not end Done
    deaths: int = 0
    halts: int = 0
    log: deque[tuple[int, object]] = field(default_factory=lambda: deque(maxlen=25))


def policy_for(dice: random.Random, size: int) -> Policy:
    unavailable = dice.choice([0, 0, 0, 1, min(2, max(0, size - 1))]) if size > 1 else 0
    surge = dice.choice([1, 1, 1, 2, 3]) if not unavailable else dice.choice([0, 0, 1, 2])
    return Policy(
        surge,
        unavailable,
        ready_timeout=timedelta(seconds=60),
        drain_timeout=timedelta(seconds=dice.choice([400, 400, 400, 60])),
        bake=timedelta(seconds=dice.choice([0, 5, 20])),
        on_drain_timeout=dice.choice(["halt", "halt", "force"]),
        standalone=dice.choice(["wait", "stop", "ignore"]),
        allow_raise_max=dice.random() < 0.8,
        no_data_then=dice.choice(["halt", "pass"]),
    )


def services_for(dice: random.Random, size: int) -> list[Svc]:
    """What fits on one host less than there are, with room for every task to move."""
    found = []
    for number in range(dice.randint(0, 3)) if size > 1 else range(dice.randint(0, 1) if size else 0):
        low, high = dice.choice(
            [(100, 200), (100, 250), (50, 200), (0, 100)]
        )  # whatever desired becomes, a drain can move
        one = Svc(f"s{number}", dice.randint(1, 4), low, high, dice.choice([60, 100]), dice.random() < 0.7)
        one.delay = dice.choice([0, 5, 15])
        if dice.random() < 0.2 and size > 2:
            one.static, one.desired, one.low = 8080 + number, dice.randint(1, size - 2), 0
        found.append(one)
    return found


EVENTS = {
    "roll": 6,
    "back": 2,
    "grow": 2,
    "shrink": 2,
    "die": 3,
    "blip": 3,
    "alarm": 1,
    "deploy": 1,
    "desired": 2,
    "standalone": 1,
    "late": 1,
    "never": 1,
    "cordon": 1,
    "silence": 1,
    "scale": 1,
    "lose": 1,
    "minimum": 1,
    "stray": 2,
    "sick": 1,
}


def setting(seed: int) -> Play:
    """The world of *seed* and what will happen in it."""
    dice = random.Random(seed)
    size = dice.choice([0, 1, 2, 2, 3, 3, 3, 4, 5])
    policy = policy_for(dice, size)
    world = World(dice.random(), size, dice.randint(1, 3), services_for(dice, size))
    names, weights = list(EVENTS), list(EVENTS.values())
    script = [(0, dice.choice(["roll", "roll", "roll", "shrink", "grow", "never", "late"]))]
    more = dice.choice([0, 0, 1, 1, 2, 3, 5])
    script += [(dice.randint(0, 250), what) for what in dice.choices(names, weights, k=more)]
    return Play(world, policy, sorted(script))


def elastic(play: Play, seed: int) -> Play:
    """The same pool where somebody else owns desired, and moves it again and again."""
    dice = random.Random(seed + 2)
    play.world.elastic = True
    play.world.spec_max = play.world.max = play.world.size + 3
    play.script = sorted([*play.script, *((dice.randint(0, 250), "desired") for _ in range(dice.randint(1, 6)))])
    return play


def history(seed: int, choose: Decide = decide, *, scaled: bool = False) -> Play:
    """Play the history of *seed* to its end. Raises Broken when a promise is not kept."""
    play = elastic(setting(seed), seed) if scaled else setting(seed)
    dice = random.Random(seed + 1)
    crashing = dice.random() < 0.4
    try:
        for _ in range(PASSES):
            happen(play, dice)
            keep_bounds(play.world)
            if one_pass(play, choose, dice, crash=crashing and dice.random() < 0.15):
                return play
        raise Broken(f"no end after {PASSES} passes")
    except Broken as broken:
        lines = [f"{second}: {what}" for second, what in play.log]
        raise Broken("\n".join([f"seed {seed}: {broken}", repr(play.policy), *lines])) from None


def one_pass(play: Play, choose: Decide, dice: random.Random, *, crash: bool) -> bool:
    """Decide once, act (dying half-way in a *crash*), let time pass. True when the history is over."""
    world = play.world
    if world.elastic:
        roll = roll_of(world)
        world.size = min(roll.desired if roll else world.desired, world.spec_max)
    fleet = fleet_of(world, play.policy)
    moves = choose(fleet, play.policy, moment(world.now))
    play.log.append((world.now, moves))
    require(len({type(move) for move in moves}) == 1, f"moves of more than one kind: {moves}")
    if isinstance(moves[0], Done) and not play.script:
        settled(play)
        require(choose(fleet, play.policy, moment(world.now)) == moves, "equal inputs, another answer")
        return True
    if isinstance(moves[0], Halt) and not answer_halt(play, fleet):
        return not play.script
    acts = [call for move in moves for call in calls(world, play.policy, move)]
    for call in acts[: dice.randint(0, len(acts)) if crash else None]:
        call()
    if isinstance(moves[0], Wait | Halt | Done):
        in_time(play)
        if play.fault and not play.script and world.now > 2500:
            return True
        world.advance(max(1, min(world.next_event() - world.now, 20)))
    else:
        world.advance(dice.randint(1, 3))
    return False


def in_time(play: Play) -> None:
    """Rule 8: nobody waits for a drain beyond its deadline, or beyond what makes a host lost."""
    longest = max(LOST, play.policy.drain_timeout.total_seconds()) + 60
    for box in play.world.boxes:
        busy = box.node == "DRAINING" and box.cordoned and not box.leaving and any(job.open for job in box.jobs)
        since = play.world.now - int(box.cordoned or 0) + int(moment(0).timestamp())
        ignored = play.world.alarm or any(one.deploying for one in play.world.services)
        require(not busy or ignored or since <= longest, f"{box.id} has been draining for {since} s")


def answer_halt(play: Play, fleet: Fleet) -> bool:
    """A person reads the report and acts: a fixed version, or the same again. False when nobody will."""
    play.halts += 1
    if play.fault or play.halts > 25:
        require(play.fault, f"halted {play.halts} times")
        return False
    world = play.world
    if world.stubborn.get(world.generation) == "never":
        world.generation += 1
    elif fleet.halted is not None:
        for move in clear_halt(fleet, moment(world.now)):
            for call in calls(world, play.policy, move):
                call()
    else:
        world.spec_max += 2  # MaxSize leaves no room
    return True


def keep_bounds(world: World) -> None:
    """What the group's kind does in every pass before the rollout decides: the bounds of the spec, as far as they
    may be set now; the record follows."""
    roll = roll_of(world)
    if (world.spec_min, world.spec_max) == ((roll.min, roll.max) if roll else (world.min, world.max)):
        return
    world.max = max(world.spec_max, world.desired)
    world.min = min(world.spec_min, world.desired) if roll else world.spec_min
    world.desired = max(world.desired, world.min)
    if roll:
        text = f"{roll.generation}:{int(roll.started.timestamp())}:{world.spec_min}/{world.spec_max}/{roll.desired}"
        world.tags["theseus:roll"] = text


# ------------------------------------------------------------------------------------------------ what happens
def happen(play: Play, dice: random.Random) -> None:
    """Everything of the script that is due."""
    while play.script and play.script[0][0] <= play.world.now:
        _, what = play.script.pop(0)
        play.log.append((play.world.now, what))
        _happen(play, what, dice)
        play.script.sort()


def _happen(play: Play, what: str, dice: random.Random) -> None:
    world = play.world
    live = [box for box in world.boxes if not box.leaving and box.node]
    one = dice.choice(live) if live else None
    later = world.now + dice.randint(10, 90)
    if what in ("roll", "back", "never", "late", "grow", "shrink"):
        world.turned = world.now
    match what:
        case "roll":
            world.generation = max([*world.launched, world.generation]) + 1
        case "back":
            world.generation = max(1, world.generation - 1)
        case "never" | "late":
            world.generation = max([*world.launched, world.generation]) + 1
            world.stubborn[world.generation] = what
        case "grow" | "shrink":
            resize(play, dice, 1 if what == "grow" else -1)
        case "die" if one and play.deaths < 2:
            play.deaths += 1
            one.dead_at = world.now
        case "blip" if one and one.away_until != NEVER:
            world.leave(one, world.now + dice.randint(2, 40))
        case "lose" if one and play.deaths < 2:
            play.deaths += 1
            world.leave(one, NEVER)
            play.script.append((world.now + 900, "bury"))
        case "bury":  # where most of the pool is lost, nobody but a person can tell why: the machines are terminated
            lost = [box for box in live if world.lost(box)]
            for box in lost if len(lost) > 1 and 2 * len(lost) > len(live) else []:
                box.dead_at = world.now
        case "alarm":
            world.alarm = True
            play.script.append((later, "calm"))
        case "calm":
            world.alarm, world.no_data = False, None
        case "silence":
            world.no_data = dice.choice([world.now, -100])
            play.script.append((later + 100, "calm"))
        case "deploy" if world.services:
            dice.choice(world.services).deploying = True
            play.script.append((later, "deployed"))
        case "deployed":  # not while a task of it is left that cannot stop: its agent is gone
            left = [job.service for box, job in world.jobs() if job.open and box.away_until == NEVER and box.node]
            for service in world.services:
                service.deploying = service.deploying and service in left
            if any(service.deploying for service in world.services):
                play.script.append((later, "deployed"))
        case "desired" if world.elastic:  # within the bounds, and never below what tasks need
            step = dice.choice([-1, 1])
            if world.min <= world.desired + step <= world.max and enough(play, world.desired + step):
                world.desired += step
        case "desired":
            world.desired = max(world.min, min(world.max, world.desired + dice.choice([-1, 1])))
        case "minimum":  # a person raises MinSize: the record of a roll hides it from the spec
            world.min = min(world.max, world.size + 1)
            world.desired = max(world.min, world.desired)
        case "scale" if world.services:
            service = dice.choice(world.services)
            more = not service.static and roomy(play, world.size, service.cpu) and dice.random() < 0.5
            service.desired = max(1, service.desired + (1 if more else -1))
        case "standalone" if one:
            world.serial += 1
            end = world.now + dice.choice([20, 100, 900])
            one.jobs.append(Job(f"run-{world.serial}", None, "RUNNING", end))
        case "sick" if one and play.deaths < 2:  # and replaces it by itself; managed draining drains it
            play.deaths += 1
            one.sick, one.state = True, "Terminating"
        case "stray" if one:
            world.serial += 1
            one.jobs.append(Job("", None, "STOPPED", NEVER, wanted=False, target="healthy", port=32768 + world.serial))
        case "cordon" if one and one.node == "ACTIVE":
            one.node = "DRAINING"
            play.script.append((later, "uncordon"))
        case "uncordon":
            for box in world.boxes:
                if box.node == "DRAINING" and not box.cordoned and not box.leaving:
                    box.node = "ACTIVE"


def resize(play: Play, dice: random.Random, step: int) -> None:
    """The spec's size changes, sometimes below the MinSize of before, in the same change."""
    world = play.world
    if not enough(play, world.size + step):
        return
    world.size += step
    world.spec_min = dice.choice([0, min(world.size, 1), world.size])
    world.spec_max = max(world.size, world.spec_max + dice.choice([-1, 0, 1]))


def enough(play: Play, size: int) -> bool:
    """Whether so many hosts do for the services, and for a roll of them."""
    services = play.world.services
    least = 1 + play.policy.max_unavailable if services else play.policy.max_unavailable
    least = max(least, 2 + max((one.desired for one in services if one.static), default=-2))
    return size >= least and roomy(play, size, 0)


def roomy(play: Play, size: int, more: int) -> bool:
    """Whether plan would call it feasible: the tasks and *more* on so few hosts, with a fifth to spare."""
    needs = sum(one.desired * one.cpu for one in play.world.services) + more
    return not needs or needs <= 0.8 * CPU * (size - play.policy.max_unavailable)


# ------------------------------------------------------------------------------------------------ the end
def settled(play: Play) -> None:
    """Promise 3 and rule 9: everything is as the spec says, and no trace of a roll is left."""
    world = play.world
    live = [box for box in world.boxes if not box.leaving]
    wrong = [box.id for box in live if box.generation != world.generation]
    require(not wrong, f"done with old hosts {wrong}")
    wanted = world.desired if world.elastic else world.size
    require(len(live) == wanted == world.desired, f"done with {len(live)} hosts, desired {world.desired}")
    bounds, spec = (world.min, world.max), (world.spec_min, world.spec_max)
    require(bounds == spec, f"done with bounds {bounds}, the spec says {spec}")
    require(not world.tags, f"done with {world.tags}")
    require(not world.suspended, f"done with {world.suspended} suspended")
    crumbs = [box.id for box in live if box.ready or box.cordoned or box.protected]
    require(not crumbs, f"done with crumbs or protection on {crumbs}")
    require(not [one.name for one in world.services if one.baseline], "done with baselines on services")
    require(not world.leftovers, f"done with {world.leftovers} registered")
    require(all(world.active(box) for box in live), "done with hosts that do not serve")
