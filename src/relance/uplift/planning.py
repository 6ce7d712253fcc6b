"""How much a trial can see: entrants needed, the smallest visible difference, and when.

Two-sided 5 % level and 80 % power throughout, the customary pair (Cohen 1988).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from relance.uplift.normal import quantile

ALPHA = 0.05
POWER = 0.8
_Z = quantile(1 - ALPHA)
_Z_POWER = quantile(2 * POWER - 1)
FAR_AWAY = timedelta(days=3653)  # a date further than ten years off helps nobody


def entrants_needed(base: float, rate: float, share: float, alpha: float = ALPHA) -> int:
    """Entrants, both arms together, with which `rate` is told from `base`.

    `share` of them is held out; `alpha` is two-sided. Normal approximation with the pooled rate
    under the null (Fleiss, Levin & Paik 2003, ch. 4, unequal groups). Raises ValueError outside
    (0, 1).
    """
    if not (0 < base < 1 and 0 < rate < 1 and 0 < share < 1):
        raise ValueError("rates and the holdout share lie between 0 and 1, both excluded")
    if base == rate:
        raise ValueError("no number of customers shows a difference of nothing")
    return math.ceil(_load(base, rate, share, quantile(1 - alpha)) / (rate - base) ** 2)


def _load(base: float, rate: float, share: float, z: float = _Z) -> float:
    pooled = share * base + (1 - share) * rate
    null = math.sqrt(pooled * (1 - pooled) * (1 / share + 1 / (1 - share)))
    real = math.sqrt(base * (1 - base) / share + rate * (1 - rate) / (1 - share))
    return (z * null + _Z_POWER * real) ** 2


def visible_difference(base: float, treated: int, holdout: int) -> float | None:
    """The smallest rise over `base` that these groups show with 80 % power, as a fraction.

    None where there is no such rise below 100 %, or nothing to start from.
    """
    if treated == 0 or holdout == 0 or not 0 < base < 1:
        return None
    total, share = treated + holdout, holdout / (treated + holdout)
    low, high = 0.0, (1 - base) * (1 - 1e-9)
    if _load(base, base + high, share) > total * high**2:
        return None
    for _ in range(50):
        middle = (low + high) / 2
        if _load(base, base + middle, share) > total * middle**2:
            low = middle
        else:
            high = middle
    return high


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How a trial fills: the instant of its first entry, now, and the goal's window."""

    began: datetime
    at: datetime
    window: timedelta

    def reaches(self, needed: float, entered: int) -> datetime | None:
        """When `needed` entries will have a closed window, if they go on coming as before.

        None where none came yet, or where it is more than ten years off.
        """
        elapsed = self.at - self.began
        if entered == 0 or elapsed <= timedelta(0):
            return None
        filling = elapsed * (needed / entered)
        if filling > FAR_AWAY:
            return None
        return self.began + filling + self.window
