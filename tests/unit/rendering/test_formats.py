"""Amounts and dates as the customer's locale writes them."""

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from babel.numbers import format_currency, format_decimal
from hypothesis import given, settings
from hypothesis import strategies as st

from relance.rendering import formats

LOCALES = [
    "fr",
    "fr_CH",
    "en",
    "en_GB",
    "de",
    "de_CH",
    "es",
    "nl",
    "pl",
    "sv",
    "hi",
    "ar",
    "he",
    "ja",
    "fa",
]
amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=4, allow_nan=False)


@pytest.mark.parametrize("locale", LOCALES)
@given(amount=amounts)
@settings(max_examples=25, deadline=None)
def test_the_quick_way_writes_what_babel_writes(locale, amount):
    cldr = formats.locale_of(locale, "fr")
    for currency, digits in (("EUR", 2), ("JPY", 0)):
        rounded = round(amount, digits) + Decimal(0)
        expected = format_currency(rounded, currency, locale=cldr)
        assert formats.money(amount, currency, cldr) == expected
    whole = format_decimal(round(amount, 0) + Decimal(0), locale=cldr)
    assert formats.number(amount, 0, cldr) == whole


@pytest.mark.parametrize(
    ("wanted", "fallback", "expected"),
    [("fr-CH", "en", "fr_CH"), ("xx", "fr", "fr"), ("", "de", "de"), (None, "de", "de"),
     ("../../etc", "fr", "fr"), ("é", "nope", "en")],
)  # fmt: skip
def test_a_wrong_locale_falls_back_to_the_workspace_s(wanted, fallback, expected):
    assert str(formats.locale_of(wanted, fallback)) == expected


@pytest.mark.parametrize("value", ["abc", "1,5", True, [], "NaN", "1e99", float("inf")])
def test_what_is_not_a_number_is_refused_without_being_shown(value):
    with pytest.raises(formats.CannotFormat) as caught:
        formats.money(value, "EUR", formats.locale_of("fr", "fr"))
    assert str(value) not in str(caught.value)


@pytest.mark.parametrize("value", ["yesterday", 20260101, "2026-02-30", "2026-01-01T10:00:00"])
def test_what_is_no_day_and_no_instant_with_a_zone_is_refused(value):
    with pytest.raises(formats.CannotFormat):
        formats.day(value, "long", formats.locale_of("fr", "fr"), ZoneInfo("UTC"))


def test_numbers_show_up_to_three_decimals_and_half_goes_to_even():
    cldr = formats.locale_of("en", "en")
    shown = [formats.number(value, None, cldr) for value in (1, "1.50", 2.00049, 1234.5678)]
    assert shown == ["1", "1.5", "2", "1,234.568"]
    assert [formats.money(v, "EUR", cldr) for v in ("0.125", "0.135")] == ["€0.12", "€0.14"]
    assert formats.money("-0.001", "EUR", cldr) == "€0.00"
