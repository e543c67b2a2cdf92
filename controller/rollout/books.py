"""The books of a roll: what is written before anything moves, and put back and dropped when all is done. Pure.

Written before the act it describes, so that a controller that dies in between leaves a record too many, never one too
few; dropped last, the roll's own record after everything else.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from controller.base.crumbs import AwayCrumb, BaselineCrumb, RollCrumb, stamp
from controller.base.keys import HALTED_TAG, REBALANCE, ROLL_TAG, SUSPENDED_TAG
from controller.base.words import seconds
from controller.rollout import drained, gates
from controller.rollout.counts import floor, marked, must_bake, names, serving, surplus
from controller.rollout.model import LOST_AFTER, UNSEEN, Fleet, Host, Policy, Service
from controller.rollout.moves import (
    Deregister,
    ForceDeregister,
    Forget,
    MarkAway,
    MarkBack,
    MarkReady,
    Move,
    Record,
    Resume,
    SetCapacity,
    Suspend,
    Uncordon,
    Unprotect,
    Unready,
)

Moves = tuple[Move, ...]


def tidy(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Traces that mislead: container instances of hosts that are gone, a halt of another generation."""
    if moves := bury(fleet, policy, now):
        return moves
    if fleet.halted is not None:
        return (Forget(f"halt of {fleet.halted.generation}: {fleet.generation} is wanted now", tags=(HALTED_TAG,)),)
    return ()


def bury(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Rule 5: a lost host's container instance is force-deregistered, or managed draining would hold it for ever,
    waiting for an agent that does not answer (aws.md 1.5, 1.6)."""
    if fleet.leftovers:
        return (ForceDeregister(fleet.leftovers, "their EC2 instances no longer exist"),)
    held = [host for host in fleet.hosts if host.lifecycle == "Terminating:Wait" and not host.agent_connected]
    lost = [host for host in held if drained.lost(host, now)]
    if strays := tuple(target for host in lost for target in drained.strays(host, policy, now)):
        return (Deregister(strays, drained.stray(strays)),)
    lost = [host for host in lost if drained.blocking(host, fleet, policy, now) is None]
    nodes = tuple(h.container_instance for h in lost if h.container_instance is not None)
    return (ForceDeregister(nodes, f"{names(lost)}: the agent is lost, its tasks cannot stop"),) if nodes else ()


def watch_new(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Rules 3 and 9: note since when a new host is ready, and protect it; start over when it stops being so."""
    if fleet.roll is None:
        return ()
    fresh = [h for h in fleet.new if h.active and h.ready_since is None and must_bake(fleet, h, policy)]
    if fresh:
        why = f"in service, agent connected; bakes {seconds(policy.bake)}"
        return tuple(MarkReady(host.id, now, why) for host in fresh)
    away = [h for h in fleet.new if h.ready_since and not h.up and not h.cordoned and h.healthy]
    if away:
        return tuple(Unready(host.id, "its agent is not connected any more") for host in away)
    keeps = fleet.old and not fleet.protects_new  # where ECS protects hosts with tasks, it is left to ECS
    bare = [h for h in fleet.new if keeps and h.active and h.ready_since and not h.protected]
    return tuple(MarkReady(h.id, h.ready_since, "ready, but not protected yet") for h in bare if h.ready_since)


def watch_agents(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Rule 5: note since when an agent is away. One that stays away makes its host lost, to be replaced.

    One that is back while too few hosts serve is spared: it was drained because it seemed lost.
    """
    joined = [host for host in fleet.hosts if host.container_instance is not None and not host.dead]
    back = [host for host in joined if host.agent_connected and host.away is not None]
    short = floor(fleet, policy) - len(serving(fleet, policy, now))
    if spared := [host for host in back if marked(host) and not host.leaving][: max(0, short)]:
        return tuple(Uncordon(host.id, f"its agent is back, and {short} too few hosts serve") for host in spared)
    if back:
        return tuple(MarkBack(host.id, "its agent is connected again") for host in back)
    notes = [(host, drained.fresh_note(host, now)) for host in joined if drained.away(host)]
    return tuple(
        MarkAway(host.id, AwayCrumb(note.since if note else now, now), f"lost if away for {seconds(LOST_AFTER)}")
        for host, note in notes
        if note is None or now - note.seen >= UNSEEN / 2
    )


def record(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Rules 2 and 9: the bounds, the baselines and the suspension are on record before anything moves."""
    removing = bool(fleet.old or surplus(fleet)) or any(marked(host) for host in fleet.live)
    roll = fleet.roll
    if roll is None:
        if not removing:
            return ()
        crumb = RollCrumb(fleet.generation, now, fleet.min, fleet.spec_max or fleet.max, fleet.desired)
        baselines = _baselines((s for s in fleet.services if gates.knows(fleet, s.name)), now)
        return (Record(((ROLL_TAG, crumb.text()),), f"roll to {fleet.generation}", baselines),)
    if roll.generation != fleet.generation:  # a new roll with the bounds and baselines of the one it follows
        crumb = RollCrumb(fleet.generation, now, roll.min, roll.max, roll.desired)
        return (Record(((ROLL_TAG, crumb.text()),), f"the wanted generation is now {fleet.generation}"),)
    missing = _baselines(_unrecorded(fleet, roll), roll.started)
    if missing and removing:
        return (Record((), f"baseline of {len(missing)} services", missing),)
    if removing and REBALANCE not in fleet.suspended:
        if REBALANCE not in fleet.suspended_by_us:
            return (Record(((SUSPENDED_TAG, REBALANCE),), f"{REBALANCE} will be suspended for the roll"),)
        return (Suspend(f"{REBALANCE} would move hosts behind our back"),)
    return ()


def _unrecorded(fleet: Fleet, roll: RollCrumb) -> list[Service]:
    """The pool's services without a baseline of this roll. Another pool's services are another roll's business."""
    return [
        service
        for service in fleet.services
        if gates.knows(fleet, service.name)
        and (service.baseline is None or stamp(service.baseline.roll) != stamp(roll.started))
    ]


def _baselines(services: Iterable[Service], start: datetime) -> tuple[tuple[str, str], ...]:
    """The baselines to write for the roll that started at *start*; one of the roll before it keeps its counts."""
    found = []
    for one in services:
        if not one.ours or not one.arn or one.daemon:
            continue
        old = one.baseline
        crumb = BaselineCrumb(min(one.running, one.desired), one.desired, one.healthy or 0, start)
        if old is not None:
            crumb = BaselineCrumb(old.running, old.desired, old.healthy, start)
        found.append((one.arn, crumb.text()))
    return tuple(found)


def restore(fleet: Fleet) -> Moves:
    """Undo the roll's own settings one kind at a time; () when nothing of them is left."""
    roll = fleet.roll
    if roll is not None and fleet.max != roll.max and roll.max >= fleet.desired:
        return (SetCapacity(fleet.desired, f"MaxSize back to {roll.max}", max=roll.max),)
    protected = [host.id for host in fleet.live if host.protected and _was_ready(host)]
    if protected and not fleet.protects_new:  # such a host was protected from birth, not by us
        return (Unprotect(tuple(protected), "the roll is over: protection was ours"),)
    if fleet.suspended_by_us:
        return (Resume(fleet.suspended_by_us, "the roll is over"),)
    return ()


def forget(fleet: Fleet) -> Moves:
    """Drop every crumb, the roll's own last."""
    crumbs = tuple(host.id for host in fleet.live if _was_ready(host) or host.cordoned_at)
    baselines = tuple(s.arn for s in fleet.services if s.baseline is not None and s.arn and _ours(fleet, s))
    tags = (ROLL_TAG,) if fleet.roll is not None else ()
    if crumbs or baselines or tags:
        return (Forget("the roll is over", tags=tags, hosts=crumbs, services=baselines),)
    return ()


def _was_ready(host: Host) -> bool:
    """Whether this roll marked it ready, and so protected it; protection without the crumb is somebody else's."""
    return host.ready_since is not None or host.unready


def _ours(fleet: Fleet, service: Service) -> bool:
    """Whether its baseline is of this roll: another pool's roll may be under way."""
    of_roll = fleet.roll and service.baseline and stamp(service.baseline.roll) == stamp(fleet.roll.started)
    return bool(of_roll) or gates.knows(fleet, service.name)
