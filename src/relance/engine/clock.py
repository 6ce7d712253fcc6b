"""The instant and the zones of an evaluation, and cut-offs as literals of a column's own type."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from relance.domain.condition import Window
from relance.domain.duration import Duration
from relance.domain.workspace import day_start
from relance.errors import SourceError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Kind(StrEnum):
    """What a column holds, in words that a person reads in an error."""

    INTEGER = "whole numbers"
    NUMBER = "numbers"
    TRUTH = "true or false"
    TEXT = "text"
    DAY = "dates"
    LOCAL = "timestamps without a time zone"
    INSTANT = "timestamps with a time zone"
    OTHER = "something else"

    @property
    def is_moment(self) -> bool:
        return self in (Kind.DAY, Kind.LOCAL, Kind.INSTANT)

    @property
    def is_number(self) -> bool:
        return self in (Kind.INTEGER, Kind.NUMBER)


def kind_of(dtype: dt.DataType) -> Kind:
    """The kind of a column's type."""
    if dtype.is_timestamp():
        return Kind.LOCAL if dtype.timezone is None else Kind.INSTANT
    checks = (
        (dtype.is_boolean(), Kind.TRUTH),
        (dtype.is_integer(), Kind.INTEGER),
        (dtype.is_numeric(), Kind.NUMBER),
        (dtype.is_string() or dtype.is_uuid(), Kind.TEXT),
        (dtype.is_date(), Kind.DAY),
    )
    return next((kind for holds, kind in checks if holds), Kind.OTHER)


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """As of when, and on whose calendars. `source` is the zone of timestamps that carry none.

    A date of the source counts as the midnight that it begins with there.
    """

    at: datetime
    zone: ZoneInfo
    source: ZoneInfo

    def ago(self, length: Duration) -> datetime:
        """The instant so long before. Raises SourceError where that leaves the calendar."""
        try:
            return length.before(self.at, self.zone)
        except ValueError as error:
            raise SourceError(str(error)) from None

    def end(self, start: datetime, length: Duration) -> datetime:
        """The instant so long after another. Raises SourceError like `ago`."""
        try:
            return length.after(start, self.zone)
        except ValueError as error:
            raise SourceError(str(error)) from None

    def local(self, instant: datetime) -> datetime:
        """An instant as the source writes it down, without its zone."""
        return instant.astimezone(self.source).replace(tzinfo=None)

    def written_like(self, sample: str) -> str:
        """The instant as text, written as a source without a type for instants writes them."""
        zoned = has_time(sample) and (sample.endswith("Z") or sample[-6:-5] in ("+", "-"))
        at = self.at.astimezone(UTC) if zoned else self.local(self.at)
        separator = "T" if sample[10:11] == "T" else " "
        exact = "microseconds" if "." in sample else "seconds"
        text = at.isoformat(sep=separator, timespec=exact)
        return text.replace("+00:00", "Z") if sample.endswith("Z") else text

    def midnight(self, day: date) -> datetime:
        """The start of a day on the workspace's calendar."""
        return day_start(day, self.zone)

    def later(self, column: ir.Value, instant: datetime) -> ir.BooleanValue:
        """Whether a column lies after an instant."""
        return column > self._floor(kind_of(column.type()), instant)

    def since(self, column: ir.Value, instant: datetime) -> ir.BooleanValue:
        """Whether a column lies at or after an instant."""
        kind = kind_of(column.type())
        if kind is Kind.DAY and self.local(instant).time() != time():
            return self.later(column, instant)
        return column >= self._floor(kind, instant)

    def _floor(self, kind: Kind, instant: datetime) -> ir.Value:
        """An instant as a literal; for dates the last midnight at or before it."""
        if kind is Kind.INSTANT:
            return ibis.literal(instant.astimezone(UTC))
        local = self.local(instant)
        if kind is Kind.DAY:
            return ibis.literal(local.date())
        return ibis.literal(local, type="timestamp(6)")

    def start(self, window: Window) -> datetime | None:
        """Where a window begins; None for all of the past."""
        if window.within is not None:
            return self.ago(window.within)
        if isinstance(window.since, datetime):
            return window.since
        return None if window.since is None else self.midnight(window.since)

    def opens(self, column: ir.Value, window: Window) -> ir.BooleanValue | None:
        """Whether a column is inside a window's start; None where every instant is."""
        start = self.start(window)
        if start is None:
            return None
        whole_day = window.since is not None and not isinstance(window.since, datetime)
        return self.since(column, start) if whole_day else self.later(column, start)


def has_time(text: str) -> bool:
    """Whether a text that begins with a date goes on after it."""
    return len(text) > len("2026-11-21")


def next_day(day: date) -> date:
    """The day after; the last day of the calendar stays itself."""
    return day + timedelta(days=1) if day < date.max else day


def microseconds(at: datetime) -> int:
    """An instant as whole microseconds since 1970."""
    elapsed = at.astimezone(UTC) - EPOCH
    return (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds
