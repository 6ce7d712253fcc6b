"""Revenue per entrant: an exact test, a capped interval, and silence where data are thin."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import gamma
from simulations.spending import sums

from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.outcomes import SpendSums
from relance.uplift.revenue import CAPPED, DRAWN, Effect, Revenue, permutation_p, revenue

Arms = tuple[SpendSums, SpendSums]


def spent(customers: int, amounts: list[float]) -> np.ndarray:
    return np.array(amounts + [0.0] * (customers - len(amounts)))


def exact_p(treated: np.ndarray, holdout: np.ndarray) -> float:
    """Every way to draw the holdout, one by one."""
    draws = [sum(one) for one in combinations([*treated, *holdout], len(holdout))]
    observed = holdout.sum()
    above = sum(one >= observed - 1e-9 for one in draws) / len(draws)
    below = sum(one <= observed + 1e-9 for one in draws) / len(draws)
    return min(1.0, 2 * min(above, below))


@pytest.mark.parametrize(
    ("treated", "holdout"),
    [
        (spent(12, [5, 9, 30, 30, 7]), spent(4, [5])),
        (spent(10, [1, 2]), spent(6, [50, 3, 4, 8])),
        (spent(4, [9, 12, 20]), spent(12, [5, 5])),
        (spent(8, [9, 12, 20]), spent(8, [5, 5, 40, 2])),
    ],
)
def test_the_permutation_test_agrees_with_counting_every_draw(
    treated: np.ndarray, holdout: np.ndarray
) -> None:
    p = permutation_p(*sums(treated, holdout), draws=20_000)
    assert p == pytest.approx(exact_p(treated, holdout), abs=0.02)


def shop(lift: float = 1.0, *, listed: bool = True) -> Arms:
    random = np.random.default_rng(9)
    treated = spent(4_500, (lift * random.lognormal(3, 0.6, 900)).tolist())
    return sums(treated, spent(500, random.lognormal(3, 0.6, 80).tolist()), listed=listed)


def test_the_same_amounts_give_the_same_p_value_and_another_seed_nearly_the_same() -> None:
    assert permutation_p(*shop()) == permutation_p(*shop())
    assert permutation_p(*shop(), seed=2) == pytest.approx(permutation_p(*shop()), abs=0.02)


@pytest.mark.parametrize("lift", [0.7, 1.0, 1.2, 1.4])
def test_the_sums_alone_tell_nearly_the_p_value_of_the_amounts(lift: float) -> None:
    drawn = permutation_p(*shop(lift), draws=99_999)
    assert permutation_p(*shop(lift, listed=False)) == pytest.approx(drawn, rel=0.08, abs=0.003)


def test_where_one_amount_decides_the_sums_leave_the_word_to_capped_spend() -> None:
    random = np.random.default_rng(9)
    treated = spent(9_000, [*random.lognormal(3, 0.6, 1_799), 1e6])
    holdout = spent(1_000, random.lognormal(3, 0.6, 200).tolist())
    known, unknown = (revenue(*sums(treated, holdout, listed=on)).effect for on in (True, False))
    assert isinstance(known, Effect)
    assert isinstance(unknown, Effect)
    assert (known.test, unknown.test) == (DRAWN, CAPPED)
    assert unknown.p == unknown.capped.p
    assert permutation_p(*sums(treated, holdout, listed=False)) is None


def test_the_moments_of_all_draws_are_those_of_counting_every_draw() -> None:
    random = np.random.default_rng(3)
    everybody = random.lognormal(1, 0.5, 14)
    draws = np.array([sum(one) for one in combinations(everybody, 5)])
    skewness = float(((draws - draws.mean()) ** 3).mean() / draws.std() ** 3)
    shift, scale = 4 / skewness**2, 2 / skewness
    for place in (0, 700, -1):
        chosen = sorted(combinations(range(14), 5), key=lambda one: everybody[list(one)].sum())[
            place
        ]
        held = np.isin(np.arange(14), chosen)
        z = (everybody[held].sum() - draws.mean()) / draws.std()
        upper = float(gamma.sf(z * abs(scale) + shift, shift))
        found = permutation_p(*sums(everybody[~held], everybody[held], listed=False))
        assert found == pytest.approx(min(1.0, 2 * min(upper, 1 - upper)))


def test_the_sums_of_amounts_that_are_all_alike_prove_nothing() -> None:
    alike = sums(spent(400, [10.0] * 400), spent(40, [10.0] * 40), listed=False)
    assert permutation_p(*alike) == 1


def test_a_real_difference_in_revenue_is_found_with_its_interval() -> None:
    treated, holdout = shop(lift=1.5)
    found = revenue(treated, holdout)
    assert isinstance(found.effect, Effect)
    assert found.effect.p < 0.01
    low, high = found.effect.capped.interval
    assert 0 < low < found.effect.capped.value < high
    amounts = [amount for arm in (treated, holdout) for amount in arm.amounts or ()]
    assert found.effect.cap == pytest.approx(np.percentile(amounts, 95))
    assert found.effect.difference == pytest.approx(treated.moments.mean - holdout.moments.mean)


def test_one_enormous_order_moves_the_difference_but_not_the_capped_interval() -> None:
    random = np.random.default_rng(9)
    treated = spent(4_500, random.lognormal(3, 0.6, 900).tolist())
    holdout = spent(500, random.lognormal(3, 0.6, 80).tolist())
    whale = treated.copy()
    whale[899] = 1e6
    plain, with_whale = (revenue(*sums(arm, holdout)).effect for arm in (treated, whale))
    assert isinstance(plain, Effect)
    assert isinstance(with_whale, Effect)
    assert with_whale.difference > plain.difference + 200
    assert with_whale.capped.value == pytest.approx(plain.capped.value, abs=0.1)


def test_below_thirty_held_out_buyers_there_are_parts_but_no_effect() -> None:
    treated = spent(4_500, [20.0 + n / 900 for n in range(900)])
    holdout = [20.0 + n for n in range(30)]
    found = revenue(*sums(treated, spent(500, holdout[:29])))
    assert found.effect == Withheld(why=Why.FEW_BUYERS)
    assert isinstance(found.buyers, Estimate)
    assert found.buyers.value == pytest.approx(900 / 4500 - 29 / 500)
    assert found.per_buyer_holdout == pytest.approx(np.mean(holdout[:29]))
    assert isinstance(revenue(*sums(treated, spent(500, holdout))).effect, Effect)


BAD = float("nan")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"negative": 1}, Why.NEGATIVE),
        ({"not_finite": 2}, Why.NOT_FINITE),
        ({"cap": float("inf")}, Why.NOT_FINITE),
        ({"third": BAD}, Why.NOT_FINITE),
        ({"amounts": [5.0, -1.0]}, Why.NEGATIVE),
        ({"amounts": [5.0, BAD]}, Why.NOT_FINITE),
        ({"amounts": [5.0]}, Why.IMPOSSIBLE),
        ({"customers": 1}, Why.IMPOSSIBLE),
        ({"buyers": 501, "amounts": None}, Why.IMPOSSIBLE),
    ],
)
@pytest.mark.parametrize("of_treated", [True, False])
def test_sums_that_cannot_be_are_named(
    changes: dict[str, float],
    why: Why,
    of_treated: bool,
) -> None:
    treated, holdout = sums(spent(500, [5.0, 6.0]), spent(500, [5.0, 6.0]))
    if of_treated:
        treated = replace(treated, **changes)
    else:
        holdout = replace(holdout, **changes)
    nothing = Withheld(why=why)
    assert revenue(treated, holdout) == Revenue(
        effect=nothing, buyers=nothing, per_buyer_treated=None, per_buyer_holdout=None
    )


def test_an_empty_arm_is_named() -> None:
    somebody, nobody = spent(500, [5.0, 6.0]), spent(0, [])
    assert revenue(*sums(somebody, nobody)).effect == Withheld(why=Why.NO_HOLDOUT)
    assert revenue(*sums(nobody, somebody)).effect == Withheld(why=Why.NO_TREATED)


def test_equal_baskets_bought_by_everybody_show_no_effect() -> None:
    equal = sums(spent(400, [10.0] * 400), spent(40, [10.0] * 40))
    assert revenue(*equal).effect == Withheld(why=Why.NO_SPREAD)
