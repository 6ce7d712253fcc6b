"""Three versions of one trigger pooled, each with a small holdout and a base of its own."""

from __future__ import annotations

import numpy as np

from relance.uplift.estimate import Estimate, Withheld
from relance.uplift.pooling import Stratum, inverse_variance, pool

SIZES = ((900, 100), (1_350, 150), (450, 50))  # treated, held out
EFFECT = 0.03


def holds(seed: int) -> tuple[bool, bool]:
    """Whether the pooled interval holds the true effect; and inverse variance's alone."""
    strata = _versions(seed)
    silent = any(hits in (0, total) for one in strata for hits, total in one.arms)
    return _inside(pool(strata)), not silent and _inside(inverse_variance(strata))


def _versions(seed: int) -> list[Stratum]:
    random = np.random.default_rng([20_261_122, seed])
    return [
        Stratum(
            treated_hits=int(random.binomial(treated, base + EFFECT)),
            treated=treated,
            holdout_hits=int(random.binomial(holdout, base)),
            holdout=holdout,
        )
        for (treated, holdout), base in zip(SIZES, random.uniform(0.05, 0.1, 3), strict=True)
    ]


def _inside(found: Estimate | Withheld) -> bool:
    return isinstance(found, Estimate) and found.interval.low <= EFFECT <= found.interval.high
