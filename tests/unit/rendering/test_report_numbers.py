"""Numbers as the report writes them."""

from __future__ import annotations

import math

import pytest

from relance.domain.study import Metric
from relance.rendering.report.numbers import (
    brackets,
    decimal,
    difference_writer,
    money,
    p_value,
    percentile,
    ratio_writer,
    signed,
    tick,
    value_writer,
    whole,
)
from relance.uplift.proportions import Interval


@pytest.mark.parametrize(
    ("value", "currency", "locale", "written"),
    [
        (1234.5, "EUR", "en", "€1,234"),
        (12.344, "EUR", "en", "€12.34"),
        (-12.3, "EUR", "en", "−€12.30"),
        (1234.5, "EUR", "fr", "1 234 €"),
        (-3.5, "EUR", "fr", "−3,50 €"),
        (0.004, "EUR", "en", "€0.00"),
        (-0.004, "EUR", "en", "€0.00"),
        (120, "JPY", "en", "JP¥120"),
        (120, "XXX", "en", "¤120.00"),  # ISO 4217's own code for "no currency"
    ],
)
def test_money_is_written_as_its_readers_write_it(
    value: float, currency: str, locale: str, written: str
):
    text = money(currency, value, locale)(value)
    assert text.replace("\xa0", " ").replace("\u202f", " ") == written


def test_a_plus_stands_before_what_is_more_than_nothing_only():
    write = whole("en")
    assert [write(number) for number in (412.4, 0.2, -0.2, -58.0)] == ["+412", "0", "0", "−58"]
    assert signed(money("EUR", 0, "en"))(0.001) == "€0.00"


def test_infinity_is_a_sign_and_not_a_word():
    assert ratio_writer("en")(math.inf) == "×∞"
    assert decimal(-math.inf, 2, "fr") == "−∞"


def test_an_interval_uses_the_readers_separator():
    write = difference_writer(Metric.RETAINED, "EUR", 0.0, "fr")
    assert brackets(Interval(-0.012, 0.083), write, "fr") == "[−1,2 ; +8,3]"
    write = difference_writer(Metric.RETAINED, "EUR", 0.0, "en")
    assert brackets(Interval(-0.012, 0.083), write, "en") == "[−1.2, +8.3]"


def test_each_measure_is_written_in_its_own_unit():
    written = {
        metric: value_writer(metric, "EUR", "en")(0.125).replace("\xa0", " ") for metric in Metric
    }
    assert written[Metric.RETAINED] == "12.5 %"
    assert written[Metric.ORDERS] == "0.125"
    assert written[Metric.REVENUE] == "€0.12"


def test_a_tiny_p_value_is_not_written_as_nothing():
    plain = [p_value(p, "en").replace("\xa0", " ") for p in (0.0, 0.0004, 0.0123, 1.0)]
    assert plain == ["p < 0.001", "p < 0.001", "p = 0.012", "p = 1.000"]


def test_ticks_and_percentiles_have_no_decimal_that_says_nothing():
    assert [tick(share, "fr") for share in (0.1, 0.005, -0.02)] == ["10", "0,5", "−2"]
    assert [percentile(value, "en") for value in (95.0, 97.5)] == ["95", "97.5"]
