"""`decide` by tables: one or more rows for each rule of DESIGN.md section 5, and for each kind of move."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.base.crumbs import AwayCrumb
from controller.rollout.decide import decide
from controller.rollout.model import Fleet, Policy
from controller.rollout.moves import (
    Cordon,
    Done,
    ForceDeregister,
    Halt,
    MarkAway,
    MarkBack,
    MarkReady,
    Record,
    SetCapacity,
    StopTasks,
    Suspend,
    Terminate,
    Uncordon,
    Unready,
    Wait,
)
from tests.rollout.builders import (
    NOW,
    ROLL,
    ago,
    away,
    bare,
    booting,
    draining,
    fleet,
    fresh,
    host,
    olds,
    policy,
    resting,
    service,
    target,
    task,
)

WEB = service()
BUSY = (task(), task("api"))
NEW = fresh("i-9")
SURGED = (*olds(3), NEW)
LATE = booting("i-9", age=700)

TABLE = [
    # ------------------------------------------------------------------------------------------ before anything
    pytest.param(resting(), policy(), [(Done,)], id="all current and no trace: done"),
    pytest.param(
        fleet((), size=0, min=0, roll=None, suspended=(), suspended_by_us=()), policy(), [(Done,)], id="size 0: done"
    ),
    pytest.param(fleet(paused="by ann"), policy(), [(Wait,)], id="paused: nothing moves"),
    pytest.param(fleet(refresh="ir-1"), policy(), [(Wait,)], id="rule 1: an instance refresh of others: nothing moves"),
    pytest.param(fleet(SURGED, alarms=("5xx",)), policy(), [(Wait,)], id="rule 1: an alarm holds the cordon"),
    pytest.param(fleet(alarms=("5xx",)), policy(), [(SetCapacity, 4, None)], id="rule 1: adding hosts is never gated"),
    pytest.param(
        fleet((*olds(2), draining("i-3"), NEW), alarms=("5xx",)), policy(), [(Wait,)],
        id="rule 1: an alarm holds the termination of a drained host",
    ),
    pytest.param(
        fleet((*olds(2), draining("i-3"), host("i-4", tasks=(task("api"),)), NEW),
              services=(service("api", deploying=True),)),
        policy(), [(Wait,)], id="rule 1: a deployment in flight holds the termination",
    ),
    # ------------------------------------------------------------------------------------------ bookkeeping first
    pytest.param(
        fleet(olds(3, tasks=BUSY), roll=None, services=(replace(WEB, baseline=None), service("elsewhere"))),
        policy(), [(Record, "roll", "arn:service/web")], id="rule 2: the roll and the pool's baselines come first",
    ),
    pytest.param(
        fleet(olds(3, tasks=BUSY), services=(replace(WEB, baseline=None),)), policy(),
        [(Record, "arn:service/web")], id="a service that came later gets its baseline before more moves",
    ),
    pytest.param(
        fleet(suspended=(), suspended_by_us=()), policy(), [(Record, "suspended")],
        id="rule 9: the suspension is recorded before it is made",
    ),
    pytest.param(fleet(suspended=()), policy(), [(Suspend,)], id="rule 9: recorded, then suspended"),
    pytest.param(
        fleet(suspended_by_us=()), policy(), [(SetCapacity, 4, None)],
        id="rule 9: what somebody else suspended is neither recorded nor suspended again",
    ),
    pytest.param(
        fleet(roll=replace(ROLL, generation="lt-1/1")), policy(), [(Record, "roll")],
        id="another generation half-way is a new record",
    ),
    pytest.param(fleet(leftovers=("ci-7",)), policy(), [(ForceDeregister, "ci-7")], id="a ghost is deregistered"),
    # ------------------------------------------------------------------------------------------ surge first
    pytest.param(fleet(), policy(), [(SetCapacity, 4, None)], id="rule 2: one more host before any leaves"),
    pytest.param(fleet(), policy(max_surge=3), [(SetCapacity, 4, None)], id="rule 2: the first new host goes alone"),
    pytest.param(
        fleet(size=6, max=9), policy(), [(SetCapacity, 4, None)], id="rule 2: alone even when the size grows too"
    ),
    pytest.param(
        fleet((*olds(3), booting())), policy(max_surge=3), [(Wait,)], id="rule 2: nothing moves while it boots"
    ),
    pytest.param(
        fleet((*olds(3), fresh(ready_since=ago(10)))), policy(max_surge=3), [(Wait,)],
        id="rule 3: nothing moves while it bakes",
    ),
    pytest.param(
        fleet(SURGED), policy(max_surge=3), [(SetCapacity, 6, None)], id="rule 2: once it is baked, the whole surge"
    ),
    pytest.param(
        fleet(max=3), policy(), [(SetCapacity, 4, 4)], id="rule 2: MaxSize is raised when the surge needs it"
    ),
    pytest.param(
        fleet(max=3), policy(allow_raise_max=False), [(Halt, "max_size")], id="rule 2: or refused where forbidden"
    ),
    pytest.param(
        fleet(max=3), policy(allow_raise_max=False, max_unavailable=1), [(Cordon, "i-1")],
        id="rule 2: no room above, but one may be missing: one leaves first",
    ),
    pytest.param(
        fleet(), policy(max_surge=0, max_unavailable=2), [(Cordon, "i-1")],
        id="no surge: while unproven one leaves, though two may be missing",
    ),
    pytest.param(
        fleet((*olds(2), NEW)), policy(max_surge=0, max_unavailable=2), [(Cordon, "i-1"), (Cordon, "i-2")],
        id="no surge: once proven, as many as may be missing",
    ),
    pytest.param(
        fleet(olds(4), size=3), policy(), [(Cordon, "i-1")], id="at the peak with old hosts alone, one makes room"
    ),
    pytest.param(fleet(olds(1), size=1), policy(), [(SetCapacity, 2, None)], id="size 1: the second comes first"),
    pytest.param(
        fleet(olds(2), size=0, min=0), policy(), [(Cordon, "i-1"), (Cordon, "i-2")], id="size 0: nothing is launched"
    ),
    # ------------------------------------------------------------------------------------------ ready
    pytest.param(
        fleet((*olds(3), fresh(ready_since=None, protected=False))), policy(), [(MarkReady, "i-9")],
        id="rule 3: joined and active: marked ready",
    ),
    pytest.param(
        fleet((*olds(3), fresh(protected=False))), policy(), [(MarkReady, "i-9")],
        id="rule 9: ready, but a crash came before its protection",
    ),
    pytest.param(
        fleet((*olds(3), fresh(**away()))), policy(), [(Unready, "i-9")],
        id="rule 3: its agent is away: it bakes again when it is back",
    ),
    pytest.param(
        fleet((*olds(3), fresh(**away(), ready_since=None, launched_at=ago(3000)))), policy(), [(Wait,)],
        id="rule 3: one that was ready once is not late, however long ago it was launched",
    ),
    pytest.param(
        resting((*olds(2, current=True), host("i-3", current=True, agent_connected=False))), policy(),
        [(MarkAway, "i-3")], id="rule 5: since when an agent is away is noted: AWS does not tell",
    ),
    pytest.param(
        resting((*olds(2, current=True), host("i-3", current=True, away=AwayCrumb(ago(30), ago(1))))), policy(),
        [(MarkBack, "i-3")], id="rule 5: back in time, and the note goes",
    ),
    pytest.param(
        resting((*olds(2, current=True), host("i-3", **away(301)))), policy(), [(Record, "roll")],
        id="rule 5: lost, it is replaced like an old one",
    ),
    pytest.param(
        fleet((*olds(2, current=True), host("i-3", **away(301))), services=()), policy(), [(SetCapacity, 4, None)],
        id="rule 2: its replacement comes first",
    ),
    pytest.param(
        resting((*olds(2, current=True), host("i-3", current=True, **away()))), policy(), [(Wait,)],
        id="an agent that is away at rest is waited for, and its host left alone",
    ),
    pytest.param(fleet((*olds(3), LATE)), policy(), [(Record, "halted")], id="rules 3, 12: late: the halt is written"),
    # ------------------------------------------------------------------------------------------ moving
    pytest.param(fleet(SURGED), policy(), [(Cordon, "i-1")], id="rule 4: one spare host, one cordon"),
    pytest.param(
        fleet(SURGED), policy(max_unavailable=1), [(Cordon, "i-1"), (Cordon, "i-2")],
        id="rule 4: as early as the floor allows",
    ),
    pytest.param(
        fleet((host("i-1", zone="b"), host("i-2"), host("i-3"), replace(NEW, zone="b"))), policy(), [(Cordon, "i-1")],
        id="equal zones: the oldest name goes first",
    ),
    pytest.param(
        fleet((host("i-1", zone="b"), host("i-2", tasks=BUSY), host("i-3"), NEW)), policy(), [(Cordon, "i-3")],
        id="rule 6: from the most crowded zone, the emptiest",
    ),
    pytest.param(
        fleet((host("i-1"), host("i-2", **away()), host("i-3"), NEW)), policy(), [(Cordon, "i-2")],
        id="an old host whose agent is away goes first when the others hold the floor",
    ),
    pytest.param(
        fleet((*olds(2), host("i-3", **away()))), policy(max_surge=0, max_unavailable=1),
        [(Cordon, "i-3")], id="no surge: the one that is away is the one that may be missing",
    ),
    pytest.param(
        fleet((host("i-1"), *(host(f"i-{n}", **away()) for n in (2, 3)), NEW)), policy(), [(Wait,)],
        id="promise 2: two agents away: they may come back, so nothing is taken",
    ),
    pytest.param(
        fleet((host("i-1", tasks=(task(memory=1024),), free=host().free), *(
            replace(one, free=replace(one.free, memory=100)) for one in (host("i-2"), host("i-3"), NEW)))),
        policy(), [(Cordon, "i-2")], id="rule 1: only hosts whose tasks fit elsewhere",
    ),
    pytest.param(
        fleet((host("i-1", agent_status="DRAINING"), *olds(3)[1:], NEW)), policy(), [(Cordon, "i-1")],
        id="an old host that a person drains is taken over, with a deadline",
    ),
    # ------------------------------------------------------------------------------------------ drained, terminate
    pytest.param(
        fleet((draining("i-1", tasks=(task(status="DEACTIVATING"),)), *olds(3)[1:], NEW)), policy(), [(Wait,)],
        id="rule 5: a task that is leaving has not left",
    ),
    pytest.param(
        fleet((draining("i-1", targets=(target("draining"),)), *olds(3)[1:], NEW)), policy(), [(Wait,)],
        id="rule 5: a target that drains is in use",
    ),
    pytest.param(
        fleet((draining("i-1", tasks=(task(status="STOPPED"),)), *olds(3)[1:], NEW),
              services=(service(running=3),)),
        policy(), [(Wait,)], id="rule 5: its service does not yet run elsewhere what it ran",
    ),
    pytest.param(
        fleet((draining("i-1"), *olds(3)[1:], NEW)), policy(), [(Terminate, "i-1", True)],
        id="rule 6: drained, four wanted three: with decrement",
    ),
    pytest.param(
        fleet((draining("i-1"), *olds(3)[1:]), desired=3), policy(max_surge=0, max_unavailable=1),
        [(Terminate, "i-1", False)], id="rule 6: drained, three wanted three: without",
    ),
    pytest.param(
        fleet((draining("i-1"), draining("i-2"), host("i-3"), NEW), size=3), policy(),
        [(Terminate, "i-1", True), (Terminate, "i-2", False)], id="rule 6: of two drained, one is too many",
    ),
    pytest.param(
        fleet((draining("i-1"), *olds(3)[1:], NEW), size=3, min=4), policy(), [(Terminate, "i-1", False)],
        id="rule 6: at MinSize AWS refuses a decrement",
    ),
    pytest.param(
        fleet((draining("i-1", tasks=(task(None),)), *olds(3)[1:], NEW)), policy(standalone="stop"),
        [(StopTasks, "arn:task/None-RUNNING")], id="standalone: stop",
    ),
    pytest.param(
        fleet((draining("i-1", tasks=(task(None),)), *olds(3)[1:], NEW)), policy(standalone="ignore"),
        [(Terminate, "i-1", True)], id="standalone: ignore",
    ),
    pytest.param(
        fleet((*olds(3), booting("i-8", current=False))), policy(), [(Terminate, "i-8", True)],
        id="an old host that never joined gives its place to the fix",
    ),
    # ------------------------------------------------------------------------------------------ going back, shrinking
    pytest.param(
        fleet((draining("i-1", current=True), host("i-2"), NEW)), policy(), [(Uncordon, "i-1")],
        id="the spec went back: what we cordoned serves again",
    ),
    pytest.param(
        resting((*olds(2, current=True), host("i-3", current=True, agent_status="DRAINING"))), policy(), [(Done,)],
        id="a host of the wanted version that a person drains is left so",
    ),
    pytest.param(
        fleet(olds(4, current=True), size=3), policy(), [(Cordon, "i-1")], id="rule 6: a surplus host drains first"
    ),
    pytest.param(
        fleet((draining("i-1", current=True), *olds(4, current=True)[1:])), policy(), [(Terminate, "i-1", True)],
        id="rule 6: and leaves with decrement",
    ),
    pytest.param(
        resting(olds(4, current=True), min=4), policy(), [(Done,)],
        id="MinSize still stands above the size: nothing leaves, for the group would launch it again",
    ),
    pytest.param(
        fleet((*olds(3, current=True), booting("i-4"))), policy(), [(Terminate, "i-4", True)],
        id="a surplus host that still boots is not drained",
    ),
    pytest.param(
        fleet(tuple(fresh(f"i-{n}", zone=zone) for n, zone in enumerate("aaab")), size=4), policy(),
        [(SetCapacity, 5, None)], id="rule 6: lopsided zones get one more host first",
    ),
    pytest.param(
        fleet(tuple(fresh(f"i-{n}", zone="a") for n in range(3)), zones=("a", "b")),
        policy(max_surge=0, max_unavailable=1), [(Cordon, "i-0")], id="rule 6: or give one up first, without a surge",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "allowed", "expected"), TABLE)
def test_decide_makes_the_next_move(seen: Fleet, allowed: Policy, expected: list[tuple[object, ...]]) -> None:
    """Each row is a situation, the rule that binds there, and the moves that follow: one kind, each with its why."""
    decided = decide(seen, allowed, NOW)

    assert expected == [bare(move) for move in decided]
    assert len({type(move) for move in decided}) == 1
    assert all(move.why for move in decided)
