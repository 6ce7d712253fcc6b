"""Lengths of time as people write them: `14 days`, `2 weeks`, `-7 days`, `15 minutes`.

Days and longer are counted on the calendar of a time zone: 14 days before 09:00 is 09:00,
also across a change to summer time. Hours and shorter are exact.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

_PATTERN = re.compile(r"^\s*(-?\d{1,6})\s*(minute|hour|day|week|month|year)s?\s*$")
_EXACT = {"minute": 60, "hour": 3600}
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}
# for sorting and rough sums only; instants always go through the calendar
_ROUGH_SECONDS = {
    "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 2629746, "year": 31556952,
}  # fmt: skip


class Unit(StrEnum):
    """The units a duration is written in, in the singular."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Duration:
    """A number of units; negative points into the future where the past is meant."""

    count: int
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read `14 days` and its like. Raises ValueError with a sentence for the reader."""
        match = _PATTERN.match(text)
        if match is None:
            raise ValueError(f"{text!r} is not a duration; write it like '14 days' or '2 hours'")
        return cls(int(match[1]), Unit(match[2]))

    def after(self, at: datetime, zone: ZoneInfo) -> datetime:
        """The instant this long after `at`, in UTC, counted on `zone`'s calendar.

        Raises ValueError where the result is outside the calendar (years 1 to 9999).
        """
        return self._shift(at, zone, self.count)

    def before(self, at: datetime, zone: ZoneInfo) -> datetime:
        """The instant this long before `at`, in UTC, counted on `zone`'s calendar."""
        return self._shift(at, zone, -self.count)

    def _shift(self, at: datetime, zone: ZoneInfo, count: int) -> datetime:
        if at.tzinfo is None:
            raise ValueError("an aware datetime is needed")
        try:
            if self.unit in _EXACT:
                return at.astimezone(UTC) + timedelta(seconds=_EXACT[self.unit] * count)
            local = at.astimezone(zone).replace(tzinfo=None)
            if self.unit in _DAYS:
                moved = local + timedelta(days=_DAYS[self.unit] * count)
            else:
                moved = _add_months(local, _MONTHS[self.unit] * count)
            return moved.replace(tzinfo=zone).astimezone(UTC)
        except OverflowError:
            raise ValueError(f"{self} from {at:%Y-%m-%d} leaves the calendar") from None

    @property
    def rough_seconds(self) -> int:
        """About how long it is: for ordering and for limits, never for instants."""
        return self.count * _ROUGH_SECONDS[self.unit]

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'' if abs(self.count) == 1 else 's'}"


def _add_months(local: datetime, months: int) -> datetime:
    index = local.year * 12 + local.month - 1 + months
    year, month = divmod(index, 12)
    if not 1 <= year <= 9999:
        raise OverflowError
    day = min(local.day, calendar.monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day)
