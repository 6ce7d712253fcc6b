"""Quiet hours: a daily stretch on the customer's own clock in which nothing is sent."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from relance.domain.workspace import QuietHours

_SECOND = timedelta(seconds=1)


def quiet_until(at: datetime, hours: QuietHours, zone: ZoneInfo) -> datetime | None:
    """When the quiet stretch around `at` ends, in UTC; None where `at` is not quiet.

    The stretch begins with `start` and ends before `end`; it may cross midnight. A clock that
    jumps over `end` ends it where it lands; a clock set back to before `end` makes it quiet again.
    """
    local = at.astimezone(zone)
    if not _inside(local.time(), hours):
        return None
    day = local.date() + timedelta(days=local.time() >= hours.end)
    wall = datetime.combine(day, hours.end)
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if second < first:  # a jump leaves this wall time out; PEP 495 puts it on either side
        landed = _jump(max(second, at.astimezone(UTC)), first, zone)
        return quiet_until(landed, hours, zone) or landed
    return first if first > at else second


def _inside(wall: time, hours: QuietHours) -> bool:
    if hours.start <= hours.end:
        return hours.start <= wall < hours.end
    return wall >= hours.start or wall < hours.end


def _jump(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The instant between two instants at which the zone's clock jumps."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle <= before:
            break
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


@lru_cache(maxsize=1024)
def zone_or(name: str | None, default: ZoneInfo) -> ZoneInfo:
    """The named time zone, or the default where the name is missing or none."""
    if not name:
        return default
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # unknown, a folder, or an unsafe path
        return default
