"""Revenue per entrant: an exact test, a capped interval, and silence where data are thin."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.revenue import Effect, Revenue, Spend, permutation_p, revenue


def exact_p(treated: Spend, holdout: Spend) -> float:
    """Every way to draw the holdout, one by one."""
    amounts = [*treated.amounts, *holdout.amounts]
    everybody = amounts + [0.0] * (treated.customers + holdout.customers - len(amounts))
    draws = [sum(one) for one in combinations(everybody, holdout.customers)]
    observed = sum(holdout.amounts)
    above = sum(one >= observed - 1e-9 for one in draws) / len(draws)
    below = sum(one <= observed + 1e-9 for one in draws) / len(draws)
    return min(1.0, 2 * min(above, below))


@pytest.mark.parametrize(
    ("treated", "holdout"),
    [
        (Spend(customers=12, amounts=[5, 9, 30, 30, 7]), Spend(customers=4, amounts=[5])),
        (Spend(customers=10, amounts=[1, 2]), Spend(customers=6, amounts=[50, 3, 4, 8])),
        (Spend(customers=4, amounts=[9, 12, 20]), Spend(customers=12, amounts=[5, 5])),
    ],
)
def test_the_permutation_test_agrees_with_counting_every_draw(
    treated: Spend, holdout: Spend
) -> None:
    p = permutation_p(treated, holdout, draws=20_000)
    assert p == pytest.approx(exact_p(treated, holdout), abs=0.02)


def shop(lift: float = 1.0) -> tuple[Spend, Spend]:
    random = np.random.default_rng(9)
    return (
        Spend(customers=4_500, amounts=(lift * random.lognormal(3, 0.6, 900)).tolist()),
        Spend(customers=500, amounts=random.lognormal(3, 0.6, 80).tolist()),
    )


def test_the_same_amounts_give_the_same_p_value_and_another_seed_nearly_the_same() -> None:
    assert permutation_p(*shop()) == permutation_p(*shop())
    assert permutation_p(*shop(), seed=2) == pytest.approx(permutation_p(*shop()), abs=0.02)


def test_a_real_difference_in_revenue_is_found_with_its_interval() -> None:
    found = revenue(*shop(lift=1.5))
    assert isinstance(found.effect, Effect)
    assert found.effect.p < 0.01
    low, high = found.effect.capped.interval
    assert 0 < low < found.effect.capped.value < high
    amounts = [amount for arm in shop(lift=1.5) for amount in arm.amounts]
    assert found.effect.cap == pytest.approx(np.percentile(amounts, 95))


def test_one_enormous_order_moves_the_difference_but_not_the_capped_interval() -> None:
    treated, holdout = shop()
    whale = Spend(customers=4_500, amounts=[*treated.amounts[:-1], 1e6])
    plain, with_whale = revenue(treated, holdout).effect, revenue(whale, holdout).effect
    assert isinstance(plain, Effect)
    assert isinstance(with_whale, Effect)
    assert with_whale.difference > plain.difference + 200
    assert with_whale.capped.value == pytest.approx(plain.capped.value, abs=0.1)


def test_below_thirty_held_out_buyers_there_are_parts_but_no_effect() -> None:
    treated, holdout = shop()
    found = revenue(treated, Spend(customers=500, amounts=holdout.amounts[:29]))
    assert found.effect == Withheld(why=Why.FEW_BUYERS)
    assert isinstance(found.buyers, Estimate)
    assert found.buyers.value == pytest.approx(900 / 4500 - 29 / 500)
    assert found.per_buyer_holdout == pytest.approx(np.mean(holdout.amounts[:29]))
    enough = revenue(treated, Spend(customers=500, amounts=holdout.amounts[:30]))
    assert isinstance(enough.effect, Effect)


@pytest.mark.parametrize(
    ("amounts", "customers", "why"),
    [
        ([5.0, -1.0], 10, Why.NEGATIVE),
        ([5.0, float("inf")], 10, Why.NOT_FINITE),
        ([5.0, float("nan")], 10, Why.NOT_FINITE),
        ([5.0, 6.0], 1, Why.IMPOSSIBLE),
        ([], 0, Why.NO_HOLDOUT),
    ],
)
def test_amounts_that_cannot_be_are_named(amounts: list[float], customers: int, why: Why) -> None:
    treated, _ = shop()
    nothing = Withheld(why=why)
    assert revenue(treated, Spend(customers=customers, amounts=amounts)) == Revenue(
        effect=nothing, buyers=nothing, per_buyer_treated=None, per_buyer_holdout=None
    )


def test_equal_baskets_bought_by_everybody_show_no_effect() -> None:
    treated, holdout = (Spend(customers=n, amounts=[10.0] * n) for n in (400, 40))
    assert revenue(treated, holdout).effect == Withheld(why=Why.NO_SPREAD)


def test_a_percentile_is_between_0_and_100() -> None:
    with pytest.raises(ValueError, match="is no percentile"):
        revenue(*shop(), percentile=0)
