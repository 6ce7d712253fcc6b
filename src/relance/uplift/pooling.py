"""Several versions of a trigger as one number: compared within each version, then averaged.

Adding versions up would compare one version's treated with another's held out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.normal import LEVEL, quantile, two_sided_p
from relance.uplift.proportions import Interval

# Hits, and misses, in each arm of a stratum. With five, inverse variance believes whichever
# holdout came out low, and its 95 % interval held the truth in 89 % of 2,000 simulated pools.
DENSE = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Stratum:
    """One version: closed windows and retained customers of both arms."""

    treated_hits: int
    treated: int
    holdout_hits: int
    holdout: int

    @property
    def arms(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Hits and customers, treated first."""
        return (self.treated_hits, self.treated), (self.holdout_hits, self.holdout)

    @property
    def difference(self) -> float:
        """Treated minus held out; both arms have people."""
        return self.treated_hits / self.treated - self.holdout_hits / self.holdout


def pool(strata: Sequence[Stratum], level: float = LEVEL) -> Estimate | Withheld:
    """The average difference within the strata, with its interval.

    By inverse variance where every stratum is dense, else by Mantel and Haenszel's risk
    difference, which is sound however thin the strata are. Strata with an empty arm compare
    nothing and are left out.
    """
    if any(not 0 <= hits <= total for one in strata for hits, total in one.arms):
        return Withheld(why=Why.IMPOSSIBLE)
    compared = [one for one in strata if one.treated and one.holdout]
    if not compared:
        return Withheld(why=Why.NO_STRATA)
    dense = all(min(k, n - k) >= DENSE for one in compared for k, n in one.arms)
    return inverse_variance(compared, level) if dense else mantel_haenszel(compared, level)


def inverse_variance(strata: Sequence[Stratum], level: float = LEVEL) -> Estimate:
    """Each stratum weighs as much as it knows (Fleiss, Levin & Paik 2003, ch. 10).

    Every arm must have a hit and a miss: `pool` sees to that.
    """
    weights = [1 / sum(k * (n - k) / n**3 for k, n in one.arms) for one in strata]
    total = math.fsum(weights)
    value = math.fsum(w * one.difference for w, one in zip(weights, strata, strict=True)) / total
    return _estimate(value, 1 / total, "inverse variance", level)


def mantel_haenszel(strata: Sequence[Stratum], level: float = LEVEL) -> Estimate | Withheld:
    """Each stratum weighs by its people (Greenland & Robins 1985, Biometrics 41:55).

    The variance is Sato's (1989, Biometrics 45:1323), consistent both for a few large strata
    and for many thin ones. Withheld where all the strata together show no spread.
    """
    weight = math.fsum(one.treated * one.holdout / (one.treated + one.holdout) for one in strata)
    value = math.fsum(map(_excess, strata)) / weight
    variance = math.fsum(value * _sato_p(one) + _sato_q(one) for one in strata) / weight**2
    if variance <= 0:
        return Withheld(why=Why.NO_SPREAD)
    return _estimate(value, variance, "Mantel-Haenszel", level)


def _excess(one: Stratum) -> float:
    total = one.treated + one.holdout
    return (one.treated_hits * one.holdout - one.holdout_hits * one.treated) / total


def _sato_p(one: Stratum) -> float:
    n1, n0 = one.treated, one.holdout
    square = n1**2 * one.holdout_hits - n0**2 * one.treated_hits + n1 * n0 * (n0 - n1) / 2
    return square / (n1 + n0) ** 2


def _sato_q(one: Stratum) -> float:
    treated = one.treated_hits * (one.holdout - one.holdout_hits)
    holdout = one.holdout_hits * (one.treated - one.treated_hits)
    return (treated + holdout) / (2 * (one.treated + one.holdout))


def _estimate(value: float, variance: float, method: str, level: float) -> Estimate:
    error = math.sqrt(variance)
    reach = quantile(level) * error
    return Estimate(
        value=value,
        interval=Interval(max(value - reach, -1.0), min(value + reach, 1.0)),
        method=method,
        level=level,
        p=two_sided_p(value / error),
    )
