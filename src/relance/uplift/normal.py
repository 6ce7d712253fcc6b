"""The normal distribution, from the standard library: quantiles, and tails that never vanish."""

from __future__ import annotations

import math
from statistics import NormalDist

LEVEL = 0.95
_STANDARD = NormalDist()


def quantile(level: float) -> float:
    """The normal quantile of a two-sided interval: 1.96 for 0.95."""
    return _STANDARD.inv_cdf(0.5 + level / 2)


def two_sided_p(z: float) -> float:
    """The probability of a standard normal at least as far from 0 as `z`.

    By the complementary error function: `2 * (1 - cdf)` is 0 beyond z = 8.3 and wrong before.
    """
    return math.erfc(abs(z) / math.sqrt(2))


def upper_tail(z: float) -> float:
    """The probability of a standard normal of at least `z`."""
    return math.erfc(z / math.sqrt(2)) / 2
