"""Will the tasks fit, and can a drain progress at all? The arithmetic, and that it errs on the safe side."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.rollout.fit import Need, deploy_misfit, drain_misfit, misfit, needs_of, percent_deadlock, pool_misfit
from controller.rollout.model import Resources, Service
from tests.rollout.builders import draining, host, service, task

ROOM = Resources(1024, 2048)
NONE: frozenset[int] = frozenset()


@pytest.mark.parametrize(
    ("needs", "hosts", "words"),
    [
        pytest.param([], [], None, id="nothing fits anywhere"),
        pytest.param([Need("web", 256, 512)], [], "no host", id="something does not fit nowhere"),
        pytest.param([Need("web", 512, 1024)] * 2, [(ROOM, NONE)], None, id="exactly full"),
        pytest.param([Need("web", 512, 256)] * 3, [(ROOM, NONE)], "2 of 3 tasks fit; web needs 512 cpu", id="cpu"),
        pytest.param([Need("web", 1, 1025)] * 2, [(ROOM, NONE)], "1 of 2", id="memory"),
        pytest.param([Need("web", 1, 1, (80,))], [(ROOM, frozenset({80}))], "ports [80]", id="a port that is taken"),
        pytest.param([Need("web", 1, 1, (80,))] * 2, [(ROOM, NONE)], "1 of 2", id="a port wanted twice"),
        pytest.param([Need("web", 1, 1, (80,))] * 2, [(ROOM, NONE)] * 2, None, id="a port on each of two hosts"),
        pytest.param([Need("a", 1, 1200), Need("b", 1, 800)], [(ROOM, NONE)], None, id="the biggest first"),
    ],
)
def test_misfit_counts(needs: list[Need], hosts: list[tuple[Resources, frozenset[int]]], words: str | None) -> None:
    """The refusal carries the numbers; None only when every task has its place."""
    found = misfit(needs, hosts)

    assert (words is None) == (found is None)
    assert (words or "") in (found or "")


SIZES = st.integers(1, 1024)


@given(st.lists(st.tuples(SIZES, SIZES), max_size=12), st.integers(0, 6))
def test_fitting_is_never_promised_beyond_the_sum(sizes: list[tuple[int, int]], hosts: int) -> None:
    """First fit may refuse what would fit; it must never accept what cannot."""
    needs = [Need(f"s{n}", cpu, memory) for n, (cpu, memory) in enumerate(sizes)]
    if misfit(needs, [(ROOM, NONE)] * hosts) is None:
        assert sum(cpu for cpu, _ in sizes) <= hosts * ROOM.cpu
        assert sum(memory for _, memory in sizes) <= hosts * ROOM.memory


def test_only_what_must_run_elsewhere_needs_room() -> None:
    """A task told to stop has its replacement already; daemons stay with their hosts, and one of no service starts
    nowhere else."""
    tasks = [task(), task("api", "DEACTIVATING"), task("old", "STOPPED"), task("log", daemon=True), task(None)]

    assert [need.name for need in needs_of(tasks)] == ["web"]


@pytest.mark.parametrize(
    ("ports", "memory", "there", "fits"),
    [
        pytest.param((), 512, "RUNNING", True, id="room enough"),
        pytest.param((), 511, "RUNNING", False, id="a MiB short"),
        pytest.param((8080,), 512, "RUNNING", False, id="its port is taken on the host that stays"),
        pytest.param((8080,), 512, "STOPPED", True, id="its port was taken on the host that stays"),
    ],
)
def test_a_drain_needs_room_on_those_that_stay(ports: tuple[int, ...], memory: int, there: str, fits: bool) -> None:
    """Rule 1: no cordon whose tasks could go nowhere."""
    leaving = draining(tasks=(task(static_ports=ports),))
    staying = host("i-2", free=Resources(256, memory), tasks=(task("api", there, static_ports=(8080,)),))

    assert fits == (drain_misfit([leaving], [staying]) is None)


@pytest.mark.parametrize(
    ("interfaces", "fits"),
    [
        pytest.param(None, True, id="nobody asks"),
        pytest.param(1, True, id="one left"),
        pytest.param(0, False, id="none left"),
    ],
)
def test_a_task_with_an_address_takes_an_interface(interfaces: int | None, fits: bool) -> None:
    """aws.md 4.3: a host has few of them."""
    leaving = draining(tasks=(task(addresses=("10.0.0.9",)),))
    staying = host("i-2", free=Resources(4096, 4096, interfaces))

    assert fits == (drain_misfit([leaving], [staying]) is None)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        pytest.param({"interfaces": 1}, "needs 1 cpu/1 MiB, a network interface, left: 2046 cpu/1892 MiB/0 interfaces",
                     id="interfaces"),
        pytest.param({"alone": True}, "a host without another of its tasks", id="alone"),
        pytest.param({"static_ports": (80,)}, "ports [80]", id="host ports"),
    ],
)  # fmt: skip
def test_what_a_host_has_once_bounds_its_tasks(more: dict[str, Any], words: str) -> None:
    room = Resources(2048, 1894, 2)

    assert pool_misfit(3, room, [service(desired=3, cpu=1, memory=1, **more)]) is None
    assert words in (pool_misfit(1, room, [service(desired=3, cpu=1, memory=1, **more)]) or "")


@pytest.mark.parametrize(
    ("desired", "low", "high", "stuck"),
    [
        pytest.param(4, 100, 200, False, id="may start before it stops"),
        pytest.param(3, 100, 125, True, id="125 % of three is three"),
        pytest.param(4, 100, 125, False, id="125 % of four is five"),
        pytest.param(3, 75, 100, True, id="75 % of three is three, rounded up"),
        pytest.param(4, 75, 100, False, id="75 % of four is three"),
        pytest.param(1, 50, 100, True, id="half of one task is one"),
        pytest.param(1, 0, 100, False, id="one task may be missing"),
        pytest.param(0, 100, 100, False, id="nothing runs, nothing moves"),
    ],
)
def test_percentages_that_can_never_move_are_found(desired: int, low: int, high: int, stuck: bool) -> None:
    """aws.md 1.1: max is rounded down, min up; when neither leaves a task of room, a drain hangs for ever."""
    found = percent_deadlock(service(desired=desired, min_percent=low, max_percent=high))

    assert stuck == (found is not None)


def test_a_daemon_service_never_deadlocks() -> None:
    """Its hosts take it along."""
    assert percent_deadlock(service(daemon=True, min_percent=100, max_percent=100)) is None


@pytest.mark.parametrize(
    ("hosts", "fits"),
    [
        pytest.param(2, True, id="two hosts hold four tasks of half a host"),
        pytest.param(1, False, id="one does not"),
        pytest.param(0, False, id="none holds nothing"),
    ],
)
def test_a_pool_is_judged_as_it_will_be(hosts: int, fits: bool) -> None:
    """Rule 1: with the old hosts gone the tasks fit, or the plan is refused; daemons come with each host."""
    web, log = service(cpu=512, memory=1024), service("log", cpu=9999, memory=9999, daemon=True)

    assert fits == (pool_misfit(hosts, ROOM, [web, log]) is None)


@pytest.mark.parametrize(
    ("changing", "live", "fits"),
    [
        pytest.param(service(desired=3, cpu=256, memory=512), [], True, id="room for one more"),
        pytest.param(service(desired=4, cpu=256, memory=512), [], False, id="full"),
        pytest.param(service(desired=4, cpu=256, memory=512, min_percent=75), [], True, id="full, but one may stop"),
        pytest.param(service(desired=4, cpu=256, memory=512, min_percent=76), [], False, id="76 % of four is four"),
        pytest.param(service(desired=0, cpu=256, memory=512), [], True, id="nothing runs"),
        pytest.param(
            service(desired=2, cpu=256, memory=512), [Need("web", 1, 900)] * 2, False, id="old ones fill the host"
        ),
        pytest.param(
            service(desired=2, cpu=256, memory=900), [Need("web", 1, 248)] * 2, True, id="the last old one is small"
        ),
        pytest.param(
            service(desired=2, cpu=256, memory=900), [Need("web", 1, 249)] * 2, False, id="a MiB too big beside the new"
        ),
        pytest.param(
            service(desired=2, cpu=256, memory=512),
            [Need("web", 1, 512)] * 9,
            True,
            id="fewer are wanted: those may stop",
        ),
        pytest.param(service(desired=9, cpu=256, memory=512, daemon=True), [], True, id="a daemon comes with its host"),
    ],
)
def test_a_deployment_needs_room_to_go_from_task_to_task(changing: Service, live: list[Need], fits: bool) -> None:
    """Rule 1: every service can progress under its percentages; old and new sizes are told apart."""
    found = deploy_misfit(1, ROOM, [changing], changing, live)

    assert fits == (found is None)


def test_a_refusal_lists_a_few_hosts_only() -> None:
    """A pool of hundreds is no wall of numbers."""
    found = misfit([Need("web", 1, 9999)], [(ROOM, NONE)] * 300)

    assert (found or "").endswith("1024 cpu/2048 MiB and 294 more")
