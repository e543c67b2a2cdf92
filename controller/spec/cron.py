"""Cron as a scheduled action of auto scaling takes it: minute, hour, day of month, month, day of week.

Source: autoscaling PutScheduledUpdateGroupAction, Recurrence ("Unix cron syntax format"). That the fields are there and
hold nothing strange is the schema's; that their numbers exist is told here.
"""

from __future__ import annotations

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
LONGEST = [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
Field = tuple[str, int, int, dict[str, int]]  # what it is, its bounds, the names that stand for its numbers
FIELDS: tuple[Field, ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(MONTHS, 1)}),
    ("day of week", 0, 7, {name: number for number, name in enumerate(DAYS)}),  # 0 and 7 are Sunday
)


def fault(expression: str) -> str:
    """What no such moment can be, in words; "" when there is nothing wrong with *expression*."""
    texts = expression.split()
    for text, (what, low, high, names) in zip(texts, FIELDS, strict=False):
        for part in text.split(","):
            if _values(part.upper(), low, high, names) is None:
                return f"{what} {part!r} is not within {low}-{high}"
    days, months = (_all(texts[place], FIELDS[place]) for place in (2, 3))
    if texts[4] == "*" and not any(day <= LONGEST[month] for day in days for month in months):
        return f"no month of {texts[3]!r} has a day {texts[2]!r}"
    return ""


def _all(text: str, field: Field) -> set[int]:
    _, low, high, names = field
    return {value for part in text.split(",") for value in _values(part.upper(), low, high, names) or ()}


def _values(part: str, low: int, high: int, names: dict[str, int]) -> range | None:
    """What ``*``, a number, a name or a range of them stands for, each with a step or without; None when nothing."""
    span, slash, step = part.partition("/")
    if slash and not (_number(step) and 0 < int(step) <= high):
        return None
    if span == "*":
        return range(low, high + 1, int(step or 1))
    ends = [names.get(end, int(end) if _number(end) else -1) for end in span.split("-")]
    if len(ends) == 2 and ends[1] == 0 < ends[0] and "SUN" in names:
        ends[1] = high  # a week ends with Sunday, too
    if len(ends) > 2 or ends != sorted(ends) or not all(low <= end <= high for end in ends):
        return None
    return range(ends[0], (high if slash and len(ends) == 1 else ends[-1]) + 1, int(step or 1))


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit()
