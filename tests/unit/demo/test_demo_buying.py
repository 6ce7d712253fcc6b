"""The simulated customers buy as the published model says."""

from __future__ import annotations

import csv
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from scipy.special import hyp2f1

from relance.demo.buying import CDNOW, CDNOW_SPEND, amounts, repeat_purchases, spending_rates

SIZE = 100_000


def cdnow() -> tuple[np.ndarray, np.ndarray]:
    """CDNOW's repeat purchases and weeks watched, per customer; read, not imported: the
    package itself is old and warns."""
    package = find_spec("lifetimes")
    assert package is not None
    assert package.origin is not None
    path = Path(package.origin).parent / "datasets" / "cdnow_customers_summary.csv"
    with path.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    columns = ("frequency", "T") if "frequency" in rows[0] else ("x", "T")
    frequency, watched = (np.array([float(row[name]) for row in rows]) for name in columns)
    return frequency, watched


def simulated(weeks: float, size: int = SIZE) -> np.ndarray:
    """How often each of `size` customers bought again within some weeks."""
    buyers, _ = repeat_purchases(np.random.default_rng(11), np.zeros(size), weeks)
    return np.bincount(buyers, minlength=size)


def expected(weeks: float) -> float:
    """E[X(t)] of the BG/NBD model: Fader, Hardie & Lee 2005, equation 9."""
    r, alpha, a, b = CDNOW.r, CDNOW.alpha, CDNOW.a, CDNOW.b
    share = (alpha / (alpha + weeks)) ** r
    hyper = hyp2f1(r, b, a + b - 1, weeks / (alpha + weeks))
    return (a + b - 1) / (a - 1) * (1 - share * hyper)


@pytest.mark.parametrize("weeks", [4, 13, 39, 104])
def test_customers_buy_again_as_often_as_the_closed_form_says(weeks: float) -> None:
    counts = simulated(weeks)
    error = counts.std() / SIZE**0.5
    assert abs(counts.mean() - expected(weeks)) < 4 * error


@pytest.mark.parametrize("weeks", [4, 39])
def test_as_many_never_come_back_as_the_model_says(weeks: float) -> None:
    silent = (CDNOW.alpha / (CDNOW.alpha + weeks)) ** CDNOW.r
    error = (silent * (1 - silent) / SIZE) ** 0.5
    assert abs((simulated(weeks) == 0).mean() - silent) < 4 * error


def test_purchases_per_customer_look_like_those_of_the_real_shop() -> None:
    # CDNOW's customers were watched for 27 to 39 weeks
    frequency, watched = cdnow()
    first = np.tile(39 - watched, 40)
    buyers, _ = repeat_purchases(np.random.default_rng(5), first, 39.0)
    counts = np.bincount(buyers, minlength=len(first))
    for low, high in [(0, 0), (1, 1), (2, 3), (4, 10**6)]:
        share = ((counts >= low) & (counts <= high)).mean()
        truth = ((frequency >= low) & (frequency <= high)).mean()
        assert share == pytest.approx(truth, abs=0.025), (low, high)


def test_those_who_just_bought_are_the_likeliest_to_be_alive() -> None:
    # P(alive | x, t_x, T): Fader, Hardie & Lee 2008; checked by who buys in the year that follows
    buyers, times = repeat_purchases(np.random.default_rng(3), np.zeros(SIZE), 104.0)
    past, future = buyers[times <= 52], buyers[times > 52]
    x = np.bincount(past, minlength=SIZE)
    recent = np.zeros(SIZE)
    np.maximum.at(recent, past, times[times <= 52])
    again = np.bincount(future, minlength=SIZE) > 0
    three = x == 3
    group_early, group_late = three & (recent < 26), three & (recent > 39)
    assert again[group_late].mean() > 2 * again[group_early].mean()
    ratio = (
        CDNOW.a / (CDNOW.b + 3 - 1) * ((CDNOW.alpha + 52) / (CDNOW.alpha + recent)) ** (CDNOW.r + 3)
    )
    alive = 1 / (1 + ratio)
    # a living customer still has to buy within the year: compare the two groups, not the levels
    observed = again[group_late].mean() / again[group_early].mean()
    assert observed == pytest.approx(alive[group_late].mean() / alive[group_early].mean(), rel=0.15)


def test_a_customer_without_a_first_order_never_orders() -> None:
    first = np.array([np.nan, 0.0, np.nan])
    buyers, _ = repeat_purchases(np.random.default_rng(1), np.repeat(first, 500), 104.0)
    assert len(buyers)
    assert set((buyers // 500).tolist()) == {1}


def test_purchases_are_worth_what_the_published_model_says_on_average() -> None:
    rng = np.random.default_rng(2)
    rates = spending_rates(rng, 400_000)
    worth = amounts(rng, rates)
    mean = CDNOW_SPEND.p * CDNOW_SPEND.gamma / (CDNOW_SPEND.q - 1)
    assert worth.mean() == pytest.approx(mean, rel=0.01)
    assert worth.min() >= 0.01
    assert np.allclose(worth, np.round(worth, 2))


def test_a_customer_who_spends_much_once_spends_much_again() -> None:
    rng = np.random.default_rng(2)
    rates = spending_rates(rng, 50_000)
    once, again = amounts(rng, rates), amounts(rng, rates)
    assert np.corrcoef(np.log(once), np.log(again))[0, 1] > 0.5
