"""The journal: one line per change, waits without a flood, and figures that say what was seen and nothing more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from controller.base.crumbs import RollCrumb
from controller.base.errors import ControllerError, Missing, NotYet, Refused
from controller.base.keys import ROLL_TAG, Key
from controller.engine.steps import Plan, Step
from controller.report.document import apply_document
from controller.report.journal import Journal, meaning
from controller.report.seen import Tick
from controller.rollout import moves as kinds
from controller.rollout.model import Fleet, Host, Policy, Service, Task
from controller.rollout.moves import Move
from controller.rollout.verdict import Hold, State, Verdict

NOW = datetime(2026, 1, 1, tzinfo=UTC)
VPC = Key("vpc", "main")
POLICY = {"main": Policy(bake=timedelta())}
ROLL = RollCrumb("lt-1/2", NOW, 2, 6, 3)


def second(count: float) -> datetime:
    return NOW + timedelta(seconds=count)


def host(name: str, *tasks: Task, current: bool = False, **more: object) -> Host:
    version = "2" if current else "1"
    one = Host(
        f"i-{name}",
        "us-east-1a",
        current,
        version=version,
        launched_at=NOW if current else NOW - timedelta(days=1),
        container_instance=f"ci-{name}",
        agent_status="ACTIVE",
        agent_connected=True,
        tasks=tasks,
    )
    return replace(one, **more)  # type: ignore[arg-type]


def task(name: str, service: str = "web", by: str = "ecs-svc/1", status: str = "RUNNING") -> Task:
    return Task(name, service, status, started_by=by)


def fleet(*hosts: Host, roll: RollCrumb | None = None, desired: int = 3, **more: object) -> Fleet:
    one = Fleet("main", "g", "lt-1/2", 3, 2, 6, desired, hosts=hosts, roll=roll)
    return replace(one, **more)  # type: ignore[arg-type]


def tick(at: float, pool: Fleet | None = None, *moves: Move, **more: object) -> Tick:
    one = Tick(
        second(at),
        Plan((), {}),
        fleets=(pool,) if pool else (),
        moves=tuple(("main", move) for move in moves),
        policies=POLICY,
    )
    return replace(one, **more)  # type: ignore[arg-type]


def waits(at: float, why: str) -> Tick:
    return tick(at, fleet(), kinds.Wait(why))


def judged(at: float, state: State, why: str) -> Tick:
    return tick(at, verdicts=(Verdict("web", state, why, NOW),))


def told(*ticks: Tick) -> list[str]:
    journal = Journal()
    return [f"{seen.now.second + 60 * seen.now.minute}: {line}" for seen in ticks for line in journal.add(seen)]


START = fleet(host("a"), host("b"), host("c"))
BEGIN = kinds.Record(((ROLL_TAG, ROLL.text()),), "roll to lt-1/2")
CORDONED = host("a", agent_status="DRAINING", cordoned_at=second(10))


@pytest.mark.parametrize(
    ("ticks", "lines"),
    [
        pytest.param([tick(0, START)], [], id="what was there before us is not news"),
        pytest.param(
            [
                tick(0, START),
                tick(1, fleet(host("a"), host("b"), host("c"), host("d", current=True, agent_status=None))),
            ],
            ["1: main: host i-d launched (us-east-1a, version 2)"],
            id="a host that appears was launched, and is not ready yet",
        ),
        pytest.param(
            [tick(0), tick(1, fleet(host("a", current=True)))],
            ["1: main: host i-a launched (us-east-1a, version 2)", "1: main: host i-a ready"],
            id="a pool that appears later is news",
        ),
        pytest.param(
            [
                tick(0, fleet(host("a", task("t1"), task("t2")))),
                tick(1, fleet(host("a", task("t1"), task("t2"))), kinds.Cordon("i-a", second(1), "one spare")),
                tick(2, fleet(CORDONED)),
            ],
            ["1: main: host i-a draining: 2 tasks, 0 targets left"],
            id="a cordon is told once, with what is left",
        ),
        pytest.param(
            [
                tick(0, fleet(CORDONED)),
                tick(1, fleet(CORDONED), kinds.Terminate("i-a", True, "drained; desired 4, size 3")),
                tick(2, fleet(replace(CORDONED, lifecycle="Terminating"))),
                tick(3, fleet()),
            ],
            [
                "0: main: host i-a draining: 0 tasks, 0 targets left",
                "1: main: host i-a drained",
                "3: main: host i-a terminated",
            ],
            id="drained, then terminated once the group has forgotten it",
        ),
        pytest.param(
            [tick(0, START), tick(1, fleet(host("a"), host("b")))],
            ["1: main: host i-c is gone, not terminated by us"],
            id="a host we did not terminate is said to be so",
        ),
        pytest.param(
            [
                tick(0, START, kinds.SetCapacity(4, "3 left", max=7)),
                tick(1, START, kinds.SetCapacity(4, "3 left", max=7)),
            ],
            ["0: main: capacity 3 -> 4, MaxSize 6 -> 7: 3 left"],
            id="a move that did not get through is told once",
        ),
        pytest.param(
            [tick(0, START, kinds.SetCapacity(3, "MaxSize back to 5", max=5))],
            ["0: main: MaxSize 6 -> 5: MaxSize back to 5"],
            id="only MaxSize is restored",
        ),
        pytest.param(
            [tick(0, START, BEGIN), tick(1, replace(START, roll=ROLL)), tick(2, START)],
            ["0: main: roll to lt-1/2 begins: 3 of 3 hosts to replace", "2: main: roll to lt-1/2 is over"],
            id="a roll begins and ends",
        ),
        pytest.param(
            [tick(5, replace(START, roll=ROLL))],
            ["5: main: roll to lt-1/2 goes on, begun 00:00:00"],
            id="a roll that another began goes on",
        ),
        pytest.param(
            [waits(0, "i-a baking, 9 s left"), waits(2, "i-a baking, 7 s left"), waits(12, "i-a baking, 1 s left")],
            ["0: main: waiting: i-a baking, 9 s left", "12: main: waiting: i-a baking, 1 s left"],
            id="numbers that tick down are told every ten seconds",
        ),
        pytest.param(
            [waits(0, "3 of 4 hosts launched"), waits(1, "i-a booting: Pending"), waits(2, "3 of 4 hosts launched")],
            ["0: main: waiting: 3 of 4 hosts launched", "1: main: waiting: i-a booting: Pending"],
            id="another kind of wait is told at once, one that comes back is not",
        ),
        pytest.param(
            [waits(at, "paused: by ann") for at in range(0, 125, 5)],
            [
                "0: main: waiting: paused: by ann",
                "60: main: still waiting: paused: by ann",
                "120: main: still waiting: paused: by ann",
            ],
            id="a wait that does not change is told once a minute",
        ),
        pytest.param(
            [judged(0, "succeeded", "web:1: 4 of 4"), judged(1, "in_progress", "web:1: 3 of 4")],
            [],
            id="tasks that move in a drain do not unprove a deployment",
        ),
        pytest.param(
            [
                judged(0, "in_progress", "web:2: 0 of 4"),
                judged(1, "in_progress", "web:2: 2 of 4"),
                judged(9, "rolled_back", "web:2 was rolled back: tasks failed"),
                judged(10, "rolled_back", "web:2 was rolled back: tasks failed"),
            ],
            ["0: service web: web:2: 0 of 4", "9: service web: rolled back: web:2 was rolled back: tasks failed"],
            id="a verdict is told when it changes",
        ),
    ],
)
def test_ticks_make_lines(ticks: Sequence[Tick], lines: list[str]) -> None:
    """A person who reads the lines knows what happened, and is never told the same twice."""
    assert told(*ticks) == lines


def step(action: str = "create", error: ControllerError | None = None, *, done: bool = False, at: float = 0) -> Tick:
    one = Plan((Step(VPC, action, None, None),), {})  # type: ignore[arg-type]
    return tick(at, plan=one, failed={VPC: error} if error else {}, done=(VPC,) if done else ())


@pytest.mark.parametrize(
    ("ticks", "lines"),
    [
        pytest.param([step(done=True)], ["0: created vpc/main"], id="done"),
        pytest.param(
            [step(error=NotYet("2 left")), step(error=NotYet("1 left"), at=1), step(done=True, at=2)],
            ["0: vpc/main waits: 2 left", "2: created vpc/main"],
            id="what is not yet is said once",
        ),
        pytest.param(
            [step(error=NotYet("busy")), step(done=True, at=1), step(error=NotYet("busy"), at=2)],
            ["0: vpc/main waits: busy", "1: created vpc/main", "2: vpc/main waits: busy"],
            id="after it was done it may wait again",
        ),
        pytest.param([step(error=Refused("vpc/main: no"))], ["0: vpc/main refused: no"], id="refused, not named twice"),
        pytest.param([step(error=Missing("push it"))], ["0: vpc/main needs you: push it"], id="a person is needed"),
        pytest.param(
            [tick(0, held={VPC: Hold("hosts first")}), tick(1, held={VPC: Hold("hosts first")})],
            ["0: vpc/main held: hosts first"],
            id="held, once",
        ),
    ],
)
def test_steps_make_lines(ticks: Sequence[Tick], lines: list[str]) -> None:
    """Steps are told when they are done, and once when they cannot be yet."""
    assert told(*ticks) == lines


def rolled(*ticks: Tick) -> dict[str, object]:
    journal = Journal()
    for seen in ticks:
        journal.add(seen)
    (found,) = apply_document(journal, "succeeded", {}, 1.0)["rollouts"]
    return dict(found)


WEB = Service("web", 2, 2)


def test_a_whole_roll_has_all_its_figures() -> None:
    """Lowest serving, peak and moves are counted from the tick that begins the roll to the one that ends it."""
    a, b = task("t1"), task("t2")
    old = (host("a", a), host("b", b), host("c"))
    new = host("d", task("t3"), current=True, ready_since=second(3))
    found = rolled(
        tick(0, fleet(*old, services=(WEB,)), BEGIN),
        tick(2, fleet(*old, new, roll=ROLL, services=(WEB,)), kinds.Cordon("i-a", second(2), "")),
        tick(4, fleet(replace(old[0], agent_status="DRAINING"), host("b", b, agent_connected=False), old[2], new,
                      roll=ROLL, services=(WEB,))),
        tick(6, fleet(*old[1:], new, roll=ROLL, services=(WEB,)), kinds.Terminate("i-a", True, "drained; x")),
        tick(8, fleet(*old[1:], new, services=(WEB,))),
    )  # fmt: skip

    assert (found["size"], found["floor"], found["serving_at_start"]) == (3, 3, 3)
    assert (found["min_serving"], found["peak"]) == (2, 4)
    assert found["moves_per_task"] == 0.5
    assert (found["resumed"], found["ended"]) == (False, "2026-01-01T00:00:08Z")


def test_a_pool_that_only_grows_has_its_hosts_too() -> None:
    """No roll, and yet a host came: who reads the report wants to see it, beside those that were there."""
    journal = Journal()
    journal.add(tick(0, fleet(host("a", current=True))))
    journal.add(tick(2, fleet(host("a", current=True), host("b", current=True))))
    document = apply_document(journal, "succeeded", {}, 1.0)

    assert document["rollouts"] == []
    assert [(one["id"], one["ready"]) for one in document["pools"][0]["hosts"]] == [
        ("i-a", None),
        ("i-b", "2026-01-01T00:00:02Z"),
    ]


def test_the_timeline_of_a_host_has_its_times() -> None:
    """Each time is that of the tick that saw it, or what AWS and the tags say; null where neither tells."""
    new = host("d", current=True, agent_status=None)
    found = rolled(
        tick(0, fleet(host("a")), BEGIN),
        tick(1, fleet(host("a"), new, roll=ROLL)),
        tick(2, fleet(host("a"), replace(new, agent_status="ACTIVE"), roll=ROLL), kinds.Cordon("i-a", second(2), "")),
        tick(5, fleet(CORDONED, new, roll=ROLL), kinds.Terminate("i-a", False, "drained; desired 3, size 3")),
        tick(9, fleet(new, roll=ROLL)),
    )
    old, fresh = found["hosts"]  # type: ignore[misc]

    assert [old[key] for key in ("ready", "cordoned", "drained", "terminated")] == [  # type: ignore[has-type]
        None,
        "2026-01-01T00:00:02Z",
        "2026-01-01T00:00:05Z",
        "2026-01-01T00:00:09Z",
    ]
    assert (fresh["launched"], fresh["ready"]) == ("2026-01-01T00:00:00Z", "2026-01-01T00:00:02Z")  # type: ignore[has-type]


@pytest.mark.parametrize(
    ("before", "move", "key", "stamp"),
    [
        pytest.param(host("a"), None, "ready", None, id="it was ready when we came"),
        pytest.param(
            host("a", ready_since=second(-9)), None, "ready", "2025-12-31T23:59:51Z", id="its crumb says since"
        ),
        pytest.param(host("a", agent_status="DRAINING"), None, "cordoned", None, id="somebody drained it before us"),
        pytest.param(
            host("a", agent_status="DRAINING", cordoned_at=second(-9)),
            None,
            "cordoned",
            "2025-12-31T23:59:51Z",
            id="our drain has a crumb",
        ),
        pytest.param(
            host("a", agent_status="DRAINING", cordoned_at=second(-9)),
            kinds.Terminate("i-a", False, "drained; desired 3, size 3"),
            "drained",
            None,
            id="it was empty when we came",
        ),
    ],
)
def test_what_was_so_at_the_first_look_has_no_time(
    before: Host, move: Move | None, key: str, stamp: str | None
) -> None:
    """Promise 3: what nobody saw is null, never the time at which we happened to look; a crumb is better than that."""
    found = rolled(
        tick(0, fleet(before, roll=ROLL), *([move] if move else [])),
        tick(1, fleet(before, roll=ROLL)),
        tick(2, fleet(replace(before, lifecycle="Terminating"), roll=ROLL)),
        tick(3, fleet(roll=ROLL)),
    )
    [one] = found["hosts"]  # type: ignore[misc]

    assert (one[key], one["terminated"]) == (stamp, "2026-01-01T00:00:03Z")  # type: ignore[has-type]


def test_a_drain_of_others_begins_when_it_is_seen() -> None:
    """Between two looks: the later one is the nearest anybody can say, and it is told once."""
    away = host("a", agent_status="DRAINING")
    found = rolled(
        tick(0, fleet(host("a"), roll=ROLL)), tick(2, fleet(away, roll=ROLL)), tick(3, fleet(away, roll=ROLL))
    )
    lines = told(tick(0, fleet(host("a"))), tick(2, fleet(away)), tick(3, fleet(away)))

    assert [one["cordoned"] for one in found["hosts"]] == ["2026-01-01T00:00:02Z"]  # type: ignore[attr-defined]
    assert len([line for line in lines if "draining" in line]) == 1


def test_a_resumed_roll_says_what_nobody_can_know() -> None:
    """A crash loses the lowest, the highest and the tasks at the start: null, never a guess."""
    found = rolled(tick(5, fleet(host("a", task("t1")), roll=ROLL)), tick(6, fleet(host("a", task("t2")))))

    assert found["resumed"] is True
    unknown = [found[key] for key in ("min_serving", "peak", "moves_per_task", "serving_at_start")]
    assert unknown == [None, None, None, None]
    assert found["floor"] == 3


@pytest.mark.parametrize(
    ("later", "moves"),
    [
        pytest.param([task("t1"), task("t2")], 0.0, id="nothing moved"),
        pytest.param([task("t1"), task("t3")], 0.5, id="one of two moved"),
        pytest.param([task("t3"), task("t4"), task("t5"), task("t6")], 2.0, id="each moved twice"),
        pytest.param([task("t1"), task("t3", by="ecs-svc/2")], None, id="deployed meanwhile: not because of the drain"),
        pytest.param([task("t1"), task("t2"), task("t3", None)], 0.0, id="standalone tasks are not moved"),  # type: ignore[arg-type]
    ],
)
def test_moves_per_task_counts_what_the_drain_started(later: list[Task], moves: float | None) -> None:
    """Tasks that a deployment started are not the drain's."""
    before = fleet(host("a", task("t1"), task("t2"), task("t0", status="STOPPED")), services=(WEB,))
    after = fleet(host("a", *later, task("t0", status="STOPPED")), services=(WEB,), roll=ROLL)

    assert rolled(tick(0, before, BEGIN), tick(1, after))["moves_per_task"] == moves


def test_tasks_that_a_greater_count_asked_for_are_not_moves() -> None:
    """An autoscaler that asks for two more during the roll does not spoil the figure."""
    before = fleet(host("a", task("t1"), task("t2")), services=(WEB,))
    more = [task(f"t{number}") for number in range(1, 6)]
    after = fleet(host("a", *more), services=(replace(WEB, desired=4),), roll=ROLL)

    assert rolled(tick(0, before, BEGIN), tick(1, after))["moves_per_task"] == 0.5


def test_open_steps_are_those_of_the_last_tick() -> None:
    """What failed and was done later is done; what was never tried is pending."""
    journal = Journal()
    journal.add(step(error=NotYet("busy")))
    assert [(one.outcome, one.why) for one in journal.open] == [("not_yet", "busy")]
    journal.add(step(at=1))
    assert [one.outcome for one in journal.open] == ["pending"]
    journal.add(step(done=True, at=2))

    assert journal.open == ()
    assert [(one.outcome, one.at) for one in journal.done] == [("done", second(2))]


def test_requests_of_a_probe_are_in_every_roll() -> None:
    """Null until somebody measured."""
    journal = Journal()
    journal.add(tick(0, START, BEGIN))
    assert apply_document(journal, "paused", {}, 1.0)["rollouts"][0]["requests"] is None
    journal.requests[""] = {"sent": 10, "failed": 0}

    assert apply_document(journal, "paused", {}, 1.0)["rollouts"][0]["requests"] == {"sent": 10, "failed": 0}


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("i-0a1 baking, 9 s left", "i-0a1 baking, 8.5 s left", True),
        ("2 tasks left (web RUNNING, web PENDING)", "1 task left (web RUNNING)", True),
        ("i-0a1, i-0b2 booting: Pending", "i-0a1, i-0b2, i-0c3 booting: Pending", True),
        ("i-0a1 draining: 1 task left", "i-0b2 draining: 1 task left", False),
        ("i-0a1 draining: 1 task left", "i-0a1 draining: 1 target not yet unused", False),
    ],
)
def test_meaning_ignores_counts_and_keeps_hosts(one: str, two: str, same: bool) -> None:
    """Two waits are of one kind when only their numbers differ."""
    assert (meaning(one) == meaning(two)) is same
