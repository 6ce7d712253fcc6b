"""The oracle of RFM: cut-offs, scores, and who has none."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reference_words import AT, MIDNIGHT, PARIS, days, five_customers, order
from relance.domain.condition import (
    RfmIs,
)
from relance.domain.workspace import RfmSpec
from relance.engine.reference import evaluate, fit, fit_rfm
from relance.engine.reference_shop import Customer, Shop


def test_rfm_cut_offs_are_interpolated_quintiles_of_the_customers_with_the_event() -> None:
    cutoffs = fit_rfm(five_customers(), AT)

    assert cutoffs is not None
    assert cutoffs.fitted_at == AT
    assert cutoffs.recency == pytest.approx((1.8, 2.6, 3.4, 4.2))
    assert cutoffs.frequency == pytest.approx((1.8, 2.6, 3.4, 4.2))
    assert cutoffs.monetary == pytest.approx((34, 70, 118, 178))


def test_the_fewest_days_and_the_most_orders_and_money_score_five() -> None:
    shop = five_customers()

    assert evaluate(RfmIs(recency=(5,)), shop, AT) == {"a"}
    assert evaluate(RfmIs(recency=(1, 2)), shop, AT) == {"d", "e"}
    assert evaluate(RfmIs(frequency=(4, 5), monetary=(5,)), shop, AT) == {"e"}
    assert evaluate(RfmIs(), shop, AT) == set("abcde"), "f never ordered"


def test_equal_values_get_equal_rfm_scores() -> None:
    customers = [Customer(key=str(n)) for n in range(7)]
    orders = [order(MIDNIGHT, str(n), amount=9.99) for n in range(7)]
    shop = Shop(zone=PARIS, customers=customers, events={"order": orders})

    assert len(evaluate(RfmIs(frequency=(1,), monetary=(1,), recency=(5,)), shop, AT)) == 7


def test_rfm_looks_at_its_own_window_and_event() -> None:
    shop = Shop(
        zone=PARIS,
        customers=[Customer(key="ada"), Customer(key="bob")],
        events={"visit": [order(days(30).before(AT, PARIS), "ada"), order(AT, "bob")]},
        rfm=RfmSpec(event="visit", within=days(30)),
    )

    assert evaluate(RfmIs(), shop, AT) == {"bob"}


def test_kept_cut_offs_are_used_instead_of_new_ones() -> None:
    shop = five_customers()
    kept = fit(shop, AT)
    later = AT + timedelta(days=10)

    assert evaluate(RfmIs(recency=(1,)), shop, later, fits=kept) == set("abcde")
    assert evaluate(RfmIs(recency=(1,)), shop, later) == {"e"}


def test_nobody_has_scores_in_a_shop_without_the_event() -> None:
    shop = Shop(zone=PARIS, customers=[Customer(key="ada")])

    assert fit_rfm(shop, AT) is None
    assert evaluate(RfmIs(), shop, AT) == set()
