"""Intervals for shares and for their difference, and the check of a split."""

from __future__ import annotations

import math
from typing import NamedTuple

from relance.uplift.normal import LEVEL, quantile

_EXACT_BELOW = 100  # expected on a side: from there on the chi-square's tail is right


class Interval(NamedTuple):
    """Both ends of an interval, as fractions (0.05 is five points)."""

    low: float
    high: float


def wilson(hits: int, total: int, level: float = LEVEL) -> Interval:
    """The score interval of a share (Wilson 1927, JASA 22:209).

    Of nobody nothing is known: the interval is the whole of 0 to 1. Raises ValueError where
    `hits` is not between 0 and `total`.
    """
    check_share(hits, total)
    return _score(hits, total, level)


def check_share(hits: int, total: int) -> None:
    """Raise ValueError where `hits` is not between 0 and `total`."""
    if not 0 <= hits <= total:
        raise ValueError(f"{hits} of {total} is not a share")


def wilson_of_share(share: float, people: float, level: float = LEVEL) -> Interval:
    """The score interval of a share known as well as from `people`, who need not be whole."""
    return _score(share * people, people, level)


def _score(hits: float, total: float, level: float) -> Interval:
    if total == 0:
        return Interval(0.0, 1.0)
    z2 = quantile(level) ** 2
    middle = hits + z2 / 2
    spread = math.sqrt(z2 * (hits * (total - hits) / total + z2 / 4))
    # with no hits (or only hits) one end is exact; rounding must not push it past the share
    low = (middle - spread) / (total + z2) if hits else 0.0
    high = (middle + spread) / (total + z2) if hits < total else 1.0
    return Interval(low, high)


def newcombe(
    hits: int, total: int, base_hits: int, base_total: int, level: float = LEVEL
) -> Interval:
    """The interval of the difference `hits/total - base_hits/base_total`.

    Two Wilson intervals joined by square-and-add (Newcombe 1998, Stat Med 17:873, method 10).
    It is never empty for 0 hits and never leaves -1 to 1. Of an empty group nothing is known.
    """
    one, base = wilson(hits, total, level), wilson(base_hits, base_total, level)
    if total == 0 or base_total == 0:
        return Interval(-1.0, 1.0)
    return square_and_add(hits / total, one, base_hits / base_total, base)


def square_and_add(p: float, one: Interval, q: float, base: Interval) -> Interval:
    """The interval of `p - q` from the interval of each, as method 10 joins them."""
    down = math.hypot(p - one.low, base.high - q)
    up = math.hypot(one.high - p, q - base.low)
    return Interval(p - q - down, p - q + up)


def split_p(treated: int, holdout: int, share: float) -> float:
    """How surprising the split is if each was held out with probability `share`: a p-value.

    Pearson's chi-square with one degree of freedom (Fabijan et al., KDD 2019, use it for the
    sample ratio mismatch); its tail is `erfc(sqrt(x / 2))`. Where fewer than a hundred are
    expected on a side, its far tail is too thin by half, and twice the smaller binomial tail
    takes its place. Where fewer than five are expected the p-value is 1: so few prove nothing. A
    group that must be empty and is not gives 0.
    """
    total = treated + holdout
    expected = total * share
    if not 0 < share < 1:
        return 1.0 if holdout == round(expected) else 0.0
    if min(expected, total - expected) < 5:
        return 1.0
    if min(expected, total - expected) < _EXACT_BELOW:
        return min(1.0, 2 * _binomial_tail(holdout, total, share))
    chi2 = (holdout - expected) ** 2 * (1 / expected + 1 / (total - expected))
    return math.erfc(math.sqrt(chi2 / 2))


def _binomial_tail(hits: int, total: int, share: float) -> float:
    """The probability of `hits` or more extreme, away from what is expected."""
    step = 1 if hits > total * share else -1
    log_odds = step * (math.log(share) - math.log1p(-share))
    ways = math.lgamma(total + 1) - math.lgamma(hits + 1) - math.lgamma(total - hits + 1)
    term = math.exp(ways + hits * math.log(share) + (total - hits) * math.log1p(-share))
    tail = 0.0
    while term > tail * 1e-17 and 0 <= hits <= total:
        tail += term
        left = total - hits if step > 0 else hits
        hits += step
        gone = hits if step > 0 else total - hits
        term *= left / gone * math.exp(log_odds) if left else 0.0
    return tail
