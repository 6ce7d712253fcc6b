"""An alarm that may be looked at after every customer: two counts, exact at any time.

Whatever the base rate does, without an effect a returning customer is a held-out one with the
probability of the holdout's share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from relance.uplift.estimate import Why, Withheld
from relance.uplift.normal import LEVEL
from relance.uplift.proportions import Interval
from relance.uplift.roots import edge

ALARM_P = 0.01  # at any time ever, one in a hundred triggers without effect
_FAR = 30.0  # the logarithm of a ratio that no data reach
CONCENTRATION = 50.0  # of the mixture: effects looked for are as far from none as 50 counts show


@dataclass(frozen=True, kw_only=True, slots=True)
class TwoCounts:
    """What was counted while one `share` was held out (0 to 1, both excluded).

    Customers who reached the goal, closed window or not; or, for the split, who entered.
    """

    holdout: int
    treated: int
    share: float

    @property
    def possible(self) -> bool:
        """Whether such counts exist, with somebody to be drawn into each arm."""
        return min(self.holdout, self.treated) >= 0 and 0 < self.share < 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """What the counts say. `p` holds at every look together.

    `ratio` is the treated arm's rate over the holdout's, with its 95 % interval at every look
    together; `harm` whether the treated return less, with `p` at most `ALARM_P`.
    """

    p: float
    ratio: Interval
    harm: bool


def alarm(
    periods: Sequence[TwoCounts], *, k: float = CONCENTRATION, level: float = LEVEL
) -> Alarm | Withheld:
    """The two-count test over periods with different shares, whose e-values multiply.

    Lindon & Malek 2022 (NeurIPS, arXiv 2011.03567), multinomial counts under a Dirichlet
    mixture of concentration `k` around the holdout's share.
    """
    if not all(one.possible for one in periods):
        return Withheld(why=Why.IMPOSSIBLE)
    limit = -math.log(1 - level)
    ratio = _ratio(periods, k, limit)
    evidence = sum(_mixture(one, k) - _likelihood(one, 0.0) for one in periods)
    p = math.exp(min(-evidence, 0.0))
    return Alarm(p=p, ratio=ratio, harm=p <= ALARM_P and ratio.high < 1)


def split_alarm(entered: TwoCounts) -> float | Withheld:
    """The p-value of the split that may be looked at after every entry."""
    found = alarm([entered])
    return found if isinstance(found, Withheld) else found.p


def holdout_share(
    entered: TwoCounts, *, k: float = CONCENTRATION, level: float = LEVEL
) -> Interval | Withheld:
    """Every share held out that the counts allow, in an interval valid at every look together."""
    if not entered.possible:
        return Withheld(why=Why.IMPOSSIBLE)
    low, high = _ratio([entered], k, -math.log(1 - level))
    odds = entered.share / (1 - entered.share)
    return Interval(odds / (odds + high), odds / (odds + low))


def _mixture(one: TwoCounts, k: float) -> float:
    a, b = k * one.share, k * (1 - one.share)
    return _log_beta(a + one.holdout, b + one.treated) - _log_beta(a, b)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _likelihood(one: TwoCounts, log_ratio: float) -> float:
    """Of the counts, where a counted one is held out with odds share : (1 - share) × ratio."""
    held, other = math.log(one.share), math.log1p(-one.share) + log_ratio
    top = max(held, other)
    total = top + math.log(math.exp(held - top) + math.exp(other - top))
    return one.holdout * (held - total) + one.treated * (other - total)


def _ratio(periods: Sequence[TwoCounts], k: float, limit: float) -> Interval:
    """Every ratio of rates against which the evidence stays below `limit`.

    Everything, where nothing was counted or where no one ratio fits all periods.
    """
    held, treated = sum(one.holdout for one in periods), sum(one.treated for one in periods)
    middle = _likeliest(periods, treated)

    least = sum(_mixture(one, k) for one in periods) - limit

    def refused(log_ratio: float) -> bool:
        return sum(_likelihood(one, log_ratio) for one in periods) < least

    if held + treated == 0 or refused(middle):
        return Interval(0.0, math.inf)
    low = math.exp(edge(refused, middle, -1)) if treated else 0.0
    high = math.exp(edge(refused, middle, +1)) if held else math.inf
    return Interval(low, high)


def _likeliest(periods: Sequence[TwoCounts], treated: int) -> float:
    """The logarithm of the ratio under which as many treated are expected as were counted."""

    def too_many(log_ratio: float) -> bool:
        return sum(_expected(one, log_ratio) for one in periods) > treated

    return edge(too_many, -_FAR, +1) if too_many(_FAR) else _FAR


def _expected(one: TwoCounts, log_ratio: float) -> float:
    odds = (1 - one.share) / one.share * math.exp(log_ratio)
    return (one.holdout + one.treated) * odds / (1 + odds)
