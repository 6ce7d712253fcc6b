"""Means compared from sums alone: the pooled-variance interval, and CUPED."""

from __future__ import annotations

import math
from dataclasses import dataclass

from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.moments import Moments
from relance.uplift.normal import LEVEL
from relance.uplift.proportions import Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Cuped:
    """A difference freed from what the covariate already explained.

    `theta` is the slope within the arms; `variance_cut` the share of variance it took away, the
    squared correlation within the arms (0 to 1).
    """

    estimate: Estimate
    theta: float
    variance_cut: float


def mean_difference(
    treated: Moments, holdout: Moments, level: float = LEVEL
) -> Estimate | Withheld:
    """Treated mean minus holdout mean, by Student's t with the pooled variance.

    Never Welch's: with skewed amounts and a small holdout, the arm that missed the rare large
    value has both a low mean and a small variance, and Welch takes that for an uplift.
    """
    if bad := _bad(treated, holdout):
        return bad
    spread = treated.m2 + holdout.m2
    return _student(treated, holdout, treated.mean - holdout.mean, spread, level)


def cuped(treated: Moments, holdout: Moments, level: float = LEVEL) -> Cuped | Withheld:
    """`mean_difference` adjusted by the covariate before entry.

    Deng, Xu, Kohavi & Walker 2013 (WSDM, "CUPED"); the slope is within arms, so that an effect
    is not taken for a slope. Withheld where the covariate is the same for everybody.
    """
    if bad := _bad(treated, holdout):
        return bad
    explaining = treated.before_m2 + holdout.before_m2
    if explaining <= 0:
        return Withheld(why=Why.NO_SPREAD)
    cross, spread = treated.cross + holdout.cross, treated.m2 + holdout.m2
    theta = cross / explaining
    value = treated.mean - holdout.mean - theta * (treated.before - holdout.before)
    estimate = _student(treated, holdout, value, spread - theta * cross, level)
    if isinstance(estimate, Withheld):
        return estimate
    return Cuped(estimate=estimate, theta=theta, variance_cut=theta * cross / spread)


def _bad(treated: Moments, holdout: Moments) -> Withheld | None:
    arms = (treated, holdout)
    if not all(arm.finite for arm in arms):
        return Withheld(why=Why.NOT_FINITE)
    if not all(arm.possible for arm in arms):
        return Withheld(why=Why.IMPOSSIBLE)
    if treated.n == 0:
        return Withheld(why=Why.NO_TREATED)
    if holdout.n == 0:
        return Withheld(why=Why.NO_HOLDOUT)
    return Withheld(why=Why.TOO_SMALL) if min(treated.n, holdout.n) < 2 else None


def _student(
    treated: Moments, holdout: Moments, value: float, spread: float, level: float
) -> Estimate | Withheld:
    from scipy.special import stdtr, stdtrit  # half a second to load

    if spread <= 0:
        return Withheld(why=Why.NO_SPREAD)
    freedom = treated.n + holdout.n - 2
    error = math.sqrt(spread / freedom * (1 / treated.n + 1 / holdout.n))
    reach = float(stdtrit(freedom, 0.5 + level / 2)) * error
    return Estimate(
        value=value,
        interval=Interval(value - reach, value + reach),
        method="pooled t",
        level=level,
        p=2 * float(stdtr(freedom, -abs(value) / error)),
    )
