"""Quiet hours: weekly stretches on the customer's own clock in which nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from relance.domain.workspace import QuietHours

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_HORIZON = 15  # days: a week of windows that touch, and every change of a clock on the way


def quiet_until(at: datetime, hours: Sequence[QuietHours], zone: ZoneInfo) -> datetime | None:
    """The first instant from `at` on at which no stretch holds, in UTC; None where none does now.

    A stretch holds from `start` to before `end` as the wall clock shows them, and several may
    touch or overlap. So a clock that jumps over the end ends it where it lands, and one that is
    set back to before the end makes it quiet again.
    """
    if not hours or not _quiet(at.astimezone(zone), hours):
        return None
    begin = at.astimezone(UTC)
    for day in range(_HORIZON):
        for instant in sorted(_changes(begin.astimezone(zone).date() + day * _DAY, hours, zone)):
            if instant > begin and not _quiet(instant.astimezone(zone), hours):
                return instant
    return begin + _HORIZON * _DAY  # quiet for ever: looked at again then


def _quiet(local: datetime, hours: Sequence[QuietHours]) -> bool:
    today, wall = local.weekday(), local.time()
    return any(_holds(window, today, wall) for window in hours)


def _holds(window: QuietHours, today: int, wall: time) -> bool:
    begun_today = today in window.days and window.start <= wall
    if window.start < window.end:
        return begun_today and wall < window.end
    return begun_today or ((today - 1) % 7 in window.days and wall < window.end)


def _changes(day: date, hours: Sequence[QuietHours], zone: ZoneInfo) -> Iterator[datetime]:
    """The instants of a day, in UTC, at which a stretch may end: its end, both times where the
    clock shows it twice, and where the clock itself is changed."""
    for end in {window.end for window in hours}:
        yield from _instants(day, end, zone)
    first, last = min(_instants(day, time(), zone)), max(_instants(day + _DAY, time(), zone))
    if _offset(first, zone) != _offset(last, zone):
        yield _jump(first, last, zone)


def _instants(day: date, wall: time, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """A wall time in UTC, read both ways: they differ where the clock skips it or repeats it."""
    local = datetime.combine(day, wall, tzinfo=zone)
    return local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)


def _jump(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The instant between two instants at which the zone's clock jumps, to the second."""
    offset = _offset(before, zone)
    while after - before > _SECOND:
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle <= before:
            break
        if _offset(middle, zone) == offset:
            before = middle
        else:
            after = middle
    return after


def _offset(at: datetime, zone: ZoneInfo) -> timedelta | None:
    return at.astimezone(zone).utcoffset()


@lru_cache(maxsize=1024)
def zone_or(name: str | None, default: ZoneInfo) -> ZoneInfo:
    """The named time zone, or the default where the name is missing or none."""
    if not name:
        return default
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # unknown, a folder, or an unsafe path
        return default
