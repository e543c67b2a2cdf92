"""What a fleet amounts to: which hosts serve, whether the wanted version is proven, who leaves first. Pure.

`decide` asks these questions and acts on the answers; the reports ask the same ones, so that both speak of one count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from controller.base.crumbs import RollCrumb
from controller.rollout.model import LOST_AFTER, Fleet, Host, Policy

LAUNCH = "Launch"  # the process of a group that launches hosts


def ready(host: Host, policy: Policy, now: datetime) -> bool:
    """Rule 3: up and ACTIVE, and so since `ready-since` for the bake time."""
    return host.active and host.ready_since is not None and now - host.ready_since >= policy.bake


def suspended(fleet: Fleet) -> str:
    """That somebody else, or AWS after a day of failures (aws.md 1.9), lets the group launch nothing; what to do."""
    return (
        f"the process {LAUNCH} of {fleet.group} is suspended, and not by a roll; `aws autoscaling resume-processes "
        f"--auto-scaling-group-name {fleet.group} --scaling-processes {LAUNCH}` goes on"
    )


def must_bake(fleet: Fleet, host: Host, policy: Policy) -> bool:
    """Whether *host* must bake to prove the wanted version: it runs that, and is new.

    One that was there before has served long ago (the spec went back, or only the size changes). While old hosts are
    left, one launched so shortly before the record that its ready timeout still ran is as new as those after it.
    """
    if not host.current or fleet.roll is None:
        return False
    since = fleet.roll.started - (policy.ready_timeout if fleet.old else timedelta())
    return host.ready_since is not None or host.launched_at is None or host.launched_at >= since


def serving(fleet: Fleet, policy: Policy, now: datetime) -> tuple[Host, ...]:
    """The hosts that count for the floor: ACTIVE, and baked if this roll brought them."""

    def counts(host: Host) -> bool:
        return ready(host, policy, now) if host.current and brought(fleet.roll, host) else host.active

    return tuple(host for host in fleet.live if counts(host))


def brought(roll: RollCrumb | None, host: Host) -> bool:
    """Whether *host* was launched since *roll* began."""
    return roll is not None and (host.launched_at is None or host.launched_at >= roll.started)


def given_up(host: Host, roll: RollCrumb | None, lost: Collection[str], policy: Policy, now: datetime) -> bool:
    """Whether *host* is to be replaced whatever version it runs: its agent is lost, or it never joined.

    Not when that puts the version in doubt: it was launched for this roll, or went soon after its launch. Then the
    roll halts, and only when a person cleared that is what was there before replaced.
    """
    born = host.launched_at or now
    cleared = roll is not None and roll.again is not None and born < roll.again
    if host.container_instance is None:
        return cleared and now - born > policy.ready_timeout and not host.open_tasks
    if host.id not in lost or host.away is None:
        return False
    young = host.away.since - born <= policy.ready_timeout + LOST_AFTER
    return cleared or not (young or brought(roll, host))


def floor(fleet: Fleet, policy: Policy) -> int:
    """Rule of promise 2: so many hosts serve, whatever we do."""
    return max(0, fleet.size - policy.max_unavailable)


def wanted(fleet: Fleet) -> int:
    """The size to end at: the spec's, unless the group's MinSize still stands above it (AWS refuses to go below)."""
    return max(fleet.size, fleet.min)


def surge(fleet: Fleet, policy: Policy) -> int:
    """How many hosts above the size this roll may use: at most what it replaces, within MaxSize if that is fixed."""
    most = min(policy.max_surge, len(fleet.old)) if fleet.size else 0
    return most if policy.allow_raise_max else min(most, max(0, fleet.max - fleet.size))


def proven(fleet: Fleet, policy: Policy, now: datetime) -> bool:
    """Rule 2: a host of the wanted version is ready and baked, so more may follow."""
    return any(_proves(fleet, host, policy, now) for host in fleet.new)


def on_the_way(fleet: Fleet, policy: Policy, now: datetime) -> bool:
    """A host of the wanted version is being launched, boots or bakes."""
    return fleet.desired > len(fleet.live) or any(not _proves(fleet, host, policy, now) for host in fleet.new)


def _proves(fleet: Fleet, host: Host, policy: Policy, now: datetime) -> bool:
    return ready(host, policy, now) if must_bake(fleet, host, policy) else host.active


def first_alone(fleet: Fleet, policy: Policy, now: datetime) -> bool:
    """Rule 2: the first host of the wanted version is on its way, and nothing that calls for a second may be done."""
    return bool(fleet.old) and not proven(fleet, policy, now) and on_the_way(fleet, policy, now)


def marked(host: Host) -> bool:
    """Cordoned by us: the crumb is written before the drain, so a drained host without one is somebody else's doing."""
    return host.cordoned and host.cordoned_at is not None


def foreign_cordons(fleet: Fleet) -> tuple[Host, ...]:
    """Hosts of the wanted version that somebody else drains: not ours to undo, and they do not serve."""
    return tuple(host for host in fleet.new if host.cordoned and host.cordoned_at is None)


def never_ready(fleet: Fleet, policy: Policy, now: datetime) -> list[Host]:
    """Hosts of the wanted version past their ready timeout.

    One that was ready once and lost its agent is none of them: it may be serving.
    """
    return [
        host
        for host in fleet.new
        if not host.active
        and not host.cordoned
        and host.ready_since is None
        and not host.unready
        and (host.container_instance is None or must_bake(fleet, host, policy))
        and host.launched_at is not None
        and now - host.launched_at > policy.ready_timeout
    ]


def why_not_ready(host: Host) -> str:
    """What a host still lacks, in AWS's words."""
    if host.lifecycle != "InService":
        return host.lifecycle
    if host.container_instance is None:
        return "not registered with the cluster yet"
    return f"container instance {host.agent_status}, agent {'connected' if host.agent_connected else 'not connected'}"


def spread(fleet: Fleet) -> int:
    """The difference between the most and the least crowded zone of the group."""
    crowd = Counter(dict.fromkeys(fleet.zones, 0))
    crowd.update(host.zone for host in fleet.live)
    return max(crowd.values()) - min(crowd.values()) if crowd else 0


def lopsided(fleet: Fleet) -> bool:
    """Rule 6: every host is replaced, and the zones differ by more than one.

    Not where somebody else owns the number of hosts: one more could not be told from one that they asked for. There
    AZRebalance evens the zones out after the roll, launching first, and managed draining drains whom it takes.
    """
    if fleet.elastic:
        return False
    settled = not fleet.old and len(fleet.live) == wanted(fleet) == fleet.desired
    return fleet.roll is not None and settled and spread(fleet) > 1


def one_more(fleet: Fleet, policy: Policy) -> bool:
    """Whether a host above the size may be launched to even out the zones; not where MinSize takes that place."""
    room = fleet.min <= fleet.size and (policy.allow_raise_max or fleet.size < fleet.max)
    return policy.max_surge > 0 and room


def excess(fleet: Fleet, policy: Policy) -> int:
    """How many hosts of the wanted version must leave: those above the size, or one that makes zones lopsided when
    none may be added first."""
    if fleet.old:
        return 0
    evened = lopsided(fleet) and policy.max_unavailable > 0 and not one_more(fleet, policy)
    return max(surplus(fleet), int(evened))


def surplus(fleet: Fleet) -> int:
    """How many hosts there are too many. Of those that somebody else's scaling asked for only what is above the most
    the spec allows: it takes the others back itself."""
    most = max(fleet.spec_max, fleet.min) if fleet.elastic else wanted(fleet)
    return max(0, len(fleet.live) - most)


def whole(fleet: Fleet) -> bool:
    """Every host is there, none too many, and nothing is on its way in or out."""
    settled = len(fleet.live) == len(fleet.hosts) == fleet.desired
    return settled and (not surplus(fleet) if fleet.elastic else fleet.desired == wanted(fleet))


def held_back(fleet: Fleet) -> bool:
    """Somebody else scales in, and the group cannot follow: the roll protects the hosts it brought."""
    return fleet.elastic and len(fleet.live) == len(fleet.hosts) > fleet.desired


def leaving_order(fleet: Fleet, among: Iterable[Host]) -> list[Host]:
    """*among*, first to leave first: cordoned, broken, from the most crowded zone, not yet up, emptiest, oldest.

    Each one taken makes its zone less crowded for the next.
    """
    crowd = Counter(host.zone for host in fleet.live)
    left = sorted(among, key=_emptiest)
    order: list[Host] = []
    while left:
        first = min(left, key=lambda one: (*_unwanted(one), -crowd[one.zone], one.up))
        left.remove(first)
        crowd[first.zone] -= 1
        order.append(first)
    return order


def empty(host: Host) -> bool:
    """Nothing runs there and no target points at it: it may go without a drain."""
    return not host.open_tasks and all(target.state == "unused" for target in host.targets)


def names(hosts: Sequence[Host]) -> str:
    return ", ".join(host.id for host in hosts)


def _unwanted(host: Host) -> tuple[bool, bool, bool]:
    """Cordoned by us, by anybody, or joined and not up any more: those sort first. One that boots is only empty."""
    return not marked(host), not host.cordoned, host.up or host.container_instance is None


def _emptiest(host: Host) -> tuple[int, float, str]:
    return len(host.open_tasks), host.launched_at.timestamp() if host.launched_at else 0, host.id
