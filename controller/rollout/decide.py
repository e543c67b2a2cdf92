"""What to do next with the hosts of a pool. Pure: equal inputs, equal answer; nothing is remembered but tags.

All moves of one tick are of one kind: after acting, the counts we read are stale. The order of the questions below is
the order in which the rules of DESIGN.md section 5 bind. Bookkeeping is written before the act it describes, so that
a controller that dies in between leaves a record too many, never one too few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from controller.base.crumbs import BaselineCrumb, HaltCrumb, RollCrumb
from controller.base.keys import HALTED_TAG, ROLL_TAG, SUSPENDED_TAG
from controller.rollout import drained, gates
from controller.rollout.fit import drain_misfit
from controller.rollout.model import (
    Cordon,
    Done,
    Fleet,
    ForceDeregister,
    Forget,
    Halt,
    Host,
    MarkReady,
    Move,
    Policy,
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

REBALANCE = "AZRebalance"
Moves = tuple[Move, ...]


def decide(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """The next moves of this pool; never empty: a `Wait`, `Halt` or `Done` says why nothing is done.

    Examples (size 3, max_surge 1, three old hosts): record the roll; suspend AZRebalance; capacity 3 -> 4; the new
    host is marked ready, bakes; one old host is cordoned, drains, is terminated with decrement; capacity 3 -> 4 ...
    """
    if fleet.paused:
        return (Wait(f"paused: {fleet.paused}", timedelta(seconds=10)),)
    if fleet.halted is not None and fleet.halted.generation == fleet.generation:
        return _halted(fleet, fleet.halted, policy, now)
    if _settled(fleet):
        return (Done(f"all {len(fleet.live)} hosts are current, size {fleet.size}"),)
    steps = (_tidy, _record, _watch_new, _strays, _late, _overdue, _drained_ones, _grow, _rebalance, _shed, _finish)
    for step in steps:
        if moves := step(fleet, policy, now):
            return moves
    return (Wait("hosts are changing", timedelta(seconds=2)),)


def ready(host: Host, policy: Policy, now: datetime) -> bool:
    """Rule 3: up and ACTIVE, and so since `ready-since` for the bake time."""
    return host.active and host.ready_since is not None and now - host.ready_since >= policy.bake


def serving(fleet: Fleet, policy: Policy, now: datetime) -> tuple[Host, ...]:
    """The hosts that count for the floor: old ones that are ACTIVE, new ones that are also baked."""
    return tuple(
        host for host in fleet.live if (ready(host, policy, now) if _counts_bake(fleet, host) else host.active)
    )


def surplus(fleet: Fleet) -> int:
    """Hosts above the wanted size that no replacement is waiting for."""
    return max(0, len(fleet.live) - fleet.size - (_surge_room(fleet) if fleet.old else 0))


def floor(fleet: Fleet, policy: Policy) -> int:
    return max(0, fleet.size - policy.max_unavailable)


def clear_halt(fleet: Fleet) -> Moves:
    """What a person's apply does before anything else: forget the halt of the wanted generation, once."""
    if fleet.halted is None:
        return ()
    return (Forget(f"cleared by apply: was {fleet.halted.code}", tags=(HALTED_TAG,)),)


# ------------------------------------------------------------------------------------------------ when all is well
def _settled(fleet: Fleet) -> bool:
    """No host to replace, add or remove, and no trace of a roll."""
    traces = fleet.roll or fleet.suspended_by_us or fleet.halted or fleet.leftovers
    marked = any(h.ready_since or h.cordoned_at or h.cordoned for h in fleet.live)
    steady = len(fleet.hosts) == fleet.size == fleet.desired and not fleet.old
    return steady and not traces and not marked and all(host.active for host in fleet.live)


def _counts_bake(fleet: Fleet, host: Host) -> bool:
    """New hosts of a roll bake; one that was there before (no record says otherwise) has baked long ago."""
    if not host.current or fleet.roll is None:
        return False
    return host.launched_at is None or host.launched_at >= fleet.roll.started or host.ready_since is not None


def _surge_room(fleet: Fleet) -> int:
    return max(0, fleet.desired - fleet.size)


# ------------------------------------------------------------------------------------------------ bookkeeping
def _tidy(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Traces that mislead: container instances of hosts that are gone, a halt of another generation."""
    if fleet.leftovers:
        return (ForceDeregister(fleet.leftovers, "their EC2 instances no longer exist"),)
    if fleet.halted is not None:
        return (Forget(f"halt of {fleet.halted.generation}: {fleet.generation} is wanted now", tags=(HALTED_TAG,)),)
    return ()


def _record(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Rules 2 and 9: the bounds, the baselines and the suspension are on record before anything moves."""
    removing = bool(fleet.old) or len(fleet.live) > fleet.size or any(h.cordoned for h in fleet.live)
    if fleet.roll is None:
        if not removing:
            return ()
        crumb = RollCrumb(fleet.generation, now, fleet.min, fleet.spec_max or fleet.max, fleet.desired)
        return (Record(((ROLL_TAG, crumb.text()),), f"roll to {fleet.generation}", _baselines(fleet, now)),)
    if fleet.roll.generation != fleet.generation:
        crumb = RollCrumb(fleet.generation, fleet.roll.started, fleet.roll.min, fleet.roll.max, fleet.roll.desired)
        return (Record(((ROLL_TAG, crumb.text()),), f"the wanted generation is now {fleet.generation}"),)
    missing = _baselines(fleet, fleet.roll.started)
    if missing and removing:
        return (Record((), f"baseline of {len(missing)} services", missing),)
    if removing and REBALANCE not in fleet.suspended:
        if REBALANCE not in fleet.suspended_by_us:
            return (Record(((SUSPENDED_TAG, REBALANCE),), f"{REBALANCE} will be suspended for the roll"),)
        return (Suspend(f"{REBALANCE} would move hosts behind our back"),)
    return ()


def _baselines(fleet: Fleet, start: datetime) -> tuple[tuple[str, str], ...]:
    """The baselines still to write for the roll that started at *start*: our services without one of this roll."""
    return tuple(
        (s.arn, BaselineCrumb(min(s.running, s.desired), s.desired, s.healthy or 0, start).text())
        for s in fleet.services
        if s.ours
        and s.arn
        and not s.daemon
        and (s.baseline is None or int(s.baseline.roll.timestamp()) != int(start.timestamp()))
    )


def _watch_new(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Rule 3: note since when a new host is ready; start over when it stops being so."""
    if fleet.roll is None:
        return ()
    for host in fleet.new:
        if host.active and host.ready_since is None and _counts_bake(fleet, host):
            return tuple(
                MarkReady(h.id, now, f"in service, agent connected; bakes {_seconds(policy.bake)}")
                for h in fleet.new
                if h.active and h.ready_since is None and _counts_bake(fleet, h)
            )
        if host.ready_since is not None and not host.up and not host.cordoned and host.healthy:
            return (Unready(host.id, "its agent is not connected any more"),)
    return ()


def _strays(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Current hosts left cordoned by an earlier wish (the spec went back, a drain was undone) serve again."""
    extra = max(0, len(fleet.live) - fleet.size)
    cordoned = [host for host in fleet.new if host.cordoned]
    leaving = set() if fleet.old else {h.id for h in _victims(fleet, cordoned)[:extra]}
    return tuple(Uncordon(h.id, "wanted again: it runs the wanted version") for h in cordoned if h.id not in leaving)


# ------------------------------------------------------------------------------------------------ halting
def _late(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Rules 3 and 12: a new host past its deadline halts the roll; the halt is written before its host is removed."""
    late = _never_ready(fleet, policy, now)
    if late:
        return _remember(
            fleet, "ready_timeout", now, f"{late[0].id} not ready {_seconds(policy.ready_timeout)} after launch"
        )
    if fleet.launch_failure_final:
        return _remember(fleet, "launch_failed", now, fleet.launch_failure)
    waited = fleet.roll is not None and now - fleet.roll.started >= policy.no_data_wait
    if fleet.no_data and waited and policy.no_data_then == "halt":
        return _remember(fleet, "no_data", now, f"alarm {', '.join(fleet.no_data)} has had no data")
    return ()


def _never_ready(fleet: Fleet, policy: Policy, now: datetime) -> list[Host]:
    return [
        host
        for host in fleet.new
        if host.ready_since is None
        and not host.active
        and not host.cordoned
        and host.launched_at is not None
        and now - host.launched_at > policy.ready_timeout
    ]


def _overdue(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Rule 8: a drain past its deadline halts (and is undone), or is forced where the spec says so."""
    for host in fleet.live:
        why = drained.blocking(host, fleet, policy, now) if host.cordoned and host.cordoned_at else None
        if why is None or host.cordoned_at is None or now - host.cordoned_at <= policy.drain_timeout:
            continue
        if policy.on_drain_timeout == "force":
            return (
                Terminate(
                    host.id, fleet.desired > fleet.size, f"drain past {_seconds(policy.drain_timeout)}, forced: {why}"
                ),
            )
        return _remember(
            fleet, "drain_timeout", now, f"{host.id} not drained after {_seconds(policy.drain_timeout)}: {why}"
        )
    return ()


def _remember(fleet: Fleet, code: str, now: datetime, why: str) -> Moves:
    return (Record(((HALTED_TAG, HaltCrumb(fleet.generation, code, now).text()),), why),)


def _halted(fleet: Fleet, halt: HaltCrumb, policy: Policy, now: datetime) -> Moves:
    """Undo what is half done, once: late hosts go, cordons are lifted. Then stand still until a person acts."""
    if fleet.leftovers:
        return (ForceDeregister(fleet.leftovers, "their EC2 instances no longer exist"),)
    if cordoned := [host for host in fleet.live if host.cordoned]:
        return tuple(Uncordon(host.id, f"halted ({halt.code}): the drain is undone") for host in cordoned)
    if late := _never_ready(fleet, policy, now):
        return (Terminate(late[0].id, fleet.desired > fleet.size, "never became ready; old hosts stay"),)
    calm = len(fleet.live) <= fleet.size and not any(host.leaving for host in fleet.hosts)
    if calm and (restore := _restore(fleet, policy, now)):
        return restore
    at = halt.at.isoformat().replace("+00:00", "Z")
    return (Halt(halt.code, f"{fleet.generation} halted at {at} ({halt.code}); apply or a new generation goes on"),)


# ------------------------------------------------------------------------------------------------ moving
def _drained_ones(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Rules 5 and 6: terminate what is drained on evidence, decrementing if and only if desired exceeds size."""
    cordoned = [host for host in fleet.live if host.cordoned]
    if not cordoned:
        return ()
    if policy.standalone == "stop" and (tasks := [t for h in cordoned for t in drained.standalone(h)]):
        return (StopTasks(tuple(tasks), f"{len(tasks)} standalone tasks hold up the drain"),)
    empty = [host for host in cordoned if drained.blocking(host, fleet, policy, now) is None]
    if not empty:
        return ()
    if why := gates.before_terminating(fleet, policy, now):
        return (Wait(f"{len(empty)} drained hosts wait: {why}"),)
    desired, moves = fleet.desired, []
    for host in empty:
        shrink = desired > fleet.size and desired > fleet.min
        moves.append(Terminate(host.id, shrink, f"drained; desired {desired}, size {fleet.size}"))
        desired -= shrink
    return tuple(moves)


def _grow(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Rule 2: surge before old ones leave, the first new host alone; never lower desired."""
    target = fleet.size
    if fleet.old:
        proven = any(ready(host, policy, now) or not _counts_bake(fleet, host) for host in fleet.new)
        surge = min(policy.max_surge, len(fleet.old))
        target += surge if proven else min(surge, 1)
    if fleet.desired >= target:
        return ()
    why = f"{len(fleet.old)} hosts left to replace, {len(fleet.live)} live, size {fleet.size}"
    if target <= fleet.max:
        return (SetCapacity(target, why),)
    if policy.allow_raise_max:
        return (SetCapacity(target, f"{why}; MaxSize {fleet.max} is raised for the roll", max=target),)
    return (Halt("max_size", f"needs {target} hosts, MaxSize is {fleet.max} and allow_raise_max is false"),)


def _rebalance(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Rule 6: when zones differ by more than one at the end, one more host (the group puts it in the emptiest zone)
    lets `_shed` take one from the most crowded."""
    calm = not fleet.old and len(fleet.live) == fleet.size == fleet.desired and fleet.roll is not None
    if not calm or _spread(fleet.live) <= 1 or policy.max_surge == 0:
        return ()
    why = f"zones differ by {_spread(fleet.live)}: one more host before the most crowded zone gives one up"
    target = fleet.size + 1
    if target > fleet.max and not policy.allow_raise_max:
        return ()
    return (SetCapacity(target, why, max=target if target > fleet.max else None),)


def _shed(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Rules 1, 4, 6 and 7: cordon as many hosts as floor, room and gates allow; broken ones cost no floor."""
    extra = max(0, len(fleet.live) - fleet.size)
    candidates = [h for h in _victims(fleet, fleet.live) if not h.cordoned and (not h.current or not fleet.old)]
    if not fleet.old:
        already = sum(1 for host in fleet.live if host.cordoned)
        candidates = candidates[: max(0, extra - already)]
    candidates = [host for host in candidates if host.container_instance is not None] or [
        host for host in candidates if not host.up
    ]
    if not candidates:
        return _progress(fleet, policy, now)
    broken = [host for host in candidates if not host.up]
    if gone := [host for host in broken if host.container_instance is None and not host.current]:
        return (Terminate(gone[0].id, fleet.desired > fleet.size, "old, and never joined the cluster"),)
    return _cordon(fleet, policy, now, broken, [host for host in candidates if host.up])


def _cordon(fleet: Fleet, policy: Policy, now: datetime, broken: list[Host], sound: list[Host]) -> Moves:
    """Cordon moves for what may go now, or the reason why nothing may."""
    if why := gates.closed(fleet, policy, now):
        return (Wait(f"gate closed: {why}"),)
    up, low = serving(fleet, policy, now), floor(fleet, policy)
    numbers = f"{len(up)} hosts serving, floor {low}"
    proven = [host for host in fleet.new if ready(host, policy, now) or not _counts_bake(fleet, host)]
    waiting = fleet.old and not proven and policy.max_surge > 0 and len(fleet.live) <= fleet.size + 1
    budget = 0 if waiting and len(fleet.live) <= fleet.size else max(0, len(up) - low)
    if waiting and any(host.current for host in fleet.live):
        budget = 0  # the first new host is still on its way: it goes alone (rule 2)
    chosen = broken + sound[:budget]
    staying = [host for host in up if host not in chosen]
    while chosen and (why := drain_misfit(chosen, staying)):
        staying += [chosen[-1]] if chosen[-1].active else []
        chosen = chosen[:-1]
        numbers = f"{numbers}; {why}"
    if chosen:
        return tuple(Cordon(host.id, now, f"{numbers}; {_plural(len(chosen))} may go") for host in chosen)
    return _progress(fleet, policy, now) or (Wait(numbers),)


def _progress(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """What the roll waits for right now; () when for nothing."""
    for host in fleet.live:
        if host.cordoned and (why := drained.blocking(host, fleet, policy, now)):
            return (Wait(f"{host.id} draining: {why}"),)
    if fleet.launch_failure:
        return (Wait(f"launch failed, the group tries again: {fleet.launch_failure}", timedelta(seconds=10)),)
    if fleet.desired > len(fleet.live):
        return (Wait(f"{len(fleet.live)} of {fleet.desired} hosts launched"),)
    if booting := [host for host in fleet.new if not host.active and not host.cordoned]:
        return (Wait(f"{', '.join(h.id for h in booting)} booting: {_why_not_ready(booting[0])}"),)
    baking = [host for host in fleet.new if _counts_bake(fleet, host) and not ready(host, policy, now)]
    if baking and baking[0].ready_since is not None:
        left = policy.bake - (now - baking[0].ready_since)
        return (Wait(f"{baking[0].id} baking, {_seconds(left)} left", max(left, timedelta(seconds=0.2))),)
    if leaving := [host for host in fleet.hosts if host.leaving]:
        return (Wait(f"{', '.join(h.id for h in leaving)} terminating"),)
    return ()


# ------------------------------------------------------------------------------------------------ finishing
def _finish(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Everything is replaced: put back what the roll changed, drop the crumbs, the roll's own last (rule 9)."""
    if fleet.old or len(fleet.hosts) != fleet.size or fleet.desired != fleet.size:
        return _progress(fleet, policy, now)
    if waiting := _progress(fleet, policy, now):
        return waiting
    if moves := _restore(fleet, policy, now):
        return moves
    return ()


def _restore(fleet: Fleet, policy: Policy, now: datetime) -> Moves:
    """Undo the roll's own settings one kind at a time; () when nothing of it is left."""
    if fleet.roll is not None and fleet.max != fleet.roll.max and fleet.roll.max >= fleet.desired:
        return (SetCapacity(fleet.desired, f"MaxSize back to {fleet.roll.max}", max=fleet.roll.max),)
    marked = [host for host in fleet.live if host.ready_since is not None or host.cordoned_at is not None]
    if protected := tuple(host.id for host in marked if host.protected and host.ready_since is not None):
        return (Unprotect(protected, "the roll is over: protection was ours"),)
    if fleet.suspended_by_us:
        return (Resume(fleet.suspended_by_us, "the roll is over"),)
    ours = tuple(s.arn for s in fleet.services if s.baseline is not None and s.arn)
    if marked or ours:
        return (Forget("the roll is over", hosts=tuple(h.id for h in marked), services=ours),)
    if fleet.roll is not None:
        return (Forget("the roll is over", tags=(ROLL_TAG,)),)
    return ()


# ------------------------------------------------------------------------------------------------ small things
def _victims(fleet: Fleet, among: Sequence[Host]) -> list[Host]:
    """Who goes first: cordoned, broken, in the most crowded zone, emptiest, oldest."""
    crowd = Counter(host.zone for host in fleet.live if not host.current or not fleet.old)
    return sorted(
        among,
        key=lambda h: (
            not h.cordoned,
            h.up,
            -crowd[h.zone],
            len(h.open_tasks),
            h.launched_at.timestamp() if h.launched_at else 0,
            h.id,
        ),
    )


def _spread(hosts: Sequence[Host]) -> int:
    """The difference between the most and the least crowded of the zones in use."""
    crowd = Counter(host.zone for host in hosts)
    return max(crowd.values()) - min(crowd.values()) if crowd else 0


def _why_not_ready(host: Host) -> str:
    if host.lifecycle != "InService":
        return host.lifecycle
    if host.container_instance is None:
        return "not registered with the cluster yet"
    return f"container instance {host.agent_status}, agent {'connected' if host.agent_connected else 'not connected'}"


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():g} s"


def _plural(count: int) -> str:
    return "1 host" if count == 1 else f"{count} hosts"
