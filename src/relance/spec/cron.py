"""Schedules: `every 15 minutes`, or a cron line of five fields.

Weekdays leave here as names: 0 is Sunday in cron and Monday in some schedulers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from relance.domain.duration import Duration, Unit
from relance.domain.trigger import Schedule
from relance.spec.shapes import Parsed

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_PART = re.compile(r"(\*|[0-9a-z]{1,3}(?:-[0-9a-z]{1,3})?)(?:/(\d{1,2}))?")
_HINT = "write five fields such as 0 9 * * mon-fri, or every 15 minutes"


def schedule(text: str) -> Schedule:
    """Read a schedule. Raises ValueError with a hint."""
    words = text.lower().split()
    if words[:1] == ["every"]:
        return Schedule(every=_every(words[1:]))
    if len(words) != 5:
        raise ValueError(_HINT)
    return Schedule(cron=_cron(words))


def _every(words: Sequence[str]) -> Duration:
    text = " ".join(words)
    try:
        length = Duration.parse(text if text[:1].isdigit() else f"1 {text}")
    except ValueError:
        raise ValueError("write it like every 15 minutes or every 2 hours") from None
    if length.unit in {Unit.MONTH, Unit.YEAR}:
        raise ValueError("months and years differ in length; use a cron line such as 0 9 1 * *")
    if length.count < 1:
        raise ValueError("it must be longer than nothing")
    return length


def _cron(words: Sequence[str]) -> str:
    minute, hour, day, month, weekday = words
    _numbers(minute, 0, 59, "minutes")
    _numbers(hour, 0, 23, "hours")
    days = _numbers(day, 1, 31, "days of the month")
    months = _numbers(month, 1, 12, "months", _MONTHS, first=1)
    weekdays = _numbers(weekday, 0, 7, "weekdays", _WEEKDAYS)
    if day != "*" and weekday != "*":
        raise ValueError("give days of the month or weekdays, not both: schedulers disagree")
    if all(number > _DAYS_IN_MONTH[each - 1] for each in months for number in days):
        raise ValueError("no month has that day, so it never happens")
    if weekday != "*":
        weekday = _named(weekdays)
    return f"{minute} {hour} {day} {month} {weekday}"


def _named(numbers: set[int]) -> str:
    folded = {number % 7 for number in numbers}
    return "*" if len(folded) == 7 else ",".join(_WEEKDAYS[each] for each in sorted(folded))


def _numbers(
    field: str, least: int, most: int, what: str, names: Sequence[str] = (), first: int = 0
) -> set[int]:
    """The numbers that one field of a cron line stands for."""
    found: set[int] = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"the {what} cannot be read; {_HINT}")
        if match[2] and match[1] != "*" and "-" not in match[1]:
            raise ValueError(f"a step in the {what} needs a range, such as */15 or 9-17/2")
        start, end = _range(match[1], least, most, what, names, first)
        found.update(range(start, end + 1, _step(match[2], what)))
    return found


def _step(text: str | None, what: str) -> int:
    if text is not None and int(text) == 0:
        raise ValueError(f"a step of 0 in the {what}")
    return int(text or 1)


def _range(
    text: str, least: int, most: int, what: str, names: Sequence[str], first: int
) -> tuple[int, int]:
    if text == "*":
        return least, most
    ends = [
        names.index(end) + first if end in names else _number(end, what) for end in text.split("-")
    ]
    start, end = ends[0], ends[-1]
    if end == 0 and names is _WEEKDAYS and start > 0:
        end = 7  # fri-sun
    if not least <= start <= end <= most:
        raise ValueError(f"the {what} go from {least} to {most}, ranges upwards")
    return start, end


def _number(text: str, what: str) -> int:
    if not text.isdigit():
        raise ValueError(f"the {what} cannot be read; {_HINT}")
    return int(text)


SCHEDULE = Parsed("a schedule", schedule)
