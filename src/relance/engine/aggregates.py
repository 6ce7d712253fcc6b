"""Aggregates over clean events: the fields that they look at, their values, and what nobody has."""

from __future__ import annotations

from collections.abc import Iterable

import ibis
import ibis.expr.types as ir

from relance.domain.condition import Aggregate, FieldTest, Measure
from relance.engine.columns import Reading
from relance.engine.needs import AccountNeed, Answer, Need, reading_of

Field = tuple[str, Reading]


def fields_of(aggregates: Iterable[Aggregate]) -> list[Field]:
    """The event fields that aggregates look at."""
    found: dict[Field, None] = {}
    for aggregate in aggregates:
        if aggregate.measure in (Measure.SUM, Measure.AVERAGE):
            found[aggregate.field or "amount", Reading.NUMBER] = None
        elif aggregate.field is not None:
            found[aggregate.field, Reading.PLAIN] = None
        found.update(dict.fromkeys(fields_tested(aggregate.where)))
    return list(found)


def fields_tested(tests: Iterable[FieldTest]) -> list[Field]:
    """The event fields that tests look at."""
    return list(dict.fromkeys((test.field, reading_of(test.comparisons)) for test in tests))


def field_name(wanted: Field) -> str:
    """The name of a field's column in clean events."""
    return f"field_{wanted[1]}_{wanted[0]}"


def measured(events: ir.Table, aggregate: Aggregate, inside: ir.BooleanValue | None) -> ir.Value:
    """One aggregate over clean events, still null where there were none.

    Sums and averages are rounded to six decimals: the order in which doubles are added up
    differs from run to run, and its noise must not move anybody across a threshold.
    """
    if aggregate.measure is Measure.COUNT:
        return events.count(where=inside)
    if aggregate.measure is Measure.FIRST:
        return events.at.min(where=inside)
    if aggregate.measure is Measure.LAST and aggregate.field is not None:
        return _of_the_last(events, aggregate.field, inside)
    if aggregate.measure is Measure.LAST:
        return events.at.max(where=inside)
    column = events[field_name((aggregate.field or "amount", Reading.NUMBER))].cast("float64")
    if aggregate.measure is Measure.SUM:
        return column.sum(where=inside).round(6)
    return column.mean(where=inside).round(6)


def _of_the_last(events: ir.Table, name: str, inside: ir.BooleanValue | None) -> ir.Value:
    """A field's value of the last event, a gap where it has none. Of several at one instant the
    same one is taken for every field."""
    value = events[field_name((name, Reading.PLAIN))]
    order = [events.at.desc(), *((events["tie"],) if "tie" in events.columns else ())]
    there = events.at.notnull() if inside is None else events.at.notnull() & inside
    return value.collect(where=there, order_by=order, include_null=True)[0]


def filled(value: ir.Value, need: Need) -> ir.Value:
    """Nothing counts and adds up to 0; a customer whom a query does not name is not in it."""
    if isinstance(need, AccountNeed):
        if isinstance(
            need.need, Answer
        ):  # yes or no already, but for a customer without an account
            return ibis.coalesce(value, ibis.literal(False))
        return filled(value, need.need)
    if isinstance(need, Answer):
        return value.notnull()
    if isinstance(need, Aggregate) and need.measure is Measure.COUNT:
        return ibis.coalesce(value, ibis.literal(0, type="int64"))
    if isinstance(need, Aggregate) and need.measure is Measure.SUM:
        return ibis.coalesce(value, ibis.literal(0.0))
    return value
