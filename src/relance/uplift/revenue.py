"""Revenue per entrant: a permutation test, a capped interval, and its parts where data are thin.

The usual t-test makes up revenue with a small holdout (`docs/measurement.md`), so none is used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from relance.uplift.comparison import difference
from relance.uplift.estimate import Estimate, Why, Withheld, withheld
from relance.uplift.means import mean_difference
from relance.uplift.outcomes import SpendSums
from relance.uplift.permutation import DRAWS, SEED, drawn_p, moment_p

DRAWN = "permutation"
BY_MOMENTS = "the moments of all permutations"
CAPPED = "pooled t of capped spend"
MIN_BUYERS = 30  # in the holdout, before any number about money
PERCENTILE = 95.0  # of the buyers' amounts, at which the engine caps spend for the interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """What a trigger did for revenue per entrant, in the currency of the amounts.

    `difference` is of all that was spent, `p` its p-value by the named `test`. `capped` counts
    every customer with at most `cap`, the `percentile` of all buyers' amounts: an interval of
    the uncapped difference would be a guess about the rare large order.
    """

    difference: float
    p: float
    capped: Estimate
    cap: float
    percentile: float
    test: str = DRAWN


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
    treated: SpendSums, holdout: SpendSums, *, draws: int = DRAWS, seed: int = SEED
) -> Revenue:
    """Compare two arms' spend; the effect is withheld below `MIN_BUYERS` in the holdout.

    The same sums and amounts give the same p-value.
    """
    if bad := _bad(treated, holdout):
        return Revenue(effect=bad, buyers=bad, per_buyer_treated=None, per_buyer_holdout=None)
    return Revenue(
        effect=_effect(treated, holdout, draws, seed),
        buyers=difference(*_buyers(treated), *_buyers(holdout)),
        per_buyer_treated=_per_buyer(treated),
        per_buyer_holdout=_per_buyer(holdout),
    )


def permutation_p(
    treated: SpendSums, holdout: SpendSums, *, draws: int = DRAWS, seed: int = SEED
) -> float | None:
    """Two-sided p-value of the arms being one population: `drawn_p`, or `moment_p` where the
    amounts stayed in the engine, which has none where a few amounts decide."""
    small, large = sorted((treated, holdout), key=lambda arm: arm.customers)
    if small.amounts is None or large.amounts is None:
        return moment_p(small.moments, small.third, large.moments, large.third)
    return drawn_p(
        small.amounts, small.customers, large.amounts, large.customers, draws=draws, seed=seed
    )


def _bad(treated: SpendSums, holdout: SpendSums) -> Withheld | None:
    arms = (treated, holdout)
    if any(arm.not_finite for arm in arms) or not all(map(_finite, arms)):
        return Withheld(why=Why.NOT_FINITE)
    if any(arm.negative or min(_known(arm), default=0.0) < 0 for arm in arms):
        return Withheld(why=Why.NEGATIVE)
    if not all(map(_possible, arms)):
        return Withheld(why=Why.IMPOSSIBLE)
    return withheld(_buyers(treated), _buyers(holdout))


def _finite(arm: SpendSums) -> bool:
    numbers = (arm.third, arm.cap, *_known(arm))
    return arm.moments.finite and arm.capped.finite and all(map(math.isfinite, numbers))


def _possible(arm: SpendSums) -> bool:
    """Whether sums and amounts are of as many customers and buyers as were counted."""
    counted = arm.moments.n == arm.capped.n == arm.customers
    listed = arm.amounts is None or len(arm.amounts) == arm.buyers
    return counted and listed and arm.moments.possible


def _known(arm: SpendSums) -> Sequence[float]:
    return () if arm.amounts is None else arm.amounts


def _buyers(arm: SpendSums) -> tuple[int, int]:
    return arm.buyers, arm.customers


def _per_buyer(arm: SpendSums) -> float | None:
    return arm.moments.total / arm.buyers if arm.buyers else None


def _effect(treated: SpendSums, holdout: SpendSums, draws: int, seed: int) -> Effect | Withheld:
    if holdout.buyers < MIN_BUYERS:
        return Withheld(why=Why.FEW_BUYERS)
    capped = mean_difference(treated.capped, holdout.capped)
    if isinstance(capped, Withheld):
        return capped
    p = permutation_p(treated, holdout, draws=draws, seed=seed)
    listed = treated.amounts is not None and holdout.amounts is not None
    return Effect(
        difference=treated.moments.mean - holdout.moments.mean,
        # with so many buyers the capped mean is normal, however large the largest order
        p=(1.0 if capped.p is None else capped.p) if p is None else p,
        capped=capped,
        cap=max(treated.cap, holdout.cap),
        percentile=PERCENTILE,
        test=CAPPED if p is None else DRAWN if listed else BY_MOMENTS,
    )
