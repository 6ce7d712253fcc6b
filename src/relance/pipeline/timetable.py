"""Which triggers are due, and at which instant: every scheduled instant once, missed ones late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

from relance.domain.duration import Duration
from relance.domain.trigger import Schedule, Trigger
from relance.domain.workspace import day_start

_TICK = timedelta(microseconds=1)
_ANCHOR = date(2001, 1, 1)  # a Monday: `every 2 weeks` begins on Mondays
_EXACT = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
_DAYS = {"day": 1, "week": 7}
# how far back the latest instant is looked for; 29 February comes within eight years
_LOOK_BACK = tuple(timedelta(days=days) for days in (1 / 24, 1, 8, 32, 366, 8 * 366))


class Every(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """`every 15 minutes`: a fixed grid, the same for every worker and after every restart.

    Hours and minutes are exact, counted from a Monday's midnight; days and weeks begin at
    midnight on the zone's calendar.
    """

    def __init__(self, every: Duration, zone: ZoneInfo) -> None:
        if every.unit not in _EXACT and every.unit not in _DAYS:
            raise ValueError(f"'every {every}' has no fixed length; use a cron line")
        self._every = every
        self._zone = zone

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """The first instant of the grid after the previous one, or at or after now."""
        start = (previous_fire_time.astimezone(UTC) + _TICK) if previous_fire_time else now
        if self._every.unit in _DAYS:
            return self._midnight(start.astimezone(UTC))
        anchor = day_start(_ANCHOR, self._zone).astimezone(UTC)
        step = _EXACT[self._every.unit] * self._every.count
        return anchor - (anchor - start.astimezone(UTC)) // step * step

    def _midnight(self, start: datetime) -> datetime:
        step = _DAYS[self._every.unit] * self._every.count
        days = (start.astimezone(self._zone).date() - _ANCHOR).days // step * step
        while True:
            midnight = day_start(_ANCHOR + timedelta(days=days), self._zone).astimezone(UTC)
            if midnight >= start:
                return midnight
            days += step


class Cron(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """A cron line in a time zone. In the hour that a clock repeats, a fixed time comes once."""

    def __init__(self, line: str, zone: ZoneInfo) -> None:
        self._cron = CronTrigger.from_crontab(line, timezone=zone)
        self._repeats = "*" in line.split()[1]

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """The first instant after the previous one, or at or after now, in UTC."""
        start = (previous_fire_time.astimezone(UTC) + _TICK) if previous_fire_time else now
        while True:
            # in UTC: APScheduler walks in circles where local times repeat
            found: datetime | None = self._cron.get_next_fire_time(None, start.astimezone(UTC))
            if found is None or self._repeats or not found.fold:
                return found.astimezone(UTC) if found else None
            start = found.astimezone(UTC) + _TICK


def firing(schedule: Schedule, zone: ZoneInfo) -> BaseTrigger:
    """A schedule as APScheduler's object. Raises ValueError for one that it cannot be."""
    if schedule.every is not None:
        return Every(schedule.every, zone)
    return Cron(str(schedule.cron), zone)


def latest(trigger: BaseTrigger, now: datetime) -> datetime | None:
    """The latest scheduled instant at or before now; None if there was none in eight years."""
    for length in _LOOK_BACK:
        found = trigger.get_next_fire_time(None, now - length)
        if found is not None and found <= now:
            return _last(trigger, found, now)
    return None


def _last(trigger: BaseTrigger, found: datetime, now: datetime) -> datetime:
    later = trigger.get_next_fire_time(found, now)
    while later is not None and later <= now:
        found, later = later, trigger.get_next_fire_time(later, now)
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """One tick to run: as of `at`, for these triggers (name → its own scheduled instant)."""

    at: datetime
    triggers: Mapping[str, datetime]


class Timetable:
    """The schedules of a workspace's triggers.

    `since` is when this worker learned of them: a trigger that never ran waits for its first
    instant after that.
    """

    def __init__(self, triggers: Mapping[str, Trigger], zone: ZoneInfo, since: datetime) -> None:
        self._firing = {name: firing(one.schedule, zone) for name, one in triggers.items()}
        self._since = since

    def due(self, last_runs: Mapping[str, datetime], now: datetime) -> Due | None:
        """The one tick that brings every trigger up to date; None where all are.

        However many instants a trigger missed, it is evaluated once. All due triggers share
        the newest of their instants: the ledger's time only goes forward.
        """
        found = {name: latest(one, now) for name, one in self._firing.items()}
        due = {
            name: instant
            for name, instant in found.items()
            if instant is not None and instant > last_runs.get(name, self._since)
        }
        return Due(at=max(due.values()), triggers=due) if due else None

    def wake(self) -> BaseTrigger | None:
        """APScheduler's object that fires at every instant of any trigger; None without any."""
        return OrTrigger(list(self._firing.values())) if self._firing else None
