"""Looking early without fooling oneself: the gated confidence sequence, and the hybrid rule.

A fifth of the error is spent while a trial runs, four fifths at its planned read-out.
"""

from __future__ import annotations

import math

from relance.uplift.estimate import Estimate
from relance.uplift.proportions import Interval

ALPHA = 0.05
EARLY_SHARE = 0.2  # of alpha, for looking every day
READ_OUT_ALPHA = (1 - EARLY_SHARE) * ALPHA
GATE = 5  # hits, and misses, in each arm
ENTRANTS = 5_000  # at which an unplanned sequence is tightest


def early_look(
    hits: int,
    total: int,
    base_hits: int,
    base_total: int,
    *,
    alpha: float,
    entrants: int = ENTRANTS,
) -> Estimate | None:
    """The difference of two shares with an interval that holds at all looks together.

    The asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas,
    arXiv 2103.06476, theorem 2.2): all the intervals that will ever be looked at hold the truth
    at once with probability 1 - `alpha`, and `p` may be looked at every day. It is tightest
    near `entrants` in both arms, a number fixed beforehand. None while the gate is closed:
    before five hits and five misses in each arm the variance is anybody's guess, and the
    sequence would call a quarter of all trials without effect.
    """
    arms = ((hits, total), (base_hits, base_total))
    if any(min(k, n - k) < GATE for k, n in arms):
        return None
    value = hits / total - base_hits / base_total
    error = math.sqrt(sum(k * (n - k) / n**3 for k, n in arms))
    ratio = (total + base_total) * _rho2(alpha, entrants)
    reach = error * math.sqrt(2 * (1 + 1 / ratio) * (math.log1p(ratio) / 2 - math.log(alpha)))
    return Estimate(
        value=value,
        interval=Interval(max(value - reach, -1.0), min(value + reach, 1.0)),
        method="confidence sequence",
        level=1 - alpha,
        p=_anytime_p(value / error, ratio),
    )


def hybrid_p(early: float | None, read_out: float | None) -> float:
    """One p-value of the hybrid rule: at most 5 % when either part has used up its share.

    `early` is the sequence's (None while its gate is closed), `read_out` that of the planned
    read-out (None before it). Each is weighed by its share of alpha, as Bonferroni does; the
    split is Eppo's "sequential hybrid".
    """
    weighed = [1.0]
    if early is not None:
        weighed.append(early / EARLY_SHARE)
    if read_out is not None:
        weighed.append(read_out / (1 - EARLY_SHARE))
    return min(weighed)


def _rho2(alpha: float, entrants: int) -> float:
    """The mixture's variance that is tightest at `entrants` (the same paper, appendix B.2)."""
    budget = -2 * math.log(alpha)
    return (budget + math.log1p(budget)) / entrants


def _anytime_p(z: float, ratio: float) -> float:
    """The level at which the sequence would just touch zero: one over the mixture's martingale."""
    log_p = math.log1p(ratio) / 2 - z * z * ratio / (2 * (1 + ratio))
    return math.exp(min(log_p, 0.0))
