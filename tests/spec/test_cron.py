"""Which cron expressions name a moment."""

from __future__ import annotations

import pytest

from controller.spec.cron import fault


@pytest.mark.parametrize(
    "expression",
    [
        "0 20 * * *",
        "*/5 * * * *",
        "0-30/10,45 0 1,15 JAN-MAR mon-fri",
        "59 23 31 12 7",
        "0 0 * * FRI-SUN",
        "0 0 * * 5-7",
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
        ("-5 * * * *", "minute '-5' is not within 0-59"),
    ],
)
def test_moments_that_never_come(expression: str, why: str) -> None:
    assert fault(expression) == why
