"""Versions are compared each on its own and then averaged, never added up."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.meta_analysis import combine_effects

from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.pooling import Stratum, mantel_haenszel, pool


def versions(seed: int, sizes: list[tuple[int, int]], effect: float = 0.0) -> list[Stratum]:
    random = np.random.default_rng(seed)
    bases = random.uniform(0.05, 0.4, len(sizes))
    return [
        Stratum(
            treated_hits=int(random.binomial(treated, base + effect)),
            treated=treated,
            holdout_hits=int(random.binomial(holdout, base)),
            holdout=holdout,
        )
        for base, (treated, holdout) in zip(bases, sizes, strict=True)
    ]


def test_dense_versions_are_pooled_as_statsmodels_does() -> None:
    strata = versions(1, [(4500, 500), (2000, 1000), (800, 800)])
    effects = np.array([one.difference for one in strata])
    variances = np.array([sum(k * (n - k) / n**3 for k, n in one.arms) for one in strata])
    expected = combine_effects(effects, variances).summary_frame().loc["fixed effect"]
    found = pool(strata)
    assert isinstance(found, Estimate)
    assert found.method == "inverse variance"
    assert found.value == pytest.approx(expected["eff"])
    assert found.interval == pytest.approx((expected["ci_low"], expected["ci_upp"]))


def test_a_holdout_that_shrank_while_the_base_fell_shows_no_effect_that_nobody_had() -> None:
    summer = Stratum(treated_hits=500, treated=5_000, holdout_hits=500, holdout=5_000)
    autumn = Stratum(treated_hits=380, treated=9_500, holdout_hits=20, holdout=500)
    pooled = pool([summer, autumn])
    assert isinstance(pooled, Estimate)
    assert pooled.value == pytest.approx(0, abs=1e-12)
    naive = 880 / 14_500 - 520 / 5_500
    assert naive < -0.03


def test_thin_versions_are_pooled_by_mantel_and_haenszel() -> None:
    strata = [
        Stratum(treated_hits=4, treated=18, holdout_hits=0, holdout=2),
        Stratum(treated_hits=3, treated=27, holdout_hits=1, holdout=3),
    ]
    found = pool(strata)
    assert isinstance(found, Estimate)
    assert found.method == "Mantel-Haenszel"
    weights = [18 * 2 / 20, 27 * 3 / 30]
    by_hand = (weights[0] * (4 / 18) + weights[1] * (3 / 27 - 1 / 3)) / sum(weights)
    assert found.value == pytest.approx(by_hand)


def test_satos_variance_agrees_with_greenland_and_robins_in_large_versions() -> None:
    strata = versions(2, [(4000, 4000), (6000, 6000), (3000, 3000)])
    found = mantel_haenszel(strata)
    assert isinstance(found, Estimate)
    weights = [one.treated * one.holdout / (one.treated + one.holdout) for one in strata]
    variance = (
        sum(
            w**2 * sum(k * (n - k) / n**3 for k, n in one.arms)
            for w, one in zip(weights, strata, strict=True)
        )
        / sum(weights) ** 2
    )
    width = found.interval.high - found.interval.low
    assert width == pytest.approx(2 * 1.959964 * variance**0.5, rel=0.01)


@pytest.mark.parametrize(
    "sizes", [[(900, 100), (1350, 150), (450, 50)], [(18, 4)] * 120, [(9000, 1000)] * 3]
)
def test_the_pooled_interval_holds_the_truth(sizes: list[tuple[int, int]]) -> None:
    pooled = [pool(versions(seed, sizes, effect=0.05)) for seed in range(600)]
    estimates = [found for found in pooled if isinstance(found, Estimate)]
    assert len(estimates) == 600
    held = [one.interval.low <= 0.05 <= one.interval.high for one in estimates]
    assert sum(held) / 600 >= 0.93


def test_versions_that_compare_nothing_are_left_out() -> None:
    real = Stratum(treated_hits=90, treated=900, holdout_hits=12, holdout=100)
    empty = Stratum(treated_hits=5, treated=50, holdout_hits=0, holdout=0)
    assert pool([real, empty]) == pool([real])
    assert pool([empty]) == pool([]) == Withheld(why=Why.NO_STRATA)


def test_versions_that_cannot_be_or_show_no_spread_are_named() -> None:
    wrong = Stratum(treated_hits=6, treated=5, holdout_hits=0, holdout=9)
    assert pool([wrong]) == Withheld(why=Why.IMPOSSIBLE)
    for hits in (0, 1):
        alike = Stratum(treated_hits=90 * hits, treated=90, holdout_hits=9 * hits, holdout=9)
        assert pool([alike, alike]) == Withheld(why=Why.NO_SPREAD)
