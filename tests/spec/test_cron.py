"""Which cron expressions name a moment."""

from __future__ import annotations

import pytest

from controller.spec.cron import _values, fault


@pytest.mark.parametrize(
    "expression",
    [
        "0 20 * * *",
        "*/5 * * * *",
        "0-30/10,45 0 1,15 JAN-MAR mon-fri",
        "59 23 31 12 7",
        "0 0 * * FRI-SUN",
        "0 0 * * 5-7",
        "0 0 29 2 *",
        "0 0 31 2 MON",
        "0 0 30,31 FEB,APR *",
    ],
)
def test_moments_that_come(expression: str) -> None:
    assert fault(expression) == ""


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("60 * * * *", "minute '60' is not within 0-59"),
        ("0 24 * * *", "hour '24' is not within 0-23"),
        ("0 0 0 * *", "day of month '0' is not within 1-31"),
        ("0 0 * 13 *", "month '13' is not within 1-12"),
        ("0 0 * FEBRUARY *", "month 'FEBRUARY' is not within 1-12"),
        ("0 0 * * 8", "day of week '8' is not within 0-7"),
        ("0 0 * * JAN", "day of week 'JAN' is not within 0-7"),
        ("30-10 * * * *", "minute '30-10' is not within 0-59"),
        ("*/0 * * * *", "minute '*/0' is not within 0-59"),
        ("*/99 * * * *", "minute '*/99' is not within 0-59"),
        ("1-2-3 * * * *", "minute '1-2-3' is not within 0-59"),
        (", * * * *", "minute '' is not within 0-59"),
        ("0 ² * * *", "hour '²' is not within 0-23"),
        ("٣ 0 * * *", "minute '٣' is not within 0-59"),
        ("0 0 * * 0-0/9", "day of week '0-0/9' is not within 0-7"),
        ("0 0 * * SAT-FRI", "day of week 'SAT-FRI' is not within 0-7"),
        ("0 0 31 2 *", "no month of '2' has a day '31'"),
        ("0 0 31 APR,JUN *", "no month of 'APR,JUN' has a day '31'"),
        ("-5 * * * *", "minute '-5' is not within 0-59"),
    ],
)
def test_moments_that_never_come(expression: str, why: str) -> None:
    assert fault(expression) == why


def test_a_lone_sunday_is_no_week() -> None:
    assert _values("0-0", 0, 7, {"SUN": 0}) == range(1)
    assert _values("FRI-SUN", 0, 7, {"SUN": 0, "FRI": 5}) == range(5, 8)
