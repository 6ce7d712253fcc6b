"""What a leaf may be compared with: the operators for attributes, for numbers and for instants."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar, TypeVar, cast

from relance.domain.condition import Comparison, Op, Operand
from relance.domain.condition import Scalar as Value
from relance.spec.notations import LENGTH, instant, positive
from relance.spec.record import Record, optional
from relance.spec.shapes import Flag, JsonSchema, ListOf, Number, Shape, Text
from relance.spec.spot import Broken, Spot

T_co = TypeVar("T_co", covariant=True)

_DATE_SCHEMA: JsonSchema = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}"}


def _is_time(value: object) -> bool:
    return isinstance(value, date)  # a datetime is one too


class AnyValue(Shape[Value]):
    """Text, a number, true or false, or a date written without quotes."""

    says = "text, a number, true, false or a date"

    def read(self, spot: Spot) -> Value:
        scalar = spot.scalar(self.says, empty="use exists: false for what is missing")
        if scalar.plain and (moment := instant(scalar.text, spot.scope.zone)) is not None:
            return moment
        value = scalar.value
        return "" if value is None else value

    def schema(self) -> JsonSchema:
        return {"type": ["string", "number", "boolean"]}


class Moment(Shape[date | datetime]):
    """A date, or a date with a time."""

    says = "a date such as `2026-03-01`, or a date with a time"

    def read(self, spot: Spot) -> date | datetime:
        scalar = spot.scalar(self.says)
        moment = instant(scalar.text, spot.scope.zone)
        if moment is None:
            raise spot.broken(f"{scalar} is not {self.says}")
        return moment

    def schema(self) -> JsonSchema:
        return dict(_DATE_SCHEMA)


class Cutoff(Shape[Operand]):
    """A date, a date with a time, or a length of time counted back from the instant."""

    says = "a date such as `2026-03-01` or a length of time such as `90 days`"

    def __init__(self, *, day: bool = False) -> None:
        self._day = day

    def read(self, spot: Spot) -> Operand:
        scalar = spot.scalar(self.says)
        moment = instant(scalar.text, spot.scope.zone)
        if self._day and isinstance(moment, datetime):
            raise spot.broken(f"{scalar} is not a day", "leave out the time")
        if moment is not None:
            return moment
        try:
            return positive(scalar.text)
        except ValueError as error:
            raise spot.broken(f"{scalar} is not {self.says}", str(error)) from None

    def schema(self) -> JsonSchema:
        return {"anyOf": [dict(_DATE_SCHEMA), LENGTH.schema()]}


class Orderable(Shape[Value]):
    """A number or a date: what has an order."""

    says = "a number or a date"

    def read(self, spot: Spot) -> Value:
        scalar = spot.scalar(self.says)
        moment = instant(scalar.text, spot.scope.zone)
        if moment is not None:
            return moment
        if isinstance(scalar.value, bool) or not isinstance(scalar.value, int | float):
            raise spot.broken(f"must be {self.says}, not {scalar}")
        return scalar.value

    def schema(self) -> JsonSchema:
        return {"anyOf": [{"type": "number"}, dict(_DATE_SCHEMA)]}


class Pair(Shape[tuple[Value, ...]]):
    """Two values of one kind, the smaller one first; both ends belong to it."""

    def __init__(self, item: Shape[Value]) -> None:
        self._item = item

    def read(self, spot: Spot) -> tuple[Value, ...]:
        values = ListOf(self._item, self._item.says).read(spot)
        if len(values) != 2:
            raise spot.broken(f"must be {self.says}, not {len(values)}", "write [lower, upper]")
        low, high = values
        if _is_time(low) != _is_time(high) or isinstance(low, datetime) != isinstance(
            high, datetime
        ):
            raise spot.broken(
                "both ends must be of one kind", "two numbers, two dates, or two times"
            )
        if not low <= high:  # type: ignore[operator]  # both are numbers, or both are dates
            raise spot.broken("the lower end comes first", "swap the two")
        return values

    def schema(self) -> JsonSchema:
        return {"type": "array", "items": self._item.schema(), "minItems": 2, "maxItems": 2}

    @property
    def says(self) -> str:
        return "two values"


_ANY = AnyValue()
_ORDERABLE = Orderable()
_NUMBER: Shape[Value] = Number()
_MOMENT: Shape[Value] = Moment()


class Operators(Record[T_co]):
    """Base of all mappings that compare; every operator that is given must hold."""

    example: ClassVar[str] = "at_least: 1"

    def comparisons(self) -> tuple[Comparison, ...]:
        """What the file asks for, in the order of `Op`."""
        given = [op for op in Op if op.value in self.keys() and self.has(op.value)]
        if not given and self.unknown:
            raise Broken
        if not given:
            raise self.spot.broken("is not compared with anything", f"add {self.example}")
        return tuple(Comparison(op, cast(Operand, self.value(op.value))) for op in given)


class Comparing(Operators[T_co]):
    """The operators for an attribute or a field, whatever its type."""

    example = "is: FR, or exists: true"

    is_ = optional(_ANY, "Equal to this value.")
    is_not = optional(_ANY, "Not equal to it, or missing.")
    in_ = optional(ListOf(_ANY, "values"), "Equal to one of these values.")
    not_in = optional(ListOf(_ANY, "values"), "Equal to none of them, or missing.")
    at_least = optional(_ORDERABLE, "This or more.")
    at_most = optional(_ORDERABLE, "This or less.")
    more_than = optional(_ORDERABLE, "More than this.")
    less_than = optional(_ORDERABLE, "Less than this.")
    between = optional(Pair(_ORDERABLE), "From the first to the second, both included.")
    contains = optional(Text(), "Text that has this inside, capitals as written.")
    starts_with = optional(Text(), "Text that begins with this, capitals as written.")
    exists = optional(Flag(), "true: there is a value. false: there is none.")
    before = optional(Cutoff(), "Before this day; with a length of time: that long ago or longer.")
    after = optional(Cutoff(), "After this day; with a length of time: less long ago than that.")
    on_day = optional(Cutoff(day=True), "On this day; with a length of time: the day so long ago.")


class Numeric(Operators[T_co]):
    """The operators for a number."""

    what = "operators such as {at_least: 3}"

    is_ = optional(_NUMBER, "Equal to this number.")
    is_not = optional(_NUMBER, "Not equal to it.")
    in_ = optional(ListOf(_NUMBER, "numbers"), "Equal to one of these numbers.")
    not_in = optional(ListOf(_NUMBER, "numbers"), "Equal to none of them.")
    at_least = optional(_NUMBER, "This or more.")
    at_most = optional(_NUMBER, "This or less.")
    more_than = optional(_NUMBER, "More than this.")
    less_than = optional(_NUMBER, "Less than this.")
    between = optional(Pair(_NUMBER), "From the first to the second, both included.")


class Counting(Numeric[tuple[Comparison, ...]]):
    """The operators for a count."""

    def build(self) -> tuple[Comparison, ...]:
        return self.comparisons()


class Totalling(Numeric[tuple[str, tuple[Comparison, ...]]]):
    """The operators for a sum, with the field that is added up."""

    of = optional(
        Text("a field"),
        "The field of the event that is added up.",
        default="amount",
        shown="amount",
    )

    def build(self) -> tuple[str, tuple[Comparison, ...]]:
        return self.of, self.comparisons()


class Averaging(Totalling):
    """The operators for an average, which is missing where there is no event."""

    exists = optional(Flag(), "true: there is an average. false: there is no event.")


class Timing(Operators[tuple[Comparison, ...]]):
    """The operators for the first or the last event's instant."""

    what = "operators such as {before: 90 days}"
    example = "before: 90 days"

    before = Comparing.before
    after = Comparing.after
    on_day = Comparing.on_day
    between = optional(Pair(_MOMENT), "From the first to the second, both included.")
    exists = optional(Flag(), "true: there is such an event. false: there is none.")

    def build(self) -> tuple[Comparison, ...]:
        return self.comparisons()
