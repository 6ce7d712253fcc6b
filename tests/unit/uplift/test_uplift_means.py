"""Moments that merge, means that compare, and CUPED, against numpy, scipy and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, ttest_ind
from statsmodels.api import OLS

from relance.uplift.estimate import Estimate, Withheld
from relance.uplift.means import Cuped, cuped, mean_difference
from relance.uplift.moments import Moments, merge
from relance.uplift.multiplicity import false_discovery

amounts = st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=2, max_size=30)


@given(st.lists(amounts, min_size=1, max_size=6))
def test_weeks_merged_are_the_whole(weeks: list[list[float]]) -> None:
    merged = merge(Moments.of_values(week, week[::-1]) for week in weeks)
    flat = [value for week in weeks for value in week]
    whole = Moments.of_values(flat, [value for week in weeks for value in week[::-1]])
    scale = max(1.0, max(map(abs, flat)))
    assert merged.n == whole.n
    assert merged.mean == pytest.approx(whole.mean, abs=1e-9 * scale)
    assert merged.m2 == pytest.approx(whole.m2, abs=1e-9 * scale**2)
    assert merged.cross == pytest.approx(whole.cross, abs=1e-9 * scale**2)


def test_a_spread_of_one_survives_a_mean_of_a_billion() -> None:
    values = np.random.default_rng(3).normal(1e9, 1, 2_000)
    merged = merge(Moments.of_values(week) for week in np.split(values, 20))
    naive = float((values**2).sum() - values.sum() ** 2 / len(values)) / (len(values) - 1)
    assert merged.variance == pytest.approx(values.var(ddof=1), rel=1e-6)
    assert abs(naive - values.var(ddof=1)) > 1  # what raw sums of squares would say


def test_moments_come_from_what_an_engine_sends_and_from_counts() -> None:
    y, x = np.random.default_rng(4).normal(size=(2, 50))
    sent = Moments.of_engine(
        50, y.mean(), y.var(ddof=1), x.mean(), x.var(ddof=1), np.cov(y, x)[0, 1]
    )
    assert sent.m2 == pytest.approx(Moments.of_values(list(y), list(x)).m2)
    assert sent.cross == pytest.approx(Moments.of_values(list(y), list(x)).cross)
    assert Moments.of_engine(1, 7.0, None).variance is None
    assert Moments.of_engine(0, None, None) == Moments() == Moments.of_count(0, 0)
    assert Moments.of_count(3, 10).m2 == pytest.approx(Moments.of_values([1] * 3 + [0] * 7).m2)
    assert Moments.of_count(3, 10).total == pytest.approx(3)


def test_the_difference_of_means_equals_scipys_pooled_t_test() -> None:
    random = np.random.default_rng(5)
    treated, holdout = random.exponential(3, 900), random.exponential(2, 100)
    found = mean_difference(Moments.of_values(treated), Moments.of_values(holdout))
    expected = ttest_ind(treated, holdout, equal_var=True)
    assert isinstance(found, Estimate)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.interval == pytest.approx(tuple(expected.confidence_interval()))


def test_cuped_equals_the_regression_on_arm_and_covariate() -> None:
    random = np.random.default_rng(6)
    before = random.exponential(5, 1_000)
    arm = np.repeat([1.0, 0.0], [900, 100])
    spent = 2 * before + 3 * arm + random.normal(size=1_000)
    halves = [
        Moments.of_values(spent[arm == one].tolist(), before[arm == one].tolist()) for one in (1, 0)
    ]
    found = cuped(*halves)
    fit = OLS(spent, np.column_stack([np.ones(1_000), arm, before])).fit()
    assert isinstance(found, Cuped)
    assert found.estimate.value == pytest.approx(fit.params[1])
    assert found.theta == pytest.approx(fit.params[2])
    assert found.variance_cut > 0.98
    plain = mean_difference(*halves)
    assert not isinstance(plain, Withheld)
    width = found.estimate.interval.high - found.estimate.interval.low
    assert width < (plain.interval.high - plain.interval.low) / 5


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_false_discoveries_are_controlled_as_scipy_does(p_values: list[float]) -> None:
    named = {f"trigger {index}": p for index, p in enumerate(p_values)}
    adjusted = false_discovery(named)
    assert list(adjusted) == list(named)
    assert list(adjusted.values()) == pytest.approx(list(false_discovery_control(p_values)))


def test_no_p_value_needs_no_correction() -> None:
    assert false_discovery({}) == {}
