"""Intervals of shares and differences, against statsmodels and published numbers."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

import hillstrom
from relance.uplift.proportions import newcombe, split_p, wilson


def tables(number: int) -> list[tuple[int, int, int, int]]:
    draw = random.Random(7)
    sizes = [(draw.randint(1, 4000), draw.randint(1, 400)) for _ in range(number)]
    return [(draw.randint(0, t), t, draw.randint(0, h), h) for t, h in sizes]


def test_newcombe_equals_statsmodels_on_400_random_tables() -> None:
    for k, n, k0, n0 in tables(400):
        expected = confint_proportions_2indep(k, n, k0, n0, method="newcomb", compare="diff")
        assert newcombe(k, n, k0, n0) == pytest.approx(expected, abs=1e-12), (k, n, k0, n0)


def test_wilson_equals_statsmodels_on_400_random_tables() -> None:
    for k, n, _, _ in tables(400):
        assert wilson(k, n) == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-12)


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [((36, 360, 3, 40), -0.102, 0.086), ((36, 360, 0, 40), 0.008, 0.135)],
)
def test_newcombe_keeps_its_head_with_a_tiny_holdout(
    table: tuple[int, int, int, int], low: float, high: float
) -> None:
    interval = newcombe(*table)
    assert round(interval.low, 3) == low
    assert round(interval.high, 3) == high


@pytest.mark.parametrize(
    ("arm", "metric", "low", "high"),
    [
        ("Mens E-Mail", "visit", 0.069953, 0.083227),
        ("Mens E-Mail", "conversion", 0.005014, 0.008641),
        ("Womens E-Mail", "conversion", 0.00150, 0.00475),
        ("Womens E-Mail", "visit", 0.0389, 0.0516),
    ],
)
def test_newcombe_gives_the_golden_numbers_of_the_hillstrom_trial(
    arm: str, metric: str, low: float, high: float
) -> None:
    interval = newcombe(*hillstrom.table(arm, metric))
    digits = 6 if len(str(low)) > 7 else 4
    assert round(interval.low, digits) == pytest.approx(low, abs=10.0**-digits)
    assert round(interval.high, digits) == pytest.approx(high, abs=10.0**-digits)


def exact_coverage(n: int, n0: int, p: float, p0: float) -> float:
    """How often the interval holds the truth: every table, weighted by its probability."""

    def pmf(k: int, size: int, rate: float) -> float:
        return math.comb(size, k) * rate**k * (1 - rate) ** (size - k)

    weights = [(k, pmf(k, n, p)) for k in range(n + 1)]
    weights = [(k, w) for k, w in weights if w > 1e-9]
    return sum(
        w * w0
        for k0, w0 in ((k0, pmf(k0, n0, p0)) for k0 in range(n0 + 1))
        for k, w in weights
        if (ends := newcombe(k, n, k0, n0)).low <= p - p0 <= ends.high
    )


@pytest.mark.parametrize(
    ("p0", "p", "coverage"),
    [(0.075, 0.075, 0.958), (0.02, 0.02, 0.960), (0.02, 0.05, 0.951), (0.20, 0.20, 0.952)],
)
def test_the_interval_holds_the_truth_as_often_as_it_claims(
    p0: float, p: float, coverage: float
) -> None:
    assert exact_coverage(360, 40, p, p0) == pytest.approx(coverage, abs=0.001)


counts = st.integers(0, 10**7).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, counts)
def test_every_interval_is_finite_ordered_and_holds_its_estimate(
    one: tuple[int, int], base: tuple[int, int]
) -> None:
    low, high = newcombe(*one, *base)
    assert -1 <= low <= high <= 1
    if one[1] and base[1]:
        diff = one[0] / one[1] - base[0] / base[1]
        assert low - 1e-12 <= diff <= high + 1e-12
    share = wilson(*one)
    assert 0 <= share.low <= share.high <= 1


def test_nothing_is_known_about_an_empty_group() -> None:
    assert wilson(0, 0) == (0, 1)
    assert newcombe(0, 0, 3, 40) == (-1, 1)


@pytest.mark.parametrize(("hits", "total"), [(3, 2), (-1, 5)])
def test_more_hits_than_people_is_a_mistake(hits: int, total: int) -> None:
    with pytest.raises(ValueError, match="is not a share"):
        wilson(hits, total)


def test_a_split_of_600_to_4400_is_no_ten_percent_holdout() -> None:
    # gbstats 0.8.0, check_srm: 2.4e-6
    assert split_p(4400, 600, 0.1) == pytest.approx(2.4e-6, rel=0.02)


def test_a_fair_split_raises_no_alarm() -> None:
    assert split_p(9003, 997, 0.1) > 0.9


def test_two_held_out_of_twenty_are_no_alarm_for_a_holdout_of_one_percent() -> None:
    # the chi-square would say 5e-5; the exact probability is 1.7 %
    assert split_p(18, 2, 0.01) == 1


def test_a_small_split_is_judged_exactly() -> None:
    for treated, holdout, share in [(80, 20, 0.1), (98, 2, 0.1), (450, 50, 0.1), (0, 40, 0.2)]:
        total = treated + holdout
        tails = binom.cdf(holdout, total, share), binom.sf(holdout - 1, total, share)
        expected = min(1.0, 2 * float(min(tails)))
        assert split_p(treated, holdout, share) == pytest.approx(expected, rel=1e-9)
    # Pearson's chi-square would say 0.0009 of the first
    assert split_p(80, 20, 0.1) == pytest.approx(0.004, abs=0.0005)


def test_somebody_held_out_without_a_holdout_is_an_alarm() -> None:
    assert split_p(100, 1, 0.0) == 0
    assert split_p(100, 0, 0.0) == 1


def test_a_hopeless_split_has_a_small_p_value_not_zero() -> None:
    assert 0 < split_p(10_000, 2_000, 0.1) < 1e-100
