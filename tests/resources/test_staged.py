"""How a rule's traffic moves from one target group to another: checked first, moved at once, never to an empty one."""

from __future__ import annotations

import pytest

from controller.resources.listener_rule import Balancing, Forward, Stickiness, _actions, staged

BLUE, GREEN, NEXT = (f"arn:targetgroup/{name}/1" for name in ("blue", "green", "next"))


def forwards(**weights: int) -> tuple[Forward, ...]:
    groups = {"blue": BLUE, "green": GREEN, "next": NEXT}
    return tuple(Forward(groups[name], weight) for name, weight in weights.items())


@pytest.mark.parametrize(
    ("live", "wanted", "healthy", "now", "waits"),
    [
        pytest.param(
            forwards(blue=100, green=0), forwards(next=100, green=0), {BLUE: 4},
            forwards(blue=100, green=0, next=0), "traffic moves to next when it has 4 healthy targets (0 now)",
            id="first it is added with weight 0, or nobody would check its targets",
        ),
        pytest.param(
            forwards(blue=100, green=0, next=0), forwards(next=100, green=0), {BLUE: 4, NEXT: 3},
            forwards(blue=100, green=0, next=0), "traffic moves to next when it has 4 healthy targets (3 now)",
            id="one target is missing",
        ),
        pytest.param(
            forwards(blue=100, green=0, next=0), forwards(next=100, green=0), {BLUE: 4, NEXT: 4},
            forwards(next=100, green=0), "", id="all of it at once, and the old one is out",
        ),
        pytest.param(
            forwards(blue=100, green=0, next=0), forwards(next=100, green=0), {BLUE: 4, NEXT: 4, "left": 5},
            forwards(next=100, green=0, blue=0), "blue is let go when its last target is gone (5 now)",
            id="but while it has targets it stays with weight 0: out of use they would not drain",
        ),
        pytest.param(
            forwards(next=100, green=0, blue=0), forwards(next=100, green=0), {"left": 1},
            forwards(next=100, green=0, blue=0), "blue is let go when its last target is gone (1 now)", id="to the end",
        ),
        pytest.param(
            forwards(blue=100, green=0), forwards(next=100, green=0), {BLUE: 0},
            forwards(blue=100, green=0, next=0), "traffic moves to next when it has 0 healthy targets (0 now)",
            id="an empty one, too, is replaced by one that is attached",
        ),
        pytest.param(
            forwards(blue=100, green=0, next=0), forwards(next=100, green=0), {BLUE: 5, NEXT: 2, "shall": 2},
            forwards(next=100, green=0), "", id="no more than its service shall have are waited for",
        ),
        pytest.param(
            forwards(blue=100, green=0, next=0), forwards(next=100, green=0), {BLUE: 2, NEXT: 1, "shall": 9},
            forwards(blue=100, green=0, next=0), "traffic moves to next when it has 2 healthy targets (1 now)",
            id="nor more than served before",
        ),
        pytest.param(
            forwards(blue=50, green=50), forwards(blue=100, green=0), {}, forwards(blue=100, green=0), "",
            id="weights between groups that serve are just set",
        ),
        pytest.param(
            (), forwards(blue=100, green=0), {}, forwards(blue=100, green=0), "",
            id="a rule that forwards nowhere has nothing to lose",
        ),
    ],
)  # fmt: skip
def test_traffic_moves_in_stages(
    live: tuple[Forward, ...],
    wanted: tuple[Forward, ...],
    healthy: dict[str, int],
    now: tuple[Forward, ...],
    waits: str,
) -> None:
    left, shall = {BLUE: healthy.pop("left", 0)}, {NEXT: healthy.pop("shall")} if "shall" in healthy else {}

    assert staged(live, wanted, healthy, left, shall) == (now, waits)


@pytest.mark.parametrize(
    ("groups", "sticky", "kept"),
    [
        pytest.param(forwards(blue=100, green=0), None, False, id="two that are not sticky"),
        pytest.param(forwards(blue=100), Stickiness("AWSALB", 60), False, id="a sticky one alone"),
        pytest.param(forwards(blue=100, next=0), Stickiness("AWSALB", 60), True, id="a sticky one and its successor"),
    ],
)
def test_a_rule_keeps_clients_in_their_group_only_where_aws_asks_for_it(
    groups: tuple[Forward, ...], sticky: Stickiness | None, kept: bool
) -> None:
    """gh argo-rollouts#1577: sticky groups beside each other are refused otherwise."""
    [action] = _actions(groups, Balancing(stickiness=sticky))

    assert action["ForwardConfig"]["TargetGroupStickinessConfig"]["Enabled"] is kept
