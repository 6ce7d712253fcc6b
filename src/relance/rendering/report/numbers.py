"""Numbers, money, intervals and days as the report writes them, in English and French."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache

import babel
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, get_currency_precision

from relance.domain.study import Metric
from relance.uplift.estimate import Estimate
from relance.uplift.proportions import Interval
from relance.uplift.wording import Locale, percent, points

DASH = "–"
MINUS = "\N{MINUS SIGN}"
WHOLE_FROM = 1_000  # of a currency: cents say nothing beside so much
_BABEL: Mapping[Locale, str] = {"en": "en_GB", "fr": "fr"}

Writer = Callable[[float], str]


def decimal(value: float, places: int, locale: Locale) -> str:
    """A number with its thousands apart; infinity as its sign."""
    if not math.isfinite(value):
        return _sign(value) + "∞"
    rounded = round(value, places)
    text = f"{abs(rounded):,.{places}f}"
    if locale == "fr":
        text = text.replace(",", "\N{NARROW NO-BREAK SPACE}").replace(".", ",")
    return _sign(rounded) + text


def _sign(value: float) -> str:
    return MINUS if value < 0 else ""


def signed(write: Writer) -> Writer:
    """The same with a plus before what is more than nothing."""

    def with_sign(value: float) -> str:
        text = write(value)
        shows_something = any(digit in text for digit in "123456789∞")
        return f"+{text}" if value > 0 and shows_something else text

    return with_sign


def whole(locale: Locale) -> Writer:
    """Customers, to the nearest one, with a sign."""
    return signed(lambda number: decimal(number, 0, locale))


def money(currency: str, largest: float, locale: Locale) -> Writer:
    """Amounts of a currency (ISO 4217), without cents where `largest` is a large one."""
    cents = get_currency_precision(currency)
    places = 0 if abs(largest) >= WHOLE_FROM else cents
    pattern = _money_pattern(locale, places)

    def write(value: float) -> str:
        rounded = round(value, places)
        amount = format_currency(
            abs(rounded), currency, pattern, locale=_BABEL[locale], currency_digits=False
        )
        return _sign(rounded) + amount.strip()

    return write


@lru_cache(maxsize=32)
def _money_pattern(locale: Locale, places: int) -> str:
    """CLDR's pattern for money with as many decimals as wanted."""
    pattern = str(babel.Locale.parse(_BABEL[locale]).currency_formats["standard"].pattern)
    decimals = f".{'0' * places}" if places else ""
    return pattern.split(";")[0].replace(".00", decimals)


def largest(estimate: Estimate) -> float:
    """The farthest from zero of an estimate's value and ends."""
    return max(abs(number) for number in (estimate.value, *estimate.interval))


def value_writer(metric: Metric, currency: str, locale: Locale) -> Writer:
    """How one arm's value of a metric is written."""
    if metric is Metric.REVENUE:
        return lambda value: money(currency, value, locale)(value)
    if metric is Metric.ORDERS:
        return lambda value: decimal(value, 3, locale)
    return lambda value: percent(value, locale)


def difference_writer(metric: Metric, currency: str, size: float, locale: Locale) -> Writer:
    """How a difference between the arms is written: shares in points, always with a sign."""
    if metric.is_share:
        return lambda value: points(value, locale)
    if metric is Metric.REVENUE:
        return signed(money(currency, size, locale))
    return signed(lambda value: decimal(value, 3, locale))


def ratio_writer(locale: Locale) -> Writer:
    """How a ratio is written: `×1.25`."""
    return lambda value: f"×{decimal(value, 2, locale)}"


def brackets(interval: Interval, write: Writer, locale: Locale) -> str:
    """An interval: `[−1.2, +8.3]`, in French `[−1,2 ; +8,3]`."""
    between = " ; " if locale == "fr" else ", "
    return f"[{between.join(write(end) for end in interval)}]"


def tick(value: float, locale: Locale) -> str:
    """A share on an axis, without a decimal that says nothing."""
    hundred = 100 * value
    return decimal(hundred, 0 if abs(hundred - round(hundred)) < 1e-9 else 1, locale)


def instant(at: datetime, locale: Locale) -> str:
    """`6 March 2026, 08:00`."""
    return str(format_datetime(at, "d MMMM y, HH:mm", locale=_BABEL[locale]))


def long_day(day: date, locale: Locale) -> str:
    """`6 March 2026`."""
    return str(format_date(day, "d MMMM y", locale=_BABEL[locale]))


def short_day(day: date, locale: Locale) -> str:
    """`6 Mar 2026`."""
    return str(format_date(day, "d MMM y", locale=_BABEL[locale]))


def p_value(p: float, locale: Locale) -> str:
    """A p-value to three decimals: `p = 0.012`; `p < 0.001` below them."""
    if p < 0.001:
        return f"p\N{NO-BREAK SPACE}<\N{NO-BREAK SPACE}{decimal(0.001, 3, locale)}"
    return f"p\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{decimal(p, 3, locale)}"


def percentile(value: float, locale: Locale) -> str:
    """`95`; `97.5` where it is no whole number."""
    return decimal(value, 0 if value == round(value) else 1, locale)
