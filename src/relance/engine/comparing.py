"""One comparison as a boolean expression that is never null: a gap fails all but the negations."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

import ibis
import ibis.expr.types as ir

from relance.domain.condition import Comparison, Op, Operand, Scalar
from relance.domain.duration import Duration
from relance.engine.clock import Clock, Kind, kind_of, next_day
from relance.errors import SourceError

_ORDERED = (Op.AT_LEAST, Op.AT_MOST, Op.MORE_THAN, Op.LESS_THAN, Op.BETWEEN)
_EQUAL = (Op.IS, Op.IS_NOT, Op.IN, Op.NOT_IN, Op.EXISTS)
_FITTING: dict[Kind, tuple[Op, ...]] = {
    Kind.INTEGER: (*_EQUAL, *_ORDERED),
    Kind.NUMBER: (*_EQUAL, *_ORDERED),
    Kind.TRUTH: _EQUAL,
    Kind.TEXT: (*_EQUAL, Op.CONTAINS, Op.STARTS_WITH),
    Kind.DAY: (*_EQUAL, *_ORDERED, Op.BEFORE, Op.AFTER, Op.ON_DAY),
    Kind.LOCAL: (*_EQUAL, *_ORDERED, Op.BEFORE, Op.AFTER, Op.ON_DAY),
    Kind.INSTANT: (*_EQUAL, *_ORDERED, Op.BEFORE, Op.AFTER, Op.ON_DAY),
    Kind.OTHER: (Op.EXISTS,),
}


def compare(
    value: ir.Value, comparisons: Sequence[Comparison], clock: Clock, *, days: bool
) -> ir.BooleanValue:
    """Whether all comparisons hold.

    `days` says that a date is meant as a calendar day (an attribute), not as its midnight (an
    event). Raises SourceError, without the place, where an operand does not fit the value.
    """
    kind = kind_of(value.type())
    for comparison in comparisons:
        _check(kind, comparison)
    moment = Moment(value, clock, days=days and kind is Kind.DAY) if kind.is_moment else None
    held = [_holds(value, moment, comparison) for comparison in comparisons]
    return ibis.and_(*held)


def _check(kind: Kind, comparison: Comparison) -> None:
    if comparison.op not in _FITTING[kind]:
        raise SourceError(f"holds {kind}, which `{comparison.op}` does not fit")
    if comparison.op is Op.EXISTS:
        return
    value = comparison.value
    for operand in value if isinstance(value, tuple) else (value,):
        if not _fits(kind, operand):
            raise SourceError(
                f"holds {kind}, but is compared with {_called(operand)}",
                hint="write the value as the column has it, or cast the column in `tables:`",
            )


def _fits(kind: Kind, operand: Operand) -> bool:
    if isinstance(operand, bool):
        return kind in (Kind.TRUTH, Kind.INTEGER)
    if isinstance(operand, int | float):
        return kind.is_number
    return kind is Kind.TEXT if isinstance(operand, str) else kind.is_moment


def _called(operand: Operand) -> str:
    names: tuple[tuple[type, str], ...] = (
        (bool, "true or false"),
        (int, "a number"),
        (float, "a number"),
        (str, "a text"),
        (Duration, "a duration"),
    )
    return next((name for kind, name in names if isinstance(operand, kind)), "a date")


def _holds(value: ir.Value, moment: Moment | None, comparison: Comparison) -> ir.BooleanValue:
    op, operand = comparison.op, comparison.value
    if op is Op.EXISTS:
        return value.notnull() if operand else value.isnull()
    if op is Op.IS_NOT:
        return ~_sure(_tested(value, moment, Op.IS, operand))
    if op is Op.NOT_IN:
        return ~_sure(_tested(value, moment, Op.IN, operand))
    return _sure(_tested(value, moment, op, operand))


def _sure(answer: ir.BooleanValue) -> ir.BooleanValue:
    return ibis.coalesce(answer, ibis.literal(False))


def _tested(value: ir.Value, moment: Moment | None, op: Op, operand: Operand) -> ir.BooleanValue:
    if moment is not None:
        return _moment_test(moment, op, operand)
    if isinstance(operand, tuple):
        if op is Op.IN:
            return _among(value, operand)
        low, high = operand
        return (value >= low) & (value <= high)
    if isinstance(operand, bool) and kind_of(value.type()) is Kind.INTEGER:
        operand = int(operand)
    return _PLAIN[op](value, operand)


def _among(value: ir.Value, operands: Sequence[Scalar]) -> ir.BooleanValue:
    whole = kind_of(value.type()) is Kind.INTEGER
    return value.isin(
        [int(each) if whole and isinstance(each, bool) else each for each in operands]
    )


_PLAIN: dict[Op, Callable[[ir.Value, Any], ir.BooleanValue]] = {
    Op.IS: operator.eq,
    Op.AT_LEAST: operator.ge,
    Op.AT_MOST: operator.le,
    Op.MORE_THAN: operator.gt,
    Op.LESS_THAN: operator.lt,
    Op.CONTAINS: lambda value, part: value.contains(part),
    Op.STARTS_WITH: lambda value, part: value.startswith(part),
}


@dataclass(frozen=True, slots=True)
class Moment:
    """A column of dates or instants. Every comparison comes down to `reaches` and `passes`.

    A day as operand stands for all of it: an instant is at least that day from its midnight
    on, and more than it from the next midnight on.
    """

    column: ir.Value
    clock: Clock
    days: bool

    def reaches(self, operand: date) -> ir.BooleanValue:
        """At or later than."""
        if isinstance(operand, datetime):
            return self.clock.since(self.column, operand)
        if self.days:
            return self.column >= operand
        return self.clock.since(self.column, self.clock.midnight(operand))

    def passes(self, operand: date) -> ir.BooleanValue:
        """Later than."""
        if isinstance(operand, datetime):
            return self.clock.later(self.column, operand)
        if self.days:
            return self.column > operand
        return self.clock.since(self.column, self.clock.midnight(next_day(operand)))

    def equals(self, operand: date) -> ir.BooleanValue:
        return self.reaches(operand) & ~self.passes(operand)

    def meant(self, op: Op, operand: Operand) -> date:
        """A duration as the instant, or for `on_day` as the day, that lies so far back."""
        if isinstance(operand, Duration):
            operand = self.clock.ago(operand)
        if op is Op.ON_DAY and isinstance(operand, datetime):
            return operand.astimezone(self.clock.zone).date()
        return cast(date, operand)


def _moment_test(moment: Moment, op: Op, operand: Operand) -> ir.BooleanValue:
    if isinstance(operand, tuple):
        ends = [moment.meant(op, each) for each in operand]
        if op is Op.IN:
            return ibis.or_(*(moment.equals(each) for each in ends))
        return moment.reaches(ends[0]) & ~moment.passes(ends[1])
    return _MOMENT[op](moment, moment.meant(op, operand))


def _before(moment: Moment, edge: date) -> ir.BooleanValue:
    """Before a day leaves it out; before an instant takes it in."""
    return ~moment.passes(edge) if isinstance(edge, datetime) else ~moment.reaches(edge)


_MOMENT: dict[Op, Callable[[Moment, date], ir.BooleanValue]] = {
    Op.IS: Moment.equals,
    Op.ON_DAY: Moment.equals,
    Op.AT_LEAST: Moment.reaches,
    Op.AT_MOST: lambda moment, edge: ~moment.passes(edge),
    Op.MORE_THAN: Moment.passes,
    Op.LESS_THAN: lambda moment, edge: ~moment.reaches(edge),
    Op.BEFORE: _before,
    Op.AFTER: Moment.passes,
}


class fitting:  # noqa: N801 - reads as a word
    """Says which leaf and which column a misfit is about."""

    def __init__(self, leaf: str, table: str, column: str | None) -> None:
        self._prefix = f"{leaf}: column {table}.{column} "

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, SourceError):
            raise SourceError(self._prefix + error.message, hint=error.hint) from None
