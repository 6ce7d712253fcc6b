"""Counts, means and squared deviations of one arm: mergeable, and safe for large means."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce


@dataclass(frozen=True, kw_only=True, slots=True)
class Moments:
    """One metric of `n` customers, and the same customers' covariate from before entry.

    `m2` is the sum of squared deviations from `mean`; `cross` the sum of products of both
    deviations. A sum of squares is never kept: near a large mean it has no digits left.
    """

    n: int = 0
    mean: float = 0.0
    m2: float = 0.0
    before: float = 0.0
    before_m2: float = 0.0
    cross: float = 0.0

    @classmethod
    def of_engine(
        cls,
        n: int,
        mean: float | None,
        variance: float | None,
        before: float | None = None,
        before_variance: float | None = None,
        covariance: float | None = None,
    ) -> Moments:
        """From `COUNT, AVG, VAR_SAMP, AVG, VAR_SAMP, COVAR_SAMP`.

        An engine says null for the spread of one row and for the mean of none: both are 0 here.
        """
        spread = max(n - 1, 0)
        return cls(
            n=n,
            mean=mean or 0.0,
            m2=(variance or 0.0) * spread,
            before=before or 0.0,
            before_m2=(before_variance or 0.0) * spread,
            cross=(covariance or 0.0) * spread,
        )

    @classmethod
    def of_values(cls, values: Sequence[float], before: Sequence[float] = ()) -> Moments:
        """From the values themselves, in two passes. `before` is as long, or empty."""
        n = len(values)
        if n == 0:
            return cls()
        earlier = before or (0.0,) * n
        mean, mean_before = math.fsum(values) / n, math.fsum(earlier) / n
        pairs = [(y - mean, x - mean_before) for y, x in zip(values, earlier, strict=True)]
        return cls(
            n=n,
            mean=mean,
            m2=math.fsum(y * y for y, _ in pairs),
            before=mean_before,
            before_m2=math.fsum(x * x for _, x in pairs),
            cross=math.fsum(x * y for y, x in pairs),
        )

    @classmethod
    def of_count(cls, hits: int, n: int) -> Moments:
        """Of a yes-or-no metric: `hits` ones among `n`."""
        return cls(n=n, mean=hits / n, m2=hits * (n - hits) / n) if n else cls()

    @property
    def variance(self) -> float | None:
        """The sample variance; None of fewer than two customers."""
        return self.m2 / (self.n - 1) if self.n > 1 else None

    @property
    def total(self) -> float:
        """The sum of the metric."""
        return self.mean * self.n

    def merged(self, other: Moments) -> Moments:
        """Both together, such as two entry weeks (Chan, Golub & LeVeque 1983, Am Stat 37:242)."""
        n = self.n + other.n
        if n == 0:
            return self
        weight = self.n * other.n / n
        gap, gap_before = other.mean - self.mean, other.before - self.before
        return Moments(
            n=n,
            mean=self.mean + gap * other.n / n,
            m2=self.m2 + other.m2 + gap * gap * weight,
            before=self.before + gap_before * other.n / n,
            before_m2=self.before_m2 + other.before_m2 + gap_before * gap_before * weight,
            cross=self.cross + other.cross + gap * gap_before * weight,
        )

    @property
    def possible(self) -> bool:
        """Whether such customers can exist: no negative count or spread, |correlation| ≤ 1."""
        whole = min(self.n, self.m2, self.before_m2) >= 0
        return whole and self.cross**2 <= self.m2 * self.before_m2 * (1 + 1e-9)

    @property
    def finite(self) -> bool:
        """Whether every sum is a number."""
        sums = (self.mean, self.m2, self.before, self.before_m2, self.cross)
        return all(math.isfinite(one) for one in sums)


def merge(parts: Iterable[Moments]) -> Moments:
    """All parts together; of none, nobody."""
    return reduce(Moments.merged, parts, Moments())
