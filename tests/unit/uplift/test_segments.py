"""What segments say about an outcome, against numpy and statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.formula.api import ols

from relance.uplift.comparison import koopman
from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.moments import Moments
from relance.uplift.segments import (
    alike,
    containment,
    explained,
    jaccard,
    lift,
    omega_squared,
    readable,
)


def shares(seed: int, groups: int = 5, people: int = 400) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    place = random.integers(0, groups, people)
    returned = random.random(people) < np.linspace(0.1, 0.5, groups)[place]
    return pd.DataFrame({"place": place, "y": returned.astype(float)})


def moments(frame: pd.DataFrame) -> list[Moments]:
    return [Moments.of_values(list(some)) for _, some in frame.groupby("place")["y"]]


@pytest.mark.parametrize("seed", range(5))
def test_eta_and_omega_squared_are_those_of_an_analysis_of_variance(seed: int) -> None:
    frame = shares(seed)
    table = sm.stats.anova_lm(ols("y ~ C(place)", frame).fit())
    between, within = table["sum_sq"]
    noise = table["mean_sq"].iloc[1]
    free = table["df"].iloc[0]
    assert explained(moments(frame)) == pytest.approx(between / (between + within))
    omega = (between - free * noise) / (between + within + noise)
    assert omega_squared(moments(frame)) == pytest.approx(max(0, omega))


@pytest.mark.parametrize("seed", range(5))
def test_how_alike_members_are_is_their_own_part_of_the_analysis(seed: int) -> None:
    frame = shares(seed)
    everybody = Moments.of_values(list(frame["y"]))
    for _, some in frame.groupby("place")["y"]:
        values = some.to_numpy()
        within = ((values - values.mean()) ** 2).sum()
        whole = ((values - frame["y"].mean()) ** 2).sum()
        chance = within / (len(values) - 1)
        wanted = max(0, (whole - within - chance) / (whole + chance))
        assert alike(Moments.of_values(list(values)), everybody) == pytest.approx(wanted)


def test_without_the_correction_the_parts_add_up_to_eta_squared() -> None:
    frame = shares(1)
    grand = frame["y"].mean()
    between = sum(len(some) * (some.mean() - grand) ** 2 for _, some in frame.groupby("place")["y"])
    assert explained(moments(frame)) == pytest.approx(between / ((frame["y"] - grand) ** 2).sum())


def test_members_at_even_odds_are_alike_though_their_own_variance_is_large() -> None:
    """The plain ratio of variances would call the best customers the least alike."""
    everybody, best = Moments.of_count(1_400, 10_000), Moments.of_count(500, 1_000)
    assert best.variance is not None
    assert everybody.variance is not None
    assert best.variance > everybody.variance
    found = alike(best, everybody)
    assert found is not None
    assert found > 0.3


def test_groups_drawn_at_random_explain_nothing_once_chance_is_taken_off() -> None:
    random = np.random.default_rng(3)
    found = [
        omega_squared([Moments.of_count(int(random.binomial(20, 0.2)), 20) for _ in range(200)])
        for _ in range(20)
    ]
    assert np.mean([one for one in found if one is not None]) < 0.01


def test_where_nobody_differs_there_is_no_number() -> None:
    same = [Moments.of_count(0, 50), Moments.of_count(0, 30)]
    assert explained(same) is None
    assert omega_squared(same) is None
    assert omega_squared([Moments.of_count(1, 1), Moments.of_count(0, 1)]) is None
    assert alike(Moments.of_count(0, 50), Moments.of_count(0, 80)) is None
    assert alike(Moments.of_count(1, 1), Moments.of_count(20, 80)) is None
    assert explained([]) is None


@pytest.mark.parametrize(
    ("hits", "members", "base_hits", "base"),
    [(60, 200, 200, 1_000), (5, 200, 200, 1_000), (40, 200, 200, 1_000), (0, 50, 30, 400)],
)
def test_the_lift_is_the_ratio_to_all_with_the_interval_of_the_ratio_to_the_others(
    hits: int, members: int, base_hits: int, base: int
) -> None:
    found = lift(hits, members, base_hits, base)
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx((hits / members) / (base_hits / base))
    others = koopman(hits, members, base_hits - hits, base - members)
    weight = members / base
    for end, ratio in zip(found.interval, others, strict=True):
        assert end == pytest.approx(ratio / (weight * ratio + 1 - weight))
    # telling members from the others and from all is one and the same
    assert (found.interval.low <= 1 <= found.interval.high) == (others.low <= 1 <= others.high)


def test_the_interval_of_the_lift_holds_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(5)
    members, others = 300, 2_000
    truth = 0.15 / ((300 * 0.15 + 2_000 * 0.1) / 2_300)
    held = 0
    for _ in range(600):
        mine, theirs = int(random.binomial(members, 0.15)), int(random.binomial(others, 0.1))
        found = lift(mine, members, mine + theirs, members + others)
        assert isinstance(found, Estimate)
        held += found.interval.low <= truth <= found.interval.high
    assert 0.93 <= held / 600 <= 0.98


def test_a_lift_without_others_or_with_few_of_them_has_a_reason() -> None:
    assert lift(10, 100, 10, 100) == Withheld(why=Why.NO_HOLDOUT)
    assert lift(10, 100, 13, 1_000) == Withheld(why=Why.FEW_CONVERSIONS)
    with pytest.raises(ValueError, match="part of the base"):
        lift(10, 100, 9, 1_000)


def test_an_infinite_ratio_to_the_others_is_a_finite_one_to_all() -> None:
    found = lift(100, 100, 105, 200)
    assert isinstance(found, Estimate)
    assert found.interval.high <= 2


def test_overlap_by_jaccard_and_by_containment() -> None:
    one, other = set(range(100)), set(range(60, 120))
    both = len(one & other)
    assert jaccard(100, 60, both) == pytest.approx(both / len(one | other))
    assert containment(100, 60, both) == pytest.approx(both / 60)
    assert jaccard(0, 0, 0) is None
    assert containment(0, 5, 0) is None


def test_what_could_be_read_grows_smaller_with_more_entrants() -> None:
    few, many = readable(0.1, 1_000, 0.1), readable(0.1, 100_000, 0.1)
    assert few is not None
    assert many is not None
    assert few > 5 * many
    assert readable(None, 1_000, 0.1) is None
    assert readable(0.1, 5, 0.1) is None
