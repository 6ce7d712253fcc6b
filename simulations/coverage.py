"""How often the interval of a difference holds the truth: every table, no chance involved."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import binom

from relance.uplift.proportions import newcombe

SIZES = ((40, 360), (150, 1_350), (500, 4_500))  # held out, treated
BASES = (0.02, 0.05, 0.1, 0.2, 0.3)
UPLIFTS = (-0.2, 0.0, 0.2, 0.5)
NEGLIGIBLE = 1e-7  # probability left out, and counted as missed


def exact(holdout: int, treated: int, base: float, rate: float) -> float:
    """The probability that Newcombe's interval holds `rate - base`: enumerated, not drawn."""
    return sum(
        weight * base_weight
        for base_hits, base_weight in _likely(holdout, base)
        for hits, weight in _likely(treated, rate)
        if (ends := newcombe(hits, treated, base_hits, holdout)).low <= rate - base <= ends.high
    )


def _likely(size: int, rate: float) -> Iterator[tuple[int, float]]:
    hits = np.arange(size + 1)
    weights = binom.pmf(hits, size, rate)
    low, high = binom.ppf([NEGLIGIBLE, 1 - NEGLIGIBLE], size, rate).astype(int)
    return zip(hits[low : high + 1].tolist(), weights[low : high + 1].tolist(), strict=True)


def cases(holdout: int, treated: int) -> list[tuple[int, int, float, float]]:
    """Every base and uplift at one size."""
    return [(holdout, treated, base, base * (1 + up)) for base in BASES for up in UPLIFTS]
