"""What the oracle compares with: the operators in plain Python, on the calendars of a shop."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import cast
from zoneinfo import ZoneInfo

from relance.domain.condition import Op, Operand, Scalar
from relance.domain.duration import Duration


def _is_day(value: object) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


@dataclass(frozen=True, slots=True)
class Calendar:
    """What turns days into instants and instants into days."""

    at: datetime
    zone: ZoneInfo
    source_zone: ZoneInfo

    def day(self, instant: datetime) -> date:
        return instant.astimezone(self.zone).date()

    def day_meant(self, operand: Operand) -> date:
        """The day of `on_day`: as written, or so many days back."""
        if isinstance(operand, Duration):
            return self.day(operand.before(self.at, self.zone))
        return self.day(operand) if isinstance(operand, datetime) else cast(date, operand)

    def alike(self, value: Scalar, operand: Operand) -> tuple[Scalar, Scalar]:
        """Both sides as the same kind of thing.

        A duration is an instant in the past. An instant is compared with a day as the day that
        it falls on; a day is compared with an instant as the midnight that it begins with.
        """
        if isinstance(operand, Duration):
            operand = operand.before(self.at, self.zone)
        if isinstance(value, datetime) and _is_day(operand):
            value = self.day(value)
        if isinstance(operand, datetime) and _is_day(value):
            midnight = datetime.combine(cast(date, value), time(), self.source_zone)
            value = midnight.astimezone(UTC)
        return value, cast(Scalar, operand)


Operator = Callable[[Calendar, Scalar, Operand], bool]


def _ordered(holds: Callable[..., bool]) -> Operator:
    """An operator that is Python's own once both sides are alike."""

    def compare(calendar: Calendar, value: Scalar, operand: Operand) -> bool:
        return holds(*calendar.alike(value, operand))

    return compare


_is = _ordered(operator.eq)
_at_least = _ordered(operator.ge)
_at_most = _ordered(operator.le)
_more_than = _ordered(operator.gt)
_less_than = _ordered(operator.lt)


def _in(calendar: Calendar, value: Scalar, operand: Operand) -> bool:
    return any(_is(calendar, value, each) for each in cast("tuple[Scalar, ...]", operand))


def _between(calendar: Calendar, value: Scalar, operand: Operand) -> bool:
    low, high = cast("tuple[Scalar, Scalar]", operand)
    return _at_least(calendar, value, low) and _at_most(calendar, value, high)


def _contains(_: Calendar, value: Scalar, operand: Operand) -> bool:
    return cast(str, operand) in cast(str, value)


def _starts_with(_: Calendar, value: Scalar, operand: Operand) -> bool:
    return cast(str, value).startswith(cast(str, operand))


def _before(calendar: Calendar, value: Scalar, operand: Operand) -> bool:
    """Before a day leaves it out; before an instant takes it in."""
    return (_less_than if _is_day(operand) else _at_most)(calendar, value, operand)


def _after(calendar: Calendar, value: Scalar, operand: Operand) -> bool:
    return _more_than(calendar, value, operand)


def _on_day(calendar: Calendar, value: Scalar, operand: Operand) -> bool:
    return _is(calendar, value, calendar.day_meant(operand))


def _not(holds: Operator) -> Operator:
    return lambda calendar, value, operand: not holds(calendar, value, operand)


OPERATORS: Mapping[Op, Operator] = {
    Op.IS: _is,
    Op.IS_NOT: _not(_is),
    Op.IN: _in,
    Op.NOT_IN: _not(_in),
    Op.AT_LEAST: _at_least,
    Op.AT_MOST: _at_most,
    Op.MORE_THAN: _more_than,
    Op.LESS_THAN: _less_than,
    Op.BETWEEN: _between,
    Op.CONTAINS: _contains,
    Op.STARTS_WITH: _starts_with,
    Op.BEFORE: _before,
    Op.AFTER: _after,
    Op.ON_DAY: _on_day,
}
