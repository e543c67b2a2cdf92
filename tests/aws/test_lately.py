"""What was done a moment ago is not done again, although AWS may not show it yet; for half a minute, and no longer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.aws.lately import LATELY, SPREAD, Lately
from controller.base.errors import NotYet
from controller.base.keys import NAME_TAG, OWNER_TAG

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MADE = {"Vpc": {"VpcId": "vpc-00000001"}}


def request(key: str = "vpc/main", cidr: str = "10.0.0.0/16", stack: str = "demo") -> dict[str, Any]:
    tags = [{"Key": OWNER_TAG, "Value": stack}, {"Key": NAME_TAG, "Value": key}]
    return {"CidrBlock": cidr, "TagSpecifications": [{"ResourceType": "vpc", "Tags": tags}]}


@pytest.fixture
def lately() -> Lately:
    lately = Lately()
    lately.begin(NOW)
    lately.note("create_vpc", request(), MADE)
    return lately


def test_the_same_call_is_answered_as_it_was_until_aws_must_show_it(lately: Lately) -> None:
    lately.begin(NOW + LATELY - timedelta(seconds=1))
    assert lately.answer("create_vpc", request()) == MADE

    lately.begin(NOW + LATELY)
    assert lately.answer("create_vpc", request()) is None


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(request(key="vpc/other"), id="of another key"),
        pytest.param(request(stack="shop"), id="of another stack"),
        pytest.param(request(cidr="10.1.0.0/16"), id="for something else"),
        pytest.param({"CidrBlock": "10.0.0.0/16"}, id="that is not ours"),
    ],
)
def test_another_call_is_made(lately: Lately, other: dict[str, Any]) -> None:
    assert lately.answer("create_vpc", other) is None


def test_what_was_wanted_before_something_else_is_made_anew(lately: Lately) -> None:
    """A revision, another, and the first again are three: the newest of a family is the one that counts."""
    lately.note("create_vpc", request(cidr="10.1.0.0/16"), {"Vpc": {"VpcId": "vpc-2"}})

    assert lately.answer("create_vpc", request()) is None


def test_what_was_removed_since_is_made_anew(lately: Lately) -> None:
    lately.note("delete_vpc", {"VpcId": "vpc-00000001"}, {})

    assert lately.answer("create_vpc", request()) is None


def test_after_a_lost_answer_nothing_is_made_before_aws_must_show_what_came_of_it(lately: Lately) -> None:
    lately.note("create_vpc", request(), None)

    with pytest.raises(NotYet, match="lost"):
        lately.answer("create_vpc", request())

    lately.begin(NOW + LATELY)
    assert lately.answer("create_vpc", request()) is None


def test_hosts_are_remembered_by_where_we_put_them_last(lately: Lately) -> None:
    lately.move("i-1", "DRAINING")
    lately.move("i-1", "leaving")
    assert lately.moved == {"i-1": "leaving"}

    lately.begin(NOW + LATELY)
    assert lately.moved == {}


def test_a_group_that_a_rule_led_to_may_be_sent_a_request_for_some_seconds(lately: Lately) -> None:
    """From the end of the pass on, which is before the next one begins."""
    assert not lately.turning(["a"])
    lately.turn(["a"])
    assert lately.turning(["b", "a"])
    assert not lately.turning(["b"])

    lately.begin(NOW + 2 * SPREAD)
    assert lately.turning(["a"])
    lately.begin(NOW + 3 * SPREAD)
    assert not lately.turning(["a"])


def test_a_deletion_by_name_says_nothing_of_what_was_made(lately: Lately) -> None:
    lately.note("delete_service", {"cluster": "demo", "service": "demo-web"}, {})

    assert lately.answer("create_vpc", request()) == MADE


def test_what_aws_shows_is_not_what_a_successor_would_be(lately: Lately) -> None:
    """Its request is the same, and asks for another one."""
    lately.seen("vpc-00000001")

    assert lately.answer("create_vpc", request()) is None


def test_the_longest_delay_of_deregistration_ends(lately: Lately) -> None:
    """What is forgotten before its time is taken to be since now, again and again."""
    hour = timedelta(hours=1, seconds=5)
    lately.turn(["a"])
    lately.begin(NOW)

    lately.begin(NOW + hour - timedelta(seconds=1))
    assert lately.turning(["a"], hour, unknown=True)
    lately.begin(NOW + hour)
    assert not lately.turning(["a"], hour, unknown=True)
