"""Revenue per entrant: a permutation test, a capped interval, and its parts where data are thin.

The usual t-test makes up revenue with a small holdout (`docs/measurement.md`), so none is used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relance.uplift.comparison import difference
from relance.uplift.estimate import Estimate, Why, Withheld, withheld
from relance.uplift.means import mean_difference
from relance.uplift.moments import Moments

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MIN_BUYERS = 30  # in the holdout, before any number about money
PERCENTILE = 95.0  # of the buyers' amounts, at which spend is capped for the interval
DRAWS = 9_999  # of the permutation test: its smallest p-value is 0.0001
SEED = 20_080_320


@dataclass(frozen=True, kw_only=True, slots=True)
class Spend:
    """One arm: how many customers entered, and what each buyer among them spent in all."""

    customers: int
    amounts: Sequence[float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """What a trigger did for revenue per entrant, in the currency of the amounts.

    `difference` is of all that was spent, `p` its permutation p-value. `capped` counts every
    customer with at most `cap`, the `percentile` of all buyers' amounts: an interval of the
    uncapped difference would be a guess about the rare large order.
    """

    difference: float
    p: float
    capped: Estimate
    cap: float
    percentile: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Revenue:
    """Revenue per entrant, and its two parts: who bought, and for how much.

    The values per buyer describe (buyers were not drawn at random); None without buyers.
    """

    effect: Effect | Withheld
    buyers: Estimate | Withheld
    per_buyer_treated: float | None
    per_buyer_holdout: float | None


def revenue(
    treated: Spend,
    holdout: Spend,
    *,
    percentile: float = PERCENTILE,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Revenue:
    """Compare two arms' spend; the effect is withheld below `MIN_BUYERS` in the holdout.

    The same amounts give the same p-value. Raises ValueError for a percentile outside 0 to 100.
    """
    if not 0 < percentile <= 100:
        raise ValueError(f"{percentile} is no percentile: it lies between 0 and 100")
    if bad := _bad(treated, holdout):
        return Revenue(effect=bad, buyers=bad, per_buyer_treated=None, per_buyer_holdout=None)
    return Revenue(
        effect=_effect(treated, holdout, percentile, draws, seed),
        buyers=difference(*_buyers(treated), *_buyers(holdout)),
        per_buyer_treated=_per_buyer(treated),
        per_buyer_holdout=_per_buyer(holdout),
    )


def permutation_p(treated: Spend, holdout: Spend, *, draws: int = DRAWS, seed: int = SEED) -> float:
    """Two-sided p-value of the arms being one population, from the buyers' amounts alone.

    Were the arms drawn again, the buyers in the smaller one would be hypergeometric, and any of
    the amounts equally likely theirs: customers who spent nothing need not be carried along.
    Twice the smaller tail, so that each side errs at most half as often (Pitman 1937; the
    observed arms count as one draw, Phipson & Smyth 2010, SAGMB 9:39).
    """
    import numpy as np

    small, large = sorted((treated, holdout), key=lambda arm: arm.customers)
    amounts = np.concatenate([np.asarray(arm.amounts, dtype=float) for arm in (small, large)])
    observed = float(amounts[: len(small.amounts)].sum())
    sums = _redrawn(amounts, small.customers, large.customers, draws, seed)
    slack = 1e-9 * float(amounts.sum())  # equal sums, added in another order
    above = int((sums >= observed - slack).sum())
    below = int((sums <= observed + slack).sum())
    return min(1.0, 2 * (1 + min(above, below)) / (1 + draws))


def _redrawn(
    amounts: npt.NDArray[np.float64], small: int, large: int, draws: int, seed: int
) -> npt.NDArray[np.float64]:
    """What the smaller arm would have spent, in each of `draws` other draws of the arms."""
    import numpy as np

    random = np.random.default_rng(seed)
    buyers = len(amounts)
    sizes = random.hypergeometric(buyers, small + large - buyers, small, size=draws)
    return np.array(
        [amounts[random.choice(buyers, size, replace=False, shuffle=False)].sum() for size in sizes]
    )


def _bad(treated: Spend, holdout: Spend) -> Withheld | None:
    amounts = [*treated.amounts, *holdout.amounts]
    if not all(map(math.isfinite, amounts)):
        return Withheld(why=Why.NOT_FINITE)
    if any(amount < 0 for amount in amounts):
        return Withheld(why=Why.NEGATIVE)
    return withheld(_buyers(treated), _buyers(holdout))


def _buyers(arm: Spend) -> tuple[int, int]:
    return len(arm.amounts), arm.customers


def _per_buyer(arm: Spend) -> float | None:
    return math.fsum(arm.amounts) / len(arm.amounts) if len(arm.amounts) else None


def _effect(
    treated: Spend, holdout: Spend, percentile: float, draws: int, seed: int
) -> Effect | Withheld:
    import numpy as np

    if len(holdout.amounts) < MIN_BUYERS:
        return Withheld(why=Why.FEW_BUYERS)
    cap = float(np.percentile([*treated.amounts, *holdout.amounts], percentile))
    capped = mean_difference(_capped(treated, cap), _capped(holdout, cap))
    if isinstance(capped, Withheld):
        return capped
    return Effect(
        difference=_per_entrant(treated) - _per_entrant(holdout),
        p=permutation_p(treated, holdout, draws=draws, seed=seed),
        capped=capped,
        cap=cap,
        percentile=percentile,
    )


def _per_entrant(arm: Spend) -> float:
    return math.fsum(arm.amounts) / arm.customers


def _capped(arm: Spend, cap: float) -> Moments:
    """The arm's moments with every customer at most at `cap`; the others spent nothing."""
    spent = Moments.of_values([min(amount, cap) for amount in arm.amounts])
    return spent.merged(Moments(n=arm.customers - spent.n))
