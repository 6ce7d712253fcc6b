"""Source columns as one of a few clean kinds: keys, plain values, moments and numbers in text."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import ibis
import ibis.expr.types as ir

from relance.engine.clock import Kind, kind_of
from relance.errors import SourceError

# what PostgreSQL, which has no try_cast, is asked to read
_NUMBER = r"^\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?\s*$"
_TARGETS = {"number": "float64", "moment": "timestamp('UTC')", "day": "date"}
_LEAP = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29"
_DAYS = (
    "[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
    "|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
)
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?"
_OFFSET = "(Z|[-+](0[0-9]|1[0-4])(:?[0-5][0-9])?)"
_MOMENT = rf"^\s*(?!0000)({_LEAP}|{_DAYS})([ T]{_TIME}\s*{_OFFSET}?)?\s*$"


YES = ("true", "t", "yes", "y", "1", "1.0", "on")
NO = ("false", "f", "no", "n", "0", "0.0", "off", "")


class Reading(StrEnum):
    """How a column is to be understood."""

    PLAIN = "plain"  # as what it is
    MOMENT = "moment"  # a date or an instant, also where it is text
    DAY = "day"  # a date without a time of day, also where it is text
    NUMBER = "number"  # a number, also where it is text


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """Reads columns in one SQL dialect. Text without an offset is in the session's zone."""

    dialect: str

    def read(self, column: ir.Value, reading: Reading = Reading.PLAIN) -> ir.Value:
        """A column as whole numbers, numbers, truth, text, or a moment; gaps stay gaps."""
        kind = kind_of(column.type())
        if kind is Kind.TEXT and reading is not Reading.PLAIN:
            return self.parse(column, reading)
        return _PLAIN.get(kind, lambda value: value)(column)

    def parse(self, column: ir.Value, reading: Reading) -> ir.Value:
        """Text as a number or an instant; missing where it is neither."""
        text = column.cast("string")
        target = _TARGETS[reading]
        if self.dialect != "postgres":
            return text.try_cast(target)
        pattern = _NUMBER if reading is Reading.NUMBER else _MOMENT
        return text.re_search(pattern).ifelse(text, ibis.null("string")).cast(target)

    def unreadable(self, column: ir.Value, reading: Reading) -> ir.BooleanValue:
        """Whether a text is neither empty nor what it should be."""
        text = column.cast("string")
        return (text.strip() != "") & self.parse(column, reading).isnull()


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def convert_to(text: str, encoding: str) -> bytes:  # type: ignore[empty-body]
    """A text as bytes, in PostgreSQL."""


def in_bytes(text: ir.Value, dialect: str) -> ir.Value:
    """What orders texts letter by letter; PostgreSQL's own order is that of a language."""
    return convert_to(text, "UTF8") if dialect == "postgres" else text


def column_of(table: ir.Table, shown: str, name: str) -> ir.Value:
    """A column of a table. Raises SourceError, with the nearest name, where there is none."""
    if name in table.columns:
        return table[name]
    near = difflib.get_close_matches(name, table.columns, n=1)
    raise SourceError(
        f"table {shown} has no column {name!r}", hint=f"did you mean {near[0]}?" if near else None
    )


def key_kind(column: ir.Value) -> Kind | None:
    """INTEGER or TEXT, as a key column is joined on; None for a type that cannot be a key."""
    kind = kind_of(column.type())
    if kind.is_number:
        return Kind.INTEGER
    return Kind.TEXT if kind is Kind.TEXT else None


def key(column: ir.Value, kind: Kind) -> ir.Value:
    """A key column as whole numbers or as text. A number with a fraction is nobody's key."""
    if kind_of(column.type()) is Kind.NUMBER:
        whole = column.floor() == column
        column = whole.ifelse(column, ibis.null(column.type())).cast("int64")
    return column.cast("int64" if kind is Kind.INTEGER else "string")


def checked_key_kind(column: ir.Value, table: str, name: str) -> Kind:
    """INTEGER or TEXT, as `key_kind`. Raises SourceError for a type that cannot be a key."""
    kind = key_kind(column)
    if kind is None:
        raise SourceError(
            f"{table}.{name} holds {kind_of(column.type())}, which cannot be a customer's key",
            hint="a key is a whole number, a text or a UUID",
        )
    return kind


def as_key(own: ir.Value, kind: Kind) -> ir.Value:
    """A clean key as one of another kind; a text that is no number is nobody's."""
    if kind is not Kind.INTEGER:
        return own.cast("string")
    return own.re_search(r"^-?[0-9]{1,18}$").ifelse(own, ibis.null("string")).cast("int64")


def _number(column: ir.Value) -> ir.Value:
    """Decimals as doubles; what is not a number is missing."""
    double = column.cast("float64")
    if not column.type().is_floating():
        return double
    return double.isnan().ifelse(ibis.null("float64"), double)


_PLAIN: dict[Kind, Callable[[ir.Value], ir.Value]] = {
    Kind.INTEGER: lambda column: column.cast("int64"),
    Kind.NUMBER: _number,
    Kind.TEXT: lambda column: column.cast("string"),
}
