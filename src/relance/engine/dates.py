"""Who has a date today: birthdays and the like, on each customer's own calendar."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from relance.domain.duration import Duration
from relance.domain.trigger import OnDate
from relance.engine.checks import check_texts
from relance.engine.clock import Clock, Kind, kind_of
from relance.engine.columns import Reading
from relance.engine.needs import Attribute, Column, Need
from relance.engine.profile import Profiles
from relance.engine.workbench import Workbench
from relance.errors import SourceError

LONGEST = timedelta(days=366)  # a longer gap between two runs greets nobody twice
_AROUND = timedelta(days=2)  # no two calendars are further apart
_SLACK = timedelta(days=32)  # a month is this much longer or shorter than its rough length

_DUE = pa.schema(
    [
        ("zone", pa.string()),  # as the customer's row has it; empty where it has none
        ("real", pa.string()),  # the zone that is meant
        ("base", pa.date32()),  # a date (or anniversary) that was reached
        ("month", pa.int64()),
        ("day", pa.int64()),
    ]
)


def due_customers(workbench: Workbench, profiles: Profiles, on: OnDate, earlier: datetime) -> str:
    """Customers whose date, plus the offset, was reached since `earlier`, whatever their segment.

    Returns a workbench table with the column `key`.
    """
    clock = profiles.clock
    expression, kind = _people(profiles, on, earlier)
    people = workbench.load(profiles.source.fetch(expression).read_all(), "people")
    zones = [str(zone) for (zone,) in workbench.run(f"SELECT DISTINCT zone FROM {people}")]
    due = workbench.load(
        pa.Table.from_pylist(
            [row for zone in zones for row in _due(on, zone, earlier, clock)], schema=_DUE
        ),
        "due",
    )
    day = "timezone(d.real, p.moment)::DATE" if kind is Kind.INSTANT else "p.moment::DATE"
    reached = (
        f"month({day}) = d.month AND day({day}) = d.day AND {day} <= d.base"
        if on.yearly
        else f"{day} = d.base"
    )
    return workbench.create(
        f"SELECT DISTINCT p.key FROM {people} AS p JOIN {due} AS d"
        f" ON p.zone = d.zone AND {reached}",
        "reached",
    )


def _people(profiles: Profiles, on: OnDate, earlier: datetime) -> tuple[ir.Table, Kind]:
    """Key, date and zone of everybody whose date could be meant in some zone."""
    zone = profiles.workspace.customers.timezone
    names: dict[Need, str] = {Attribute(on.attribute, Reading.MOMENT): "moment"}
    if zone is not None:
        names[Column(zone)] = "zone"
    check_texts(profiles, names)
    people = profiles.build(names)
    kind = kind_of(people.moment.type())
    if not kind.is_moment:
        raise SourceError(f"customer {on.attribute} holds {kind}, not dates")
    low, high = _window(earlier, profiles.clock.at, _UTC)
    bases = list(_bases(on.offset, low - _AROUND, high + _AROUND))
    near = people.filter(_could_be(people.moment.cast("date"), bases, yearly=on.yearly))
    none = ibis.literal("")  # a bare text would be taken for a column's name
    text = near.zone.cast("string").fill_null(none) if zone is not None else none
    return near.select("key", "moment", zone=text), kind


def _could_be(day: ir.Value, bases: list[date], *, yearly: bool) -> ir.BooleanValue:
    if yearly:
        months_and_days = sorted({m * 100 + d for base in bases for m, d in _called(base)})
        return (day.month() * 100 + day.day()).isin(months_and_days)
    return day.between(min(bases), max(bases)) if bases else day.isnull()


def _due(
    on: OnDate, zone: str, earlier: datetime, clock: Clock
) -> Iterator[dict[str, str | int | date]]:
    """What is due in one zone."""
    real = _zone(zone, clock.zone)
    for base in _bases(on.offset, *_window(earlier, clock.at, real)):
        for month, day in _called(base):
            yield {"zone": zone, "real": str(real), "base": base, "month": month, "day": day}


def _window(earlier: datetime, at: datetime, zone: ZoneInfo) -> tuple[date, date]:
    """Days later than the first, up to the second."""
    last = at.astimezone(zone).date()
    return max(earlier.astimezone(zone).date(), last - LONGEST), last


def _bases(offset: Duration, low: date, high: date) -> Iterator[date]:
    """The days whose shifted day is later than `low`, up to `high`."""
    rough = timedelta(seconds=offset.rough_seconds)
    day = low - rough - _SLACK
    while day <= high - rough + _SLACK:
        midnight = datetime.combine(day, time(), UTC)
        if low < offset.after(midnight, _UTC).date() <= high:
            yield day
        day += timedelta(days=1)


_UTC = ZoneInfo("UTC")


def _called(base: date) -> list[tuple[int, int]]:
    """The month and day whose anniversary a day is: 28 February is also 29 February's."""
    own = (base.month, base.day)
    if own == (2, 28) and not calendar.isleap(base.year):
        return [own, (2, 29)]
    return [own]


def _zone(name: str, default: ZoneInfo) -> ZoneInfo:
    try:
        return ZoneInfo(name) if name else default
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return default
