"""Before launch, what becomes readable when; afterwards, what it was worth."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import pytest
from statsmodels.stats.power import NormalIndPower

from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.money import worth
from relance.uplift.planning import entrants_needed
from relance.uplift.power import PowerRow, power
from relance.uplift.proportions import Interval

AT = datetime(2026, 11, 2, 8, tzinfo=UTC)
WINDOW = timedelta(days=30)


def rows(base: float, per_week: float, share: float) -> dict[float, PowerRow]:
    found = power(base, per_week, share, WINDOW, AT)
    assert not isinstance(found, Withheld)
    return {row.uplift: row for row in found}


def test_a_larger_uplift_and_a_larger_holdout_are_readable_sooner() -> None:
    tenth, third = rows(0.1, 300, 0.1), rows(0.1, 300, 0.3)
    dates = [row.readable_on or date.max for row in tenth.values()]
    assert dates == sorted(dates, reverse=True)
    assert (third[0.2].readable_on or date.max) < (tenth[0.2].readable_on or date.min)


def test_the_date_is_when_the_last_needed_window_closes() -> None:
    row = rows(0.1, 300, 0.1)[0.5]
    assert row.rate == pytest.approx(0.15)
    assert row.entrants == entrants_needed(0.1, 0.15, 0.1, alpha=0.04)
    weeks = row.entrants / 300
    assert row.readable_on == (AT + timedelta(weeks=weeks) + WINDOW).date()
    assert 14 < weeks < 15


def test_the_read_out_at_four_percent_needs_a_few_more_entrants_than_at_five() -> None:
    at_five, at_four = (entrants_needed(0.1, 0.12, 0.1, alpha) for alpha in (0.05, 0.04))
    effects = [NormalIndPower().solve_power(0.06, alpha=a, power=0.8) for a in (0.05, 0.04)]
    assert at_four / at_five == pytest.approx(effects[1] / effects[0], rel=0.01)


def test_a_row_respects_the_smallest_groups_that_a_verdict_needs() -> None:
    row = rows(0.45, 300, 0.1)[1.0]
    assert row.entrants == 1_000  # 100 held out, though fewer would show it


def test_an_uplift_beyond_everybody_or_beyond_ten_years_has_no_date() -> None:
    assert rows(0.6, 300, 0.1)[1.0] == PowerRow(
        uplift=1.0, rate=1.2, entrants=None, readable_on=None
    )
    slow = rows(0.02, 1, 0.1)[0.05]
    assert slow.entrants is not None
    assert slow.readable_on is None
    assert rows(0.1, 0, 0.1)[0.5].readable_on is None


@pytest.mark.parametrize(
    ("base", "per_week", "share", "why"),
    [
        (0.0, 300, 0.1, Why.FEW_CONVERSIONS),
        (1.2, 300, 0.1, Why.IMPOSSIBLE),
        (0.1, -1, 0.1, Why.IMPOSSIBLE),
        (0.1, 300, 0.0, Why.NO_HOLDOUT),
        (0.1, 300, 1.0, Why.NO_TREATED),
        (math.nan, 300, 0.1, Why.NOT_FINITE),
    ],
)
def test_power_from_what_cannot_be_is_named(
    base: float, per_week: float, share: float, why: Why
) -> None:
    assert power(base, per_week, share, WINDOW, AT) == Withheld(why=why)


RETAINED = Estimate(value=0.02, interval=Interval(0.005, 0.035), method="Newcombe")
SPENT = Estimate(value=1.5, interval=Interval(-0.5, 3.5), method="pooled t")
SENT = {"email": 9_000, "sms": 1_000}
PRICES = {"email": 0.001, "sms": 0.05}


def test_what_a_trigger_was_worth_is_the_effect_times_the_treated_less_the_messages() -> None:
    found = worth(9_000, RETAINED, SPENT, SENT, PRICES)
    assert isinstance(found.customers, Estimate)
    assert found.customers.value == pytest.approx(180)
    assert found.customers.interval == pytest.approx((45, 315))
    assert found.cost == pytest.approx(9 + 50)
    assert isinstance(found.net, Estimate)
    assert found.net.value == pytest.approx(13_500 - 59)
    assert found.net.interval == pytest.approx((-4_500 - 59, 31_500 - 59))


def test_without_an_effect_on_revenue_the_cost_is_still_known() -> None:
    thin = Withheld(why=Why.FEW_BUYERS)
    found = worth(9_000, RETAINED, thin, SENT, PRICES)
    assert found.revenue == found.net == thin
    assert found.cost == pytest.approx(59)


@pytest.mark.parametrize(
    ("prices", "sent", "why"),
    [
        ({"sms": math.inf}, SENT, Why.NOT_FINITE),
        ({"sms": -0.1}, SENT, Why.NEGATIVE),
        (PRICES, {"sms": -5}, Why.IMPOSSIBLE),
    ],
)
def test_costs_that_cannot_be_are_named(
    prices: dict[str, float], sent: dict[str, int], why: Why
) -> None:
    found = worth(9_000, RETAINED, SPENT, sent, prices)
    assert found.cost == found.net == Withheld(why=why)


def test_nobody_treated_is_worth_nothing_that_could_be_said() -> None:
    found = worth(0, RETAINED, SPENT, SENT, PRICES)
    assert found.customers == found.revenue == found.net == Withheld(why=Why.NO_TREATED)
    assert found.cost == pytest.approx(59)


def test_fewer_than_nobody_treated_is_named() -> None:
    found = worth(-1, RETAINED, SPENT, SENT, PRICES)
    nothing = Withheld(why=Why.IMPOSSIBLE)
    assert found.customers == found.revenue == found.cost == found.net == nothing
