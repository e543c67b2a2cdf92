"""How `decide` waits, halts, restores and ends: the second half of its tables, and what its words must say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.base.crumbs import AwayCrumb, BaselineCrumb, HaltCrumb, RollCrumb
from controller.rollout.decide import clear_halt, decide
from controller.rollout.members import judged
from controller.rollout.model import Fleet, Host, Policy
from controller.rollout.moves import (
    Cordon,
    Deregister,
    ForceDeregister,
    Forget,
    Halt,
    MarkAway,
    MarkBack,
    Move,
    Record,
    Resume,
    SetCapacity,
    Terminate,
    Uncordon,
    Unprotect,
    Wait,
)
from tests.rollout.builders import (
    HALTED,
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
from tests.rollout.test_decide import SURGED
from tests.rollout.test_decide import TABLE as EARLIER

WEB = service()
BUSY = (task(), task("api"))
NEW = fresh("i-9")
LATE = booting("i-9", age=700)
HELD = draining("i-1", since=400, lifecycle="Terminating:Wait", **away(301), tasks=(task(status="STOPPING"),))

DEPLOYING = service(deploying=True)
AGAIN = replace(ROLL, again=NOW)

TABLE = [
    # ------------------------------------------------------------------------------------------ gates, deadlines, halts
    pytest.param(
        fleet((*olds(3, tasks=(task(),)), NEW), services=(service(running=3),)), policy(), [(Wait,)],
        id="rule 7: a service below its baseline closes the gate",
    ),
    pytest.param(
        fleet((*olds(3), NEW, fresh("i-8", ready_since=None, **away()))), policy(max_unavailable=1),
        [(Wait,)], id="rule 7: an unhealthy new host shrinks the budget to zero",
    ),
    pytest.param(
        fleet(SURGED, no_data=("5xx",), no_data_since=(("5xx", ago(200)),)), policy(), [(Record, "halted")],
        id="rule 7: no data for too long halts",
    ),
    pytest.param(
        fleet(SURGED, no_data=("5xx",), no_data_since=(("5xx", ago(9999)),)), policy(), [(Cordon, "i-1")],
        id="rule 7: no data since before the start passes",
    ),
    pytest.param(
        fleet((draining("i-1", since=1000, tasks=(task(),)), *olds(3)[1:], NEW)), policy(), [(Record, "halted")],
        id="rule 8: a drain past its deadline is noted first",
    ),
    pytest.param(
        fleet((draining("i-1", since=960, targets=(target(port=80),)), *olds(3)[1:], NEW)), policy(),
        [(Deregister, "i-1:80")], id="rule 5: past its deadline, too, what no task stands behind is deregistered first",
    ),
    pytest.param(
        fleet((draining("i-1", since=1100, targets=(target(port=80),)), *olds(3)[1:], NEW)), policy(),
        [(Record, "halted")], id="rule 8: but not for ever: whoever puts it back again ends in a halt",
    ),
    pytest.param(
        fleet((draining("i-1", since=1000, tasks=(task(),)), *olds(3)[1:], NEW)), policy(on_drain_timeout="force"),
        [(Terminate, "i-1", True)], id="rule 8: force is an explicit choice",
    ),
    pytest.param(
        fleet((draining("i-1", since=900, tasks=(task(),), **away(200)), *olds(3)[1:], NEW)),
        policy(drain_timeout=timedelta(seconds=60)), [(Wait,)], id="rule 5: an absent agent gets its five minutes",
    ),
    pytest.param(
        fleet((draining("i-1", since=1000, tasks=(task(),)), *olds(3)[1:], booting()), size=4, max=4),
        policy(max_surge=0, max_unavailable=1, on_drain_timeout="force"), [(Wait,)],
        id="rule 2: but not where a second host of an unproven version would come of it",
    ),
    pytest.param(
        fleet((host("i-1", tasks=(task(),), **away(301)), *olds(3, current=True)[1:], NEW), services=(DEPLOYING,)),
        policy(), [(Cordon, "i-1")], id="rule 11: a deployment cannot end while a lost host stands",
    ),
    pytest.param(
        fleet((draining("i-1", tasks=(task(),), **away(301)), *olds(3, current=True)[1:], NEW), services=(DEPLOYING,)),
        policy(), [(Terminate, "i-1", True)], id="rule 11: nor while one is drained",
    ),
    pytest.param(
        fleet((host("i-1", **away(301)), host("i-2", **away(301)), host("i-3"), NEW)), policy(), [(Cordon, "i-1")],
        id="rule 5: the lost go one at a time",
    ),
    pytest.param(
        fleet((draining(targets=(target("draining"),), **away(301)), host("i-2", **away(301)), host("i-3"), NEW)),
        policy(), [(Wait,)], id="rule 5: and the next waits",
    ),
    pytest.param(
        fleet((draining("i-1", away=AwayCrumb(ago(400), ago(1))), *olds(3, **away())[1:], NEW)), policy(),
        [(Uncordon, "i-1")], id="promise 2: back while too few serve: it takes tasks again",
    ),
    pytest.param(
        fleet((draining("i-1", away=AwayCrumb(ago(400), ago(1))), *olds(3)[1:], NEW)), policy(), [(MarkBack, "i-1")],
        id="back while enough serve: its drain goes on",
    ),
    pytest.param(
        fleet((host("i-1", current=True, agent_connected=False, away=AwayCrumb(ago(90), ago(61))), *olds(3)[1:])),
        policy(), [(MarkAway, "i-1")], id="the note about an agent is renewed while it is away",
    ),
    pytest.param(
        fleet((*olds(2), host("i-3", agent_connected=False), NEW), paused="lunch"), policy(),
        [(MarkAway, "i-3")], id="it is kept while the pool is paused, too",
    ),
    pytest.param(
        fleet((draining("i-1", tasks=(task(),)), *olds(3)[1:], NEW), halted=HALTED), policy(), [(Uncordon, "i-1")],
        id="rule 8: halted: the drain is undone",
    ),
    pytest.param(
        fleet((draining("i-1", targets=(target(port=80),)), *olds(3)[1:], NEW)), policy(), [(Deregister, "i-1:80")],
        id="rule 5: a target no task stands behind is deregistered first",
    ),
    pytest.param(
        fleet((draining("i-1", tasks=(task(),), targets=(target(port=80),)), *olds(3)[1:], NEW)), policy(), [(Wait,)],
        id="rule 5: but not while a task may be behind it",
    ),
    pytest.param(
        fleet((draining("i-1", targets=(target("draining", 80),)), *olds(3)[1:], NEW)), policy(), [(Wait,)],
        id="rule 5: once, and then its requests are let finish",
    ),
    pytest.param(
        fleet((HELD, *olds(3)[1:], NEW)), policy(), [(ForceDeregister, "ci-i-1")],
        id="rule 5: a lost host that a hook holds is let go",
    ),
    pytest.param(
        fleet((replace(HELD, targets=(target(port=80),)), *olds(3)[1:], NEW)), policy(), [(Deregister, "i-1:80")],
        id="rule 5: what was put behind one that a hook holds is taken out first",
    ),
    pytest.param(
        fleet((replace(HELD, **away(200)), *olds(3)[1:], NEW)), policy(), [(SetCapacity, 4, None)],
        id="rule 5: but not one whose agent may come back",
    ),
    pytest.param(
        fleet((HELD, *olds(3)[1:], NEW), halted=HALTED), policy(), [(ForceDeregister, "ci-i-1")],
        id="rule 5: a halt lets the lost go, too",
    ),
    pytest.param(
        fleet((*olds(3), replace(LATE, targets=(target(port=80, name="i-9"),))), halted=HALTED), policy(),
        [(Deregister, "i-9:80")], id="rule 5: a late host with a target put there by hand",
    ),
    pytest.param(
        fleet((*olds(3), LATE), halted=HALTED), policy(), [(Terminate, "i-9", True)],
        id="rule 3: halted: the late host is removed",
    ),
    pytest.param(
        fleet((*olds(2), LATE), halted=HALTED, suspended=(), suspended_by_us=()), policy(), [(Halt, "ready_timeout")],
        id="rule 3: but not where the group would launch another like it",
    ),
    pytest.param(
        fleet((*olds(3), replace(LATE, container_instance="ci-9", tasks=(task(),), **away())), halted=HALTED), policy(),
        [(Halt, "ready_timeout")], id="promise 1: a late host that runs a task is not killed",
    ),
    pytest.param(
        fleet(halted=HALTED), policy(), [(Resume, "AZRebalance")], id="rule 9: a halted roll suspends nothing"
    ),
    pytest.param(
        fleet((*olds(3), replace(LATE, lifecycle="Terminating:Wait")), halted=HALTED), policy(),
        [(Resume, "AZRebalance")], id="rule 9: nor while its late host is on the way out",
    ),
    pytest.param(
        fleet(halted=HALTED, suspended=(), suspended_by_us=()), policy(), [(Halt, "ready_timeout")],
        id="rule 12: then nothing moves",
    ),
    pytest.param(
        fleet(halted=HaltCrumb("lt-1/1", "ready_timeout", ago(60))), policy(), [(Forget, "halted")],
        id="rule 12: a new generation clears it",
    ),
    pytest.param(
        fleet(launch_failure="InvalidIamInstanceProfile", launch_failure_final=True, desired=4), policy(),
        [(Record, "halted")], id="a launch that can never work halts",
    ),
    pytest.param(
        fleet(launch_failure="InsufficientInstanceCapacity", desired=4), policy(), [(Wait,)],
        id="a launch without capacity is waited for",
    ),
    # ------------------------------------------------------------------------------------------ the end
    pytest.param(
        fleet(tuple(fresh(f"i-{n}") for n in range(3)), max=7), policy(), [(SetCapacity, 3, 6)],
        id="rule 2: MaxSize goes back to what was recorded",
    ),
    pytest.param(
        fleet(tuple(fresh(f"i-{n}") for n in range(3))), policy(), [(Unprotect, "i-0", "i-1", "i-2")],
        id="rule 9: our protection is taken off",
    ),
    pytest.param(
        fleet(tuple(fresh(f"i-{n}") for n in range(3)), protects_new=True), policy(), [(Resume, "AZRebalance")],
        id="rule 9: the group's own is left on",
    ),
    pytest.param(
        fleet(tuple(fresh(f"i-{n}", protected=False) for n in range(3))), policy(), [(Resume, "AZRebalance")],
        id="rule 9: AZRebalance resumes",
    ),
    pytest.param(
        fleet(tuple(fresh(f"i-{n}", protected=False) for n in range(3)), suspended=(), suspended_by_us=(),
              services=(WEB, service("other", baseline=BaselineCrumb(1, 1, 1, ago(5))))),
        policy(), [(Forget, "roll", "i-0", "i-1", "i-2", "arn:service/web")],
        id="every crumb of this roll goes at once, another roll's baseline stays",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "allowed", "expected"), TABLE)
def test_decide_knows_how_to_end(seen: Fleet, allowed: Policy, expected: list[tuple[object, ...]]) -> None:
    """Each row is a situation, the rule that binds there, and the moves that follow: one kind, each with its why."""
    decided = decide(seen, allowed, NOW)

    assert expected == [bare(move) for move in decided]
    assert len({type(move) for move in decided}) == 1
    assert all(move.why for move in decided)


def test_every_kind_of_move_has_a_row() -> None:
    """A move nobody decides is dead code; one nobody tests is worse."""
    decided = {kind for row in [*EARLIER, *TABLE] for kind, *_ in row.values[2]}  # type: ignore[union-attr]

    assert set(Move.__args__) == decided


def test_a_halt_for_a_drain_names_the_service_and_why() -> None:
    """Rule 8: the operator reads what blocks, and what ECS last said about it."""
    stuck = draining("i-1", since=1000, tasks=(task(),))
    web = service(last_event="unable to place a task: no container instance met all of its requirements")
    (note,) = decide(fleet((stuck, *olds(3)[1:], NEW), services=(web,)), policy(), NOW)

    assert "i-1 not drained after 900 s: 1 task left (web RUNNING)" in note.why
    assert web.last_event in note.why


def test_a_person_clears_a_halt_once() -> None:
    """Rule 12: the tag goes, the record says that it is tried again, and nothing else moves in that tick."""
    record, forget = clear_halt(fleet(halted=HALTED), NOW)
    assert isinstance(record, Record)
    assert (RollCrumb.parse(dict(record.tags)["theseus:roll"]), bare(forget)) == (AGAIN, (Forget, "halted"))
    assert [(Record, "roll"), (Forget, "halted")] == [bare(move) for move in clear_halt(resting(halted=HALTED), NOW)]
    assert clear_halt(fleet(), NOW) == ()


@pytest.mark.parametrize(
    ("one", "old", "moves"),
    [
        pytest.param(fresh(ready_since=None, unready=True, **away(301)), 3, [(Cordon, "i-9")],
                     id="of the roll, its agent lost"),
        pytest.param(LATE, 2, [(SetCapacity, 4, None)], id="never joined, and no surge paid for it"),
        pytest.param(LATE, 0, [(SetCapacity, 4, None)], id="at rest, and never joined"),
    ],
)  # fmt: skip
def test_what_halted_a_roll_is_replaced_when_a_person_goes_on(
    one: Host, old: int, moves: list[tuple[object, ...]]
) -> None:
    """A person's apply does not halt on the same host again; on the next like it, it does."""
    kept = olds(old) or olds(2, current=True)
    seen = fleet((*kept, one), services=(), size=3)
    assert [(Record, "halted")] == [bare(move) for move in decide(seen, policy(), NOW)]
    assert judged(seen.hosts, seen.roll, policy(), NOW) == seen.hosts

    after = replace(seen, roll=AGAIN, hosts=judged(seen.hosts, AGAIN, policy(), NOW))
    assert moves == [bare(move) for move in decide(after, policy(), NOW)]


def test_a_new_generation_keeps_the_bounds_and_the_baselines() -> None:
    """What the first roll found is what the second puts back; only its start and its aim are new."""
    older = replace(ROLL, generation="lt-1/1")
    seen = fleet(olds(3, tasks=(task(),)), roll=older, max=9, services=(service(running=1, healthy=1),))
    (record,) = decide(seen, policy(), NOW)
    assert isinstance(record, Record)
    crumb = RollCrumb.parse(dict(record.tags)["theseus:roll"])
    assert crumb == replace(ROLL, started=NOW)

    (carried,) = decide(replace(seen, roll=crumb), policy(), NOW)
    assert isinstance(carried, Record)
    assert carried.services == (("arn:service/web", BaselineCrumb(4, 4, 4, NOW).text()),)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        pytest.param(fleet((*olds(3), booting())), "not registered with the cluster yet", id="booting"),
        pytest.param(fleet((*olds(3), fresh(ready_since=ago(10)))), "i-9 baking, 20 s left", id="baking"),
        pytest.param(fleet(desired=4), "3 of 4 hosts launched", id="launching"),
        pytest.param(
            fleet(desired=4, suspended=("AZRebalance", "Launch")),
            "3 of 4 hosts launched: the process Launch of group is suspended",
            id="not launching",
        ),
        pytest.param(
            fleet((draining("i-1", tasks=(task(status="STOPPING"),)), *olds(3)[1:], NEW)),
            "i-1 draining: 1 task left (web STOPPING)",
            id="draining",
        ),
        pytest.param(fleet(SURGED, alarms=("5xx",)), "alarm 5xx is in ALARM", id="gated"),
        pytest.param(
            fleet((host("i-1"), *(host(f"i-{n}", **away()) for n in (2, 3)), NEW)),
            "2 hosts serving, floor 3",
            id="at the floor",
        ),
    ],
)
def test_a_wait_has_its_numbers(seen: Fleet, words: str) -> None:
    """Promise 8: every wait says why, with the numbers."""
    (wait,) = decide(seen, policy(), NOW)

    assert isinstance(wait, Wait)
    assert words in wait.why
