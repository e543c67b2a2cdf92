"""The hands of the random world: carry out moves call by call, as `rollout/fleet.py` does, and judge each call.

Every check looks at the world itself, never at what `decide` counted. A controller may die between any two calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from controller.base.crumbs import BaselineCrumb, RollCrumb, stamp
from controller.base.keys import NOT_READY
from controller.rollout.model import Policy
from controller.rollout.moves import (
    Cordon,
    Deregister,
    Done,
    ForceDeregister,
    Forget,
    Halt,
    MarkAway,
    MarkBack,
    MarkReady,
    Move,
    Record,
    Resume,
    SetCapacity,
    StopTasks,
    Suspend,
    Terminate,
    Uncordon,
    Unprotect,
    Unready,
    Wait,
)
from tests.rollout.eyes import roll_of
from tests.rollout.worlds import NEVER, Box, World, moment

Call = Callable[[], None]
DELAY = 5  # seconds of deregistration


class Broken(AssertionError):  # noqa: N818  (a broken promise, not an error)
    """A promise of DESIGN.md section 1 or a rule of section 5 was broken."""


def require(condition: object, words: str) -> None:
    if not condition:
        raise Broken(words)


def calls(world: World, policy: Policy, move: Move) -> Iterator[Call]:
    """The API calls of *move*, in the order `rollout/fleet.py` makes them; each checks what must hold before it."""
    boxes = {box.id: box for box in world.boxes}
    match move:
        case SetCapacity():
            if move.max is not None:
                yield lambda: _set_max(world, policy, move)
            yield lambda: _set_desired(world, policy, move)
        case Record():
            yield lambda: world.tags.update(dict(move.tags))
            for arn, text in move.services:
                yield lambda arn=arn, text=text: _baseline(world, arn, text)
        case Forget():
            for name in move.hosts:
                yield lambda name=name: _clear(boxes[name], world)
            for arn in move.services:
                yield lambda arn=arn: _baseline(world, arn, "")
            for tag in move.tags:
                yield lambda tag=tag: _drop(world, tag)
        case Suspend():
            require("AZRebalance" in world.tags.get("theseus:suspended", ""), "suspended before it was recorded")
            yield lambda: world.suspended.add("AZRebalance")
        case Resume():
            yield lambda: _resume(world, policy, move)
            yield lambda: _drop(world, "theseus:suspended")
        case MarkReady():
            require(world.active(boxes[move.host]), f"{move.host} marked ready and is not active")
            yield lambda: setattr(boxes[move.host], "ready", stamp(move.at))
            yield lambda: setattr(boxes[move.host], "protected", True)
        case Unready():
            yield lambda: setattr(boxes[move.host], "ready", NOT_READY)
        case MarkAway():
            yield lambda: setattr(boxes[move.host], "away", move.note.text())
        case MarkBack():
            yield lambda: setattr(boxes[move.host], "away", "")
        case Unprotect():
            for name in move.hosts:
                yield lambda name=name: setattr(boxes[name], "protected", False)
        case Cordon():
            yield lambda: setattr(boxes[move.host], "cordoned", stamp(move.at))
            yield lambda: _cordon(world, policy, boxes[move.host])
        case Uncordon():
            require(boxes[move.host].cordoned, f"{move.host} uncordoned, and it was not we who cordoned it")
            yield lambda: setattr(boxes[move.host], "node", "ACTIVE")
            yield lambda: setattr(boxes[move.host], "cordoned", "")
        case StopTasks():
            for arn in move.tasks:
                yield lambda arn=arn: [world.stop(job) for _, job in world.jobs() if job.arn == arn and job.wanted]
        case Deregister():
            for target in move.targets:
                yield lambda target=target: _deregister(world, boxes[target.host], target.port)
        case Terminate():
            yield lambda: _terminate(world, policy, boxes[move.host], move)
        case ForceDeregister():
            for node in move.container_instances:
                yield lambda node=node: _bury(world, node)
        case Wait() | Halt() | Done():
            require(move.why, "a move without a reason")


def serving(world: World, policy: Policy) -> list[Box]:
    """The hosts that are truly ready: active, and up as long as a host that this roll brought must bake.

    One second less than the bake is granted: crumbs are whole seconds.
    """
    bake = int(policy.bake.total_seconds()) - 1
    roll = roll_of(world)
    began = int((roll.started - moment(0)).total_seconds()) if roll else -NEVER
    known = max(world.turned, began)  # a host from before then has served long ago
    return [
        box
        for box in world.boxes
        if world.active(box)
        and (box.generation != world.generation or box.born < known or world.now - box.up_since >= bake)
    ]


def proven(world: World, policy: Policy) -> bool:
    return any(box.generation == world.generation for box in serving(world, policy))


def _new(world: World, box: Box) -> bool:
    """It shows what the wanted version is worth: not one that lost its agent and for which the roll began anew."""
    return box.generation == world.generation and not _given_up(world, box)


def _given_up(world: World, box: Box) -> bool:
    """It is lost or never joined, and a person who knew that went on."""
    roll = roll_of(world)
    known = roll is not None and roll.again is not None and moment(box.born) < roll.again
    return known and (world.lost(box) or box.node is None)


def old(world: World) -> list[Box]:
    return [box for box in world.boxes if not box.leaving and box.generation != world.generation]


# ------------------------------------------------------------------------------------------------ one call each
def _set_desired(world: World, policy: Policy, move: SetCapacity) -> None:
    """Promise 2, the peak; rule 2, the first new host alone; rule 6, never down."""
    if move.desired <= world.desired:
        require(move.desired == world.desired, f"desired lowered from {world.desired} to {move.desired}")
        return
    room = policy.max_surge if old(world) or world.tags.get("theseus:roll") else 0
    require(move.desired <= world.size + room, f"desired {move.desired} is above {world.size} + {room}")
    require(move.desired <= world.max, "desired above MaxSize: AWS refuses")
    live = [box for box in world.boxes if not box.leaving]
    if old(world) and not proven(world, policy):
        news = sum(_new(world, box) and box.node != "DRAINING" for box in live)
        require(move.desired - len(live) + news <= 1, f"desired {move.desired}: the first new host is not alone")
    world.desired = move.desired


def _set_max(world: World, policy: Policy, move: SetCapacity) -> None:
    assert move.max is not None
    if move.max < world.desired:
        raise Broken(f"MaxSize {move.max} below desired {world.desired}: AWS would kill hosts")
    roll = RollCrumb.parse(world.tags.get("theseus:roll"))
    if move.max > world.max and world.size <= world.max:
        require(policy.allow_raise_max, "MaxSize raised though the policy forbids it")
        require(roll is not None and roll.max == world.spec_max, "MaxSize raised before the old one was recorded")
    world.max = move.max


def _cordon(world: World, policy: Policy, box: Box) -> None:
    """Promise 2, by hosts and by services; rule 2, surge first; the bookkeeping is there."""
    up = serving(world, policy)
    floor = world.size - policy.max_unavailable
    if box in up:
        require(len(up) - 1 >= floor, f"cordon of {box.id}: {len(up) - 1} hosts left, floor {floor}")
    elif not world.dead(box) and not world.lost(box) and box.node is not None and world.now < box.away_until:
        require(len(up) >= floor, f"cordon of {box.id}: its agent may come back, and {len(up)} serve, floor {floor}")
    _gates(world, box)
    require(RollCrumb.parse(world.tags.get("theseus:roll")), "cordoned without a record of the roll")
    require("AZRebalance" in world.suspended, "cordoned while AZRebalance is at work")
    for service in world.services:
        if any(job.service is service for _, job in world.jobs()):
            crumb = BaselineCrumb.parse(service.baseline)
            require(crumb, f"cordoned without a baseline of {service.name}")
            if crumb and service.name in box.served:
                short = world.running(service) < min(service.desired, crumb.running)
                require(not short, f"cordon of {box.id} while {service.name} is short of its baseline")
    surge = policy.max_surge and (policy.allow_raise_max or world.max > world.size) and world.size
    if box.generation != world.generation and surge and box in up and not proven(world, policy):
        staying = [one for one in world.boxes if not one.leaving and one.node != "DRAINING" and one is not box]
        require(len(staying) >= world.size, f"cordon of {box.id} before a new host was proven")
    box.node = "DRAINING"


def _terminate(world: World, policy: Policy, box: Box, move: Terminate) -> None:
    """Rules 5 and 6: only on evidence, and the decrement exactly where there are too many."""
    low = max(world.size, world.min)
    require(move.shrink == (world.desired > low), f"decrement {move.shrink}: desired {world.desired}, size {low}")
    require(not box.leaving, f"{box.id} is leaving already")
    halted = world.tags.get("theseus:halted", "").startswith(f"lt-1/{world.generation}:")
    late = box.node is None and world.now - box.born > policy.ready_timeout.total_seconds()
    noted = halted or _given_up(world, box)
    require(noted or box.generation != world.generation or not late or world.desired > low, "late host, no halt noted")
    if not halted:
        _gates(world, box)
        _unwanted(world, box)
    forced = box.cordoned and world.now - int(box.cordoned) + int(moment(0).timestamp())
    overdue = forced and forced > policy.drain_timeout.total_seconds()
    if not (policy.on_drain_timeout == "force" and overdue):
        _drained(world, policy, box)
    if not move.shrink and old(world) and not proven(world, policy):
        news = [one for one in world.boxes if not one.leaving and _new(world, one)]
        require(not news, f"{box.id} replaced by a second host of an unproven version")
    world.desired -= move.shrink
    box.state = "Terminating"


def _deregister(world: World, box: Box, port: int) -> None:
    """Rule 5: only what no task stands behind; its requests are let finish."""
    for job in box.jobs:
        require(not (job.open and job.port == port), f"{box.id}:{port} deregistered, and {job.arn} serves there")
        if job.port == port and job.target not in (None, "unused"):
            job.target, job.at = "draining", world.now + DELAY


def _bury(world: World, node: str) -> None:
    """A container instance is forced out only where nothing of it can serve or stop any more."""
    if node in world.leftovers:
        world.leftovers.remove(node)
        return
    box = next(box for box in world.boxes if f"ci-{box.id}" == node)
    require(box.leaving and not world.connected(box), f"{box.id} forced out of the cluster while it lives")
    serving = [job.target for job in box.jobs if job.target in {"healthy", "draining"} and not world.dead(box)]
    require(not serving, f"{box.id} forced out of the cluster with targets {serving}")
    box.node = None


def _unwanted(world: World, box: Box) -> None:
    """Tasks move once (rule 4): a host of the wanted version goes only as a surplus, or to even out the zones."""
    live = [one.zone for one in world.boxes if not one.leaving]
    lopsided = max(live.count(zone) for zone in world.zones) - min(live.count(zone) for zone in world.zones) > 1
    most = max(world.spec_max if world.elastic else world.size, world.min)
    surplus = len(live) > most or lopsided
    kept = box.generation == world.generation and not world.lost(box) and not _given_up(world, box)
    stays = kept and (old(world) or not surplus)
    require(not stays, f"{box.id} runs the wanted version and is no surplus")


def _drained(world: World, policy: Policy, box: Box) -> None:
    """Nothing runs there, nothing points there, and what ran there runs elsewhere; a lost host need only the latter."""
    lost = world.dead(box) or world.lost(box)
    left = [job for job in box.jobs if job.open and (job.service or policy.standalone != "ignore")]
    require(lost or not left, f"{box.id} terminated with {[(job.arn, job.status) for job in left]}")
    states = [job.target for job in box.jobs if job.target not in (None, "unused")]
    require(not ("healthy" in states or (states and not lost)), f"{box.id} terminated with targets {states}")
    for service in world.services:
        crumb = BaselineCrumb.parse(service.baseline)
        if service.name in box.served and crumb:
            floor = min(service.desired, crumb.running)
            require(world.running(service) >= floor, f"{box.id} gone, {service.name} runs {world.running(service)}")
            healthy, low = world.healthy(service), min(service.desired, crumb.healthy)
            require(healthy is None or healthy >= low, f"{box.id} gone, {service.name} has {healthy} healthy, {low}")


def _gates(world: World, box: Box) -> None:
    require(not world.alarm, "a host taken away while an alarm is in ALARM")
    busy = [one.name for one in world.services if one.deploying]
    touched = {job.service.name for _, job in world.jobs() if job.service and job.open}
    require(world.lost(box) or not touched & set(busy), f"a host taken away while {busy} deploys")


def _resume(world: World, policy: Policy, move: Resume) -> None:
    require(set(move.processes) == {"AZRebalance"}, f"{move.processes} resumed: not ours")
    live = [box.zone for box in world.boxes if not box.leaving]
    crowd = [live.count(zone) for zone in world.zones]
    above = world.min <= world.size and (policy.allow_raise_max or world.size < world.max)
    able = not world.elastic and (policy.max_unavailable or (policy.max_surge and above))
    require(not able or max(crowd) - min(crowd) <= 1, f"AZRebalance resumed with zones {crowd}")
    world.suspended.discard("AZRebalance")


def _baseline(world: World, arn: str, text: str) -> None:
    next(one for one in world.services if one.name == arn).baseline = text


def _clear(box: Box, world: World) -> None:
    require(not box.protected, f"{box.id}: the record of our protection dropped before the protection")
    box.ready = box.cordoned = box.away = ""


def _drop(world: World, tag: str) -> None:
    world.tags.pop(tag, None)
