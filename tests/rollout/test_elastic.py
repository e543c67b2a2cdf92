"""Pools whose size somebody else owns: ECS managed scaling, scaling policies. A roll respects what they do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.base.crumbs import RollCrumb
from controller.rollout.decide import decide
from controller.rollout.model import Fleet
from controller.rollout.moves import Cordon, Done, Move, Record, Resume, SetCapacity, Terminate, Unprotect, Wait
from controller.rollout.sight import size_of
from controller.spec.pools import Image, Pool, Scaling, Scheduled, Size
from tests.rollout.builders import NOW, ROLL, bare, draining, fleet, fresh, host, olds, policy, resting

BIRTH = Pool("main", "t3.small", Image(), Size(1, 3, 6), scaling=Scaling())
LATE_SHIFT = Scheduled("evening", "0 18 * * *", max=9)


def moves(found: Fleet) -> list[tuple[object, ...]]:
    return [bare(move) for move in decide(found, policy(), NOW)]


def kinds(found: Fleet) -> set[type[Move]]:
    return {type(move) for move in decide(found, policy(), NOW)}


@pytest.mark.parametrize(
    ("pool", "desired", "roll", "size"),
    [
        pytest.param(BIRTH, 5, None, 5, id="nothing is rolled: what it is now"),
        pytest.param(BIRTH, 6, ROLL, 3, id="during a roll: what it was when that began"),
        pytest.param(BIRTH, 8, None, 6, id="max was lowered below it"),
        pytest.param(Pool("main", "t3.small", Image(), Size(1, 3, 6)), 5, None, 3, id="the spec owns it"),
        pytest.param(
            Pool("main", "t3.small", Image(), Size(1, 3, 6), scaling_policies=(LATE_SHIFT,)), 8, None, 8,
            id="a schedule allows more than the spec",
        ),
    ],
)  # fmt: skip
def test_the_size_of_a_pool_is_what_its_owner_made_it(pool: Pool, desired: int, roll: RollCrumb, size: int) -> None:
    assert size_of(pool, desired, roll, elastic=pool.elastic) == size


def test_more_hosts_than_at_birth_are_as_they_should_be() -> None:
    """Nothing is drift inside the bounds: five hosts because ECS asked for five."""
    assert kinds(resting(olds(5, current=True), size=5, elastic=True)) == {Done}


def test_hosts_that_are_being_scaled_in_by_others_are_no_roll() -> None:
    """Desired came down and the group has not followed yet: no record, no cordon, it does that by itself."""
    assert kinds(resting(olds(4, current=True), size=3, desired=3, elastic=True)) == {Wait}


def test_above_the_most_that_is_allowed_hosts_leave_drained() -> None:
    """The spec lowered max below what is there: AWS would kill hosts, so it is ours to drain them."""
    assert kinds(resting(olds(8, current=True), size=6, desired=8, max=8, elastic=True)) == {Record}


def test_the_most_comes_back_before_the_surplus_has_gone() -> None:
    """Managed scaling that wants more than max would have a sixth host back as soon as it is given up."""
    roll = replace(ROLL, max=5)
    hosts = [*olds(5, current=True), replace(olds(6, current=True)[-1], lifecycle="Terminating:Wait")]
    found = fleet(hosts, size=5, desired=5, max=6, roll=roll, elastic=True)

    assert [type(one) for one in decide(found, policy(), NOW)] == [SetCapacity]
    assert [one.max for one in decide(found, policy(), NOW) if isinstance(one, SetCapacity)] == [5]


def test_hosts_scaled_out_during_a_roll_stay() -> None:
    """With the last old host gone five current ones are left, size three: whoever asked for them takes them back."""
    many = fleet([fresh(f"i-{n}") for n in range(5)], elastic=True)

    assert not kinds(many) & {Cordon, Terminate, SetCapacity}
    assert kinds(fleet(many.hosts)) == {Cordon}  # where the spec owns the size


def test_hosts_scaled_out_during_a_roll_are_its_surge() -> None:
    """Desired is above size plus surge already: an old host leaves with a decrement, and none is launched for it."""
    hosts = [draining("i-1"), host("i-2"), *(fresh(f"i-{n}") for n in (7, 8, 9))]

    assert moves(fleet(hosts, elastic=True)) == [(Terminate, "i-1", True)]


def test_what_others_scaled_in_during_a_roll_stays_so_at_its_end() -> None:
    """Desired fell to two of three while the last old host went: it is not raised again only to be lowered again."""
    few = fleet([fresh("i-8"), fresh("i-9")], elastic=True)

    assert not kinds(few) & {SetCapacity, Wait}
    assert moves(fleet(few.hosts)) == [(SetCapacity, 3, None)]


def test_zones_are_left_to_aws_where_others_scale() -> None:
    """One host more to even them out could not be told from one that ECS asked for: it would stay."""
    crowded = fleet([fresh(f"i-{n}", protected=False) for n in (7, 8, 9)], elastic=True, zones=("a", "b"))

    assert kinds(crowded) == {Resume}
    assert moves(fleet(crowded.hosts, zones=("a", "b"))) == [(SetCapacity, 4, None)]


def test_hosts_the_roll_protects_are_let_go_when_others_scale_in_at_its_end() -> None:
    """Desired fell to two with three new hosts there, all protected by us: the group could not follow for ever."""
    held = fleet([fresh("i-7"), fresh("i-8"), fresh("i-9")], desired=2, elastic=True)

    assert moves(held) == [(Unprotect, "i-7", "i-8", "i-9")]


@pytest.mark.parametrize(("protects", "marked"), [(False, 1), (True, 0)])
def test_protection_is_left_to_ecs_where_it_manages_that(protects: bool, marked: int) -> None:
    """ECS takes it off a host without tasks: putting it on again would go on for ever."""
    rolling = fleet([*olds(3), fresh("i-9", protected=False)], elastic=True, protects_new=protects)

    assert sum("not protected yet" in move.why for move in decide(rolling, policy(), NOW)) == marked
