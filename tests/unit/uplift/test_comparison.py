"""Ratios and p-values of two shares, against statsmodels and scipy."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from scipy.stats import boschloo_exact, norm
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from relance.uplift.boschloo import boschloo_p
from relance.uplift.comparison import difference, difference_with_p, equality_p, koopman, relative
from relance.uplift.estimate import Estimate, Why, Withheld


def tables(number: int) -> list[tuple[int, int, int, int]]:
    draw = random.Random(7)
    sizes = [(draw.randint(20, 4000), draw.randint(10, 400)) for _ in range(number)]
    # where the whole holdout was retained, statsmodels' quartic has complex roots
    return [(draw.randint(1, t), t, draw.randint(1, h - 1), h) for t, h in sizes]


def test_koopman_equals_statsmodels_on_400_random_tables() -> None:
    for k, n, k0, n0 in tables(400):
        expected = confint_proportions_2indep(k, n, k0, n0, method="score", compare="ratio")
        assert koopman(k, n, k0, n0) == pytest.approx(expected, rel=1e-7), (k, n, k0, n0)


def accepted(k: int, n: int, k0: int, n0: int, ratio: float) -> float:
    """Koopman's statistic by brute force: the likeliest base rate on a fine grid."""
    base = np.linspace(0, min(1, 1 / ratio), 2_000_001)[1:]
    base[-1] -= 1e-12
    p = base * ratio
    loglik = k * np.log(p) + (n - k) * np.log1p(-p)
    loglik += k0 * np.log(base) + (n0 - k0) * np.log1p(-base)
    q = base[np.argmax(loglik)]
    p = q * ratio
    return (k - n * p) ** 2 / (n * p * (1 - p)) + (k0 - n0 * q) ** 2 / (n0 * q * (1 - q))


@pytest.mark.parametrize("table", [(366, 440, 244, 244), (40, 40, 10, 60), (3, 400, 5, 300)])
def test_both_ends_of_koopman_are_where_the_score_test_refuses(
    table: tuple[int, int, int, int],
) -> None:
    n = table[1] + table[3]
    limit = norm.isf(0.025) ** 2 * n / (n - 1)
    for end in koopman(*table):
        assert accepted(*table, end) == pytest.approx(limit, rel=1e-3)


def test_koopman_of_a_tiny_holdout_is_wide_and_of_none_retained_open() -> None:
    assert koopman(36, 360, 3, 40) == pytest.approx((0.48, 4.0), abs=0.02)
    interval = koopman(36, 360, 0, 40)
    assert (round(interval.low, 2), interval.high) == (1.13, math.inf)
    assert koopman(0, 360, 3, 40).low == 0
    assert koopman(0, 360, 0, 40) == (0, math.inf)


def test_a_ratio_is_hidden_below_five_retained_held_out_customers() -> None:
    assert relative(36, 360, 4, 40) == Withheld(why=Why.FEW_CONVERSIONS)
    found = relative(36, 360, 5, 40)
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(0.8)
    assert found.interval.low < 0.8 < found.interval.high


@pytest.mark.parametrize("table", [(36, 360, 3, 40), (12, 90, 0, 10), (55, 150, 9, 50)])
def test_small_samples_are_tested_exactly(table: tuple[int, int, int, int]) -> None:
    k, n, k0, n0 = table
    expected = boschloo_exact([[k, k0], [n - k, n0 - k0]]).pvalue
    assert equality_p(*table) == pytest.approx(expected)


def test_the_exact_test_is_never_below_scipys_which_may_miss_the_worst_case() -> None:
    draw = random.Random(5)
    for _ in range(25):
        n, n0 = draw.randint(5, 120), draw.randint(5, 60)
        k, k0 = draw.randint(1, n), draw.randint(0, n0 - 1)
        scipys = min(1.0, boschloo_exact([[k, k0], [n - k, n0 - k0]]).pvalue)
        assert scipys * (1 - 1e-6) <= boschloo_p(k, n, k0, n0) <= scipys * 1.02 + 1e-12


def test_an_unlucky_tiny_holdout_is_no_news() -> None:
    assert round(equality_p(36, 360, 3, 40), 2) == 0.75


def test_large_samples_are_tested_by_the_score() -> None:
    for k, n, k0, n0 in [(450, 4500, 61, 500), (225, 2000, 70, 400)]:
        assert equality_p(k, n, k0, n0) == pytest.approx(proportions_ztest([k, k0], [n, n0])[1])


def test_a_hopeless_equality_keeps_its_digits() -> None:
    # 2 * (1 - cdf) would be exactly 0
    assert 0 < equality_p(3000, 20_000, 2000, 20_000) < 1e-50


@pytest.mark.parametrize("table", [(0, 500, 0, 600), (500, 500, 600, 600), (5, 50, 0, 0)])
def test_where_nothing_differs_nothing_is_surprising(table: tuple[int, int, int, int]) -> None:
    assert equality_p(*table) == 1


def test_the_difference_comes_with_its_p_value_only_where_asked() -> None:
    plain, tested = difference(450, 4500, 61, 500), difference_with_p(450, 4500, 61, 500)
    assert isinstance(plain, Estimate)
    assert isinstance(tested, Estimate)
    assert (plain.value, plain.interval, plain.p) == (tested.value, tested.interval, None)
    assert tested.p == equality_p(450, 4500, 61, 500)


@pytest.mark.parametrize("table", [(5, 4, 1, 9), (1, 4, -1, 9), (1, 4, 10, 9)])
def test_more_hits_than_people_are_a_mistake_or_a_named_reason(
    table: tuple[int, int, int, int],
) -> None:
    for function in (koopman, equality_p):
        with pytest.raises(ValueError, match="is not a share"):
            function(*table)
    for function in (difference, difference_with_p, relative):
        assert function(*table) == Withheld(why=Why.IMPOSSIBLE)
