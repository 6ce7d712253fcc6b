"""Money, numbers and dates as people in the customer's locale write them (CLDR, by babel).

Babel takes about 50 µs per amount. The pattern of a locale is therefore learnt once from what
babel prints and applied directly, where it is proven on probes to give the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.numbers import (
    format_currency,
    format_decimal,
    format_percent,
    get_currency_precision,
    is_currency,
)

_SHAPE = re.compile(
    r"^(?P<before>[^0-9]*)1(?P<group>[^0-9]?)234(?P=group)567(?:(?P<point>[^0-9])(?P<decimals>\d+))?"
    r"(?P<after>[^0-9]*)$"
)
_PROBES = tuple(
    Decimal(text)
    for text in "0 0.5 -0.004 7 12.345 -999.995 1000 -1234.5 98765.4321 1234567".split()  # noqa: SIM905
)
_FIELDS = frozenset("GyYQqMLlwWdDFgEecabBhHKkmsSzZvVxX")  # the letters of CLDR date patterns
_LENGTHS = frozenset({"short", "medium", "long", "full"})


class CannotFormat(ValueError):
    """A value is not what a filter formats. The message never holds the value."""


Writer = Callable[[Decimal], str]


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a locale writes one kind of number."""

    before: str
    negative: str
    after: str
    group: str
    point: str
    digits: int

    def write(self, number: Decimal) -> str:
        rounded = _rounded(number, self.digits)
        text = f"{abs(rounded):,.{self.digits}f}"
        whole, _, decimals = text.partition(".")
        whole = whole.replace(",", self.group)
        before = self.negative if rounded.is_signed() else self.before
        return f"{before}{whole}{self.point}{decimals}{self.after}"


def _learn(slow: Writer) -> Writer:
    """A quick writer that prints what a babel function prints, or that function itself."""
    positive = _SHAPE.match(slow(Decimal("1234567.25")))
    negative = _SHAPE.match(slow(Decimal("-1234567.25")))
    if positive is None or negative is None or positive["after"] != negative["after"]:
        return slow
    shape = _Shape(
        before=positive["before"],
        negative=negative["before"],
        after=positive["after"],
        group=positive["group"],
        point=positive["point"] or "",
        digits=len(positive["decimals"] or ""),
    )
    return shape.write if all(shape.write(probe) == slow(probe) for probe in _PROBES) else slow


@lru_cache(maxsize=256)
def locale_of(wanted: str | None, fallback: str) -> Locale:
    """The locale a customer's value names, or the workspace's; a wrong one never raises."""
    for text in (wanted, fallback):
        try:
            if text:
                return Locale.parse(text.replace("-", "_"))
        except (ValueError, UnknownLocaleError, TypeError):
            continue
    return Locale("en")


@lru_cache(maxsize=256)
def zone_of(wanted: str | None, fallback: ZoneInfo) -> ZoneInfo:
    """The time zone a customer's value names, or the workspace's."""
    try:
        return ZoneInfo(wanted) if wanted else fallback
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return fallback


@lru_cache(maxsize=512)
def _money_writer(locale: Locale, currency: str) -> Writer:
    if not is_currency(currency):
        raise CannotFormat(f"{currency!r} is not a currency (ISO 4217)")
    digits = get_currency_precision(currency)

    def slow(number: Decimal) -> str:
        return str(format_currency(_rounded(number, digits), currency, locale=locale))

    return _learn(slow)


@lru_cache(maxsize=512)
def _number_writer(locale: Locale, digits: int) -> Writer:
    whole = locale.decimal_formats[None].pattern.partition(".")[0]
    pattern = whole + ("." + "0" * digits if digits else "")
    return _learn(
        lambda number: str(format_decimal(_rounded(number, digits), pattern, locale=locale))
    )


@lru_cache(maxsize=512)
def _percent_writer(locale: Locale, digits: int) -> Writer:
    standard = locale.percent_formats[None].pattern
    decimals = "." + "0" * digits if digits else ""
    pattern = re.sub(r"0(?![.,0#])", f"0{decimals}", standard, count=1)
    return lambda number: str(format_percent(number, pattern, locale=locale))


def _rounded(number: Decimal, digits: int) -> Decimal:
    """Half to even, as babel rounds; never a negative zero."""
    return round(number, digits) + Decimal(0)


def money(value: object, currency: str, locale: Locale) -> str:
    """`1 234,50 €`; as many decimals as the currency has, half rounded to even."""
    return _money_writer(locale, currency.upper())(as_decimal(value, "money"))


def number(value: object, digits: int | None, locale: Locale) -> str:
    """`1 234,5`; up to three decimals where none are asked for."""
    exact = as_decimal(value, "number")
    if digits is None:
        digits = _decimals(exact)
    return _number_writer(locale, _digits(digits))(exact)


def percent(value: object, digits: int, locale: Locale) -> str:
    """A share as a percentage: 0.125 as `12,5 %` with one digit."""
    return _percent_writer(locale, _digits(digits))(as_decimal(value, "percent"))


def day(value: object, pattern: str, locale: Locale, zone: ZoneInfo) -> str:
    """`21 novembre 2026`: a CLDR length (short, medium, long, full) or pattern (`d MMMM`)."""
    instant = as_time(value, "date")
    if isinstance(instant, datetime):
        instant = instant.astimezone(zone).date()
    return _day(instant, _checked(pattern), locale)


@lru_cache(maxsize=8192)
def _day(value: date, pattern: str, locale: Locale) -> str:
    return str(format_date(value, pattern, locale=locale))


def moment(value: object, pattern: str, locale: Locale, zone: ZoneInfo) -> str:
    """`21 nov. 2026, 09:30` on the customer's clock."""
    instant = as_time(value, "datetime")
    if not isinstance(instant, datetime):
        raise CannotFormat("datetime needs an instant, and this is a day; use |date")
    return str(format_datetime(instant.astimezone(zone), _checked(pattern), locale=locale))


def as_decimal(value: object, name: str) -> Decimal:
    """A number in any of the ways it may arrive, text from JSON included."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise CannotFormat(f"{name} needs a number")
    try:
        exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    except InvalidOperation:
        raise CannotFormat(f"{name} needs a number") from None
    if not exact.is_finite() or exact.adjusted() > 18:
        raise CannotFormat(f"{name} needs a number of ordinary size")
    return exact


def as_time(value: object, name: str) -> date:
    """A day or an aware instant; text from JSON included."""
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        raise CannotFormat(f"{name} needs an instant with its time zone")
    if not isinstance(value, date):
        raise CannotFormat(f"{name} needs a day or an instant")
    return value


@lru_cache(maxsize=8192)
def _parsed(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        return None


def _decimals(value: Decimal) -> int:
    exponent = round(value, 3).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _digits(digits: object) -> int:
    if isinstance(digits, int) and 0 <= digits <= 10:
        return digits
    raise CannotFormat("the number of digits is 0 to 10")


@lru_cache(maxsize=256)
def _checked(pattern: object) -> str:
    known = isinstance(pattern, str) and (pattern in _LENGTHS or _FIELDS.intersection(pattern))
    if isinstance(pattern, str) and known and len(pattern) <= 60:
        return pattern
    raise CannotFormat("a date's form is short, medium, long, full or a pattern such as 'd MMMM'")
