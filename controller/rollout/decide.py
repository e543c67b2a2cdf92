"""What to do next with the hosts of a pool. Pure: equal inputs, equal answer; nothing is remembered but tags.

All moves of one tick are of one kind: after acting, the counts we read are stale. The order of the questions below is
the order in which the rules of DESIGN.md section 5 bind. Bookkeeping is written before the act it describes, so that
a controller that dies in between leaves a record too many, never one too few.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from controller.base.crumbs import HaltCrumb, RollCrumb
from controller.base.keys import HALTED_TAG, ROLL_TAG
from controller.base.words import plural, seconds
from controller.rollout import counts, drained, gates
from controller.rollout.books import bury, forget, record, restore, tidy, watch_agents, watch_new
from controller.rollout.counts import excess, first_alone, leaving_order, lopsided, marked, must_bake, wanted
from controller.rollout.counts import floor as floor
from controller.rollout.counts import ready as ready
from controller.rollout.counts import serving as serving
from controller.rollout.fit import drain_misfit
from controller.rollout.model import LOST_AFTER, Fleet, Host, Policy
from controller.rollout.moves import (
    Cordon,
    Deregister,
    Done,
    Forget,
    Halt,
    Move,
    Record,
    SetCapacity,
    StopTasks,
    Terminate,
    Uncordon,
    Wait,
)

Moves = tuple[Move, ...]
STRAYS_LEAVE = timedelta(minutes=2)  # past the deadline of a drain: for targets that no task stands behind


def decide(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """The next moves of this pool; never empty: a `Wait`, `Halt` or `Done` says why nothing is done.

    Examples (size 3, max_surge 1, three old hosts): record the roll; suspend AZRebalance; capacity 3 -> 4; the new
    host is marked ready, bakes; one old host is cordoned, drains, is terminated with decrement; capacity 3 -> 4 ...
    """
    if why := f"paused: {fleet.paused}" if fleet.paused else gates.no_refresh(fleet, policy, now):
        return watch_agents(fleet, policy, now) or (Wait(why, timedelta(seconds=10)),)
    if fleet.halted is not None and fleet.halted.generation == fleet.generation:
        return _halted(fleet, fleet.halted, policy, now)
    if _settled(fleet):
        return (Done(f"all {len(fleet.live)} hosts are current, size {fleet.size}{_drained_by_others(fleet)}"),)
    moving = (_strays, _late, _overdue, _drained_ones, _grow, _capped, _rebalance, _shed, _finish)
    for step in (tidy, record, watch_new, watch_agents, *moving):
        if moves := step(fleet, policy, now):
            return moves
    return (Wait("hosts are changing", timedelta(seconds=2)),)


def clear_halt(fleet: Fleet, now: datetime) -> Moves:
    """What a person's apply does before anything else: forget the halt of the wanted generation, once.

    The record says that it is tried again: what halted it before is no reason to halt once more.
    """
    if fleet.halted is None:
        return ()
    roll = fleet.roll or RollCrumb(fleet.generation, now, fleet.min, fleet.spec_max or fleet.max, fleet.desired)
    again = Record(((ROLL_TAG, replace(roll, again=now).text()),), "the roll is tried again")
    return (again, Forget(f"cleared by apply: was {fleet.halted.code}", tags=(HALTED_TAG,)))


# ------------------------------------------------------------------------------------------------ when all is well
def _settled(fleet: Fleet) -> bool:
    """No host to replace, add or remove, and no trace of a roll. A host that somebody else drains is left so."""
    traces = fleet.roll or fleet.suspended_by_us or fleet.halted or fleet.leftovers
    crumbs = any(h.ready_since or h.unready or h.cordoned_at or h.away for h in fleet.live)
    steady = counts.whole(fleet) and not fleet.old
    return steady and not traces and not crumbs and all(host.active or host.cordoned for host in fleet.live)


def _drained_by_others(fleet: Fleet) -> str:
    foreign = counts.foreign_cordons(fleet)
    return f"; {counts.names(foreign)} drained by somebody else, left so" if foreign else ""


def _attached(fleet: Fleet) -> str:
    """Rule 5: targets in other people's groups are reported, not awaited."""
    return f"; targets in {', '.join(fleet.attached)}, not ours, are not awaited" if fleet.attached else ""


# ------------------------------------------------------------------------------------------------ bookkeeping
def _strays(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Current hosts left cordoned by an earlier wish of ours (the spec went back, a host died) serve again."""
    cordoned = [host for host in fleet.new if marked(host)]
    leaving = {host.id for host in leaving_order(fleet, cordoned)[: excess(fleet, policy)]}
    return tuple(Uncordon(h.id, "wanted again: it runs the wanted version") for h in cordoned if h.id not in leaving)


# ------------------------------------------------------------------------------------------------ halting
def _late(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Rules 3, 7 and 12: what needs a person is written on the group before anything is removed."""
    if late := counts.never_ready(fleet, policy, now):
        why = f"{late[0].id} not ready {seconds(policy.ready_timeout)} after launch: {counts.why_not_ready(late[0])}"
        return _remember(fleet, "ready_timeout", now, why)
    if gone := [host for host in drained.lost_agents(fleet.hosts, now) if host.current and not host.cordoned]:
        why = f"{gone[0].id} joined and lost its agent, over {seconds(LOST_AFTER)} ago: its version may be at fault"
        return _remember(fleet, "agent_lost", now, why)
    if fleet.launch_failure_final:
        return _remember(fleet, "launch_failed", now, fleet.launch_failure)
    silent = gates.silent(fleet, policy, now)
    if silent and policy.no_data_then == "halt" and (fleet.old or excess(fleet, policy)):
        return _remember(fleet, "no_data", now, f"alarm {', '.join(silent)} has had no data for {policy.no_data_wait}")
    return ()


def _overdue(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Rule 8: a drain past its deadline halts (and is undone), or is forced where the spec says so.

    A host whose agent is away is given the time to come back or to count as lost: its drain ends by that rule.
    """
    for host in fleet.live:
        if host.cordoned_at is None or not marked(host) or now - host.cordoned_at <= policy.drain_timeout:
            continue
        if not host.agent_connected and not drained.lost(host, now):
            continue
        why = drained.blocking(host, fleet, policy, now)
        late_by = now - host.cordoned_at - policy.drain_timeout
        if why is None or (
            late_by <= STRAYS_LEAVE and drained.strays(host, policy, now)
        ):  # those are deregistered next
            continue
        late = f"{host.id} not drained after {seconds(policy.drain_timeout)}: {why}{drained.last_words(host, fleet)}"
        if policy.on_drain_timeout == "halt":
            return _remember(fleet, "drain_timeout", now, late)
        if closed := gates.before_terminating(fleet, policy, now):
            return (Wait(f"{late}; forcing it waits: {closed}"),)
        shrink = fleet.desired > wanted(fleet)
        if not shrink and first_alone(fleet, policy, now):
            return (Wait(f"{late}; forcing it waits: the group would launch a second host of an unproven version"),)
        return (Terminate(host.id, shrink, f"forced: {late}"),)
    return ()


def _remember(fleet: Fleet, code: str, now: datetime, why: str) -> Moves:
    return (Record(((HALTED_TAG, HaltCrumb(fleet.generation, code, now).text()),), why),)


def _halted(fleet: Fleet, halt: HaltCrumb, policy: Policy, now: datetime) -> Moves:
    """Undo what is half done, once: late hosts go, cordons are lifted. Then stand still until a person acts.

    A late host that no surge pays for stays: the group would only launch another like it.
    """
    if moves := bury(fleet, policy, now):
        return moves
    if moves := watch_agents(fleet, policy, now):
        return moves
    if cordoned := [host for host in fleet.live if marked(host)]:
        return tuple(Uncordon(host.id, f"halted ({halt.code}): the drain is undone") for host in cordoned)
    late = [host for host in counts.never_ready(fleet, policy, now) if not host.open_tasks]
    if late and fleet.desired > wanted(fleet):
        why = "never became ready; old hosts stay"
        return _emptied(late[0], policy, now) or (Terminate(late[0].id, True, why),)
    calm = not counts.surplus(fleet) and counts.spread(fleet) <= 1
    if calm and (undone := restore(fleet)):  # the record stays: who goes on knows which hosts the roll brought
        return undone
    at = halt.at.isoformat().replace("+00:00", "Z")
    kept = f"; {counts.names(late)} left in place: the group would launch another like it" if late else ""
    why = f"{fleet.generation} halted at {at} ({halt.code}){kept}; apply or a new generation goes on"
    return (Halt(halt.code, why),)


# ------------------------------------------------------------------------------------------------ moving
def _drained_ones(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Rules 5 and 6: terminate what is drained on evidence, decrementing if and only if desired exceeds the size."""
    cordoned = [host for host in fleet.live if marked(host)]
    if policy.standalone == "stop" and (tasks := [t for h in cordoned for t in drained.standalone(h)]):
        return (StopTasks(tuple(tasks), f"holding up the drain: {plural(len(tasks), 'standalone task')}"),)
    if strays := tuple(target for host in cordoned for target in drained.strays(host, policy, now)):
        return (Deregister(strays, drained.stray(strays)),)
    return _terminate(fleet, policy, now, [h for h in cordoned if drained.blocking(h, fleet, policy, now) is None])


def _emptied(host: Host, policy: Policy, now: datetime) -> Moves:
    """What must happen before a host that never joined goes: targets that somebody put there leave first."""
    if strays := drained.strays(host, policy, now):
        return (Deregister(strays, drained.stray(strays)),)
    return () if counts.empty(host) else (Wait(f"{host.id}: {plural(len(host.targets), 'target')} not yet unused"),)


def _terminate(fleet: Fleet, policy: Policy, now: datetime, gone: list[Host]) -> Moves:
    """Terminate *gone*. Without a decrement the group launches a replacement: while the wanted version is unproven,
    there may be one such at most (rule 2)."""
    if not gone:
        return ()
    if why := gates.before_terminating(fleet, policy, now):
        lost = [host for host in gone if drained.agent_lost(host, now)]
        if not lost or gates.before_terminating(fleet, policy, now, lost=True):
            return (Wait(f"{plural(len(gone), 'drained host')} waiting: {why}"),)
        gone = lost
    moves, desired = [], fleet.desired
    room = 0 if first_alone(fleet, policy, now) else 1
    for host in gone:
        shrink = desired > wanted(fleet)
        if not shrink and fleet.old and not counts.proven(fleet, policy, now):
            if not room:
                continue
            room -= 1
        why = "drained" if host.container_instance else "it never joined the cluster"
        moves.append(Terminate(host.id, shrink, f"{why}; desired {desired}, size {fleet.size}"))
        desired -= shrink
    return tuple(moves)


def _grow(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Rule 2: surge before old ones leave, the first new host alone; never lower desired.

    Where somebody else scales, desired may have come down meanwhile: with the last old host gone that stands.
    """
    if fleet.elastic and not fleet.old:
        return ()
    room = counts.surge(fleet, policy)
    target = fleet.size + room
    if fleet.old and fleet.size and not room and not policy.max_unavailable and fleet.max <= fleet.size:
        why = f"needs {fleet.size + 1} hosts, MaxSize is {fleet.max} and allow_raise_max is false"
        return (Halt("max_size", why),)
    if fleet.old and not counts.proven(fleet, policy, now):
        target = fleet.desired if counts.on_the_way(fleet, policy, now) else min(target, fleet.desired + 1)
    return _raise_to(fleet, policy, target, f"{plural(len(fleet.old), 'host')} left to replace")


def _capped(fleet: Fleet, _policy: Policy, _now: datetime) -> Moves:
    """Where somebody else scales, MaxSize comes back as soon as desired is within it: up there they would ask at once
    for the host again that the end of the roll has just given up."""
    roll = fleet.roll
    if not fleet.elastic or fleet.old or roll is None or fleet.max == roll.max or fleet.desired > roll.max:
        return ()
    return restore(fleet)


def _raise_to(fleet: Fleet, policy: Policy, target: int, why: str) -> Moves:
    if fleet.desired >= target:
        return ()
    why = f"{why}, {len(fleet.live)} live, size {fleet.size}"
    if target <= fleet.max:
        return (SetCapacity(target, why),)
    if policy.allow_raise_max:
        return (SetCapacity(target, f"{why}; MaxSize {fleet.max} is raised for the roll", max=target),)
    return (Halt("max_size", f"needs {target} hosts, MaxSize is {fleet.max} and allow_raise_max is false"),)


def _rebalance(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Rule 6: when zones differ by more than one at the end, one more host (the group puts it in the emptiest zone)
    lets `_shed` take one from the most crowded."""
    if not lopsided(fleet) or not counts.one_more(fleet, policy) or fleet.launch_failure:
        return ()
    why = f"zones differ by {counts.spread(fleet)}: one more before the most crowded zone gives one up"
    return _raise_to(fleet, policy, fleet.size + 1, why)


def _shed(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Rules 1, 4, 6 and 7: cordon as many hosts as floor, room and gates allow; what never joined goes undrained."""
    leaving = leaving_order(fleet, fleet.old or fleet.live)
    candidates = [h for h in (leaving if fleet.old else leaving[: excess(fleet, policy)]) if not marked(h)]
    able = [host for host in candidates if _free(fleet, host, policy, now)]
    absent = [host for host in able if host.container_instance is None and not host.up]
    held: Moves = ()
    if absent:
        held = _emptied(absent[0], policy, now) or _terminate(fleet, policy, now, absent[:1])
        if _moving(held):
            return held
    joined = [host for host in candidates if host.container_instance is not None]
    if not joined:
        return held or _progress(fleet, policy, now)
    broken = [host for host in joined if host in able and not host.active]
    found = _cordon(fleet, policy, now, broken, [host for host in joined if host.active])
    return found if _moving(found) else held or found


def _moving(moves: Moves) -> bool:
    """Whether anything is done: one host that waits must not hold up another that need not."""
    return any(not isinstance(move, Wait) for move in moves)


def _free(fleet: Fleet, host: Host, policy: Policy, now: datetime) -> bool:
    """Whether taking *host*, which does not serve, can never be missed.

    An agent that is away for a moment comes back, and its host counts again: so the others must hold the floor
    without it. What the group replaces anyway, what is long past its boot and what is lost is not waited for.
    """
    booted = host.launched_at is None or now - host.launched_at > policy.ready_timeout
    lost = drained.lost_agents(fleet.hosts, now)  # they may come back all the same: one at a time
    next_lost = host in lost[:1] and not any(marked(other) and drained.away(other) for other in fleet.live)
    hopeless = not host.healthy or (host.container_instance is None and booted)
    return hopeless or next_lost or len(serving(fleet, policy, now)) >= floor(fleet, policy)


def _cordon(fleet: Fleet, policy: Policy, now: datetime, broken: list[Host], sound: list[Host]) -> Moves:
    """Cordon moves for what may go now, or the reason why nothing may."""
    if why := gates.closed(fleet, policy, now):
        lost = [host for host in broken if drained.agent_lost(host, now)]
        if not lost or gates.closed(fleet, policy, now, lost=True):
            return (Wait(f"gate closed: {why}"),)
        broken, sound = lost, []
    up = serving(fleet, policy, now)
    numbers = f"{len(up)} hosts serving, floor {floor(fleet, policy)}{_drained_by_others(fleet)}{_attached(fleet)}"
    chosen = broken + sound[: _budget(fleet, policy, now, broken)]
    draining = [host for host in fleet.live if marked(host)]
    while chosen and (why := drain_misfit(draining + chosen, [host for host in up if host not in chosen])):
        chosen = chosen[:-1]
        numbers = f"{numbers}; {why}"
    if chosen:
        note = gates.without_data(fleet)
        return tuple(Cordon(h.id, now, f"{numbers}; {plural(len(chosen), 'host')} may go{note}") for h in chosen)
    return _progress(fleet, policy, now) or (Wait(numbers),)


def _budget(fleet: Fleet, policy: Policy, now: datetime, broken: list[Host]) -> int:
    """How many serving hosts may leave now, beside the *broken* ones.

    Until the wanted version is proven: those above the size, and where there is no surge, one.
    """
    room = max(0, len(serving(fleet, policy, now)) - floor(fleet, policy))
    if not fleet.old or counts.proven(fleet, policy, now):
        return room
    if counts.on_the_way(fleet, policy, now):
        return 0
    out = len(broken) + sum(1 for host in fleet.live if marked(host))
    spare = len(fleet.live) - out - fleet.size
    if spare <= 0 and not out and counts.surge(fleet, policy) == 0:
        return min(room, 1)
    return min(room, max(0, spare))


def _progress(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """What the roll waits for right now; () when for nothing."""
    for host in fleet.live:
        if marked(host) and (why := drained.blocking(host, fleet, policy, now)):
            return (Wait(f"{host.id} draining: {why}"),)
    if fleet.launch_failure:
        return (Wait(f"launch failed, the group tries again: {fleet.launch_failure}", timedelta(seconds=10)),)
    if fleet.desired > len(fleet.live):
        held = f": {counts.suspended(fleet)}" if counts.LAUNCH in fleet.suspended else ""
        return (Wait(f"{len(fleet.live)} of {fleet.desired} hosts launched{held}"),)
    if booting := [host for host in fleet.new if not host.active and not host.cordoned]:
        return (Wait(f"{counts.names(booting)} not ready: {counts.why_not_ready(booting[0])}"),)
    baking = [host for host in fleet.new if must_bake(fleet, host, policy) and not ready(host, policy, now)]
    if baking and baking[0].ready_since is not None:
        left = policy.bake - (now - baking[0].ready_since)
        return (Wait(f"{baking[0].id} baking, {seconds(left)} left", max(left, timedelta(seconds=0.2))),)
    if leaving := [host for host in fleet.hosts if host.leaving]:
        return (Wait(f"{counts.names(leaving)} terminating"),)
    return ()


# ------------------------------------------------------------------------------------------------ finishing
def _finish(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Everything is replaced: put back what the roll changed, drop the crumbs, the roll's own last (rule 9)."""
    if waiting := _progress(fleet, policy, now):
        return waiting
    if fleet.old or not (counts.whole(fleet) or counts.held_back(fleet)):
        return ()
    return restore(fleet) or forget(fleet)
