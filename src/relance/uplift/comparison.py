"""Two shares compared: the ratio with its interval, and the p-value of their being equal."""

from __future__ import annotations

import math
from dataclasses import replace

from relance.uplift.boschloo import boschloo_p
from relance.uplift.estimate import Estimate, Why, Withheld, withheld
from relance.uplift.normal import LEVEL, quantile, two_sided_p
from relance.uplift.proportions import Interval, check_share, newcombe
from relance.uplift.roots import edge

RATIO_NEEDS = 5  # conversions in the holdout; below it a ratio is noise that looks like news
SMALL = 1_000  # customers in both arms; below it the normal approximation is not trusted


def difference(
    hits: int, total: int, base_hits: int, base_total: int, level: float = LEVEL
) -> Estimate | Withheld:
    """`hits/total - base_hits/base_total` with Newcombe's interval."""
    if bad := withheld((hits, total), (base_hits, base_total)):
        return bad
    return Estimate(
        value=hits / total - base_hits / base_total,
        interval=newcombe(hits, total, base_hits, base_total, level),
        method="Newcombe",
        level=level,
    )


def difference_with_p(
    hits: int, total: int, base_hits: int, base_total: int, level: float = LEVEL
) -> Estimate | Withheld:
    """`difference` with the p-value of equality."""
    found = difference(hits, total, base_hits, base_total, level)
    if isinstance(found, Withheld):
        return found
    return replace(found, p=equality_p(hits, total, base_hits, base_total))


def relative(
    hits: int, total: int, base_hits: int, base_total: int, level: float = LEVEL
) -> Estimate | Withheld:
    """The ratio of the two shares with Koopman's interval; 1 is no effect.

    Withheld below `RATIO_NEEDS` conversions in the holdout, the second arm.
    """
    if bad := withheld((hits, total), (base_hits, base_total)):
        return bad
    if base_hits < RATIO_NEEDS:
        return Withheld(why=Why.FEW_CONVERSIONS)
    return Estimate(
        value=(hits / total) / (base_hits / base_total),
        interval=koopman(hits, total, base_hits, base_total, level),
        method="Koopman",
        level=level,
    )


def koopman(
    hits: int, total: int, base_hits: int, base_total: int, level: float = LEVEL
) -> Interval:
    """The score interval of the ratio of two shares: all ratios that the data do not refuse.

    Koopman 1984 (Biometrics 40:513) with Miettinen & Nurminen's factor n/(n - 1) (1985, Stat
    Med 4:213). The upper end is infinite where the base has no hit; of empty groups, or of no
    hit at all, nothing is known. Raises ValueError for more hits than people.
    """
    check_share(hits, total)
    check_share(base_hits, base_total)
    if total == 0 or base_total == 0 or hits == base_hits == 0:
        return Interval(0.0, math.inf)
    n = total + base_total
    limit = quantile(level) ** 2 * n / (n - 1)

    def refused(log_ratio: float) -> bool:
        return _score(hits, total, base_hits, base_total, math.exp(log_ratio)) > limit

    middle = math.log((hits or 0.5) / total) - math.log((base_hits or 0.5) / base_total)
    low = math.exp(edge(refused, middle, -1)) if hits else 0.0
    high = math.exp(edge(refused, middle, +1)) if base_hits else math.inf
    return Interval(low, high)


def _score(hits: int, total: int, base_hits: int, base_total: int, ratio: float) -> float:
    """Koopman's chi-square of a ratio: both shares at their likeliest values under it."""
    a = (total + base_total) * ratio
    b = -(total * ratio + hits + base_total + base_hits * ratio)
    root = math.sqrt(max(b * b - 4 * a * (hits + base_hits), 0.0))
    # the smaller root of the likelihood's quadratic, without its cancellation
    base = min(2 * (hits + base_hits) / (root - b), 1.0)
    return _pearson(hits, total, min(base * ratio, 1.0)) + _pearson(base_hits, base_total, base)


def _pearson(hits: int, total: int, rate: float) -> float:
    if rate <= 0 or rate >= 1:
        return 0.0 if hits == total * rate else math.inf
    return (hits - total * rate) ** 2 / (total * rate * (1 - rate))


def equality_p(hits: int, total: int, base_hits: int, base_total: int) -> float:
    """Two-sided p-value of the two shares being equal.

    Boschloo's exact test (1970, Statistica Neerlandica 24:1) below `SMALL` customers, the score
    test (pooled z) above. 1 where there is nothing to compare: an empty group, no hit, all hits.
    Raises ValueError for more hits than people.
    """
    check_share(hits, total)
    check_share(base_hits, base_total)
    some = min(total, base_total) > 0 and 0 < hits + base_hits < total + base_total
    if some and total + base_total < SMALL:
        return boschloo_p(hits, total, base_hits, base_total)
    return score_p(hits, total, base_hits, base_total)


def score_p(hits: int, total: int, base_hits: int, base_total: int) -> float:
    """Two-sided p-value of the score test (pooled z); `equality_p` says when it may be used."""
    if min(total, base_total) == 0 or not 0 < hits + base_hits < total + base_total:
        return 1.0
    pooled = (hits + base_hits) / (total + base_total)
    error = math.sqrt(pooled * (1 - pooled) * (1 / total + 1 / base_total))
    return two_sided_p((hits / total - base_hits / base_total) / error)
