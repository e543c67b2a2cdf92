"""Cron as a scheduled action of auto scaling takes it: minute, hour, day of month, month, day of week.

Source: autoscaling PutScheduledUpdateGroupAction, Recurrence ("Unix cron syntax format"). That the fields are there and
hold nothing strange is the schema's; that their numbers exist is told here.
"""

from __future__ import annotations

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
# what it is, its bounds, the names that stand for its numbers
FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(MONTHS, 1)}),
    ("day of week", 0, 7, {name: number for number, name in enumerate(DAYS)}),  # 0 and 7 are Sunday
)


def fault(expression: str) -> str:
    """What no such moment can be, in words; "" when there is nothing wrong with *expression*."""
    for text, (what, low, high, names) in zip(expression.split(), FIELDS, strict=False):
        for part in text.split(","):
            if not _sound(part.upper(), low, high, names):
                return f"{what} {part!r} is not within {low}-{high}"
    return ""


def _sound(part: str, low: int, high: int, names: dict[str, int]) -> bool:
    """``*``, a number, a name or a range of them, each with a step or without."""
    span, slash, step = part.partition("/")
    if slash and not (step.isdigit() and 0 < int(step) <= high):
        return False
    if span == "*":
        return True
    ends = [names.get(end, int(end) if end.isdigit() else -1) for end in span.split("-")]
    if ends[1:] == [0] and "SUN" in names:
        ends[1] = high  # a week ends with Sunday, too
    return len(ends) <= 2 and ends == sorted(ends) and all(low <= end <= high for end in ends)
